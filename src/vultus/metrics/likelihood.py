"""How much more likely a score is between two pictures of one person than of two people.

A log-likelihood ratio (LLR, natural logarithm) is ln p(score | one person) / p(score | two
people). It says what the score is worth whatever the prior odds are; a threshold at LLR t is
right for prior odds of exp(-t). Cllr is its cost in bits: 0 is perfect, 1 is what a matcher
costs that always says LLR 0, and above 1 the LLRs mislead. minCllr is the least that any rising
function of the scores could reach, and the difference is lost to calibration alone.

NaN stands for a comparison that gave no score: it says nothing (LLR 0, one bit) and stays in
the denominator. Source: Brümmer and du Preez, Computer Speech and Language 20 (2006).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError

__all__ = [
    "Line",
    "Steps",
    "cllr",
    "isotonic",
    "logistic",
    "min_cllr",
    "pool_adjacent_violators",
]

Values = NDArray[np.floating[Any]]  # (n,)

_PASSES = 3  # over all blocks at once, after which few are left to go through one by one


@dataclass(frozen=True, slots=True)
class Line:
    """LLR = slope * score + offset."""

    slope: float
    offset: float

    def llr(self, scores: Values) -> NDArray[np.float64]:
        """LLR of scores, (n,); NaN stays NaN."""
        return self.slope * np.asarray(scores, dtype=np.float64) + self.offset


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """LLR constant on stretches of score, straight between them, flat beyond the ends.

    -inf where only strangers were seen, +inf where only pairs of one person were; between such
    a stretch and the next the LLR is that of the finite side.
    """

    low: NDArray[np.float64]  # (k,), lowest score of each stretch, rising
    high: NDArray[np.float64]  # (k,), highest
    values: NDArray[np.float64]  # (k,), LLR, rising

    def llr(self, scores: Values) -> NDArray[np.float64]:
        """LLR of scores, (n,); NaN stays NaN."""
        asked = np.asarray(scores, dtype=np.float64)
        finite = np.isfinite(self.values)
        if finite.any():
            edges = np.stack([self.low[finite], self.high[finite]], axis=1).ravel()
            found = np.interp(asked, edges, np.repeat(self.values[finite], 2))
        else:
            found = np.where(np.isnan(asked), np.nan, 0.0)  # the gap between two certainties says nothing
        if self.values[0] == -np.inf:
            found = np.where(asked <= self.high[0], -np.inf, found)
        if self.values[-1] == np.inf:
            found = np.where(asked >= self.low[-1], np.inf, found)
        return found


def cllr(genuine: Values, impostor: Values) -> float:
    """Cost of LLRs in bits: the mean over both kinds of log2(1 + exp(-LLR)) and log2(1 + exp(LLR)).

    genuine, impostor: LLRs, natural logarithm, shape (n,) and (m,). An infinite LLR on the wrong
    side costs infinitely much. Refused (InputError): none of one kind.

    >>> cllr(np.array([0.0]), np.array([0.0]))
    1.0
    """
    mates, others = _both(genuine, impostor)
    costs = (np.logaddexp(0, -_silent(mates)).mean(), np.logaddexp(0, _silent(others)).mean())
    return float(sum(costs) / (2 * math.log(2)))


def min_cllr(genuine: Values, impostor: Values) -> float:
    """The least Cllr that a rising function of these scores reaches (by `isotonic`).

    genuine, impostor: scores or LLRs; a higher one must mean more alike. The two infinite ends
    cost nothing, since nothing of the other kind lies there.

    >>> min_cllr(np.array([2.0, 3.0]), np.array([0.0, 1.0]))
    0.0
    """
    mates, others = _both(genuine, impostor)
    if np.isnan(mates).all() or np.isnan(others).all():
        return 1.0
    fit = isotonic(mates, others)
    return cllr(_at_edges(fit, mates), _at_edges(fit, others))


def isotonic(
    genuine: Values,
    impostor: Values,
    *,
    genuine_weights: Values | None = None,
    impostor_weights: Values | None = None,
) -> Steps:
    """The rising function of the score that costs least on these very scores.

    Equal scores share a stretch; adjacent stretches are pooled until the LLR rises (pool adjacent
    violators). Both kinds weigh the same, however many there are. Where only one kind was seen
    the LLR is infinite: that is what these scores say, and not what one should claim of others
    (`evidence.LikelihoodRatio` is bounded). Refused (InputError): no score of one kind.
    Source: Zadrozny and Elkan, KDD 2002; Brümmer and du Preez 2006.

    >>> isotonic(np.array([0.2, 0.6, 0.8]), np.array([0.1, 0.4])).values.round(2).tolist()
    [-inf, -0.41, inf]
    """
    mates, others = _both(genuine, impostor)
    ours = _weights(genuine_weights, mates)
    theirs = _weights(impostor_weights, others)
    scores = np.concatenate([mates, others])
    seen = ~np.isnan(scores)
    if not seen[: mates.size].any() or not seen[mates.size :].any():
        raise InputError("expected scores of both kinds, got NaN alone for one")
    # Shares of all comparisons, those without a score included: they cost a bit and cannot be helped.
    weights = np.concatenate([ours / ours.sum(), theirs / theirs.sum()])
    levels, place = np.unique(scores[seen], return_inverse=True)
    total = np.bincount(place, weights[seen]).astype(np.float64)
    same = np.bincount(place, np.where(np.arange(scores.size) < mates.size, weights, 0.0)[seen])
    kept = total > 0
    levels, total, same = levels[kept], total[kept], same[kept]
    fitted = pool_adjacent_violators(same / total, total)
    starts = np.flatnonzero(np.diff(fitted, prepend=-1.0))
    ends = np.append(starts[1:], fitted.size) - 1
    with np.errstate(divide="ignore"):
        values = np.log(np.add.reduceat(same, starts)) - np.log(np.add.reduceat(total - same, starts))
    return Steps(levels[starts], levels[ends], values)


def pool_adjacent_violators(values: Values, weights: Values | None = None) -> NDArray[np.float64]:
    """The rising sequence nearest to `values` in weighted squares, (n,).

    weights: above 0, (n,); all alike where None. Refused (InputError): weights that do not fit.
    Source: Ayer and others, Annals of Mathematical Statistics 26 (1955).

    >>> pool_adjacent_violators(np.array([1.0, 3.0, 2.0, 4.0])).tolist()
    [1.0, 2.5, 2.5, 4.0]
    """
    means = np.asarray(values, dtype=np.float64)
    mass = np.ones(means.shape) if weights is None else np.asarray(weights, dtype=np.float64)
    if means.ndim != 1 or mass.shape != means.shape or not (mass > 0).all():
        raise InputError(f"expected values (n,) with weights above 0, got shapes {means.shape} and {mass.shape}")
    if not means.size:
        return means
    sizes = np.ones(means.size, dtype=np.int64)
    for _ in range(_PASSES):  # what falls ends in one block, so that every falling run is pooled at once
        starts = np.flatnonzero(np.append(True, means[1:] > means[:-1]))
        if starts.size == means.size:
            return np.repeat(means, sizes)
        sums = np.add.reduceat(means * mass, starts)
        mass, sizes = np.add.reduceat(mass, starts), np.add.reduceat(sizes, starts)
        means = sums / mass
    blocks: list[tuple[float, float, int]] = []
    for mean, weight, size in zip(means.tolist(), mass.tolist(), sizes.tolist(), strict=True):
        while blocks and blocks[-1][0] >= mean:
            before, heavy, length = blocks.pop()
            mean = (before * heavy + mean * weight) / (heavy + weight)
            weight, size = weight + heavy, size + length
        blocks.append((mean, weight, size))
    return np.repeat([mean for mean, _, _ in blocks], [size for _, _, size in blocks])


def logistic(
    genuine: Values,
    impostor: Values,
    *,
    prior: float = 0.5,
    genuine_weights: Values | None = None,
    impostor_weights: Values | None = None,
) -> Line:
    """The straight line from scores to LLRs that costs least, by prior-weighted logistic regression.

    Minimises prior * mean ln(1 + exp(-LLR - t)) over pairs of one person plus (1 - prior) * mean
    ln(1 + exp(LLR + t)) over pairs of two, t = ln(prior / (1 - prior)); at one half that is Cllr.
    NaN is left out. Refused (InputError): a prior outside 0 to 1, no scores of one kind, constant
    scores, and kinds that do not overlap, through which no best line goes.
    Source: Brümmer and du Preez 2006; Newton's method.
    """
    if not 0 < prior < 1:
        raise InputError(f"expected a prior between 0 and 1, got {prior}")
    mates, others = _both(genuine, impostor)
    ours, theirs = _weights(genuine_weights, mates), _weights(impostor_weights, others)
    ours, theirs = ours * np.isfinite(mates), theirs * np.isfinite(others)
    mates, ours = mates[ours > 0], ours[ours > 0]
    others, theirs = others[theirs > 0], theirs[theirs > 0]
    if not mates.size or not others.size:
        raise InputError("expected finite scores of both kinds, got none of one")
    if mates.min() >= others.max() or others.min() >= mates.max():
        raise InputError("expected scores that overlap, a single score parts the kinds here; use method isotonic")
    scores = np.concatenate([mates, others])
    weights = np.concatenate([prior * ours / ours.sum(), (1 - prior) * theirs / theirs.sum()])
    sign = np.concatenate([np.ones(mates.size), -np.ones(others.size)])
    centre, scale = float(weights @ scores), float(scores.std())
    design = np.stack([(scores - centre) / scale, np.ones(scores.size)])  # (2, n)
    shift = math.log(prior / (1 - prior))
    line = np.zeros(2)
    cost = _cross_entropy(line, design, sign, weights, shift)
    for _ in range(100):
        wrong = _sigmoid(-sign * (line @ design + shift))
        gradient = -design @ (weights * sign * wrong)
        hessian = (design * (weights * wrong * (1 - wrong))) @ design.T
        step = np.linalg.solve(hessian, gradient)
        size = 1.0
        while True:  # a whole step may overshoot far from the minimum
            trial = line - size * step
            lower = _cross_entropy(trial, design, sign, weights, shift)
            if lower <= cost or size < 1e-10:
                break
            size /= 2
        done = cost - lower <= 1e-15 * cost
        line, cost = trial, lower
        if done:
            break
    return Line(float(line[0] / scale), float(line[1] - line[0] * centre / scale))


def _cross_entropy(
    line: NDArray[np.float64],
    design: NDArray[np.float64],
    sign: NDArray[np.float64],
    weights: NDArray[np.float64],
    shift: float,
) -> float:
    return float(weights @ np.logaddexp(0, -sign * (line @ design + shift)))


def _sigmoid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.exp(-np.logaddexp(0, -values)))


def _silent(llrs: NDArray[np.float64]) -> NDArray[np.float64]:
    """NaN says nothing: LLR 0."""
    return np.where(np.isnan(llrs), 0.0, llrs)


def _at_edges(fit: Steps, scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values of scores that the fit was made of, NaN kept; no interpolation to round them."""
    found = fit.values[np.minimum(np.searchsorted(fit.high, scores), fit.high.size - 1)]
    return np.where(np.isnan(scores), np.nan, found)


def _both(genuine: Values, impostor: Values) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    mates, others = np.asarray(genuine, dtype=np.float64), np.asarray(impostor, dtype=np.float64)
    if mates.ndim != 1 or others.ndim != 1 or not mates.size or not others.size:
        raise InputError(f"expected comparisons (n,) of both kinds, got shapes {mates.shape} and {others.shape}")
    return mates, others


def _weights(weights: Values | None, scores: NDArray[np.float64]) -> NDArray[np.float64]:
    found = np.ones(scores.shape) if weights is None else np.asarray(weights, dtype=np.float64)
    if found.shape != scores.shape or not (found >= 0).all() or not found.sum() > 0:
        raise InputError(f"expected a weight of 0 or more for each of {scores.size} scores, not all 0")
    return found
