"""Half the sum of two rates, with its interval."""

from __future__ import annotations

import math

from vultus.types import Estimate, Rate

__all__ = ["half_sum"]


def half_sum(first: Rate, second: Rate) -> Estimate:
    """(first + second) / 2 of two rates over different trials: ACER, HTER.

    The interval joins the intervals of the two (MOVER). n is that of both together. NaN, 0 to
    1, where one of them counted nothing. Source: Newcombe, Statistics in Medicine 17 (1998).

    >>> print(half_sum(Rate(1, 4, 0.05, 0.7), Rate(0, 4, 0.0, 0.49)))
    0.125 [0.025, 0.4576] (n = 8)
    """
    value = (first.value + second.value) / 2
    if math.isnan(value):
        return Estimate(math.nan, 0.0, 1.0, first.n + second.n)
    below = math.hypot(first.value - first.low, second.value - second.low) / 2
    above = math.hypot(first.high - first.value, second.high - second.value) / 2
    return Estimate(value, max(value - below, 0.0), min(value + above, 1.0), first.n + second.n)
