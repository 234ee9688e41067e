"""The fold over a track: causal, blind to gaps, and against sums written out."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vultus.errors import InputError
from vultus.expression import Smoother
from vultus.types import Expression

CLASSES = ("happy", "sad", "neutral")
NOTHING = Expression(CLASSES, (), "m", "turned")


def of(happy: float) -> Expression:
    return Expression(CLASSES, (happy, 1 - happy, 0.0), "m")


def smoothed(looks: list[tuple[float, Expression]], seconds: float, ahead: float = 0.0) -> list[Expression]:
    smoother = Smoother[int](seconds, ahead)
    found = [pair for at, (time, seen) in enumerate(looks) for pair in smoother.see(at, time, seen)] + smoother.end()
    assert [key for key, _ in found] == list(range(len(looks)))
    return [answer for _, answer in found]


def written_out(looks: list[tuple[float, Expression]], seconds: float, ahead: float) -> list[tuple[float, ...]]:
    """The definition: a weight for each pair of looks."""
    found = []
    for time, seen in looks:
        if not seen.probabilities:
            found.append(())
            continue
        used = [(t, s) for t, s in looks if s.probabilities and t - time <= ahead]
        weights = np.array([math.exp(-abs(t - time) / seconds) for t, _ in used])
        values = np.array([s.probabilities for _, s in used])
        found.append(tuple((weights @ values / weights.sum()).tolist()))
    return found


def test_nothing() -> None:
    assert Smoother[int](0.5).end() == []
    assert Smoother[int](0.5, 1.0).until(9.0) == []


@pytest.mark.parametrize("wrong", [(-1.0, 0.0), (math.nan, 0.0), (math.inf, 0.0), (1.0, -1.0), (1.0, math.inf)])
def test_times_that_are_none_are_refused(wrong: tuple[float, float]) -> None:
    with pytest.raises(InputError, match="seconds of 0 or more"):
        Smoother[int](*wrong)


@pytest.mark.parametrize("time", [1.0, 0.5, math.nan])
def test_looks_come_in_the_order_of_time(time: float) -> None:
    smoother = Smoother[int](1.0)
    smoother.see(0, 1.0, of(1.0))
    with pytest.raises(InputError, match="order of time"):
        smoother.see(1, time, of(1.0))


def test_no_seconds_change_nothing() -> None:
    looks = [(0.1 * at, of(at % 2)) for at in range(6)]
    assert smoothed(looks, 0.0, 3.0) == [seen for _, seen in looks]


def test_a_step_by_hand() -> None:
    first, second, third = smoothed([(0.0, of(1)), (1.0, of(0)), (2.0, of(0))], 1.0)
    e = math.e
    assert first.probabilities[0] == 1
    assert second.probabilities[0] == pytest.approx((1 / e) / (1 + 1 / e))
    assert third.probabilities[0] == pytest.approx((1 / e**2) / (1 + 1 / e + 1 / e**2))


def test_a_gap_lets_the_past_fade() -> None:
    near = smoothed([(0.0, of(1)), (0.1, of(0))], 0.5)[1]
    far = smoothed([(0.0, of(1)), (5.0, of(0))], 0.5)[1]
    assert near.probabilities[0] > 0.4
    assert far.probabilities[0] < 1e-4


def test_what_has_no_answer_gets_none_and_counts_for_nothing() -> None:
    with_hole = smoothed([(0.0, of(1)), (0.2, NOTHING), (0.4, of(0))], 0.5)
    without = smoothed([(0.0, of(1)), (0.4, of(0))], 0.5)
    assert with_hole[1] is NOTHING
    np.testing.assert_allclose(with_hole[2].probabilities, without[1].probabilities, atol=1e-12)


times = st.lists(st.floats(0.01, 0.7), min_size=1, max_size=12)
answers = st.one_of(st.none(), st.floats(0, 1))


@given(steps=times, data=st.data(), seconds=st.floats(0.05, 2), ahead=st.sampled_from([0.0, 0.3, 1.0]))
def test_it_is_the_mean_that_its_definition_says(
    steps: list[float], data: st.DataObject, seconds: float, ahead: float
) -> None:
    shown = data.draw(st.lists(answers, min_size=len(steps), max_size=len(steps)))
    looks = [
        (float(time), NOTHING if value is None else of(value))
        for time, value in zip(np.cumsum(steps), shown, strict=True)
    ]
    found = smoothed(looks, seconds, ahead)
    for answer, wanted in zip(found, written_out(looks, seconds, ahead), strict=True):
        np.testing.assert_allclose(answer.probabilities, wanted, atol=1e-9)
        assert not wanted or math.isclose(sum(answer.probabilities), 1, abs_tol=1e-9)


@given(steps=times, data=st.data())
def test_nothing_later_counts_without_a_look_ahead(steps: list[float], data: st.DataObject) -> None:
    shown = data.draw(st.lists(st.floats(0, 1), min_size=len(steps), max_size=len(steps)))
    looks = [(float(time), of(value)) for time, value in zip(np.cumsum(steps), shown, strict=True)]
    cut = data.draw(st.integers(0, len(looks)))
    assert smoothed(looks, 0.5)[:cut] == smoothed(looks[:cut], 0.5)


def test_with_a_look_ahead_an_answer_waits_that_long_and_no_longer() -> None:
    smoother = Smoother[int](0.5, 0.25)
    assert smoother.see(0, 0.0, of(1)) == []
    assert smoother.see(1, 0.2, of(0)) == []
    ((key, answer),) = smoother.see(2, 0.3, of(0))
    assert key == 0
    assert answer.probabilities[0] == pytest.approx(1 / (1 + math.exp(-0.4)))  # 0.3 s lies beyond
    assert [key for key, _ in smoother.until(0.5)] == [1]
    assert [key for key, _ in smoother.end()] == [2]
