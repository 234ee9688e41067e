from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vultus.datasets.survival import Cohort
from vultus.errors import InputError
from vultus.survival import Cox, Curves, calibration, cut_points, kaplan_meier, logrank, risk_groups


def simulated(n: int, seed: int = 0):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=n)
    time, other = rng.exponential(np.exp(-z)), rng.exponential(2, n)
    return np.minimum(time, other), time <= other, 1 - np.exp(-np.exp(z) * 0.5), z


def test_nobody() -> None:
    with pytest.raises(InputError, match="at least one row"):
        calibration([], [], [], 1)
    with pytest.raises(InputError, match="at least two groups, got 0 and 4"):
        cut_points([])


def test_true_probabilities_are_calibrated() -> None:
    time, event, truth, _ = simulated(4000)
    train = simulated(4000, 1)[2]
    found = calibration(time, event, truth, 0.5, cuts=cut_points(train, 10))
    assert found.caveats == ()
    assert len(found.groups) == 10
    inside = [group.low <= group.predicted <= group.high for group in found.groups]
    assert sum(inside) >= 8
    assert found.error < 0.02
    assert found.low < found.predicted < found.high
    predicted = [group.predicted for group in found.groups]
    assert predicted == sorted(predicted)


def test_wrong_probabilities_are_not() -> None:
    time, event, truth, _ = simulated(4000)
    found = calibration(time, event, truth**2, 0.5, groups=5)
    assert found.error > 0.1
    assert found.caveats == ("groups were cut on the people evaluated, not on the training set",)
    assert found.predicted < found.low


def test_worked_by_hand() -> None:
    found = calibration([1, 2, 3, 4, 4, 4], [1, 0, 1, 0, 0, 1], [0.1, 0.1, 0.1, 0.6, 0.6, 0.6], 3.5, cuts=[0.3])
    low, high = found.groups
    assert (low.people, low.events, low.predicted) == (3, 2, pytest.approx(0.1))
    assert low.observed == 1.0  # 2/3, then the last of one
    assert (high.people, high.events, high.observed, high.low) == (3, 0, 0.0, 0.0)
    assert high.high == pytest.approx(1 - 0.025 ** (1 / 3))  # none of three
    assert found.observed == pytest.approx(1 - 5 / 6 * 3 / 4)
    assert found.error == pytest.approx((0.9 * 3 + 0.6 * 3) / 6)
    assert found.caveats == ("a group has fewer than 30 people",)


def test_a_group_that_left_early_has_no_observed_risk() -> None:
    found = calibration([1, 1.5, 9, 9], [1, 0, 1, 0], [0.1, 0.1, 0.6, 0.6], 5, cuts=[0.3])
    assert np.isnan([found.groups[0].observed, found.groups[0].low, found.error]).all()
    assert "a group is not followed up to 5" in found.caveats


@pytest.mark.data
def test_a_model_on_its_own_people(gbsg2: Cohort, gbsg2_covariates) -> None:
    fit = Cox().fit(gbsg2_covariates, gbsg2.time, gbsg2.event)
    risk = 1 - fit.survival(gbsg2_covariates, 1095).probabilities[:, 0]
    found = calibration(gbsg2.time, gbsg2.event, risk, 1095)
    assert found.predicted == pytest.approx(found.observed, abs=0.01)
    assert found.observed == pytest.approx(1 - float(kaplan_meier(gbsg2.time, gbsg2.event).at(1095)))
    assert [group.people for group in found.groups] == [172, 171, 171, 172]
    quartile = risk_groups(fit.risk(gbsg2_covariates), cut_points(fit.risk(gbsg2_covariates)))
    assert logrank(gbsg2.time, gbsg2.event, quartile).p < 1e-15


@given(st.lists(st.integers(0, 1000), min_size=20, max_size=60, unique=True), st.integers(2, 5))
def test_groups_stay_when_other_people_come(scores: list[int], groups: int) -> None:
    cuts = cut_points(scores, groups)
    here = risk_groups(scores, cuts)
    assert np.unique(here).tolist() == list(range(groups))
    assert np.bincount(here).max() - np.bincount(here).min() <= 1
    assert risk_groups([*scores[:3], -5, 5000], cuts)[:3].tolist() == here[:3].tolist()
    assert (np.diff(here[np.argsort(scores)]) >= 0).all()


@pytest.mark.parametrize(
    ("predicted", "horizon", "message"),
    [
        ([0.1, 0.2, 1.3, 0.4], 2, "risk scores are no probabilities"),
        ([0.1, 0.2, 0.3], 2, "one score for each of 4 rows"),
        (Curves(np.array([2.0]), np.ones((4, 1))), 2, "got survival probabilities"),
        ([0.1, 0.2, 0.3, 0.4], 4, "1 <= t < 4"),
        ([0.1, 0.2, 0.3, 0.4], 0.5, "1 <= t < 4"),
        ([0.5, 0.5, 0.5, 0.5], 2, "enough different scores for 4 groups, got 1"),
    ],
)
def test_what_is_no_risk_by_a_horizon_is_refused(predicted, horizon: float, message: str) -> None:
    with pytest.raises(InputError, match=message):
        calibration([1, 2, 3, 4], [1, 1, 1, 0], predicted, horizon)


def test_cuts_that_do_not_rise_are_refused() -> None:
    with pytest.raises(InputError, match="cuts: expected rising"):
        risk_groups([1, 2], [2, 1])
