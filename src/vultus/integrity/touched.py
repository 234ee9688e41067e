"""The map of touched blocks: a picture for people, and boxes for programs."""

from __future__ import annotations

import cv2
import numpy as np

from vultus.integrity.marks import Inspection
from vultus.types import Box, Image

__all__ = ["regions", "touched_map"]

_RED = np.array((220, 30, 30), np.float32)
_MOST = 50


def touched_map(image: Image, mark: Inspection) -> Image:
    """The picture in pale grey, touched blocks in red, and darker where no block reaches; (H, W, 3)."""
    height, width = image.shape[:2]
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    shown = np.repeat((128 + grey / 2)[..., None], 3, axis=2)
    rows, columns = (side * mark.block for side in mark.touched.shape)
    shown[rows:] *= 0.5
    shown[:rows, columns:] *= 0.5
    wrong = np.repeat(np.repeat(mark.touched, mark.block, axis=0), mark.block, axis=1)
    over = np.zeros((height, width), bool)
    over[:rows, :columns] = wrong
    shown[over] = 0.35 * shown[over] + 0.65 * _RED
    return shown.round().astype(np.uint8)


def regions(mark: Inspection) -> tuple[Box, ...]:
    """Boxes around touched blocks that lie together, in pixels, the largest first, at most 50."""
    count, _, stats, _ = cv2.connectedComponentsWithStats(mark.touched.astype(np.uint8), connectivity=8)
    found = sorted(stats[1:count].tolist(), key=lambda row: -row[cv2.CC_STAT_AREA])[:_MOST]
    side = mark.block
    return tuple(Box(x * side, y * side, (x + w) * side, (y + h) * side) for x, y, w, h, _ in found)
