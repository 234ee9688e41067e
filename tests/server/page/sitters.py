"""A drawn head that is fit for a passport photo to the real measures, and an analyzer that finds it; nobody's face.

What the head does stands in a block of colour at the foot of the picture, which survives a camera's compression.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import cv2
import numpy as np

from vultus.models.expression import CLASSES
from vultus.models.landmark import Mesh
from vultus.models.landmark.measures import LIPS, MOUTH_CORNERS, mean_face
from vultus.testing import Analyzer
from vultus.types import Box, Expression, Face, Image

__all__ = ["Does", "Sitters", "sitting"]

Does = Literal["well", "turned", "gaping", "smiling"]

_WALL = (206, 208, 210)
_COLOURS: dict[Does, tuple[int, int, int]] = {
    "well": _WALL,
    "turned": (20, 20, 220),
    "gaping": (20, 220, 20),
    "smiling": (220, 20, 220),
}
_BLOCK = 24  # pixels

_SKIN = np.array((196, 148, 122))
_WIDE, _HIGH = 1.05, 1.5  # half axes of the head, distances of the eyes
_YAW, _GAPE = 14.0, 0.5  # degrees; share of the mouth's width


def sitting(
    does: Does = "well",
    *,
    size_wh: tuple[int, int] = (960, 720),
    eyes: float = 100.0,
    middle: tuple[float, float] | None = None,
    people: int = 1,
) -> Image:
    """A head before a plain wall. eyes: their distance, pixels. middle: of the eyes. people: 2 has another aside."""
    width, height = size_wh
    image = np.empty((height, width, 3), np.uint8)
    image[:] = _WALL
    x, y = middle or (width / 2, 0.45 * height)
    if people:
        _head(image, x, y, eyes)
    if people > 1:
        _head(image, 0.1 * width, 0.3 * height, eyes / 3)
    image[-_BLOCK:, :_BLOCK] = _COLOURS[does]
    return image


def _head(image: Image, x: float, y: float, eyes: float) -> None:
    """An ellipse of skin with pores in it, so that there is something to be sharp; the same ones every time."""
    height, width = image.shape[:2]
    mask = np.zeros((height, width), np.uint8)
    axes = (round(_WIDE * eyes), round(_HIGH * eyes))
    cv2.ellipse(mask, (round(x), round(y + 0.2 * eyes)), axes, 0, 0, 360, 1, -1)
    pores = np.random.default_rng(1).normal(0, 22, ((height + 3) // 4, (width + 3) // 4, 1))
    pores = pores.repeat(4, axis=0).repeat(4, axis=1)[:height, :width]
    image[mask > 0] = np.clip(_SKIN + pores, 0, 255).astype(np.uint8)[mask > 0]


class Sitters(Analyzer):
    """Finds drawn heads by their skin, and lays the mean face into them, doing what the block says.

    does: what they do instead, whatever the block says. yaw: degrees, of those who are turned.
    """

    does: Does | None = None
    yaw = _YAW

    def detect(self, image: Image) -> tuple[Face, ...]:
        red, blue = image[..., 0].astype(int), image[..., 2].astype(int)
        skin = cv2.morphologyEx((red - blue > 30).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
        skin[-_BLOCK - 8 :, : _BLOCK + 8] = 0
        found = [row for row in cv2.connectedComponentsWithStats(skin)[2][1:].tolist() if row[2] > 40]
        found.sort(key=lambda row: -row[2] * row[3])
        return tuple(_face(*row[:4]) for row in found)

    def meshes(self, image: Image, faces: Sequence[Face]) -> tuple[Mesh, ...]:
        does = self.does or _does(image)
        return tuple(_mesh(face, self.yaw * (does == "turned"), _GAPE * (does == "gaping")) for face in faces)

    def expressions(self, image: Image, faces: Sequence[Face] | None = None) -> tuple[Expression, ...]:
        shown = "happy" if (self.does or _does(image)) == "smiling" else "neutral"
        chances = tuple(0.94 if name == shown else 0.01 for name in CLASSES[:7])
        return tuple(
            Expression(CLASSES[:7], chances, "sitters") for _ in (self.detect(image) if faces is None else faces)
        )


def _does(image: Image) -> Does:
    seen = np.median(image[-_BLOCK + 6 : -6, 6 : _BLOCK - 6].reshape(-1, 3), axis=0)
    return min(_COLOURS, key=lambda name: float(np.abs(seen - _COLOURS[name]).sum()))


def _face(x: int, y: int, width: int, height: int) -> Face:
    eyes = height / (2 * _HIGH)
    middle = np.array((x + width / 2, y + height / 2 - 0.2 * eyes))
    at = np.array([(-0.5, 0), (0.5, 0), (0, 0.6), (-0.4, 1), (0.4, 1)]) * eyes + middle
    return Face(Box(x, y, x + width, y + height), at.astype(np.float32), 0.99)


def _mesh(face: Face, yaw: float, gape: float) -> Mesh:
    right, left = face.landmarks[:2].astype(np.float64)
    points = mean_face().points.astype(np.float64).copy()
    points -= points[[33, 133, 263, 362]].mean(axis=0)
    across = float(np.linalg.norm(points[MOUTH_CORNERS[0]] - points[MOUTH_CORNERS[1]]))
    for upper, lower in LIPS:
        points[lower] = points[upper] + np.array([0, max(gape * across, 0.02), 0])
    turned = points @ cv2.Rodrigues(np.array([0.0, -np.radians(yaw), 0.0]))[0].T
    placed = turned * np.linalg.norm(left - right)
    placed[:, :2] += (right + left) / 2
    return Mesh(placed.astype(np.float32), 1.0)
