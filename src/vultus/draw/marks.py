"""Marked faces: a frame, a name, a score, readable on any picture and without colour."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from vultus.draw import text
from vultus.draw.frames import INK, SHADE, Colour, Kind, draw_frame, draw_points
from vultus.draw.plates import place
from vultus.errors import InputError
from vultus.types import Box, Image, Landmarks

__all__ = ["Kind", "Mark", "annotate", "checked", "rounded"]

_LONGEST = 26  # a label is at most this many letter heights wide


@dataclass(frozen=True, slots=True, eq=False)
class Mark:
    """What to draw on one face.

    kind: "match" solid with heavy corners, "unknown" dashed, "rejected" dotted (found, but
    not good enough to be compared), "face" solid (found, not compared), "live" green and solid,
    "attack" red in long dashes.
    """

    box: Box
    label: str = ""  # any language; empty and no score: no plate
    kind: Kind = "face"
    score: float | None = None  # shown with two decimals after the label
    landmarks: Landmarks | None = None


@dataclass(frozen=True, slots=True)
class _Scale:
    """Sizes in pixels that go with a picture and its faces."""

    line: int  # width of a frame's line
    letter: int  # height of a letter
    gap: int  # between a frame and its plate


def annotate(image: Image, marks: Iterable[Mark]) -> Image:
    """A copy of the picture with a frame and a label for each mark.

    Frames are cut at the picture's edge; a face wholly outside is not drawn. Labels stay in
    the picture and, where there is room, off faces and off each other; what is too long
    ends in an ellipsis. Refused (InputError): a picture that is not RGB uint8 (H, W, 3), a
    box that is not finite or turned inside out, an unknown kind.

    >>> picture = np.full((120, 160, 3), 90, np.uint8)
    >>> annotated = annotate(picture, [Mark(Box(40, 40, 90, 100), "José", "match", 0.71)])
    >>> annotated.shape, bool((picture == 90).all())
    ((120, 160, 3), True)
    """
    canvas = checked(image).copy()
    size_wh = (canvas.shape[1], canvas.shape[0])
    seen = [(mark, _frame(mark, size_wh)) for mark in marks]
    shown = [(mark, frame) for mark, frame in seen if frame.area > 0]
    if not shown:
        return canvas
    frames = [frame for _, frame in shown]
    scale = _scale(size_wh, frames)
    for mark, frame in shown:
        draw_frame(canvas, frame, mark.kind, scale.line)
        if mark.landmarks is not None:
            draw_points(canvas, mark.landmarks, mark.kind, scale.line)
    plates: list[Box] = []
    for at, (mark, frame) in enumerate(shown):
        if (plate := _plate(mark, scale, size_wh)) is not None:
            name, score, plate_wh = plate
            others = frames[:at] + frames[at + 1 :]
            box = place(plate_wh, frame, others, plates, size_wh, scale.gap)
            _draw_plate(canvas, box, INK[mark.kind], name, score, scale)
            plates.append(box)
    return canvas


def checked(image: Image) -> Image:
    """The picture, if it is one that can be drawn on (InputError)."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise InputError(f"expected an RGB uint8 picture (H, W, 3), got {image.dtype} {image.shape}; use images.read")
    return image


@lru_cache(256)
def rounded(width: int, height: int, radius: int) -> text.Mask:
    """A filled rectangle with round corners, as a mask not to be written into."""
    fine = 4  # drawn four times as large and reduced, for smooth corners
    radius = max(0, min(radius, width // 2, height // 2))
    shape = np.zeros((height * fine, width * fine), np.uint8)
    r = radius * fine
    cv2.rectangle(shape, (r, 0), (width * fine - 1 - r, height * fine - 1), 255, -1)
    cv2.rectangle(shape, (0, r), (width * fine - 1, height * fine - 1 - r), 255, -1)
    for x in (r, width * fine - 1 - r):
        for y in (r, height * fine - 1 - r):
            cv2.circle(shape, (x, y), r, 255, -1)
    smooth = np.asarray(cv2.resize(shape, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    smooth.setflags(write=False)
    return smooth


def _frame(mark: Mark, size_wh: tuple[int, int]) -> Box:
    box = mark.box
    edges = (box.x1, box.y1, box.x2, box.y2)
    if not all(map(math.isfinite, edges)) or box.x2 < box.x1 or box.y2 < box.y1:
        raise InputError(f"expected a box with finite x1 <= x2 and y1 <= y2, got {edges}")
    if mark.kind not in INK:
        raise InputError(f"expected a kind out of {', '.join(INK)}, got {mark.kind!r}")
    return box.clip(size_wh)


def _scale(size_wh: tuple[int, int], frames: Sequence[Box]) -> _Scale:
    """Lines and letters grow with the picture, and shrink where its faces are small."""
    picture = math.sqrt(size_wh[0] * size_wh[1])
    face = float(np.median([min(frame.width, frame.height) for frame in frames]))
    letter = max(min(picture * 0.026, max(face * 0.30, picture * 0.012)), 11.0)
    line = max(1, round(min(max(picture / 400, 2.0), face / 24)))
    return _Scale(line, round(letter), max(2, round(letter * 0.25)))


def _plate(mark: Mark, scale: _Scale, size_wh: tuple[int, int]) -> tuple[str, str, tuple[int, int]] | None:
    """Name, score and size of a mark's label; None where it has none or the picture has no room."""
    size = scale.letter
    pad = _padding(size)
    name, score = text.legible(mark.label), "" if mark.score is None else f"{mark.score:.2f}"
    room = min(size_wh[0], _LONGEST * size) - 2 * pad
    beside = text.width(score, size) + (pad if score and name else 0)
    if name and text.width(name, size, 600) + beside > size_wh[0] - 2 * pad:
        score, beside = "", 0  # the name says more than the score
    name = text.shorten(name, size, room - beside, 600)
    width, height = text.width(name, size, 600) + 2 * pad + beside, text.line_height(size) + 2 * (pad // 3)
    if not (name or score) or width > size_wh[0] or height > size_wh[1]:
        return None
    return name, score, (width, height)


def _padding(size: int) -> int:
    return max(3, round(0.42 * size))


def _draw_plate(canvas: Image, box: Box, colour: Colour, name: str, score: str, scale: _Scale) -> None:
    x, y, right, bottom = box.round()
    size = scale.letter
    radius, edge = round(0.3 * size), max(1, scale.line // 2)
    text.blend(
        canvas, rounded(right - x + 2 * edge, bottom - y + 2 * edge, radius + edge), x - edge, y - edge, SHADE, 0.5
    )
    text.blend(canvas, rounded(right - x, bottom - y, radius), x, y, colour, 1.0)
    letters = (255, 255, 255) if _luminance(colour) < 0.179 else (0, 0, 0)  # above 4.5:1 either way (WCAG 2.1)
    top, pad = y + _padding(size) // 3, _padding(size)
    text.blend(canvas, text.mask(name, size, 600), x + pad, top, letters, 1.0)
    if score:
        ink = text.mask(score, size)
        text.blend(canvas, ink, right - pad - ink.shape[1], top, letters, 0.85)


def _luminance(colour: Colour) -> float:
    """Relative luminance of an sRGB colour, 0 to 1 (WCAG 2.1)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (part / 255 for part in colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
