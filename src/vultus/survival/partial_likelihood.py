"""Cox's partial likelihood with its derivatives, tied events after Breslow or Efron.

At a time with d events Breslow divides by the risk-set sum S each time, Efron by S - l/d E
for l = 0..d-1, E the sum over those d. Everything is sums over people still at risk, so the
rows are ordered by falling time and summed once; no table of n x p x p is made. Sources:
Cox, JRSS B 34 (1972); Breslow, Biometrics 30 (1974); Efron, JASA 72 (1977).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError
from vultus.survival.outcomes import Events, Floats

__all__ = ["PartialLikelihood", "Terms", "Ties"]

_SMALLEST = 1e-290  # its inverse is still a number

Ties = Literal["efron", "breslow"]


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """The log-likelihood at one set of coefficients, and how it bends there."""

    loglik: float
    gradient: Floats  # (p,)
    information: Floats  # (p, p), minus the second derivative
    hazard: Floats  # (k,), step of the baseline hazard at each event time, for covariates of 0
    schoenfeld: (
        Floats  # (e, p), covariates of each event minus their mean over the risk set, in the order of `event_rows`
    )


class PartialLikelihood:
    """Outcomes and covariates put in order once; `terms` answers for any coefficients.

    x: (n, p). time, event: checked (`check_outcomes`). Refused (InputError): unknown ties.

    >>> x = np.array([[1.0], [0.0]])
    >>> PartialLikelihood(x, np.array([1.0, 2.0]), np.array([True, False])).terms(np.zeros(1)).gradient.tolist()
    [0.5]
    """

    def __init__(self, x: Floats, time: Floats, event: Events, ties: Ties = "efron") -> None:
        if ties not in ("efron", "breslow"):
            raise InputError(f"ties: expected efron or breslow, got {ties!r}")
        self._order = np.lexsort((np.arange(time.size), -time))
        self._x, falling, died = x[self._order], time[self._order], event[self._order]
        self._event = np.flatnonzero(died)
        self.event_rows: NDArray[np.intp] = self._order[self._event]  # by falling time, at one time as they came
        moments, code = np.unique(-falling[self._event], return_inverse=True)
        self.event_times: Floats = -moments  # (k,), falling
        self._moment = code
        self._last = np.searchsorted(-falling, moments, side="right") - 1  # the risk set is everybody up to here
        self._tied = np.bincount(code)
        first = np.concatenate([[0], np.cumsum(self._tied)])[:-1]
        self._fraction = (np.arange(code.size) - first[code]) / self._tied[code] * (ties == "efron")
        # The event times at which each person is at risk are those from this index on.
        self._from = np.searchsorted(moments, -falling, side="left")

    def risk(self, coefficients: Floats) -> Floats:
        """The linear predictor of each row in the order given, (n,)."""
        eta = np.empty(len(self._x))
        eta[self._order] = self._x @ coefficients
        return eta

    def loglik(self, coefficients: Floats) -> float:
        """The logarithm of the partial likelihood; -infinity where risks lie further apart than doubles reach."""
        eta = self._x @ coefficients
        shift = eta.max(initial=0.0)
        denominators = self._denominators(np.exp(eta - shift))
        if not (denominators > _SMALLEST).all():
            return -math.inf
        return float(eta[self._event].sum() - np.log(denominators).sum() - shift * self._event.size)

    def terms(self, coefficients: Floats) -> Terms:
        """The log-likelihood with both derivatives."""
        eta = self._x @ coefficients
        shift = eta.max(initial=0.0)
        r = np.exp(eta - shift)
        denominators = self._denominators(r)
        weighted = r[:, None] * self._x  # (n, p)
        sums = np.cumsum(weighted, axis=0)[self._last]  # (k, p)
        of_tied = np.zeros_like(sums)
        np.add.at(of_tied, self._moment, weighted[self._event])
        means = (sums[self._moment] - self._fraction[:, None] * of_tied[self._moment]) / denominators[:, None]
        inverse = np.bincount(self._moment, 1 / denominators)  # (k,)
        later = np.concatenate([np.cumsum(inverse[::-1])[::-1], [0.0]])  # (k + 1,), of this event time and earlier ones
        weight = r * later[self._from]
        weight[self._event] -= r[self._event] * np.bincount(self._moment, self._fraction / denominators)[self._moment]
        information = self._x.T @ (weight[:, None] * self._x) - means.T @ means
        spread = np.zeros_like(sums)
        np.add.at(spread, self._moment, means)
        residuals = self._x[self._event] - (spread / self._tied[:, None])[self._moment]
        return Terms(
            float(eta[self._event].sum() - np.log(denominators).sum() - shift * self._event.size),
            self._x[self._event].sum(axis=0) - means.sum(axis=0),
            (information + information.T) / 2,
            inverse * np.exp(-shift),
            residuals,
        )

    def _denominators(self, r: Floats) -> Floats:
        """The risk-set sum of each event, less the part that Efron takes off, (e,)."""
        tied = np.bincount(self._moment, r[self._event])
        return np.asarray(np.cumsum(r)[self._last][self._moment] - self._fraction * tied[self._moment])
