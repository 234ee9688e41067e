"""Pictures and files on their way to a server: found, named, read."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import numpy as np

from vultus import errors
from vultus.images import is_url

if TYPE_CHECKING:
    from vultus.images import Source

__all__ = ["each", "named", "opened"]


def each(images: Source | Iterable[Source]) -> list[Source]:
    """One picture or several; folders become their pictures."""
    from vultus.images import walk

    alone = isinstance(images, str | os.PathLike | bytes | np.ndarray) or hasattr(images, "getexif")
    found: list[Source] = []
    for item in [cast("Source", images)] if alone else cast("Iterable[Source]", images):
        if isinstance(item, str | os.PathLike) and not is_url(item):
            found += walk([item])
        else:
            found.append(item)
    return found


def named(image: Source) -> tuple[str, bytes]:
    """Name and bytes of a picture; arrays and Pillow pictures as PNG, losslessly."""
    from vultus.gallery.faces import to_png
    from vultus.images import read

    if isinstance(image, bytes | bytearray | memoryview):
        return "", bytes(image)
    if isinstance(image, str | os.PathLike):
        path = Path(os.fsdecode(image))
        try:
            return path.name, path.read_bytes()
        except FileNotFoundError as error:
            raise errors.NotFoundError(f"{path}: there is no such file; check the path") from error
        except OSError as error:
            raise errors.InputError(f"{path}: the file cannot be read ({error.strerror})") from error
    return "", to_png(read(np.asarray(image) if isinstance(image, np.ndarray) else image))


def opened(path: str | os.PathLike[str]) -> BinaryIO:
    """A file, to be sent as it is. Refused: none there (NotFoundError), one that cannot be read (InputError)."""
    try:
        return Path(path).open("rb")
    except FileNotFoundError as error:
        raise errors.NotFoundError(f"{path}: there is no such file; check the path") from error
    except OSError as error:
        raise errors.InputError(f"{path}: the file cannot be read ({error.strerror})") from error
