"""The folder of a gallery: making it, and making what is in it durable."""

from __future__ import annotations

import os
from pathlib import Path

from vultus.errors import GalleryError, NotFoundError, StorageError

__all__ = ["prepare", "sync_folder"]


def prepare(folder: Path, database: str, *, create: bool) -> None:
    """Make the folder, or refuse a path that cannot be a gallery, before anything is written.

    Refused: see `Gallery.open`.
    """
    try:
        if folder.exists() and not folder.is_dir():
            raise GalleryError(f"expected the folder of a gallery, {folder} is a file")
        if (folder / database).is_dir():
            raise GalleryError(f"expected a vultus gallery, {folder / database} is a folder")
        if (folder / database).exists():
            return
        if not create:
            raise NotFoundError(f"expected a gallery at {folder}, there is none; enroll somebody to create it")
        if folder.exists() and any(not entry.name.startswith(".") for entry in folder.iterdir()):
            raise GalleryError(f"expected a gallery or an empty folder, {folder} holds other files")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync_folder(folder.parent)
    except OSError as error:
        raise StorageError(f"{folder} cannot be used ({error.strerror}); choose another place") from error


def sync_folder(folder: Path) -> None:
    """Make a new name in a folder durable, where the system can."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
