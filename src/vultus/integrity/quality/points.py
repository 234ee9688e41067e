"""From a face mesh to the points that quality is measured by, and to OFIQ's upright square of the face."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray

from vultus.geometry import similarity
from vultus.integrity.quality.values import Crop, Points
from vultus.models.landmark import Mesh
from vultus.models.landmark.measures import FACE_OVAL, INNER_LIPS, LEFT_EYE, RIGHT_EYE
from vultus.types import Box, Image

__all__ = ["SIDE", "Upright", "crop_of", "crown_of", "eye_widths", "lip_gap", "points_of", "upright"]

SIDE = 616  # pixels of the upright square
# Where eye centres, nose tip and mouth corners lie in it, the picture's left first: OFIQ's published template.
TEMPLATE = np.array([(251, 272), (364, 272), (308, 336), (262, 402), (355, 402)], dtype=np.float64)

NOSE, CHIN, LIPS = 4, 152, (13, 14)
RIGHT_MOUTH, LEFT_MOUTH = 61, 291
JAW = tuple(FACE_OVAL[FACE_OVAL.index(356) : FACE_OVAL.index(127) + 1])  # from beside one eye round the chin
BROWS = (70, 63, 105, 66, 107, 336, 296, 334, 293, 300)  # upper edges

# The crown hides under the hair: eyes to chin is 49 % of chin to crown in adults (Farkas 1994, both sexes).
EYES_TO_HEAD = 0.49
# Within what ISO/IEC 19794-5 allows: head 75 % of the height, eyes 45 % from the top, 35 x 45 mm.
HEAD_SHARE, EYE_HEIGHT, SHAPE = 0.75, 0.45, 35 / 45


def points_of(mesh: Mesh) -> Points:
    """The points of one mesh, (x, y) in pixels of its picture."""
    at = mesh.points[:, :2].astype(np.float64)
    right, left = (at[[eye[0], eye[len(eye) // 2]]].mean(axis=0) for eye in (RIGHT_EYE, LEFT_EYE))
    return Points(
        right_eye=right,
        left_eye=left,
        nose=at[NOSE],
        right_mouth=at[RIGHT_MOUTH],
        left_mouth=at[LEFT_MOUTH],
        mouth=at[list(LIPS)].mean(axis=0),
        chin=at[CHIN],
        oval=at[list(FACE_OVAL)],
        hull=cv2.convexHull(at[[*JAW, *BROWS]].astype(np.float32))[:, 0].astype(np.float64),
    )


def lip_gap(mesh: Mesh) -> float:
    """Largest distance of the inner lips, pixels."""
    half = len(INNER_LIPS) // 2
    lower, upper = INNER_LIPS[1:half], INNER_LIPS[:half:-1]
    at = mesh.points[:, :2].astype(np.float64)
    return float(np.linalg.norm(at[list(lower)] - at[list(upper)], axis=1).max())


def eye_widths(mesh: Mesh) -> tuple[float, float]:
    """Distance of the corners of the right and the left eye, pixels."""
    at = mesh.points[:, :2].astype(np.float64)
    right, left = (float(np.linalg.norm(at[eye[0]] - at[eye[len(eye) // 2]])) for eye in (RIGHT_EYE, LEFT_EYE))
    return right, left


def crown_of(points: Points) -> NDArray[np.float64]:
    """Where the top of the skull should be, (2,); hair is not looked at."""
    up = points.eyes - points.chin
    return np.asarray(points.chin + up / EYES_TO_HEAD)


def crop_of(points: Points, size_wh: tuple[int, int]) -> Crop:
    """The cut for a document around a head, upright as the picture is."""
    height = points.drop / EYES_TO_HEAD / HEAD_SHARE
    width = height * SHAPE
    middle = float((points.eyes[0] + points.chin[0]) / 2)
    left, top = middle - width / 2, float(points.eyes[1]) - EYE_HEIGHT * height
    box = Box(left, top, left + width, top + height)
    return Crop(box, box.round() == box.clip(size_wh).round())


@dataclass(frozen=True, slots=True, eq=False)
class Upright:
    """The face at one size and level: the part of OFIQ's square of 616 pixels that brows, jaw and cheeks fill."""

    image: Image  # (H, W, 3)
    known: NDArray[np.bool_]  # (H, W): shows the picture, not what lies beyond its edge
    face: NDArray[np.bool_]  # (H, W): brows to chin
    right_eye: NDArray[np.float64]  # (2,), as the rest in pixels of this part
    left_eye: NDArray[np.float64]
    mouth: NDArray[np.float64]


def upright(image: Image, points: Points) -> Upright:
    """Turn, scale and shift a face as OFIQ does, by least median of squares over five points."""
    seen = np.array([points.right_eye, points.left_eye, points.nose, points.right_mouth, points.left_mouth])
    matrix = _least_median(seen, TEMPLATE)
    hull = points.hull @ matrix[:, :2].T + matrix[:, 2]
    x1, y1 = np.clip(np.floor(hull.min(axis=0)).astype(int) - 2, 0, SIDE - 1).tolist()
    x2, y2 = np.clip(np.ceil(hull.max(axis=0)).astype(int) + 3, (x1 + 1, y1 + 1), SIDE).tolist()
    matrix[:, 2] -= (x1, y1)
    size_wh = (x2 - x1, y2 - y1)
    warped: Image = cv2.warpAffine(image, matrix, size_wh, flags=cv2.INTER_LINEAR)
    height, width = image.shape[:2]
    ys, xs = np.mgrid[: size_wh[1], : size_wh[0]].astype(np.float64)
    back = cv2.invertAffineTransform(matrix)
    x = back[0, 0] * xs + back[0, 1] * ys + back[0, 2]
    y = back[1, 0] * xs + back[1, 1] * ys + back[1, 2]
    known = (x >= 0) & (y >= 0) & (x <= width - 1) & (y <= height - 1)
    face = np.zeros(size_wh[::-1], np.uint8)
    cv2.fillConvexPoly(face, np.rint(hull - (x1, y1)).astype(np.int32), 1)

    def moved(at: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(at @ matrix[:, :2].T + matrix[:, 2])

    return Upright(
        warped, known, face.astype(bool), moved(points.right_eye), moved(points.left_eye), moved(points.mouth)
    )


def _least_median(source: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """The similarity through two of five points whose median error over all is least, refined on the near ones.

    With five points every pair can be tried, so that nothing is left to chance. Rousseeuw 1984.
    """
    best, median = similarity(source, target), np.inf
    for pair in combinations(range(len(source)), 2):
        matrix = similarity(source[list(pair)], target[list(pair)])
        found = float(np.median(_errors(matrix, source, target)))
        if found < median:
            best, median = matrix, found
    # Rousseeuw and Leroy 1987: robust standard deviation, and what lies within 2.5 of it.
    scale = 2.5 * 1.4826 * (1 + 5 / (len(source) - 2)) * np.sqrt(median)
    near = _errors(best, source, target) <= max(scale, 1e-3) ** 2
    return similarity(source[near], target[near]) if near.sum() >= 2 else best


def _errors(
    matrix: NDArray[np.float64], source: NDArray[np.float64], target: NDArray[np.float64]
) -> NDArray[np.float64]:
    return np.asarray(((source @ matrix[:, :2].T + matrix[:, 2] - target) ** 2).sum(axis=1))
