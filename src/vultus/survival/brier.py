"""How far predicted survival probabilities are from what happened: Brier score over time.

BS(t) = mean of S_i(t)^2 / G(t_i) over events by t and (1 - S_i(t))^2 / G(t) over people
followed beyond t; people censored before t enter through the weights of the others. 0 is
perfect; a model must beat the Kaplan-Meier curve of everybody, which knows nothing of the
person. Source: Graf et al., Statistics in Medicine 18 (1999).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from vultus.errors import InputError
from vultus.survival.kaplan_meier import Censoring
from vultus.survival.outcomes import Floats, check_horizons, check_outcomes
from vultus.survival.resampling import DEFAULT_BOOTSTRAP, Bootstrap
from vultus.types import Estimate

__all__ = ["Brier", "Curves", "brier", "integrated_brier"]

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """Predicted survival: a row a person, a column a time. Estimates for research, not about one person."""

    times: Floats  # (k,), rising
    probabilities: Floats  # (n, k), falling along a row

    @property
    def falls_with_risk(self) -> bool:
        """Higher is better here, so that nothing which expects risk scores takes it."""
        return True


@dataclass(frozen=True, slots=True, eq=False)
class Brier:
    """Brier score at each time."""

    times: Floats  # (k,)
    score: Floats  # (k,), 0 to about 1, lower = better
    low: Floats
    high: Floats
    people: int


def brier(
    time: ArrayLike,
    event: ArrayLike,
    survival: Curves | ArrayLike,
    times: ArrayLike,
    censoring: Censoring,
    *,
    bootstrap: Bootstrap = DEFAULT_BOOTSTRAP,
) -> Brier:
    """Brier score at times; censoring: G of the training set.

    survival: probability of no event by each time, (n, k), or (n,) for one time. Refused
    (InputError): as `check_outcomes` and `check_horizons`, times that do not rise, another
    shape, values outside 0 to 1, rows that rise with time (those are risks), G of 0.

    >>> from vultus.survival.kaplan_meier import censoring
    >>> time, event = [1, 2, 3, 4], [1, 1, 1, 1]
    >>> brier(time, event, [0.0, 0.5, 1.0, 1.0], 2, censoring(time, event)).score.tolist()
    [0.0625]
    """
    wanted, losses = _losses(time, event, survival, times, censoring)
    low, high = bootstrap.interval(lambda people: people @ losses / people.sum(axis=-1)[:, None], len(losses))
    return Brier(wanted, losses.mean(axis=0), low, high, len(losses))


def integrated_brier(
    time: ArrayLike,
    event: ArrayLike,
    survival: Curves | ArrayLike,
    times: ArrayLike,
    censoring: Censoring,
    *,
    bootstrap: Bootstrap = DEFAULT_BOOTSTRAP,
) -> Estimate:
    """Mean Brier score between the first and the last time, by the trapezoid rule.

    Refused (InputError): as `brier`, fewer than two times.
    """
    wanted, losses = _losses(time, event, survival, times, censoring)
    if wanted.size < 2:
        raise InputError("times: expected at least two times to integrate over, got one")
    own = np.trapezoid(losses, wanted, axis=1) / (wanted[-1] - wanted[0])
    low, high = bootstrap.interval(lambda people: people @ own / people.sum(axis=-1), own.size)
    return Estimate(float(own.mean()), float(low), float(high), own.size)


def _losses(
    time: ArrayLike, event: ArrayLike, survival: Curves | ArrayLike, times: ArrayLike, censoring: Censoring
) -> tuple[Floats, Floats]:
    """Each person's part of the score, (n, k)."""
    followed, events = check_outcomes(time, event)
    wanted = check_horizons(times, followed)
    if not (np.diff(wanted) > 0).all():
        raise InputError("times: expected rising times, each once, a column of survival for each")
    predicted = _probabilities(survival, followed.size, wanted)
    dead = events[:, None] & (followed[:, None] <= wanted)
    alive = followed[:, None] > wanted
    early = events & (followed <= wanted[-1])
    own = np.ones(followed.size)
    own[early] = censoring.at(followed[early])
    now = censoring.at(wanted)
    return wanted, np.where(dead, predicted**2 / own[:, None], np.where(alive, (1 - predicted) ** 2 / now, 0.0))


def _probabilities(survival: Curves | ArrayLike, n: int, times: Floats) -> Floats:
    if isinstance(survival, Curves):
        if not np.array_equal(survival.times, times):
            raise InputError("survival: expected curves at the times of the evaluation, they were made at others")
        survival = survival.probabilities
    values = np.asarray(survival, dtype=np.float64)
    if values.ndim == 1 and times.size == 1:
        values = values[:, None]
    if values.shape != (n, times.size):
        raise InputError(
            f"survival: expected a row a person and a column a time, ({n}, {times.size}), got {values.shape}"
        )
    if not ((values >= 0) & (values <= 1)).all():
        raise InputError("survival: expected probabilities from 0 to 1; risk scores are no probabilities")
    if (np.diff(values, axis=1) > _ROUNDING).any():
        raise InputError(
            "survival: expected probabilities of no event, which fall with time; these rise: hand over 1 - p"
        )
    return values
