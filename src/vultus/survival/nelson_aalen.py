"""Cumulative hazard of a group over time, after Nelson and Aalen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from vultus.survival.life_table import life_table
from vultus.survival.outcomes import Floats, check_outcomes
from vultus.survival.tails import quantile

__all__ = ["NelsonAalen", "nelson_aalen"]


@dataclass(frozen=True, slots=True, eq=False)
class NelsonAalen:
    """Cumulative hazard at every time at which somebody left, (k,) each."""

    time: Floats
    hazard: Floats  # H(t), rising
    se: Floats
    low: Floats  # on the log scale; NaN before the first event
    high: Floats
    confidence: float


def nelson_aalen(time: ArrayLike, event: ArrayLike, *, confidence: float = 0.95) -> NelsonAalen:
    """Sum of events over people at risk; variance sum of d / n^2 (Aalen's), interval on the log scale.

    Refused (InputError): as `check_outcomes`, a confidence outside 0 to 1. Source: Aalen,
    Annals of Statistics 6 (1978).

    >>> nelson_aalen([1, 2, 2, 3], [True, True, False, False]).hazard.round(4).tolist()
    [0.25, 0.5833, 0.5833]
    """
    times, events = check_outcomes(time, event)
    z = quantile(confidence)
    table = life_table(times, events)
    hazard = np.cumsum(table.events / table.at_risk)
    se = np.sqrt(np.cumsum(table.events / table.at_risk.astype(np.float64) ** 2))
    spread = z * np.divide(se, hazard, out=np.full(se.shape, np.nan), where=hazard > 0)
    return NelsonAalen(table.time, hazard, se, hazard * np.exp(-spread), hazard * np.exp(spread), confidence)
