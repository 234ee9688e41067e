"""Faces made unrecognisable, by throwing their pixels away."""

from __future__ import annotations

import math
from collections.abc import Iterable

import cv2
import numpy as np

from vultus.draw.marks import checked, rounded
from vultus.errors import InputError
from vultus.types import Box, Image

__all__ = ["blur"]

_CELLS = 4  # colours that a face keeps across and down, whatever its size; with 6 a recogniser beats chance twice over
_MARGIN = 0.25  # of the box, on every side: hair, ears and chin tell a person too


def blur(image: Image, boxes: Iterable[Box]) -> Image:
    """A copy of the picture in which the faces in the boxes cannot be matched any more.

    Each face, with a quarter more on every side, is reduced to 4 x 4 mean colours and drawn
    smoothly from those alone: there is nothing left to sharpen, and a recogniser finds the
    right person no more often than by chance. That hair was dark, or skin fair, still
    shows. The picture around is unchanged and does not leak in. Refused (InputError): a
    picture that is not RGB uint8 (H, W, 3), a box that is not finite or turned inside out.

    >>> noise = np.random.default_rng(0).integers(0, 256, (60, 60, 3), np.uint8)
    >>> hidden = blur(noise, [Box(20, 20, 40, 40)])
    >>> bool(noise[20:40, 20:40].std() > 70), bool(hidden[20:40, 20:40].std() < 10)
    (True, True)
    """
    canvas = checked(image).copy()
    for box in boxes:
        edges = (box.x1, box.y1, box.x2, box.y2)
        if not all(map(math.isfinite, edges)) or box.x2 < box.x1 or box.y2 < box.y1:
            raise InputError(f"expected a box with finite x1 <= x2 and y1 <= y2, got {edges}")
        x, y = _MARGIN * box.width, _MARGIN * box.height
        whole = Box(box.x1 - x, box.y1 - y, box.x2 + x, box.y2 + y)
        wide = whole.clip((canvas.shape[1], canvas.shape[0]))
        left, top, right, bottom = math.floor(wide.x1), math.floor(wide.y1), math.ceil(wide.x2), math.ceil(wide.y2)
        if left < right and top < bottom:
            part = canvas[top:bottom, left:right]
            hidden = _washed(part)
            inside = wide == whole  # at the picture's edge round corners would bare a corner of the face
            cover = rounded(right - left, bottom - top, round(0.2 * min(part.shape[:2])) if inside else 0)
            part[cover > 127] = hidden[cover > 127]
    return canvas


def _washed(face: Image) -> Image:
    """The colours of a few cells, running into each other."""
    height, width = face.shape[:2]
    few = cv2.resize(face, (min(_CELLS, width), min(_CELLS, height)), interpolation=cv2.INTER_AREA)
    wide = cv2.resize(few, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(
        cv2.blur(wide, (1 + width // _CELLS, 1 + height // _CELLS), borderType=cv2.BORDER_REPLICATE), np.uint8
    )
