from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import roc_auc_score, roc_curve

from vultus.errors import InputError, OperatingPointError
from vultus.metrics.verification import (
    auc,
    curve,
    equal_error,
    fmr,
    fnmr,
    system_rates,
    threshold_at_fmr,
    threshold_at_fnmr,
)

GENUINE = np.array([0.95, 0.90, 0.85, 0.80, 0.70, 0.62, 0.55, 0.50, 0.40, 0.30])
IMPOSTOR = np.array([0.5, 0.4, 0.4, *(np.arange(6, -11, -1) / 20)])
# Coarse values, so that ties are the rule and not the exception.
scores = arrays(np.float64, st.integers(1, 60), elements=st.integers(-20, 20).map(lambda v: v / 20))


def test_nothing_to_count() -> None:
    nothing = np.zeros(0)
    assert fmr(nothing, 0.5).n == fnmr(nothing, 0.5).n == 0
    with pytest.raises(InputError, match="got none"):
        threshold_at_fmr(nothing, 0.1)
    with pytest.raises(InputError, match="got none"):
        threshold_at_fnmr(nothing, 0.1)
    for figure in (auc, equal_error, curve):
        with pytest.raises(InputError, match="both kinds"):
            figure(nothing, IMPOSTOR)
        with pytest.raises(InputError, match="both kinds"):
            figure(GENUINE, nothing)


@pytest.mark.parametrize(
    ("threshold", "false_match", "false_non_match"),
    [(0.3, 0.20, 0.0), (0.4, 0.15, 0.1), (0.5, 0.05, 0.2), (0.51, 0.0, 0.3), (0.6, 0.0, 0.4)],
)
def test_rates_of_the_fixture(threshold: float, false_match: float, false_non_match: float) -> None:
    assert fmr(IMPOSTOR, threshold).value == false_match
    assert fnmr(GENUINE, threshold).value == false_non_match


@pytest.mark.parametrize(
    ("target", "threshold"),
    [
        (0.0, np.nextafter(0.5, 1)),
        (0.04, np.nextafter(0.5, 1)),
        (0.05, 0.5),
        (0.10, 0.5),
        (0.15, 0.4),
        (0.20, 0.3),
        (0.25, 0.25),
        (1.0, -0.5),
    ],
)
def test_threshold_at_fmr_of_the_fixture(target: float, threshold: float) -> None:
    assert threshold_at_fmr(IMPOSTOR, target) == threshold


@pytest.mark.parametrize(("target", "threshold"), [(0, 0.3), (0.1, 0.4), (0.15, 0.4), (0.2, 0.5), (0.3, 0.55)])
def test_threshold_at_fnmr_of_the_fixture(target: float, threshold: float) -> None:
    assert threshold_at_fnmr(GENUINE, target) == threshold


def test_threshold_at_fnmr_one_is_above_all() -> None:
    assert threshold_at_fnmr(GENUINE, 1.0) == np.nextafter(0.95, 1)


def test_eer_and_auc_of_the_fixture() -> None:
    found = equal_error(GENUINE, IMPOSTOR)
    assert (found.rate, found.threshold, found.fmr, found.fnmr) == (0.125, 0.4, 0.15, 0.1)
    assert auc(GENUINE, IMPOSTOR) == pytest.approx(0.97, abs=1e-12)


def test_system_rates_known_answers() -> None:
    rates = system_rates(0.001, 0.02, fta=0.05, fte=0.03)
    assert rates.far == pytest.approx(0.00095, abs=1e-12)
    assert rates.frr == pytest.approx(0.069, abs=1e-12)
    assert rates.gfar == pytest.approx(0.0009215, abs=1e-12)
    assert rates.gfrr == pytest.approx(0.09693, abs=1e-12)
    with pytest.raises(InputError, match="fta between 0 and 1"):
        system_rates(0.1, 0.1, fta=1.1)


def test_failures_are_never_accepted_and_stay_counted() -> None:
    failed = np.array([0.9, np.nan, 0.2, np.nan])
    assert (fnmr(failed, -math.inf).k, fnmr(failed, -math.inf).n) == (2, 4)
    assert (fmr(failed, -math.inf).k, fmr(failed, 0.5).k, fmr(failed, 0.5).n) == (2, 1, 4)
    assert threshold_at_fmr(failed, 0.25) == 0.9
    assert threshold_at_fmr(failed, 1.0) == 0.2
    assert threshold_at_fnmr(failed, 0.5) == 0.2
    with pytest.raises(OperatingPointError, match="2 of 4"):
        threshold_at_fnmr(failed, 0.25)
    with pytest.raises(InputError, match="every one of them is NaN"):
        threshold_at_fmr(np.array([np.nan, np.nan]), 0.1)
    assert auc(failed, np.array([0.5])) == 0.25
    assert equal_error(np.array([0.9, np.nan]), np.array([0.5, 0.1])).fnmr == 0.5


@pytest.mark.parametrize("target", [-0.1, 1.1, math.nan])
def test_impossible_targets_are_refused(target: float) -> None:
    with pytest.raises(InputError, match="target FMR between 0 and 1"):
        threshold_at_fmr(IMPOSTOR, target)
    with pytest.raises(InputError, match="target FNMR between 0 and 1"):
        threshold_at_fnmr(GENUINE, target)


def test_wrong_shapes_and_thresholds_are_refused() -> None:
    with pytest.raises(InputError, match=r"shape \(n,\)"):
        fmr(np.zeros((2, 2)), 0.5)
    with pytest.raises(InputError, match="NaN"):
        fmr(IMPOSTOR, math.nan)


@given(scores, scores)
def test_auc_and_curve_equal_scikit_learn(genuine: np.ndarray, impostor: np.ndarray) -> None:
    truth = np.r_[np.ones(len(genuine)), np.zeros(len(impostor))]
    values = np.r_[genuine, impostor]
    assert auc(genuine, impostor) == pytest.approx(roc_auc_score(truth, values), abs=1e-12)
    false, true, levels = roc_curve(truth, values, drop_intermediate=False)
    ours = curve(genuine, impostor)
    np.testing.assert_allclose(ours.thresholds[:-1], levels[1:][::-1])
    np.testing.assert_allclose(ours.fmr, false[::-1], atol=1e-12)
    np.testing.assert_allclose(ours.fnmr, (1 - true)[::-1], atol=1e-12)


@given(scores, st.floats(0, 1))
def test_threshold_at_fmr_is_the_lowest_that_keeps_the_target(impostor: np.ndarray, target: float) -> None:
    threshold = threshold_at_fmr(impostor, target)
    assert fmr(impostor, threshold).value <= target
    lower = impostor[impostor < threshold]
    assert not lower.size or fmr(impostor, lower.max()).value > target


@given(scores, st.floats(0, 1))
def test_threshold_at_fnmr_is_the_highest_that_keeps_the_target(genuine: np.ndarray, target: float) -> None:
    threshold = threshold_at_fnmr(genuine, target)
    assert fnmr(genuine, threshold).value <= target
    assert fnmr(genuine, float(np.nextafter(threshold, 2))).value > target or threshold > genuine.max()


@given(scores, scores, st.randoms(use_true_random=False))
def test_blind_to_order_and_symmetric(genuine: np.ndarray, impostor: np.ndarray, random) -> None:
    mixed = np.array(random.sample(genuine.tolist(), len(genuine)))
    assert equal_error(genuine, impostor) == equal_error(mixed, impostor)
    assert auc(mixed, impostor) == auc(genuine, impostor)
    # Turning every score round and swapping the sides is the same question.
    assert auc(-impostor, -genuine) == pytest.approx(auc(genuine, impostor), abs=1e-12)
    assert auc(impostor, genuine) == pytest.approx(1 - auc(genuine, impostor), abs=1e-12)


@given(scores, st.floats(-1, 1), st.floats(-1, 1))
def test_rates_move_one_way(values: np.ndarray, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert fmr(values, low).value >= fmr(values, high).value
    assert fnmr(values, low).value <= fnmr(values, high).value
    assert fmr(values, one).k + fnmr(values, one).k == len(values)


@given(scores, scores)
def test_eer_is_the_smallest_gap(genuine: np.ndarray, impostor: np.ndarray) -> None:
    found, points = equal_error(genuine, impostor), curve(genuine, impostor)
    assert abs(found.fmr - found.fnmr) <= np.abs(points.fmr - points.fnmr).min() + 1e-12
    assert found.fmr == fmr(impostor, found.threshold).value
    assert found.fnmr == fnmr(genuine, found.threshold).value


def test_shuffled_labels_give_chance() -> None:
    rng = np.random.default_rng(0)
    values, same = rng.normal(size=2000), rng.random(2000) < 0.5
    assert equal_error(values[same], values[~same]).rate == pytest.approx(0.5, abs=0.05)
