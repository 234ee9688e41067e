"""Between stored pixels and light from 0 to 1."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.types import Image

__all__ = ["Light", "light_of", "pixels_of"]

Light = NDArray[np.float32]  # (H, W, 3), 0 to 1


def light_of(image: Image) -> Light:
    """Pixels as shares of full scale."""
    return image.astype(np.float32) / np.float32(255)


def pixels_of(light: NDArray[np.floating[Any]]) -> Image:
    """Light as pixels, rounded; what is brighter than full scale is full scale.

    >>> pixels_of(np.array([[[-0.1, 0.5, 2.0]]])).tolist()
    [[[0, 128, 255]]]
    """
    pixels: Image = (np.clip(light, 0, 1) * 255 + 0.5).astype(np.uint8)
    return pixels
