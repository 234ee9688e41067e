"""Error rates over more scores than memory holds: exact counts, fed a chunk at a time.

`ScoreCounts` counts at thresholds that are given; `vultus.metrics.streamed` finds thresholds
by reading the scores several times. Both equal the answers in memory.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError
from vultus.metrics.intervals import clopper_pearson
from vultus.metrics.verification import Curve
from vultus.types import Rate

__all__ = ["ScoreCounts"]


class ScoreCounts:
    """How many genuine and impostor scores lie between given thresholds.

    thresholds: finite, any order; memory depends on their number alone. `add` takes chunks
    and `merge` the counts of another worker; the order does not matter. NaN is a comparison
    without score: never accepted, and in the denominator. Refused (InputError): no
    thresholds, thresholds that are not finite, chunks that do not fit, infinite scores.

    >>> counts = ScoreCounts([0.4, 0.6])
    >>> print(counts.add([0.5, 0.1, 0.7], [True, False, False]).fmr()[0])
    0.5 [0.01258, 0.9874] (1/2)
    """

    def __init__(self, thresholds: NDArray[np.floating[Any]] | list[float]) -> None:
        levels = np.unique(np.asarray(thresholds, dtype=np.float64))
        if not levels.size or not np.isfinite(levels).all():
            raise InputError("expected finite thresholds, one at least")
        self._levels = levels
        # Columns: without score, below all thresholds, from the first, ..., from the last.
        self._counts = np.zeros((2, levels.size + 2), dtype=np.int64)

    @property
    def thresholds(self) -> NDArray[np.float64]:
        """Rising, each once, (k,)."""
        return self._levels.copy()

    @property
    def genuine(self) -> int:
        """Genuine comparisons so far, those without score among them."""
        return int(self._counts[1].sum())

    @property
    def impostor(self) -> int:
        return int(self._counts[0].sum())

    @property
    def failed(self) -> tuple[int, int]:
        """Genuine and impostor comparisons without score."""
        return int(self._counts[1, 0]), int(self._counts[0, 0])

    def add(self, scores: NDArray[np.floating[Any]] | list[float], same: NDArray[np.bool_] | list[bool]) -> Self:
        """Count a chunk: scores (n,), and whether each is of one person (n,)."""
        values, truth = np.asarray(scores, dtype=np.float64), np.asarray(same)
        if values.ndim != 1 or truth.shape != values.shape:
            raise InputError(f"expected a score and a truth for each pair, got {values.shape} and {truth.shape}")
        if np.isinf(values).any():
            raise InputError("expected finite scores, got infinity; write NaN for a comparison without score")
        truth = truth.astype(bool)
        for row, part in enumerate((values[~truth], values[truth])):
            found = np.sort(part)  # NaN comes last; sorted, the thresholds are looked up among the scores
            there = int(np.searchsorted(found, np.inf, side="left"))
            edges = np.concatenate([[0], np.searchsorted(found[:there], self._levels, side="left"), [there]])
            self._counts[row, 0] += part.size - there
            self._counts[row, 1:] += np.diff(edges)
        return self

    def merge(self, other: ScoreCounts) -> Self:
        """Add the counts of another. Refused (InputError): other thresholds."""
        if not np.array_equal(self._levels, other._levels):
            raise InputError("expected counts at the same thresholds")
        self._counts += other._counts
        return self

    def fmr(self) -> tuple[Rate, ...]:
        """False match rate at each threshold."""
        return self._rates(self._accepted(0), self.impostor)

    def fnmr(self) -> tuple[Rate, ...]:
        """False non-match rate at each threshold, comparisons without score counted in."""
        return self._rates(self.genuine - self._accepted(1), self.genuine)

    def curve(self) -> Curve:
        """Both rates at the thresholds. Refused (InputError): scores of one kind only."""
        genuine, impostor = self._both()
        return Curve(self.thresholds, self._accepted(0) / impostor, (genuine - self._accepted(1)) / genuine)

    def auc(self) -> tuple[float, float]:
        """Bounds of the AUC: scores between two thresholds may be in any order.

        The closer the thresholds lie, the closer the bounds. Refused (InputError): scores of
        one kind only.
        """
        genuine, impostor = self._both()
        # As exact integers: a hundred million scores of each kind make 10^16 pairs.
        mates, others = (row.astype(object) for row in self._counts[::-1])
        beaten = int((mates * (others.cumsum() - others)).sum())
        open_pairs = int((mates[1:] * others[1:]).sum())
        ties = int(mates[0]) * int(others[0])
        pairs = genuine * impostor
        return (2 * beaten + ties) / (2 * pairs), (2 * (beaten + open_pairs) + ties) / (2 * pairs)

    def _accepted(self, row: int) -> NDArray[np.int64]:
        return np.asarray(self._counts[row, ::-1].cumsum()[::-1][2:])

    @staticmethod
    def _rates(errors: NDArray[np.int64], n: int) -> tuple[Rate, ...]:
        return tuple(clopper_pearson(int(k), n) for k in errors)

    def _both(self) -> tuple[int, int]:
        if not self.genuine or not self.impostor:
            raise InputError(f"expected scores of both kinds, got {self.genuine} genuine and {self.impostor} impostor")
        return self.genuine, self.impostor
