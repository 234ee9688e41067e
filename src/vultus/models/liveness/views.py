"""The two views that the RGB detector looks at: the face in its surroundings, and its skin."""

from __future__ import annotations

import cv2
import numpy as np

from vultus.types import Box, Image

__all__ = ["CLOSE", "SIDE", "WIDE", "room", "views"]

SIDE = 112  # pixels of a view
WIDE, CLOSE = 2.7, 1.1  # side of a view, in longer sides of the face's box


def room(box: Box, size_wh: tuple[int, int]) -> float:
    """How much of the picture there is around a face: the largest square in it, in longer sides of the box.

    >>> room(Box(0, 0, 50, 50), (200, 100))
    2.0
    """
    return min(size_wh) / max(box.width, box.height)


def views(image: Image, box: Box) -> Image:
    """(112, 224, 3): the wide view left, the close one right.

    A view that would reach beyond the picture is moved inside and, where the picture is too
    small for it, narrowed; nothing is made up beyond the edge, since a detector would learn
    what was made up.
    """
    return np.hstack([_square(image, box, times) for times in (WIDE, CLOSE)])


def _square(image: Image, box: Box, times: float) -> Image:
    height, width = image.shape[:2]
    side = max(min(times * max(box.width, box.height), width, height), 1.0)
    x, y = box.centre
    left = min(max(x - side / 2, 0.0), width - side)
    top = min(max(y - side / 2, 0.0), height - side)
    x1, y1, size = round(left), round(top), max(round(side), 1)
    piece = image[y1 : y1 + size, x1 : x1 + size]
    how = cv2.INTER_AREA if size > SIDE else cv2.INTER_LINEAR
    resized: Image = cv2.resize(piece, (SIDE, SIDE), interpolation=how)
    return resized
