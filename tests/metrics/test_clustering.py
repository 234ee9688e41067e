from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics.cluster import pair_confusion_matrix

from vultus.errors import InputError
from vultus.metrics.clustering import bcubed, pairwise

TRUTH = [0, 0, 0, 1, 1, 2, 3]
labels = st.integers(1, 25).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(0, 4), min_size=n, max_size=n), st.lists(st.integers(0, 4), min_size=n, max_size=n)
    )
)


def test_no_faces_are_refused() -> None:
    for figure in (bcubed, pairwise):
        with pytest.raises(InputError, match="got 0 and 0"):
            figure([], [])
        with pytest.raises(InputError, match="got 2 and 1"):
            figure([0, 1], [0])


@pytest.mark.parametrize(
    ("predicted", "precision", "recall", "f"),
    [
        ([0, 0, 1, 1, 1, 2, 2], 2 / 3, 0.809524, 0.731183),
        ([0] * 7, 0.306122, 1.0, 0.46875),
        (list(range(7)), 1.0, 0.571429, 0.727273),
        ([None] * 7, 1.0, 0.571429, 0.727273),
        (TRUTH, 1.0, 1.0, 1.0),
    ],
)
def test_bcubed_known_answers(predicted: list[int | None], precision: float, recall: float, f: float) -> None:
    found = bcubed(TRUTH, predicted)
    assert (found.precision, found.recall, found.f) == pytest.approx((precision, recall, f), abs=6e-7)


def test_pairwise_known_answers() -> None:
    found = pairwise(TRUTH, [0, 0, 1, 1, 1, 2, 2])
    assert (found.tp, found.fp, found.fn) == (2, 3, 2)
    assert (found.precision, found.recall) == (0.4, 0.5)
    assert found.f == pytest.approx(0.4444, abs=5e-5)


def test_nothing_claimed_is_undefined_not_perfect() -> None:
    alone = pairwise(TRUTH, [None] * 7)
    assert math.isnan(alone.precision)
    assert (alone.recall, alone.f) == (0.0, 0.0)
    assert math.isnan(pairwise([0, 1], [None, None]).f)


@given(labels)
def test_equal_to_the_definitions(pair: tuple[list[int], list[int]]) -> None:
    truth, predicted = pair
    n = len(truth)
    person = [{j for j in range(n) if truth[j] == truth[i]} for i in range(n)]
    group = [{j for j in range(n) if predicted[j] == predicted[i]} for i in range(n)]
    found = bcubed(truth, predicted)
    assert found.precision == pytest.approx(np.mean([len(person[i] & group[i]) / len(group[i]) for i in range(n)]))
    assert found.recall == pytest.approx(np.mean([len(person[i] & group[i]) / len(person[i]) for i in range(n)]))
    pairs = [(truth[i] == truth[j], predicted[i] == predicted[j]) for i, j in combinations(range(n), 2)]
    counted = pairwise(truth, predicted)
    assert (counted.tp, counted.fp, counted.fn) == (
        pairs.count((True, True)),
        pairs.count((False, True)),
        pairs.count((True, False)),
    )
    (_, fp), (fn, tp) = pair_confusion_matrix(truth, predicted) // 2
    assert (counted.tp, counted.fp, counted.fn) == (tp, fp, fn)


@given(labels, st.randoms(use_true_random=False))
def test_blind_to_order_and_names_and_swapping_swaps(pair: tuple[list[int], list[int]], random) -> None:
    truth, predicted = pair
    order = random.sample(range(len(truth)), len(truth))
    moved = bcubed([f"p{truth[i]}" for i in order], [(predicted[i],) for i in order])
    found, swapped = bcubed(truth, predicted), bcubed(predicted, truth)
    assert (moved.precision, moved.recall) == pytest.approx((found.precision, found.recall))
    assert (swapped.recall, swapped.precision) == pytest.approx((found.precision, found.recall))
    there, back = pairwise(truth, predicted), pairwise(predicted, truth)
    assert (there.tp, there.fp, there.fn) == (back.tp, back.fn, back.fp)
