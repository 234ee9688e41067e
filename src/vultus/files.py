"""A file onto the disk: whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from vultus.errors import StorageError

__all__ = ["write_atomically"]


def write_atomically(path: Path, data: bytes | memoryview, *, advice: str = "choose another place") -> None:
    """Write a file so that readers see the old one, the new one, or none: never a half.

    Folders on the way are made. Refused (StorageError): a full disk, a folder that cannot be
    written; nothing is left behind. advice: what the message says to do besides freeing space.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_atomically(Path(folder) / "deep" / "file", b"data")
    ...     (Path(folder) / "deep" / "file").read_bytes()
    b'data'
    """
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StorageError(f"could not write {path} ({error.strerror}); free some space or {advice}") from error
