"""The similarity scale against the hand-worked values of its definition."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vultus.errors import OperatingPointError
from vultus.server.routes.aws.scale import Scale
from vultus.testing import Analyzer, Thresholds
from vultus.types import OperatingPoint

SFACE = Scale((-1.0, 0.2021, 0.2945, 0.3620, 0.4180, 0.4681, 1.0), (0.0, 50.0, 70.0, 80.0, 90.0, 99.0, 100.0))


@pytest.mark.parametrize(
    ("cosine", "similarity"),
    [(-1, 0), (0, 41.594), (0.333, 75.704), (0.362, 80), (0.4, 86.786), (0.7, 99.436), (1, 100), (-2, 0), (2, 100)],
)
def test_known_answers(cosine: float, similarity: float) -> None:
    assert SFACE.similarity(cosine) == pytest.approx(similarity, abs=5e-4)


def test_the_default_of_the_clients_is_one_stranger_in_a_thousand() -> None:
    table = Thresholds(Analyzer().contract)
    scale = Scale.of(table)
    assert scale.cosine(80) == table.verify(1e-3).threshold
    assert scale.similarity(table.verify(1e-5).threshold) == 99


def test_rates_that_no_cosine_stands_for_are_left_out() -> None:
    class Coarse(Thresholds):
        def verify(self, fmr: float) -> OperatingPoint:
            if fmr < 1e-3:
                raise OperatingPointError("too low")
            return super().verify(fmr)

    scale = Scale.of(Coarse(Analyzer().contract))
    assert scale.percents == (0.0, 50.0, 70.0, 80.0, 100.0)


@given(st.floats(-1, 1), st.floats(-1, 1))
def test_more_alike_is_never_less_similar(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert 0 <= SFACE.similarity(low) <= SFACE.similarity(high) <= 100


@given(st.floats(0, 100))
def test_a_threshold_lets_through_nothing_below_it(percent: float) -> None:
    least = SFACE.cosine(percent)
    assert -1 <= least <= 1
    # 1e-4 of similarity: the answers are rounded to it; the top is a picture with itself.
    assert SFACE.similarity(least) >= min(percent, 99.9999) - 1e-4


def test_thresholds_between_the_knots_are_few() -> None:
    """Else a caller could learn a score to any digit by asking with many thresholds."""
    asked = [SFACE.cosine(percent / 1000) for percent in range(80_000, 90_001)]
    assert len(set(asked)) <= 8
    assert {0.362, 0.418} <= set(asked)


def test_a_picture_with_itself_passes_a_hundred() -> None:
    assert SFACE.cosine(100) < 1 - 1e-7
    assert SFACE.similarity(SFACE.cosine(100)) == pytest.approx(100, abs=1e-3)
