"""From a face mesh to the points that quality is measured by, and to OFIQ's upright square of the face."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vultus.integrity.crop import CHIN, DEFAULT_FORMAT, EYES_TO_HEAD, MOUTH, NOSE, cut, format_of
from vultus.integrity.quality.values import Crop, Points
from vultus.models.landmark import Mesh
from vultus.models.landmark.measures import FACE_OVAL, INNER_LIPS, LEFT_EYE, RIGHT_EYE
from vultus.types import Image

__all__ = ["SIDE", "Upright", "crop_of", "crown_of", "eye_widths", "lip_gap", "points_of", "upright"]

SIDE = 616  # pixels of the upright square
# Where eye centres, nose tip and mouth corners lie in it, the picture's left first: OFIQ's published template.
TEMPLATE = np.array([(251, 272), (364, 272), (308, 336), (262, 402), (355, 402)], dtype=np.float64)
OFF = 8.0  # pixels of it beyond which a point counts less than half; faces differ from the template by that much
ROUNDS = 5  # a point of five that is 70 pixels off then stretches the face by 1.5 % at most, wherever it lies

LIPS = (13, 14)
JAW = tuple(FACE_OVAL[FACE_OVAL.index(356) : FACE_OVAL.index(127) + 1])  # from beside one eye round the chin
BROWS = (70, 63, 105, 66, 107, 336, 296, 334, 293, 300)  # upper edges


def points_of(mesh: Mesh) -> Points:
    """The points of one mesh, (x, y) in pixels of its picture."""
    at = mesh.points[:, :2].astype(np.float64)
    right, left = (at[[eye[0], eye[len(eye) // 2]]].mean(axis=0) for eye in (RIGHT_EYE, LEFT_EYE))
    return Points(
        right_eye=right,
        left_eye=left,
        nose=at[NOSE],
        right_mouth=at[MOUTH[0]],
        left_mouth=at[MOUTH[1]],
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
    """The cut for a passport photo around a head, the very one that issuing makes."""
    asked = cut(np.stack([points.right_eye, points.left_eye, points.chin]), format_of(DEFAULT_FORMAT))
    return Crop(asked.box, not asked.missing(size_wh), asked.turned, asked.middle)


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
    """Turn, scale and shift a face onto OFIQ's template, by five points."""
    seen = np.array([points.right_eye, points.left_eye, points.nose, points.right_mouth, points.left_mouth])
    matrix = _robust(seen, TEMPLATE)
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


def _robust(source: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """The similarity of five points to five others in which a point counts the less the farther it lies off.

    Cauchy's weights, from all points alike (Holland and Welsch 1977), for a few rounds. Points that are either in
    or out, as in OFIQ's least median of squares, let a face jump when one moves by a tenth of a pixel; so do Cauchy's
    weights when they are left to settle in one of several places.
    """
    here, there = source @ (1, 1j), target @ (1, 1j)
    weights = np.ones(len(here))
    for _ in range(ROUNDS):
        share = weights / weights.sum()
        a, b = share @ here, share @ there
        turn = (share * (here - a).conj()) @ (there - b) / max(float(share @ np.abs(here - a) ** 2), 1e-9)
        shift = b - turn * a
        weights = 1 / (1 + (np.abs(turn * here + shift - there) / OFF) ** 2)
    return np.array([(turn.real, -turn.imag, shift.real), (turn.imag, turn.real, shift.imag)])
