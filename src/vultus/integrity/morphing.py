"""Morphs of two faces, as material to test matchers and checks with.

Points of both faces and eight of the frame are averaged, p = α p_A + (1-α) p_B, and triangulated after
Delaunay; each triangle of both pictures is warped to the average and blended by the same weights. Where
it is asked for, the face is then cloned without a seam into A, warped to the average as well, so that hair
and background are A's and show no double edges.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError
from vultus.models.landmark import Mesh
from vultus.models.landmark.measures import FACE_OVAL, INNER_LIPS, LEFT_EYE, OUTER_LIPS, RIGHT_EYE
from vultus.types import Face, Image

__all__ = ["MESH_POINTS", "Mesher", "Morph", "face_points", "frame_points", "morph", "triangulate"]

_BROWS_AND_NOSE = (
    *(70, 63, 105, 66, 107, 55, 65, 52, 53, 46),
    *(300, 293, 334, 296, 336, 285, 295, 282, 283, 276),
    *(168, 6, 197, 195, 5, 4, 1, 2, 98, 97, 326, 327, 48, 278, 129, 358),
)
MESH_POINTS = tuple(dict.fromkeys((*FACE_OVAL, *RIGHT_EYE, *LEFT_EYE, *OUTER_LIPS, *INNER_LIPS, *_BROWS_AND_NOSE)))
"""Points of the mesh that outline a face; all 468 make triangles of a pixel that fold over."""

_NEAREST = 2.0  # pixels between two points, below which triangles degenerate
_SMALLEST = 0.5  # square pixels of a triangle

Points = NDArray[np.float64]  # (n, 2)
Triangles = NDArray[np.intp]  # (t, 3) numbers of points


class Mesher(Protocol):
    """Meshes for faces; `vultus.Analyzer` is one."""

    def meshes(self, image: Image, faces: Sequence[Face]) -> tuple[Mesh, ...]: ...


@dataclass(frozen=True, slots=True, eq=False)
class Morph:
    """A morph with its construction."""

    image: Image
    points: Points  # in the morph, the eight of the frame last
    triangles: Triangles  # each of positive area, in the morph and in both pictures


def face_points(image: Image, face: Face, mesher: Mesher | None) -> Points:
    """The points of a face that a morph is made by: outlines of the mesh, or the five of the detector without one."""
    if mesher is None:
        return face.landmarks.astype(np.float64)
    (mesh,) = mesher.meshes(image, [face])
    return mesh.points[list(MESH_POINTS), :2].astype(np.float64)


def frame_points(size_wh: tuple[int, int]) -> Points:
    """Corners of the frame and the middles of its sides, (8, 2)."""
    right, bottom = size_wh[0] - 1, size_wh[1] - 1
    across, down = (0.0, right / 2, right), (0.0, bottom / 2, bottom)
    return np.array([(x, y) for y in down for x in across if (x, y) != (right / 2, bottom / 2)], np.float64)


def morph(
    first: Image, second: Image, points: tuple[Points, Points], alpha: float = 0.5, *, clone: bool = True
) -> Morph:
    """Two pictures of one size (H, W, 3) made one.

    points: of both faces, (n, 2) each, in the same order. alpha: weight of the first, 0 to 1.
    Points outside the frame, nearly on another one, or at which triangles would fold over are left out.
    Refused (InputError): pictures of different sizes, no or different numbers of points, alpha outside 0 to 1.
    """
    if first.shape != second.shape:
        raise InputError(f"expected two pictures of one size to morph, got {first.shape[:2]} and {second.shape[:2]}")
    if not 0 <= alpha <= 1:
        raise InputError(f"expected alpha from 0 to 1, got {alpha}")
    if points[0].shape != points[1].shape or points[0].ndim != 2 or len(points[0]) < 3:
        raise InputError(f"expected the same three or more points of both faces, got {[len(each) for each in points]}")
    height, width = first.shape[:2]
    ours, theirs = (np.vstack([each, frame_points((width, height))]) for each in points)
    kept = _usable(ours, theirs, alpha, (width, height))
    ours, theirs = ours[kept], theirs[kept]
    while True:
        mean = alpha * ours + (1 - alpha) * theirs
        triangles = triangulate(mean, (width, height))
        folded = [tri for tri in triangles if min(_areas(ours, tri), _areas(theirs, tri)) < _SMALLEST]
        guilty = Counter(int(number) for tri in folded for number in tri if number < len(mean) - 8)
        if not guilty:
            break
        # One point a round, that of most folded triangles: its neighbours are often guilty by it alone.
        worst = max(guilty, key=lambda number: (guilty[number], number))
        ours, theirs = np.delete(ours, worst, axis=0), np.delete(theirs, worst, axis=0)
    if len(mean) - 8 < 3:
        raise InputError("the two faces are turned too differently to be morphed; use two frontal pictures")
    warped = [_warped(image, src, mean, triangles) for image, src in ((first, ours), (second, theirs))]
    blend = np.rint(alpha * warped[0].astype(np.float64) + (1 - alpha) * warped[1]).astype(np.uint8)
    if clone:
        blend = _cloned(blend, warped[0], mean[:-8])
    return Morph(blend, mean, triangles)


def triangulate(points: Points, size_wh: tuple[int, int]) -> Triangles:
    """Delaunay triangles of points inside a frame, (t, 3), each counted round so that its area is positive."""
    plane = cv2.Subdiv2D((-1, -1, size_wh[0] + 2, size_wh[1] + 2))
    rounded = points.astype(np.float32)
    number = {(float(x), float(y)): index for index, (x, y) in enumerate(rounded)}
    plane.insert([(float(x), float(y)) for x, y in rounded])
    found = []
    for row in np.asarray(plane.getTriangleList()).reshape(-1, 3, 2).tolist():
        corners = [number.get((x, y)) for x, y in row]
        if None not in corners:  # those that reach to the plane's own outer corners are not ours
            triangle = np.array(corners, np.intp)
            area = _areas(points, triangle)
            if abs(area) >= _SMALLEST:
                found.append(triangle if area > 0 else triangle[::-1])
    return np.array(found, np.intp).reshape(-1, 3)


def _areas(points: Points, triangle: Triangles) -> float:
    (ax, ay), (bx, by), (cx, cy) = points[triangle]
    return float((bx - ax) * (cy - ay) - (cx - ax) * (by - ay)) / 2


def _usable(ours: Points, theirs: Points, alpha: float, size_wh: tuple[int, int]) -> list[int]:
    """Points inside the frame and apart from each other, in all three pictures; the frame's own stay."""
    mean = alpha * ours + (1 - alpha) * theirs
    kept: list[int] = []
    for index in range(len(ours)):
        of_frame = index >= len(ours) - 8
        sides = [each[index] for each in (ours, theirs, mean)]
        inside = all((point >= 1).all() and (point <= np.array(size_wh) - 2).all() for point in sides)
        apart = all(
            np.linalg.norm(each[kept] - each[index], axis=1).min(initial=np.inf) >= _NEAREST
            for each in (ours, theirs, mean)
        )
        if of_frame or (inside and apart):
            kept.append(index)
    return kept


def _warped(image: Image, source: Points, target: Points, triangles: Triangles) -> Image:
    """The picture with its points at `source` moved to `target`, by an affine map a triangle."""
    height, width = image.shape[:2]
    belongs = np.zeros((height, width), np.int32)
    matrices = np.empty((len(triangles), 2, 3))
    for index, triangle in enumerate(triangles):
        corners = np.hstack([target[triangle], np.ones((3, 1))])
        matrices[index] = np.linalg.solve(corners, source[triangle]).T
        cv2.fillConvexPoly(belongs, np.rint(target[triangle] * 16).astype(np.int32), index, shift=4)
    y, x = np.mgrid[:height, :width]
    grid = np.stack([x, y, np.ones_like(x)], axis=-1).astype(np.float64)
    places = np.einsum("hwij,hwj->hwi", matrices[belongs], grid).astype(np.float32)
    moved: Image = cv2.remap(image, places[..., 0], places[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return moved


def _cloned(blend: Image, into: Image, points: Points) -> Image:
    """The face of the blend in the surroundings of the first picture, by Poisson's equation."""
    mask = np.zeros(blend.shape[:2], np.uint8)
    cv2.fillConvexPoly(mask, cv2.convexHull(np.rint(points).astype(np.int32)), 255)
    mask[[0, 1, -2, -1]] = 0  # the equation needs a rim of known pixels
    mask[:, [0, 1, -2, -1]] = 0
    x, y, width, height = cv2.boundingRect(mask)
    cloned: Image = cv2.seamlessClone(blend, into, mask, (x + width // 2, y + height // 2), cv2.NORMAL_CLONE)
    return cloned
