"""Which normalised score stands for which FPIR: simulated galleries of development people.

Each gallery is drawn anew from the development people, searched by everybody else with one
picture each, for adaptive S-norm after a cohort of others, a picture each, was set apart. Cohort,
gallery and strangers share nobody. A threshold holds for the gallery's size and templates, and
for the cohort's size and `top`, so all of them are recorded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.evaluation.growth import People
from vultus.metrics.cohort import adaptive_s_norm, gallery_t_norm
from vultus.metrics.identification import best_scores, threshold_at_fpir
from vultus.metrics.intervals import SubjectBootstrap, clopper_pearson
from vultus.metrics.normalised import Normalisation, NormalisedPoint
from vultus.types import Rate

__all__ = ["SIZES", "TARGETS", "TEMPLATES", "draws", "measure"]

TARGETS = (0.1, 0.03, 0.01)  # FPIR
TEMPLATES = (1, 2, 3, 5)
SIZES: dict[Normalisation, tuple[int, ...]] = {  # people; close where the threshold bends
    "t": (10, 14, 20, 30, 50, 100, 200, 400, 700),
    "s": (1, 5, 20, 50, 100, 200, 400),
}

_SEEDS = 5
_GALLERIES = 10  # a seed
_COHORT = 200  # people; a cohort of half as many needs another threshold
_FEWEST_COHORT = 20
_FEWEST_NAMED = 30  # different strangers, the rule of 30
_STRANGERS = 0.25  # of all people, at least


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """One simulated gallery: the best normalised score of each stranger's search."""

    strangers: NDArray[np.intp]  # (searches,), who
    best: NDArray[np.float64]  # (searches,)


def measure(known: People, seed: int) -> tuple[NormalisedPoint, ...]:
    """Thresholds of both methods at every size and template count that these people can fill.

    A threshold at which fewer than 30 different strangers are named is left out, as is adaptive
    S-norm where a quarter of the people are fewer than 20.
    """
    people = known.pictures.size
    found = []
    cohort = min(_COHORT, people // 4)
    methods: list[tuple[Normalisation, int]] = [("t", 0)]
    methods += [("s", cohort)] if cohort >= _FEWEST_COHORT else []
    for method, apart in methods:
        for templates in TEMPLATES:
            most = min(int((known.pictures >= templates).sum()), int((1 - _STRANGERS) * people) - apart)
            for size in (size for size in SIZES[method] if size <= most):
                found += _points(known, method, size, templates, apart, seed)
    return tuple(found)


def draws(
    known: People,
    method: Normalisation,
    size: int,
    templates: int,
    *,
    cohort: int = 0,
    galleries: int = _GALLERIES,
    seed: int = 0,
) -> Iterator[Draw]:
    """Random galleries of `size` people with `templates` pictures each; everybody else is a stranger.

    cohort: people set apart before, for "s", of whom half are taken on each side.
    """
    counts = known.pictures
    eligible = np.flatnonzero(counts >= templates)
    rng = np.random.default_rng([seed, size, templates])
    for _ in range(galleries):
        enrolled = rng.permutation(eligible)[:size]
        others = rng.permutation(np.setdiff1d(np.arange(counts.size), enrolled))
        strangers = np.sort(others[cohort:])
        gallery = np.concatenate([rng.permutation(known.rows(who))[:templates] for who in enrolled])
        probes = _one_each(known, strangers, rng)
        scores = known.scores[np.ix_(probes, gallery)].astype(np.float64)
        if method == "s":
            apart = _one_each(known, others[:cohort], rng)
            beside, behind = known.scores[np.ix_(probes, apart)], known.scores[np.ix_(gallery, apart)]
            scores = adaptive_s_norm(scores, beside, behind, top=cohort // 2)
        fused = scores.reshape(len(probes), size, templates).max(axis=2)
        yield Draw(strangers, best_scores(gallery_t_norm(fused) if method == "t" else fused))


def _points(
    known: People, method: Normalisation, size: int, templates: int, cohort: int, seed: int
) -> list[NormalisedPoint]:
    """One cell: the threshold of each rate, from all seeds together."""
    by_seed = [list(draws(known, method, size, templates, cohort=cohort, seed=seed + step)) for step in range(_SEEDS)]
    every = [draw for drawn in by_seed for draw in drawn]
    best = np.concatenate([draw.best for draw in every])
    strangers = np.concatenate([draw.strangers for draw in every])
    resampled = SubjectBootstrap(strangers, strangers, seed=seed)
    found = []
    for target in TARGETS:
        threshold = _threshold(best, target)
        named = best >= threshold
        if np.unique(strangers[named]).size < _FEWEST_NAMED:
            break  # nor at lower rates
        apart = [_threshold(np.concatenate([draw.best for draw in drawn]), target) for drawn in by_seed]
        found.append(
            NormalisedPoint(
                method=method,
                people=size,
                templates=templates,
                target=target,
                threshold=threshold,
                observed=_no_surer_than_one(resampled.rate(named), len(every[0].strangers)),
                galleries=len(every),
                spread=float(np.std(apart, ddof=1)),
                cohort=cohort,
                top=cohort // 2,
            )
        )
    return found


def _one_each(known: People, people: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.intp]:
    """A random picture of each."""
    return np.asarray(known.first[people] + rng.integers(0, known.pictures[people]))


def _threshold(best: NDArray[np.float64], target: float) -> float:
    return threshold_at_fpir(best[:, None], target)


def _no_surer_than_one(rate: Rate, searches: Any) -> Rate:
    """The interval of one gallery at least, whose strangers the others share."""
    one = clopper_pearson(round(rate.value * searches), searches)
    return Rate(rate.k, rate.n, min(rate.low, one.low), max(rate.high, one.high))
