"""The server's own secret, from which keys are hashed and what is kept of answers is sealed."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from vultus.errors import StorageError

__all__ = ["server_secret"]


def server_secret(path: Path) -> bytes:
    """The server's own 32 random bytes, made at the first start, readable by their owner only.

    Refused (StorageError): a file that cannot be written, or that is not one of these.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            kept = path.read_bytes()
            if len(kept) != 32:
                raise StorageError(f"expected 32 bytes in {path}, got {len(kept)}; put the right file back") from None
            return kept
        made = secrets.token_bytes(32)
        with os.fdopen(handle, "wb") as file:
            file.write(made)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise StorageError(f"{path} cannot be used ({error.strerror})") from error
    return made
