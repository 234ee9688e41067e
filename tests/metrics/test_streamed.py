from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vultus.errors import InputError
from vultus.metrics import streamed, verification

coarse = st.one_of(st.integers(-6, 6).map(lambda v: v / 4), st.just(float("nan")))
fine = st.floats(-1e6, 1e6) | st.sampled_from([0.0, -0.0, 5e-324, -5e-324, 0.1, float(np.nextafter(0.1, 1))])
values = arrays(np.float64, st.integers(1, 40), elements=coarse | fine)


def chunked(genuine: np.ndarray, impostor: np.ndarray, size: int = 7) -> Callable[[], Iterator]:
    scores, same = np.r_[genuine, impostor], np.r_[np.ones(len(genuine), bool), np.zeros(len(impostor), bool)]

    def source() -> Iterator:
        for at in range(0, len(scores), size):
            yield scores[at : at + size], same[at : at + size]

    return source


def test_nothing_and_nonsense_are_refused() -> None:
    with pytest.raises(InputError, match="expected impostor scores, got none"):
        streamed.threshold_at_fmr(chunked(np.ones(3), np.zeros(0)), 0.1)
    with pytest.raises(InputError, match="both kinds"):
        streamed.equal_error(lambda: iter(()))
    with pytest.raises(InputError, match="between 0 and 1"):
        streamed.threshold_at_fmr(chunked(np.ones(3), np.zeros(3)), 1.5)
    with pytest.raises(InputError, match="infinity"):
        streamed.threshold_at_fmr(chunked(np.array([np.inf]), np.zeros(3)), 0.5)
    with pytest.raises(InputError, match="a truth for each pair"):
        streamed.equal_error(lambda: iter([(np.zeros(2), np.zeros(1, bool))]))


@settings(max_examples=150, deadline=None)
@given(values, values, st.floats(0, 1))
@example(np.array([0.5]), np.array([0.5, 0.5, 0.1]), 0.0)
@example(np.array([-0.0]), np.array([0.0, -0.0]), 1.0)
def test_equal_to_the_answers_in_memory(genuine: np.ndarray, impostor: np.ndarray, target: float) -> None:
    source = chunked(genuine, impostor)
    if not np.isnan(impostor).all():
        assert streamed.threshold_at_fmr(source, target) == verification.threshold_at_fmr(impostor, target)
    assert streamed.equal_error(source) == verification.equal_error(genuine, impostor)


def test_a_million_scores() -> None:
    rng = np.random.default_rng(0)
    genuine, impostor = rng.normal(0.4, 0.1, 100_000).astype(np.float32), rng.normal(0, 0.1, 900_000)
    source = chunked(genuine, impostor, 1 << 18)
    assert streamed.equal_error(source) == verification.equal_error(genuine, impostor)
    for target in (1e-1, 1e-3, 1e-5):
        assert streamed.threshold_at_fmr(source, target) == verification.threshold_at_fmr(impostor, target)
