from __future__ import annotations

import numpy as np
import pytest

from vultus.errors import InputError
from vultus.survival import Curves, per_person
from vultus.survival.outcomes import check_horizons, check_outcomes, check_risk


@pytest.mark.parametrize(
    ("time", "event", "message"),
    [
        ([], [], "time: expected at least one row, got none"),
        ([1, 0], [1, 1], "time: expected times above 0, got 0 in row 1"),
        ([1, -2], [1, 1], "time: expected times above 0, got -2 in row 1"),
        ([1, np.nan], [1, 1], "time: expected finite numbers, got nan"),
        ([1, np.inf], [1, 1], "time: expected finite numbers, got inf"),
        ([[1, 2]], [1, 1], r"time: expected one value a row, got shape \(1, 2\)"),
        (["a", "b"], [1, 1], "time: expected numbers"),
        ([1, 2], [1], "event: expected one for each of 2 times, got 1"),
        ([1, 2], [1, 2], "event: expected true and false, or 1 .* got 2"),
        ([1, 2], [1, 0.5], "event: expected true and false, or 1 .* got 0.5"),
        ([1, 2], [1, np.nan], "event: expected finite numbers"),
        ([1, 2], ["yes", "no"], "event: expected numbers"),
        ([1, 2], [0, 0], "event: expected at least one event, all 2 rows are censored"),
    ],
)
def test_outcomes_that_are_none(time, event, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_outcomes(time, event, some_event=True)


def test_events_may_be_booleans_or_numbers() -> None:
    for event in ([True, False], [1, 0], [1.0, 0.0], np.array([1, 0], dtype=np.uint8)):
        assert check_outcomes([3, 4], event)[1].tolist() == [True, False]
    assert check_outcomes([3], [0])[1].tolist() == [False]


def test_survival_is_no_risk() -> None:
    curves = Curves(np.array([1.0]), np.array([[0.5], [0.4]]))
    with pytest.raises(InputError, match=r"risk scores \(higher = worse\), got survival probabilities"):
        check_risk(curves, 2)
    with pytest.raises(InputError, match=r"one value a row, got shape \(2, 3\)"):
        check_risk(np.zeros((2, 3)), 2)
    with pytest.raises(InputError, match="one score for each of 3 rows, got 2"):
        check_risk([1, 2], 3)
    with pytest.raises(InputError, match="risk: expected finite"):
        check_risk([1, np.nan], 2)


def test_horizons_lie_within_follow_up() -> None:
    followed = np.array([2.0, 5.0, 9.0])
    assert check_horizons(2, followed).tolist() == [2.0]
    for odd in (1.9, 9.0, 10.0, np.nan):
        with pytest.raises(InputError, match=r"2 <= t < 9"):
            check_horizons([3.0, odd], followed)
    with pytest.raises(InputError, match="one or several"):
        check_horizons([], followed)


def test_one_row_a_person() -> None:
    names, time, event, risk = per_person(["b", "a", "b"], [5, 7, 5], [1, 0, 1], [1, 4, 2])
    assert (names.tolist(), time.tolist(), event.tolist(), risk.tolist()) == (
        ["a", "b"],
        [7, 5],
        [False, True],
        [4, 1.5],
    )
    with pytest.raises(InputError, match="one outcome a person, b has several"):
        per_person(["b", "a", "b"], [5, 7, 6], [1, 0, 1], [1, 4, 2])
    with pytest.raises(InputError, match="person: expected one for each of 2 rows"):
        per_person(["a"], [5, 7], [1, 0], [1, 4])
