"""Cox's proportional hazards model: how a covariate multiplies the hazard.

Coefficients are figures of a group under the model's assumptions. Curves that a fit predicts
are research estimates: no diagnosis, and no ground for a decision about a person.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from vultus.errors import InputError
from vultus.survival.brier import Curves
from vultus.survival.columns import check_covariates, refuse_unfit
from vultus.survival.life_table import last_at
from vultus.survival.outcomes import Floats, check_outcomes
from vultus.survival.partial_likelihood import PartialLikelihood, Terms, Ties
from vultus.survival.tails import chi_square_tail, quantile, two_sided

__all__ = ["Baseline", "Cox", "CoxFit", "LikelihoodRatio", "likelihood_ratio"]

_STEPS = 50
_HALVINGS = 40
_SMALL = 1e-9  # a step in units of one standard deviation
_FLAT = 1e-8  # share of the information at 0 below which a likelihood is taken to have no maximum


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """Cumulative hazard and survival of somebody with the mean of every covariate, (k,) each."""

    time: Floats  # event times, rising
    hazard: Floats
    survival: Floats
    last: float  # end of follow-up


@dataclass(frozen=True, slots=True)
class LikelihoodRatio:
    """Twice the gain in log-likelihood, against chi-square."""

    statistic: float
    degrees: int
    p: float


@dataclass(frozen=True, slots=True, eq=False)
class CoxFit:
    """A fitted model, (p,) unless said otherwise."""

    names: tuple[str, ...]
    coef: Floats  # change in log hazard a unit of the covariate
    se: Floats  # from the inverse information, the penalty included
    covariance: Floats  # (p, p)
    means: Floats  # of the covariates, where the baseline stands
    loglik: float  # partial, without the penalty
    loglik_null: float
    baseline: Baseline
    ties: Ties
    ridge: float
    people: int
    events: int
    iterations: int

    @property
    def hazard_ratio(self) -> Floats:
        """The factor of the hazard a unit of the covariate."""
        return np.asarray(np.exp(self.coef))

    @property
    def z(self) -> Floats:
        """Wald statistics."""
        return np.asarray(self.coef / self.se)

    @property
    def p(self) -> Floats:
        """Wald p-values, two-sided."""
        return np.array([two_sided(z) for z in self.z.tolist()])

    def interval(self, confidence: float = 0.95) -> tuple[Floats, Floats]:
        """Wald interval of the coefficients; its exponential is that of the hazard ratios."""
        half = quantile(confidence) * self.se
        return self.coef - half, self.coef + half

    def lr_test(self) -> LikelihoodRatio:
        """This model against none. Refused (InputError): a ridge fit, whose gain is not chi-square."""
        _without_ridge(self)
        return _ratio(self.loglik - self.loglik_null, len(self.coef))

    def risk(self, x: ArrayLike) -> Floats:
        """Log hazard against the mean person, (n,), higher = worse. Refused (InputError): another number of columns."""
        rows = check_covariates(x, self.names)[0]
        return np.asarray((rows - self.means) @ self.coef)

    def survival(self, x: ArrayLike, times: ArrayLike) -> Curves:
        """Predicted survival of each row at times, rising; research estimates, not about one person.

        Refused (InputError): as `risk`, times that do not rise or lie beyond follow-up.
        """
        wanted = np.atleast_1d(np.asarray(times, dtype=np.float64))
        if wanted.ndim != 1 or not wanted.size or not (np.diff(wanted) > 0).all():
            raise InputError("times: expected rising times, each once")
        if not (wanted[0] >= 0 and wanted[-1] <= self.baseline.last):
            raise InputError(f"times: expected times within follow-up, 0 to {self.baseline.last:g}, got {wanted[-1]:g}")
        hazard = last_at(self.baseline.time, self.baseline.hazard, wanted, 0.0)
        return Curves(wanted, np.exp(-np.exp(self.risk(x))[:, None] * hazard))


@dataclass(frozen=True, slots=True)
class Cox:
    """How to fit: tied events after Efron or Breslow, ridge penalty ridge/2 |coef|^2.

    >>> fit = Cox(ties="breslow").fit([[1], [0], [1], [0]], [1, 2, 3, 4], [1, 1, 1, 0])
    >>> fit.coef.round(6).tolist()
    [0.940614]
    """

    ties: Ties = "efron"
    ridge: float = 0.0

    def fit(self, x: ArrayLike, time: ArrayLike, event: ArrayLike, *, names: Sequence[str] | None = None) -> CoxFit:
        """Maximise the partial likelihood by Newton's steps from 0, halved where they lose.

        x: (n, p) covariates; names: of its columns, for the answer and for refusals. Refused
        (InputError): as `check_outcomes`, no event, covariates that are no numbers; and, with
        the column's name and without ridge, a constant or collinear covariate and one that
        separates the events (its coefficient would be infinite).
        """
        if not (math.isfinite(self.ridge) and self.ridge >= 0):
            raise InputError(f"ridge: expected a penalty from 0, got {self.ridge}")
        times, events = check_outcomes(time, event, some_event=True)
        rows, labels = check_covariates(x, names)
        if len(rows) != times.size:
            raise InputError(f"covariates: expected a row for each of {times.size} times, got {len(rows)}")
        means = rows.mean(axis=0)
        centred = rows - means
        scale = np.sqrt((centred**2).mean(axis=0))
        scale[scale == 0] = 1.0
        scaled = centred / scale
        if not self.ridge:
            # Who left before the first event is in no risk set and says nothing.
            refuse_unfit(scaled[times >= times[events].min()], labels)
        likelihood = PartialLikelihood(scaled, times, events, self.ties)
        penalty = self.ridge / scale**2
        found, terms, steps = _newton(likelihood, penalty, labels)
        covariance = np.linalg.inv(terms.information + np.diag(penalty)) / np.outer(scale, scale)
        hazard = np.cumsum(terms.hazard[::-1])
        return CoxFit(
            labels,
            found / scale,
            np.sqrt(np.diag(covariance)),
            covariance,
            means,
            terms.loglik,
            likelihood.loglik(np.zeros(len(labels))),
            Baseline(likelihood.event_times[::-1], hazard, np.exp(-hazard), float(times.max())),
            self.ties,
            float(self.ridge),
            times.size,
            int(events.sum()),
            steps,
        )


def likelihood_ratio(smaller: CoxFit, larger: CoxFit) -> LikelihoodRatio:
    """Whether the larger of two nested models on the same people says more than the smaller.

    Refused (InputError): models that are not nested, on other people, with other ties, with ridge.
    """
    _without_ridge(smaller, larger)
    extra = set(larger.names) - set(smaller.names)
    if not extra or not set(smaller.names) <= set(larger.names):
        raise InputError(f"expected nested models, got covariates {smaller.names} and {larger.names}")
    same = math.isclose(smaller.loglik_null, larger.loglik_null, rel_tol=1e-12)
    if not same or (smaller.people, smaller.ties) != (larger.people, larger.ties):
        raise InputError("expected two models of the same people and with the same ties")
    return _ratio(larger.loglik - smaller.loglik, len(extra))


def _newton(likelihood: PartialLikelihood, penalty: Floats, names: tuple[str, ...]) -> tuple[Floats, Terms, int]:
    """The best coefficients, the terms there, and the number of steps."""

    def height(coefficients: Floats) -> float:
        return likelihood.loglik(coefficients) - float(penalty @ coefficients**2) / 2

    at = np.zeros(penalty.size)
    best = height(at)
    start = likelihood.terms(at).information
    for steps in range(_STEPS):
        terms = likelihood.terms(at)
        bent = terms.information + np.diag(penalty)
        if not penalty.any():
            _refuse_flat(bent, start, names)
        step = np.linalg.solve(bent, terms.gradient - penalty * at)
        if np.abs(step).max() < _SMALL * max(1.0, np.abs(at).max()):
            return at, terms, steps
        for halving in range(_HALVINGS):
            now = height(at + step / 2**halving)
            if now >= best - 1e-12 * abs(best):
                at, best = at + step / 2**halving, now
                break
        else:
            break
    raise InputError(
        f"covariates: expected the likelihood of {', '.join(names)} to have a maximum, none was found; "
        "set ridge (say 1)"
    )


def _refuse_flat(bent: Floats, start: Floats, names: tuple[str, ...]) -> None:
    """Refuse a likelihood that no longer bends in some direction: it rises for ever along it."""
    root = np.linalg.cholesky(start)
    half = np.linalg.solve(root, bent)
    shares, directions = np.linalg.eigh(np.linalg.solve(root, half.T))
    if shares[0] > _FLAT:
        return
    along = np.abs(np.linalg.solve(root.T, directions[:, 0]))
    worst = [name for name, size in zip(names, along.tolist(), strict=True) if size >= 0.1 * along.max()]
    raise InputError(
        f"{', '.join(worst)}: expected a finite coefficient, but this separates those with the event from those at "
        "risk beside them, and the likelihood rises for ever; leave it out or set ridge (say 1)"
    )


def _without_ridge(*fits: CoxFit) -> None:
    if any(fit.ridge for fit in fits):
        raise InputError("expected a fit without ridge: a penalised gain in likelihood does not follow chi-square")


def _ratio(gain: float, degrees: int) -> LikelihoodRatio:
    statistic = max(2 * gain, 0.0)  # rounding of two equal likelihoods
    return LikelihoodRatio(statistic, degrees, chi_square_tail(statistic, degrees))
