"""Arrays of pixels: their size, their kind, which way is up, and what lies behind them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import cv2
import numpy as np
import PIL.Image
from numpy.typing import NDArray

from vultus.errors import ImageFormatError, ImageTooLargeError
from vultus.types import Image

__all__ = ["check_pixels", "from_array", "on_white", "upright"]

Level = TypeVar("Level", bound=np.generic)

_TURNS: dict[int, Callable[[Any], Any]] = {  # by EXIF orientation
    2: lambda image: cv2.flip(image, 1),
    3: lambda image: cv2.rotate(image, cv2.ROTATE_180),
    4: lambda image: cv2.flip(image, 0),
    5: cv2.transpose,
    6: lambda image: cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE),
    7: lambda image: cv2.flip(cv2.transpose(image), -1),
    8: lambda image: cv2.rotate(image, cv2.ROTATE_90_COUNTERCLOCKWISE),
}


def check_pixels(size_wh: tuple[int, int], pixels: int) -> None:
    """Refuse an empty picture (ImageFormatError) and one of more than `pixels` (ImageTooLargeError)."""
    width, height = size_wh
    if width < 1 or height < 1:
        raise ImageFormatError(f"expected a picture with pixels in it, got {width} x {height}")
    if width * height > pixels:
        raise ImageTooLargeError(
            f"expected at most {pixels / 1e6:g} megapixels, got {width} x {height} ({width * height / 1e6:.1f}); "
            "make it smaller or raise Limits(pixels=...)"
        )


def from_array(array: NDArray[Any], white: int = 65535) -> Image:
    """RGB pixels (H, W, 3) of an array (H, W), (H, W, 1), (H, W, 3) or RGBA (H, W, 4).

    uint8 is taken as it is, without a copy where it is RGB and contiguous already; uint16 is
    scaled so that `white` becomes 255; floats must be finite and lie in 0 to 1. The channels
    are taken as RGB: whether somebody means BGR cannot be seen. The array is not written to.
    Refused (ImageFormatError): other shapes, kinds and ranges.
    """
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        turn = "; turn it with array.transpose(1, 2, 0)" if array.ndim == 3 and array.shape[0] in (1, 3, 4) else ""
        raise ImageFormatError(f"expected an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), got {array.shape}{turn}")
    if array.size == 0:
        raise ImageFormatError(f"expected a picture with pixels in it, got an array of shape {array.shape}")
    grey = array[..., None] if array.ndim == 2 else array
    eight = _eight_bits(grey, white)
    if eight.shape[2] == 1:
        eight = np.repeat(eight, 3, axis=2)
    elif eight.shape[2] == 4:
        return np.array(on_white(PIL.Image.fromarray(np.ascontiguousarray(eight))))
    return np.ascontiguousarray(eight)


def upright(image: NDArray[Level], turn: int) -> NDArray[Level]:
    """The picture as it is meant to be seen; turn: EXIF orientation, 1 to 8."""
    turned: NDArray[Level] = _TURNS[turn](image) if turn in _TURNS else image
    return turned


def on_white(picture: PIL.Image.Image) -> PIL.Image.Image:
    """An RGBA picture without its transparency."""
    white = PIL.Image.new("RGB", picture.size, "white")
    white.paste(picture.convert("RGB"), mask=picture.getchannel("A"))
    return white


def _eight_bits(array: NDArray[Any], white: int) -> NDArray[np.uint8]:
    if array.dtype == np.uint8:
        return array
    if np.issubdtype(array.dtype, np.uint16):  # either byte order
        levels = np.minimum(np.arange(65536, dtype=np.int64), white)
        scaled: NDArray[np.uint8] = ((levels * 255 + white // 2) // white).astype(np.uint8)[array]
        return scaled
    if not np.issubdtype(array.dtype, np.floating):
        raise ImageFormatError(f"expected uint8, uint16 or floats in 0 to 1, got an array of {array.dtype}")
    low, high = float(array.min()), float(array.max())
    if not (low >= 0 and high <= 1):  # NaN fails both
        raise ImageFormatError(
            f"expected finite floats in 0 to 1, got {low:g} to {high:g}; give uint8 if they mean 0 to 255"
        )
    return np.asarray(np.rint(array * 255), dtype=np.uint8)
