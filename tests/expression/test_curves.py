"""Curves in bounded memory: all points while they are few, means of neighbours when they are many."""

from __future__ import annotations

import numpy as np
import pytest

from vultus.expression import Curves, Look
from vultus.expression.curves import POINTS
from vultus.types import Box, Expression

CLASSES = ("happy", "sad")


def look(number: int, happy: float | None, track: int = 0) -> Look:
    answer = Expression(CLASSES, (), "m", "away") if happy is None else Expression(CLASSES, (happy, 1 - happy), "m")
    return Look(track, 0, number, number / 10, Box(0, 0, 9, 9), answer, answer)


def test_nothing() -> None:
    assert Curves().all() == ()


def test_few_looks_are_kept_as_they_are() -> None:
    curves = Curves()
    for number, happy in enumerate((1.0, 0.5, None, 0.0)):
        curves.add("a.mp4", look(number, happy))
    (curve,) = curves.all()
    assert (curve.source, curve.track, curve.start, curve.end) == ("a.mp4", 0, 0.0, 0.3)
    assert (curve.looks, curve.abstained) == (4, 1)
    times, values = curve.points()
    assert times == [0.0, 0.1, 0.2, 0.3]
    assert values == [(1.0, 0.0), (0.5, 0.5), None, (0.0, 1.0)]
    assert curve.means == {"happy": 0.5, "sad": 0.5}


def test_a_track_without_an_answer_has_no_most() -> None:
    curves = Curves()
    curves.add("a.mp4", look(0, None))
    (curve,) = curves.all()
    assert (curve.most, curve.means, curve.reason) == (None, {}, "away")


@pytest.mark.parametrize("count", [POINTS - 1, POINTS, POINTS + 1, 7 * POINTS + 13])
def test_many_looks_become_means_of_their_neighbours(count: int) -> None:
    curves = Curves()
    shares = np.random.default_rng(0).random(count)
    for number, share in enumerate(shares):
        curves.add("a.mp4", look(number, float(share)))
    (curve,) = curves.all()
    times, values = curve.points()
    assert len(times) == len(values) <= POINTS
    assert times == sorted(times)
    kept = np.array(values)
    assert np.allclose(kept.sum(axis=1), 1)
    each = 1
    while count // each >= POINTS:
        each *= 2
    whole = count // each * each
    np.testing.assert_allclose(kept[: whole // each, 0], shares[:whole].reshape(-1, each).mean(axis=1), atol=1e-9)
    assert curve.looks == count
    assert curve.end == (count - 1) / 10


def test_tracks_and_films_are_kept_apart() -> None:
    curves = Curves()
    curves.add("a.mp4", look(0, 1.0))
    curves.add("a.mp4", look(0, 0.0, track=1))
    curves.add("b.mp4", look(0, 0.5))
    assert [(curve.source, curve.track) for curve in curves.all()] == [("a.mp4", 0), ("a.mp4", 1), ("b.mp4", 0)]
