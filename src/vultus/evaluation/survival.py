"""How good predicted risks are: order, order at given times, and whether probabilities come true.

Research figures of a score over a group of people: no diagnosis and no ground for a decision
about anybody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError
from vultus.survival import (
    Brier,
    Calibration,
    Concordance,
    DynamicAuc,
    KaplanMeier,
    LogRank,
    brier,
    calibration,
    censoring,
    concordance,
    dynamic_auc,
    kaplan_meier,
    logrank,
    per_person,
    uno_concordance,
)

__all__ = ["SurvivalReport", "evaluate"]

FEW_PEOPLE = 30

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class SurvivalReport:
    """All figures of one risk score."""

    people: int
    events: int
    followed: float  # the longest time
    harrell: Concordance
    uno: Concordance | None  # None: no weight stands for the events before tau
    times: tuple[float, ...]
    auc: DynamicAuc | None
    brier: dict[float, Brier]  # by time, where probabilities were given
    null_brier: dict[float, Brier]  # of the Kaplan-Meier curve of everybody: to be beaten
    calibration: dict[float, Calibration]
    curves: dict[str, KaplanMeier]  # by group; one curve of everybody without groups
    logrank: LogRank | None
    caveats: tuple[str, ...]


def evaluate(
    time: Floats,
    event: NDArray[np.bool_],
    risk: Floats,
    *,
    times: Sequence[float] | None = None,
    tau: float | None = None,
    train: tuple[Floats, NDArray[np.bool_]] | None = None,
    predicted: Mapping[float, Floats] | None = None,
    groups: Sequence[Any] | None = None,
    people: Sequence[Any] | None = None,
) -> SurvivalReport:
    """Evaluate a risk score (n,), higher = worse.

    times: where AUC is wanted; quartiles of the event times if None. tau: only events before it
    count for Uno's C; the last of the times if None. train: time and event of the training set,
    from which the weights for censoring come; without it they come from the people evaluated,
    which is a caveat. predicted: by time, the probability of the event by then, (n,). people:
    several rows of one are brought to one, with the mean of their scores (no groups or
    probabilities then). Refused (InputError): as `vultus.survival.check_outcomes`, no event.
    """
    said = []
    if people is not None:
        if groups is not None or predicted:
            raise InputError("expected one row a person where groups or probabilities are given; take out `person`")
        rows = len(time)
        names, time, event, risk = per_person(people, time, event, risk)
        if len(names) < rows:
            said.append(f"{rows:,} rows of {len(names):,} people: each counts once, with the mean of their scores")
    if not np.any(event):
        raise InputError(f"expected at least one event, all {len(time)} people are censored")
    weights = censoring(*(train or (time, event)))
    if train is None:
        said.append("no training set: the weights for censoring come from the people evaluated")
    wanted = _times(time, event, times)
    order = concordance(time, event, risk)
    limit = tau if tau is not None else (wanted[-1] if wanted else None)
    uno = None
    try:
        uno = uno_concordance(time, event, risk, weights, tau=limit)
    except InputError as error:
        said.append(f"no Uno's C: {error}")
    auc = None
    if wanted:
        try:
            auc = dynamic_auc(time, event, risk, wanted, weights)
        except InputError as error:
            said.append(f"no AUC over time: {error}")
    else:
        said.append("no time with an event before and somebody followed beyond: no AUC over time")
    scores, null, calibrated = {}, {}, {}
    overall = kaplan_meier(time, event)
    for at, probability in sorted((predicted or {}).items()):
        scores[at] = brier(time, event, 1 - probability, at, weights)
        null[at] = brier(time, event, np.full(len(time), float(overall.at(at))), at, weights)
        try:
            calibrated[at] = calibration(time, event, probability, at)
        except InputError as error:
            said.append(f"no calibration at {at:g}: {error}")
    curves, test = {"everybody": overall}, None
    if groups is not None:
        labels = np.asarray(groups)
        curves = {str(name): kaplan_meier(time[labels == name], event[labels == name]) for name in np.unique(labels)}
        if len(curves) > 1:
            test = logrank(time, event, labels)
        said += [f"{name}: {int(curve.at_risk[0])} people are too few to say much" for name, curve in curves.items()
                 if curve.at_risk[0] < FEW_PEOPLE]  # fmt: skip
    if np.ptp(risk) == 0:
        said.append(f"every risk is {risk[0]:g}: it orders nobody, and C is 1/2 by definition")
    said += [*order.caveats, *(sentence for each in calibrated.values() for sentence in each.caveats)]
    return SurvivalReport(
        people=len(time),
        events=int(np.sum(event)),
        followed=float(np.max(time)),
        harrell=order,
        uno=uno,
        times=tuple(wanted),
        auc=auc,
        brier=scores,
        null_brier=null,
        calibration=calibrated,
        curves=curves,
        logrank=test,
        caveats=tuple(dict.fromkeys(said)),
    )


def _times(time: Floats, event: NDArray[np.bool_], times: Sequence[float] | None) -> list[float]:
    if times is not None:
        return sorted(set(times))
    quartiles = np.unique(np.quantile(time[event], [0.25, 0.5, 0.75], method="inverted_cdf"))
    return [float(at) for at in quartiles if time.min() <= at < time.max()]
