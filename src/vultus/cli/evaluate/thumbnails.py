"""Small pictures for a report."""

from __future__ import annotations

import io
from pathlib import Path

from vultus.report import Picture

__all__ = ["SIDE", "thumbnail"]

SIDE = 160  # pixels of the longer side


def thumbnail(path: Path, alt: str) -> Picture:
    """A picture, made small, as JPEG without anything that the file says about its making.

    Refused (InputError): a picture that cannot be read.
    """
    import PIL.Image

    from vultus import images

    small = PIL.Image.fromarray(images.read(path))
    small.thumbnail((SIDE, SIDE))
    written = io.BytesIO()
    small.save(written, "JPEG", quality=85)
    return Picture(written.getvalue(), alt)
