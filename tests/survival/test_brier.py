from __future__ import annotations

import numpy as np
import pytest
from sksurv.metrics import brier_score

from vultus.datasets.survival import Cohort
from vultus.errors import InputError
from vultus.survival import Bootstrap, Cox, Curves, brier, censoring, integrated_brier, kaplan_meier
from vultus.survival.partial_likelihood import PartialLikelihood

POINT = Bootstrap(replicates=0)
YEARS = np.linspace(365, 1825, 5)


def by_group(cohort: Cohort, times: np.ndarray) -> np.ndarray:
    """The Kaplan-Meier curve of the own group of the Nottingham index, the reference prediction of the spec."""
    grade = np.array([len(name) for name in cohort.table.column("tgrade")])
    index = 0.2 * cohort.table.numbers("tsize") / 10 + 1 + grade
    group = (index >= 3.4).astype(int) + (index > 5.4)
    assert np.bincount(group).tolist() == [171, 512, 3]
    curves = np.empty((index.size, times.size))
    for number in range(3):
        own = group == number
        curves[own] = kaplan_meier(cohort.time[own], cohort.event[own]).at(times)
    return curves


def test_nobody() -> None:
    with pytest.raises(InputError, match="at least one row"):
        brier([], [], [], [1], censoring([1], [1]))


def test_worked_by_hand() -> None:
    g = censoring([1, 2, 3, 4], [1, 0, 1, 1])  # G falls to 2/3 at 2
    found = brier([1, 2, 3, 4], [1, 0, 1, 1], [[0.5, 0.5], [0.9, 0.2], [0.8, 0.3], [1.0, 0.6]], [1, 3], g)
    assert found.score == pytest.approx([(0.25 + 0.01 + 0.04 + 0) / 4, (0.25 + 0.09 / (2 / 3) + 0.16 / (2 / 3)) / 4])
    assert integrated_brier([1, 2, 3, 4], [1, 0, 1, 1], np.full((4, 2), 0.5), [1, 3], g).value == pytest.approx(
        ((0.25 * 4 / 4) + (0.25 + 0.25 * 1.5 * 2) / 4) / 2
    )


@pytest.mark.data
def test_gbsg2(gbsg2: Cohort) -> None:
    g = censoring(gbsg2.time, gbsg2.event)
    found = brier(gbsg2.time, gbsg2.event, by_group(gbsg2, YEARS), YEARS, g)
    known = [0.0762922458520448, 0.182536421174199, 0.220017747254941, 0.234133800146671, 0.233822955042198]
    assert found.score == pytest.approx(known, abs=1e-14)
    assert (found.low < found.score).all()
    assert (found.score < found.high).all()
    overall = np.tile(kaplan_meier(gbsg2.time, gbsg2.event).at(YEARS), (686, 1))
    control = brier(gbsg2.time, gbsg2.event, overall, YEARS, g, bootstrap=POINT)
    assert control.score == pytest.approx(
        [0.0773172099, 0.1893851655, 0.2296972008, 0.2465837631, 0.2499984320], abs=1e-10
    )
    assert (found.score < control.score).all()


@pytest.mark.data
def test_gbsg2_integrated(gbsg2: Cohort) -> None:
    g = censoring(gbsg2.time, gbsg2.event)
    days = np.arange(1095, 1826.0)
    for times, known in ((YEARS, 0.197936392255733), (YEARS[:4], 0.185922397142833), (days, 0.231553687189643)):
        found = integrated_brier(gbsg2.time, gbsg2.event, by_group(gbsg2, times), times, g, bootstrap=POINT)
        assert found.value == pytest.approx(known, abs=1e-13)
    overall = np.tile(kaplan_meier(gbsg2.time, gbsg2.event).at(YEARS), (686, 1))
    control = integrated_brier(gbsg2.time, gbsg2.event, overall, YEARS, g)
    assert control.value == pytest.approx(0.2073309876, abs=1e-10)
    assert control.low < control.value < control.high


@pytest.mark.data
def test_gbsg2_by_cox(gbsg2: Cohort, gbsg2_covariates) -> None:
    g = censoring(gbsg2.time, gbsg2.event)
    fit = Cox().fit(gbsg2_covariates, gbsg2.time, gbsg2.event)
    found = brier(gbsg2.time, gbsg2.event, fit.survival(gbsg2_covariates, 1825), 1825, g, bootstrap=POINT)
    assert found.score[0] == pytest.approx(0.208817407492645, abs=1e-11)
    # The same coefficients with Breslow's baseline.
    centred = gbsg2_covariates - fit.means
    other = PartialLikelihood(centred, gbsg2.time, gbsg2.event, "breslow")
    hazard = other.terms(fit.coef).hazard[other.event_times <= 1825].sum()
    curves = np.exp(-np.exp(centred @ fit.coef) * hazard)
    mixed = brier(gbsg2.time, gbsg2.event, curves, 1825, g, bootstrap=POINT)
    assert mixed.score[0] == pytest.approx(0.20881843, abs=1e-8)


@pytest.mark.parametrize("seed", range(6))
def test_equals_scikit_survival_and_is_blind_to_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    time, event = rng.integers(1, 40, 150).astype(float), rng.random(150) < 0.6
    times = np.array([5.0, 12.5, 25.0])
    curves = np.exp(-rng.exponential(size=(150, 1)) * times / 20)
    y = np.array(list(zip(event, time, strict=True)), dtype=[("event", bool), ("time", float)])
    g = censoring(time, event)
    found = brier(time, event, curves, times, g, bootstrap=POINT)
    assert found.score == pytest.approx(brier_score(y, y, curves, times)[1], abs=1e-12)
    order = rng.permutation(150)
    mixed = brier(time[order], event[order], curves[order], times, g, bootstrap=POINT)
    assert mixed.score == pytest.approx(found.score, abs=1e-14)
    slower = brier(time * 7, event, curves, times * 7, censoring(time * 7, event), bootstrap=POINT)
    assert slower.score == pytest.approx(found.score, abs=1e-14)


TIME, EVENT = [1.0, 2.0, 3.0, 9.0], [1, 1, 1, 0]


@pytest.mark.parametrize(
    ("survival", "times", "message"),
    [
        (np.full((4, 2), 0.5), [2], r"a column a time, \(4, 1\), got \(4, 2\)"),
        (np.full((3, 1), 0.5), [2], r"\(4, 1\), got \(3, 1\)"),
        (np.full(4, 0.5), [2, 3], r"\(4, 2\), got \(4,\)"),
        (np.full(4, 1.5), [2], "risk scores are no probabilities"),
        (np.full(4, np.nan), [2], "probabilities from 0 to 1"),
        (np.tile([0.2, 0.8], (4, 1)), [2, 3], "these rise: hand over 1 - p"),
        (np.full((4, 2), 0.5), [3, 2], "rising times"),
        (np.full(4, 0.5), [0.5], "1 <= t < 9"),
        (np.full(4, 0.5), [9], "1 <= t < 9"),
        (Curves(np.array([2.0]), np.full((4, 1), 0.5)), [3], "made at others"),
    ],
)
def test_what_is_no_prediction_is_refused(survival, times, message: str) -> None:
    with pytest.raises(InputError, match=message):
        brier(TIME, EVENT, survival, times, censoring(TIME, EVENT))


def test_one_time_is_no_integral_and_no_weight_no_score() -> None:
    with pytest.raises(InputError, match="at least two times"):
        integrated_brier(TIME, EVENT, np.full(4, 0.5), 2, censoring(TIME, EVENT))
    with pytest.raises(InputError, match="t < 2, got 3"):
        brier(TIME, EVENT, np.full(4, 0.5), 3, censoring([1, 2], [1, 0]))
