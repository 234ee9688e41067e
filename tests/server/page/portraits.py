"""Drawn people for pictures of the page: nobody's face, and each unlike the others to the testing analyzer."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from functools import cache

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw

from vultus.testing import Analyzer
from vultus.types import Box, Face, Image, Vector, unit

__all__ = ["BORDER", "SEEDS", "Reader", "portrait", "sheet"]

BORDER = (254, 255, 253)  # looks white; only this exact colour frames a face
_SIDE = 224
_LINE = 4
_GAP = 26
# Of the numbers from 1 those whose portraits have a cosine of at most 0.23 with all before them.
SEEDS = (1, 2, 4, 6, 10, 18, 41, 44, 53, 195, 287, 309)

Colour = tuple[int, int, int]


class Reader(Analyzer):
    """The testing analyzer for pictures with white borders, which looks at what is not common to all drawn people."""

    def embed(self, aligned: Sequence[Image]) -> Vector:
        return _unlike_others(super().embed(aligned))

    def detect(self, image: Image) -> tuple[Face, ...]:
        framed = (image == np.array(BORDER, dtype=np.uint8)).all(axis=2)
        magenta = np.where(framed[..., None], np.array((255, 0, 255), dtype=np.uint8), np.uint8(120))
        return tuple(
            Face(Box(face.box.x1, face.box.y1, face.box.x2, face.box.y2), face.landmarks, face.score)
            for face in super().detect(np.ascontiguousarray(magenta))
        )


@cache
def _common() -> Vector:
    return Analyzer().embed([_small(portrait(seed)) for seed in range(1000, 1060)]).mean(axis=0)


def _unlike_others(vectors: Vector) -> Vector:
    return unit(vectors - _common(), vectors.shape[1]) if len(vectors) else vectors


def sheet(*faces: Image) -> Image:
    """Portraits side by side on paper, each within its border."""
    step = _SIDE + 2 * _LINE + _GAP
    paper = np.full((_SIDE + 2 * (_LINE + _GAP), len(faces) * step + _GAP, 3), 244, dtype=np.uint8)
    for number, face in enumerate(faces):
        top, left = _GAP, _GAP + number * step
        paper[top : top + _SIDE + 2 * _LINE, left : left + _SIDE + 2 * _LINE] = BORDER
        paper[top + _LINE : top + _LINE + _SIDE, left + _LINE : left + _LINE + _SIDE] = face
    return paper


def portrait(seed: int, mood: int = 0) -> Image:
    """A drawn person, (224, 224, 3); another mood is another picture of the same one."""
    rng = np.random.default_rng(seed)
    small = np.random.default_rng([seed, mood])
    hue = float(rng.uniform())
    back = _colour(hue, rng.uniform(0.25, 0.85), rng.uniform(0.25, 0.98))
    back2 = _colour(hue + rng.uniform(0.1, 0.5), rng.uniform(0.2, 0.8), rng.uniform(0.25, 0.98))
    skin = _skin(rng)
    hair = _pick(
        rng,
        [(34, 26, 24), (74, 48, 32), (120, 78, 42), (196, 156, 92), (150, 62, 34), (150, 150, 156), (226, 222, 214)],
    )
    shirt = _colour(rng.uniform(), rng.uniform(0.3, 0.8), rng.uniform(0.25, 0.9))
    shift = small.normal(0, 2.2, 2)
    scale = 3
    canvas = Pillow.new("RGB", (_SIDE * scale, _SIDE * scale))
    canvas.paste(_gradient(back, back2, rng.integers(4)).resize(canvas.size))
    draw = _Pen(ImageDraw.Draw(canvas), scale, shift)
    long = bool(rng.integers(2))
    width, height = rng.uniform(46, 54), rng.uniform(60, 67)
    face = (112, 112)
    if long:
        draw.ellipse(112, 122, width + 18, height + rng.uniform(24, 40), hair)
    draw.ellipse(112, 250, rng.uniform(86, 104), 70, shirt)
    draw.box(97, 160, 127, 200, _darker(skin, 0.88), 14)
    draw.ellipse(112, 196, 17, 12, _darker(skin, 0.88))
    draw.ellipse(*face, width, height, skin)
    for side in (-1, 1):
        draw.ellipse(112 + side * width, 116, 8, 12, _darker(skin, 0.94))
    _hair(draw, rng, hair, width, height)
    _features(draw, rng, small, skin, hair)
    made = np.asarray(canvas.resize((_SIDE, _SIDE), Pillow.Resampling.LANCZOS)).astype(float)
    made = made * small.uniform(0.93, 1.05) + small.normal(0, 3, (1, 1, 3))
    return np.clip(made, 0, 252).astype(np.uint8)  # never the colour of the border


def _hair(draw: _Pen, rng: np.random.Generator, hair: Colour, width: float, height: float) -> None:
    style = rng.integers(4)
    top = 112 - height
    if style == 0:  # short
        draw.chord(112, 92, width + 4, height - 14, 180, 360, hair)
    elif style == 1:  # a fringe
        draw.chord(112, 100, width + 6, height - 4, 185, 355, hair)
        draw.box(112 - width + 4, 62, 112 + width - 4, 82, hair, 10)
    elif style == 2:  # parted
        draw.chord(104, 94, width + 8, height - 12, 176, 330, hair)
        draw.chord(122, 94, width, height - 12, 215, 366, hair)
    else:  # a bun
        draw.ellipse(112, top - 4, 20, 17, hair)
        draw.chord(112, 92, width + 3, height - 14, 182, 358, hair)


def _features(draw: _Pen, rng: np.random.Generator, small: np.random.Generator, skin: Colour, hair: Colour) -> None:
    apart, eyes = rng.uniform(19, 24), 108.0
    iris = _pick(rng, [(70, 46, 30), (60, 90, 120), (70, 100, 70), (40, 32, 28)])
    for side in (-1, 1):
        x = 112 + side * apart
        draw.ellipse(x, eyes, 8.5, 5.6, (250, 248, 244))
        draw.ellipse(x + small.normal(0, 0.7), eyes, 4.4, 4.6, iris)
        draw.ellipse(x + 1.2, eyes - 1.4, 1.2, 1.2, (255, 253, 250))
        draw.arc(x, eyes - 7, 11, 6, 200, 340, _darker(hair, 0.8), 3.2)
    if rng.uniform() < 0.3:  # glasses
        for side in (-1, 1):
            draw.ring(112 + side * apart, eyes, 15, 12, (44, 44, 52), 2.6)
        draw.box(112 - apart + 15, eyes - 3, 112 + apart - 15, eyes - 0.6, (44, 44, 52), 0)
    draw.arc(112, 124, 7, 9, 20, 160, _darker(skin, 0.72), 3)
    if rng.uniform() < 0.28:  # a beard
        draw.chord(112, 132, 44, 46, 8, 172, _darker(hair, 0.95))
        draw.ellipse(112, 143, 17, 8, skin)
    smile = 7 + small.uniform(-1, 4)
    draw.chord(112, 141, rng.uniform(14, 18), smile, 5, 175, (168, 68, 66))
    for side in (-1, 1):
        draw.ellipse(112 + side * 31, 132, 8, 5.5, _mix(skin, (226, 120, 104), 0.28))


class _Pen:
    """Draws in units of a small picture on a large one, moved a little."""

    def __init__(self, draw: ImageDraw.ImageDraw, scale: int, shift: np.ndarray) -> None:
        self._draw, self._scale, self._shift = draw, scale, shift

    def ellipse(self, x: float, y: float, rx: float, ry: float, fill: Colour) -> None:
        self._draw.ellipse(self._at(x - rx, y - ry, x + rx, y + ry), fill=fill)

    def ring(self, x: float, y: float, rx: float, ry: float, colour: Colour, width: float) -> None:
        self._draw.ellipse(self._at(x - rx, y - ry, x + rx, y + ry), outline=colour, width=round(width * self._scale))

    def chord(self, x: float, y: float, rx: float, ry: float, start: float, end: float, fill: Colour) -> None:
        self._draw.chord(self._at(x - rx, y - ry, x + rx, y + ry), start, end, fill=fill)

    def arc(
        self, x: float, y: float, rx: float, ry: float, start: float, end: float, fill: Colour, width: float
    ) -> None:
        self._draw.arc(
            self._at(x - rx, y - ry, x + rx, y + ry), start, end, fill=fill, width=round(width * self._scale)
        )

    def box(self, x1: float, y1: float, x2: float, y2: float, fill: Colour, radius: float) -> None:
        self._draw.rounded_rectangle(self._at(x1, y1, x2, y2), radius=radius * self._scale, fill=fill)

    def _at(self, x1: float, y1: float, x2: float, y2: float) -> tuple[float, ...]:
        dx, dy = self._shift
        return tuple(value * self._scale for value in (x1 + dx, y1 + dy, x2 + dx, y2 + dy))


def _gradient(first: Colour, second: Colour, turn: int) -> Pillow.Image:
    ramp = np.linspace(0, 1, 64)
    grid = (ramp[None, :] + ramp[:, None]) / 2
    grid = np.rot90(grid, turn)[..., None]
    mixed = np.array(first) * (1 - grid) + np.array(second) * grid
    return Pillow.fromarray(mixed.astype(np.uint8))


def _small(image: Image) -> Image:
    return np.asarray(Pillow.fromarray(image).resize((112, 112), Pillow.Resampling.BILINEAR))


def _skin(rng: np.random.Generator) -> Colour:
    return _pick(rng, [(246, 214, 188), (232, 188, 152), (206, 154, 116), (164, 112, 78), (122, 80, 56), (88, 58, 44)])


def _pick(rng: np.random.Generator, colours: Sequence[Colour]) -> Colour:
    return colours[int(rng.integers(len(colours)))]


def _colour(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, float(saturation), float(value))
    return round(red * 250), round(green * 250), round(blue * 250)


def _darker(colour: Colour, share: float) -> Colour:
    return _mix(colour, (0, 0, 0), 1 - share)


def _mix(first: Colour, second: Colour, share: float) -> Colour:
    red, green, blue = (round(a * (1 - share) + b * share) for a, b in zip(first, second, strict=True))
    return red, green, blue
