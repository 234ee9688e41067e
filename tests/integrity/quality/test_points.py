"""Points of a mesh, the crown, the cut, and the upright square."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vultus.integrity.crop import EYES_TO_HEAD
from vultus.integrity.quality import Crop, Points
from vultus.integrity.quality import points as p
from vultus.models.landmark import Mesh
from vultus.models.landmark.measures import INNER_LIPS, mean_face
from vultus.types import Box

Placed = Callable[..., Mesh]


def test_eyes_lie_where_the_mean_face_has_them(placed: Placed) -> None:
    points = p.points_of(placed(80.0))
    np.testing.assert_allclose(points.eyes, (300, 300), atol=0.1)
    assert points.distance == pytest.approx(80, rel=0.002)
    # The subject's right is at the picture's left.
    assert points.right_eye[0] < points.left_eye[0]
    assert points.right_mouth[0] < points.left_mouth[0]
    assert points.eyes[1] < points.nose[1] < points.mouth[1] < points.chin[1]
    assert 1.5 < points.drop / points.distance < 2.0


def test_the_hull_is_brows_and_jaw_without_the_forehead(placed: Placed) -> None:
    points = p.points_of(placed())
    assert points.hull[:, 1].max() == pytest.approx(points.chin[1], abs=1)
    top = points.hull[:, 1].min()
    assert points.oval[:, 1].min() < top - 20
    assert points.eyes[1] - 60 < top < points.eyes[1] - 20


def test_the_crown_is_twice_as_far_from_the_chin_as_the_eyes(placed: Placed) -> None:
    points = p.points_of(placed())
    crown = p.crown_of(points)
    assert np.linalg.norm(crown - points.chin) == pytest.approx(points.drop / 0.49)
    assert crown[1] < points.oval[:, 1].min()


@given(st.floats(20, 300), st.floats(-25, 25), st.floats(100, 900), st.floats(100, 900))
def test_the_cut_has_a_documents_shape_and_the_head_in_it(
    placed: Placed, scale: float, turn: float, x: float, y: float
) -> None:
    points = p.points_of(placed(scale, turn, (x, y)))
    crop = p.crop_of(points, (1000, 1000))
    assert crop.box.width / crop.box.height == pytest.approx(35 / 45)
    assert points.drop / EYES_TO_HEAD / crop.box.height == pytest.approx(0.75)
    assert (points.eyes[1] + 0.5 - crop.box.y1) / crop.box.height == pytest.approx(0.45)
    assert crop.turned == pytest.approx(-turn, abs=0.5)  # the eyes of the mean face are not quite level
    fits = crop.corners.min() >= -1 and crop.corners.max() <= 1001
    assert crop.inside == fits or abs(crop.corners.min() + 1) < 1 or abs(crop.corners.max() - 1001) < 1


def test_the_corners_of_the_cut_go_with_the_turn() -> None:
    level = Crop(Box(10, 20, 110, 150), inside=True)
    assert level.corners.tolist() == [[10, 20], [110, 20], [110, 150], [10, 150]]
    # A quarter clockwise brings what is left of the middle above it, so the top of the cut lies at the left before.
    turned = Crop(Box(10, 20, 110, 150), inside=True, turned=90, about=(59.5, 79.5))
    np.testing.assert_allclose(turned.corners, [[0, 130], [0, 30], [130, 30], [130, 130]], atol=1e-9)


@given(st.floats(30, 400), st.floats(-180, 180), st.floats(0, 800), st.floats(0, 800))
def test_the_upright_face_is_the_same_however_the_head_lies(
    placed: Placed, scale: float, turn: float, x: float, y: float
) -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    face = p.upright(image, p.points_of(placed(scale, turn, (x, y))))
    still = p.upright(image, p.points_of(placed()))
    np.testing.assert_allclose(face.left_eye - face.right_eye, still.left_eye - still.right_eye, atol=0.2)
    assert np.linalg.norm(face.left_eye - face.right_eye) == pytest.approx(113, abs=6)
    assert abs(face.left_eye[1] - face.right_eye[1]) < 1  # the template itself is not quite level


def test_pixels_land_where_their_points_do(placed: Placed) -> None:
    image = np.zeros((600, 600, 3), np.uint8)
    points = p.points_of(placed(100.0, 25.0))
    x, y = np.rint(points.left_eye).astype(int)
    image[y - 3 : y + 4, x - 3 : x + 4] = 255
    face = p.upright(image, points)
    seen = np.argwhere(face.image[..., 0] > 128).mean(axis=0)[::-1]
    np.testing.assert_allclose(seen, face.left_eye, atol=0.8)
    assert face.known.all()


def test_what_lies_beyond_the_picture_is_known_as_such(placed: Placed) -> None:
    image = np.full((600, 300, 3), 255, np.uint8)  # the left half of the face is cut off
    face = p.upright(image, p.points_of(placed()))
    assert 0.4 < (face.face & face.known).sum() / face.face.sum() < 0.6
    assert (face.image[face.known] == 255).all()


def test_one_wild_point_does_not_turn_the_face(placed: Placed) -> None:
    points = p.points_of(placed())
    wild = Points(
        points.right_eye,
        points.left_eye,
        points.nose + np.array([60.0, 40.0]),
        points.right_mouth,
        points.left_mouth,
        points.mouth,
        points.chin,
        points.oval,
        points.hull,
    )
    image = np.zeros((600, 600, 3), np.uint8)
    first, second = p.upright(image, points), p.upright(image, wild)
    assert np.linalg.norm(first.right_eye - first.left_eye) == pytest.approx(
        float(np.linalg.norm(second.right_eye - second.left_eye)), rel=0.06
    )
    assert abs(second.left_eye[1] - second.right_eye[1]) < 4


@given(st.integers(0, 2**32 - 1), st.floats(0, 12))
@example(47477567, 9.0)
def test_points_that_move_a_little_move_the_face_a_little(seed: int, spread: float) -> None:
    # With points that are either in or out, or left to settle, faces would jump by up to twenty pixels.
    rng = np.random.default_rng(seed)
    five = p.TEMPLATE + rng.normal(0, spread, (5, 2))
    eyes = [upright_eyes(five + rng.normal(0, 0.1, (5, 2))) for _ in range(4)]
    assert np.abs(np.diff(eyes, axis=0)).max() < 1.5


def upright_eyes(five: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where the eyes come to lie in the square of 616 pixels, by the eyes, nose and corners of the mouth."""
    right, left, nose, right_mouth, left_mouth = five
    hull = np.array([(200.0, 200.0), (420, 200), (420, 500), (200, 500)])
    points = Points(right, left, nose, right_mouth, left_mouth, (right_mouth + left_mouth) / 2, hull[3], hull, hull)
    face = p.upright(np.zeros((8, 8, 3), np.uint8), points)
    return face.left_eye - face.right_eye


def lips(gap: float) -> Mesh:
    points = np.zeros((468, 3), np.float32)
    half = len(INNER_LIPS) // 2
    for number, (low, up) in enumerate(zip(INNER_LIPS[1:half], INNER_LIPS[:half:-1], strict=True)):
        points[[low, up], 0] = number
        points[low, 1] = gap if number == 4 else gap / 2
    return Mesh(points, 1.0)


def test_the_lips_gap_is_that_of_the_widest_pair() -> None:
    assert p.lip_gap(lips(0.0)) == 0
    assert p.lip_gap(lips(7.0)) == pytest.approx(7.0)
    # Lower and upper lip lie over each other in the mean face.
    half = len(INNER_LIPS) // 2
    at: NDArray[np.float64] = mean_face().points
    aside = [at[low, 0] - at[up, 0] for low, up in zip(INNER_LIPS[1:half], INNER_LIPS[:half:-1], strict=True)]
    assert np.abs(aside).max() < 0.04
