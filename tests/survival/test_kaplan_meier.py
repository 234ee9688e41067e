from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lifelines import KaplanMeierFitter
from sksurv.nonparametric import kaplan_meier_estimator

from vultus.datasets.survival import Cohort
from vultus.errors import InputError
from vultus.survival import censoring, kaplan_meier

outcomes = st.lists(st.tuples(st.integers(1, 12), st.booleans()), min_size=1, max_size=40)


def test_nobody() -> None:
    with pytest.raises(InputError, match="at least one row"):
        kaplan_meier([], [])
    with pytest.raises(InputError, match="at least one row"):
        censoring([], [])


def test_worked_by_hand() -> None:
    curve = kaplan_meier([1, 2, 2, 3, 5], [1, 1, 0, 0, 1])
    assert curve.time.tolist() == [1, 2, 3, 5]
    assert curve.at_risk.tolist() == [5, 4, 2, 1]
    assert curve.events.tolist() == [1, 1, 0, 1]
    assert curve.censored.tolist() == [0, 1, 1, 0]
    assert curve.survival == pytest.approx([0.8, 0.6, 0.6, 0.0])
    # Greenwood at 2: S^2 (1 / (5 * 4) + 1 / (4 * 3)).
    assert curve.se[1] == pytest.approx(0.6 * math.sqrt(1 / 20 + 1 / 12))
    assert np.isnan(curve.se[3])
    assert curve.at([0.5, 1, 1.9, 4.9, 5, 99]) == pytest.approx([1, 0.8, 0.8, 0.6, 0, 0])


@pytest.mark.data
def test_rossi(rossi: Cohort) -> None:
    curve = kaplan_meier(rossi.time, rossi.event)
    at = [10, 20, 30, 40, 52]
    assert curve.at(at) == pytest.approx([0.965278, 0.907407, 0.861111, 0.803241, 0.736111], abs=5e-7)
    se = curve.se[np.searchsorted(curve.time, at, side="right") - 1]
    assert se == pytest.approx([0.008808, 0.013946, 0.016639, 0.019127, 0.021205], abs=5e-7)
    low, high = curve.interval([20, 52])
    assert low == pytest.approx([0.875922, 0.691860], abs=5e-7)
    assert high == pytest.approx([0.931217, 0.775063], abs=5e-7)


@pytest.mark.data
def test_medians_of_the_veterans(veteran: Cohort) -> None:
    cell = veteran.table.column("Celltype")
    medians = {
        str(name): kaplan_meier(veteran.time[cell == name], veteran.event[cell == name]).quantile()
        for name in np.unique(cell)
    }
    assert medians == {"adeno": 51, "large": 156, "smallcell": 51, "squamous": 118}
    assert kaplan_meier(veteran.time, veteran.event).quantile() == 80


@pytest.mark.data
@pytest.mark.parametrize("name", ["rossi", "whas", "veteran", "gbsg2"])
def test_equals_lifelines_and_scikit_survival(name: str, request: pytest.FixtureRequest) -> None:
    cohort: Cohort = request.getfixturevalue(name)
    curve = kaplan_meier(cohort.time, cohort.event)
    times, survival, bounds = kaplan_meier_estimator(cohort.event, cohort.time, conf_type="log-log")
    assert curve.time.tolist() == times.tolist()
    assert curve.survival == pytest.approx(survival, abs=1e-12)
    between = (survival < 1) & (survival > 0)  # at the ends the log(-log) interval has no answer
    assert between.sum() > 40
    assert curve.low[between] == pytest.approx(bounds[0][between], abs=1e-9)
    assert curve.high[between] == pytest.approx(bounds[1][between], abs=1e-9)
    outside = KaplanMeierFitter().fit(cohort.time, cohort.event)
    assert curve.quantile() == outside.median_survival_time_
    # An event at a time comes before a censoring at it, as in scikit-survival's own G.
    g_times, g = kaplan_meier_estimator(cohort.event, cohort.time, reverse=True)
    kept = g > 0
    assert censoring(cohort.time, cohort.event).at(g_times[kept]) == pytest.approx(g[kept], abs=1e-12)


@given(outcomes)
def test_a_curve_falls_within_its_interval(rows: list[tuple[int, bool]]) -> None:
    time, event = [t for t, _ in rows], [e for _, e in rows]
    curve = kaplan_meier(time, event)
    wide = kaplan_meier(time, event, confidence=0.99)
    assert (np.diff(curve.survival, prepend=1.0) <= 0).all()
    assert (wide.low <= curve.low + 1e-15).all()
    assert (curve.low <= curve.survival + 1e-12).all()
    assert (curve.survival <= curve.high + 1e-12).all()
    assert (curve.high <= wide.high + 1e-15).all()
    assert ((curve.low >= 0) & (curve.high <= 1)).all()
    assert (curve.at_risk - curve.events - curve.censored).tolist() == [*curve.at_risk[1:].tolist(), 0]
    mixed = kaplan_meier(time[::-1], event[::-1])
    assert mixed.survival.tolist() == curve.survival.tolist()
    stretched = kaplan_meier(np.exp(np.array(time, dtype=float)), event)
    assert stretched.survival.tolist() == curve.survival.tolist()


@given(outcomes)
def test_without_censoring_it_is_the_share_still_alive(rows: list[tuple[int, bool]]) -> None:
    time = np.array([t for t, _ in rows], dtype=float)
    curve = kaplan_meier(time, np.ones(time.size))
    assert curve.survival == pytest.approx([(time > t).mean() for t in curve.time], abs=1e-12)
    assert censoring(time, np.ones(time.size)).at([0.5, 1e9]).tolist() == [1, 1]


def test_no_event_among_n_is_not_certainty() -> None:
    curve = kaplan_meier([5] * 30, [0] * 30)
    assert curve.at(5) == 1
    assert curve.interval(5)[0] == pytest.approx(0.025)  # nobody was followed beyond 5
    early = kaplan_meier([1, *[5] * 30], [0, *[0] * 30])
    assert early.interval(0.5)[0] == pytest.approx(0.025 ** (1 / 31))
    assert early.interval(1)[0] == pytest.approx(0.025 ** (1 / 30))


def test_beyond_follow_up_nothing_is_said() -> None:
    curve = kaplan_meier([1, 2, 3], [1, 1, 0])
    with pytest.raises(InputError, match="within follow-up, up to 3, got 4"):
        curve.at([1, 4])
    with pytest.raises(InputError, match="within follow-up"):
        curve.interval([np.nan])
    assert curve.quantile(0.9) == math.inf
    with pytest.raises(InputError, match="share between 0 and 1"):
        curve.quantile(1.0)


def test_no_weight_where_training_followed_nobody() -> None:
    gone = censoring([1, 2, 3], [1, 1, 0])
    assert gone.at(2.9) == 1
    with pytest.raises(InputError, match="t < 3, got 3"):
        gone.at([1, 3])
    with pytest.raises(InputError, match=r"t <= 3, got 3\.5"):
        censoring([1, 2, 3], [1, 0, 1]).at(3.5)
