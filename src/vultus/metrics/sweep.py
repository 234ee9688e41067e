"""Thresholds between scores, as bob.measure sets them for vulnerability and liveness.

Accept when score >= threshold. Thresholds for a wanted rate lie on an observed score, those
of the least cost half way between two. Errors are counted in whole comparisons, so that a tie
is a tie and not a rounding; of equal costs the last, highest, threshold is taken. NaN must
have been taken out: these are the rates of a matcher alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError
from vultus.metrics.verification import threshold_at_fmr, threshold_at_fnmr

__all__ = ["Criterion", "eer_threshold", "far_threshold", "min_hter_threshold", "threshold_for", "weighted_threshold"]

Criterion = Literal["eer", "min-hter"] | tuple[Literal["far", "frr"], float]
Scores = NDArray[np.floating[Any]]
Counts = NDArray[Any]  # whole numbers, as int64 or as doubles


def far_threshold(impostor: Scores, target: float) -> float:
    """The last impostor score whose group still keeps FMR <= target; 1 accepts what is below all.

    The next double above the highest score where no group may pass, the next below the lowest
    for a target of 1. Refused (InputError): no scores, NaN, a target outside 0 to 1.

    >>> far_threshold(np.array([0.5, 0.4, 0.4, 0.1]), 0.75)
    0.4
    """
    values = _whole(impostor, "impostor")
    if target == 1:
        return float(np.nextafter(values[0], -np.inf))
    return threshold_at_fmr(values, target)


def eer_threshold(genuine: Scores, impostor: Scores) -> float:
    """Where FMR and FNMR differ least, half way between two scores.

    >>> float(round(eer_threshold(np.array([0.9, 0.6, 0.3]), np.array([0.5, 0.2, 0.1])), 6))
    0.4
    """
    return _best(genuine, impostor, lambda wrong_in, wrong_out: np.abs(wrong_in - wrong_out))


def min_hter_threshold(genuine: Scores, impostor: Scores) -> float:
    """Where FMR + FNMR is least, half way between two scores."""
    return weighted_threshold(genuine, impostor, 1, 1)


def weighted_threshold(genuine: Scores, impostor: Scores, false_match: int, false_non_match: int) -> float:
    """Where false_match · FMR + false_non_match · FNMR is least; whole weights, not negative.

    Refused (InputError): weights below 0, no scores of a kind, NaN.
    """
    if min(false_match, false_non_match) < 0:
        raise InputError(f"expected weights from 0, got {false_match} and {false_non_match}")
    return _best(
        genuine,
        impostor,
        lambda wrong_in, wrong_out: false_match * wrong_in + false_non_match * wrong_out,
        max(false_match, false_non_match),
    )


def threshold_for(genuine: Scores, impostor: Scores, criterion: Criterion) -> float:
    """The threshold of a criterion: "eer", "min-hter", ("far", rate) or ("frr", rate).

    Refused (InputError): another criterion, a rate outside 0 to 1, no scores of a kind, NaN.
    """
    if criterion == "eer":
        return eer_threshold(genuine, impostor)
    if criterion == "min-hter":
        return min_hter_threshold(genuine, impostor)
    if isinstance(criterion, tuple) and len(criterion) == 2 and criterion[0] in ("far", "frr"):
        kind, target = criterion
        if kind == "far":
            return far_threshold(impostor, target)
        return threshold_at_fnmr(_whole(genuine, "genuine"), target)
    raise InputError(f'expected "eer", "min-hter", ("far", rate) or ("frr", rate), got {criterion!r}')


def _best(genuine: Scores, impostor: Scores, cost: Callable[[Counts, Counts], Counts], weight: int = 1) -> float:
    """The candidate of least cost(FMR, FNMR), both as whole numbers over a common denominator.

    Candidates are the lowest score and the middles between neighbours, as long as scores of
    both kinds lie at or above; then one more, and "above all", which must be strictly better.
    """
    mates, others = _whole(genuine, "genuine"), _whole(impostor, "impostor")
    levels = np.unique(np.concatenate([mates, others]))
    # Whole numbers as long as they fit; beyond (10^15 pairs of scores and more) doubles must do.
    kind: type[Any] = np.int64 if mates.size * others.size < 2**62 // (2 * max(weight, 1)) else np.float64
    accepted = others.size - np.searchsorted(others, levels, side="left").astype(kind)
    refused = np.searchsorted(mates, levels, side="left").astype(kind)
    costs = cost(accepted * mates.size, refused * others.size)
    none_pass = cost(np.zeros(1, dtype=kind), np.full(1, mates.size * others.size, dtype=kind))[0]
    both = int(np.searchsorted(levels, min(mates[-1], others[-1]), side="right"))
    at = both - 1 - int(np.argmin(costs[:both][::-1]))
    if both < levels.size and costs[both] < costs[at]:
        at = both
    if none_pass < costs[at]:
        return float(np.nextafter(levels[-1], np.inf))
    if at == 0:
        return float(levels[0])
    middle = (levels[at - 1] + levels[at]) / 2
    return float(middle if middle > levels[at - 1] else levels[at])  # between neighbouring doubles lies none


def _whole(scores: Scores, what: str) -> NDArray[np.float64]:
    values = np.sort(np.asarray(scores, dtype=np.float64))
    if values.ndim != 1 or not values.size:
        raise InputError(f"expected {what} scores, shape (n,), got shape {values.shape}")
    if not np.isfinite(values[[0, -1]]).all():
        raise InputError(f"expected finite {what} scores; take out and count what gave no score (NaN) first")
    return values
