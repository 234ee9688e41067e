from __future__ import annotations

import numpy as np
import pytest

from vultus.errors import InputError
from vultus.survival import Bootstrap
from vultus.survival.resampling import ratio


def test_no_draws_no_interval() -> None:
    low, high = Bootstrap(0).interval(lambda people: people[:, :2], 10)
    assert np.isnan([low, high]).all()
    assert low.shape == (2,)


def test_draws_without_an_answer_are_left_out() -> None:
    half = Bootstrap(500).interval(lambda people: np.where(people[:, 0] > 0, people[:, 0], np.nan), 20)
    assert half[0] == 1
    never = Bootstrap(500).interval(lambda people: np.full((len(people), 2), [np.nan, 1.0]), 20)
    assert np.isnan(never[0]).tolist() == [True, False]


@pytest.mark.parametrize("people", [200, 6000])
def test_interval_of_a_mean_is_that_of_the_textbook(people: int) -> None:
    values = np.random.default_rng(1).normal(size=people)
    low, high = Bootstrap(1000, confidence=0.9).interval(lambda w: w @ values / w.sum(axis=1), people)
    half = 1.6449 * values.std(ddof=1) / np.sqrt(people)
    assert float(high - low) / 2 == pytest.approx(half, rel=0.25)
    assert (low + high) / 2 == pytest.approx(values.mean(), abs=half / 4)


def test_seeded_and_blind_to_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    def mean(weights: np.ndarray) -> np.ndarray:
        return weights @ np.arange(30.0) / 30

    found = Bootstrap(100).interval(mean, 30)
    assert found != Bootstrap(100, seed=1).interval(mean, 30)
    monkeypatch.setattr("vultus.survival.resampling._BLOCK", 70)
    assert found == Bootstrap(100).interval(mean, 30)


def test_impossible_draws_are_refused() -> None:
    for bad in ((-1, 0.95), (10, 0.0), (10, 1.0)):
        with pytest.raises(InputError, match="replicates from 0 and confidence"):
            Bootstrap(bad[0], confidence=bad[1])


def test_ratio_of_nothing_is_no_number() -> None:
    assert np.isnan(ratio([1.0, 1.0], [0.0, 2.0])).tolist() == [True, False]
