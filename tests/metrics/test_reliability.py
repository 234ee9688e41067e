from __future__ import annotations

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from vultus.errors import InputError
from vultus.metrics.reliability import reliability


def test_nothing_and_nonsense_are_refused() -> None:
    for rows, truth in (
        (np.zeros((0, 3)), np.zeros(0, int)),
        (np.full((2, 3), np.nan), [0, 1]),
        (np.array([[2.0, -1.0]]), [0]),
        (np.array([[3.0, 1.0]]), [0]),
        (np.array([[0.5, np.nan]]), [0]),
        (np.array([[0.5, 0.5]]), [2]),
        (np.array([[0.5, 0.5]]), [0.0]),
        (np.array([0.5, 0.5]), [0, 1]),
    ):
        with pytest.raises(InputError, match="expected"):
            reliability(rows, truth)  # type: ignore[arg-type]


def test_hand_worked() -> None:
    """Two bins of five: 0.9 right and 0.9 wrong in one (gap .4), 0.5 right in the other (gap .5)."""
    rows = np.array([[0.9, 0.1], [0.9, 0.1], [0.5, 0.5], [np.nan, np.nan]])
    found = reliability(rows, [0, 1, 0, 0], bins=5)
    assert found.ece == pytest.approx((2 * 0.4 + 0.5) / 3)
    assert found.mce == pytest.approx(0.5)
    assert found.bias == pytest.approx(2.3 / 3 - 2 / 3)
    assert (found.n, found.unanswered) == (3, 1)
    assert [(rate.k, rate.n) for rate in found.accuracy] == [(0, 0), (0, 0), (1, 1), (0, 0), (1, 2)]
    assert any("3 answered scores only" in each for each in found.caveats)


def test_bins_equal_scikit_learn_and_truth_has_no_error() -> None:
    rng = np.random.default_rng(0)
    first = rng.uniform(0.5, 1, 20_000)
    truth = (rng.random(20_000) >= first).astype(int)
    found = reliability(np.c_[first, 1 - first], truth, bins=15)
    share, mean = calibration_curve(truth == 0, first, n_bins=15)
    there = [rate.n > 0 for rate in found.accuracy]
    np.testing.assert_allclose([rate.value for rate in found.accuracy if rate.n], share)
    np.testing.assert_allclose(found.confidence[there], mean)
    assert found.ece < 0.015
    assert not found.caveats
    assert reliability(np.c_[first**0.1, 1 - first**0.1], truth).bias > 0.1
