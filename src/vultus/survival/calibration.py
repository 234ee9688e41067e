"""Do predicted risks come true: observed against predicted events by a horizon, in groups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vultus.errors import InputError
from vultus.survival.kaplan_meier import kaplan_meier
from vultus.survival.outcomes import Floats, check_horizons, check_outcomes, check_risk

__all__ = ["Calibration", "CalibrationGroup", "calibration", "cut_points", "risk_groups"]

FEW_PEOPLE = 30


@dataclass(frozen=True, slots=True)
class CalibrationGroup:
    """People of similar predicted risk, and what share of them had the event by the horizon."""

    people: int
    events: int  # by the horizon
    predicted: float  # mean predicted probability of the event
    observed: float  # 1 - Kaplan-Meier; NaN where the group is not followed so far
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """Predicted and observed risk at one horizon, lowest predicted first."""

    horizon: float
    predicted: float  # over everybody
    observed: float
    low: float
    high: float
    groups: tuple[CalibrationGroup, ...]
    error: float  # mean |observed - predicted| over groups, weighted by people; NaN if a group is not followed so far
    caveats: tuple[str, ...]


def cut_points(risk: ArrayLike, groups: int = 4) -> Floats:
    """Limits between equally large groups of risk, (groups - 1,); take them from the training set.

    Refused (InputError): fewer than two groups, too few different scores for so many.

    >>> cut_points([1, 2, 3, 4, 5, 6, 7, 8], 4).tolist()
    [2.75, 4.5, 6.25]
    """
    scores = check_risk(risk, np.size(risk))
    if groups < 2 or not scores.size:
        raise InputError(f"expected scores and at least two groups, got {scores.size} and {groups}")
    cuts = np.quantile(scores, np.arange(1, groups) / groups)
    if np.unique(np.concatenate([cuts, [scores.max()]])).size < groups:
        raise InputError(f"risk: expected enough different scores for {groups} groups, got {np.unique(scores).size}")
    return np.asarray(cuts)


def risk_groups(risk: ArrayLike, cuts: ArrayLike) -> NDArray[np.int64]:
    """The group of each score, 0 = lowest; a score at a cut belongs to the lower group.

    cuts: rising, from the training set, so that test people change no group.

    >>> risk_groups([2.0, 2.75, 7.0], [2.75, 4.5, 6.25]).tolist()
    [0, 0, 3]
    """
    scores, limits = check_risk(risk, np.size(risk)), np.asarray(cuts, dtype=np.float64)
    if limits.ndim != 1 or not (np.diff(limits) > 0).all():
        raise InputError("cuts: expected rising numbers")
    return np.searchsorted(limits, scores, side="left").astype(np.int64)


def calibration(
    time: ArrayLike,
    event: ArrayLike,
    predicted: ArrayLike,
    horizon: float,
    *,
    cuts: ArrayLike | None = None,
    groups: int = 4,
    confidence: float = 0.95,
) -> Calibration:
    """Compare predicted probabilities of the event by the horizon with what was observed.

    predicted: probability that the event happens by the horizon, (n,), one minus survival.
    cuts: limits of the groups, from the training set; without them the people are cut into
    `groups` by their own predictions, which is then a caveat. Observed risk is one minus
    Kaplan-Meier, with its interval. Refused (InputError): as `check_outcomes` and
    `check_horizons`, survival curves, values outside 0 to 1.
    """
    followed, events = check_outcomes(time, event)
    shares = check_risk(predicted, followed.size)
    at = float(check_horizons(horizon, followed)[0])
    if not ((shares >= 0) & (shares <= 1)).all():
        raise InputError("predicted: expected probabilities of the event from 0 to 1; risk scores are no probabilities")
    caveats = []
    if cuts is None:
        caveats.append("groups were cut on the people evaluated, not on the training set")
        cuts = cut_points(shares, groups)
    member = risk_groups(shares, cuts)
    found = [
        _group(followed[own], events[own], shares[own], at, confidence)
        for own in (member == number for number in range(np.size(cuts) + 1))
        if own.any()
    ]
    whole = _group(followed, events, shares, at, confidence)
    if any(group.people < FEW_PEOPLE for group in found):
        caveats.append(f"a group has fewer than {FEW_PEOPLE} people")
    if any(np.isnan(group.observed) for group in found):
        caveats.append(f"a group is not followed up to {at:g}")
    error = sum(group.people * abs(group.observed - group.predicted) for group in found) / followed.size
    return Calibration(
        at, whole.predicted, whole.observed, whole.low, whole.high, tuple(found), float(error), tuple(caveats)
    )


def _group(times: Floats, events: NDArray[np.bool_], shares: Floats, at: float, confidence: float) -> CalibrationGroup:
    curve = kaplan_meier(times, events, confidence=confidence)
    people, early = times.size, int((events & (times <= at)).sum())
    if times.max() < at and curve.survival[-1] > 0:
        return CalibrationGroup(people, early, float(shares.mean()), np.nan, np.nan, np.nan)
    low, high = curve.interval(at)
    return CalibrationGroup(
        people, early, float(shares.mean()), float(1 - curve.at(at)), float(1 - high), float(1 - low)
    )
