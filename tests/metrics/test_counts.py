from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vultus.errors import InputError
from vultus.metrics.counts import ScoreCounts
from vultus.metrics.verification import auc, curve, fmr, fnmr

values = st.one_of(st.integers(-20, 20).map(lambda v: v / 20), st.just(float("nan")))
coarse = arrays(np.float64, st.integers(1, 60), elements=values)


def test_nothing_counted() -> None:
    counts = ScoreCounts([0.5])
    assert (counts.fmr()[0].n, counts.fnmr()[0].n, counts.genuine, counts.impostor) == (0, 0, 0, 0)
    for figure in (counts.curve, counts.auc):
        with pytest.raises(InputError, match="both kinds"):
            figure()
    for wrong in ([], [np.nan], [np.inf]):
        with pytest.raises(InputError, match="finite thresholds"):
            ScoreCounts(wrong)
    with pytest.raises(InputError, match="a truth for each pair"):
        counts.add([0.1, 0.2], [True])
    with pytest.raises(InputError, match="got infinity"):
        counts.add([np.inf], [True])
    with pytest.raises(InputError, match="same thresholds"):
        counts.merge(ScoreCounts([0.6]))


@given(coarse, coarse, st.lists(st.integers(-22, 22), min_size=1, max_size=9), st.integers(1, 40))
def test_chunks_equal_memory(genuine: np.ndarray, impostor: np.ndarray, levels: list[int], size: int) -> None:
    scores, same = np.r_[genuine, impostor], np.r_[np.ones(len(genuine), bool), np.zeros(len(impostor), bool)]
    thresholds = [level / 20 for level in levels]
    counts, other = ScoreCounts(thresholds), ScoreCounts(thresholds)
    for at in range(0, len(scores), size):
        (other if at % 2 else counts).add(scores[at : at + size], same[at : at + size])
    counts.merge(other)
    assert counts.fmr() == tuple(fmr(impostor, each) for each in counts.thresholds)
    assert counts.fnmr() == tuple(fnmr(genuine, each) for each in counts.thresholds)
    assert counts.failed == (np.isnan(genuine).sum(), np.isnan(impostor).sum())
    low, high = counts.auc()
    assert low - 1e-12 <= auc(genuine, impostor) <= high + 1e-12


@given(coarse, coarse)
def test_at_every_score_the_curve_is_whole(genuine: np.ndarray, impostor: np.ndarray) -> None:
    exact = curve(genuine, impostor)
    counts = ScoreCounts(exact.thresholds).add(genuine, np.ones(len(genuine), bool))
    found = counts.add(impostor, np.zeros(len(impostor), bool)).curve()
    np.testing.assert_array_equal(found.thresholds, exact.thresholds)
    np.testing.assert_array_equal(found.fmr, exact.fmr)
    np.testing.assert_array_equal(found.fnmr, exact.fnmr)


def test_memory_does_not_grow_with_scores() -> None:
    rng = np.random.default_rng(0)
    counts = ScoreCounts(np.linspace(-1, 1, 1001))
    chunk, same = rng.normal(0, 0.3, 50_000), rng.random(50_000) < 0.1
    counts.add(chunk, same)
    tracemalloc.start()
    for _ in range(40):
        counts.add(chunk, same)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5_000_000
    assert counts.genuine + counts.impostor == 41 * 50_000
    low, high = counts.auc()
    assert high - low < 0.01
