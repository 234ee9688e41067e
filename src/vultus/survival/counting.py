"""How many of the first p values lie below a limit, for many (p, limit) at once.

Concordance asks this for every event: of the people who were followed longer, how many have
a lower risk. Comparing everybody with everybody takes n^2 steps; here the values are sorted
within blocks of 1, 2, 4, ... and a prefix is a handful of blocks, which takes n log^2 n. The
places are found once and serve any weights, which is what makes a bootstrap affordable.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.survival.outcomes import Floats

__all__ = ["PrefixCounts", "running"]

Whole = NDArray[np.int64]
Places = NDArray[np.int32]  # half the memory, and nobody has two thousand million rows


class PrefixCounts:
    """Weighted counts of values at index < prefix and of rank < limit.

    ranks: (n,), whole numbers from 0, smaller = lower value. prefixes: (q,). limits: (l, q),
    several for each prefix.

    >>> PrefixCounts(np.array([2, 0, 1]), np.array([3, 2]), np.array([[2, 1]])).count(np.ones(3)).tolist()
    [[2.0, 1.0]]
    """

    def __init__(self, ranks: Whole, prefixes: Whole, limits: Whole) -> None:
        self._shape = limits.shape
        span = int(ranks.max(initial=0)) + 2
        highest = np.minimum(limits, span - 1)  # above every rank is above every rank
        self._levels: list[tuple[Places, Places, Places, Places]] = []
        for bit in range(int(prefixes.max(initial=0)).bit_length()):
            asked = np.flatnonzero(prefixes >> bit & 1)
            if not asked.size:
                continue
            keys = (np.arange(ranks.size) >> bit) * span + ranks
            order = np.argsort(keys, kind="stable")
            block = prefixes[asked] >> (bit + 1) << 1  # the one that this bit stands for
            below = np.searchsorted(keys[order], block * span + highest[:, asked], side="left")
            self._levels.append((_places(asked), _places(order), _places(block << bit), _places(below)))

    def count(self, weights: Floats) -> Floats:
        """Sums of weights (..., n) for each limit and query, (..., l, q)."""
        totals = np.zeros((*weights.shape[:-1], *self._shape))
        for asked, order, start, below in self._levels:
            sums = running(weights[..., order])
            totals[..., asked] += sums[..., below] - sums[..., None, start]
        return totals


def running(weights: Floats) -> Floats:
    """Sums of the first 0, 1, ..., n weights along the last axis, (..., n + 1).

    >>> running(np.array([2.0, 3.0])).tolist()
    [0.0, 2.0, 5.0]
    """
    sums = np.zeros((*weights.shape[:-1], weights.shape[-1] + 1))
    np.cumsum(weights, axis=-1, out=sums[..., 1:])
    return sums


def _places(found: NDArray[np.integer[Any]]) -> Places:
    return found.astype(np.int32)
