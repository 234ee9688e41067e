from __future__ import annotations

import numpy as np
import pytest
from sksurv.metrics import cumulative_dynamic_auc

from vultus.datasets.survival import Cohort
from vultus.errors import InputError
from vultus.survival import Bootstrap, censoring, dynamic_auc

POINT = Bootstrap(replicates=0)
Y_TIME = np.array(
    [10.88, 19.78, 40.92, 98.7, 70.19, 10.15, 28.95, 29.57, 17.9, 63.78, 36.22, 83.14, 13.69, 99.51, 3.19]
)
Y_EVENT = np.array([mark == "1" for mark in "101011111001001"])
Y_RISK = np.array(
    [-1.019, -0.016, 0.132, 0.269, -0.777, -1.077, 0.894, -1.227, -0.417, 0.072, -1.275, -0.91, -0.825, -0.292, -0.045]
)
Z_TIME = np.array(
    [77.6, 57.6, 66.6, 67, 31.5, 5.5, 67.4, 43.7, 31.7, 71.9, 81.1, 56.2, 88.1, 2.9, 62, 17.2, 88, 26.4, 93.5, 79.9]
)
Z_EVENT = np.array([mark == "1" for mark in "11010111101100110011"])


def test_nobody() -> None:
    with pytest.raises(InputError, match="at least one row"):
        dynamic_auc([], [], [], [1], censoring([1], [1]))


@pytest.mark.data
def test_whas(whas: Cohort) -> None:
    risk = whas.table.numbers("risk")
    g = censoring(whas.time[:300], whas.event[:300])
    rest = (whas.time[300:], whas.event[300:], risk[300:])
    found = dynamic_auc(*rest, np.arange(200, 1401, 200), g)
    known = [0.7720669, 0.7765915, 0.7962623, 0.8759295, 0.8759295, 0.8759513, 0.9147647]
    assert found.auc == pytest.approx(known, abs=2e-7)
    assert found.mean.value == pytest.approx(0.8045058, abs=1e-7)
    assert (found.low < found.auc).all()
    assert (found.auc < found.high).all()
    assert found.mean.low < found.mean.value < found.mean.high
    assert (found.cases[0], found.controls[-1]) == (48, 3)
    mixed = dynamic_auc(*rest, [1400, 200, 400, 400, 1000, 800, 600, 1200, 200], g, bootstrap=POINT)
    assert mixed.auc.tolist() == found.auc.tolist()
    assert mixed.mean.value == found.mean.value


@pytest.mark.parametrize(
    ("train", "times", "auc", "mean"),
    [
        ((Y_TIME, Y_EVENT), [28], [0.362963], 0.362963),
        ((Y_TIME, Y_EVENT), [15, 66], [0.3030303, 0.45], 0.3943949),
        (
            (Y_TIME, Y_EVENT),
            [3.19, 15, 66, 99.51 - 1e-6],
            [0.6428571, 0.3030303, 0.45, 0.3162996],
            0.3999539,
        ),
        ((Z_TIME, Z_EVENT), [15, 66], [0.3030303, 0.4357061], 0.385509),
    ],
)
def test_known_answers(train, times, auc, mean: float) -> None:
    found = dynamic_auc(Y_TIME, Y_EVENT, Y_RISK, times, censoring(*train), bootstrap=POINT)
    assert found.auc == pytest.approx(auc, abs=1e-6)
    assert found.mean.value == pytest.approx(mean, abs=1e-6)


@pytest.mark.parametrize("seed", range(8))
def test_equals_scikit_survival_and_turns_with_the_risk(seed: int) -> None:
    rng = np.random.default_rng(seed)
    time, event = rng.integers(1, 40, 120).astype(float), rng.random(120) < 0.6
    time[0], event[0] = 41, False  # the last one is censored alone, so that G is 0 only there
    risk = np.round(rng.normal(size=120), 1)  # many ties
    y = np.array(list(zip(event, time, strict=True)), dtype=[("event", bool), ("time", float)])
    g = censoring(time, event)
    auc, mean = cumulative_dynamic_auc(y, y, risk, [8.5, 20, 30])
    found = dynamic_auc(time, event, risk, [8.5, 20, 30], g, bootstrap=POINT)
    assert found.auc == pytest.approx(auc, abs=1e-10)
    assert found.mean.value == pytest.approx(mean, abs=1e-10)
    reverse = dynamic_auc(time, event, -risk, [8.5, 20, 30], g, bootstrap=POINT)
    assert reverse.auc == pytest.approx(1 - found.auc, abs=1e-12)
    order = rng.permutation(120)
    for other in (
        dynamic_auc(time[order], event[order], risk[order], [8.5, 20, 30], g, bootstrap=POINT),
        dynamic_auc(time, event, np.sinh(3 * risk), [8.5, 20, 30], g, bootstrap=POINT),
    ):
        assert other.auc == pytest.approx(found.auc, abs=1e-12)
    flat = dynamic_auc(time, event, np.ones(120), [8.5, 20], g, bootstrap=Bootstrap(20))
    assert (flat.auc.tolist(), flat.mean.low) == ([0.5, 0.5], pytest.approx(0.5))


def test_times_that_say_nothing_are_refused() -> None:
    g = censoring(Y_TIME, Y_EVENT)
    for odd in (3.18, 99.51, np.nan):
        with pytest.raises(InputError, match=r"3\.19 <= t < 99\.51"):
            dynamic_auc(Y_TIME, Y_EVENT, Y_RISK, [15, odd], g)
    with pytest.raises(InputError, match=r"an event by each time, got none by 1\.5"):
        dynamic_auc([1, 2, 3], [0, 1, 1], [1, 2, 3], [1.5], censoring([1, 2, 3], [0, 1, 1]))
    with pytest.raises(InputError, match="G above 0"):
        dynamic_auc([1, 3, 4], [1, 1, 0], [1, 2, 3], [3.5], censoring([1, 2], [1, 0]))
