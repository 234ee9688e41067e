from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vultus.survival.counting import PrefixCounts, running


def test_no_values_and_no_questions() -> None:
    none = np.zeros(0, dtype=np.int64)
    assert PrefixCounts(none, none, none[None]).count(np.zeros(0)).shape == (1, 0)
    assert PrefixCounts(np.array([0]), np.array([0]), np.array([[5]])).count(np.ones(1)).tolist() == [[0.0]]
    assert running(np.zeros((2, 0))).tolist() == [[0.0], [0.0]]


@given(st.integers(1, 70), st.integers(1, 20), st.integers(0, 10_000))
def test_equals_counting_one_by_one(n: int, q: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    ranks, prefixes, limits = rng.integers(0, n, n), rng.integers(0, n + 1, q), rng.integers(0, n + 1, (2, q))
    weights = rng.integers(0, 5, (3, n)).astype(float)
    found = PrefixCounts(ranks, prefixes, limits).count(weights)
    slow = [
        [[w[:p][ranks[:p] < limit].sum() for p, limit in zip(prefixes, row, strict=True)] for row in limits]
        for w in weights
    ]
    assert found.tolist() == slow
