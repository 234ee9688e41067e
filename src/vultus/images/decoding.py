"""From bytes, Pillow pictures and arrays to RGB pixels.

A plain JPEG goes to OpenCV, everything else to Pillow's plugins, each called by name so
that only the formats we promise can run and Pillow's process-wide settings play no part.
Reasons are given without the source's name; the caller, who knows it, puts it in front.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np
import PIL.Image
from numpy.typing import NDArray
from PIL import (
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)
from PIL.ImageFile import ImageFile

from vultus.errors import ImageFormatError, ImageTooLargeError, MissingExtraError
from vultus.images.arrays import check_pixels, from_array, on_white, upright
from vultus.images.formats import HEAD_BYTES, JpegHeader, jpeg_header, orientation, sniff, webp_size
from vultus.types import Image

__all__ = ["decode", "from_picture"]

_OPEN: dict[str, Callable[[io.BytesIO, str], ImageFile]] = {
    "BMP": BmpImagePlugin.BmpImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "JPEG": JpegImagePlugin.JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
}

# What Pillow's and libheif's parsers raise on broken files; Warning for callers who turn warnings into errors.
_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    EOFError,
    RuntimeError,
    struct.error,
    Warning,
)
_TOO_LARGE = (PIL.Image.DecompressionBombError, PIL.Image.DecompressionBombWarning, MemoryError)

_REDUCED = {
    2: cv2.IMREAD_REDUCED_COLOR_2 & ~cv2.IMREAD_COLOR_BGR,
    4: cv2.IMREAD_REDUCED_COLOR_4 & ~cv2.IMREAD_COLOR_BGR,
    8: cv2.IMREAD_REDUCED_COLOR_8 & ~cv2.IMREAD_COLOR_BGR,
}
# Entropy-coded bytes that mean nothing, each run closed by one of the eight restart markers, since a decoder
# that waits for one passes over everything before it.
_FILLER = b"".join(bytes(range(1, 255)) + bytes([0xFF, 0xD0 + number]) for number in range(8)) * 2

_BITS, _TILE_WIDTH, _TILE_LENGTH = 258, 322, 323  # TIFF tags


def decode(data: bytes, *, pixels: int, at_least: int | None = None) -> Image:
    """RGB pixels (H, W, 3) of an encoded picture, upright, its first frame if it moves.

    pixels: limit, checked on the header before anything is decoded. at_least: long side that
    is enough, see `vultus.images.read`.
    Refused: bytes that are no picture or a broken one (ImageFormatError), too many pixels
    (ImageTooLargeError), HEIF without its library (MissingExtraError).
    """
    kind = sniff(data[:HEAD_BYTES])
    with _parsing(f"the {kind}"):
        if kind == "JPEG":
            return _jpeg(data, pixels, at_least)
        if kind in _OPEN:
            return _by_pillow(kind, data, pixels)
        if kind == "HEIF":
            return _heif(data, pixels)
    wanted = "expected a JPEG, PNG, WebP, BMP, TIFF, GIF or HEIF picture"
    if not data:
        raise ImageFormatError(f"{wanted}, got an empty file")
    raise ImageFormatError(f"{wanted}, got {kind or f'content that starts with {data[:12]!r}'}; convert it first")


def from_picture(picture: PIL.Image.Image, *, pixels: int) -> Image:
    """RGB pixels (H, W, 3) of a Pillow picture's current frame, upright by its EXIF.

    Refused: a broken file behind it, and modes without a stated range, such as 32-bit integers
    and floats outside 0 to 1 (ImageFormatError), too many pixels (ImageTooLargeError).
    """
    with _parsing("the picture"):
        check_pixels(picture.size, pixels)
        picture.load()
        return upright(_rgb(picture), picture.getexif().get(ExifTags.Base.Orientation, 1))


@contextmanager
def _parsing(what: str) -> Iterator[None]:
    """Turn what the libraries raise on bad files into our reasons."""
    try:
        yield
    except _TOO_LARGE as error:
        raise ImageTooLargeError(
            f"decoding it takes too much memory ({str(error) or type(error).__name__}); make it smaller"
        ) from error
    except _BROKEN as error:
        raise ImageFormatError(
            f"{what} is broken or truncated ({str(error) or type(error).__name__}); get the whole file"
        ) from error


def _rgb(picture: PIL.Image.Image) -> Image:
    """RGB pixels of a loaded picture, as it lies."""
    if picture.mode.startswith("I;16"):
        bits = picture.tag_v2.get(_BITS, (16,))[0] if isinstance(picture, TiffImagePlugin.TiffImageFile) else 16
        return from_array(np.asarray(picture), white=(1 << bits) - 1)
    if picture.mode == "I":
        raise ImageFormatError("expected 8 or 16 bits a channel, got 32-bit integers, which have no stated white")
    if picture.mode == "F":
        return from_array(np.asarray(picture))
    if picture.has_transparency_data:
        picture = on_white(picture.convert("RGBA"))
    elif picture.mode != "RGB":
        picture = picture.convert("RGB")
    return np.array(picture)


def _jpeg(data: bytes, pixels: int, at_least: int | None) -> Image:
    header = jpeg_header(data)
    check_pixels(header.size_wh, pixels)
    image = _plain_jpeg(data, header, at_least) if header.plain else _rgb(_opened("JPEG", data, pixels))
    return upright(image, header.orientation)


def _plain_jpeg(data: bytes, header: JpegHeader, at_least: int | None) -> Image:
    """Decode by OpenCV, at 1/2, 1/4 or 1/8 where that keeps the long side `at_least`."""
    fits = [by for by in _REDUCED if at_least is not None and max(header.size_wh) // by >= at_least]
    flags = (_REDUCED[max(fits)] if fits else 0) | cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    image: Image | None = _imdecode(data, flags)
    width, height = header.size_wh
    if image is None or (not fits and image.shape[:2] != (height, width)):
        raise ImageFormatError("the JPEG is broken or truncated; get the whole file")
    if (image[-1, -1] == 128).all() and not _filled(data, header.end):
        raise ImageFormatError("the JPEG is truncated, its lower part is missing; get the whole file")
    return image


def _filled(data: bytes, end: int) -> bool:
    """Whether the data reaches to the last block of a JPEG that ends in mid-grey.

    Blocks without data come out as exactly 128, also where somebody closed half a file with a
    fresh end marker. Bytes before that marker are surplus in a whole file and change nothing.
    Asked of Pillow, because OpenCV's decoder would print about the surplus.
    """
    surplus = data[:end] + _FILLER + data[end:]
    one, other = (np.asarray(JpegImagePlugin.JpegImageFile(io.BytesIO(each), "")) for each in (data, surplus))
    return np.array_equal(one, other)


def _imdecode(data: bytes, flags: int) -> Any:
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        return None


def _opened(kind: str, data: bytes, pixels: int) -> ImageFile:
    """The Pillow file, loaded; its size is checked in between."""
    if kind == "WEBP":
        check_pixels(webp_size(data), pixels)
    picture = _OPEN[kind](io.BytesIO(data), "")
    check_pixels(picture.size, pixels)
    if isinstance(picture, TiffImagePlugin.TiffImageFile):
        tags = picture.tag_v2
        check_pixels((tags.get(_TILE_WIDTH, 1), tags.get(_TILE_LENGTH, 1)), pixels)
        guard = PIL.Image.MAX_IMAGE_PIXELS  # read, never set: it is the whole process's
        if guard is not None and picture.width * picture.height > guard:
            raise ImageTooLargeError(f"Pillow reads a TIFF of at most {guard} pixels here (PIL.Image.MAX_IMAGE_PIXELS)")
    picture.load()
    return picture


def _by_pillow(kind: str, data: bytes, pixels: int) -> Image:
    picture = _opened(kind, data, pixels)
    deep = _sixteen_bits(kind, data, picture)
    image = _rgb(picture) if deep is None else from_array(deep)
    exif = picture.info.get("exif", b"")
    if kind == "TIFF" or not isinstance(exif, bytes):  # Pillow has turned a TIFF while loading it
        return image
    return upright(image, orientation(exif))


def _sixteen_bits(kind: str, data: bytes, picture: ImageFile) -> NDArray[np.uint16] | None:
    """The full values of a 16-bit colour picture, of which Pillow keeps the high bytes.

    They are taken only where those high bytes agree with Pillow's pixels, which leaves out what
    the two libraries read differently (separate planes, premultiplied alpha). Both turn a TIFF
    by its orientation, and neither turns a PNG.
    """
    if picture.mode not in ("RGB", "RGBA"):
        return None
    if isinstance(picture, TiffImagePlugin.TiffImageFile):
        if picture.tag_v2.get(_BITS, (8,))[0] != 16:
            return None
    elif kind != "PNG" or data[24] != 16 or "transparency" in picture.info:
        return None
    deep: NDArray[np.uint16] | None = _imdecode(data, cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION)
    if deep is None or deep.dtype != np.uint16 or deep.ndim != 3:
        return None
    deep = cv2.cvtColor(deep, cv2.COLOR_BGRA2RGBA if deep.shape[2] == 4 else cv2.COLOR_BGR2RGB)
    return deep if np.array_equal(deep >> 8, np.asarray(picture)) else None


def _heif(data: bytes, pixels: int) -> Image:
    try:
        import pillow_heif
    except ImportError as error:
        raise MissingExtraError("reading HEIF needs a library; run: pip install 'vultus[heif]'") from error
    file = pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=True)
    check_pixels(file.size, pixels)
    return _rgb(file.to_pillow())  # the library has turned it already
