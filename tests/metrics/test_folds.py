from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vultus.errors import InputError
from vultus.metrics.folds import accuracy_threshold, fold_accuracy, person_folds


def test_no_pairs() -> None:
    nothing = np.zeros(0)
    with pytest.raises(InputError, match="got none"):
        accuracy_threshold(nothing, nothing.astype(bool))
    with pytest.raises(InputError, match="at least two folds"):
        fold_accuracy(nothing, nothing.astype(bool), nothing.astype(int))
    assert person_folds([], []).size == 0


def test_accuracy_threshold_lies_half_way() -> None:
    assert accuracy_threshold(np.array([0.9, 0.6, 0.3, 0.1]), np.array([1, 1, 0, 0], dtype=bool)) == pytest.approx(0.45)
    assert accuracy_threshold(np.array([0.9, 0.6]), np.array([True, True])) == 0.6
    assert accuracy_threshold(np.array([0.9, 0.6]), np.array([False, False])) > 0.9
    with pytest.raises(InputError, match="got none"):
        accuracy_threshold(np.array([np.nan]), np.array([True]))


def test_fold_accuracy_worked_by_hand() -> None:
    # Fold 0 alone would choose 0.75, fold 1 alone 0.45 (both separate perfectly).
    values = np.array([0.9, 0.8, 0.7, 0.1, 0.5, 0.6, 0.4, 0.2])
    same = np.array([1, 1, 0, 0, 1, 1, 0, 0], dtype=bool)
    folds = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    found = fold_accuracy(values, same, folds)
    assert found.thresholds == pytest.approx((0.45, 0.75))
    assert found.accuracies == (0.75, 0.5)
    assert found.mean == 0.625
    assert found.std == pytest.approx(0.25 / math.sqrt(2))


def test_fold_accuracy_counts_a_failure_as_different() -> None:
    values = np.array([0.9, np.nan, 0.1, np.nan, 0.8, 0.2])
    same = np.array([1, 1, 0, 0, 1, 0], dtype=bool)
    assert fold_accuracy(values, same, np.array([0, 0, 0, 0, 1, 1])).accuracies == (0.75, 1.0)


def test_fold_accuracy_wants_two_folds() -> None:
    with pytest.raises(InputError, match="at least two folds"):
        fold_accuracy(np.array([0.5, 0.1]), np.array([True, False]), np.array([0, 0]))
    with pytest.raises(InputError, match="a fold for each"):
        fold_accuracy(np.array([0.5, 0.1]), np.array([True, False]), np.array([0]))


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="a score and a truth"):
        accuracy_threshold(np.zeros(3), np.zeros(2, dtype=bool))
    with pytest.raises(InputError, match="two or more folds"):
        person_folds(["a"], ["b"], 1)
    with pytest.raises(InputError, match="two people a pair"):
        person_folds(["a"], [])


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=1, max_size=80), st.integers(0, 3))
def test_folds_keep_people_together(listed: list[tuple[int, int]], seed: int) -> None:
    first, second = [f"p{one}" for one, _ in listed], [f"p{other}" for _, other in listed]
    folds = person_folds(first, second, 4, seed=seed)
    assert set(folds.tolist()) <= set(range(4))
    np.testing.assert_array_equal(folds, person_folds(first, second, 4, seed=seed))
    places: dict[str, set[int]] = {}
    for fold, one, other in zip(folds.tolist(), first, second, strict=True):
        places.setdefault(one, set()).add(fold)
        if one == other:
            places.setdefault(other, set()).add(fold)
    # Always true of the first side and so of every genuine pair.
    assert {len(where) for where in places.values()} == {1}


def test_folds_share_nobody_and_are_even_where_groups_are_small() -> None:
    first = [f"p{n}" for n in range(300)]
    second = [f"p{n + (n % 3 < 2)}" for n in range(300)]  # groups of three people
    folds = person_folds(first, second, 10, seed=2)
    assert np.bincount(folds).tolist() == [30] * 10
    where: dict[str, set[int]] = {}
    for fold, *sides in zip(folds.tolist(), first, second, strict=True):
        for name in sides:
            where.setdefault(name, set()).add(fold)
    assert {len(found) for found in where.values()} == {1}
    assert person_folds(first, second, 10, seed=3).tolist() != folds.tolist()
