from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vultus.errors import InputError
from vultus.metrics.differentials import (
    fairness_discrepancy,
    garbe,
    gini,
    inequity,
    rates_by_group,
    summarise,
)
from vultus.metrics.intervals import SubjectBootstrap, clopper_pearson
from vultus.types import Rate

RATES = {"a": Rate(400, 10_000, 0.03, 0.05), "b": Rate(100, 10_000, 0.008, 0.012), "c": Rate(200, 10_000, 0.01, 0.04)}
PEOPLE = {"a": 200, "b": 100, "c": 150}


def test_no_comparisons() -> None:
    assert rates_by_group(np.array([], dtype=bool), [], [], [], []) == {}
    with pytest.raises(InputError, match="two or more groups with comparisons, got 0"):
        summarise({}, {}, kind="FMR")


def test_rates_by_group_are_those_of_their_comparisons() -> None:
    rng = np.random.default_rng(0)
    first, second = np.triu_indices(40, 1)
    group = np.array(["x", "y", "y", "z"])[np.arange(40) % 4]
    errors = rng.random(first.size) < 0.2
    found = rates_by_group(errors, first, second, group[first], group[second])
    assert list(found) == [("x", "x"), ("x", "y"), ("x", "z"), ("y", "y"), ("y", "z"), ("z", "z")]
    assert sum(rate.n for rate in found.values()) == first.size
    within = (group[first] == "y") & (group[second] == "y")
    assert found["y", "y"] == SubjectBootstrap(first[within], second[within]).rate(errors[within])
    assert rates_by_group(errors, second, first, group[second], group[first]) == found


def test_somebody_in_two_groups_is_refused() -> None:
    with pytest.raises(InputError, match="one group a person"):
        rates_by_group(np.array([True, True]), ["a", "a"], ["b", "b"], ["x", "y"], ["x", "x"])
    with pytest.raises(InputError, match="two people and two groups"):
        rates_by_group(np.array([True]), ["a"], ["b"], ["x", "y"], ["x"])


def test_summaries_by_hand() -> None:
    """Rates .04 .01 .02: geometric mean .02, mean .07/3; Gini 3/2 * 2 (.03 + .02 + .01) / (18 * .07/3) = 3/7."""
    found = summarise(RATES, PEOPLE, kind="FMR")
    assert (found.worst, found.best) == ("a", "b")
    assert found.worst_over_best == pytest.approx(4)
    assert found.worst_over_geometric_mean == pytest.approx(2)
    assert [found.ratio(group) for group in "abc"] == pytest.approx([2, 0.5, 1])
    assert found.worst_over_mean == pytest.approx(12 / 7)
    assert found.gini == pytest.approx(3 / 7)
    assert (found.worst_over_best_low, found.worst_over_best_high) == pytest.approx((0.03 / 0.012, 0.05 / 0.008))
    assert found.apart == ("a",)
    assert found.warnings == ()


def test_groups_that_say_nothing_are_named() -> None:
    rates = {
        "a": clopper_pearson(50, 1000),
        "b": clopper_pearson(0, 300),
        "c": clopper_pearson(3, 300),
        "d": clopper_pearson(0, 0),
    }
    found = summarise(rates, {"a": 50, "b": 25, "c": 40, "d": 1}, kind="FMR")
    assert found.warnings == (
        "d: no comparison",
        "b: 25 people, too few to speak for a group (30 at least)",
        "b: no error in 300; the rate may be anything up to 0.012",
        "c: 3 errors, under the 30 that a rate should rest on",
    )
    assert found.worst_over_best == found.worst_over_geometric_mean == math.inf
    assert found.worst_over_best_low == pytest.approx(rates["a"].low / rates["b"].high)
    assert math.isnan(found.ratio("a"))
    with pytest.raises(InputError, match="number of people of each group, none for a"):
        summarise({"a": rates["a"]}, {}, kind="FMR")


def test_many_groups_come_with_a_warning() -> None:
    rates = {str(at): clopper_pearson(40, 1000) for at in range(9)}
    found = summarise(rates, dict.fromkeys(rates, 100), kind="FNMR")
    assert found.apart == ()
    assert len(found.warnings) == 1
    assert "9 groups are compared at once" in found.warnings[0]


@pytest.mark.parametrize("groups", [2, 5])
def test_disjoint_intervals_rarely_part_equal_groups(groups: int) -> None:
    """Groups of one true rate, 400 tables: `apart` names one in a twentieth of them at most."""
    rates = {k: clopper_pearson(k, 1000) for k in range(150)}
    counts = np.random.default_rng(0).binomial(1000, 0.1, size=(400, groups))
    people = {str(at): 100 for at in range(groups)}
    named = [summarise({str(at): rates[k] for at, k in enumerate(row)}, people, kind="FMR").apart for row in counts]
    assert sum(map(bool, named)) / len(named) <= 0.05


def test_published_figures_by_hand() -> None:
    fmr, fnmr = [0.001, 0.004], [0.02, 0.02]
    assert gini(fmr) == pytest.approx(0.6)  # 2 * 2 * .003 / (2 * 4 * .0025)
    assert garbe(fmr, fnmr) == pytest.approx(0.3)
    assert inequity(fmr, fnmr) == pytest.approx(2)
    assert inequity(fmr, fnmr, alpha=1) == pytest.approx(4)
    assert fairness_discrepancy(fmr, fnmr) == pytest.approx(1 - 0.0015)
    assert inequity([0.0, 0.1], fnmr) == math.inf
    assert inequity([0.0, 0.0], fnmr) == 1
    assert gini([0.0, 0.0]) == 0


@example([0.0, 5e-324], 1.0)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=8), st.floats(0.01, 1))
def test_gini_lies_between_and_minds_neither_scale_nor_order(rates: list[float], scale: float) -> None:
    found = gini(rates)
    assert -1e-12 <= found <= 1 + 1e-12
    assert gini(rates[::-1]) == pytest.approx(found)
    if max(rates) > 1e-300:
        assert gini([scale * rate for rate in rates]) == pytest.approx(found, abs=1e-9)


@pytest.mark.parametrize("rates", [[], [0.1], [0.1, math.nan], [0.1, 1.5]])
def test_rates_that_are_none_are_refused(rates: list[float]) -> None:
    with pytest.raises(InputError, match="two or more rates between 0 and 1"):
        gini(rates)
    with pytest.raises(InputError, match="alpha between 0 and 1"):
        garbe([0.1, 0.2], [0.1, 0.2], alpha=2)
