"""How large a picture is when it is upright, from its header alone."""

from __future__ import annotations

from pathlib import Path

import PIL.Image

from vultus.errors import ImageFormatError
from vultus.images.formats import jpeg_header

__all__ = ["size_of"]


def size_of(path: Path) -> tuple[int, int]:
    """Width and height in pixels as the picture is seen. Refused (ImageFormatError): no picture."""
    data = path.read_bytes()
    if data.startswith(b"\xff\xd8\xff"):
        header = jpeg_header(data)
        width, height = header.size_wh
        return (height, width) if header.orientation >= 5 else (width, height)
    try:
        with PIL.Image.open(path) as picture:
            width, height = picture.size
            turn = picture.getexif().get(0x0112, 1)
    except (OSError, ValueError, SyntaxError, PIL.Image.DecompressionBombError) as error:
        raise ImageFormatError(f"{path} is no picture that can be opened ({error})") from error
    return (height, width) if turn in (5, 6, 7, 8) else (width, height)
