"""Do people with the higher risk have the event earlier: Harrell's C and Uno's C.

Conventions. Risk: higher = worse. A pair (i, j) is comparable if i had the event and j was
followed longer, or was censored at that very time. Two events at one time are not
comparable. Scores within 1e-8 of each other are tied and count one half. C is
(concordant + tied / 2) / comparable: 1 in perfect order, 1/2 for a constant score, and
1 - C for the negated one. A figure of a score over a group of people; it says nothing about
any one of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from vultus.errors import InputError
from vultus.survival.counting import PrefixCounts, running
from vultus.survival.kaplan_meier import Censoring
from vultus.survival.outcomes import Events, Floats, check_outcomes, check_risk
from vultus.survival.resampling import DEFAULT_BOOTSTRAP, Bootstrap, ratio
from vultus.types import Estimate

__all__ = ["TIED_RISK", "Concordance", "concordance", "uno_concordance"]

TIED_RISK = 1e-8  # scores this close are equal
FEW_EVENTS = 30


@dataclass(frozen=True, slots=True)
class Concordance:
    """C with the pairs that it counts."""

    c: Estimate
    concordant: int
    discordant: int
    tied_risk: int
    tied_time: int  # pairs of an event and a censoring at one time; they are among the comparable
    events: int
    tau: float | None  # only events before it count; None: all
    largest_weight: float  # share of the comparable weight that one event holds: near 1, C is one person's
    caveats: tuple[str, ...]


def concordance(
    time: ArrayLike, event: ArrayLike, risk: ArrayLike, *, bootstrap: Bootstrap = DEFAULT_BOOTSTRAP
) -> Concordance:
    """Harrell's C: share of comparable pairs in which the higher risk goes first.

    It rises and falls with the censoring; `uno_concordance` corrects for that. Refused
    (InputError): as `check_outcomes` and `check_risk`, survival curves, no comparable pair.
    Source: Harrell, Lee and Mark, Statistics in Medicine 15 (1996).

    >>> found = concordance([1, 2, 3, 3], [1, 1, 1, 0], [4, 1, 2, 1])
    >>> found.c.value, found.concordant, found.discordant, found.tied_risk, found.tied_time
    (0.75, 4, 1, 1, 1)
    """
    times, events = check_outcomes(time, event)
    scores = check_risk(risk, times.size)
    return _concordance(times, events, scores, np.ones(times.size), None, bootstrap)


def uno_concordance(
    time: ArrayLike,
    event: ArrayLike,
    risk: ArrayLike,
    censoring: Censoring,
    *,
    tau: float | None,
    bootstrap: Bootstrap = DEFAULT_BOOTSTRAP,
) -> Concordance:
    """Uno's C: pairs weighted by 1 / G(t_i)^2, so that censoring does not move the figure.

    censoring: G of the training set (`kaplan_meier.censoring`). tau: only events before it
    count; late events get huge weights, so None must be said and `largest_weight` be read.
    The counts of the answer are of pairs, unweighted. Refused (InputError): as `concordance`,
    tau not above 0, an event at which G is 0 or beyond the training follow-up. Source: Uno
    et al., Statistics in Medicine 30 (2011).
    """
    times, events = check_outcomes(time, event)
    scores = check_risk(risk, times.size)
    if tau is not None and not tau > 0:
        raise InputError(f"tau: expected a time above 0, or None for all events, got {tau}")
    counted = events & (times < (math.inf if tau is None else tau))
    weights = np.zeros(times.size)
    weights[counted] = censoring.at(times[counted]) ** -2.0
    return _concordance(times, events, scores, weights, tau, bootstrap)


def _concordance(
    times: Floats, events: Events, scores: Floats, weights: Floats, tau: float | None, bootstrap: Bootstrap
) -> Concordance:
    pairs = _Pairs(times, events, scores, weights)
    ones = np.ones(times.size)
    lower, upto, all_of, ties = pairs.counts(ones)
    comparable = pairs.weights * all_of
    if not comparable.sum() > 0:
        raise InputError(
            f"no comparable pair: expected an event{'' if tau is None else f' before tau = {tau:g}'} and somebody "
            f"followed longer, got {int(events.sum())} events in {times.size} rows"
        )
    value = float(pairs.c(ones))
    low, high = bootstrap.interval(pairs.c, times.size)
    return Concordance(
        Estimate(value, float(low), float(high), times.size),
        int(lower.sum()),
        int((all_of - upto).sum()),
        int((upto - lower).sum()),
        int(ties.sum()),
        int(events.sum()),
        tau,
        float(comparable.max() / comparable.sum()),
        _caveats(scores, events, value),
    )


class _Pairs:
    """The comparable pairs of each counted event: the longer followed are a prefix of one order."""

    def __init__(self, times: Floats, events: Events, scores: Floats, weights: Floats) -> None:
        # Longest first, and at one time the censored before the events, who are comparable with them.
        order = np.lexsort((events, -times))
        times, events, scores, weights = times[order], events[order], scores[order], weights[order]
        chosen = np.flatnonzero(events & (weights > 0))
        longer = np.searchsorted(-times, -times[chosen], side="left")
        none = np.concatenate([[0], np.cumsum(~events)])
        self._ties_from = longer
        self._prefix = longer + none[np.searchsorted(-times, -times[chosen], side="right")] - none[longer]
        levels = np.sort(scores)
        ranks = np.searchsorted(levels, scores, side="left")
        below = np.searchsorted(levels, scores[chosen] - TIED_RISK, side="left")
        upto = np.searchsorted(levels, scores[chosen] + TIED_RISK, side="right")
        self._counts = PrefixCounts(ranks, self._prefix, np.stack([below, upto]))
        self._order, self._chosen = order, chosen
        self.weights = weights[chosen]

    def counts(self, people: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """For each event: longer followed with lower risk, with lower or tied risk, all, and tied in time."""
        mine = people[..., self._order]
        sums = running(mine)
        everybody = sums[..., self._prefix]
        found = self._counts.count(mine)
        return found[..., 0, :], found[..., 1, :], everybody, everybody - sums[..., self._ties_from]

    def c(self, people: Floats) -> Floats:
        """C where each person counts `people` (..., n) times, (...); NaN without a comparable pair."""
        lower, upto, everybody, _ = self.counts(people)
        weight = self.weights * people[..., self._order][..., self._chosen]
        return ratio((weight * (lower + upto)).sum(axis=-1) / 2, (weight * everybody).sum(axis=-1))


def _caveats(scores: Floats, events: Events, value: float) -> tuple[str, ...]:
    found = []
    if events.sum() < FEW_EVENTS:
        found.append(f"only {int(events.sum())} events: the interval itself is uncertain")
    if value < 0.5 and scores.min() >= 0 and scores.max() <= 1:
        found.append(
            "C below 1/2 and all scores in 0..1: if they are survival probabilities, hand over 1 - probability"
        )
    return tuple(found)
