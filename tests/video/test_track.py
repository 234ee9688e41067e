"""The thinned route of a track."""

from __future__ import annotations

import math

import numpy as np
import pytest

from vultus.types import Box
from vultus.video.track import KEPT, Route


def box(x: float, side: float = 50) -> Box:
    return Box(x, 0, x + side, side)


def test_empty_route():
    assert Route().at(0) is None


def test_one_box():
    route = Route()
    route.add(4, box(1))
    assert route.at(4) == box(1)
    assert route.at(3) is None
    assert route.at(5) is None


def test_a_straight_way_is_two_boxes_at_a_time():
    route = Route()
    for frame in range(0, 3000, 3):
        route.add(frame, box(frame / 10))
    assert len(route.frames) < 1000 / 25
    assert [route.at(frame).x1 for frame in (0, 1, 1500, 2995, 2997)] == pytest.approx([0, 0.1, 150, 299.5, 299.7])


def test_a_winding_way_is_told_within_a_few_pixels():
    route = Route()
    way = {frame: 100 * math.sin(frame / 20) + 20 * math.sin(frame / 5) for frame in range(0, 600, 3)}
    for frame, x in way.items():
        route.add(frame, box(x))
    assert len(route.frames) < len(way)
    errors = [abs(route.at(frame).x1 - x) for frame, x in way.items()]
    assert max(errors) <= 0.05 * 50


def test_an_endless_way_stays_small():
    route = Route()
    places = np.random.default_rng(0).uniform(0, 500, 20_000)
    for frame, x in enumerate(places.tolist()):
        route.add(frame, box(x))
    assert len(route.frames) <= KEPT
    assert route.at(0) == box(places[0])
    assert route.at(19_999) == box(places[-1])


def test_parting():
    route = Route()
    for frame in range(0, 100, 5):
        route.add(frame, box(frame))
    before, after = route.parted(50)
    assert before.at(50) is None
    assert after.at(45) is None
    assert before.at(20).x1 == pytest.approx(20)
    assert after.at(95).x1 == pytest.approx(95)
