"""From scores of known people to log-likelihood ratios, and what these cost on other people.

`fit` makes the model that the product ships: a rising table, bounded to what the development
data can show, with an interval from resampling people. `cross_fit` and `cost` say how good such
LLRs are on people who had no part in them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError
from vultus.metrics.evidence import LikelihoodRatio
from vultus.metrics.intervals import SubjectBootstrap, clopper_pearson
from vultus.metrics.likelihood import Line, Steps, Values, cllr, isotonic, logistic, min_cllr
from vultus.metrics.verification import auc, threshold_at_fmr, threshold_at_fnmr

__all__ = ["Cost", "Method", "cost", "cross_fit", "fit"]

Method = Literal["isotonic", "logistic"]
People = Sequence[Any] | NDArray[Any]  # (n,), the person on one side of each comparison

_FEWEST = 30  # comparisons of each kind, the rule of 30
_FEWEST_PEOPLE = 20
_BINS = 4096  # of score, for the resampled fits: a ten-thousandth of the range of a cosine is no matter
_POINTS = 17  # of a straight line's table, for its interval


@dataclass(frozen=True, slots=True)
class Cost:
    """What LLRs cost on comparisons: bits, with a 95 % interval from resampling people."""

    cllr: float
    low: float
    high: float
    min_cllr: float
    people: int
    genuine: int
    impostors: int

    @property
    def loss(self) -> float:
        """Bits lost to calibration alone."""
        return self.cllr - self.min_cllr


def fit(
    scores: Values,
    same: NDArray[np.bool_],
    first: People,
    second: People,
    *,
    method: Method = "isotonic",
    data: str,
    date: str,
    replicates: int = 200,
    seed: int = 0,
) -> LikelihoodRatio:
    """Calibrate LLRs on development comparisons.

    scores, same: (n,), NaN left out. first, second: the person on each side. Both kinds weigh the
    same, however many there are. isotonic follows the data; logistic is a straight line, which a
    few wrong labels can tilt. Refused (InputError): fewer than 20 people or 30 comparisons of a
    kind, constant or infinite scores, distances (a lower score more alike), kinds that do not overlap
    under logistic.
    """
    values, truth, left, right = _checked(scores, same, first, second)
    people = np.unique(np.concatenate([left, right]))
    if people.size < _FEWEST_PEOPLE or min(truth.sum(), (~truth).sum()) < _FEWEST:
        raise InputError(
            f"expected {_FEWEST_PEOPLE} people and {_FEWEST} comparisons of each kind with a score, got {people.size} "
            f"people, {truth.sum()} comparisons of one person and {(~truth).sum()} of two"
        )
    if values.min() == values.max():
        raise InputError("expected scores that differ, they are all the same")
    if auc(values[truth], values[~truth]) < 0.5:
        raise InputError("expected a higher score for more alike, got the reverse; give distances with a minus sign")
    best = _best(values, truth, method)
    independent = _independent(values, truth, left, right, seed)
    least, most = -math.log(max(independent[0] / 3, 1.0)), math.log(max(independent[1] / 3, 1.0))
    knots = _knots(best, values, least, most)
    # Interpolating between two equal values may round below them.
    table = np.maximum.accumulate(np.clip(best.llr(knots), least, most))
    drawn = np.stack(
        [
            np.clip(found.llr(knots), least, most)
            for found in _resampled_fits(values, truth, left, right, method, replicates, seed)
        ]
        or [table]
    )
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    return LikelihoodRatio(
        method=method,
        scores=tuple(knots.tolist()),
        llrs=tuple(table.tolist()),
        low=tuple(np.minimum(np.maximum.accumulate(low), table).tolist()),
        high=tuple(np.maximum(np.maximum.accumulate(high), table).tolist()),
        people=int(people.size),
        genuine=int(truth.sum()),
        impostors=int((~truth).sum()),
        independent_genuine=independent[0],
        independent_impostors=independent[1],
        data=data,
        date=date,
    )


def cost(
    llrs: Values, same: NDArray[np.bool_], first: People, second: People, *, replicates: int = 200, seed: int = 0
) -> Cost:
    """Cllr and minCllr of LLRs (n,), and how far Cllr would move with other people.

    NaN counts as LLR 0. minCllr has no interval: it is refitted to the very comparisons. Refused
    (InputError): none of one kind, lengths that do not fit.
    """
    values, truth, left, right = _checked(llrs, same, first, second, keep=True)
    codes = np.unique(np.concatenate([left, right]), return_inverse=True)[1].reshape(2, -1)
    whole = cllr(values[truth], values[~truth])
    bits = np.logaddexp(0, np.where(truth, -1, 1) * np.where(np.isnan(values), 0.0, values)) / math.log(2)
    found = []
    for weights in _weights(codes[0], codes[1], replicates, seed):
        mates, others = weights * truth, weights * ~truth
        if mates.any() and others.any():
            found.append((mates @ bits / mates.sum() + others @ bits / others.sum()) / 2)
    low, high = np.quantile(found, [0.025, 0.975]) if found else (math.nan, math.nan)
    return Cost(
        whole,
        min(float(low), whole),
        max(float(high), whole),
        min_cllr(values[truth], values[~truth]),
        int(codes.max()) + 1,
        int(truth.sum()),
        int((~truth).sum()),
    )


def cross_fit(
    scores: Values,
    same: NDArray[np.bool_],
    first: People,
    second: People,
    *,
    method: Method = "isotonic",
    folds: int = 5,
    shuffled: bool = False,
    seed: int = 0,
) -> Cost:
    """Cost of LLRs whose people had no part in their model: for choosing a method.

    People are dealt into folds; comparisons within a fold are scored by a fit to the comparisons
    among all the others, and those across folds belong to neither. shuffled: deal the labels out
    anew first, a control that must cost about one bit. Refused (InputError): as `fit`, or a fold
    without one of the kinds.
    """
    values, truth, left, right = _checked(scores, same, first, second)
    rng = np.random.default_rng(seed)
    people, codes = np.unique(np.concatenate([left, right]), return_inverse=True)
    if people.size < _FEWEST_PEOPLE or not 2 <= folds <= people.size:
        raise InputError(f"expected {_FEWEST_PEOPLE} people and two or more folds, got {people.size} and {folds}")
    if shuffled:
        truth = rng.permutation(truth)
    dealt = (rng.permutation(people.size) % folds)[codes].reshape(2, -1)
    llrs = np.full(values.shape, np.nan)
    for fold in range(folds):
        inside, outside = (dealt == fold).all(axis=0), (dealt != fold).all(axis=0)
        mates, others = truth & outside, ~truth & outside
        if min(mates.sum(), others.sum()) < _FEWEST or not inside.any():
            raise InputError(f"expected {_FEWEST} comparisons of each kind outside each fold; take fewer folds")
        found = _best(values[outside], truth[outside], method)
        # Counts, since what is independent among them is not worth its time here.
        least, most = -math.log(mates.sum() / 3), math.log(others.sum() / 3)
        llrs[inside] = np.clip(found.llr(values[inside]), least, most)
    scored = ~np.isnan(llrs)
    return cost(llrs[scored], truth[scored], left[scored], right[scored], seed=seed)


def _best(
    values: Values, truth: NDArray[np.bool_], method: Method, weights: NDArray[np.float64] | None = None
) -> Line | Steps:
    if method not in ("isotonic", "logistic"):
        raise InputError(f"expected method isotonic or logistic, got {method!r}")
    function = isotonic if method == "isotonic" else logistic
    if weights is None:
        return function(values[truth], values[~truth])
    return function(values[truth], values[~truth], genuine_weights=weights[truth], impostor_weights=weights[~truth])


def _knots(best: Line | Steps, values: NDArray[np.float64], least: float, most: float) -> NDArray[np.float64]:
    """Scores of the table: the ends of the stretches, or from bound to bound of the line."""
    if isinstance(best, Steps):
        return np.unique(np.concatenate([best.low, best.high]))
    if best.slope <= 0:  # labels that say nothing, as good as
        return np.array([values.min(), values.max()])
    return np.linspace((least - best.offset) / best.slope, (most - best.offset) / best.slope, _POINTS)


def _independent(
    values: NDArray[np.float64], truth: NDArray[np.bool_], left: NDArray[Any], right: NDArray[Any], seed: int
) -> tuple[float, float]:
    """As many independent comparisons of each kind as would give an interval as short as people do.

    Looked at where 30 or more comparisons are on the wrong side; there the resampled interval and
    the exact one are compared.
    """
    counts = []
    for kind, share in ((truth, 0.05), (~truth, 1e-3)):
        n, found = int(kind.sum()), values[kind]
        share = max(_FEWEST / n, share)
        if kind is truth:
            wrong = found < threshold_at_fnmr(found, min(share, 1.0))
        else:
            wrong = found >= threshold_at_fmr(found, min(share, 1.0))
        resampled = SubjectBootstrap(left[kind], right[kind], replicates=400, seed=seed).rate(wrong)
        exact = clopper_pearson(resampled.k, n)
        counts.append(n * ((exact.high - exact.low) / (resampled.high - resampled.low)) ** 2)
    return counts[0], counts[1]


def _resampled_fits(
    values: NDArray[np.float64],
    truth: NDArray[np.bool_],
    left: NDArray[Any],
    right: NDArray[Any],
    method: Method,
    replicates: int,
    seed: int,
) -> Iterator[Line | Steps]:
    """Fits to people drawn with replacement, on binned scores."""
    codes = np.unique(np.concatenate([left, right]), return_inverse=True)[1].reshape(2, -1)
    lowest, width = values.min(), float(np.ptp(values)) / _BINS
    bins = np.minimum(((values - lowest) / width).astype(np.int64), _BINS - 1)
    cells = bins + _BINS * ~truth
    sums = np.bincount(cells, values, 2 * _BINS)
    means = sums / np.maximum(np.bincount(cells, minlength=2 * _BINS), 1)
    genuine = np.arange(2 * _BINS) < _BINS
    for weights in _weights(codes[0], codes[1], replicates, seed):
        mass = np.bincount(cells, weights, 2 * _BINS).astype(np.float64)
        if not mass[genuine].any() or not mass[~genuine].any():
            continue
        try:
            yield _best(means, genuine, method, mass)
        except InputError:  # drawn so that the kinds do not overlap: no line goes through
            continue


def _weights(
    left: NDArray[np.intp], right: NDArray[np.intp], replicates: int, seed: int
) -> Iterator[NDArray[np.float64]]:
    """Weights of the comparisons when people are drawn with replacement, as `SubjectBootstrap` draws them."""
    people = int(max(left.max(), right.max())) + 1
    rng = np.random.default_rng(seed)
    own = left == right
    for _ in range(replicates):
        drawn = rng.multinomial(people, np.full(people, 1 / people)).astype(np.float64)
        yield drawn[left] * np.where(own, 1.0, drawn[right])


def _checked(
    scores: Values, same: NDArray[np.bool_], first: People, second: People, *, keep: bool = False
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[Any], NDArray[Any]]:
    values, truth = np.asarray(scores, dtype=np.float64), np.asarray(same, dtype=bool)
    left, right = np.asarray(first), np.asarray(second)
    if values.ndim != 1 or not values.shape == truth.shape == left.shape == right.shape:
        raise InputError(
            f"expected a score, a truth and two people a comparison, got shapes {values.shape}, {truth.shape}, "
            f"{left.shape} and {right.shape}"
        )
    if truth.all() or not truth.any():
        raise InputError(f"expected comparisons of both kinds, got {int(truth.sum())} of one person of {truth.size}")
    if keep:
        return values, truth, left, right
    if np.isinf(values).any():
        raise InputError("expected finite scores, some are infinite")
    seen = ~np.isnan(values)
    return values[seen], truth[seen], left[seen], right[seen]
