"""Scores relative to what the same probe or template scores against people it is not.

Some probes and templates score high against everybody; a cohort of other people shows by how
much. Scores come as a matrix, a row a probe and a column a template (or a person); cohorts as
one row a probe or template, a column a cohort picture. Results are standard deviations above
the cohort's mean and are no cosines: they need thresholds of their own. NaN scores stay NaN,
cohort scores that are NaN are left out, and where the rest do not vary the result is NaN.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError
from vultus.metrics.identification import ScoreMatrix

__all__ = ["adaptive_s_norm", "gallery_t_norm", "s_norm", "statistics", "t_norm", "z_norm"]

_SMALLEST = 1e-6  # deviation below which float32 scores are as good as equal


def z_norm(scores: ScoreMatrix, template_cohort: ScoreMatrix, *, top: int | None = None) -> NDArray[np.float64]:
    """Each template's scores against its own scores with the cohort: (probes, templates).

    template_cohort: (templates, cohort), two or more columns. top: only the so many highest of
    each row. Refused (InputError): shapes that do not fit, a cohort or a `top` under 2. Source: Li
    and Porter, ICASSP 1988.

    >>> z_norm(np.array([[0.5, 0.5]]), np.array([[0.1, 0.3], [0.3, 0.5]]))
    array([[3., 1.]])
    """
    values, cohort = _fitting(scores, template_cohort, axis=1)
    mean, deviation = statistics(cohort, top)
    return np.asarray((values - mean[None, :]) / deviation[None, :])


def t_norm(scores: ScoreMatrix, probe_cohort: ScoreMatrix, *, top: int | None = None) -> NDArray[np.float64]:
    """Each probe's scores against its own scores with the cohort: (probes, templates).

    probe_cohort: (probes, cohort). Within a search the order of candidates stays. Otherwise as
    `z_norm`. Source: Auckenthaler, Carey and Lloyd-Thomas, Digital Signal Processing 10 (2000).
    """
    values, cohort = _fitting(scores, probe_cohort, axis=0)
    mean, deviation = statistics(cohort, top)
    return np.asarray((values - mean[:, None]) / deviation[:, None])


def s_norm(scores: ScoreMatrix, probe_cohort: ScoreMatrix, template_cohort: ScoreMatrix) -> NDArray[np.float64]:
    """The mean of `z_norm` and `t_norm`, which treats both sides alike.

    Source: Kenny, Odyssey 2010.
    """
    return (t_norm(scores, probe_cohort) + z_norm(scores, template_cohort)) / 2


def adaptive_s_norm(
    scores: ScoreMatrix, probe_cohort: ScoreMatrix, template_cohort: ScoreMatrix, *, top: int
) -> NDArray[np.float64]:
    """`s_norm` with, for each side, only the `top` cohort pictures nearest to it.

    Source: Cumani and others, Interspeech 2011; Matějka and others, Interspeech 2017 (their
    AS-norm1: each side picks its own).
    """
    return (t_norm(scores, probe_cohort, top=top) + z_norm(scores, template_cohort, top=top)) / 2


def gallery_t_norm(scores: ScoreMatrix) -> NDArray[np.float64]:
    """Each score against the same probe's scores with the rest of the gallery: (probes, people).

    The gallery is its own cohort: nothing else is needed, but the gallery must hold strangers to
    the probe, three people at least (InputError), and a probe's value changes as people come and go.

    >>> gallery_t_norm(np.array([[0.5, 0.1, 0.2]])).round(2).tolist()
    [[7.0, -1.67, -0.5]]
    """
    values = _matrix(scores)
    if values.shape[1] < 3:
        raise InputError(f"expected a gallery of three people or more to compare with, got {values.shape[1]}")
    there = ~np.isnan(values)
    clean = np.where(there, values, 0.0)
    others = there.sum(axis=1, keepdims=True) - there
    # Centred on the row first: the variance is a difference of sums, which must not cancel.
    middle = clean.sum(axis=1, keepdims=True) / np.maximum(there.sum(axis=1, keepdims=True), 1)
    centred = np.where(there, values - middle, 0.0)
    count = np.where(others > 1, others, np.nan)
    mean = (centred.sum(axis=1, keepdims=True) - centred) / count
    square = (np.square(centred).sum(axis=1, keepdims=True) - np.square(centred)) / count
    variance = np.maximum(square - np.square(mean), 0.0)
    deviation = np.where(variance > _SMALLEST**2, np.sqrt(variance), np.nan)
    return np.asarray(np.where(there, (values - middle - mean) / deviation, np.nan))


def statistics(cohort_scores: ScoreMatrix, top: int | None = None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and deviation of each row's scores with the cohort, (rows,): what the norms above subtract and divide by.

    NaN where a row has too few scores or they are alike. Refused (InputError): as `z_norm`.
    """
    cohort = _matrix(cohort_scores)
    if cohort.shape[1] < 2 or (top is not None and not 2 <= top <= cohort.shape[1]):
        raise InputError(f"expected a cohort of two or more and a top within it, got {cohort.shape[1]} and top {top}")
    if top is not None:
        ordered = np.where(np.isnan(cohort), -np.inf, cohort)
        cohort = np.partition(ordered, cohort.shape[1] - top, axis=1)[:, -top:]
        cohort = np.where(cohort == -np.inf, np.nan, cohort)
    there = ~np.isnan(cohort)
    count = np.where(there.sum(axis=1) > 1, there.sum(axis=1), np.nan)
    mean = np.where(there, cohort, 0.0).sum(axis=1) / count
    variance = np.square(np.where(there, cohort - mean[:, None], 0.0)).sum(axis=1) / count
    return mean, np.where(variance > _SMALLEST**2, np.sqrt(variance), np.nan)


def _matrix(scores: ScoreMatrix | NDArray[Any]) -> NDArray[np.float64]:
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 2:
        raise InputError(f"expected scores of shape (probes, templates), got {values.shape}")
    return values


def _fitting(scores: ScoreMatrix, cohort: ScoreMatrix, axis: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    values, others = _matrix(scores), _matrix(cohort)
    if len(others) != values.shape[axis]:
        side = ("probe", "template")[axis]
        raise InputError(f"expected a row of cohort scores for each of {values.shape[axis]} {side}s, got {len(others)}")
    return values, others
