"""One against many on a matrix of scores, or on folders of pictures that make one.

Every figure is at thresholds that the strangers of the test set themselves; with a table of
operating points the product's own threshold, set on other people, is tried beside them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.datasets.folders import GalleryProbes
from vultus.errors import InputError
from vultus.evaluation.extraction import Failure, Progress, Reader, embed_pictures
from vultus.evaluation.openset import Realised
from vultus.metrics.identification import best_scores, cmc, fuse_max, missed, ranks, threshold_at_fpir
from vultus.metrics.intervals import SubjectBootstrap, clopper_pearson
from vultus.operating import OperatingTable
from vultus.types import Estimate, OperatingPoint, Rate

__all__ = ["AtFpir", "SearchReport", "Searches", "Size", "evaluate_folders", "evaluate_searches", "growth"]

TARGETS = (1e-1, 1e-2, 1e-3)
RANKS = (1, 5, 10, 20)
_REPLICATES = 1000

Labels = Sequence[Any] | NDArray[Any]


@dataclass(frozen=True, slots=True)
class AtFpir:
    """The threshold that the strangers of the test set for a rate, and what it does."""

    target: float
    threshold: float
    fpir: Rate
    fnir: Rate | None  # None: nobody enrolled was searched for


@dataclass(frozen=True, slots=True)
class Size:
    """FPIR of one threshold against a random part of the gallery."""

    people: int
    fpir: Estimate


@dataclass(frozen=True, slots=True, eq=False)
class Searches:
    """Scores of searches against enrolled people, and who searched."""

    scores: NDArray[np.float64]  # (searches, people), NaN where there is none
    mates: NDArray[np.int64]  # (searches,), column of the right person; -1: a stranger
    people: tuple[str, ...]  # names of the columns
    who: Labels | None = None  # (searches,), the person of each search; None: not known for strangers
    templates: tuple[int, ...] | None = None  # enrolled pictures of each person
    pictures: int = 0
    failures: tuple[Failure, ...] = ()
    empty: tuple[str, ...] = ()  # people of the gallery without a template


@dataclass(frozen=True, slots=True, eq=False)
class SearchReport:
    """Identification figures; a search without a score is a miss, or names nobody."""

    people: int
    searches: int  # for people in the gallery
    strangers: int  # searches
    no_score: int
    at: tuple[AtFpir, ...]
    ranks: dict[int, Rate]  # within so many people, whatever the score
    cmc: NDArray[np.float64]  # (people,); empty without searches
    growth: tuple[Size, ...]  # at the threshold of `growth_target`
    growth_target: float
    realised: Realised | None  # the product's own threshold
    caveats: tuple[str, ...]


def evaluate_folders(data: GalleryProbes, reader: Reader, progress: Progress | None = None) -> Searches:
    """Enrol every picture of the gallery, search with every probe and stranger.

    Failed pictures are no template; as a probe they are a miss. Refused (InputError): a gallery
    whose pictures all failed.
    """
    parts = [[(name, path) for name, each in part.items() for path in each] for part in
             (data.gallery, data.probes, data.strangers)]  # fmt: skip
    found = embed_pictures([path for part in parts for _, path in part], reader, progress)
    ends = np.cumsum([len(part) for part in parts])
    enrolled, probes = found.vectors[: ends[0]], found.vectors[ends[0] :]
    names = tuple(data.gallery)
    place = {name: at for at, name in enumerate(names)}
    owners = np.array([place[name] for name, _ in parts[0]], dtype=np.int64)
    there = ~np.isnan(enrolled).any(axis=1)
    if not there.any():
        raise InputError(f"expected faces in the gallery, none of its {len(enrolled)} pictures gave one")
    templates = np.bincount(owners[there], minlength=len(names))
    searched = [*parts[1], *parts[2]]
    return Searches(
        scores=fuse_max(probes @ enrolled[there].T, owners[there], len(names)),
        mates=np.array([place[name] for name, _ in parts[1]] + [-1] * len(parts[2]), dtype=np.int64),
        people=names,
        who=[name for name, _ in searched],
        templates=tuple(templates.tolist()),
        pictures=len(found.vectors),
        failures=found.failures,
        empty=tuple(name for name, count in zip(names, templates, strict=True) if not count),
    )


def evaluate_searches(
    data: Searches,
    *,
    targets: Sequence[float] = TARGETS,
    fpir: float = 0.01,
    table: OperatingTable | None = None,
    seed: int = 0,
) -> SearchReport:
    """All figures of searches.

    fpir: the rate whose threshold is followed over gallery sizes, and the product's target; it is
    added to the targets. Refused (InputError): no searches, shapes that do not fit, a rate outside
    0 to 1.
    """
    scores, mates = np.asarray(data.scores, dtype=np.float64), np.asarray(data.mates)
    if scores.ndim != 2 or not scores.size or mates.shape != scores.shape[:1]:
        raise InputError(f"expected searches against people with a mate each, got {scores.shape} and {mates.shape}")
    known = mates >= 0
    ours, theirs, own = scores[known], scores[~known], mates[known]
    who = None if data.who is None else np.asarray(data.who)
    if who is not None and who.shape != mates.shape:
        raise InputError(f"expected who searches for each of {mates.size} searches, got {who.shape}")
    probers = own if who is None else who[known]
    named = best_scores(theirs)
    wanted = sorted({*targets, fpir}, reverse=True)
    at = []
    if theirs.size and not np.isnan(named).all():
        for target in wanted:
            threshold = threshold_at_fpir(theirs, target)
            misses = _rate(missed(ours, own, threshold), probers, seed) if own.size else None
            strangers = _rate(named >= threshold, None if who is None else who[~known], seed)
            at.append(AtFpir(target, threshold, strangers, misses))
    places = ranks(ours, own)
    realised = None
    if table is not None and data.templates is not None and own.size and len(theirs):
        realised = _realised(table.identify(fpir, data.templates), ours, own, probers, named, who, known, seed)
    chosen = next((each for each in at if each.target == fpir), None)
    return SearchReport(
        people=scores.shape[1],
        searches=int(known.sum()),
        strangers=int((~known).sum()),
        no_score=int(np.isnan(scores).all(axis=1).sum()),
        at=tuple(at),
        ranks={k: _rate(places <= k, probers, seed) for k in RANKS if k <= scores.shape[1]} if own.size else {},
        cmc=cmc(ours, own) if own.size else np.zeros(0),
        growth=growth(theirs, chosen.threshold, seed=seed) if chosen is not None else (),
        growth_target=fpir,
        realised=realised,
        caveats=_caveats(data, scores, known, wanted),
    )


def growth(strangers: NDArray[np.float64], threshold: float, *, seed: int = 0) -> tuple[Size, ...]:
    """FPIR at a fixed threshold against galleries of 1, 2, 5, 10, ... people out of these.

    strangers: scores (searches, people). Of a search that h of P people reach, a random gallery of
    n names somebody with probability 1 - C(P - h, n) / C(P, n): the mean over all galleries, not
    over some that were drawn. Intervals resample searches. Refused (InputError): no searches.

    >>> [round(size.fpir.value, 6) for size in growth(np.array([[0.9, 0.1], [0.2, 0.1]]), 0.5)]
    [0.25, 0.5]
    """
    values = np.asarray(strangers, dtype=np.float64)
    if values.ndim != 2 or not values.size:
        raise InputError(f"expected searches against people, got scores of shape {values.shape}")
    searches, people = values.shape
    hits, counts = np.unique((values >= threshold).sum(axis=1), return_counts=True)
    draws = np.random.default_rng(seed).multinomial(searches, counts / searches, size=_REPLICATES)
    found = []
    for size in _sizes(people):
        share = np.array([_named(int(h), people, size) for h in hits])
        value = float(share @ counts / searches)
        low, high = np.quantile(draws @ share / searches, [0.025, 0.975])
        k = value * searches
        least = clopper_pearson(min(math.floor(k), searches), searches).low
        most = clopper_pearson(min(math.ceil(k), searches), searches).high
        found.append(Size(size, Estimate(value, min(float(low), least), max(float(high), most), searches)))
    return tuple(found)


def _sizes(people: int) -> list[int]:
    steps = [digit * 10**power for power in range(len(str(people))) for digit in (1, 2, 5)]
    return [*(size for size in steps if size < people), people]


def _named(hits: int, people: int, size: int) -> float:
    if size > people - hits:
        return 1.0
    ways = [math.lgamma(n + 1) - math.lgamma(n - size + 1) for n in (people - hits, people)]
    return -math.expm1(ways[0] - ways[1])


def _realised(
    point: OperatingPoint,
    ours: NDArray[np.float64],
    own: NDArray[np.int64],
    probers: NDArray[Any],
    named: NDArray[np.float64],
    who: NDArray[Any] | None,
    known: NDArray[np.bool_],
    seed: int,
) -> Realised:
    return Realised(
        point,
        _rate(named >= point.threshold, None if who is None else who[~known], seed),
        _rate(missed(ours, own, point.threshold), probers, seed),
    )


def _rate(events: NDArray[np.bool_], people: NDArray[Any] | None, seed: int) -> Rate:
    if people is None or not events.size:
        return clopper_pearson(int(events.sum()), events.size)
    return SubjectBootstrap(people, people, seed=seed).rate(events)


def _caveats(
    data: Searches, scores: NDArray[np.float64], known: NDArray[np.bool_], targets: Sequence[float]
) -> tuple[str, ...]:
    strangers, said = int((~known).sum()), []
    lost = int(np.isnan(scores).all(axis=1).sum())
    if lost:
        said.append(f"{lost:,} of {len(scores):,} searches have no score: misses, or names of nobody")
    if data.empty:
        said.append(f"{len(data.empty)} people of the gallery gave no face and cannot be found")
    if not known.any():
        said.append("every search is a stranger's: there is no FNIR")
    if not strangers:
        said.append("no search is a stranger's: there is no FPIR, and closed-set ranks say nothing about strangers")
    said += [
        f"{strangers:,} strangers cannot show FPIR {target:g}: its threshold lies above them all"
        for target in targets
        if strangers and 0 < target < 1 / strangers
    ]
    there = scores[~np.isnan(scores)]
    if there.size > 1 and there.min() == there.max():
        said.append(f"every score is {there[0]:g}: no threshold tells anybody from a stranger")
    if data.who is None and strangers:
        said.append("who the strangers are is not known: their searches are taken for independent")
    return tuple(said)
