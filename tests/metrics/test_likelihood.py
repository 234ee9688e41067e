from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from vultus.errors import InputError
from vultus.metrics.likelihood import Line, cllr, isotonic, logistic, min_cllr, pool_adjacent_violators

NONE = np.array([])
APART = 1.7  # half the distance of the means, in standard deviations
CLLR = 0.16487  # of the true LLRs, by the integral below


def gaussians(genuine: int, impostor: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(APART, 1, genuine), rng.normal(-APART, 1, impostor)


@pytest.mark.parametrize("function", [cllr, min_cllr, isotonic, logistic])
@pytest.mark.parametrize(("genuine", "impostor"), [(NONE, NONE), (NONE, np.ones(2)), (np.ones(2), NONE)])
def test_nothing_of_one_kind_is_refused(function, genuine: np.ndarray, impostor: np.ndarray) -> None:
    with pytest.raises(InputError, match="of both kinds"):
        function(genuine, impostor)


def test_cost_by_hand() -> None:
    """Log2(1 + 1/3) and log2(1 + 1/9) for the mates, log2(1 + 1/3) for the stranger."""
    expected = ((np.log2(4 / 3) + np.log2(10 / 9)) / 2 + np.log2(4 / 3)) / 2
    assert cllr(np.log([3.0, 9.0]), np.log([1 / 3])) == pytest.approx(expected, abs=1e-15)


def test_infinite_certainty_costs_nothing_when_right_and_everything_when_wrong() -> None:
    assert cllr(np.array([np.inf]), np.array([-np.inf])) == 0
    assert cllr(np.array([-np.inf, np.inf]), np.array([-np.inf])) == np.inf


def test_a_comparison_without_score_costs_a_bit() -> None:
    assert cllr(np.array([np.nan]), np.array([np.nan])) == 1
    assert cllr(np.array([np.nan, np.inf]), np.array([-np.inf])) == pytest.approx(0.25)
    assert min_cllr(np.array([np.nan, 2.0]), np.array([1.0])) == pytest.approx(0.25)
    assert min_cllr(np.array([np.nan]), np.array([1.0])) == 1


@pytest.mark.parametrize(
    ("values", "weights", "expected"),
    [
        ([], None, []),
        ([2.0], None, [2.0]),
        ([1.0, 2.0, 3.0], None, [1.0, 2.0, 3.0]),
        ([3.0, 2.0, 1.0], None, [2.0, 2.0, 2.0]),
        ([0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0], None, [0, 0.5, 0.5, 2 / 3, 2 / 3, 2 / 3, 1]),
        ([1.0, 0.0], [3.0, 1.0], [0.75, 0.75]),
        # The last pulls back one block after another.
        ([1.0, 2.0, 3.0, -6.0], None, [0.0, 0.0, 0.0, 0.0]),
    ],
)
def test_pooling_by_hand(values: list[float], weights: list[float] | None, expected: list[float]) -> None:
    found = pool_adjacent_violators(np.array(values), None if weights is None else np.array(weights))
    np.testing.assert_allclose(found, expected, atol=1e-15)


@given(st.lists(st.tuples(st.floats(-5, 5), st.floats(0.1, 5)), min_size=1, max_size=40))
@settings(max_examples=60)
def test_pooling_equals_scikit_learn(rows: list[tuple[float, float]]) -> None:
    values, weights = np.array(rows).T
    reference = IsotonicRegression().fit_transform(np.arange(len(rows)), values, sample_weight=weights)
    np.testing.assert_allclose(pool_adjacent_violators(values, weights), reference, atol=1e-9)


def test_weights_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="weights above 0"):
        pool_adjacent_violators(np.ones(2), np.array([1.0, 0.0]))
    with pytest.raises(InputError, match="weight of 0 or more"):
        isotonic(np.ones(2), np.ones(1), genuine_weights=np.array([0.0, 0.0]))


def test_stretches_by_hand() -> None:
    """By score: stranger .1 | mate .2, stranger .4 | mates .6 .8; the middle is (1/3) : (1/2)."""
    fit = isotonic(np.array([0.2, 0.6, 0.8]), np.array([0.1, 0.4]))
    assert fit.low.tolist() == [0.1, 0.2, 0.6]
    assert fit.high.tolist() == [0.1, 0.4, 0.8]
    np.testing.assert_allclose(fit.values, [-np.inf, np.log(2 / 3), np.inf])
    asked = np.array([-1.0, 0.15, 0.3, 0.5, 0.6, 2.0, np.nan])
    middle = np.log(2 / 3)
    np.testing.assert_allclose(fit.llr(asked), [-np.inf, middle, middle, middle, np.inf, np.inf, np.nan])
    expected = (np.log2(1 + 3 / 2) / 3 + np.log2(1 + 2 / 3) / 2) / 2
    assert min_cllr(np.array([0.2, 0.6, 0.8]), np.array([0.1, 0.4])) == pytest.approx(expected)


def test_equal_scores_share_a_stretch() -> None:
    fit = isotonic(np.array([0.5, 0.5, 0.5]), np.array([0.5]))
    assert fit.values.tolist() == [0.0]
    assert min_cllr(np.array([0.5]), np.array([0.5, 0.5])) == 1


def test_kinds_apart_say_nothing_between() -> None:
    fit = isotonic(np.array([0.8, 0.9]), np.array([0.1, 0.2]))
    assert fit.llr(np.array([0.2, 0.5, 0.8])).tolist() == [-np.inf, 0.0, np.inf]


def test_isotonic_equals_scikit_learn() -> None:
    genuine, impostor = gaussians(300, 2000)
    scores = np.concatenate([genuine, impostor])
    truth = np.arange(scores.size) < 300
    weights = np.where(truth, 1 / 300, 1 / 2000)
    share = IsotonicRegression().fit_transform(scores, truth, sample_weight=weights)
    with np.errstate(divide="ignore"):
        expected = np.log(share) - np.log1p(-share)
    np.testing.assert_allclose(isotonic(genuine, impostor).llr(scores), expected, atol=1e-9)


@pytest.mark.parametrize("prior", [0.5, 0.01])
def test_logistic_equals_scikit_learn(prior: float) -> None:
    genuine, impostor = gaussians(200, 3000)
    scores = np.concatenate([genuine, impostor])[:, None]
    truth = np.arange(scores.size) < 200
    weights = np.where(truth, prior / 200, (1 - prior) / 3000) * 1e4
    reference = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(scores, truth, sample_weight=weights)
    line = logistic(genuine, impostor, prior=prior)
    assert line.slope == pytest.approx(reference.coef_[0, 0], abs=1e-5)
    assert line.offset == pytest.approx(reference.intercept_[0] - np.log(prior / (1 - prior)), abs=1e-5)


def test_weights_are_repetitions() -> None:
    genuine, impostor = gaussians(30, 40)
    times = np.arange(30) % 3 + 1.0
    weighted = logistic(genuine, impostor, genuine_weights=times)
    repeated = logistic(np.repeat(genuine, times.astype(int)), impostor)
    assert weighted.slope == pytest.approx(repeated.slope)
    one = isotonic(genuine, impostor, genuine_weights=times)
    np.testing.assert_allclose(one.values, isotonic(np.repeat(genuine, times.astype(int)), impostor).values)


def test_two_gaussians_in_closed_form() -> None:
    """N(d, 1) against N(-d, 1): LLR = 2 d s, and its Cllr is an integral."""
    genuine, impostor = gaussians(40_000, 40_000)
    exact = quad(lambda s: norm.pdf(s, APART) * np.log2(1 + np.exp(-2 * APART * s)), -9, 12)[0]
    assert exact == pytest.approx(CLLR, abs=1e-5)
    truth = Line(2 * APART, 0.0)
    assert cllr(truth.llr(genuine), truth.llr(impostor)) == pytest.approx(exact, abs=0.005)
    found = logistic(genuine, impostor)
    assert found.slope == pytest.approx(2 * APART, rel=0.02)
    assert found.offset == pytest.approx(0, abs=0.05)
    least = min_cllr(genuine, impostor)
    assert exact - 0.01 < least <= cllr(found.llr(genuine), found.llr(impostor))


@given(st.integers(0, 1000), st.floats(0.1, 5))
@settings(max_examples=25)
def test_the_least_cost_is_least_and_minds_only_the_order(seed: int, power: float) -> None:
    genuine, impostor = gaussians(40, 60, seed)
    least = min_cllr(genuine, impostor)
    assert 0 <= least <= min(1, cllr(genuine, impostor)) + 1e-12
    assert min_cllr(np.exp(power * genuine), np.exp(power * impostor)) == pytest.approx(least)
    assert min_cllr(genuine[::-1], impostor[::-1]) == pytest.approx(least)
    assert min_cllr(-impostor, -genuine) == pytest.approx(least)


def test_scores_that_no_line_fits_are_refused() -> None:
    with pytest.raises(InputError, match="method isotonic"):
        logistic(np.array([0.8, 0.9]), np.array([0.1, 0.2]))
    with pytest.raises(InputError, match="method isotonic"):
        logistic(np.full(3, 0.5), np.full(3, 0.5))
    with pytest.raises(InputError, match="finite scores of both kinds"):
        logistic(np.array([np.nan]), np.array([0.1, 0.2]))
    with pytest.raises(InputError, match="prior between 0 and 1"):
        logistic(np.array([0.8, 0.1]), np.array([0.1, 0.2]), prior=1.0)


def test_a_million_scores_take_seconds() -> None:
    genuine, impostor = gaussians(500_000, 500_000)
    started = time.perf_counter()
    least = min_cllr(genuine, impostor)
    found = logistic(genuine, impostor)
    assert time.perf_counter() - started < 15
    assert least == pytest.approx(CLLR, abs=2e-3)
    assert found.slope == pytest.approx(2 * APART, rel=0.01)
