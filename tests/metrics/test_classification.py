from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    confusion_matrix,
    f1_score,
    precision_recall_fscore_support,
)

from vultus.errors import InputError
from vultus.metrics.classification import classify, mcnemar

NAMES = ["angry", "disgust", "fear", "happy"]
pairs = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60)


def test_nothing_and_nonsense_are_refused() -> None:
    for truth, said, names, message in (
        ([], [], NAMES, "got 0 and 0"),
        ([0], [0, 1], NAMES, "got 1 and 2"),
        ([4], [0], NAMES, r"truth in 0\.\.3"),
        ([0], [-2], NAMES, r"prediction in -1\.\.3"),
        ([0.5], [0], NAMES, "whole numbers"),
        ([0], [0], ["a", "a"], "each once"),
    ):
        with pytest.raises(InputError, match=message):
            classify(truth, said, names)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="a person for each of 1"):
        classify([0], [0], NAMES, people=["a", "b"])


def test_hand_worked() -> None:
    """3 of 4 calm, 1 of 2 happy; one calm taken for happy, one happy without answer."""
    found = classify([0, 0, 0, 0, 1, 1], [0, 0, 0, 1, 1, -1], ["calm", "happy"])
    assert found.confusion.tolist() == [[3, 1], [0, 1]]
    assert found.unanswered.tolist() == [0, 1]
    assert (found.accuracy.k, found.accuracy.n, found.n) == (4, 6, 6)
    calm, happy = found.classes
    assert (calm.recall.value, calm.precision.value, calm.f1) == (0.75, 1.0, 6 / 7)
    assert (happy.recall.value, happy.precision.value, happy.f1) == (0.5, 0.5, 0.5)
    assert found.uar.value == 0.625
    assert found.macro_f1.value == pytest.approx((6 / 7 + 0.5) / 2)
    assert found.majority.value == 4 / 6
    assert any("1 of 6 pictures gave no answer" in each for each in found.caveats)
    assert any("4 calm scores only" in each for each in found.caveats)


@settings(deadline=None)
@given(pairs)
def test_equal_to_scikit_learn(drawn) -> None:
    truth, said = map(list, zip(*drawn, strict=True))
    found = classify(truth, said, NAMES, replicates=20)
    assert found.accuracy.value == pytest.approx(accuracy_score(truth, said))
    np.testing.assert_array_equal(found.confusion, confusion_matrix(truth, said, labels=range(4)))
    if set(said) <= set(truth) and len(set(truth)) > 1:  # else it warns; it leaves a class out as we do
        assert found.uar.value == pytest.approx(balanced_accuracy_score(truth, said))
    assert found.macro_f1.value == pytest.approx(f1_score(truth, said, average="macro", zero_division=0))
    precision, recall, f1, support = precision_recall_fscore_support(truth, said, labels=range(4), zero_division=np.nan)
    np.testing.assert_allclose([each.precision.value for each in found.classes], precision)
    np.testing.assert_allclose([each.recall.value for each in found.classes], recall)
    assert [each.recall.n for each in found.classes] == support.tolist()
    known = ~np.isnan(precision) & ~np.isnan(recall)
    np.testing.assert_allclose(np.array([each.f1 for each in found.classes])[known], f1[known])


@settings(deadline=None)
@given(pairs, st.permutations(range(4)), st.randoms(use_true_random=False))
def test_blind_to_order_and_to_names(drawn, places, random) -> None:
    truth, said = map(np.array, zip(*drawn, strict=True))
    found = classify(truth, said, NAMES, replicates=20)
    assert found.uar.low <= found.uar.value <= found.uar.high
    assert found.macro_f1.low <= found.macro_f1.value <= found.macro_f1.high
    random.shuffle(drawn)
    mixed = classify(*map(list, zip(*drawn, strict=True)), NAMES, replicates=20)
    assert (mixed.uar, mixed.macro_f1, mixed.classes) == (found.uar, found.macro_f1, found.classes)
    other = classify(np.array(places)[truth], np.array(places)[said], NAMES, replicates=20)
    assert other.uar.value == pytest.approx(found.uar.value)
    assert other.macro_f1.value == pytest.approx(found.macro_f1.value)


def test_all_right_is_not_certain() -> None:
    found = classify([0, 1, 2, 3], [0, 1, 2, 3], NAMES)
    assert found.uar.value == found.macro_f1.value == found.uar.high == 1.0
    assert found.uar.low < 0.7
    assert found.macro_f1.low < 0.7


def test_intervals_cover() -> None:
    rng = np.random.default_rng(0)
    recalls = np.array([0.9, 0.5, 0.7, 0.6])
    covered = 0
    for seed in range(100):
        truth = rng.integers(0, 4, 200)
        said = np.where(rng.random(200) < recalls[truth], truth, (truth + 1) % 4)
        found = classify(truth, said, NAMES, seed=seed, replicates=200).uar
        covered += found.low <= recalls.mean() <= found.high
    assert covered >= 90


def test_people_and_absent_classes() -> None:
    rng = np.random.default_rng(1)
    who = np.repeat(np.arange(20), 30)
    truth = rng.integers(0, 2, 600)
    said = np.where(rng.random(20)[who] < 0.5, truth, 1 - truth)  # a person is all right or all wrong
    known, blind = classify(truth, said, NAMES, people=who), classify(truth, said, NAMES)
    assert (known.interval, blind.interval) == ("subjects", "samples")
    assert known.uar.high - known.uar.low > 2 * (blind.uar.high - blind.uar.low)
    assert any("no picture of fear, happy" in each for each in known.caveats)
    assert math.isnan(known.classes[3].f1)
    few = classify(truth, said, NAMES, people=who % 3)
    assert few.interval == "samples"
    assert any("fewer than ten people" in each for each in few.caveats)
    one = classify([0] * 40, [0] * 40, NAMES)
    assert any("one class only" in each for each in one.caveats)
    assert any("every prediction is angry" in each for each in one.caveats)


@given(st.integers(0, 30), st.integers(0, 30))
def test_mcnemar_equals_the_binomial_test(a: int, b: int) -> None:
    found = mcnemar([0] * (a + b + 3), [0] * a + [1] * b + [0, 1, 1], [1] * a + [0] * b + [0, 1, 1])
    assert (found.first_only, found.second_only) == (a, b)
    assert found.p == pytest.approx(binomtest(a, a + b).pvalue if a + b else 1.0)


def test_mcnemar_refuses_other_lengths() -> None:
    assert mcnemar([], [], []).p == 1.0
    with pytest.raises(InputError, match="one length"):
        mcnemar([0], [0], [])
