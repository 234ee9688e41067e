"""Morphs: geometry by hand, and the properties that a morph must have."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import Delaunay

from vultus.analyzer import Analyzer
from vultus.errors import InputError
from vultus.integrity.morphing import MESH_POINTS, Points, face_points, frame_points, morph, triangulate
from vultus.types import Image

Two = tuple[Image, Image, Points, Points]


@pytest.fixture(scope="module")
def two(astronaut: Image) -> Two:
    """A face, and the same face turned over and stretched, with five points each."""
    first = np.ascontiguousarray(astronaut[0:240, 110:310])
    ours = np.array([[95.0, 105], [135, 103], [117, 125], [100, 148], [133, 146]])
    matrix = np.array([[-1.08, 0.04, 212.0], [0.03, 0.94, 4.0]])
    second = cv2.warpAffine(first, matrix, (200, 240), borderMode=cv2.BORDER_REFLECT)
    theirs = (ours @ matrix[:, :2].T + matrix[:, 2])[[1, 0, 2, 4, 3]]
    return first, np.asarray(second, np.uint8), ours, theirs


def area(points: Points, triangles: np.ndarray) -> np.ndarray:
    a, b, c = (points[triangles[:, corner]] for corner in range(3))
    return ((b - a)[:, 0] * (c - a)[:, 1] - (c - a)[:, 0] * (b - a)[:, 1]) / 2


def test_the_frame_by_hand() -> None:
    assert frame_points((5, 3)).tolist() == [[0, 0], [2, 0], [4, 0], [0, 1], [4, 1], [0, 2], [2, 2], [4, 2]]


@given(st.integers(0, 10_000))
def test_triangles_cover_the_frame_once_and_are_scipys(seed: int) -> None:
    inner = np.unique(np.random.default_rng(seed).integers(3, 60, (12, 2)), axis=0) + 0.25
    points = np.vstack([inner, frame_points((64, 64))])
    triangles = triangulate(points, (64, 64))
    assert (area(points, triangles) > 0).all()
    assert area(points, triangles).sum() == pytest.approx(63 * 63)
    assert area(points, triangles).sum() == pytest.approx(np.abs(area(points, Delaunay(points).simplices)).sum())


def test_no_points_no_morph(two: Two) -> None:
    first, second, ours, theirs = two
    for points in ((np.empty((0, 2)), np.empty((0, 2))), (ours, theirs[:4]), (ours[:2], theirs[:2])):
        with pytest.raises(InputError, match="points"):
            morph(first, second, points)
    with pytest.raises(InputError, match="one size"):
        morph(first, second[:-1], (ours, theirs))
    for alpha in (-0.1, 1.1, float("nan")):
        with pytest.raises(InputError, match="alpha"):
            morph(first, second, (ours, theirs), alpha)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("clone", [False, True])
def test_a_face_with_itself_is_itself(two: Two, alpha: float, clone: bool) -> None:
    first, _, ours, _ = two
    made = morph(first, first, (ours, ours), alpha, clone=clone).image
    assert np.abs(made.astype(int) - first).max() <= 3 if clone else 1


def test_one_and_nought_are_the_pictures_themselves(two: Two) -> None:
    first, second, ours, theirs = two
    for alpha, picture in ((1.0, first), (0.0, second)):
        made = morph(first, second, (ours, theirs), alpha, clone=False).image
        assert np.abs(made.astype(int) - picture).max() <= 1


@pytest.mark.parametrize("alpha", [0.1, 0.5, 0.9])
def test_swapping_both_changes_nothing_before_cloning(two: Two, alpha: float) -> None:
    first, second, ours, theirs = two
    one = morph(first, second, (ours, theirs), alpha, clone=False)
    other = morph(second, first, (theirs, ours), 1 - alpha, clone=False)
    assert one.points == pytest.approx(other.points)
    difference = np.abs(one.image.astype(int) - other.image)
    assert difference.mean() < 0.05
    assert np.quantile(difference, 0.999) <= 2  # triangles of four points on a circle may be cut the other way


def test_every_triangle_is_of_positive_area(two: Two) -> None:
    first, second, ours, theirs = two
    made = morph(first, second, (ours, theirs), 0.5)
    assert len(made.triangles) > 12
    assert (area(made.points, made.triangles) > 0).all()


def test_points_that_would_fold_are_left_out(two: Two) -> None:
    first, second, ours, theirs = two
    crossed = theirs.copy()
    crossed[[0, 1]] = crossed[[1, 0]]
    made = morph(first, second, (ours, crossed), 0.5)
    assert len(made.points) < 8 + 5
    assert (area(made.points, made.triangles) > 0).all()


def test_points_outside_the_frame_are_left_out(two: Two) -> None:
    first, second, ours, theirs = two
    ours, theirs = (np.vstack([each, [[-20.0, 500.0]]]) for each in (ours, theirs))
    assert len(morph(first, second, (ours, theirs), 0.5).points) == 8 + 5


def test_the_surroundings_are_the_first_pictures(two: Two) -> None:
    first, second, ours, theirs = two
    cloned = morph(first, second, (ours, theirs), 0.5, clone=True).image
    plain = morph(first, second, (ours, theirs), 0.5, clone=False).image
    corner = np.s_[:20, :20]
    assert (
        np.abs(cloned[corner].astype(int) - first[corner]).mean()
        < np.abs(plain[corner].astype(int) - first[corner]).mean()
    )


def test_the_mesh_outlines_a_real_face(astronaut: Image, analyzer: Analyzer) -> None:
    (face, *_) = analyzer.detect(astronaut)
    dense, five = face_points(astronaut, face, analyzer), face_points(astronaut, face, None)
    assert (dense.shape, five.shape) == ((len(MESH_POINTS), 2), (5, 2))
    right = dense[[MESH_POINTS.index(33), MESH_POINTS.index(133)]].mean(axis=0)
    assert np.linalg.norm(right - five[0]) < 0.2 * np.linalg.norm(five[1] - five[0])
    mirrored = np.ascontiguousarray(astronaut[:, ::-1])
    (other, *_) = analyzer.detect(mirrored)
    made = morph(astronaut, mirrored, (dense, face_points(mirrored, other, analyzer)), 0.5)
    assert len(made.points) - 8 > 60
    assert (area(made.points, made.triangles) > 0).all()
