"""Normalised scores on pictures: each method at the test's own threshold, and the product at its own.

The first question is whether a method orders searches better, so every method gets the threshold
that the strangers of the test set. The second is what `identify` does with thresholds that other
people set, for the two methods that it offers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.datasets.lfw import OpenSet
from vultus.errors import InputError
from vultus.evaluation.cohort import CohortResult, Trial, compare, drawn_trials, fixed_trials, paired, rate_over_trials
from vultus.evaluation.extraction import Failure, Progress, Reader, embed_pictures
from vultus.metrics.cohort import adaptive_s_norm, gallery_t_norm
from vultus.metrics.identification import best_scores, fuse_max, missed
from vultus.operating import OperatingTable
from vultus.types import OperatingPoint, Rate

__all__ = ["AtPoint", "CohortReport", "Part", "at_points", "evaluate", "evaluate_vectors"]


@dataclass(frozen=True, slots=True)
class AtPoint:
    """What `identify` does at a threshold that other people set."""

    name: str
    point: OperatingPoint
    fpir: Rate
    fnir: Rate
    gain: float  # FNIR minus that of "none" at its own point, on the same searches
    gain_low: float  # 95 % interval by resampling people and splits together
    gain_high: float


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of gallery."""

    name: str  # "listed people", "drawn people"
    result: CohortResult
    product: tuple[AtPoint, ...]  # empty: no table, or one that was set on these very people


@dataclass(frozen=True, slots=True)
class CohortReport:
    """Every part, and the pictures that gave no embedding."""

    parts: tuple[Part, ...]
    pictures: int
    failures: tuple[Failure, ...]


def evaluate(
    data: OpenSet,
    others: dict[str, tuple[Any, ...]],
    reader: Reader,
    *,
    table: OperatingTable | None = None,
    templates: Sequence[int] = (1, 5),
    drawn: Sequence[int] = (),
    splits: int = 10,
    fpir: float = 0.01,
    top: int = 100,
    seed: int = 0,
    progress: Progress | None = None,
) -> CohortReport:
    """As `evaluate_vectors` on pictures by person: the open set, and the people of the cohort."""
    parts = [data.people, data.strangers, others]
    names = [np.array([name for name, each in part.items() for _ in each]) for part in parts]
    paths = [path for part in parts for each in part.values() for path in each]
    found = embed_pictures(paths, reader, progress)
    people, strangers, cohort = np.split(found.vectors, np.cumsum([len(each) for each in names])[:-1])
    made = evaluate_vectors(
        (people, names[0]),
        strangers,
        (cohort, names[2]),
        table=table,
        templates=templates,
        drawn=drawn,
        splits=splits,
        fpir=fpir,
        top=top,
        seed=seed,
    )
    return CohortReport(made, len(paths), found.failures)


def evaluate_vectors(
    people: tuple[NDArray[np.float32], NDArray[Any]],
    strangers: NDArray[np.float32],
    others: tuple[NDArray[np.float32], NDArray[Any]],
    *,
    table: OperatingTable | None = None,
    templates: Sequence[int] = (1, 5),
    drawn: Sequence[int] = (),
    splits: int = 10,
    fpir: float = 0.01,
    top: int = 100,
    seed: int = 0,
) -> tuple[Part, ...]:
    """Galleries of listed people against strangers, then random galleries of the others.

    people, others: embeddings (n, D) with their names (n,). The others are the cohort of the
    listed people, all pictures of theirs; the product takes one of each, as many as its table
    says. drawn: sizes of random galleries of the others, of whom the rest are strangers and cohort
    by halves; twice as many splits, since each holds other people. Refused (InputError): nobody,
    people who are on both sides, what `vultus.evaluation.cohort` refuses.
    """
    if not len(people[0]) or not len(strangers) or not len(others[0]):
        raise InputError("expected people, strangers and others for the cohort, at least one picture of each")
    if both := sorted(set(people[1].tolist()) & set(others[1].tolist())):
        raise InputError(f"expected a cohort of other people, but {len(both)} are enrolled, first {both[0]!r}")
    parts = []
    for each in templates:
        trials = list(fixed_trials(*people, strangers, others[0], templates=each, splits=splits, seed=seed))
        product = () if table is None else at_points(trials, _one_each(*others, seed), table, fpir=fpir, seed=seed)
        parts.append(Part("listed people", compare(trials, fpir=fpir, top=top, seed=seed), product))
    for size in drawn:
        random = drawn_trials(*others, size, splits=2 * splits, seed=seed)
        parts.append(Part("drawn people", compare(random, fpir=fpir, top=top, seed=seed), ()))
    return tuple(parts)


def at_points(
    trials: Iterable[Trial], cohort: NDArray[np.float32], table: OperatingTable, *, fpir: float = 0.01, seed: int = 0
) -> tuple[AtPoint, ...]:
    """The product's decisions without normalisation, by the gallery's T-norm and by adaptive S-norm.

    cohort: other people, a picture each, (n, D); the first of them as many as the table says. A
    method that the table has no threshold for (no measurement, another gallery size, a smaller
    cohort) is left out.
    """
    every = list(trials)
    if not every:
        raise InputError("expected trials, got none")
    points = {"none": table.identify(fpir, _templates(every[0]))}
    size = top = 0
    for name, method in (("gallery t-norm", "t"), ("adaptive s-norm", "s")):
        try:
            if method == "s":
                size, top = table.cohort_size()
            if size <= len(cohort):
                points[name] = table.identify_normalised(method, fpir, _templates(every[0]))  # type: ignore[arg-type]
        except InputError:  # the report says which there are
            continue
    misses: dict[str, list[NDArray[np.bool_]]] = {name: [] for name in points}
    named: dict[str, list[NDArray[np.bool_]]] = {name: [] for name in points}
    for trial in every:
        queries = np.concatenate([trial.probes, trial.strangers])
        scores = (queries @ trial.gallery.T).astype(np.float64)
        for name, point in points.items():
            relative = scores
            if name == "adaptive s-norm":
                apart = cohort[:size]
                relative = adaptive_s_norm(scores, queries @ apart.T, trial.gallery @ apart.T, top=top)
            fused = fuse_max(relative, trial.owners, trial.people)
            fused = gallery_t_norm(fused) if name == "gallery t-norm" else fused
            misses[name].append(missed(fused[: len(trial.probes)], trial.mates, point.threshold))
            named[name].append(best_scores(fused[len(trial.probes) :]) >= point.threshold)
    subjects = [trial.subjects for trial in every]
    unknown = np.concatenate([np.arange(len(trial.strangers)) for trial in every])
    return tuple(
        AtPoint(
            name,
            point,
            rate_over_trials(np.concatenate(named[name]), unknown, len(every), seed),
            rate_over_trials(np.concatenate(misses[name]), np.concatenate(subjects), len(every), seed),
            float(np.concatenate(misses[name]).mean() - np.concatenate(misses["none"]).mean()),
            *paired(misses[name], misses["none"], subjects, seed),
        )
        for name, point in points.items()
    )


def _templates(trial: Trial) -> NDArray[np.int64]:
    return np.bincount(trial.owners, minlength=trial.people).astype(np.int64)


def _one_each(vectors: NDArray[np.float32], people: NDArray[Any], seed: int) -> NDArray[np.float32]:
    """A picture with a face of each person, in random order."""
    rng = np.random.default_rng(seed)
    rows = rng.permutation(np.flatnonzero(np.isfinite(vectors).all(axis=1)))
    _, first = np.unique(people[rows], return_index=True)
    return np.asarray(vectors[rows[rng.permutation(first)]])
