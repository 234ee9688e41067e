from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.transform import estimate_transform

from vultus.geometry import TEMPLATE, align, box_array, iou, merge, nms, pose, rotate_back, similarity
from vultus.types import Box, Face

FIXTURE = np.array([(100, 120), (180, 110), (145, 165), (115, 210), (185, 200)], dtype=np.float64)


def face(x1: float, y1: float, x2: float, y2: float, score: float = 0.9) -> Face:
    points = np.array([(0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8)]) * (x2 - x1, y2 - y1) + (x1, y1)
    return Face(Box(x1, y1, x2, y2), points.astype(np.float32), score)


def test_nothing_gives_nothing() -> None:
    empty = np.empty((0, 4), dtype=np.float32)
    assert box_array([]).shape == (0, 4)
    assert iou(empty, empty).shape == (0, 0)
    assert nms(empty, np.empty(0), 0.3) == []
    assert merge([]) == []


def test_similarity_has_the_known_answer() -> None:
    matrix = similarity(FIXTURE, TEMPLATE)
    known = [[0.436347, -0.049759, 0.767018], [0.049759, 0.436347, -5.566150]]
    np.testing.assert_allclose(np.hstack([matrix[:, :2], matrix[:, 2:]]), known, atol=2e-6)
    residual = FIXTURE @ matrix[:, :2].T + matrix[:, 2] - TEMPLATE
    assert np.sqrt((residual**2).sum(axis=1).mean()) == pytest.approx(1.23183, abs=1e-5)


def test_similarity_never_mirrors() -> None:
    mirrored = FIXTURE * (-1, 1) + (300, 0)
    matrix = similarity(mirrored, TEMPLATE)
    residual = mirrored @ matrix[:, :2].T + matrix[:, 2] - TEMPLATE
    assert np.sqrt((residual**2).sum(axis=1).mean()) == pytest.approx(22.77, abs=0.01)
    assert np.linalg.det(matrix[:, :2]) > 0


@given(
    st.lists(st.tuples(st.floats(-500, 500), st.floats(-500, 500)), min_size=5, max_size=5),
)
def test_similarity_agrees_with_scikit_image(points: list[tuple[float, float]]) -> None:
    source = np.array(points)
    if np.linalg.svd(source - source.mean(axis=0), compute_uv=False)[-1] < 1.0:
        return  # points on a line leave the rotation's sense to rounding
    outside = estimate_transform("similarity", source, TEMPLATE.astype(float)).params[:2]
    np.testing.assert_allclose(similarity(source, TEMPLATE), outside, rtol=1e-6, atol=1e-6)


def test_aligned_points_land_on_the_template() -> None:
    picture = np.zeros((300, 300, 3), dtype=np.uint8)
    matrix = similarity(FIXTURE, TEMPLATE)
    cv2.circle(picture, (145, 165), 3, (255, 255, 255), -1)
    crop = align(picture, FIXTURE.astype(np.float32))
    assert crop.shape == (112, 112, 3)
    rows, columns = np.nonzero(crop[..., 0] > 128)
    expected = np.array((145, 165)) @ matrix[:, :2].T + matrix[:, 2]
    np.testing.assert_allclose((columns.mean(), rows.mean()), expected, atol=0.7)


@pytest.mark.parametrize("scale", [1, 3, 8, 20])
def test_alignment_does_not_depend_on_the_size_of_the_picture(scale: int) -> None:
    small = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (260, 260, 3), dtype=np.uint8), (0, 0), 6)
    small = cv2.normalize(small, None, 0, 255, cv2.NORM_MINMAX)
    large = cv2.resize(small, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
    points = FIXTURE.astype(np.float32)
    moved = (points + 0.5) * scale - 0.5
    difference = np.abs(align(small, points).astype(int) - align(large, moved.astype(np.float32)).astype(int))
    assert difference.mean() < 1.5


def test_alignment_leaves_the_picture_alone_and_pads_with_black() -> None:
    picture = np.full((50, 50, 3), 200, dtype=np.uint8)
    before = picture.copy()
    crop = align(picture, FIXTURE.astype(np.float32) + 500)
    assert (picture == before).all()
    assert (crop == 0).all()


def test_large_faces_at_the_edge_are_cropped_where_they_are() -> None:
    picture = np.zeros((2000, 2000, 3), dtype=np.uint8)
    picture[:, :1000] = 255
    points = (TEMPLATE - 56) * 30 + (1000, 1000)  # centred on the edge between white and black
    crop = align(picture, points.astype(np.float32))
    assert (crop[30:80, 25:54] == 255).all()
    assert (crop[30:80, 58:] == 0).all()


def test_iou_of_hand_worked_boxes() -> None:
    boxes = np.array([(0, 0, 10, 10), (5, 5, 15, 15), (20, 20, 30, 30)], dtype=np.float32)
    np.testing.assert_allclose(iou(boxes, boxes)[0], [1, 25 / 175, 0], atol=1e-6)


def test_nms_keeps_the_strongest_and_the_apart() -> None:
    boxes = np.array([(0, 0, 10, 10), (1, 1, 11, 11), (50, 50, 60, 60)], dtype=np.float32)
    assert nms(boxes, np.array([0.6, 0.9, 0.5]), 0.3) == [1, 2]


def test_merge_drops_the_eye_inside_a_face_but_not_the_neighbour() -> None:
    large, eye, neighbour = face(0, 0, 100, 120), face(20, 30, 50, 60, 0.6), face(150, 0, 250, 120, 0.7)
    assert merge([eye, neighbour, large]) == [large, neighbour]


def test_merge_goes_by_the_rank_that_is_given() -> None:
    coarse, fine = face(0, 0, 100, 100, 0.95), face(2, 2, 100, 100, 0.93)
    assert merge([coarse, fine]) == [coarse]
    assert merge([coarse, fine], rank=[0.90, 0.93]) == [fine]


def test_pose_signs_are_the_subjects() -> None:
    straight = TEMPLATE.copy()
    assert abs(pose(straight).yaw) < 3
    assert abs(pose(straight).roll) < 1
    turned = straight + np.array([(0, 0), (0, 0), (8, 0), (0, 0), (0, 0)])
    assert pose(turned.astype(np.float32)).yaw > 15  # nose towards the image's right: the subject's own left
    down = straight + np.array([(0, 0), (0, 0), (0, 8), (0, 0), (0, 0)])
    assert pose(down.astype(np.float32)).pitch > pose(straight).pitch + 10


@given(st.floats(-80, 80))
def test_roll_is_measured_and_does_not_leak(angle: float) -> None:
    radians = np.radians(angle)
    turn = np.array([(np.cos(radians), np.sin(radians)), (-np.sin(radians), np.cos(radians))])
    rolled = pose((TEMPLATE @ turn).astype(np.float32))
    upright = pose(TEMPLATE)
    assert rolled.roll == pytest.approx(upright.roll + angle, abs=0.1)
    assert rolled.yaw == pytest.approx(upright.yaw, abs=0.1)
    assert rolled.pitch == pytest.approx(upright.pitch, abs=0.1)


@pytest.mark.parametrize(
    ("rotation", "code"),
    [(90, cv2.ROTATE_90_CLOCKWISE), (180, cv2.ROTATE_180), (270, cv2.ROTATE_90_COUNTERCLOCKWISE)],
)
def test_points_are_brought_back_to_where_they_were(rotation: int, code: int) -> None:
    picture = np.zeros((40, 70, 3), dtype=np.uint8)
    picture[11, 23] = 255
    row, column = np.argwhere(cv2.rotate(picture, code)[..., 0])[0]
    # Pixel centres, since the corner of a pixel is turned onto another corner.
    back = rotate_back(np.array([(column + 0.5, row + 0.5)]), rotation, (70, 40))
    np.testing.assert_allclose(back, [(23.5, 11.5)])
