"""What an administrator wrote about each gallery, in a small file of the server."""

from __future__ import annotations

import json
import threading
from pathlib import Path

from vultus.errors import StorageError
from vultus.files import write_atomically

__all__ = ["LONGEST", "Descriptions"]

LONGEST = 500  # characters


class Descriptions:
    """Texts by gallery; safe for threads.

    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> texts = Descriptions(Path(folder.name) / "galleries.json")
    >>> texts.write("staff", "Doors of the main building")
    >>> Descriptions(Path(folder.name) / "galleries.json").of("staff"), texts.of("visitors")
    ('Doors of the main building', '')
    >>> folder.cleanup()
    """

    def __init__(self, path: Path) -> None:
        """Read the file. Refused (StorageError): one that cannot be read."""
        self._path = path
        self._lock = threading.Lock()
        try:
            stored = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
            self._texts = {str(name): str(text) for name, text in stored.items()}
        except (OSError, ValueError, AttributeError) as error:
            raise StorageError(
                f"the descriptions in {path} cannot be read ({error}); mend or remove the file"
            ) from error

    def of(self, gallery: str) -> str:
        """The text about a gallery; empty when nobody wrote any."""
        return self._texts.get(gallery, "")

    def write(self, gallery: str, text: str) -> None:
        """Keep a text about a gallery; an empty one forgets it."""
        with self._lock:
            texts = {name: kept for name, kept in self._texts.items() if name != gallery}
            if text:
                texts[gallery] = text
            if texts == self._texts:
                return
            body = json.dumps(texts, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
            try:
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                write_atomically(self._path, body.encode())
            except OSError as error:
                raise StorageError(f"the descriptions in {self._path} cannot be written ({error})") from error
            self._texts = texts
