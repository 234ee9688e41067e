from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_curve

from vultus.errors import InputError
from vultus.metrics.detection import Picture, detect_figures

FACE = [0.0, 0.0, 10.0, 10.0]
NEAR = [1.0, 0.0, 11.0, 10.0]  # IoU 9/11 with FACE
AWAY = [50.0, 50.0, 60.0, 60.0]
NONE = np.zeros((0, 4))


def picture(truth: list, found: list, scores: list, ignore: list | None = None) -> Picture:
    return Picture(
        np.array(truth, dtype=float).reshape(-1, 4),
        np.array(found, dtype=float).reshape(-1, 4),
        np.array(scores, dtype=float),
        None if ignore is None else np.array(ignore, dtype=bool),
    )


def test_nothing_and_nonsense_are_refused() -> None:
    with pytest.raises(InputError, match="expected pictures"):
        detect_figures([])
    with pytest.raises(InputError, match="none that is to be judged"):
        detect_figures([picture([], [FACE], [0.9]), picture([FACE], [], [], [True])])
    for wrong, message in (
        (picture([FACE], [FACE], [math.nan]), "finite score for each of 1"),
        (picture([FACE], [FACE], [0.9, 0.8]), "finite score for each of 1"),
        (picture([[0, 0, 0, 10]], [], []), "with extent"),
        (picture([FACE], [], [], [True, False]), "a boolean for each"),
    ):
        with pytest.raises(InputError, match=message):
            detect_figures([wrong])
    with pytest.raises(InputError, match="an IoU in"):
        detect_figures([picture([FACE], [], [])], iou=0)


def test_hand_worked() -> None:
    """Two faces found at .9 and .6, a false find at .8 and a second box on a face at .7, one face missed."""
    found = detect_figures(
        [
            picture([FACE, AWAY], [NEAR, FACE, AWAY], [0.9, 0.7, 0.6]),
            picture([FACE], [AWAY], [0.8]),
        ],
        threshold=0.65,
    )
    assert found.scores.tolist() == [0.9, 0.8, 0.7, 0.6]
    np.testing.assert_allclose(found.recalls, [1 / 3, 1 / 3, 1 / 3, 2 / 3])
    np.testing.assert_allclose(found.precisions, [1, 1 / 2, 1 / 3, 1 / 2])
    np.testing.assert_allclose(found.false_per_picture_at, [0, 0.5, 1, 1])
    assert (found.recall.k, found.recall.n, found.precision.k, found.precision.n) == (1, 3, 1, 3)
    assert found.false_per_picture == 1.0
    assert found.mean_iou == pytest.approx(9 / 11, abs=1e-6)
    assert found.average_precision.value == pytest.approx(1 / 3 * 1 + 1 / 3 * 0.5)
    assert any("3 face scores only" in each for each in found.caveats)
    assert any("2 pictures are too few" in each for each in found.caveats)


def test_a_stricter_iou_and_faces_that_are_not_judged() -> None:
    assert detect_figures([picture([FACE], [NEAR], [0.9])], iou=0.9).recall.k == 0
    found = detect_figures([picture([FACE, AWAY], [NEAR, AWAY], [0.9, 0.8], [False, True])])
    assert (found.recall.k, found.recall.n, found.precision.k, found.precision.n) == (1, 1, 1, 1)
    nothing = detect_figures([picture([FACE], [], [])])
    assert (nothing.recall.value, nothing.average_precision.value) == (0.0, 0.0)
    assert math.isnan(nothing.precision.value)
    assert "nothing was found in any picture" in nothing.caveats


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 9)), min_size=1, max_size=40), st.randoms(use_true_random=False)
)
def test_curves_equal_scikit_learn(finds, random) -> None:
    """A picture a find, right or wrong: then all faces are found, and the curves are the classifier's."""
    if not any(right for right, _ in finds):
        return
    pictures = [picture([FACE] if right else [], [FACE], [score / 10]) for right, score in finds]
    found = detect_figures(pictures, replicates=20)
    precision, recall, levels = precision_recall_curve(
        [right for right, _ in finds], [score / 10 for _, score in finds]
    )
    np.testing.assert_allclose(found.scores, levels[::-1])
    np.testing.assert_allclose(found.precisions, precision[:-1][::-1])
    np.testing.assert_allclose(found.recalls, recall[:-1][::-1])
    highest = np.maximum.accumulate(precision)  # towards higher scores recall falls: best precision from there on
    assert found.average_precision.value == pytest.approx(-np.sum(np.diff(recall) * highest[:-1]))
    random.shuffle(pictures)
    mixed = detect_figures(pictures, replicates=20)
    assert mixed.average_precision.value == pytest.approx(found.average_precision.value)
    assert mixed.average_precision.low <= mixed.average_precision.value <= mixed.average_precision.high


def test_interval_comes_from_pictures() -> None:
    rng = np.random.default_rng(0)
    few = [picture([FACE], [FACE if rng.random() < 0.7 else AWAY], [rng.random()]) for _ in range(30)]
    many = few * 10
    one, other = (detect_figures(each).average_precision for each in (few, many))
    assert one.high - one.low > 2 * (other.high - other.low)
