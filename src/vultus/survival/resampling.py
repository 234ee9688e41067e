"""How far a figure would move with other people: bootstrap by person."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from vultus.errors import InputError
from vultus.survival.outcomes import Floats
from vultus.survival.tails import quantile

__all__ = ["DEFAULT_BOOTSTRAP", "Bootstrap", "ratio"]

_BLOCK = 1 << 18  # weights held at once: 2 MB, which the next cache still holds
_MANY = 5000
_GROUPS = 50


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """Intervals from other choices of the people; one row is one person.

    Percentiles over people drawn with replacement; beyond 5,000 people, where a figure is
    normal and a thousand draws take minutes, the jackknife that leaves out one of 50 random
    groups at a time. The censoring weights stay as the training set gave them: they are not
    drawn again. replicates: 0 for no interval.
    """

    replicates: int = 1000
    seed: int = 0
    confidence: float = 0.95

    def __post_init__(self) -> None:
        if self.replicates < 0 or not 0 < self.confidence < 1:
            raise InputError(
                f"expected replicates from 0 and confidence in 0..1, got {self.replicates} and {self.confidence}"
            )

    def interval(self, figure: Callable[[Floats], Floats], people: int) -> tuple[Floats, Floats]:
        """Bounds of each figure; figure: weights (r, people) -> (r, ...), NaN where there is no answer.

        Draws without an answer are left out.
        """
        if self.replicates and people > _MANY:
            return self._jackknife(figure, people)
        values = [figure(block) for block in self._weights(people)]
        if not values:
            nothing = np.full(figure(np.ones((1, people))).shape[1:], np.nan)
            return nothing, nothing
        drawn = np.concatenate(values)
        empty = np.isnan(drawn).all(axis=0)
        tail = (1 - self.confidence) / 2
        # Quantiles of nothing would warn, so zeros stand in for it.
        low, high = np.nanquantile(np.where(empty, 0.0, drawn), [tail, 1 - tail], axis=0)
        return np.where(empty, np.nan, low), np.where(empty, np.nan, high)

    def _weights(self, people: int) -> Iterator[Floats]:
        """How often each person is drawn, a block of replicates at a time: (r, people)."""
        rng = np.random.default_rng(self.seed)
        rows = max(_BLOCK // people, 1)
        for start in range(0, self.replicates, rows):
            count = min(rows, self.replicates - start)
            drawn = rng.integers(people, size=(count, people)) + np.arange(count)[:, None] * people
            yield np.bincount(drawn.ravel(), minlength=count * people).reshape(count, people).astype(np.float64)

    def _jackknife(self, figure: Callable[[Floats], Floats], people: int) -> tuple[Floats, Floats]:
        group = np.random.default_rng(self.seed).permutation(np.arange(people) % _GROUPS)
        left = np.concatenate([figure((group != out).astype(np.float64)[None]) for out in range(_GROUPS)])
        value = figure(np.ones((1, people)))[0]
        spread = np.sqrt((_GROUPS - 1) / _GROUPS * ((left - left.mean(axis=0)) ** 2).sum(axis=0))
        half = quantile(self.confidence) * spread
        return value - half, value + half


def ratio(part: ArrayLike, whole: ArrayLike) -> Floats:
    """Part / whole, NaN where the whole is not above 0."""
    above, below = np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64)
    return np.asarray(np.divide(above, below, out=np.full(np.broadcast(above, below).shape, np.nan), where=below > 0))


DEFAULT_BOOTSTRAP = Bootstrap()
