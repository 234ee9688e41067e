"""Does the risk tell who has the event by a time t from who is followed beyond it.

Cases had the event at or before t and weigh 1 / G(t_i); controls were followed beyond t.
Scores within 1e-8 of each other count one half. Source: Uno et al., JASA 102 (2007); Hung
and Chiang, Canadian Journal of Statistics 38 (2010).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vultus.errors import InputError
from vultus.survival.concordance import TIED_RISK
from vultus.survival.counting import running
from vultus.survival.kaplan_meier import Censoring, kaplan_meier
from vultus.survival.outcomes import Floats, check_horizons, check_outcomes, check_risk
from vultus.survival.resampling import DEFAULT_BOOTSTRAP, Bootstrap, ratio
from vultus.types import Estimate

__all__ = ["DynamicAuc", "dynamic_auc"]


@dataclass(frozen=True, slots=True, eq=False)
class DynamicAuc:
    """Area under the ROC curve at each time, and its mean over time."""

    times: Floats  # (k,), sorted, each once
    auc: Floats  # (k,)
    low: Floats
    high: Floats
    cases: NDArray[np.int64]  # (k,), people with the event by then
    controls: NDArray[np.int64]  # (k,), people followed beyond
    mean: Estimate  # weighted by the fall of the test set's own survival between the times


def dynamic_auc(
    time: ArrayLike,
    event: ArrayLike,
    risk: ArrayLike,
    times: ArrayLike,
    censoring: Censoring,
    *,
    bootstrap: Bootstrap = DEFAULT_BOOTSTRAP,
) -> DynamicAuc:
    """Cumulative/dynamic AUC at times; censoring: G of the training set.

    Times are sorted and each taken once. In the bootstrap the survival that weights the mean
    is the test set's own and stays. Refused (InputError): as `check_outcomes`, `check_risk`
    and `check_horizons`, a time with no case or no control, G of 0.

    >>> from vultus.survival.kaplan_meier import censoring
    >>> time, event = [1, 2, 3, 4], [1, 1, 1, 1]
    >>> dynamic_auc(time, event, [4, 1, 2, 0], [2], censoring(time, event)).auc.tolist()
    [0.75]
    """
    followed, events = check_outcomes(time, event)
    scores = check_risk(risk, followed.size)
    wanted = np.unique(check_horizons(times, followed))
    counted = events & (followed <= wanted[-1])
    weights = np.zeros(followed.size)
    weights[counted] = 1 / censoring.at(followed[counted])
    cases = np.array([int((events & (followed <= t)).sum()) for t in wanted])
    if not cases.all():
        raise InputError(f"times: expected an event by each time, got none by {wanted[np.argmin(cases)]:g}")
    pairs = [_AtTime(followed, weights, scores, t) for t in wanted]
    fall = -np.diff(kaplan_meier(followed, events).at(wanted), prepend=1.0)

    def both(people: Floats) -> Floats:
        areas = np.stack([pair.auc(people) for pair in pairs], axis=-1)
        return np.concatenate([areas, (areas * fall).sum(axis=-1, keepdims=True) / fall.sum()], axis=-1)

    values = both(np.ones((1, followed.size)))[0]
    low, high = bootstrap.interval(both, followed.size)
    return DynamicAuc(
        wanted,
        values[:-1],
        low[:-1],
        high[:-1],
        cases,
        np.array([int((followed > t).sum()) for t in wanted]),
        Estimate(float(values[-1]), float(low[-1]), float(high[-1]), followed.size),
    )


class _AtTime:
    """Cases against controls at one time."""

    def __init__(self, followed: Floats, weights: Floats, scores: Floats, t: float) -> None:
        self._cases = np.flatnonzero((weights > 0) & (followed <= t))
        others = np.flatnonzero(followed > t)
        self._controls = others[np.argsort(scores[others], kind="stable")]
        levels, mine = scores[self._controls], scores[self._cases]
        self._below = np.searchsorted(levels, mine - TIED_RISK, side="left")
        self._upto = np.searchsorted(levels, mine + TIED_RISK, side="right")
        self._weights = weights[self._cases]

    def auc(self, people: Floats) -> Floats:
        weight = self._weights * people[..., self._cases]
        sums = running(people[..., self._controls])
        # Shares first: of equal scores each is then exactly one half, and so is their mean.
        won = ratio(sums[..., self._below] + sums[..., self._upto], 2 * sums[..., -1:])
        return ratio((weight * won).sum(axis=-1), weight.sum(axis=-1))
