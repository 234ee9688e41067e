"""The five points of a large face, from a second look that has it upright, straight and in the mirror.

A small detector's points are restless: they depend on where the face lies on the network's
grid of cells and, more, on how it is tilted. Their error hardly depends on the size of a
face that is large enough, so a face need not be looked at larger than that. Looking at it
upright, with a mirrored copy, and asking every cell that sees it takes a third off the error
of upright faces and two thirds off that of faces tilted by 20 degrees
(benchmarks/landmarks.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from vultus.geometry import TEMPLATE, box_array, iou, similarity
from vultus.models.detect import Agreeing, Detector
from vultus.types import Face, Image, Landmarks

__all__ = ["CANVAS", "SIDE", "closer"]

# Chosen on LFW and NUAA (benchmarks/landmarks.py --choose): larger pairs gain a twentieth at most.
# The longest face of LFW and UTKFace has 219 pixels, so what was calibrated on them holds as it is.
SIDE = 224  # pixels, longer side of a face in the second look; no face is enlarged to it
CANVAS = 288  # pixels, both sides of what the detector is shown
LOOKS = 2  # the second where the first shows that the face was not upright in it
LEVEL = math.cos(math.radians(5))  # less tilt than this moves the points by no more than their own restlessness
SLIM = 0.75  # width of an upright face's box over its height
SAME = 0.4  # IoU with where the face should be; a neighbour's is less
MIRRORED = [1, 0, 2, 4, 3]  # the subject's left is right in a mirror


def closer(
    detector: Detector, image: Image, faces: Sequence[Face], *, side: int = SIDE, canvas: int = CANVAS
) -> list[Face]:
    """The faces of a picture (H, W, 3), those longer than `side` pixels with points from a second look.

    Boxes and scores stay as they are, and so does a face that the second look does not find.
    """
    return [_looked_at(detector, image, face, side, canvas) for face in faces]


def _looked_at(detector: Detector, image: Image, face: Face, side: int, canvas: int) -> Face:
    longer = max(face.box.width, face.box.height)
    if not (side < longer < math.inf and np.isfinite(face.landmarks).all()):
        return face
    for _ in range(LOOKS):
        upright = _upright(face.landmarks)
        face = _look(detector, image, face, upright * (side / longer), side, canvas)
        if float((_upright(face.landmarks) @ upright.T)[0, 0]) > LEVEL:
            return face
    return face


def _upright(landmarks: Landmarks) -> NDArray[np.float64]:
    """The rotation (2, 2) that sets a face upright."""
    turned = similarity(landmarks, TEMPLATE)[:, :2]
    return turned / max(math.hypot(turned[0, 0], turned[1, 0]), 1e-9)


def _look(detector: Detector, image: Image, face: Face, turn: NDArray[np.float64], side: int, canvas: int) -> Face:
    """The face with points from a look in which `turn` sets it upright and brings it to `side` pixels."""
    shift = np.full(2, (canvas - 1) / 2) - turn @ np.asarray(face.box.centre)
    view = _view(image, np.hstack([turn, shift[:, None]]), canvas)
    mirror = np.ascontiguousarray(view[:, ::-1])
    # Always the same two together: the answer cannot depend on what else is in the picture.
    find = detector.agreed if isinstance(detector, Agreeing) else detector
    straight, mirrored = (_expected(found, side, canvas) for found in find([view, mirror]))
    if straight is None or mirrored is None:
        return face
    points = (straight + (mirrored * (-1, 1) + (canvas - 1, 0))[MIRRORED]) / 2
    back = np.linalg.inv(turn)
    return replace(face, landmarks=((points - shift) @ back.T).astype(np.float32))


def _expected(found: Sequence[Face], side: int, canvas: int) -> Landmarks | None:
    """Points of the surest face that lies where the face should be."""
    if not found:
        return None
    middle, half = canvas / 2, side / 2
    place = np.array([[middle - half * SLIM, middle - half, middle + half * SLIM, middle + half]])
    there = np.flatnonzero(iou(box_array(found), place)[:, 0] >= SAME)
    return found[there[0]].landmarks if there.size else None


def _view(image: Image, matrix: NDArray[np.float64], canvas: int) -> Image:
    """The part of the picture that `matrix` (2, 3) brings onto the canvas; black beyond the picture."""
    factor = max(math.floor(1 / math.hypot(matrix[0, 0], matrix[1, 0])), 1)
    corners = np.array([(0, 0), (canvas, 0), (0, canvas), (canvas, canvas)], dtype=np.float64)
    seen = (corners - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
    height, width = image.shape[:2]
    # Whole cells of `factor` pixels, which are averaged: bilinear sampling alone would skip pixels.
    most = np.array([width, height]) // factor
    x1, y1 = np.clip(np.floor(seen.min(axis=0) / factor), 0, most).astype(int).tolist()
    x2, y2 = np.clip(np.ceil(seen.max(axis=0) / factor) + 1, 0, most).astype(int).tolist()
    if x2 <= x1 or y2 <= y1:
        return np.zeros((canvas, canvas, 3), dtype=np.uint8)
    part = image[y1 * factor : y2 * factor, x1 * factor : x2 * factor]
    if factor > 1:
        part = cv2.resize(part, (x2 - x1, y2 - y1), interpolation=cv2.INTER_AREA)
    # The centre of a cell lies between its pixels.
    first = np.array([x1, y1]) * factor + (factor - 1) / 2
    placed = np.hstack([matrix[:, :2] * factor, (matrix[:, 2] + matrix[:, :2] @ first)[:, None]])
    view: Image = cv2.warpAffine(part, placed, (canvas, canvas), flags=cv2.INTER_LINEAR)
    return view
