"""Survival of a group over time, after Kaplan and Meier, and the same for being censored."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vultus.errors import InputError
from vultus.survival.life_table import last_at, life_table
from vultus.survival.outcomes import Events, Floats, check_outcomes
from vultus.survival.tails import quantile

__all__ = ["Censoring", "KaplanMeier", "censoring", "kaplan_meier"]


@dataclass(frozen=True, slots=True, eq=False)
class KaplanMeier:
    """Survival at every time at which somebody left, (k,) each; a figure of a group, not of a person."""

    time: Floats
    at_risk: NDArray[np.int64]
    events: NDArray[np.int64]
    censored: NDArray[np.int64]
    survival: Floats  # S(t), right-continuous: deaths at t are counted at t
    se: Floats  # Greenwood; NaN where S = 0
    low: Floats
    high: Floats
    confidence: float

    def at(self, times: ArrayLike) -> Floats:
        """S at times: 1 before the first, 0 after a last S of 0.

        Refused (InputError): NaN, and beyond follow-up while S is above 0, where nothing is known.
        """
        return self._read(self.survival, times, 1.0)

    def interval(self, times: ArrayLike) -> tuple[Floats, Floats]:
        """Lower and upper bound at times. Refused as `at`."""
        everybody = _no_event(self.confidence, self.at_risk[:1])[0]
        return self._read(self.low, times, float(everybody)), self._read(self.high, times, 1.0)

    def quantile(self, share: float = 0.5) -> float:
        """The first time with S <= 1 - share: the median by default; infinity if S never falls so far.

        Refused (InputError): a share that is not between 0 and 1.
        """
        if not 0 < share < 1:
            raise InputError(f"expected a share between 0 and 1, got {share}")
        reached = self.survival <= 1 - share + 1e-12  # a product of ratios that is 1/2 may round to just above
        return float(self.time[np.argmax(reached)]) if reached.any() else math.inf

    def _read(self, values: Floats, times: ArrayLike, before: float) -> Floats:
        wanted = np.asarray(times, dtype=np.float64)
        last = float(self.time[-1])
        limit = last if self.survival[-1] > 0 else math.inf
        if not (wanted <= limit).all():
            raise InputError(f"times: expected times within follow-up, up to {last:g}, got {np.max(wanted):g}")
        return last_at(self.time, values, wanted, before)


@dataclass(frozen=True, slots=True, eq=False)
class Censoring:
    """G(t): the share that would still be followed at t if nobody had the event. From the training set."""

    time: Floats
    survival: Floats
    last: float  # end of the training follow-up; infinity where nobody was censored, and G is 1

    def at(self, times: ArrayLike) -> Floats:
        """G at times, above 0.

        Refused (InputError): times beyond the training follow-up, or at which G is 0: no
        weight stands for people of whom training followed none. The permitted range is printed.
        """
        wanted = np.asarray(times, dtype=np.float64)
        values = last_at(self.time, self.survival, wanted, 1.0)
        if not ((wanted <= self.last) & (values > 0)).all():
            raise InputError(
                "times: expected times at which the training set still follows somebody "
                f"(G above 0), t {self._permitted()}, got {np.max(wanted):g}; lower tau or the horizon"
            )
        return values

    def _permitted(self) -> str:
        gone = self.time[self.survival <= 0]
        return f"< {gone[0]:g}" if gone.size else f"<= {self.last:g}"


def kaplan_meier(time: ArrayLike, event: ArrayLike, *, confidence: float = 0.95) -> KaplanMeier:
    """Product-limit estimate of survival with pointwise intervals.

    The interval is Greenwood's on the log(-log) scale, which has no answer at S = 1 and at
    S = 0. Before the first event the lower bound is therefore the exact one of no event among
    n, (alpha/2)^(1/n) for the n that left later; at S = 0 the bounds are 0 and the last upper
    one. Events at a time come before censorings at it. Refused (InputError): as
    `check_outcomes`, a confidence outside 0 to 1. Sources: Kaplan and Meier, JASA 53 (1958);
    Kalbfleisch and Prentice, The Statistical Analysis of Failure Time Data.

    >>> kaplan_meier([1, 2, 2, 3], [True, True, False, False]).survival.tolist()
    [0.75, 0.5, 0.5]
    """
    times, events = check_outcomes(time, event)
    z = quantile(confidence)
    table = life_table(times, events)
    n, d = table.at_risk.astype(np.float64), table.events.astype(np.float64)
    survival = np.asarray(np.cumprod(1 - d / n), dtype=np.float64)
    alive = survival > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        greenwood = np.cumsum(d / (n * (n - d)))
        spread = z * np.sqrt(greenwood) / np.log(survival)
        low, high = survival ** np.exp(-spread), survival ** np.exp(spread)
    untouched = survival == 1
    low[untouched] = _no_event(confidence, (n - table.censored)[untouched])
    high[untouched] = 1.0
    low[~alive] = 0.0
    high[~alive] = high[alive][-1] if alive.any() else 1.0
    se = np.where(alive, survival * np.sqrt(np.where(alive, greenwood, 0.0)), math.nan)
    return KaplanMeier(table.time, table.at_risk, table.events, table.censored, survival, se, low, high, confidence)


def censoring(time: ArrayLike, event: ArrayLike) -> Censoring:
    """Kaplan-Meier of censoring, for inverse probability weights; hand over the training set.

    People with the event at a time leave before those censored at it. Refused (InputError):
    as `check_outcomes`.

    >>> censoring([1, 2, 2, 3], [True, True, False, True]).at([1, 2]).tolist()
    [1.0, 0.5]
    """
    times, events = check_outcomes(time, event)
    return _censoring(times, events)


def _no_event(confidence: float, people: NDArray[Any]) -> Floats:
    """The lower bound of survival where none of so many had the event."""
    return np.asarray(((1 - confidence) / 2) ** (1 / np.maximum(people, 1)))


def _censoring(times: Floats, events: Events) -> Censoring:
    table = life_table(times, events)
    left = table.at_risk - table.events
    share = np.divide(table.censored, left, out=np.zeros(left.shape), where=left > 0)
    return Censoring(table.time, np.cumprod(1 - share), math.inf if events.all() else float(table.time[-1]))
