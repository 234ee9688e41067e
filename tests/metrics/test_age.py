from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import mean_absolute_error, root_mean_squared_error

from vultus.errors import InputError
from vultus.metrics.age import age_report, agreement, cumulative_score
from vultus.metrics.intervals import wilson

ESTIMATE, TRUTH = [22, 35, 47, 61, 83], [20, 40, 45, 70, 80]


@pytest.mark.parametrize(
    ("estimate", "truth", "message"),
    [
        ([], [], "an estimate and a true age a picture"),
        ([1.0], [1.0, 2.0], "an estimate and a true age a picture"),
        ([[1.0]], [[1.0]], "an estimate and a true age a picture"),
        ([np.nan, np.nan], [1, 2], "all 2 are missing"),
        ([np.inf, 1], [1, 2], "some are infinite"),
        ([1, 2], [1, np.nan], "truth: expected ages from 0"),
        ([1, 2], [1, -3], "truth: expected ages from 0"),
        ([1, 2], [1, 130], "within the bands, 0 to below 130, got 130"),
    ],
)
def test_what_is_no_age_is_refused(estimate, truth, message: str) -> None:
    with pytest.raises(InputError, match=message):
        age_report(estimate, truth)


def test_known_answer() -> None:
    found = age_report(ESTIMATE, TRUTH, training_ages=[30, 50, 70, 50])
    assert (found.mae.value, found.bias.value) == pytest.approx((4.2, -1.4))
    assert found.rmse.value == pytest.approx(4.959839, abs=1e-6)
    assert (found.within[5.0].k, found.within[5.0].n) == (4, 5)
    assert found.r.value == pytest.approx(0.975309, abs=1e-6)
    assert found.macro_mae == pytest.approx(4.375)
    assert found.baseline_mae == pytest.approx((30 + 10 + 5 + 20 + 30) / 5)
    assert [(band.name, band.n, band.mae.value, band.bias.value) for band in found.bands] == [
        ("20-30", 1, 2, 2),
        ("40-50", 2, 3.5, -1.5),
        ("70-80", 1, 9, -9),
        ("80-90", 1, 3, 3),
    ]
    assert "no person labels" in found.caveats[0]
    assert "fewer than 30 people in 20-30" in found.caveats[1]


def test_equals_scikit_learn_and_scipy() -> None:
    rng = np.random.default_rng(0)
    truth = rng.uniform(0, 100, 500)
    estimate = truth + rng.normal(2, 6, 500)
    found = age_report(estimate, truth, person=np.arange(500))
    assert found.mae.value == pytest.approx(mean_absolute_error(truth, estimate))
    assert found.rmse.value == pytest.approx(root_mean_squared_error(truth, estimate))
    assert found.r.value == pytest.approx(stats.pearsonr(truth, estimate)[0])
    t = stats.t.interval(0.95, 499, found.bias.value, stats.sem(estimate - truth))
    assert (found.bias.low, found.bias.high) == pytest.approx(t, abs=0.08)
    r = stats.pearsonr(truth, estimate).confidence_interval()
    assert (found.r.low, found.r.high) == pytest.approx((r.low, r.high), abs=0.01)


def test_a_band_holds_its_lower_edge() -> None:
    found = age_report([30, 30, 30], [29.9, 30, 39.9], bands=(0, 30, 40))
    assert [(band.name, band.n) for band in found.bands] == [("0-30", 1), ("30-40", 2)]


def test_a_failure_is_counted_and_never_near() -> None:
    found = age_report([22, np.nan, 41], [20, 40, 45], person=["a", "b", "c"], group=["x", "y", "x"])
    assert (found.n, found.failed, found.people) == (2, 1, 3)
    assert found.mae.value == 3
    assert (found.within[5.0].k, found.within[5.0].n) == (2, 3)
    assert [(part.name, part.n, part.failed) for part in found.groups] == [("x", 2, 0), ("y", 0, 1)]
    assert math.isnan(found.groups[1].mae.value)
    assert found.macro_mae == pytest.approx((2 + 4) / 2)
    assert "1 pictures have no estimate" in found.caveats[0]


def test_many_pictures_of_few_people_are_few_people() -> None:
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(25), 40)
    truth = np.repeat(rng.uniform(20, 60, 25), 40)
    estimate = truth + np.repeat(rng.normal(0, 8, 25), 40)  # a face is misjudged alike in all its pictures
    by_person, blind = age_report(estimate, truth, person=person), age_report(estimate, truth)
    assert by_person.mae.value == pytest.approx(blind.mae.value)
    assert by_person.mae.high - by_person.mae.low > 4 * (blind.mae.high - blind.mae.low)
    share, alone = by_person.within[5.0], blind.within[5.0]
    assert share.k == alone.k
    assert share.high - share.low > 3 * (alone.high - alone.low)


def test_drawing_groups_of_people_spreads_as_far(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    truth = rng.uniform(0, 100, 6000)
    estimate = truth + rng.normal(2, 6, 6000)
    alone = age_report(estimate, truth, replicates=400).mae
    monkeypatch.setattr("vultus.metrics.age._UNITS", 500)
    grouped = age_report(estimate, truth, replicates=400).mae
    assert grouped.value == pytest.approx(alone.value, abs=1e-12)
    assert grouped.high - grouped.low == pytest.approx(alone.high - alone.low, rel=0.2)


def test_cumulative_score() -> None:
    assert cumulative_score(ESTIMATE, TRUTH, 5) == wilson(4, 5)
    assert [cumulative_score(ESTIMATE, TRUTH, k).k for k in (0, 2, 3, 5, 9)] == [0, 2, 3, 4, 5]
    people = cumulative_score([20] * 50, [20] * 50, 5, person=np.arange(50))
    assert people.low < 0.93  # all of fifty is not certainty
    assert cumulative_score([20, 30], [20, 30], 1, person=["a", "a"]).low == pytest.approx(0.158, abs=1e-3)
    with pytest.raises(InputError, match="years: expected a number from 0"):
        cumulative_score(ESTIMATE, TRUTH, -1)
    with pytest.raises(InputError, match="person: expected one for each of 5"):
        cumulative_score(ESTIMATE, TRUTH, 5, person=["a"])


def test_limits_of_agreement() -> None:
    found = agreement(ESTIMATE, TRUTH)
    spread = float(np.std([2, -5, 2, -9, 3], ddof=1))
    assert (found.bias, found.spread) == pytest.approx((-1.4, spread))
    assert (found.lower.value, found.upper.value) == pytest.approx((-1.4 - 1.959964 * spread, -1.4 + 1.959964 * spread))
    half = 1.959964 * spread * math.sqrt(1 / 5 + 1.959964**2 / 8)
    assert (found.upper.low, found.upper.high) == pytest.approx((found.upper.value - half, found.upper.value + half))
    rng = np.random.default_rng(0)
    gap = rng.normal(1, 4, 20_000)
    wide = agreement(50 + gap, np.full(20_000, 50))
    assert ((gap > wide.lower.value) & (gap < wide.upper.value)).mean() == pytest.approx(0.95, abs=0.005)
    assert math.isnan(agreement([30, np.nan], [20, 30]).spread)


def test_a_constant_estimate_has_no_correlation() -> None:
    found = age_report([40.0] * 50, np.arange(50) + 10.0)
    assert math.isnan(found.r.value)
    assert found.mae.value == pytest.approx(np.abs(40 - (np.arange(50) + 10)).mean())


@given(
    st.lists(st.tuples(st.floats(0, 129, width=32), st.floats(-20, 20, width=32)), min_size=2, max_size=40),
    st.integers(0, 1000),
)
def test_blind_to_order_and_odd_under_exchange(rows: list[tuple[float, float]], seed: int) -> None:
    truth = np.array([t for t, _ in rows])
    errors = np.array([e for _, e in rows])
    found = age_report(truth + errors, truth, replicates=0)
    assert found.mae.value >= abs(found.bias.value) - 1e-9
    assert found.rmse.value >= found.mae.value - 1e-9
    order = np.random.default_rng(seed).permutation(truth.size)
    mixed = age_report((truth + errors)[order], truth[order], replicates=0)
    assert (mixed.mae.value, mixed.bias.value) == pytest.approx((found.mae.value, found.bias.value), abs=1e-9)
    mirrored = age_report(truth - errors, truth, replicates=0)
    assert mirrored.bias.value == pytest.approx(-found.bias.value, abs=1e-9)
    assert mirrored.mae.value == pytest.approx(found.mae.value, abs=1e-9)


def test_labels_bands_and_baselines_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="person: expected one for each of 5"):
        age_report(ESTIMATE, TRUTH, person=["a"])
    with pytest.raises(InputError, match="group: expected one for each of 5"):
        age_report(ESTIMATE, TRUTH, group=["a"])
    for bands in ((0,), (0, 50, 40, 130)):
        with pytest.raises(InputError, match="rising edges"):
            age_report(ESTIMATE, TRUTH, bands=bands)
    with pytest.raises(InputError, match="ages of the training set"):
        age_report(ESTIMATE, TRUTH, training_ages=[])
