"""What every function here is given: how long each person was followed, and how it ended.

time: (n,), above 0, in any one unit. event: (n,), True (or 1) where the event was seen at
that time, False (or 0) where the person was last seen without it (censored). risk: (n,),
higher = worse; a survival probability runs the other way and is refused wherever it can be
told apart. One row a person: `per_person` brings several photographs of one to that.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vultus.errors import InputError

__all__ = ["Events", "Floats", "check_horizons", "check_outcomes", "check_risk", "per_person"]

Floats = NDArray[np.float64]
Events = NDArray[np.bool_]


def check_outcomes(time: ArrayLike, event: ArrayLike, *, some_event: bool = False) -> tuple[Floats, Events]:
    """Times and events as arrays of one length.

    some_event: also ask for an event. Refused (InputError): nothing, NaN or infinity, times
    not above 0, events that are not boolean or 0 and 1, different lengths.
    """
    times = _column(time, "time")
    if not times.size:
        raise InputError("time: expected at least one row, got none")
    if not (times > 0).all():
        at = int(np.argmin(times))
        raise InputError(f"time: expected times above 0, got {times[at]:g} in row {at}")
    marks = _column(event, "event")
    if marks.shape != times.shape:
        raise InputError(f"event: expected one for each of {times.size} times, got {marks.size}")
    if not np.isin(marks, (0.0, 1.0)).all():
        odd = marks[~np.isin(marks, (0.0, 1.0))][0]
        raise InputError(f"event: expected true and false, or 1 (event) and 0 (censored), got {odd:g}")
    if some_event and not marks.any():
        raise InputError(f"event: expected at least one event, all {times.size} rows are censored")
    return times, marks.astype(bool)


def check_risk(risk: ArrayLike, n: int) -> Floats:
    """Risk scores, (n,), higher = worse.

    Refused (InputError): survival curves or any other table of scores, NaN or infinity,
    another length than n.
    """
    if getattr(risk, "falls_with_risk", False):
        raise InputError(
            "risk: expected risk scores (higher = worse), got survival probabilities; "
            "hand over 1 - probability at one time, or the model's own risk"
        )
    scores = _column(risk, "risk")
    if scores.size != n:
        raise InputError(f"risk: expected one score for each of {n} rows, got {scores.size}")
    return scores


def check_horizons(times: ArrayLike, followed: Floats) -> Floats:
    """Times to evaluate at, within the follow-up [first, last) of the people evaluated.

    Refused (InputError): none, NaN, outside that range, which is then printed.
    """
    wanted = np.atleast_1d(_number(times, "times"))
    low, high = float(followed.min()), float(followed.max())
    if wanted.ndim != 1 or not wanted.size:
        raise InputError(f"times: expected one or several, got shape {wanted.shape}")
    outside = ~((wanted >= low) & (wanted < high))  # NaN is outside too
    if outside.any():
        raise InputError(
            f"times: expected times within the follow-up of the people evaluated, {low:g} <= t < {high:g}, "
            f"got {wanted[outside][0]:g}"
        )
    return wanted


def per_person(
    person: Sequence[Hashable] | NDArray[Any], time: ArrayLike, event: ArrayLike, risk: ArrayLike
) -> tuple[NDArray[Any], Floats, Events, Floats]:
    """One row a person: labels (sorted), time, event, and the mean of the person's risk scores.

    Refused (InputError): one person with two different outcomes, lengths that differ.

    >>> per_person(["b", "a", "b"], [5, 7, 5], [1, 0, 1], [0.25, 0.5, 0.75])[3].tolist()
    [0.5, 0.5]
    """
    times, events = check_outcomes(time, event)
    scores = check_risk(risk, times.size)
    labels = np.asarray(person)
    if labels.shape != times.shape:
        raise InputError(f"person: expected one for each of {times.size} rows, got shape {labels.shape}")
    names, first, codes = np.unique(labels, return_index=True, return_inverse=True)
    differs = (times != times[first][codes]) | (events != events[first][codes])
    if differs.any():
        raise InputError(f"person: expected one outcome a person, {labels[differs][0]} has several")
    return names, times[first], events[first], np.bincount(codes, scores) / np.bincount(codes)


def _number(values: ArrayLike, name: str) -> Floats:
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name}: expected numbers: {error}") from error


def _column(values: ArrayLike, name: str) -> Floats:
    column = _number(values, name)
    if column.ndim != 1:
        raise InputError(f"{name}: expected one value a row, got shape {column.shape}")
    if not np.isfinite(column).all():
        raise InputError(f"{name}: expected finite numbers, got {column[~np.isfinite(column)][0]}")
    return column
