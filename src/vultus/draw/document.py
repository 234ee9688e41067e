"""A document photo with what was measured on it: eye line, face, head and the cut that a document wants."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from vultus.draw import text
from vultus.draw.frames import INK, SHADE, Colour
from vultus.draw.marks import checked
from vultus.integrity.quality.points import crown_of
from vultus.integrity.quality.values import DocumentQuality
from vultus.types import Image

__all__ = ["annotate_document"]

_EYES, _HEAD, _FACE, _CUT = INK["match"], INK["unknown"], INK["face"], INK["live"]
_PAPER, _LETTERS, _FADED = (24, 25, 30), (255, 255, 255), (168, 172, 180)
_SMALLEST, _LINES = 480, 12  # pixels of the drawn width; lines of advice below the picture

Point = NDArray[np.float64]


def annotate_document(image: Image, quality: DocumentQuality) -> Image:
    """A copy of the picture with its guides drawn, over a strip with the verdict and what to do.

    White: the outline of the face. Blue: the line of the eyes, beside the level one. Orange: crown
    (estimated, hair is not looked at) and chin. Green and dashed: the cut for a document, where the
    picture has room for it. Narrow pictures are enlarged, so that the letters can be read.
    Refused (InputError): a picture that is not RGB uint8 (H, W, 3).
    """
    scale = max(_SMALLEST / checked(image).shape[1], 1.0)
    canvas: Image = image.copy()
    if scale > 1:
        canvas = np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC), np.uint8)
    line = max(1, round(min(canvas.shape[:2]) / 320))
    points = quality.points
    _path(canvas, points.oval * scale, _FACE, line, closed=True)
    _head(canvas, crown_of(points) * scale, points.chin * scale, points.oval * scale, line)
    _eyes(canvas, points.right_eye * scale, points.left_eye * scale, line)
    if quality.crop.inside:
        _cut(canvas, quality.crop.corners * scale - 0.5, line)
    return np.ascontiguousarray(np.vstack([canvas, _strip(quality, canvas.shape[1])]))


def _eyes(canvas: Image, right: Point, left: Point, line: int) -> None:
    """The line through both eyes, a dot on each, and the level line that it should be."""
    across = left - right
    middle, reach = (right + left) / 2, 1.2 * float(np.linalg.norm(across))
    level = np.array([reach, 0.0])
    _dashes(canvas, middle - level, middle + level, _FADED, line)
    _path(canvas, np.stack([middle - 1.2 * across, middle + 1.2 * across]), _EYES, line)
    for eye in (right, left):
        for grow, colour in ((max(1, line // 2), SHADE), (0, _EYES)):
            cv2.circle(canvas, _sixteenths(eye), round((2.0 * line + grow) * 16), colour, -1, cv2.LINE_AA, 4)


def _head(canvas: Image, crown: Point, chin: Point, oval: Point, line: int) -> None:
    """A bar across the head at crown and chin."""
    up = crown - chin
    aside = np.array([-up[1], up[0]]) / max(float(np.linalg.norm(up)), 1e-6)
    half = float(np.abs((oval - oval.mean(axis=0)) @ aside).max())
    for end in (crown, chin):
        _path(canvas, np.stack([end - half * aside, end + half * aside]), _HEAD, line)


def _cut(canvas: Image, corners: NDArray[np.float64], line: int) -> None:
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        _dashes(canvas, start, end, _CUT, line)


def _dashes(canvas: Image, start: Point, end: Point, colour: Colour, line: int) -> None:
    length = float(np.linalg.norm(end - start))
    count = max(math.ceil(length / (12 * line)), 1)
    for at in range(count):
        piece = np.stack([start + (end - start) * share for share in (at / count, (at + 0.55) / count)])
        _path(canvas, piece, colour, line)


def _path(canvas: Image, points: Point, colour: Colour, line: int, *, closed: bool = False) -> None:
    # Far outside, OpenCV's fixed point would overflow.
    whole = np.rint(np.clip(points, -30_000, 30_000) * 16).astype(np.int32)
    for width, ink in ((line + 2 * max(1, line // 2), SHADE), (line, colour)):
        cv2.polylines(canvas, [whole], closed, ink, width, cv2.LINE_AA, 4)


def _sixteenths(point: Point) -> tuple[int, int]:
    x, y = np.rint(np.clip(point, -30_000, 30_000) * 16).astype(int).tolist()
    return x, y


def _strip(quality: DocumentQuality, width: int) -> Image:
    """The verdict and the advice, one line each, (H, width, 3)."""
    size = int(min(max(width / 38, 13), 30))
    failed = sum(measure.passed is False for measure in quality.measures)
    verdict = (
        f"passes the profile {quality.profile}"
        if quality.passed
        else f"{failed} measures fail the profile {quality.profile}"
    )
    lines = list(quality.advice[:_LINES])
    if len(quality.advice) > _LINES:
        lines.append(f"and {len(quality.advice) - _LINES} more")
    pad, row = size, text.line_height(size)
    strip = np.empty((row * (len(lines) + 1) + 2 * (pad // 2), width, 3), np.uint8)
    strip[:] = _PAPER
    for at, words in enumerate([verdict, *lines]):
        weight = 400 if at else 600
        shown = text.shorten(text.legible(words), size, width - 2 * pad, weight)
        text.blend(strip, text.mask(shown, size, weight), pad, pad // 2 + at * row, _FADED if at else _LETTERS, 1.0)
    return strip
