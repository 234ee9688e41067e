"""Whether a hazard ratio stays the same over time: the test of Grambsch and Therneau."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from vultus.errors import InputError
from vultus.survival.columns import check_covariates
from vultus.survival.cox import CoxFit
from vultus.survival.kaplan_meier import kaplan_meier
from vultus.survival.outcomes import Floats, check_outcomes
from vultus.survival.partial_likelihood import PartialLikelihood
from vultus.survival.tails import chi_square_tail

__all__ = ["Proportionality", "proportionality"]


@dataclass(frozen=True, slots=True, eq=False)
class Proportionality:
    """Chi-square (one degree) and p of each covariate, (p,)."""

    names: tuple[str, ...]
    statistic: Floats
    p: Floats
    transform: str


def proportionality(
    fit: CoxFit, x: ArrayLike, time: ArrayLike, event: ArrayLike, *, transform: Literal["rank", "km"] = "rank"
) -> Proportionality:
    """Correlate scaled Schoenfeld residuals with time; small p: the ratio changes over time.

    x, time, event: the rows the model was fitted on. transform: time as the rank of the event
    (tied events ranked in the order of the rows) or as 1 - Kaplan-Meier. This is the
    approximate test of 1994, as in lifelines and in R's survival before version 3; newer R
    does a score test and gives other figures. Refused (InputError): rows other than those of
    the fit. Source: Grambsch and Therneau, Biometrika 81 (1994).
    """
    times, events = check_outcomes(time, event, some_event=True)
    rows, _ = check_covariates(x, fit.names)
    if (len(rows), times.size, int(events.sum())) != (fit.people, fit.people, fit.events):
        raise InputError(f"expected the {fit.people} rows that the model was fitted on, got {len(rows)}")
    likelihood = PartialLikelihood(rows - fit.means, times, events, fit.ties)
    residuals = likelihood.terms(fit.coef).schoenfeld
    rising = np.lexsort((likelihood.event_rows, times[likelihood.event_rows]))
    if transform == "rank":
        clock = np.arange(1.0, fit.events + 1)
    elif transform == "km":
        clock = 1 - kaplan_meier(times, events).at(times[likelihood.event_rows][rising])
    else:
        raise InputError(f"transform: expected rank or km, got {transform!r}")
    clock = clock - clock.mean()
    if not clock.any():
        raise InputError("expected events at different times to see a change over time, all are at one")
    scaled = fit.events * residuals[rising] @ fit.covariance
    statistic = (clock @ scaled) ** 2 / (fit.events * np.diag(fit.covariance) * (clock @ clock))
    return Proportionality(
        fit.names, statistic, np.array([chi_square_tail(value, 1) for value in statistic.tolist()]), transform
    )
