"""One query's running answer: which rows can still be among the best k."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.gallery.rows import Block, Stretch

__all__ = ["Race"]

_GROUP = 256  # rows of which the greatest stands for all when the first floor is sought

_Of = Callable[[NDArray[np.intp]], NDArray[Any]]  # rows to a value of each


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    """Rows of a block with the ends of their intervals and whom they stand for."""

    block: Block
    rows: NDArray[np.intp]
    tops: NDArray[np.float64]
    lows: NDArray[np.float64]
    owners: NDArray[np.int64]


class Race:
    """Rows come with an interval that holds their score; those that cannot win are dropped.

    The argument for exactness is in `passes`. Threads may call `sift` at once: a thread that reads
    an old floor keeps more rows than it must, never fewer.
    """

    def __init__(self, k: int, *, by_person: bool) -> None:
        self.k = k
        self.by_person = by_person
        self.floor = -math.inf  # at least k rows, or people, reach it
        self._lows = np.zeros(0)  # the k greatest lower ends, of different owners
        self._owners = np.zeros(0, np.int64)
        self._kept: list[_Kept] = []
        self._lock = Lock()

    def sift(
        self,
        stretch: Stretch,
        upper: NDArray[np.float32],
        *,
        step: float = 1.0,
        common: float,
        spread: NDArray[np.float32] | None = None,
    ) -> None:
        """Take in the rows of a stretch.

        The score of row i is at most `step * upper[i] + common` and at least
        `step * (upper[i] - 2 * spread[i]) - common`; no spread means none.
        """

        def lows(rows: NDArray[np.intp]) -> NDArray[np.float64]:
            low = upper[rows].astype(np.float64)
            if spread is not None:
                low -= 2.0 * spread[rows]
            return low * step - common

        def owners(rows: NDArray[np.intp]) -> NDArray[np.int64]:
            return stretch.block.people[stretch.start + rows] if self.by_person else rows

        floor = self.floor
        if floor == -math.inf:
            floor = self._first_floor(upper, lows, owners)
        bar = np.float32((floor - common) / step)
        if upper.max() < bar:
            return  # most stretches, once the floor is up
        rows = np.flatnonzero(upper >= bar)
        tops = upper[rows].astype(np.float64) * step + common
        low, owner = lows(rows), owners(rows)
        with self._lock:
            self._kept.append(_Kept(stretch.block, rows + stretch.start, tops, low, owner))
            self._lows, self._owners = self._best(
                np.concatenate([self._lows, low]), np.concatenate([self._owners, owner])
            )
            if len(self._lows) == self.k:
                self.floor = float(self._lows[-1])

    def left(self) -> list[tuple[Block, NDArray[np.intp]]]:
        """Block and rising row numbers of all that can still be among the best."""
        if not self._kept:
            return []
        tops = np.concatenate([kept.tops for kept in self._kept])
        wanted = tops >= self.floor
        if self.by_person:
            # nor can a template decide that another of the same person beats for certain
            _, person = np.unique(np.concatenate([kept.owners for kept in self._kept]), return_inverse=True)
            best = np.full(int(person.max()) + 1, -math.inf)
            np.maximum.at(best, person, np.concatenate([kept.lows for kept in self._kept]))
            wanted &= tops >= best[person]
        found: dict[int, tuple[Block, list[NDArray[np.intp]]]] = {}
        parts = np.split(wanted, np.cumsum([len(kept.rows) for kept in self._kept])[:-1])
        for kept, part in zip(self._kept, parts, strict=True):
            if part.any():
                found.setdefault(id(kept.block), (kept.block, []))[1].append(kept.rows[part])
        return [(block, np.sort(np.concatenate(rows))) for block, rows in found.values()]

    def _first_floor(self, upper: NDArray[np.float32], lows: _Of, owners: _Of) -> float:
        """A floor from the groups with the greatest peaks, so that the first rows are not all kept."""
        peaks = np.maximum.reduceat(upper, np.arange(0, len(upper), _GROUP))
        if len(peaks) <= self.k:
            return -math.inf
        groups = np.argpartition(peaks, -self.k)[-self.k :]
        rows = (groups[:, None] * _GROUP + np.arange(_GROUP)).ravel()
        rows = rows[rows < len(upper)]
        best, _ = self._best(lows(rows), owners(rows))
        return float(best[-1]) if len(best) == self.k else -math.inf

    def _best(
        self, lows: NDArray[np.float64], owners: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """The greatest k lower ends, falling; for people the greatest of each."""
        order = np.arange(len(lows))
        if not self.by_person and len(lows) > self.k:
            order = np.argpartition(-lows, self.k - 1)[: self.k]
        order = order[np.argsort(-lows[order], kind="stable")]
        if self.by_person:
            _, first = np.unique(owners[order], return_index=True)
            order = order[np.sort(first)]
        order = order[: self.k]
        return lows[order], owners[order]
