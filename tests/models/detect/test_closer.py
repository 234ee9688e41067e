from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vultus import images, registry
from vultus.analyzer import Analyzer, detector
from vultus.models.detect.closer import CANVAS, SIDE, closer
from vultus.models.detect.pyramid import Pyramid
from vultus.models.landmark.eyes import CORNERS
from vultus.types import Box, Face, Image

# Where the five points lie in a box that is three wide and four high.
PLACES = np.array([(0.25, 0.35), (0.75, 0.35), (0.5, 0.55), (0.3, 0.75), (0.7, 0.75)])
Points = NDArray[np.float64]


class Dots:
    """Finds a face where five white dots are, upright as faces are."""

    card = registry.card("yunet")
    smallest, largest = 16, 320

    def __init__(self) -> None:
        self.shown: list[list[tuple[int, ...]]] = []

    def __call__(self, pictures: Sequence[Image]) -> list[list[Face]]:
        self.shown.append([picture.shape for picture in pictures])
        return [self._find(picture) for picture in pictures]

    def _find(self, picture: Image) -> list[Face]:
        count, _, _, centres = cv2.connectedComponentsWithStats((picture[..., 0] > 100).astype(np.uint8))
        if count != 6:
            return []
        by_height = centres[1:][np.argsort(centres[1:, 1])]
        eyes, nose, mouth = by_height[:2], by_height[2:3], by_height[3:]
        points = np.concatenate([eyes[np.argsort(eyes[:, 0])], nose, mouth[np.argsort(mouth[:, 0])]])
        width, height = (points[1, 0] - points[0, 0]) / 0.5, (points[3, 1] - points[0, 1]) / 0.4
        x1, y1 = points[0] - PLACES[0] * (width, height)
        return [Face(Box(x1, y1, x1 + width, y1 + height), points.astype(np.float32), 0.8)]


class AgreeingDots(Dots):
    """Asked to agree, it finds every point a pixel lower."""

    def agreed(self, pictures: Sequence[Image]) -> list[list[Face]]:
        lower = np.array([0, 1], np.float32)
        return [[replace(face, landmarks=face.landmarks + lower) for face in found] for found in self(pictures)]


def drawn(size: int, centre: tuple[float, float], height: float, degrees: float = 0) -> tuple[Image, Points, Box]:
    """Five dots on black, where they are, and the box that a detector gives a tilted face."""
    turn = math.radians(degrees)
    rotation = np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
    points = ((PLACES - 0.5) * (0.75 * height, height)) @ rotation + centre
    picture = np.zeros((size, size, 3), np.uint8)
    for x, y in points:
        place = (round(x * 16), round(y * 16))
        cv2.circle(picture, place, round(height / 40 * 16), (255, 255, 255), -1, cv2.LINE_AA, shift=4)
    half = 0.5 * height * abs(rotation) @ (0.75, 1)
    half *= height / (2 * half.max())  # as long as the face is, however it lies
    return picture, points, Box(*(centre - half), *(centre + half))


def roughly(points: Points, box: Box, by: float = 0.06) -> Face:
    """A face whose points are off by shares of its height."""
    off = np.array([(1, -0.5), (-0.5, 1), (0.8, 0.8), (-1, 0.2), (0.4, -1)]) * by * max(box.width, box.height)
    return Face(box, (points + off).astype(np.float32), 0.7)


def across(points: Points) -> float:
    return float(np.linalg.norm(points[1] - points[0]))


def test_no_faces() -> None:
    finder = Dots()
    assert closer(finder, np.zeros((50, 50, 3), np.uint8), []) == []
    assert finder.shown == []


def test_an_ordinary_face_is_left_and_costs_nothing() -> None:
    picture, points, box = drawn(600, (300, 300), SIDE)
    finder, face = Dots(), roughly(points, box)
    assert closer(finder, picture, [face]) == [face]
    assert finder.shown == []


@pytest.mark.parametrize("height", [230, 400, 447, 449, 1000, 2500])
@pytest.mark.parametrize("degrees", [0, 17, -40, 90, 180, 265])
def test_points_of_a_large_face_are_put_right(height: int, degrees: float) -> None:
    size = round(height * 1.6)
    picture, points, box = drawn(size, (size * 0.51, size * 0.48), height, degrees)
    before, first = picture.copy(), roughly(points, box)
    finder = Dots()
    (found,) = closer(finder, picture, [first])
    assert np.abs(found.landmarks - points).max() < 0.004 * across(points) + 0.05
    assert (found.box, found.score, found.rotation) == (first.box, first.score, first.rotation)
    # Points that were off by their tilt are looked at once more, now upright.
    assert finder.shown in ([[(CANVAS, CANVAS, 3)] * 2], [[(CANVAS, CANVAS, 3)] * 2] * 2)
    assert (picture == before).all()


def test_a_face_at_the_picture_s_edge_is_put_right_too() -> None:
    picture, points, box = drawn(900, (200, 640), 640)
    assert box.x1 < 0 < 900 < box.y2
    (found,) = closer(Dots(), picture, [roughly(points, box)])
    assert np.abs(found.landmarks - points).max() < 0.004 * across(points)


def test_a_face_that_is_not_found_again_stays_as_it_was() -> None:
    picture, points, box = drawn(900, (450, 450), 500)
    face = roughly(points, box)
    assert closer(Dots(), np.zeros_like(picture), [face]) == [face]
    beyond = replace(face, box=Box(5000, 5000, 5500, 5600), landmarks=face.landmarks + np.float32(4800))
    assert closer(Dots(), picture, [beyond]) == [beyond]


def test_a_neighbour_is_not_taken_for_the_face() -> None:
    picture, points, box = drawn(1200, (500, 500), 400)
    shifted = Box(box.x1 + 180, box.y1, box.x2 + 180, box.y2)
    face = roughly(points + np.array([180, 0]), shifted)
    assert closer(Dots(), picture, [face]) == [face]


@pytest.mark.parametrize("worth", [math.nan, math.inf])
def test_numbers_that_are_none_are_no_error(worth: float) -> None:
    picture, points, box = drawn(900, (450, 450), 500)
    broken = points.copy()
    broken[2, 0] = worth
    faces = [roughly(broken, box), roughly(points, replace(box, x2=worth)), Face(box, np.ones((5, 2), np.float32), 0.7)]
    assert closer(Dots(), picture, faces[:2]) == faces[:2]
    assert np.isfinite(closer(Dots(), picture, faces[2:])[0].landmarks).all()


def test_a_detector_that_can_agree_is_asked_to() -> None:
    picture, points, box = drawn(1200, (600, 600), 3 * SIDE)
    (found,) = closer(AgreeingDots(), picture, [roughly(points, box)])
    # A pixel of the second look is three of the picture.
    np.testing.assert_allclose(found.landmarks, points + np.array([0, 3]), atol=1)


def test_the_order_of_faces_is_kept() -> None:
    left, points, box = drawn(1600, (450, 800), 400)
    right, others, other = drawn(1600, (1200, 800), 400)
    faces = [roughly(points, box), Face(Box(10, 10, 40, 50), np.ones((5, 2), np.float32), 0.9), roughly(others, other)]
    found = closer(Dots(), left | right, faces)
    assert found[1] is faces[1]
    np.testing.assert_allclose(found[0].landmarks, points, atol=1)
    np.testing.assert_allclose(found[2].landmarks, others, atol=1)


@pytest.fixture(scope="module")
def pyramid() -> Pyramid:
    return Pyramid(detector("yunet"))


def enlarged(image: Image, times: float) -> Image:
    return np.asarray(cv2.resize(image, None, fx=times, fy=times, interpolation=cv2.INTER_CUBIC), np.uint8)


@pytest.mark.weights
def test_points_do_not_depend_on_the_size_of_a_large_face(pyramid: Pyramid, astronaut: Image) -> None:
    large = enlarged(astronaut, 2.5)
    one, three = pyramid(large)[0], pyramid(enlarged(large, 3))[0]
    assert one.box.height > SIDE
    points = (three.landmarks + 0.5) / 3 - 0.5
    apart = np.linalg.norm(points - one.landmarks, axis=1)
    assert apart.max() < 0.03 * across(one.landmarks.astype(np.float64))


@pytest.mark.weights
@pytest.mark.parametrize("degrees", [25, -25])
def test_points_turn_with_a_large_face(pyramid: Pyramid, astronaut: Image, degrees: float) -> None:
    large = enlarged(astronaut, 3)
    matrix = cv2.getRotationMatrix2D((670, 360), degrees, 1.0)
    turned = cv2.warpAffine(large, matrix, large.shape[1::-1])
    straight, tilted = pyramid(large)[0].landmarks, pyramid(turned)[0].landmarks
    expected = straight @ matrix[:, :2].T + matrix[:, 2]
    assert np.linalg.norm(tilted - expected, axis=1).max() < 0.08 * across(straight.astype(np.float64))


@pytest.mark.weights
def test_small_faces_are_as_without_a_second_look(pyramid: Pyramid, astronaut: Image) -> None:
    (without,), (found,) = replace(pyramid, again=False)(astronaut), pyramid(astronaut)
    assert (found.landmarks == without.landmarks).all()


@pytest.mark.weights
def test_large_faces_are_the_same_alone_and_among_others(pyramid: Pyramid, astronaut: Image) -> None:
    pictures = [enlarged(astronaut, 2.5), astronaut, enlarged(astronaut, 2.2), np.ascontiguousarray(astronaut[:, ::-1])]
    together = pyramid.many(pictures)
    alone = [pyramid(picture) for picture in pictures]
    assert [len(faces) for faces in together] == [1, 1, 1, 1]
    points = [[faces[0].landmarks for faces in found] for found in (together, alone)]
    np.testing.assert_allclose(points[0], points[1], atol=0.01)
    assert (pyramid(pictures[0])[0].landmarks == alone[0][0].landmarks).all()


@pytest.mark.weights
def test_films_are_looked_at_once(analyzer: Analyzer, astronaut: Image) -> None:
    large = enlarged(astronaut, 3)
    (still,), (frame,) = analyzer.detect(large), analyzer.for_video().detect(large)
    (once,) = Pyramid(detector("yunet"), smallest=24, again=False)(large)
    np.testing.assert_allclose(frame.landmarks, once.landmarks, atol=0.01)
    assert np.abs(frame.landmarks - still.landmarks).max() > 1


@pytest.mark.weights
@pytest.mark.parametrize("degrees", [0, 20])
def test_points_of_portraits_lie_where_the_mesh_has_them(
    data: Path, analyzer: Analyzer, pyramid: Pyramid, degrees: float
) -> None:
    off: dict[bool, list[Points]] = {True: [], False: []}
    for file in sorted((data / "portraits").glob("*.jpg"))[::10]:
        upright = images.read(str(file))
        matrix = cv2.getRotationMatrix2D((450, 450), degrees, 1.0)
        image = np.asarray(cv2.warpAffine(upright, matrix, upright.shape[1::-1], borderMode=cv2.BORDER_REPLICATE))
        for again, found in off.items():
            faces = replace(pyramid, again=again)(image)[:1]
            mesh = analyzer.meshes(image, faces)[0].points[:, :2].astype(np.float64)
            truth = np.stack([*(mesh[list(pair)].mean(axis=0) for pair in CORNERS), mesh[1], mesh[61], mesh[291]])
            found.append(np.linalg.norm(faces[0].landmarks - truth, axis=1) / across(truth))
    twice, once = (float(np.median(off[which])) for which in (True, False))
    assert twice < 0.06
    assert twice < 0.8 * once
