from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vultus.errors import InputError
from vultus.metrics.identification import (
    best_scores,
    cmc,
    fnir,
    fpir,
    fuse_max,
    missed,
    ranks,
    selectivity,
    threshold_at_fpir,
)
from vultus.metrics.verification import fmr

A, B, C, D = range(4)
MATES = np.array([A, A, B, C, D, D])
MATED = np.array(
    [
        [0.81, 0.30, 0.20, 0.10],
        [0.42, 0.55, 0.10, 0.05],
        [0.15, 0.66, 0.64, 0.02],
        [0.10, 0.20, 0.38, 0.31],
        [0.10, 0.50, 0.20, 0.50],
        [np.nan] * 4,
    ]
)
NON_MATED = np.array(
    [[0.47, 0.20, 0.10, 0.05], [0.22, 0.58, 0.33, 0.10], [0.10, 0.12, 0.15, 0.18], [0.39, 0.39, 0.01, 0]]
)

matrices = arrays(
    np.float64,
    st.tuples(st.integers(1, 12), st.integers(1, 6)),
    elements=st.integers(-10, 10).map(lambda v: v / 10) | st.just(math.nan),
)


def test_no_searches() -> None:
    empty, nobody = np.zeros((0, 4)), np.zeros(0, dtype=int)
    assert fnir(empty, nobody, 0.5).n == fpir(empty, 0.5).n == 0
    assert math.isnan(selectivity(empty, 0.5))
    assert ranks(empty, nobody).shape == (0,)
    with pytest.raises(InputError, match="got none"):
        cmc(empty, nobody)
    with pytest.raises(InputError, match="got none"):
        threshold_at_fpir(empty, 0.1)


def test_nobody_enrolled_names_nobody() -> None:
    searches = np.zeros((3, 0))
    assert (fpir(searches, -1.0).k, fpir(searches, -1.0).n) == (0, 3)
    assert np.isnan(best_scores(searches)).all()
    assert fuse_max(np.zeros((3, 0)), np.zeros(0, dtype=int), 0).shape == (3, 0)


@pytest.mark.parametrize(
    ("threshold", "misses", "named", "candidates"),
    [
        (-math.inf, (3, 1, 1), 4, 4),
        (0.38, (3, 1, 1), 3, 1),
        (0.40, (4, 2, 2), 2, 0.5),
        (0.45, (4, 3, 3), 2, 0.5),
        (0.56, (4, 4, 4), 1, 0.25),
        (0.60, (4, 4, 4), 0, 0),
        (0.70, (5, 5, 5), 0, 0),
    ],
)
def test_open_set_fixture(threshold: float, misses: tuple[int, ...], named: int, candidates: float) -> None:
    found = [fnir(MATED, MATES, threshold, rank) for rank in (1, 2, 4)]
    assert tuple(rate.k for rate in found) == misses
    assert {rate.n for rate in found} == {6}
    assert (fpir(NON_MATED, threshold).k, fpir(NON_MATED, threshold).n) == (named, 4)
    assert selectivity(NON_MATED, threshold) == candidates


def test_cmc_of_the_fixture() -> None:
    np.testing.assert_allclose(cmc(MATED, MATES), [0.5, 5 / 6, 5 / 6, 5 / 6])
    assert ranks(MATED, MATES).tolist() == [1, 2, 1, 1, 2, 5]
    assert missed(MATED, MATES, 0.4).tolist() == [False, True, False, True, True, True]


def test_threshold_at_fpir_worked_by_hand() -> None:
    # Best scores of the four searches: .47 .58 .18 .39.
    assert threshold_at_fpir(NON_MATED, 0.25) == 0.58
    assert threshold_at_fpir(NON_MATED, 0.5) == 0.47
    assert threshold_at_fpir(NON_MATED, 0.0) == np.nextafter(0.58, 1)


def test_a_stranger_without_template_stays_in_the_denominator() -> None:
    rate = fpir(np.vstack([NON_MATED, [[np.nan] * 4]]), 0.4)
    assert (rate.k, rate.n) == (2, 5)


def test_fusion_takes_the_best_template() -> None:
    scores = np.array([[0.1, 0.9, np.nan, 0.3], [0.2, np.nan, np.nan, 0.4]])
    fused = fuse_max(scores, np.array([1, 0, 2, 1]), 4)
    np.testing.assert_array_equal(fused, [[0.9, 0.3, np.nan, np.nan], [np.nan, 0.4, np.nan, np.nan]])


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="owner in 0"):
        fuse_max(np.zeros((1, 2)), np.array([0, 2]), 2)
    with pytest.raises(InputError, match="owner in 0"):
        fuse_max(np.zeros((1, 2)), np.array([0]), 2)
    with pytest.raises(InputError, match="mate in 0"):
        ranks(MATED, np.array([0, 0, 0, 0, 0, 4]))
    with pytest.raises(InputError, match="a rank from 1"):
        fnir(MATED, MATES, 0.5, rank=0)
    with pytest.raises(InputError, match="searches, people"):
        fpir(np.zeros(4), 0.5)


@given(matrices, st.data())
def test_properties(scores: np.ndarray, data: st.DataObject) -> None:
    searches, people = scores.shape
    mates = data.draw(arrays(np.int64, searches, elements=st.integers(0, people - 1)))
    low, high = sorted(data.draw(st.tuples(st.floats(-1, 1), st.floats(-1, 1))))
    # Raising the threshold loses mates and spares strangers; a longer list finds more.
    assert fnir(scores, mates, low).k <= fnir(scores, mates, high).k
    assert fpir(scores, low).k >= fpir(scores, high).k
    assert fnir(scores, mates, low, people).k <= fnir(scores, mates, low).k
    assert selectivity(scores, low) >= fpir(scores, low).value
    np.testing.assert_allclose(
        cmc(scores, mates), [1 - fnir(scores, mates, -math.inf, rank).value for rank in range(1, people + 1)]
    )
    # Neither the order of the searches nor that of the people matters.
    rows, columns = data.draw(st.permutations(range(searches))), data.draw(st.permutations(range(people)))
    moved, where = scores[rows][:, columns], np.argsort(columns)[mates[rows]]
    assert fnir(moved, where, low) == fnir(scores, mates, low)
    assert fpir(moved, low) == fpir(scores, low)
    # FPIR is the FMR of the best scores, and more people never make it smaller.
    assert fpir(scores, low) == fmr(best_scores(scores), low)
    assert fpir(scores[:, : people - 1], low).k <= fpir(scores, low).k


def test_random_vectors_are_not_found() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(720, 128))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    gallery, probes, strangers = vectors[:20], vectors[20:420], vectors[420:]
    threshold = threshold_at_fpir(strangers @ gallery.T, 0.01)
    assert fnir(probes @ gallery.T, np.arange(400) % 20, threshold).value > 0.98
