"""The lines around a face: crisp, dark-edged, and different in shape for each kind."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np

from vultus.types import Box, Image, Landmarks

__all__ = ["INK", "SHADE", "Colour", "Kind", "draw_frame", "draw_points"]

Kind = Literal["match", "unknown", "rejected", "face", "live", "attack"]
Colour = tuple[int, int, int]

INK: dict[Kind, Colour] = {  # Okabe and Ito 2008: they differ for every kind of colour blindness
    "match": (0, 114, 178),
    "unknown": (230, 159, 0),
    "rejected": (172, 172, 172),
    "face": (245, 245, 245),
    "live": (0, 158, 115),
    "attack": (213, 94, 0),
}
SHADE: Colour = (14, 14, 18)
_DASH: dict[Kind, tuple[int, int]] = {
    "unknown": (6, 4),
    "rejected": (1, 2),
    "attack": (6, 2),
}  # line widths on and off; else solid

Bar = tuple[int, int, int, int]  # x1, y1, x2, y2 in whole pixels, the last ones not included


def draw_frame(canvas: Image, frame: Box, kind: Kind, line: int) -> None:
    """Draw a frame of that kind just inside the box, lines `line` pixels wide, on the canvas."""
    x1, y1, x2, y2 = frame.round()
    x2, y2 = max(x2, x1 + 1), max(y2, y1 + 1)
    line = max(1, min(line, min(x2 - x1, y2 - y1) // 8))
    edge = max(1, line // 3)
    if min(x2 - x1, y2 - y1) > 6 * (line + edge):
        x1, y1, x2, y2 = x1 + edge, y1 + edge, x2 - edge, y2 - edge
    bars = _corners((x1, y1, x2, y2), line + max(2, line)) if kind not in _DASH else []
    bars += _sides((x1, y1, x2, y2), line + 1 if kind in _DASH else line, _DASH.get(kind))
    for grow, colour in ((edge, SHADE), (0, INK[kind])):
        for left, top, right, bottom in bars:
            canvas[max(0, top - grow) : max(0, bottom + grow), max(0, left - grow) : max(0, right + grow)] = colour


def draw_points(canvas: Image, points: Landmarks, kind: Kind, line: int) -> None:
    """Draw a dot on each point (n, 2) on the canvas; points far outside are left out."""
    height, width = canvas.shape[:2]
    bits, radius = 4, 1.0 + 0.75 * line
    for x, y in np.asarray(points, np.float64).tolist():
        if not (-radius <= x <= width + radius and -radius <= y <= height + radius):
            continue
        at = (round(x * 2**bits), round(y * 2**bits))
        for grow, colour in ((max(1, line // 3), SHADE), (0, INK[kind])):
            cv2.circle(canvas, at, round((radius + grow) * 2**bits), colour, -1, cv2.LINE_AA, bits)


def _corners(frame: Bar, width: int) -> list[Bar]:
    """Heavy corners, flush with the outside, a fifth of the shorter side each way."""
    x1, y1, x2, y2 = frame
    arm = max(width, round(0.2 * min(x2 - x1, y2 - y1)))
    bars = []
    for left in (x1, x2 - arm):
        for top in (y1, y2 - width):
            bars.append((left, top, left + arm, top + width))
    for left in (x1, x2 - width):
        for top in (y1, y2 - arm):
            bars.append((left, top, left + width, top + arm))
    return bars


def _sides(frame: Bar, width: int, dash: tuple[int, int] | None) -> list[Bar]:
    """The four sides, whole or in dashes; a dash stands in every corner."""
    x1, y1, x2, y2 = frame
    bars = []
    for start, stop in _cuts(x1, x2, width, dash):
        bars += [(start, y1, stop, y1 + width), (start, y2 - width, stop, y2)]
    for start, stop in _cuts(y1, y2, width, dash):
        bars += [(x1, start, x1 + width, stop), (x2 - width, start, x2, stop)]
    return bars


def _cuts(start: int, stop: int, width: int, dash: tuple[int, int] | None) -> list[tuple[int, int]]:
    if dash is None:
        return [(start, stop)]
    on, off = dash[0] * width, dash[1] * width
    gaps = round((stop - start - on) / (on + off))
    if gaps < 1:
        return [(start, stop)]
    step = (stop - start - on) / gaps
    return [(start + round(at * step), start + round(at * step) + on) for at in range(gaps + 1)]
