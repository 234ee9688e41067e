from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vultus.errors import InputError
from vultus.metrics.sweep import (
    eer_threshold,
    far_threshold,
    min_hter_threshold,
    threshold_for,
    weighted_threshold,
)

coarse = arrays(np.float64, st.integers(1, 40), elements=st.integers(-20, 20).map(lambda v: v / 20))


def errors(genuine: np.ndarray, impostor: np.ndarray, threshold: float) -> tuple[int, int]:
    return int((impostor >= threshold).sum()), int((genuine < threshold).sum())


def test_nothing_and_nonsense_are_refused() -> None:
    for call in (
        lambda: far_threshold(np.zeros(0), 0.1),
        lambda: eer_threshold(np.zeros(0), np.zeros(1)),
        lambda: min_hter_threshold(np.zeros(1), np.zeros(0)),
        lambda: threshold_for(np.array([np.nan]), np.zeros(1), "eer"),
        lambda: weighted_threshold(np.zeros(1), np.zeros(1), -1, 1),
        lambda: threshold_for(np.zeros(1), np.zeros(1), ("far", math.nan)),
        lambda: threshold_for(np.zeros(1), np.zeros(1), "roc"),  # type: ignore[arg-type]
    ):
        with pytest.raises(InputError):
            call()


def test_hand_worked() -> None:
    genuine, impostor = np.array([0.9, 0.6, 0.3]), np.array([0.5, 0.2, 0.1])
    assert eer_threshold(genuine, impostor) == pytest.approx(0.4)
    # Of two candidates as good, the one above all impostors must be strictly better, and is not.
    assert [sum(errors(genuine, impostor, t)) for t in (0.25, 0.4, 0.55)] == [1, 2, 1]
    assert min_hter_threshold(genuine, impostor) == 0.25
    assert far_threshold(impostor, 0) == np.nextafter(0.5, 1)
    assert far_threshold(impostor, 1) == np.nextafter(0.1, -1)
    assert threshold_for(genuine, impostor, ("frr", 0.34)) == 0.6


def test_far_apart_groups_are_parted_in_the_middle() -> None:
    assert eer_threshold(np.array([0.8, 0.9]), np.array([0.1, 0.2])) == 0.5
    assert min_hter_threshold(np.array([0.8, 0.9]), np.array([0.1, 0.2])) == 0.5


def test_the_wrong_way_round_nobody_is_let_in() -> None:
    genuine, impostor = np.array([0.1, 0.2]), np.array([0.8, 0.9])
    assert weighted_threshold(genuine, impostor, 100, 1) == np.nextafter(0.9, 1)
    assert weighted_threshold(genuine, impostor, 1, 100) == 0.1


def test_neighbouring_doubles_have_no_middle() -> None:
    low = 0.5
    high = float(np.nextafter(low, 1))
    assert eer_threshold(np.array([high]), np.array([low])) == high


@given(coarse, coarse, st.integers(0, 10), st.integers(0, 10))
def test_weighted_cost_is_the_least_of_all(genuine: np.ndarray, impostor: np.ndarray, one: int, other: int) -> None:
    def cost(threshold: float) -> int:
        wrong_in, wrong_out = errors(genuine, impostor, threshold)
        return one * wrong_in * genuine.size + other * wrong_out * impostor.size

    found = cost(weighted_threshold(genuine, impostor, one, other))
    everywhere = np.append(np.union1d(genuine, impostor), 2.0)
    assert found == min(cost(each) for each in everywhere)


@given(coarse, coarse)
def test_eer_gap_is_the_least_of_all(genuine: np.ndarray, impostor: np.ndarray) -> None:
    def gap(threshold: float) -> int:
        wrong_in, wrong_out = errors(genuine, impostor, threshold)
        return abs(wrong_in * genuine.size - wrong_out * impostor.size)

    everywhere = np.append(np.union1d(genuine, impostor), 2.0)
    assert gap(eer_threshold(genuine, impostor)) == min(gap(each) for each in everywhere)


@given(coarse, st.floats(0, 1), st.floats(0, 1))
def test_far_threshold_keeps_its_target_and_falls(impostor: np.ndarray, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert (impostor >= far_threshold(impostor, one)).mean() <= one
    assert far_threshold(impostor, low) >= far_threshold(impostor, high)
