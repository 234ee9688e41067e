"""Measure how false positives grow with the gallery, on development people.

Three questions, each answered by the people who have the pictures for it: how much more
often do m templates of a person match a stranger than one (`overlap`), how unevenly do
matches fall on strangers (`clumping`), and how much likelier does a mean of several
pictures match than one (`pooling`). `vultus.operating` holds the formula that they fill.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.operating import Growth, Pooling

__all__ = ["LEVELS", "People", "grouped", "growth", "pooling", "possible", "searches"]

# Rates at which growth is looked at: from where every gallery matters down to where data end.
LEVELS = (3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5)
TEMPLATES = (1, 2, 3, 5, 10)
GALLERIES = (5, 10, 20, 50, 100, 200, 400, 800, 1600)

_MOST_PICTURES = 6000  # whose scores take 144 MB
_FEWEST_PEOPLE = 10  # with m pictures each, to say anything about m
_FEWEST_HITS = 30  # the rule of 30
_STEEPEST = 1 / math.log(100)  # of overlap x decay: keeps S rising with F up to 100 templates


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """Every score among pictures that are sorted by person."""

    scores: NDArray[np.float32]  # (n, n), cosine of unit embeddings
    codes: NDArray[np.intp]  # (n,), person of each row, 0 to people - 1, rising
    first: NDArray[np.intp]  # (people,), first row of each person
    pictures: NDArray[np.intp]  # (people,)

    def rows(self, who: int | np.intp) -> NDArray[np.intp]:
        """The rows of one person."""
        return np.arange(self.first[who], self.first[who] + self.pictures[who])


def grouped(vectors: NDArray[np.float32], people: NDArray[Any], seed: int = 0) -> People:
    """Compare everybody with everybody, or as many people, drawn at random, as 6,000 pictures hold."""
    names, codes, counts = np.unique(people, return_inverse=True, return_counts=True)
    drawn = np.random.default_rng(seed).permutation(len(names))
    taken = np.zeros(len(names), dtype=bool)
    taken[drawn[np.cumsum(counts[drawn]) <= _MOST_PICTURES]] = True
    rows = np.argsort(codes, kind="stable")
    rows = rows[taken[codes[rows]]]
    _, first, dense, pictures = np.unique(codes[rows], return_index=True, return_inverse=True, return_counts=True)
    return People(vectors[rows] @ vectors[rows].T, dense, first, pictures)


def searches(
    known: People, size: int, templates: int, galleries: int, rng: np.random.Generator
) -> Iterator[NDArray[np.float32]]:
    """Best-template scores (strangers, size) of random galleries; everybody else searches with one picture."""
    counts = known.pictures
    eligible = np.flatnonzero(counts >= templates)
    for _ in range(galleries):
        enrolled = rng.permutation(eligible)[:size]
        strangers = np.setdiff1d(np.arange(counts.size), enrolled)
        gallery = np.concatenate([rng.permutation(known.rows(who))[:templates] for who in enrolled])
        probes = known.first[strangers] + rng.integers(0, counts[strangers])
        scores = known.scores[np.ix_(probes, gallery)]
        yield scores.reshape(len(probes), size, templates).max(axis=2)


def possible(known: People, sizes: tuple[int, ...] = GALLERIES) -> list[tuple[int, int]]:
    """The (people, templates) of galleries that these people can fill, leaving a quarter as strangers."""
    counts = known.pictures
    return [
        (size, templates)
        for templates in TEMPLATES
        for size in sizes
        if size <= (counts >= templates).sum() and size <= 0.75 * counts.size
    ]


def growth(known: People, thresholds: NDArray[np.float64], rates: NDArray[np.float64], seed: int) -> Growth:
    """Fit the formula of `vultus.operating`.

    thresholds, rates: scores with the false match rates that they stand for, (k,).
    """
    overlap, decay, templates = _overlap(known, thresholds, rates)
    return Growth(_clumping(known, thresholds, np.random.default_rng(seed)), overlap, decay, templates)


def pooling(known: People, thresholds: NDArray[np.float64], rates: NDArray[np.float64], seed: int) -> Pooling | None:
    """How the mean of five pictures of a person matches strangers, against those pictures alone.

    None where fewer than ten people have five pictures. The pictures are separate photos;
    frames of one track are more alike, so that their mean moves less.
    """
    pictures = 5
    rng = np.random.default_rng(seed)
    counts = known.pictures
    having = np.flatnonzero(counts >= pictures)
    if having.size < _FEWEST_PEOPLE:
        return None
    single, pooled = np.zeros(len(thresholds)), np.zeros(len(thresholds))
    for who in having:
        others = np.flatnonzero(known.codes != who)
        weight = 1 / counts[known.codes[others]]  # every stranger counts once
        for _ in range(20):
            own = rng.permutation(known.rows(who))[:pictures]
            scores = known.scores[np.ix_(own, others)]
            length = math.sqrt(known.scores[np.ix_(own, own)].mean())  # of the mean embedding
            scores = np.vstack([scores, scores.mean(axis=0) / length])
            share = np.stack([(scores >= threshold) @ weight for threshold in thresholds])  # (k, pictures + 1)
            single += share[:, :pictures].mean(axis=1)
            pooled += share[:, pictures]
    seen = single / 20 >= _FEWEST_HITS / 3  # a third: each is the mean of five pictures, and ratios are pooled
    if seen.sum() < 2:
        return None
    ratio, steps = np.log(pooled[seen] / single[seen]), np.log(rates[seen])
    slope, offset = np.polyfit(steps, ratio, 1, w=np.sqrt(single[seen]))
    slope = float(np.clip(-slope, 0.0, 0.5))
    offset = float(np.average(ratio + slope * steps, weights=single[seen]))
    return Pooling(math.exp(offset), slope, pictures, int(having.size))


def _overlap(known: People, thresholds: NDArray[np.float64], rates: NDArray[np.float64]) -> tuple[float, float, int]:
    """Fit b = 1 - overlap * F ** decay to how much more often m templates match than one.

    Exact for random templates: where j of a person's q pictures reach the threshold, m of
    them hold at least one such with chance 1 - C(q - j, m) / C(q, m).
    """
    counts = known.pictures
    steps: list[float] = []
    exponents: list[float] = []
    weights: list[float] = []
    most = 1
    for templates in (m for m in TEMPLATES if m > 1 and (counts >= m).sum() >= _FEWEST_PEOPLE):
        most = templates
        one, several = np.zeros(len(thresholds)), np.zeros(len(thresholds))
        for who in np.flatnonzero(counts >= templates):
            others = np.flatnonzero(known.codes != who)
            weight = 1 / counts[known.codes[others]]
            scores = known.scores[np.ix_(known.rows(who), others)]
            q = int(counts[who])
            none = np.array([math.comb(q - j, templates) / math.comb(q, templates) for j in range(q + 1)])
            for level, threshold in enumerate(thresholds):
                hits = (scores >= threshold).sum(axis=0)
                one[level] += (hits / q) @ weight
                several[level] += (1 - none[hits]) @ weight
        seen = one >= _FEWEST_HITS
        steps.extend(rates[seen])
        exponents.extend(np.log(several[seen] / one[seen]) / math.log(templates))
        weights.extend(np.sqrt(one[seen]) * math.log(templates))
    if len(steps) < 2:
        return 0.0, 0.1, 1  # not measurable: m templates count as m times the risk
    return (*_power_law(np.array(steps), 1 - np.array(exponents), np.array(weights)), most)


def _power_law(
    rates: NDArray[np.float64], shortfall: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[float, float]:
    """Least squares for shortfall = overlap * rate ** decay, within 0..1 and the steepest allowed."""

    def overlap(decay: float) -> float:
        curve = rates**decay
        return float(np.clip((weights * curve) @ shortfall / ((weights * curve) @ curve), 0, min(1, _STEEPEST / decay)))

    def misfit(decay: float) -> float:
        return float(weights @ (shortfall - overlap(decay) * rates**decay) ** 2)

    decay = min(np.geomspace(0.01, 1, 200).tolist(), key=misfit)
    return overlap(decay), decay


def _clumping(known: People, thresholds: NDArray[np.float64], rng: np.random.Generator) -> float:
    """Fit FPIR = 1 - (1 + S / clumping) ** -clumping to the candidates S and FPIR of random galleries."""
    expected: list[float] = []
    named: list[float] = []
    weights: list[float] = []
    for size, templates in possible(known):
        hits, candidates, total = np.zeros(len(thresholds)), np.zeros(len(thresholds)), 0
        for scores in searches(known, size, templates, max(5, 400 // size), rng):
            best = scores.max(axis=1)
            candidates += [np.count_nonzero(scores >= threshold) for threshold in thresholds]
            hits += [np.count_nonzero(best >= threshold) for threshold in thresholds]
            total += len(scores)
        seen = (hits >= _FEWEST_HITS) & (hits < total)
        expected.extend(candidates[seen] / total)
        named.extend(hits[seen] / total)
        # A cell with ten times the galleries has not ten times the strangers.
        weights.extend([min(total, len(known.pictures))] * int(seen.sum()))
    if not expected:
        return math.inf
    mean, share, weight = np.array(expected), np.array(named), np.array(weights)

    def deviance(log_clumping: float) -> float:
        clumping = math.exp(log_clumping)
        untouched = -clumping * np.log1p(mean / clumping)
        return float(-weight @ (share * np.log(-np.expm1(untouched)) + (1 - share) * untouched))

    return math.exp(_lowest(deviance, math.log(0.05), math.log(1000)))


def _lowest(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a function with one valley is lowest, by the golden section."""
    golden = (math.sqrt(5) - 1) / 2
    while high - low > 1e-6:
        left, right = high - golden * (high - low), low + golden * (high - low)
        if function(left) < function(right):
            high = right
        else:
            low = left
    return (low + high) / 2
