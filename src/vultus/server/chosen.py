"""Which galleries something was switched on for, in a small file of the server."""

from __future__ import annotations

import json
import threading
from pathlib import Path

from vultus.errors import StorageError
from vultus.files import write_atomically

__all__ = ["Chosen"]


class Chosen:
    """Names of galleries; safe for threads.

    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> doors = Chosen(Path(folder.name) / "live.json")
    >>> doors.choose("staff", True)
    >>> Chosen(Path(folder.name) / "live.json").has("staff"), doors.has("visitors")
    (True, False)
    >>> folder.cleanup()
    """

    def __init__(self, path: Path) -> None:
        """Read the file. Refused (StorageError): one that cannot be read, since a switch must not go off by itself."""
        self._path = path
        self._lock = threading.Lock()
        try:
            stored = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
            if not isinstance(stored, list):
                raise ValueError("expected a list of names")
            self._names = frozenset(str(name) for name in stored)
        except (OSError, ValueError) as error:
            raise StorageError(
                f"the switches in {path} cannot be read ({error}); mend the file, or remove it to switch all off"
            ) from error

    def has(self, gallery: str) -> bool:
        """It is on for this gallery."""
        return gallery in self._names

    def choose(self, gallery: str, on: bool) -> None:
        """Switch it on or off for a gallery."""
        with self._lock:
            names = self._names | {gallery} if on else self._names - {gallery}
            if names == self._names:
                return
            try:
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                write_atomically(self._path, (json.dumps(sorted(names), indent=1) + "\n").encode())
            except OSError as error:
                raise StorageError(f"the switches in {self._path} cannot be written ({error})") from error
            self._names = names
