"""The crop: framed as FER2013's tiles, upright, and nothing that cannot be read."""

from __future__ import annotations

import importlib.util
import math
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from vultus.analyzer import detector
from vultus.datasets import fer2013
from vultus.models.expression.crop import POINTS, SMALLEST, TILE, blank, crop, levelled, unreadable
from vultus.types import Box, Face, Image, Landmarks

pytestmark = pytest.mark.weights


@pytest.fixture(scope="module")
def face(astronaut: Image) -> Face:
    return detector("yunet")([astronaut])[0][0]


def face_of(landmarks: Landmarks, score: float = 0.9) -> Face:
    (x1, y1), (x2, y2) = landmarks.min(axis=0) - 10, landmarks.max(axis=0) + 10
    return Face(Box(float(x1), float(y1), float(x2), float(y2)), np.asarray(landmarks, np.float32), score)


def placed(times: float, x: float, y: float) -> Landmarks:
    """The points of a face, enlarged and moved."""
    return np.asarray(POINTS * times + (x, y), np.float32)


def test_of_nothing_nothing_can_be_seen() -> None:
    nothing = crop(np.zeros((100, 100, 3), np.uint8), placed(1, 20, 20))
    assert nothing.shape == (48, 48, 3)
    assert blank(nothing)


@pytest.mark.parametrize("side", [24, 48, 96, 224])
def test_a_tile_at_its_own_size_is_itself(side: int) -> None:
    tile = np.random.default_rng(0).integers(0, 256, (TILE, TILE), dtype=np.uint8)
    tile = cv2.GaussianBlur(tile, (0, 0), 4)
    large = cv2.resize(tile, (side, side), interpolation=cv2.INTER_LINEAR if side > TILE else cv2.INTER_AREA)
    points = (POINTS + 0.5) * (side / TILE) - 0.5
    again = crop(np.repeat(large[:, :, None], 3, axis=2), points)[:, :, 0]
    assert np.abs(again.astype(int) - tile)[2:-2, 2:-2].mean() < (0.01 if side == TILE else 2.0)


@pytest.mark.parametrize("degrees", [-170, -90, -30, 15, 60, 180])
def test_a_face_on_its_side_is_turned_upright(astronaut: Image, face: Face, degrees: float) -> None:
    height, width = astronaut.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    turned = cv2.warpAffine(astronaut, matrix, (width, height), flags=cv2.INTER_CUBIC)
    points = face.landmarks @ matrix[:, :2].T + matrix[:, 2]
    difference = crop(turned, points).astype(int) - crop(astronaut, face.landmarks)
    assert np.abs(difference).mean() < 3
    assert unreadable(turned, face_of(points)) == ""


@pytest.mark.parametrize("times", [0.5, 1.7, 4.0])
def test_the_size_of_a_face_makes_little_difference(astronaut: Image, face: Face, times: float) -> None:
    how = cv2.INTER_AREA if times < 1 else cv2.INTER_CUBIC
    scaled = cv2.resize(astronaut, None, fx=times, fy=times, interpolation=how)
    points = (face.landmarks + 0.5) * times - 0.5
    difference = crop(scaled, points).astype(int) - crop(astronaut, face.landmarks)
    assert np.abs(difference).mean() < 4


def test_grey_in_all_three_channels_and_the_picture_untouched(astronaut: Image, face: Face) -> None:
    before = astronaut.copy()
    found = crop(astronaut, face.landmarks)
    assert (found[..., 0] == found[..., 1]).all()
    assert (found[..., 0] == found[..., 2]).all()
    assert (astronaut == before).all()
    grey = cv2.cvtColor(astronaut, cv2.COLOR_RGB2GRAY)
    assert (crop(grey, face.landmarks) == found).all()


def test_grey_levels_are_spread_as_in_the_tiles() -> None:
    rng = np.random.default_rng(0)
    dull = np.repeat(rng.normal(100, 12, (48, 48, 1)).clip(0, 255).astype(np.uint8), 3, axis=2)
    found = levelled(dull)
    assert found[..., 0].mean() == pytest.approx(127.5, abs=5)
    assert found[..., 0].std() == pytest.approx(73.9, abs=3)
    again = levelled(found)
    assert np.abs(again.astype(int) - found).mean() < 2
    order = np.argsort(dull[..., 0].ravel(), kind="stable")
    assert (np.diff(found[..., 0].ravel()[order].astype(int)) >= 0).all()


PICTURE = np.full((400, 400, 3), 128, np.uint8)


def turned_aside() -> Landmarks:
    points = placed(2, 100, 100)
    points[2, 0] = points[1, 0] + 4  # the nose beyond the left eye
    return points


@pytest.mark.parametrize(
    ("face", "said"),
    [
        (face_of(placed(0.4, 100, 100)), "19 pixels wide, 28 are needed"),
        (face_of(placed(2, -60, 100)), "outside the picture"),
        (face_of(placed(2, 100, 350)), "outside the picture"),
        (face_of(turned_aside()), "turned aside"),
        (face_of(np.full((5, 2), math.nan, np.float32)), "no extent"),
        (Face(Box(10, 10, 90, 90), np.full((5, 2), math.nan, np.float32), 0.9), "missing"),
        (Face(Box(10, 10, 90, 90), np.zeros((0, 2), np.float32), 0.9), "missing"),
        (Face(Box(10, 10, 90, 90), np.full((5, 2), 50, np.float32), 0.9), "do not lie"),
        (Face(Box(-200, -200, 250, 250), placed(2, 100, 100), 0.9), "beyond the picture's edge"),
        (Face(Box(50, 50, 50, 50), placed(2, 100, 100), 0.9), "no extent"),
        (face_of(placed(2, 100, 100), 0.4), "hardly sure"),
        (face_of(placed(2, 100, 100)[[1, 0, 2, 4, 3]]), "do not lie|turned|looks up"),
    ],
)
def test_what_cannot_be_read_is_said(face: Face, said: str) -> None:
    assert re.search(said, unreadable(PICTURE, face))


def test_a_face_as_it_should_be_is_read() -> None:
    assert unreadable(PICTURE, face_of(placed(2, 100, 100))) == ""
    assert unreadable(PICTURE, face_of(placed((SMALLEST + 0.5) / TILE, 100, 100))) == ""


@pytest.mark.data
def test_the_points_are_where_the_benchmark_finds_them(data: Path) -> None:
    """benchmarks/expression_crop.py over, with fewer tiles."""
    place = Path(__file__).parents[3] / "benchmarks" / "expression_crop.py"
    spec = importlib.util.spec_from_file_location("expression_crop_benchmark", place)
    assert spec is not None
    assert spec.loader is not None
    benchmark: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    tiles = fer2013.read(data / "fer2013")["train"].images()[:: 28709 // 80]
    found = detector("yunet")([benchmark.laid(tile) for tile in tiles])
    points = [benchmark.points(max(faces, key=lambda face: face.score)) for faces in found if faces]
    assert len(points) > 0.85 * len(tiles)
    np.testing.assert_allclose(np.median(points, axis=0), POINTS, atol=1.5)
    spread = benchmark.levels(tiles)
    assert spread["mean"] == pytest.approx(127.5, abs=2)
    assert spread["deviation"] == pytest.approx(73.9, abs=2)
