"""A picture onto the disk: whole or not at all."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import PIL.Image

from vultus.errors import InputError
from vultus.files import write_atomically
from vultus.types import Image

__all__ = ["write"]

_ENCODERS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP"}


def write(path: str | os.PathLike[str], image: Image, quality: int = 95) -> Path:
    """Encode an RGB picture by its path's suffix (.jpg, .jpeg, .png, .webp) and return the path.

    Folders on the way are made. The file appears by rename, so that readers see the old one or
    the new one. quality: 1 to 100, of JPEG and WebP; PNG loses nothing.
    Refused: another suffix, shape, kind or quality, a picture too large for the format
    (InputError); a full disk or a folder that cannot be written (StorageError).
    """
    path = Path(path)
    kind = _ENCODERS.get(path.suffix.lower())
    if kind is None:
        raise InputError(f"{path}: expected a name ending in {', '.join(_ENCODERS)}, got {path.suffix!r}")
    if not 1 <= quality <= 100:
        raise InputError(f"{path}: expected a quality of 1 to 100, got {quality}")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise InputError(f"{path}: expected RGB uint8 (H, W, 3), got {image.dtype} {image.shape}")
    encoded = io.BytesIO()
    try:
        PIL.Image.fromarray(image).save(encoded, kind, **({} if kind == "PNG" else {"quality": quality}))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: a picture of shape {image.shape} cannot be saved as {kind} ({error})") from error
    write_atomically(path, encoded.getbuffer())
    return path
