"""Whether groups differ in survival: the log-rank test."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vultus.errors import InputError
from vultus.survival.outcomes import Floats, check_outcomes
from vultus.survival.tails import chi_square_tail

__all__ = ["LogRank", "logrank"]


@dataclass(frozen=True, slots=True, eq=False)
class LogRank:
    """Observed against expected events in each group, and how unlikely that is without a difference."""

    groups: tuple[Any, ...]  # sorted; the rows below follow it
    people: NDArray[np.int64]  # (g,)
    observed: NDArray[np.int64]  # (g,)
    expected: Floats  # (g,)
    covariance: Floats  # (g, g), of observed - expected
    statistic: float
    degrees: int
    p: float


def logrank(time: ArrayLike, event: ArrayLike, group: Sequence[Hashable] | NDArray[Any]) -> LogRank:
    """Log-rank test of two or more groups, with the hypergeometric variance (ties counted right).

    group: a label a row. Refused (InputError): as `check_outcomes`, no event, fewer than two
    groups, groups none of which are ever followed at the same time. Source: Peto and Peto,
    JRSS A 135 (1972).

    >>> logrank([1, 2, 3, 4], [1, 1, 1, 1], ["a", "a", "b", "b"]).observed.tolist()
    [2, 2]
    """
    times, events = check_outcomes(time, event, some_event=True)
    labels = np.asarray(group)
    if labels.shape != times.shape:
        raise InputError(f"group: expected one for each of {times.size} rows, got shape {labels.shape}")
    if labels.dtype.kind == "f" and np.isnan(labels).any():
        raise InputError(f"group: expected a label in every row, {int(np.isnan(labels).sum())} have none (NaN)")
    names, member = np.unique(labels, return_inverse=True)
    if names.size < 2:
        raise InputError(f"group: expected at least two groups to compare, got {names.size}")
    moments, codes = np.unique(times, return_inverse=True)
    shape = (moments.size, names.size)
    cell = codes * names.size + member
    died = np.bincount(cell, events, moments.size * names.size).reshape(shape)
    risk = np.bincount(cell, minlength=moments.size * names.size).reshape(shape)[::-1].cumsum(axis=0)[::-1]
    some = died.sum(axis=1) > 0
    died, risk = died[some], risk[some].astype(np.float64)
    d, n = died.sum(axis=1), risk.sum(axis=1)
    share = risk / n[:, None]
    expected = d @ share
    weight = d * (n - d) / np.maximum(n - 1, 1)  # the last one alone varies by nothing
    covariance = np.diag(weight @ share) - share.T @ (weight[:, None] * share)
    observed = died.sum(axis=0)
    gap = (observed - expected)[:-1]
    part = covariance[:-1, :-1]
    if np.linalg.matrix_rank(part, hermitian=True) < names.size - 1:
        raise InputError("group: expected every group to be at risk beside another at some event, one never is")
    statistic = float(gap @ np.linalg.solve(part, gap))
    return LogRank(
        tuple(names.tolist()),
        np.bincount(member).astype(np.int64),
        observed.astype(np.int64),
        expected,
        covariance,
        statistic,
        names.size - 1,
        chi_square_tail(statistic, names.size - 1),
    )
