from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from vultus.errors import InputError
from vultus.metrics.intervals import SubjectBootstrap, clopper_pearson, smallest_measurable, wilson


def test_nothing_counted_says_nothing() -> None:
    for rate in (clopper_pearson(0, 0), wilson(0, 0), SubjectBootstrap([], []).rate(np.zeros(0, dtype=bool))):
        assert (rate.k, rate.n, rate.low, rate.high) == (0, 0, 0.0, 1.0)
        assert math.isnan(rate.value)


@pytest.mark.parametrize(
    ("k", "n", "low", "high", "last_digit"),
    [
        (0, 300, 0.0, 0.012221, 6e-7),
        (1, 300, 0.0000844, 0.018431, 6e-7),
        (3, 300, 0.0021, 0.0289, 6e-5),
        (0, 400, 0.0, 0.0092, 6e-5),
        (0, 500, 0.0, 0.007351, 6e-7),
        (7, 500, 0.005647, 0.028632, 6e-7),
        (3, 1000, 0.000619, 0.008742, 6e-7),
        (30, 100_000, 0.000202, 0.000428, 6e-7),
        (300, 300, 0.98778, 1.0, 6e-6),
    ],
)
def test_clopper_pearson_known_answers(k: int, n: int, low: float, high: float, last_digit: float) -> None:
    rate = clopper_pearson(k, n)
    assert (rate.low, rate.high) == pytest.approx((low, high), abs=last_digit)


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.999])
@pytest.mark.parametrize(
    ("k", "n"), [(0, 1), (1, 1), (1, 2), (5, 10), (12, 1_187_131), (500_000, 1_000_000), (999, 1000), (30, 10**7)]
)
def test_both_equal_scipy(k: int, n: int, confidence: float) -> None:
    outside = binomtest(k, n)
    for rate, method in ((clopper_pearson(k, n, confidence), "exact"), (wilson(k, n, confidence), "wilson")):
        bounds = outside.proportion_ci(confidence, method)
        assert rate.low == pytest.approx(bounds.low, rel=1e-6, abs=1e-15)
        assert rate.high == pytest.approx(bounds.high, rel=1e-6)


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_intervals_hold_the_rate_mirror_and_nest(counts: tuple[int, int]) -> None:
    k, n = counts
    for interval in (clopper_pearson, wilson):
        rate, mirrored, wider = interval(k, n), interval(n - k, n), interval(k, n, 0.99)
        assert 0 <= wider.low <= rate.low <= rate.value <= rate.high <= wider.high <= 1
        assert rate.low == pytest.approx(1 - mirrored.high, abs=1e-12)


@pytest.mark.parametrize(("k", "n", "confidence"), [(-1, 5, 0.95), (6, 5, 0.95), (1, 5, 0.0), (1, 5, 1.0)])
def test_impossible_counts_are_refused(k: int, n: int, confidence: float) -> None:
    with pytest.raises(InputError, match="expected"):
        clopper_pearson(k, n, confidence)
    with pytest.raises(InputError, match="expected"):
        wilson(k, n, confidence)


def test_rule_of_thirty() -> None:
    assert [smallest_measurable(n) for n in (0, 10, 30_000, 3_000_000)] == [1.0, 1.0, 1e-3, 1e-5]


def _slow_bootstrap(first, second, errors, replicates: int, seed: int) -> tuple[float, float]:
    """The definition, a comparison at a time: weight w_i w_j across people, w_i within one."""
    people = sorted({*first, *second})
    draws = np.random.default_rng(seed).multinomial(len(people), np.full(len(people), 1 / len(people)), size=replicates)
    shares = []
    for weights in draws:
        w = dict(zip(people, weights, strict=True))
        pairs = [w[a] * (w[b] if a != b else 1) for a, b in zip(first, second, strict=True)]
        if sum(pairs):
            shares.append(sum(p for p, wrong in zip(pairs, errors, strict=True) if wrong) / sum(pairs))
    low, high = np.quantile(shares, [0.025, 0.975])
    return float(low), float(high)


def test_bootstrap_is_its_definition() -> None:
    rng = np.random.default_rng(3)
    first, second = rng.integers(0, 12, 300), rng.integers(0, 12, 300)
    errors = rng.random(300) < 0.3
    rate = SubjectBootstrap(first, second, replicates=200, seed=5).rate(errors)
    low, high = _slow_bootstrap(first.tolist(), second.tolist(), errors.tolist(), 200, 5)
    exact = clopper_pearson(int(errors.sum()), 300)
    assert (rate.k, rate.n) == (exact.k, 300)
    assert rate.low == pytest.approx(min(low, exact.low), abs=1e-12)
    assert rate.high == pytest.approx(max(high, exact.high), abs=1e-12)


def test_bootstrap_is_the_same_dense_in_blocks_and_sparse(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 40, 3000), rng.integers(0, 40, 3000)
    errors = rng.random(3000) < 0.2
    sparse = SubjectBootstrap(first, second, replicates=100).rate(errors)
    monkeypatch.setattr("vultus.metrics.intervals._SPARSE", 0)
    monkeypatch.setattr("vultus.metrics.intervals._BLOCK", 7 * 40)
    dense = SubjectBootstrap(first, second, replicates=100).rate(errors)
    assert (dense.low, dense.high) == pytest.approx((sparse.low, sparse.high), abs=1e-12)


def test_bootstrap_knows_that_one_bad_person_is_not_many_errors() -> None:
    """40 errors of 400, all of one person in twenty: the interval is far wider than 40/400 alone says."""
    people = np.repeat(np.arange(20), 20)
    errors = np.isin(people, [3, 4])
    rate = SubjectBootstrap(people, people).rate(errors)
    alone = clopper_pearson(rate.k, rate.n)
    assert rate.high - rate.low > 2.5 * (alone.high - alone.low)


def test_bootstrap_of_no_errors_is_not_certainty() -> None:
    rate = SubjectBootstrap(np.arange(400), np.arange(400)).rate(np.zeros(400, dtype=bool))
    assert rate.high == pytest.approx(0.00918, abs=1e-5)


def test_bootstrap_is_seeded_and_blind_to_order_sides_and_names() -> None:
    rng = np.random.default_rng(1)
    first, second = rng.integers(0, 30, 500), rng.integers(0, 30, 500)
    errors = rng.random(500) < 0.1
    rate = SubjectBootstrap(first, second).rate(errors)
    mixed = rng.permutation(500)
    names = np.array([f"{n:03}" for n in range(30)])
    again = SubjectBootstrap(names[second[mixed]], names[first[mixed]]).rate(errors[mixed])
    assert (again.low, again.high) == pytest.approx((rate.low, rate.high), abs=1e-12)
    other = SubjectBootstrap(first, second, seed=1).rate(errors)
    assert (other.low, other.high) != (rate.low, rate.high)


def test_bootstrap_refuses_what_does_not_fit() -> None:
    with pytest.raises(InputError, match="each side"):
        SubjectBootstrap([1, 2], [1])
    with pytest.raises(InputError, match="mask of shape"):
        SubjectBootstrap([1, 2], [1, 3]).rate(np.array([True]))
    with pytest.raises(InputError, match="replicates"):
        SubjectBootstrap([1], [2], replicates=0)
