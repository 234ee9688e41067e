"""One against many with strangers: enrol some pictures, search with the rest, and with others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.datasets.lfw import OpenSet
from vultus.errors import InputError
from vultus.evaluation.extraction import Failure, Progress, Reader, embed_pictures
from vultus.metrics.identification import best_scores, fuse_max, missed, threshold_at_fpir
from vultus.metrics.intervals import SubjectBootstrap, clopper_pearson
from vultus.operating import OperatingTable
from vultus.types import OperatingPoint, Rate

__all__ = ["Control", "OpenSetReport", "OpenSetResult", "Realised", "evaluate", "evaluate_vectors"]


@dataclass(frozen=True, slots=True)
class Realised:
    """What the product does with these people at its own threshold, set on other people."""

    point: OperatingPoint
    fpir: Rate
    fnir: Rate


@dataclass(frozen=True, slots=True)
class Control:
    """FNIR where nothing can be found: near 1, or the figures beside it mean nothing."""

    name: str
    fnir: Rate


@dataclass(frozen=True, slots=True)
class OpenSetResult:
    """Figures over random splits of each person's pictures into gallery and probes.

    Rates count every split; their intervals come from resampling people, and are no
    shorter than one split alone would allow.
    """

    templates: int  # pictures enrolled a person
    splits: int
    people: int
    probes: int  # mate searches in a split
    strangers: int  # non-mate searches in a split
    fpir: float  # the rate at which the threshold is set on the strangers themselves
    thresholds: tuple[float, ...]  # of each split
    fnir: Rate  # at these thresholds
    rank_one: Rate  # mate searches with the right person first, whatever the score
    realised: Realised | None  # None: no table was given
    controls: tuple[Control, ...]


@dataclass(frozen=True, slots=True)
class OpenSetReport:
    """Results by number of templates, and the pictures that gave no embedding."""

    results: tuple[OpenSetResult, ...]
    pictures: int
    failures: tuple[Failure, ...]


def evaluate(
    data: OpenSet,
    reader: Reader,
    *,
    table: OperatingTable | None = None,
    templates: Sequence[int] = (1, 5),
    splits: int = 10,
    fpir: float = 0.01,
    seed: int = 0,
    progress: Progress | None = None,
) -> OpenSetReport:
    """Open-set identification on pictures by person and strangers, as `lfw.open_set` gives."""
    known = [(name, path) for name, each in data.people.items() for path in each]
    unknown = [(name, path) for name, each in data.strangers.items() for path in each]
    found = embed_pictures([path for _, path in [*known, *unknown]], reader, progress)
    results = evaluate_vectors(
        found.vectors[: len(known)],
        np.array([name for name, _ in known]),
        found.vectors[len(known) :],
        np.array([name for name, _ in unknown]),
        table=table,
        templates=templates,
        splits=splits,
        fpir=fpir,
        seed=seed,
    )
    return OpenSetReport(results, len(found.vectors), found.failures)


def evaluate_vectors(
    vectors: NDArray[np.float32],
    people: NDArray[Any],
    strangers: NDArray[np.float32],
    stranger_people: NDArray[Any],
    *,
    table: OperatingTable | None = None,
    templates: Sequence[int] = (1, 5),
    splits: int = 10,
    fpir: float = 0.01,
    seed: int = 0,
) -> tuple[OpenSetResult, ...]:
    """The same from embeddings, (n, D) and (m, D) unit rows, NaN where a picture failed.

    A failed picture is never enrolled; as a probe it is a miss, as a stranger it is unknown
    and stays in the denominator. Refused (InputError): nobody or no strangers, a person who
    is both, a person without a picture left to search with.
    """
    if not len(vectors) or not len(strangers) or len(vectors) != len(people) or len(strangers) != len(stranger_people):
        raise InputError(f"expected people and strangers with a name each, got {len(vectors)} and {len(strangers)}")
    if both := sorted(set(people.tolist()) & set(stranger_people.tolist())):
        raise InputError(f"expected strangers to be strangers, but {both[0]!r} is enrolled")
    if splits < 1 or any(count < 1 for count in templates):
        raise InputError(f"expected at least one split and one template, got {splits} and {tuple(templates)}")
    names, codes = np.unique(people, return_inverse=True)
    return tuple(
        _result(vectors, codes, len(names), strangers, stranger_people, table, count, splits, fpir, seed)
        for count in templates
    )


def _result(
    vectors: NDArray[np.float32],
    codes: NDArray[np.intp],
    people: int,
    strangers: NDArray[np.float32],
    stranger_people: NDArray[Any],
    table: OperatingTable | None,
    templates: int,
    splits: int,
    fpir: float,
    seed: int,
) -> OpenSetResult:
    rng = np.random.default_rng([seed, templates])
    point = None if table is None else table.identify(fpir, [templates] * people)
    noise = rng.normal(size=vectors.shape).astype(np.float32)
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    thresholds, misses, behind, refused, shuffled, random, named, whose = [], [], [], [], [], [], [], []
    for _ in range(splits):
        enrolled = _enrolled(vectors, codes, people, templates, rng)
        probes = np.setdiff1d(np.arange(len(vectors)), enrolled)
        mates, owners = codes[probes], codes[enrolled]
        scores = fuse_max(vectors[probes] @ vectors[enrolled].T, owners, people)
        non_mates = fuse_max(strangers @ vectors[enrolled].T, owners, people)
        thresholds.append(threshold_at_fpir(non_mates, fpir))
        whose.append(mates)
        misses.append(missed(scores, mates, thresholds[-1]))
        behind.append(~missed(scores, mates, -math.inf))
        shuffled.append(missed(scores, rng.permutation(mates), thresholds[-1]))
        random.append(missed(fuse_max(noise[probes] @ noise[enrolled].T, owners, people), mates, thresholds[-1]))
        if point is not None:
            refused.append(missed(scores, mates, point.threshold))
            named.append(best_scores(non_mates) >= point.threshold)
    subjects = np.array(whose)
    realised = None
    if point is not None:
        realised = Realised(
            point,
            _over_splits(np.array(named), np.tile(stranger_people, (splits, 1)), seed),
            _over_splits(np.array(refused), subjects, seed),
        )
    return OpenSetResult(
        templates=templates,
        splits=splits,
        people=people,
        probes=subjects.shape[1],
        strangers=len(strangers),
        fpir=fpir,
        thresholds=tuple(thresholds),
        fnir=_over_splits(np.array(misses), subjects, seed),
        rank_one=_over_splits(np.array(behind), subjects, seed),
        realised=realised,
        controls=(
            Control("labels shuffled", _over_splits(np.array(shuffled), subjects, seed)),
            Control("random vectors", _over_splits(np.array(random), subjects, seed)),
        ),
    )


def _enrolled(
    vectors: NDArray[np.float32], codes: NDArray[np.intp], people: int, templates: int, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Rows of the gallery: `templates` pictures with a face of each person, drawn at random."""
    present = np.isfinite(vectors).all(axis=1)
    drawn = []
    for who in range(people):
        rows = np.flatnonzero((codes == who) & present)
        if rows.size < templates or (codes == who).sum() <= templates:
            raise InputError(f"expected more than {templates} pictures of each person, one has {rows.size} with a face")
        drawn.append(rng.permutation(rows)[:templates])
    return np.concatenate(drawn)


def _over_splits(events: NDArray[np.bool_], subjects: NDArray[Any], seed: int) -> Rate:
    """Rate over all splits, (splits, trials); as sure as one split, since all have the same people."""
    splits, trials = events.shape
    k = int(events.sum())
    resampled = SubjectBootstrap(subjects.ravel(), subjects.ravel(), seed=seed).rate(events.ravel())
    low, high = clopper_pearson(k // splits, trials).low, clopper_pearson(-(-k // splits), trials).high
    return Rate(k, events.size, min(low, resampled.low), max(high, resampled.high))
