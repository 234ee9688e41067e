"""What is read of a deep mark: how far each place is from the pattern that must be there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vultus.integrity.marks.revealed.pattern import CELL, Bits, Planes, spread
from vultus.types import Image

__all__ = ["apart", "as_picture", "block_errors", "cell_errors", "revealed"]


def revealed(logits: Planes) -> Planes:
    """Logits to the probability that a pixel of the pattern is 1."""
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -30, 30))), np.float32)


def apart(shown: Planes, bits: Bits) -> Planes:
    """|shown - expected|, 0 to 1, (3, H, W)."""
    return np.asarray(np.abs(shown - spread(bits)), np.float32)


def cell_errors(apart: Planes) -> NDArray[np.float32]:
    """Mean distance of each cell, (rows, columns)."""
    return block_errors(apart, CELL)


def block_errors(apart: Planes, block: int) -> NDArray[np.float32]:
    """Mean distance of each whole block of so many pixels a side."""
    rows, columns = apart.shape[1] // block, apart.shape[2] // block
    whole = apart[:, : rows * block, : columns * block].reshape(3, rows, block, columns, block)
    return np.asarray(whole.mean(axis=(0, 2, 4)), np.float32)


def as_picture(shown: Planes) -> Image:
    """The revealed pattern for people to look at, (H, W, 3)."""
    return np.ascontiguousarray(np.rint(shown * 255).astype(np.uint8).transpose(1, 2, 0))
