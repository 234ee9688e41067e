"""How sure a counted rate is: Clopper-Pearson, Wilson, and resampling by subject.

Clopper-Pearson and Wilson hold for one trial a subject. Where every person meets every
other, the comparisons of one person stand or fall together, and only resampling people
instead of comparisons says how far the figure would move with other people.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError
from vultus.types import Rate

__all__ = ["SubjectBootstrap", "clopper_pearson", "smallest_measurable", "wilson"]

_BLOCK = 1 << 24  # cells of a people x people table held at once: 128 MB
_SPARSE = 1 << 22  # person pairs x replicates up to which gathering beats a matrix product


def clopper_pearson(k: int, n: int, confidence: float = 0.95) -> Rate:
    """Exact binomial interval of k of n; [0, 1] when nothing was counted.

    Refused (InputError): counts that are not 0 <= k <= n, a confidence outside 0 to 1.
    Source: Clopper and Pearson, Biometrika 26 (1934).

    >>> print(clopper_pearson(3, 300))
    0.01 [0.002067, 0.02894] (3/300)
    """
    tail = _tail(k, n, confidence)
    low = 0.0 if k == 0 else _beta_quantile(tail, k, n - k + 1)
    high = 1.0 if k == n else _beta_quantile(1 - tail, k + 1, n - k)
    return Rate(k, n, low, high)


def wilson(k: int, n: int, confidence: float = 0.95) -> Rate:
    """Wilson's score interval of k of n: shorter than the exact one, right on average.

    Refused (InputError): as `clopper_pearson`. Source: Wilson, JASA 22 (1927).

    >>> print(wilson(3, 300))
    0.01 [0.003407, 0.02898] (3/300)
    """
    tail = _tail(k, n, confidence)
    if n == 0:
        return Rate(0, 0, 0.0, 1.0)
    z = NormalDist().inv_cdf(1 - tail)
    share, spread = k / n, z * z / n
    centre = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(share * (1 - share) / n + spread / (4 * n))
    # At the ends the bound is 0 or 1 by algebra; rounding must not say otherwise.
    return Rate(k, n, 0.0 if k == 0 else max(centre - half, 0.0), 1.0 if k == n else min(centre + half, 1.0))


def smallest_measurable(n: int) -> float:
    """The lowest rate that n trials can show: the rule of 30 asks for 30 errors.

    >>> smallest_measurable(300_000)
    0.0001
    """
    return min(30 / n, 1.0) if n else 1.0


class SubjectBootstrap:
    """Intervals for rates over comparisons, by resampling the people in them.

    first, second: the person on each side of each comparison, (n,), any labels. A person
    drawn w times counts w times in a comparison with himself and w * w' times in one with
    a person drawn w' times. The draws are made once; `rate` then answers for any errors
    among these comparisons. Where too few errors happened to be resampled, the interval
    is widened to Clopper-Pearson's, so that 0 of n never claims to be exactly 0.

    Refused (InputError): sides of different length, an error mask of another length.

    >>> draws = SubjectBootstrap(["a", "a", "b"], ["b", "c", "c"])
    >>> draws.rate(np.array([True, False, False])).k
    1
    """

    def __init__(
        self,
        first: Sequence[Any] | NDArray[Any],
        second: Sequence[Any] | NDArray[Any],
        *,
        replicates: int = 1000,
        seed: int = 0,
        confidence: float = 0.95,
    ) -> None:
        left, right = np.asarray(first), np.asarray(second)
        if left.ndim != 1 or left.shape != right.shape:
            raise InputError(f"expected a person on each side, got {left.shape} and {right.shape}")
        if replicates < 1 or not 0 < confidence < 1:
            raise InputError(f"expected replicates >= 1 and confidence in 0..1, got {replicates} and {confidence}")
        people, codes = np.unique(np.concatenate([left, right]), return_inverse=True)
        self._people = len(people)
        self._low, self._high = np.sort(codes.reshape(2, -1), axis=0).astype(np.int64)
        self._confidence = confidence
        if self._people:
            even = np.full(self._people, 1 / self._people)
            draws = np.random.default_rng(seed).multinomial(self._people, even, size=replicates)
            self._weights = draws.astype(np.float64)  # (R, P)
            self._all = self._weighted(np.arange(len(left)))

    def rate(self, errors: NDArray[np.bool_]) -> Rate:
        """Share of the comparisons that are errors, (n,) booleans, with its interval."""
        mask = np.asarray(errors, dtype=bool)
        if mask.shape != self._low.shape:
            raise InputError(f"expected an error mask of shape {self._low.shape}, got {mask.shape}")
        exact = clopper_pearson(int(mask.sum()), mask.size, self._confidence)
        if not mask.size:
            return exact
        drawn = self._all > 0  # a replicate may hold none of the people that were compared
        shares = self._weighted(np.flatnonzero(mask))[drawn] / self._all[drawn]
        tail = (1 - self._confidence) / 2
        low, high = np.quantile(shares, [tail, 1 - tail]) if shares.size else (0.0, 1.0)
        return Rate(exact.k, exact.n, min(float(low), exact.low), max(float(high), exact.high))

    def _weighted(self, chosen: NDArray[np.intp]) -> NDArray[np.float64]:
        """Weighted count of the chosen comparisons in each replicate, (R,)."""
        keys, counts = np.unique(self._low[chosen] * self._people + self._high[chosen], return_counts=True)
        low, high = np.divmod(keys, self._people)
        own = low == high
        total = self._weights[:, low[own]] @ counts[own].astype(np.float64)
        low, high, counts = low[~own], high[~own], counts[~own].astype(np.float64)
        if low.size * len(self._weights) <= _SPARSE:
            return np.asarray(total + (self._weights[:, low] * self._weights[:, high]) @ counts)
        rows = max(_BLOCK // self._people, 1)
        for start in range(0, self._people, rows):
            part = slice(*np.searchsorted(low, [start, start + rows]))
            table = np.zeros((min(rows, self._people - start), self._people))
            table[low[part] - start, high[part]] = counts[part]
            total += ((self._weights[:, start : start + rows] @ table) * self._weights).sum(axis=1)
        return np.asarray(total)


def _tail(k: int, n: int, confidence: float) -> float:
    if not 0 <= k <= n:
        raise InputError(f"expected counts 0 <= k <= n, got k = {k} and n = {n}")
    if not 0 < confidence < 1:
        raise InputError(f"expected a confidence between 0 and 1, got {confidence}")
    return (1 - confidence) / 2


def _beta_quantile(share: float, a: float, b: float) -> float:
    """The x with I_x(a, b) = share, by halving until the doubles are neighbours."""
    low, high = 0.0, 1.0
    while True:
        middle = (low + high) / 2
        if not low < middle < high:
            return middle
        if _beta_cdf(middle, a, b) < share:
            low = middle
        else:
            high = middle


def _beta_cdf(x: float, a: float, b: float) -> float:
    """Regularised incomplete beta function I_x(a, b), 0 < x < 1."""
    if x > (a + 1) / (a + b + 2):  # the fraction converges fast only on this side
        return 1 - _beta_cdf(1 - x, b, a)
    scale = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(scale) / (a * _beta_fraction(x, a, b))


def _beta_fraction(x: float, a: float, b: float) -> float:
    """1 + d1/(1 + d2/(1 + ...)) of DLMF 8.17.22, by Lentz's method as Thompson and Barnett changed it."""
    tiny = 1e-300
    value, above, below = 1.0, 1.0, 0.0
    step = 1
    while True:
        m = step // 2
        if step % 2:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        below = 1 / (1 + term * below or tiny)
        above = 1 + term / above or tiny
        value *= above * below
        if abs(above * below - 1) < 1e-14:
            return value
        step += 1
