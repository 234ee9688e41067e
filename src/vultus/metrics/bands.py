"""Confidence bands of whole curves by resampling people, in memory that does not grow with replicates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError
from vultus.metrics.intervals import clopper_pearson

__all__ = ["PEOPLE_ENOUGH", "Sides", "accepted_band", "people_in"]

PEOPLE_ENOUGH = 10  # fewer people cannot be resampled into anything

Sides = tuple[Sequence[Any] | NDArray[Any], Sequence[Any] | NDArray[Any]]  # the person on each side of each comparison


def people_in(sides: Sides) -> int:
    """How many different people there are on both sides together."""
    return int(np.unique(np.concatenate([np.asarray(side) for side in sides])).size)


def accepted_band(
    scores: NDArray[np.floating[Any]],
    people: Sides,
    thresholds: NDArray[np.floating[Any]],
    *,
    replicates: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Low and high end of the share of scores >= each threshold, (k,) each.

    scores (n,), NaN never accepted; thresholds (k,), rising. The draws and the widening to
    Clopper-Pearson are those of `SubjectBootstrap` with the same seed, so each threshold gets
    the interval that its `rate` gives. Refused (InputError): shapes that do not fit,
    thresholds that do not rise, nothing to resample.
    """
    values, levels = np.asarray(scores, dtype=np.float64), np.asarray(thresholds, dtype=np.float64)
    left, right = (np.asarray(side) for side in people)
    if values.ndim != 1 or not values.size or left.shape != values.shape or right.shape != values.shape:
        raise InputError(
            f"expected a person on each side of each score, got {values.shape}, {left.shape}, {right.shape}"
        )
    if levels.ndim != 1 or not levels.size or (np.diff(levels) <= 0).any():
        raise InputError("expected thresholds that rise")
    names, codes = np.unique(np.concatenate([left, right]), return_inverse=True)
    low, high = codes.reshape(2, -1)
    # In order of how many thresholds accept it, a comparison's weight is summed a run at a time.
    passed = np.searchsorted(levels, np.where(np.isnan(values), -np.inf, values), side="right")
    order = np.argsort(passed, kind="stable")
    low, high, passed = low[order], high[order], passed[order]
    bins, starts = np.unique(passed, return_index=True)
    own = low == high
    single = bool(own.all())
    draws = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), size=replicates)
    shares = np.empty((replicates, levels.size))
    for row, drawn in enumerate(draws):
        weights = drawn.astype(np.float64)
        each = weights[low]
        if not single:
            each *= np.where(own, 1.0, weights[high]) if own.any() else weights[high]
        runs = np.zeros(levels.size + 1)
        runs[bins] = np.add.reduceat(each, starts)
        total = runs.sum()
        shares[row] = runs[::-1].cumsum()[::-1][1:] / total if total else np.nan
    kept = shares[~np.isnan(shares[:, 0])]
    tail = (1 - confidence) / 2
    ends = np.quantile(kept, [tail, 1 - tail], axis=0) if len(kept) else np.array([[0.0], [1.0]]).repeat(levels.size, 1)
    counts = passed.size - np.searchsorted(passed, np.arange(1, levels.size + 1), side="left")
    exact = [clopper_pearson(int(k), passed.size, confidence) for k in counts]
    return (
        np.minimum(ends[0], [rate.low for rate in exact]),
        np.maximum(ends[1], [rate.high for rate in exact]),
    )
