"""Measure the operating points of a recogniser on people who are used for nothing else."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError
from vultus.evaluation.extraction import Extracted, Failure, Progress, Reader, embed_pictures
from vultus.evaluation.growth import LEVELS, TEMPLATES, grouped, growth, pooling, searches
from vultus.evaluation.normalised import measure as measure_normalised
from vultus.metrics.calibration import fit
from vultus.metrics.evidence import LikelihoodRatio
from vultus.metrics.identification import best_scores
from vultus.metrics.intervals import SubjectBootstrap, clopper_pearson
from vultus.metrics.verification import threshold_at_fmr
from vultus.operating import Check, Knot, OperatingTable
from vultus.types import EmbeddingContract

__all__ = ["Calibration", "calibrate", "calibrate_pictures"]

# From the whole curve down to the rule of 30: coarse where nobody sets a threshold, ten a decade below.
RATES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, *(10 ** (-step / 10) for step in range(10, 91)))
PROMISES = (0.1, 0.03, 0.01)  # FPIR that is tried out on the other half of the people
TRIED = (20, 50, 100, 200, 500, 1000)  # people in the galleries that it is tried on

_MOST_PICTURES = 8_000  # 32 million comparisons, about 2 GB with the resampling
_FEWEST_PEOPLE = 20
_FEWEST_GENUINE = 30  # comparisons of one person, for what a score is worth as evidence
_FEWEST_COMPARISONS = 1000
_FEWEST_TRIED = 50  # people in a half: 1,225 comparisons at least
_EXCEEDANCES = 300  # comparisons that the tail's slope is measured on


@dataclass(frozen=True, slots=True)
class Calibration:
    """A table, and the pictures that could not serve it."""

    table: OperatingTable
    failures: tuple[Failure, ...]


def calibrate(
    embeddings: NDArray[np.float32],
    people: Sequence[str] | NDArray[Any],
    contract: EmbeddingContract,
    *,
    data: str,
    command: str = "",
    precision: str = "",
    date: str | None = None,
    seed: int = 0,
    replicates: int = 1000,
) -> OperatingTable:
    """Make the table of a recogniser from embeddings, (n, D) unit rows, and their people, (n,).

    A row of NaN is a picture without a face: counted, and left out of the curve, which is
    that of faces that were found. data, command: what the table says about its birth.
    precision: the arithmetic that the embeddings were made in. date: ISO day, today if None.

    The curve rests on all comparisons of different people; its intervals come from
    resampling people. How false positives grow with the gallery is fitted on random
    galleries of the same people (`growth`), and the whole is then made from one half of
    the people and tried on the other, both ways, for `table.checks`. Thresholds of
    normalised scores come from further random galleries (`vultus.evaluation.normalised`).

    Refused (InputError): shapes that do not fit, fewer than 20 people or 1,000 comparisons
    of different people, more than 8,000 pictures with a face.
    """
    vectors, whose = np.asarray(embeddings, dtype=np.float32), np.asarray(people)
    if vectors.ndim != 2 or vectors.shape[1] != contract.dimension or whose.shape != vectors.shape[:1]:
        raise InputError(
            f"expected embeddings (n, {contract.dimension}) and n people, got {vectors.shape} and {whose.shape}"
        )
    present = np.isfinite(vectors).all(axis=1)
    failures = int((~present).sum())
    vectors, whose = vectors[present], whose[present]
    if len(vectors) > _MOST_PICTURES:
        raise InputError(f"expected at most {_MOST_PICTURES:,} pictures, got {len(vectors):,}; leave some people out")
    names = np.unique(whose)
    if names.size < _FEWEST_PEOPLE:
        raise InputError(f"expected pictures of at least {_FEWEST_PEOPLE} people, got {names.size}")
    born = date or datetime.date.today().isoformat()
    base = _measure(vectors, whose, contract, seed)
    halves = np.random.default_rng(seed).permutation(names)
    one = np.isin(whose, halves[: len(halves) // 2])
    checks = [*_tried(vectors, whose, one, contract, seed), *_tried(vectors, whose, ~one, contract, seed)]
    return OperatingTable(
        contract=contract.id,
        model=contract.model,
        precision=precision,
        data=data,
        date=born,
        command=command,
        seed=seed,
        people=int(names.size),
        pictures=len(vectors),
        failures=failures,
        impostors=base.impostors,
        knots=_with_intervals(base.knots, vectors, whose, replicates, seed),
        tail=base.tail,
        growth=base.growth,
        pooling=base.pooling,
        checks=_merged(checks),
        likelihood=_likelihood(vectors, whose, data, born, seed),
        normalised=measure_normalised(grouped(vectors, whose, seed), seed),
    )


def calibrate_pictures(
    pictures: Mapping[str, Sequence[Path]],
    reader: Reader,
    *,
    data: str,
    command: str = "",
    precision: str = "",
    date: str | None = None,
    seed: int = 0,
    replicates: int = 1000,
    progress: Progress | None = None,
) -> Calibration:
    """Make the table from pictures by person, such as `vultus.datasets.lfw.pictures` gives.

    The face nearest the centre counts as the person. progress is called with the pictures
    done and the pictures in all. Otherwise as `calibrate`.
    """
    paths = [path for each in pictures.values() for path in each]
    people = np.array([name for name, each in pictures.items() for _ in each])
    found: Extracted = embed_pictures(paths, reader, progress)
    table = calibrate(
        found.vectors,
        people,
        reader.contract,
        data=data,
        command=command,
        precision=precision,
        date=date,
        seed=seed,
        replicates=replicates,
    )
    return Calibration(table, found.failures)


def _likelihood(
    vectors: NDArray[np.float32], whose: NDArray[Any], data: str, date: str, seed: int
) -> LikelihoodRatio | None:
    """What scores are worth as evidence, from all pairs; None where too few people have two pictures."""
    first, second = np.triu_indices(len(vectors), k=1)
    same = whose[first] == whose[second]
    if int(same.sum()) < _FEWEST_GENUINE:
        return None
    scores = (vectors @ vectors.T)[first, second]
    return fit(scores, same, whose[first], whose[second], data=data, date=date, seed=seed)


def _impostors(vectors: NDArray[np.float32], whose: NDArray[Any]) -> NDArray[np.float64]:
    """All scores between different people, ascending."""
    codes = np.unique(whose, return_inverse=True)[1]
    parts = []
    for row in range(len(vectors) - 1):
        scores = vectors[row + 1 :] @ vectors[row]
        parts.append(scores[codes[row + 1 :] != codes[row]])
    found = np.concatenate(parts).astype(np.float64)
    if found.size < _FEWEST_COMPARISONS:
        raise InputError(f"expected {_FEWEST_COMPARISONS:,} comparisons of different people, got {found.size:,}")
    found.sort()
    return found


def _measure(
    vectors: NDArray[np.float32], whose: NDArray[Any], contract: EmbeddingContract, seed: int
) -> OperatingTable:
    """A table without intervals, checks or birth."""
    scores = _impostors(vectors, whose)
    lowest = max(30 / scores.size, RATES[-1])
    knots: list[Knot] = []
    for rate in [*(rate for rate in RATES if rate > lowest), lowest]:
        score = threshold_at_fmr(scores, rate)
        accepted = int(scores.size - np.searchsorted(scores, score, side="left"))
        if accepted and (not knots or score > knots[-1].score):
            knots.append(Knot(score, accepted, 0.0, 1.0))
    # The slope of the logarithm beyond the data: the mean excess of an exponential tail, which
    # is what the scores show (their excesses over 1e-3 and 1e-4 have one mean and deviation).
    over = scores[-max(min(scores.size // 10, _EXCEEDANCES), scores.size // 1000) :]
    tail = float(np.mean(over) - over[0])
    levels = [rate for rate in LEVELS if rate >= lowest]
    thresholds = np.array([threshold_at_fmr(scores, rate) for rate in levels])
    known = grouped(vectors, whose, seed)
    return OperatingTable(
        contract=contract.id,
        model=contract.model,
        precision="",
        data="",
        date="",
        command="",
        seed=seed,
        people=len(known.pictures),
        pictures=len(vectors),
        failures=0,
        impostors=scores.size,
        knots=tuple(knots),
        tail=tail,
        growth=growth(known, thresholds, np.array(levels), seed),
        pooling=pooling(known, thresholds, np.array(levels), seed),
    )


def _with_intervals(
    knots: Sequence[Knot], vectors: NDArray[np.float32], whose: NDArray[Any], replicates: int, seed: int
) -> tuple[Knot, ...]:
    """The same knots with intervals from resampling people."""
    codes = np.unique(whose, return_inverse=True)[1]
    first, second = np.triu_indices(len(vectors), 1)
    different = codes[first] != codes[second]
    first, second = first[different], second[different]
    scores = np.concatenate([vectors[row + 1 :] @ vectors[row] for row in range(len(vectors) - 1)])[different]
    draws = SubjectBootstrap(codes[first], codes[second], replicates=replicates, seed=seed)
    rates = [draws.rate(scores >= np.float32(knot.score)) for knot in knots]
    return tuple(Knot(knot.score, rate.k, rate.low, rate.high) for knot, rate in zip(knots, rates, strict=True))


def _tried(
    vectors: NDArray[np.float32], whose: NDArray[Any], one: NDArray[np.bool_], contract: EmbeddingContract, seed: int
) -> list[Check]:
    """Thresholds from the people of `one`, tried on random galleries of the others."""
    if min(np.unique(whose[one]).size, np.unique(whose[~one]).size) < _FEWEST_TRIED:
        return []
    table = _measure(vectors[one], whose[one], contract, seed)
    other = grouped(vectors[~one], whose[~one], seed)
    rng = np.random.default_rng(seed)
    found = []
    for size in TRIED:
        for templates in TEMPLATES:
            if (other.pictures >= templates).sum() < size or size > other.pictures.size // 2:
                continue
            best = np.concatenate([best_scores(scores) for scores in searches(other, size, templates, 20, rng)])
            for target in PROMISES:
                point = table.identify(target, [templates] * size)
                observed = clopper_pearson(int((best >= point.threshold).sum()), best.size)
                found.append(Check(size, templates, target, observed, point.extrapolated))
    return found


def _merged(checks: Sequence[Check]) -> tuple[Check, ...]:
    """Both ways of the halves as one check each."""
    cells: dict[tuple[int, int, float], list[Check]] = {}
    for check in checks:
        cells.setdefault((check.people, check.templates, check.target), []).append(check)
    merged = []
    for (people, templates, target), both in sorted(cells.items()):
        k, n = sum(check.observed.k for check in both), sum(check.observed.n for check in both)
        extrapolated = any(check.extrapolated for check in both)
        merged.append(Check(people, templates, target, clopper_pearson(k, n), extrapolated))
    return tuple(merged)
