from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vultus.errors import OperatingPointError
from vultus.metrics.normalised import NormalisedPoint, interpolate
from vultus.types import Rate

RATE = Rate(30, 3000, 0.005, 0.02)


def point(people: int, templates: int, target: float, threshold: float, method: str = "t") -> NormalisedPoint:
    return NormalisedPoint(method, people, templates, target, threshold, RATE, 10, 0.1)  # type: ignore[arg-type]


GRID = [
    point(10, 1, 0.1, 3.0),
    point(100, 1, 0.1, 4.0),
    point(10, 1, 0.01, 5.0),
    point(100, 1, 0.01, 7.0),
    point(10, 4, 0.1, 3.2),
    point(10, 4, 0.01, 5.4),
]


def test_nothing_was_measured() -> None:
    with pytest.raises(OperatingPointError, match="no thresholds were measured for t-norm of max"):
        interpolate([], "t", 0.01, 20, 1)
    with pytest.raises(OperatingPointError, match="adaptive s-norm; search without normalisation"):
        interpolate(GRID, "s", 0.01, 20, 1)


def test_a_measured_point_is_itself() -> None:
    found = interpolate(GRID, "t", 0.01, 100, 1)
    assert (found.threshold, found.observed, found.extrapolated) == (7.0, RATE, False)


def test_between_worked_by_hand() -> None:
    # Half way along the logarithm of each: people, rate, both, templates.
    middle = math.sqrt(1000)
    found = interpolate(GRID, "t", 0.01, middle, 1)  # type: ignore[arg-type]
    assert (found.threshold, found.observed, found.extrapolated) == (pytest.approx(6.0), None, False)
    assert interpolate(GRID, "t", math.sqrt(1e-3), 10, 1).threshold == pytest.approx(4.0)
    assert interpolate(GRID, "t", math.sqrt(1e-3), middle, 1).threshold == pytest.approx(4.75)  # type: ignore[arg-type]
    assert interpolate(GRID, "t", 0.01, 10, 2).threshold == pytest.approx(5.2)


def test_more_templates_add_what_they_added_in_the_nearest_gallery() -> None:
    found = interpolate(GRID, "t", 0.01, 100, 2)
    assert (found.threshold, found.extrapolated) == (pytest.approx(7.2), True)


@pytest.mark.parametrize(
    ("fpir", "people", "templates", "said"),
    [
        (0.01, 9, 1, "of 10 to 100 people, where normalised scores were measured, got 9"),
        (0.01, 101, 1, "of 10 to 100 people.*got 101"),
        (0.001, 50, 1, "an FPIR of 0.01 to 0.1,"),
        (0.2, 50, 1, "an FPIR of 0.01 to 0.1,"),
        (0.01, 10, 4.1, "1 to 4 templates a person"),
        (0.01, 10, 0.5, "1 to 4 templates a person"),
    ],
)
def test_beyond_is_refused_with_advice(fpir: float, people: int, templates: float, said: str) -> None:
    with pytest.raises(OperatingPointError, match=said) as refused:
        interpolate(GRID, "t", fpir, people, templates)
    assert "search without normalisation" in str(refused.value)


@given(st.floats(0.01, 0.1), st.floats(0.01, 0.1), st.integers(10, 100), st.floats(1, 4))
def test_a_stricter_rate_asks_for_more(one: float, other: float, people: int, templates: float) -> None:
    strict, loose = sorted((one, other))
    higher = interpolate(GRID, "t", strict, people, templates).threshold
    assert higher >= interpolate(GRID, "t", loose, people, templates).threshold - 1e-9
