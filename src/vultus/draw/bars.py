"""A bar a name beside each face: how probable each of a few answers is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from vultus.draw import text
from vultus.draw.frames import SHADE, draw_frame
from vultus.draw.marks import checked, rounded
from vultus.draw.plates import place
from vultus.types import Box, Image

__all__ = ["Bars", "annotate_bars"]

_PAPER, _FADED, _LEAD = (24, 25, 30), (150, 155, 164), (255, 255, 255)
_BAR, _BAR_LEAD, _BED = (112, 150, 180), (230, 159, 0), (62, 65, 73)


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """What to draw for one face."""

    box: Box
    values: Mapping[str, float] = field(default_factory=dict)  # name to share, 0 to 1; empty: only the note
    note: str = ""  # said in the place of bars, or above them


def annotate_bars(image: Image, faces: Iterable[Bars]) -> Image:
    """A copy of the picture with a frame around each face and its bars on a plate beside it.

    The largest bar is orange. Plates stay in the picture and, where there is room, off the
    faces and off each other; where a picture has no room for one, a frame alone is drawn.
    Refused (InputError): a picture that is not RGB uint8 (H, W, 3).

    >>> picture = np.full((200, 300, 3), 90, np.uint8)
    >>> drawn = annotate_bars(picture, [Bars(Box(40, 40, 120, 140), {"happy": 0.75, "sad": 0.25})])
    >>> drawn.shape, bool((picture == 90).all()), bool((drawn == 230).any())
    ((200, 300, 3), True, True)
    """
    canvas = checked(image).copy()
    size_wh = (canvas.shape[1], canvas.shape[0])
    shown = [(face, face.box.clip(size_wh)) for face in faces]
    shown = [(face, frame) for face, frame in shown if frame.area > 0]
    frames = [frame for _, frame in shown]
    line = max(1, round(min(size_wh) / 320))
    plates: list[Box] = []
    for face, frame in shown:
        draw_frame(canvas, frame, "face" if face.values else "rejected", line)
    for at, (face, frame) in enumerate(shown):
        for size in _sizes(frame, size_wh):
            plate = _plate(face, size)
            if plate.shape[1] <= size_wh[0] and plate.shape[0] <= size_wh[1]:
                others = frames[:at] + frames[at + 1 :]
                box = place((plate.shape[1], plate.shape[0]), frame, others, plates, size_wh, 2 * line)
                _lay(canvas, plate, box, size)
                plates.append(box)
                break
    return canvas


def _sizes(frame: Box, size_wh: tuple[int, int]) -> tuple[int, ...]:
    """Heights of letters in pixels, the best first."""
    wanted = max(min(frame.height / 9, min(size_wh) / 22, 26.0), 10.0)
    return tuple(dict.fromkeys((round(wanted), max(round(wanted * 0.75), 10), 10)))


def _plate(face: Bars, size: int) -> Image:
    """The bars with names and per cent, or the note, on a dark plate (H, W, 3)."""
    pad, row = max(4, size // 2), text.line_height(size)
    note = text.shorten(text.legible(face.note), size, 22 * size) if face.note else ""
    if not face.values:
        note = note or "no answer"
    names = [text.legible(name) for name in face.values]
    wide = max((text.width(name, size) for name in names), default=0)
    share, length = text.width("100 %", size), 5 * size
    width = 2 * pad + max(text.width(note, size), wide + length + share + 2 * pad if names else 0)
    height = 2 * pad // 2 + row * (len(names) + bool(note)) + pad // 2
    plate = np.empty((height, width, 3), np.uint8)
    plate[:] = _PAPER
    y = pad // 2 + pad // 4
    if note:
        text.blend(plate, text.mask(note, size), pad, y, _FADED, 1.0)
        y += row
    most = max(face.values, key=lambda name: face.values[name], default=None)
    for name, value in face.values.items():
        lead = name == most
        ink = text.mask(text.legible(name), size, 600 if lead else 400)
        text.blend(plate, ink[:, : wide + pad], pad, y, _LEAD if lead else _FADED, 1.0)
        x, top, thick = 2 * pad + wide, y + row // 4, max(row // 2, 3)
        plate[top : top + thick, x : x + length] = _BED
        plate[top : top + thick, x : x + max(round(value * length), 1)] = _BAR_LEAD if lead else _BAR
        said = text.mask(f"{value:.0%}".replace("%", " %"), size, 600 if lead else 400)
        text.blend(plate, said, width - pad - said.shape[1], y, _LEAD if lead else _FADED, 1.0)
        y += row
    return plate


def _lay(canvas: Image, plate: Image, box: Box, size: int) -> None:
    x, y, right, bottom = box.round()
    radius = size // 3
    text.blend(canvas, rounded(right - x + 2, bottom - y + 2, radius + 1), x - 1, y - 1, SHADE, 0.5)
    cover = rounded(right - x, bottom - y, radius)[..., None] / np.float32(255)
    below = canvas[y:bottom, x:right].astype(np.float32)
    canvas[y:bottom, x:right] = np.rint(below + (plate - below) * cover).astype(np.uint8)
