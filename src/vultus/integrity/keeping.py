"""Key files: made once, for their owner alone, and read with a word where others may read them too."""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path

from vultus.errors import ConflictError, InputError, NotFoundError, StorageError

__all__ = ["read_key_file", "write_new"]

log = logging.getLogger("vultus.integrity")

_LONGEST = 64 * 1024  # bytes


def read_key_file(path: Path, what: str, *, secret: bool = True) -> bytes:
    """The bytes of a small file. Refused: no such file (NotFoundError), one that cannot be a key (InputError)."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(_LONGEST + 1)
    except FileNotFoundError:
        raise NotFoundError(f"{path}: expected a file with {what}, there is none") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: {what} cannot be read ({getattr(error, 'strerror', None) or error})") from error
    if len(data) > _LONGEST:
        raise InputError(f"{path}: expected {what}, got a file of over {_LONGEST} bytes")
    if secret and os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        log.warning("%s can be read by others than its owner; chmod 600 it", path)
    return data


def write_new(path: Path, data: bytes, what: str, *, mode: int = 0o600) -> None:
    """Write a new file. Refused: one that is there (ConflictError), a place that cannot be written (StorageError)."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        raise ConflictError(f"{path}: expected a new file for {what}; this one is there and stays as it is") from None
    except OSError as error:
        raise StorageError(f"{path}: {what} could not be written ({error.strerror})") from error
