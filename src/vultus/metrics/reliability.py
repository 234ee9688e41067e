"""Whether probabilities mean what they say: calibration error and reliability diagrams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError
from vultus.metrics.caveats import scarce
from vultus.metrics.intervals import wilson
from vultus.types import Rate

__all__ = ["Reliability", "reliability"]

_SUM = 1e-3  # probabilities that were rounded to three digits still add up to 1


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """Confidence of the winner against how often it is right, in bins of equal width."""

    edges: NDArray[np.float64]  # (bins + 1,), 0 to 1; a bin holds its upper edge, the first also 0
    confidence: NDArray[np.float64]  # (bins,), mean; NaN in an empty bin
    accuracy: tuple[Rate, ...]  # (bins,)
    ece: float  # expected calibration error: mean gap, weighted by how many
    mce: float  # largest gap
    bias: float  # mean confidence less accuracy: above 0 too sure
    n: int
    unanswered: int  # rows of NaN, left out
    caveats: tuple[str, ...]


def reliability(
    probabilities: NDArray[np.floating[Any]], truth: Sequence[int] | NDArray[np.integer[Any]], bins: int = 15
) -> Reliability:
    """Expected calibration error of the most probable class.

    probabilities (n, C), rows that add up to 1, a row of NaN where there was no answer; truth
    (n,), 0 to C - 1. Of equal probabilities the first class wins. Refused (InputError):
    shapes, values or codes that do not fit, no rows. Source: Naeini, Cooper and Hauskrecht,
    AAAI 2015; Guo et al., ICML 2017.

    >>> round(reliability(np.array([[0.9, 0.1], [0.7, 0.3]]), [0, 1]).ece, 6)
    0.4
    """
    values, right = np.asarray(probabilities, dtype=np.float64), np.asarray(truth)
    if values.ndim != 2 or right.shape != values.shape[:1] or values.shape[1] < 1 or bins < 1:
        raise InputError(f"expected probabilities (n, C) and n truths, got {values.shape} and {right.shape}")
    lost = np.isnan(values).all(axis=1)
    values, right = values[~lost], right[~lost]
    if not len(values):
        raise InputError(f"expected probabilities, got none and {int(lost.sum())} rows without answer")
    if not ((values >= 0) & (values <= 1 + _SUM)).all() or (np.abs(values.sum(axis=1) - 1) > _SUM).any():
        raise InputError("expected probabilities from 0 to 1 that add up to 1 in each row; are these raw scores?")
    if not np.issubdtype(right.dtype, np.integer) or not 0 <= right.min() <= right.max() < values.shape[1]:
        raise InputError(f"expected truth as whole numbers in 0..{values.shape[1] - 1}")
    sure, correct = values.max(axis=1), values.argmax(axis=1) == right
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.searchsorted(edges, sure, side="left") - 1, 0, bins - 1)
    counts = np.bincount(place, minlength=bins)
    sums, hits = np.bincount(place, sure, bins), np.bincount(place, correct, bins)
    gaps = np.abs(hits - sums)[counts > 0]
    with np.errstate(invalid="ignore"):
        confidence = sums / counts
    return Reliability(
        edges=edges,
        confidence=confidence,
        accuracy=tuple(wilson(int(k), int(n)) for k, n in zip(hits, counts, strict=True)),
        ece=float(gaps.sum() / len(sure)),
        mce=float((gaps / counts[counts > 0]).max()),
        bias=float(sure.mean() - correct.mean()),
        n=len(sure),
        unanswered=int(lost.sum()),
        caveats=scarce(len(sure), "answered", bins * 10),
    )
