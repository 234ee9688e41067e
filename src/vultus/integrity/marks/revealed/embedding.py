"""How strongly the residual goes in: as weakly as it is still read, cell by cell.

A residual that is even all over would show first in smooth backgrounds, where it is read best. So it
starts weak, the result is rounded to 8 bits and read back, and around cells that are read badly it grows;
where that alone does not do, mostly in cloth, the photograph's own colour (not its light) is smoothed a
little, since it is taken for the pattern. A network that looks at the photograph is shown what became of
it instead, and adds a little where it is read badly.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vultus.integrity.marks.revealed.networks import hide, show
from vultus.integrity.marks.revealed.pattern import CELL, Bits, Planes, squares
from vultus.integrity.marks.revealed.reading import apart, cell_errors, revealed
from vultus.types import Image

__all__ = ["embedded"]

WEAKEST = 0.45  # of the trained residual: SSIM 0.97 in smooth backgrounds
STRONGEST, STEP = 1.5, 1.25
GOOD = 0.15  # mean distance of a cell from its bits, with which it is read safely
ROUNDS = 10
SMOOTHED_FROM = 0.7  # strength from which colour is smoothed as well
SMOOTHING = 0.34  # a round
COLOURS = (5, 5)  # pixels of the smoothing
MORE, MOST = 0.2, 24  # of the residual that is added at a time, and how often, where the network sees the photograph


def embedded(name: str, image: Image, bits: Bits) -> Image:
    """The photograph (H, W, 3), sides multiples of 8, with the pattern in it; always the same for the same."""
    return _seeing(name, image, bits) if name == "seeing" else _blind(name, image, bits)


def _blind(name: str, image: Image, bits: Bits) -> Image:
    """By a network whose residual is the same for every photograph."""
    height, width = image.shape[:2]
    wave = _residual(name, image, bits)
    cover = image.astype(np.float32)
    colour = _smooth_colour(image) - cover
    strength = np.full((height // CELL, width // CELL), WEAKEST, np.float32)
    smoothing = np.zeros_like(strength)
    for _ in range(ROUNDS):
        sum_ = cover + colour * _spread(smoothing, width, height) + wave * _spread(strength, width, height)
        made = _rounded(sum_)
        near = _badly_read(name, made, bits)
        if not near.any():
            break
        smoothing = np.where(near & (strength >= SMOOTHED_FROM), np.minimum(smoothing + SMOOTHING, 1), smoothing)
        strength = np.where(near, np.minimum(strength * STEP, STRONGEST), strength).astype(np.float32)
    return made


def _seeing(name: str, image: Image, bits: Bits) -> Image:
    """By a network whose residual hangs on the photograph: it sees what it made so far."""
    height, width = image.shape[:2]
    sum_, made = image.astype(np.float32), image
    strength = np.full((height // CELL, width // CELL), WEAKEST, np.float32)
    for _ in range(MOST):
        sum_ += _residual(name, made, bits) * _spread(strength, width, height)
        made = _rounded(sum_)
        near = _badly_read(name, made, bits)
        if not near.any():
            break
        strength = np.where(near, MORE, 0).astype(np.float32)
    return made


def _residual(name: str, image: Image, bits: Bits) -> Planes:
    return hide(name, image, squares(bits)).transpose(1, 2, 0)


def _rounded(levels: Planes) -> Image:
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def _badly_read(name: str, made: Image, bits: Bits) -> NDArray[np.bool_]:
    """Cells that are read badly, and those around them."""
    bad = cell_errors(apart(revealed(show(name, made)), bits)) > GOOD
    return np.asarray(cv2.dilate(bad.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0)


def _smooth_colour(image: Image) -> Planes:
    split = cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb).astype(np.float32)
    split[..., 1:] = cv2.GaussianBlur(split[..., 1:], COLOURS, 0)
    whole = np.clip(np.rint(split), 0, 255).astype(np.uint8)
    return np.asarray(cv2.cvtColor(whole, cv2.COLOR_YCrCb2RGB), np.float32)


def _spread(cells: NDArray[np.float32], width: int, height: int) -> NDArray[np.float32]:
    large = cv2.resize(cells.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(large[..., None], np.float32)
