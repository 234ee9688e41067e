from __future__ import annotations

import numpy as np
import pytest

from vultus.datasets.survival import Cohort
from vultus.errors import InputError
from vultus.survival import Cox, proportionality

NAMES = ("fin", "age", "race", "wexp", "mar", "paro", "prio")


@pytest.mark.data
def test_rossi(rossi: Cohort) -> None:
    x = rossi.table.matrix(NAMES)
    fit = Cox().fit(x, rossi.time, rossi.event, names=NAMES)
    rank = proportionality(fit, x, rossi.time, rossi.event)
    assert rank.statistic == pytest.approx(
        [0.015056, 11.453497, 1.426479, 7.314934, 0.709474, 0.134266, 0.018834], abs=1e-6
    )
    assert rank.p == pytest.approx([0.902343, 0.000714, 0.232340, 0.006838, 0.399619, 0.714049, 0.890843], abs=1e-6)
    km = proportionality(fit, x, rossi.time, rossi.event, transform="km")
    assert km.statistic == pytest.approx(
        [0.019130, 11.030294, 1.437456, 7.475471, 0.600874, 0.115721, 0.022546], abs=1e-6
    )


def test_finds_a_ratio_that_changes_and_leaves_one_that_does_not() -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2, (2000, 2)).astype(float)
    first = rng.exponential(np.exp(-2 * x[:, 0]))  # strong early, nothing later
    time = np.where(first < 0.3, first, 0.3 + rng.exponential(size=2000))
    found = proportionality(Cox().fit(x, time, np.ones(2000)), x, time, np.ones(2000))
    assert found.p[0] < 1e-6
    assert found.p[1] > 0.01


def test_other_rows_are_refused() -> None:
    x, time, event = np.array([[1.0], [0], [1], [0]]), [1, 2, 3, 4], [1, 1, 1, 0]
    fit = Cox().fit(x, time, event)
    with pytest.raises(InputError, match="the 4 rows that the model was fitted on, got 3"):
        proportionality(fit, x[:3], time[:3], event[:3])
    with pytest.raises(InputError, match="rank or km"):
        proportionality(fit, x, time, event, transform="log")  # type: ignore[arg-type]
    same = Cox().fit(x, [1, 1, 1, 4], event)
    with pytest.raises(InputError, match="events at different times"):
        proportionality(same, x, [1, 1, 1, 4], event, transform="km")
