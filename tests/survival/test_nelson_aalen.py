from __future__ import annotations

import math

import numpy as np
import pytest
from lifelines import NelsonAalenFitter
from sksurv.nonparametric import nelson_aalen_estimator

from vultus.datasets.survival import Cohort
from vultus.errors import InputError
from vultus.survival import kaplan_meier, nelson_aalen


def test_nobody() -> None:
    with pytest.raises(InputError, match="at least one row"):
        nelson_aalen([], [])


def test_worked_by_hand() -> None:
    found = nelson_aalen([1, 2, 2, 3], [0, 1, 1, 1])
    assert found.hazard == pytest.approx([0, 2 / 3, 5 / 3])
    assert found.se == pytest.approx([0, math.sqrt(2 / 9), math.sqrt(2 / 9 + 1)])
    assert np.isnan(found.low).tolist() == [True, False, False]
    assert (found.low[1] * found.high[1]) == pytest.approx(found.hazard[1] ** 2)


@pytest.mark.data
@pytest.mark.parametrize("name", ["rossi", "whas", "veteran", "gbsg2"])
def test_equals_scikit_survival_and_lifelines(name: str, request: pytest.FixtureRequest) -> None:
    cohort: Cohort = request.getfixturevalue(name)
    found = nelson_aalen(cohort.time, cohort.event)
    assert found.hazard == pytest.approx(nelson_aalen_estimator(cohort.event, cohort.time)[1], abs=1e-12)
    outside = NelsonAalenFitter(nelson_aalen_smoothing=False).fit(cohort.time, cohort.event)
    bounds = outside.confidence_interval_.to_numpy()[1:]  # the first row is time 0
    # lifelines takes the hypergeometric variance d (n - d) / (n^2 (n - 1)): the same but for ties and for the
    # last few at risk.
    if name in ("whas", "gbsg2"):
        some = np.flatnonzero(found.hazard > 0)[:-10]
        assert found.low[some] == pytest.approx(bounds[some, 0], rel=2e-2)
        assert found.high[some] == pytest.approx(bounds[some, 1], rel=2e-2)


@pytest.mark.data
def test_is_above_the_hazard_of_kaplan_meier(rossi: Cohort) -> None:
    found, curve = nelson_aalen(rossi.time, rossi.event), kaplan_meier(rossi.time, rossi.event)
    assert (found.hazard <= -np.log(curve.survival) + 1e-12).all()
    assert found.hazard == pytest.approx(-np.log(curve.survival), abs=2e-3)
