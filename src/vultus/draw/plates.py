"""Where a label goes: inside the picture, off the faces and off the other labels."""

from __future__ import annotations

from collections.abc import Sequence

from vultus.types import Box

__all__ = ["place"]

# How much worse than one pixel of bare background it is to cover one pixel of ...
_OWN_FACE, _OTHER_FACE, _PLATE = 2.0, 6.0, 12.0


def place(
    plate_wh: tuple[int, int],
    face: Box,
    others: Sequence[Box],
    plates: Sequence[Box],
    size_wh: tuple[int, int],
    gap: int,
) -> Box:
    """The best place beside a face for a plate of that size, whole in the picture if it fits there.

    Tried in this order, the first of equals wins: above, below, inside at the top, inside
    at the bottom, at the right, at the left, a line further off; flush with the left edge, then with the right.
    others: boxes of the other faces; plates: labels that stand already.
    """
    width, height = plate_wh
    left, right = face.x1, face.x2 - width
    above, below = face.y1 - gap - height, face.y2 + gap
    top, bottom = face.y1 + gap, face.y2 - gap - height
    corners = [(left, above), (right, above), (left, below), (right, below)]
    corners += [(left + gap, top), (left + gap, bottom)]
    corners += [(face.x2 + gap, face.y1), (face.x2 + gap, face.y2 - height)]
    corners += [(face.x1 - gap - width, face.y1), (face.x1 - gap - width, face.y2 - height)]
    candidates = [_inside(x, y, plate_wh, size_wh) for x, y in corners]
    corners += [(left, above - height - gap), (left, below + height + gap)]
    area = width * height

    def cost(rank: int) -> float:
        plate = candidates[rank]
        covered = _OWN_FACE * _shared(plate, face)
        covered += sum(_OTHER_FACE * _shared(plate, box) for box in others)
        covered += sum(_PLATE * _shared(plate, box) for box in plates)
        return covered + 0.01 * rank * area

    return candidates[min(range(len(candidates)), key=cost)]


def _inside(x: float, y: float, plate_wh: tuple[int, int], size_wh: tuple[int, int]) -> Box:
    x = round(max(0, min(x, size_wh[0] - plate_wh[0])))
    y = round(max(0, min(y, size_wh[1] - plate_wh[1])))
    return Box(x, y, x + plate_wh[0], y + plate_wh[1])


def _shared(a: Box, b: Box) -> float:
    return max(0.0, min(a.x2, b.x2) - max(a.x1, b.x1)) * max(0.0, min(a.y2, b.y2) - max(a.y1, b.y1))
