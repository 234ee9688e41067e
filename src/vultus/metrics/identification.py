"""One against many: who is found, who is missed, and which strangers are named.

Scores come as a matrix, a row a search and a column an enrolled person: people are ranked,
not templates. A row of a mate search has its person among the columns, a row of a non-mate
search has not. NaN is a score that does not exist: a probe without a template is a miss at
every threshold and stays in the denominator. Ties count against us. Definitions are those
of ISO/IEC 19795-1 and NIST FRTE.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError
from vultus.metrics.intervals import clopper_pearson
from vultus.metrics.verification import threshold_at_fmr
from vultus.types import Rate

__all__ = [
    "ScoreMatrix",
    "best_scores",
    "cmc",
    "fnir",
    "fpir",
    "fuse_max",
    "missed",
    "ranks",
    "selectivity",
    "threshold_at_fpir",
]

ScoreMatrix = NDArray[np.floating[Any]]  # (searches, people), similarity: higher = more alike


def fuse_max(scores: ScoreMatrix, owners: NDArray[np.integer[Any]], people: int) -> NDArray[np.float64]:
    """Best template of each person: scores (searches, templates) to (searches, people).

    owners: the person, 0 to people - 1, of each template. Somebody without templates, or
    with NaN alone, gets NaN. Refused (InputError): owners that do not fit.

    >>> fuse_max(np.array([[0.1, 0.7, 0.4]]), np.array([0, 0, 1]), 2)
    array([[0.7, 0.4]])
    """
    values, whose = _matrix(scores), np.asarray(owners)
    if whose.shape != values.shape[1:] or (whose.size and not 0 <= whose.min() <= whose.max() < people):
        raise InputError(f"expected an owner in 0..{people - 1} for each of {values.shape[1]} templates")
    best = np.full((len(values), people), -np.inf)
    order = np.argsort(whose, kind="stable")
    names, starts = np.unique(whose[order], return_index=True)
    if names.size:
        clean = np.where(np.isnan(values), -np.inf, values)
        best[:, names] = np.maximum.reduceat(clean[:, order], starts, axis=1)
    best[best == -np.inf] = np.nan
    return best


def best_scores(scores: ScoreMatrix) -> NDArray[np.float64]:
    """Highest score of each search, NaN where it had none, (searches,)."""
    values = _matrix(scores)
    best = np.where(np.isnan(values), -np.inf, values).max(axis=1, initial=-np.inf)
    return np.where(best == -np.inf, np.nan, best)


def ranks(scores: ScoreMatrix, mates: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Rank of the right person: 1 + the number of other people scoring as much or more.

    mates: the column of the right person of each row. Where that score does not exist the
    rank is people + 1, so that no rank reaches it.

    >>> ranks(np.array([[0.9, 0.2], [0.5, 0.5]]), np.array([0, 0]))
    array([1, 2])
    """
    values, own = _mate_scores(scores, mates)
    found = (values >= own[:, None]).sum(axis=1, dtype=np.int64)  # the mate itself makes it start at 1
    return np.asarray(np.where(np.isnan(own), values.shape[1] + 1, found), dtype=np.int64)


def missed(scores: ScoreMatrix, mates: NDArray[np.integer[Any]], threshold: float, rank: int = 1) -> NDArray[np.bool_]:
    """Which mate searches fail: the person is not within `rank`, or below the threshold."""
    if rank < 1 or math.isnan(threshold):
        raise InputError(f"expected a rank from 1 and a threshold, got {rank} and {threshold}")
    _, own = _mate_scores(scores, mates)
    return np.asarray(~((ranks(scores, mates) <= rank) & (own >= threshold)))


def fnir(scores: ScoreMatrix, mates: NDArray[np.integer[Any]], threshold: float, rank: int = 1) -> Rate:
    """False negative identification rate: mate searches whose person is not found.

    >>> print(fnir(np.array([[0.9, 0.2], [0.3, 0.4]]), np.array([0, 1]), 0.5))
    0.5 [0.01258, 0.9874] (1/2)
    """
    failed = missed(scores, mates, threshold, rank)
    return clopper_pearson(int(failed.sum()), failed.size)


def fpir(scores: ScoreMatrix, threshold: float) -> Rate:
    """False positive identification rate: non-mate searches that return anybody.

    >>> print(fpir(np.array([[0.9, 0.8], [0.3, 0.4]]), 0.5))
    0.5 [0.01258, 0.9874] (1/2)
    """
    named = best_scores(scores) >= threshold
    return clopper_pearson(int(named.sum()), named.size)


def selectivity(scores: ScoreMatrix, threshold: float) -> float:
    """People at or above the threshold in an average non-mate search; NaN without searches."""
    values = _matrix(scores)
    return float((values >= threshold).sum() / len(values)) if len(values) else math.nan


def cmc(scores: ScoreMatrix, mates: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """Share of mate searches whose person is within rank 1, 2, ... of all people, (people,).

    A closed-set figure: it says nothing about strangers. Refused (InputError): no searches.
    """
    places = ranks(scores, mates)
    if not places.size:
        raise InputError("expected mate searches, got none")
    people = np.shape(scores)[1]
    return np.asarray(np.bincount(places, minlength=people + 2)[1 : people + 1].cumsum() / places.size)


def threshold_at_fpir(scores: ScoreMatrix, target: float) -> float:
    """The lowest observed best score of a non-mate search with FPIR <= target.

    Refused (InputError): no searches, none with a score, a target outside 0 to 1.
    """
    return threshold_at_fmr(best_scores(scores), target)


def _matrix(scores: ScoreMatrix) -> NDArray[np.float64]:
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 2:
        raise InputError(f"expected scores of shape (searches, people), got {values.shape}")
    return values


def _mate_scores(
    scores: ScoreMatrix, mates: NDArray[np.integer[Any]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    values, columns = _matrix(scores), np.asarray(mates)
    people = values.shape[1]
    if columns.shape != values.shape[:1] or (columns.size and not 0 <= columns.min() <= columns.max() < people):
        raise InputError(f"expected a mate in 0..{people - 1} for each of {len(values)} searches")
    return values, values[np.arange(len(values)), columns]
