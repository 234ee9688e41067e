"""A picture file as it lies: its bytes, and its pixels without anything having been put right.

Pictures elsewhere in vultus are turned upright and converted. Here a signature stands over exactly
what is stored, so EXIF orientation is recorded and not applied, and whatever is not RGB with 8 bits
is told, and converted only where the caller says so.
"""

from __future__ import annotations

import hashlib
import io
import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import PIL.Image
from PIL import (
    BmpImagePlugin,
    ExifTags,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from vultus.errors import ImageFormatError, ImageTooLargeError, InputError
from vultus.images import Limits, from_array
from vultus.images.formats import HEAD_BYTES, sniff
from vultus.types import Image

__all__ = ["Exact", "decode", "encode", "pixel_hash"]

_OPEN: dict[str, Callable[[io.BytesIO], PIL.Image.Image]] = {
    "BMP": BmpImagePlugin.BmpImageFile,
    "JPEG": JpegImagePlugin.JpegImageFile,
    "JPEG 2000": Jpeg2KImagePlugin.Jpeg2KImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
}
_BROKEN = (OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, EOFError, RuntimeError)
_BITS_PER_SAMPLE = 258  # TIFF tag
_MOST_TEXT = 2000  # characters of a text chunk
_LIMITS = Limits()


@dataclass(frozen=True, slots=True, eq=False)
class Exact:
    """One picture file."""

    image: Image  # (H, W, 3), as it lies
    format: str  # PNG, JPEG, JPEG 2000, …
    mode: str  # RGB8, or what it was converted from: RGBA8, L8, RGB16, CMYK8, …
    orientation: int  # EXIF, 1 to 8; not applied
    sha256: str  # of the bytes
    texts: dict[str, str]  # text chunks of a PNG
    lossless: bool


def pixel_hash(image: Image) -> str:
    """SHA-256 of "RGB8", width and height in four bytes each, big-endian, and the rows of pixels, in hex.

    >>> pixel_hash(np.array([[[255, 0, 0], [0, 0, 255]]], np.uint8))
    '934c6af4367e0d82bf3e9049ebede50b3e48025038201d809ae849d50484edd1'
    """
    height, width = image.shape[:2]
    made = hashlib.sha256(b"RGB8" + struct.pack(">II", width, height))
    made.update(np.ascontiguousarray(image).data)
    return made.hexdigest()


def decode(data: bytes, *, convert: bool = False, limits: Limits = _LIMITS) -> Exact:
    """The picture in some bytes. convert: take grey, alpha, 16 bits and CMYK too, as `vultus.images.read` does.

    Refused: no picture, a broken or truncated one (ImageFormatError), one over the limits, which are
    checked before a pixel is decoded (ImageTooLargeError), an animation, and one that is not RGB with 8
    bits without `convert` (InputError).
    """
    if len(data) > limits.bytes:
        raise ImageTooLargeError(f"expected at most {limits.bytes} bytes, got {len(data)}")
    kind = _kind(data)
    if kind is None:
        raise ImageFormatError(
            f"expected a picture ({', '.join(_OPEN)}), got {'an empty file' if not data else 'none'}"
        )
    try:
        picture = _OPEN[kind](io.BytesIO(data))
        width, height = picture.size
        if width * height > limits.pixels:
            raise ImageTooLargeError(f"expected at most {limits.pixels} pixels, got {width} x {height}")
        if getattr(picture, "n_frames", 1) > 1:
            raise InputError("expected one picture, got an animation, of which every program shows something else")
        mode = _mode(picture, data)
        if mode != "RGB8" and not convert:
            raise InputError(f"expected RGB with 8 bits a channel, got {mode}; convert it, or allow it with --convert")
        picture.load()
        image = _rgb(picture)
        orientation = int(picture.getexif().get(ExifTags.Base.Orientation, 1) or 1)
        texts = {str(name): str(text)[:_MOST_TEXT] for name, text in getattr(picture, "text", {}).items()}
    except InputError:
        raise
    except (PIL.Image.DecompressionBombError, PIL.Image.DecompressionBombWarning, MemoryError) as error:
        raise ImageTooLargeError(f"decoding it takes too much memory ({error})") from error
    except _BROKEN as error:
        raise ImageFormatError(f"the {kind} is broken or truncated ({error}); get the whole file") from error
    lossless = kind in ("PNG", "BMP", "TIFF") or (kind == "WEBP" and data[12:16] == b"VP8L")
    return Exact(image, kind, mode, orientation, hashlib.sha256(data).hexdigest(), texts, lossless)


def encode(image: Image, texts: dict[str, str] | None = None) -> bytes:
    """A PNG of the picture, with text chunks."""
    info = PngImagePlugin.PngInfo()
    for name, text in (texts or {}).items():
        info.add_itxt(name, text)
    made = io.BytesIO()
    PIL.Image.fromarray(image).save(made, "PNG", pnginfo=info)
    return made.getvalue()


def _kind(data: bytes) -> str | None:
    if data.startswith((b"\x00\x00\x00\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51")):
        return "JPEG 2000"
    kind = sniff(data[:HEAD_BYTES])
    return kind if kind in _OPEN else None


def _mode(picture: PIL.Image.Image, data: bytes) -> str:
    """The stored channels and bits; Pillow hands 16-bit colour out as 8 bits without a word."""
    if isinstance(picture, PngImagePlugin.PngImageFile):
        bits = 16 if data[24] == 16 else 8
    elif isinstance(picture, TiffImagePlugin.TiffImageFile):
        bits = int(max(picture.tag_v2.get(_BITS_PER_SAMPLE, (8,))))
    else:
        bits = 16 if picture.mode.startswith("I;16") else 8
    name = "L" if picture.mode.startswith("I") else picture.mode
    if name == "RGB" and picture.has_transparency_data:
        name = "RGBA"
    return f"{name}{bits}"


def _rgb(picture: PIL.Image.Image) -> Image:
    if picture.mode.startswith("I"):
        return from_array(np.asarray(picture).astype(np.uint16), white=65535)
    if picture.mode == "RGB" and not picture.has_transparency_data:
        return np.array(picture)
    return from_array(np.asarray(picture.convert("RGBA" if picture.has_transparency_data else "RGB")))
