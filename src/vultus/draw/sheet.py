"""Many faces on one sheet, with a line under each."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from vultus.draw import text
from vultus.draw.marks import checked, rounded
from vultus.errors import InputError
from vultus.types import Image

__all__ = ["sheet"]

_PAPER, _BED, _LETTERS = (250, 250, 252), (228, 229, 233), (40, 42, 48)


def sheet(crops: Sequence[Image], captions: Sequence[str] = (), columns: int | None = None, side: int = 112) -> Image:
    """A contact sheet: the crops in rows, each fitted into a square of `side` pixels over its caption.

    captions: one a crop, or none at all. columns: None makes the sheet about as wide as high.
    Refused (InputError): no crops, captions of another number, columns below 1, side below 16.

    >>> sheet([np.zeros((50, 50, 3), np.uint8)] * 5, list("abcde"), columns=3, side=64).shape
    (198, 240, 3)
    """
    if not len(crops):
        raise InputError("expected at least one crop to put on the sheet, got none")
    if len(captions) not in (0, len(crops)):
        raise InputError(f"expected a caption for each of {len(crops)} crops or none, got {len(captions)}")
    if columns is not None and columns < 1:
        raise InputError(f"expected at least 1 column, got {columns}")
    if side < 16:
        raise InputError(f"expected squares of 16 pixels or more, got {side}")
    columns = min(columns or math.ceil(math.sqrt(len(crops))), len(crops))
    gap, size = max(4, round(side * 0.18)), max(11, round(side * 0.125))
    caption = text.line_height(size) + gap // 4 if captions else 0
    rows = math.ceil(len(crops) / columns)
    paper = np.empty((gap + rows * (side + caption + gap), gap + columns * (side + gap), 3), np.uint8)
    paper[:] = _PAPER
    window = rounded(side, side, max(2, side // 16))
    for at, crop in enumerate(crops):
        x = gap + at % columns * (side + gap)
        y = gap + at // columns * (side + caption + gap)
        tile = _fitted(checked(crop), side)
        share = window[..., None] / np.float32(255)
        below = paper[y : y + side, x : x + side]
        paper[y : y + side, x : x + side] = np.rint(below + (tile - below.astype(np.float32)) * share).astype(np.uint8)
        if captions and (line := text.shorten(text.legible(captions[at]), size, side)):
            ink = text.mask(line, size)
            text.blend(paper, ink, x + (side - ink.shape[1]) // 2, y + side + gap // 4, _LETTERS, 1.0)
    return paper


def _fitted(crop: Image, side: int) -> Image:
    """The crop as large as a square holds it, its shape kept."""
    scale = side / max(crop.shape[:2])
    height, width = (max(1, round(length * scale)) for length in crop.shape[:2])
    small = cv2.resize(crop, (width, height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    tile = np.empty((side, side, 3), np.uint8)
    tile[:] = _BED
    top, left = (side - height) // 2, (side - width) // 2
    tile[top : top + height, left : left + width] = small
    return tile
