"""A record of how a picture looks: 255 bits that stay nearly the same when it is compressed or resized.

The picture is made grey and 32 x 32; of its cosine transform the 16 x 16 slowest waves are kept without
the mean, and each becomes a bit: above the median of all or not. It is signed along with the hashes, so
that a copy that went through JPEG can still be told from another picture.

What a distance says. Small: the picture looks like the one that was signed, as a whole. It does not say
that nothing was changed: a swapped eye or a morph with a look-alike stays near. Large: it is another
picture, or cropped, turned, or heavily changed. See docs/concepts/document-integrity.md for figures.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vultus.types import Image

__all__ = ["BITS", "distance", "perceptual_record"]

BITS = 255
_SIDE = 32
_WAVES = 16
_DIGITS = (BITS + 1) // 4


def perceptual_record(image: Image) -> str:
    """The record of a picture (H, W, 3), 64 hex digits.

    >>> perceptual_record(np.zeros((40, 30, 3), np.uint8)) == "0" * 64
    True
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    waves = cv2.dct(cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA))[:_WAVES, :_WAVES]
    # Rounded, so that what is flat has no waves, and not those of the arithmetic.
    values = np.round(np.asarray(waves, np.float32), 1).ravel()[1:]
    bits: NDArray[np.bool_] = values > np.median(values)
    return np.packbits(np.append(False, bits)).tobytes().hex()


def distance(first: str, second: str) -> int:
    """How many of the 255 bits differ, 0 to 255; records of two unrelated pictures differ in about half.

    >>> distance("0" * 64, "0" * 63 + "3")
    2
    """
    return (int(first, 16) ^ int(second, 16)).bit_count()
