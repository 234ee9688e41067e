from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation  # type: ignore[import-untyped]

from vultus.models.landmark import POINTS, Mesh
from vultus.models.landmark import measures as m
from vultus.models.landmark.mesh import FaceMesh
from vultus.types import Face, Image

SIZE_WH = (640, 480)


def placed(yaw: float, pitch: float, roll: float, *, focal: float = 640.0, away: float = 8.0) -> Mesh:
    """The mean face turned and seen by a pinhole camera; SciPy makes the rotation."""
    turn = Rotation.from_euler("xyz", [pitch, -yaw, roll], degrees=True).as_matrix()
    points = m.mean_face().points @ turn.T + (0.3, -0.2, away)
    seen = points[:, :2] / points[:, 2:] * focal + (319.5, 239.5)
    return Mesh(np.column_stack([seen, points[:, 2] * focal / away]).astype(np.float32), 1.0)


def test_regions_hold_each_point_once_and_mirror_each_other() -> None:
    regions = (
        m.RIGHT_EYE,
        m.LEFT_EYE,
        m.OUTER_LIPS,
        m.INNER_LIPS,
        m.FACE_OVAL,
        m.FOREHEAD,
        m.RIGHT_CHEEK,
        m.LEFT_CHEEK,
    )
    assert all(len(set(region)) == len(region) and max(region) < POINTS for region in (*regions, m.RIGID))
    mirror = m.mean_face().mirror
    assert {int(mirror[point]) for point in m.RIGHT_EYE} == set(m.LEFT_EYE)
    assert {int(mirror[point]) for point in m.RIGHT_CHEEK} == set(m.LEFT_CHEEK)
    for region in (m.OUTER_LIPS, m.INNER_LIPS, m.FACE_OVAL, m.FOREHEAD, m.RIGID):
        assert {int(mirror[point]) for point in region} == set(region)


def test_the_mean_face_is_symmetric_upright_and_of_unit_eye_distance() -> None:
    face = m.mean_face()
    np.testing.assert_allclose(face.points[face.mirror] * (-1, 1, 1), face.points, atol=2e-4)
    right, left = face.points[[33, 133]].mean(axis=0), face.points[[263, 362]].mean(axis=0)
    np.testing.assert_allclose(left - right, (1, 0, 0), atol=1e-3)
    assert face.points[152, 1] > face.points[1, 1] > 0 > face.points[10, 1]  # chin, nose, forehead
    assert face.points[4, 2] == face.points[:, 2].min()  # the tip of the nose is nearest


@given(st.floats(-45, 45), st.floats(-30, 30), st.floats(-60, 60))
def test_a_known_pose_is_found_again(yaw: float, pitch: float, roll: float) -> None:
    pose = m.head_pose(placed(yaw, pitch, roll), SIZE_WH)
    np.testing.assert_allclose((pose.yaw, pose.pitch, pose.roll), (yaw, pitch, roll), atol=0.05)


@given(st.floats(-35, 35), st.floats(-25, 25), st.integers(0, 100))
def test_noise_and_another_lens_cost_a_few_degrees(yaw: float, pitch: float, seed: int) -> None:
    clean = placed(yaw, pitch, 5.0, focal=800.0)
    noise = np.random.default_rng(seed).normal(0, 0.02 * m.eye_distance(clean), (POINTS, 3)).astype(np.float32)
    pose = m.head_pose(Mesh(clean.points + noise, 1.0), SIZE_WH)
    np.testing.assert_allclose((pose.yaw, pose.pitch, pose.roll), (yaw, pitch, 5.0), atol=5)


def test_signs_are_those_of_the_convention() -> None:
    left = placed(20, 0, 0).points
    assert (
        left[4, 0] > left[list(m.RIGHT_EYE + m.LEFT_EYE), 0].mean()
    )  # turned to their left: nose to the picture's right
    down = placed(0, 20, 0).points
    level = placed(0, 0, 0).points
    assert down[4, 1] - down[168, 1] > level[4, 1] - level[168, 1]  # looks down: nose lower
    roll = placed(0, 0, 20).points
    assert roll[263, 1] > roll[33, 1]  # clockwise: the picture's right eye lower


def eyes(opening: float, width: float = 1.0) -> NDArray[np.float32]:
    points = np.zeros((POINTS, 3), np.float32)
    for corner, inner, lids in ((33, 133, m.LIDS["right"]), (263, 362, m.LIDS["left"])):
        points[inner, 0] = points[corner, 0] + width
        for upper, lower in lids:
            points[upper, 1], points[lower, 1] = -opening / 2, opening / 2
    return points


def test_aspects_of_hand_made_eyes_and_mouth() -> None:
    assert m.eye_aspect(Mesh(eyes(0.3), 1.0)) == pytest.approx((0.3, 0.3))
    assert m.eye_aspect(Mesh(eyes(0.3, width=2.0) * np.float32(7), 1.0)) == pytest.approx((0.15, 0.15))
    mouth = np.zeros((POINTS, 3), np.float32)
    mouth[308, 0] = 2.0
    for upper, lower in m.LIPS:
        mouth[upper, 1], mouth[lower, 1] = -0.5, 0.5
    assert m.mouth_aspect(Mesh(mouth, 1.0)) == pytest.approx(0.5)
    assert m.mouth_aspect(Mesh(np.zeros((POINTS, 3), np.float32), 1.0)) == 0


@given(st.floats(-40, 40), st.floats(-25, 25))
def test_turning_the_head_does_not_open_the_eyes(yaw: float, pitch: float) -> None:
    still, turned = m.eye_aspect(placed(0, 0, 0)), m.eye_aspect(placed(yaw, pitch, 10))
    np.testing.assert_allclose(turned, still, rtol=0.2)


@pytest.mark.weights
def test_a_mirrored_portrait_flips_yaw_and_roll_and_swaps_the_eyes(
    face_mesh: FaceMesh, portraits: list[Image], largest: Callable[[Image], Face]
) -> None:
    rows = []
    for image in portraits:
        size_wh = (image.shape[1], image.shape[0])
        mirrored = np.ascontiguousarray(image[:, ::-1])
        first, second = (face_mesh(picture, [largest(picture)])[0] for picture in (image, mirrored))
        one, two = m.head_pose(first, size_wh), m.head_pose(second, size_wh)
        right, left = m.eye_aspect(first)
        rows.append(
            (one.yaw + two.yaw, one.pitch - two.pitch, one.roll + two.roll, right - m.eye_aspect(second)[1], left)
        )
        assert one.largest < 20  # they look straight ahead
    off = np.abs(np.array(rows))
    assert np.median(off[:, :3], axis=0).max() < 2.5
    assert off[:, :3].max() < 6
    assert float(np.median(off[:, 3])) < 0.02
