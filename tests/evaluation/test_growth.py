from __future__ import annotations

import math

import numpy as np
import pytest

from vultus.evaluation.growth import LEVELS, People, grouped, growth, pooling

from .conftest import crowd


def levels(known: People) -> tuple[np.ndarray, np.ndarray]:
    different = known.codes[:, None] != known.codes
    scores = np.sort(known.scores[different])
    rates = np.array([rate for rate in LEVELS if rate * scores.size > 100])
    return np.array([scores[-int(rate * scores.size)] for rate in rates], dtype=np.float64), rates


def test_nobody() -> None:
    known = grouped(np.zeros((0, 4), np.float32), np.array([], dtype=str))
    assert known.scores.shape == (0, 0)
    found = growth(known, np.array([0.5]), np.array([0.01]), 0)
    assert (found.clumping, found.overlap, found.templates) == (math.inf, 0.0, 1)
    assert pooling(known, np.array([0.5]), np.array([0.01]), 0) is None


def test_sorted_by_person() -> None:
    vectors = np.eye(5, dtype=np.float32)
    known = grouped(vectors, np.array(["b", "a", "b", "c", "a"]))
    assert known.codes.tolist() == [0, 0, 1, 1, 2]
    assert known.first.tolist() == [0, 2, 4]
    assert known.pictures.tolist() == [2, 2, 1]
    assert known.rows(1).tolist() == [2, 3]


def test_many_pictures_are_thinned_by_whole_people(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vultus.evaluation.growth._MOST_PICTURES", 30)
    known = grouped(*crowd(40, 3, seed=0))
    assert known.scores.shape == (30, 30)
    assert known.pictures.tolist() == [3] * 10


def test_identical_templates_add_nothing_and_unlike_ones_in_full() -> None:
    """The exponent is 0 where a person's pictures are one picture, and 1 where they share nothing."""
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(150), 4)
    same = np.repeat(rng.normal(size=(150, 32)), 4, axis=0)
    unlike = rng.normal(size=(600, 32))
    for vectors, expected in ((same, 0.0), (unlike, 1.0)):
        unit = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
        known = grouped(unit, people)
        thresholds, rates = levels(known)
        found = growth(known, thresholds, rates, 0)
        exponent = 1 - found.overlap * rates**found.decay
        assert exponent == pytest.approx(np.full(len(rates), expected), abs=0.1)


def test_strangers_who_resemble_many_clump() -> None:
    """Vectors around a common direction, some nearer than others: hubs draw many matches each."""
    rng = np.random.default_rng(0)

    def clumping(spread: float) -> float:
        common = np.zeros(32)
        common[0] = 1
        nearness = 1 + spread * rng.random((400, 1))
        vectors = rng.normal(size=(400, 32)) + nearness * common
        unit = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
        known = grouped(unit, np.arange(400))
        thresholds, rates = levels(known)
        return growth(known, thresholds, rates, 0).clumping

    assert clumping(spread=6.0) < 0.5 * clumping(spread=0.0)


def test_pooling_helps_strangers_only_where_people_share_a_space() -> None:
    """A mean loses what is the picture's own; nearer to all others it comes only if people lie close together."""
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(200), 5)
    for dimensions, least, most in ((64, 0.9, 1.1), (12, 1.2, 5.0)):
        identity = np.zeros((1000, 64))
        identity[:, :dimensions] = np.repeat(rng.normal(size=(200, dimensions)), 5, axis=0)
        vectors = identity + 0.3 * rng.normal(size=(1000, 64))
        unit = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
        known = grouped(unit, people)
        thresholds, rates = levels(known)
        found = pooling(known, thresholds, rates, 0)
        assert found is not None
        assert (found.pictures, found.people) == (5, 200)
        ratio = found.factor * rates**-found.slope
        assert least < ratio.min() <= ratio.max() < most
    assert pooling(grouped(*crowd(200, 4, seed=0)), thresholds, rates, 0) is None
