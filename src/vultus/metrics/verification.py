"""One against one: how often strangers pass and the right person does not.

One convention in every function: a score is accepted when score >= threshold; of equal
scores all are on the wrong side; NaN stands for a comparison that gave no score (no face
found, say), is never accepted and stays in the denominator. For the rates of a matcher
alone drop the NaN first and bring failures in by `system_rates`. Rates and thresholds are
those of bob.measure and ISO/IEC 19795-1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError, OperatingPointError
from vultus.metrics.intervals import clopper_pearson
from vultus.types import Rate

__all__ = [
    "Curve",
    "EqualError",
    "Scores",
    "SystemRates",
    "auc",
    "curve",
    "equal_error",
    "fmr",
    "fnmr",
    "system_rates",
    "threshold_at_fmr",
    "threshold_at_fnmr",
]

Scores = NDArray[np.floating[Any]]  # (n,), similarity: higher = more alike


@dataclass(frozen=True, slots=True)
class EqualError:
    """Where the two error rates are closest."""

    rate: float  # (FMR + FNMR) / 2
    threshold: float
    fmr: float
    fnmr: float


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Both error rates at every threshold that makes a difference, lowest first."""

    thresholds: NDArray[np.float64]  # (k,), the last is the next float above the highest score
    fmr: NDArray[np.float64]  # (k,), falling
    fnmr: NDArray[np.float64]  # (k,), rising


@dataclass(frozen=True, slots=True)
class SystemRates:
    """What a user meets: matcher errors together with failures to acquire and to enrol."""

    far: float
    frr: float
    gfar: float
    gfrr: float


def fmr(impostor: Scores, threshold: float) -> Rate:
    """False match rate: share of the impostor scores at or above the threshold.

    >>> print(fmr(np.array([0.5, 0.4, 0.4, 0.1]), 0.4))
    0.75 [0.1941, 0.9937] (3/4)
    """
    scores = _ascending(impostor, "impostor")
    return clopper_pearson(_accepted(scores, threshold), scores.size)


def fnmr(genuine: Scores, threshold: float) -> Rate:
    """False non-match rate: share of the genuine scores below the threshold, NaN included."""
    scores = _ascending(genuine, "genuine")
    return clopper_pearson(scores.size - _accepted(scores, threshold), scores.size)


def threshold_at_fmr(impostor: Scores, target: float) -> float:
    """The lowest observed impostor score with FMR <= target; above them all if there is none.

    Refused (InputError): no score at all, a target outside 0 to 1.

    >>> threshold_at_fmr(np.array([0.5, 0.4, 0.4, 0.1]), 0.3)
    0.5
    """
    scores = _ascending(impostor, "impostor")
    allowed = _allowed(scores, target, "FMR")
    seen = scores[scores > -np.inf]
    if not seen.size:
        raise InputError("expected impostor scores, every one of them is NaN")
    if allowed >= seen.size:
        return float(seen[0])
    first_refused = seen[seen.size - allowed - 1]
    above = np.searchsorted(seen, first_refused, side="right")
    return float(seen[above]) if above < seen.size else float(np.nextafter(seen[-1], np.inf))


def threshold_at_fnmr(genuine: Scores, target: float) -> float:
    """The highest threshold with FNMR <= target.

    Refused: no score at all, a target outside 0 to 1 (InputError); more failures among
    the comparisons than the target allows (OperatingPointError).

    >>> threshold_at_fnmr(np.array([0.9, 0.8, 0.4, 0.3]), 0.25)
    0.4
    """
    scores = _ascending(genuine, "genuine")
    allowed = _allowed(scores, target, "FNMR")
    if allowed == scores.size:
        return float(np.nextafter(scores[-1], np.inf))
    if scores[allowed] == -np.inf:
        failed = int((scores == -np.inf).sum())
        raise OperatingPointError(f"expected FNMR <= {target}, but {failed} of {scores.size} comparisons gave no score")
    return float(scores[allowed])


def curve(genuine: Scores, impostor: Scores) -> Curve:
    """Both error rates at every distinct score: the points of the ROC and the DET."""
    mates, others = _ascending(genuine, "genuine"), _ascending(impostor, "impostor")
    _both(mates, others)
    levels = np.unique(np.concatenate([mates, others]))
    levels = levels[levels > -np.inf]
    top = levels[-1] if levels.size else 0.0
    levels = np.append(levels, np.nextafter(top, np.inf))
    return Curve(
        levels,
        (others.size - np.searchsorted(others, levels, side="left")) / others.size,
        np.searchsorted(mates, levels, side="left") / mates.size,
    )


def equal_error(genuine: Scores, impostor: Scores) -> EqualError:
    """EER: the mean of FMR and FNMR where they differ least, the highest such threshold.

    Refused (InputError): no genuine or no impostor scores.

    >>> equal_error(np.array([0.9, 0.6, 0.3]), np.array([0.5, 0.2, 0.1])).threshold
    0.5
    """
    points = curve(genuine, impostor)
    # Counted in whole comparisons, so that equal gaps are equal and not off by a rounding.
    mates, others = np.size(genuine), np.size(impostor)
    gap = np.abs(np.rint(points.fmr * others) * mates - np.rint(points.fnmr * mates) * others)
    at = gap.size - 1 - int(np.argmin(gap[::-1]))
    both = float(points.fmr[at]), float(points.fnmr[at])
    return EqualError(sum(both) / 2, float(points.thresholds[at]), *both)


def auc(genuine: Scores, impostor: Scores) -> float:
    """Chance that a genuine score beats an impostor score, a tie counting half.

    Refused (InputError): no genuine or no impostor scores.

    >>> auc(np.array([0.9, 0.4]), np.array([0.4, 0.1]))
    0.875
    """
    mates, others = _ascending(genuine, "genuine"), _ascending(impostor, "impostor")
    _both(mates, others)
    below = np.searchsorted(others, mates, side="left").sum(dtype=np.int64)
    upto = np.searchsorted(others, mates, side="right").sum(dtype=np.int64)
    return float((int(below) + int(upto)) / 2 / (mates.size * others.size))


def system_rates(fmr: float, fnmr: float, fta: float = 0.0, fte: float = 0.0) -> SystemRates:
    """Error rates of one attempt with failures to acquire (FTA) and to enrol (FTE) counted in.

    Refused (InputError): a rate outside 0 to 1. Source: ISO/IEC 19795-1.

    >>> round(system_rates(0.001, 0.02, fta=0.05, fte=0.03).gfrr, 5)
    0.09693
    """
    for name, rate in (("fmr", fmr), ("fnmr", fnmr), ("fta", fta), ("fte", fte)):
        if not 0 <= rate <= 1:
            raise InputError(f"expected {name} between 0 and 1, got {rate}")
    far, frr = fmr * (1 - fta), fta + fnmr * (1 - fta)
    return SystemRates(far, frr, far * (1 - fte), fte + (1 - fte) * frr)


def _ascending(scores: Scores, what: str) -> NDArray[np.float64]:
    """Sorted doubles with NaN lowest, as -inf: no finite threshold accepts them."""
    values = np.array(scores, dtype=np.float64)
    if values.ndim != 1:
        raise InputError(f"expected {what} scores of shape (n,), got {values.shape}")
    values[np.isnan(values)] = -np.inf
    values.sort()
    return values


def _accepted(ascending: NDArray[np.float64], threshold: float) -> int:
    if math.isnan(threshold):
        raise InputError("expected a threshold, got NaN")
    # A failure stays one even where everything is accepted.
    failed = int(np.searchsorted(ascending, -np.inf, side="right"))
    return int(ascending.size - max(int(np.searchsorted(ascending, threshold, side="left")), failed))


def _allowed(scores: NDArray[np.float64], target: float, what: str) -> int:
    """The most errors k with k/n <= target."""
    if not scores.size:
        raise InputError("expected scores to set a threshold on, got none")
    if not 0 <= target <= 1:
        raise InputError(f"expected a target {what} between 0 and 1, got {target}")
    k = min(int(target * scores.size) + 1, scores.size)
    while k / scores.size > target:  # the product may have been rounded either way
        k -= 1
    return k


def _both(genuine: NDArray[np.float64], impostor: NDArray[np.float64]) -> None:
    if not genuine.size or not impostor.size:
        raise InputError(f"expected scores of both kinds, got {genuine.size} genuine and {impostor.size} impostor")
