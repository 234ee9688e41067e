from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vultus import registry
from vultus.analyzer import Analyzer, detector
from vultus.models.detect.pyramid import LARGEST_TILE, OVERLAP, Pyramid, levels, tiles
from vultus.types import Box, Face, Image


class Squares:
    """Finds white squares of 12 to 300 pixels on black, as a detector with those limits would."""

    card = registry.card("yunet")
    smallest = 16
    largest = 320

    def __call__(self, pictures: Sequence[Image]) -> list[list[Face]]:
        return [self._find(picture) for picture in pictures]

    def _find(self, picture: Image) -> list[Face]:
        mask = (picture[..., 0] > 100).astype(np.uint8)
        count, _, stats, _ = cv2.connectedComponentsWithStats(mask)
        found = []
        for x, y, width, height, _ in stats[1:count].tolist():
            if 12 <= max(width, height) <= 400:
                points = np.array([(0.3, 0.3), (0.7, 0.3), (0.5, 0.5), (0.3, 0.8), (0.7, 0.8)])
                points = points * (width, height) + (x, y)
                found.append(Face(Box(x, y, x + width, y + height), points.astype(np.float32), 0.9))
        return found


def picture(size_wh: tuple[int, int], *squares: tuple[int, int, int]) -> Image:
    canvas = np.zeros((size_wh[1], size_wh[0], 3), dtype=np.uint8)
    for x, y, side in squares:
        canvas[y : y + side, x : x + side] = 255
    return canvas


def test_an_empty_picture_has_no_face() -> None:
    assert Pyramid(Squares())(picture((500, 300))) == []


@given(st.tuples(st.integers(1, 9000), st.integers(1, 9000)))
def test_tiles_cover_the_level_and_overlap(size_wh: tuple[int, int]) -> None:
    parts = tiles(size_wh)
    assert max(max(tile.width, tile.height) for tile in parts) <= LARGEST_TILE
    for axis, length in enumerate(size_wh):
        spans = sorted(
            {(tile.x, tile.x + tile.width) if axis == 0 else (tile.y, tile.y + tile.height) for tile in parts}
        )
        assert spans[0][0] == 0
        assert spans[-1][1] == length
        overlaps = [left[1] - right[0] for left, right in pairwise(spans)]
        assert all(overlap >= OVERLAP for overlap in overlaps)


def test_levels_end_when_a_face_that_fills_the_picture_fits() -> None:
    assert levels((250, 250), 1.0) == [1.0]
    assert levels((1280, 720), 1.0) == [1.0, 0.25]
    assert levels((6000, 4000), 2.0) == [2.0, 0.5, 0.125, 0.03125]


@pytest.mark.parametrize("side", [16, 40, 90, 100, 200, 320, 500, 1000, 2500, 3900])
@pytest.mark.parametrize("place", [(0, 0), (1380, 1370), (1500, 37)])
def test_a_square_of_any_size_anywhere_is_found_once(side: int, place: tuple[int, int]) -> None:
    x, y = min(place[0], 6000 - side), min(place[1], 4000 - side)
    faces = Pyramid(Squares())(picture((6000, 4000), (x, y, side)))
    assert len(faces) == 1
    box = faces[0].box
    tolerance = max(side * 0.03, 2)
    np.testing.assert_allclose((box.x1, box.y1, box.x2, box.y2), (x, y, x + side, y + side), atol=tolerance)


def test_order_is_by_area_then_place() -> None:
    faces = Pyramid(Squares())(picture((1000, 400), (700, 50, 30), (20, 20, 30), (300, 100, 60)))
    assert [face.box.round()[0] for face in faces] == [300, 20, 700]


def test_larger_smallest_means_less_work() -> None:
    found = Pyramid(Squares(), smallest=160)(picture((2000, 1000), (100, 100, 60), (900, 300, 300)))
    assert [face.box.round()[0] for face in found] == [900]


@pytest.mark.weights
@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_turned_picture_is_found_and_read_all_the_same(analyzer: Analyzer, astronaut: Image, rotation: int) -> None:
    turned = np.ascontiguousarray(np.rot90(astronaut, k=rotation // 90))  # counter-clockwise
    (reading,) = analyzer.analyze(turned)
    (upright,) = analyzer.analyze(astronaut)
    assert reading.face.rotation == rotation
    assert reading.embedding is not None
    assert upright.embedding is not None
    assert float(reading.embedding @ upright.embedding) > 0.95
    x, y = reading.face.box.centre
    assert turned[int(y), int(x)].tolist() != [0, 0, 0]


@pytest.mark.weights
def test_a_face_that_fills_24_megapixels_and_one_of_16_pixels(astronaut: Image) -> None:
    pyramid = Pyramid(detector("yunet"))
    (face,) = pyramid(astronaut)
    x1, y1, x2, y2 = face.box.round()
    filling = cv2.resize(astronaut[y1:y2, x1:x2], (4000, 6000), interpolation=cv2.INTER_LINEAR)
    found = pyramid(np.ascontiguousarray(filling))
    assert len(found) == 1
    assert min(found[0].box.width / 4000, found[0].box.height / 6000) > 0.8
    scale = 16 / face.box.width
    small = cv2.resize(astronaut, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    wide = np.full((4000, 6000, 3), 90, dtype=np.uint8)
    height, width = small.shape[:2]
    wide[3001 : 3001 + height, 1400 : 1400 + width] = small
    (tiny,) = pyramid(wide)
    assert abs(tiny.box.centre[0] - (1400 + face.box.centre[0] * scale)) < 4
    assert abs(tiny.box.centre[1] - (3001 + face.box.centre[1] * scale)) < 4
