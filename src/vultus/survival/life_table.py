"""How many were followed, and how many left with and without the event, at each time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vultus.survival.outcomes import Events, Floats

__all__ = ["LifeTable", "last_at", "life_table"]


@dataclass(frozen=True, slots=True, eq=False)
class LifeTable:
    """Counts at every time at which somebody left, in order, (k,) each."""

    time: Floats
    at_risk: NDArray[np.int64]  # still followed just before that time
    events: NDArray[np.int64]
    censored: NDArray[np.int64]


def life_table(time: Floats, event: Events) -> LifeTable:
    """Count checked outcomes (`check_outcomes`) by distinct time.

    >>> life_table(np.array([2.0, 1.0, 2.0]), np.array([True, False, False])).at_risk.tolist()
    [3, 2]
    """
    times, codes, left = np.unique(time, return_inverse=True, return_counts=True)
    events = np.bincount(codes, event, times.size).astype(np.int64)
    at_risk = left[::-1].cumsum()[::-1].astype(np.int64)
    return LifeTable(times, at_risk, events, left.astype(np.int64) - events)


def last_at(steps: Floats, values: Floats, times: Floats, before: float) -> Floats:
    """A right-continuous step function read at times: the value set at or last before each.

    >>> last_at(np.array([1.0, 3.0]), np.array([0.9, 0.5]), np.array([0.5, 1.0, 2.0, 3.0]), 1.0).tolist()
    [1.0, 0.9, 0.9, 0.5]
    """
    return np.concatenate([[before], values])[np.searchsorted(steps, times, side="right")]
