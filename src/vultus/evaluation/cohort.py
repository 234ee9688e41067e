"""Does normalising scores by a cohort find more people at the same rate of false alarms?

Every method is tried on the same random splits, with its own threshold at the asked FPIR, set on
the strangers of the split as `vultus.evaluation.openset` does; so are the differences paired.
The cohort, the strangers and the people of a gallery are three sets that share nobody.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError
from vultus.metrics.cohort import adaptive_s_norm, gallery_t_norm, s_norm, t_norm, z_norm
from vultus.metrics.identification import fuse_max, missed, threshold_at_fpir
from vultus.metrics.intervals import SubjectBootstrap, clopper_pearson
from vultus.types import Rate

__all__ = [
    "METHODS",
    "CohortResult",
    "MethodResult",
    "Trial",
    "compare",
    "drawn_trials",
    "fixed_trials",
    "paired",
    "rate_over_trials",
]

METHODS = ("none", "z-norm", "t-norm", "s-norm", "adaptive s-norm", "gallery t-norm")

_REPLICATES = 1000
_FEWEST_COHORT = 20

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """One gallery, the searches against it, and a cohort of other people; unit vectors in rows."""

    gallery: NDArray[np.float32]  # (templates, D)
    owners: NDArray[np.intp]  # (templates,), 0 to people - 1
    people: int
    probes: NDArray[np.float32]  # (searches, D), of people in the gallery
    mates: NDArray[np.intp]  # (searches,), whose
    subjects: NDArray[Any]  # (searches,), their names, the same in every trial
    strangers: NDArray[np.float32]
    cohort: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class MethodResult:
    """One method on all trials; gain below 0 is fewer misses than without normalisation."""

    name: str
    fnir: Rate  # at its own threshold in each trial
    gain: float  # FNIR minus that of "none", on the same searches
    gain_low: float  # 95 % interval by resampling people and trials together; thresholds stay as they were
    gain_high: float
    milliseconds: float  # a search, normalisation alone with its cohort scores, in batches

    @property
    def helps(self) -> bool:
        """The whole interval lies below 0."""
        return self.gain_high < 0


@dataclass(frozen=True, slots=True)
class CohortResult:
    """Every method on the same trials."""

    people: int  # in a gallery
    templates: float  # a person, mean
    trials: int
    searches: int  # mate searches in all
    strangers: int  # in a trial
    cohort: int  # pictures
    top: int
    fpir: float
    methods: tuple[MethodResult, ...]


def fixed_trials(
    vectors: NDArray[np.float32],
    people: NDArray[Any],
    strangers: NDArray[np.float32],
    cohort: NDArray[np.float32],
    *,
    templates: int = 1,
    splits: int = 10,
    seed: int = 0,
) -> Iterator[Trial]:
    """Random splits of each person's pictures, (n, D), into `templates` to enrol and the rest to search.

    Rows of NaN, pictures without a face, are left out: normalisation cannot change them. Refused
    (InputError): somebody with too few pictures.
    """
    present = np.isfinite(vectors).all(axis=1)
    rows, names = vectors[present], np.asarray(people)[present]
    known, codes = np.unique(names, return_inverse=True)
    rng = np.random.default_rng(seed)
    for _ in range(splits):
        yield _trial(rows, known, codes, np.arange(known.size), templates, rng, _faces(strangers), _faces(cohort))


def drawn_trials(
    vectors: NDArray[np.float32],
    people: NDArray[Any],
    size: int,
    *,
    templates: int = 1,
    splits: int = 10,
    seed: int = 0,
) -> Iterator[Trial]:
    """Random galleries of `size` of the people; of the others one half are strangers, one half the cohort.

    Strangers search with one picture each; the cohort has all of its. Refused (InputError): too
    few people with more than `templates` pictures, or fewer than 40 left beside them.
    """
    present = np.isfinite(vectors).all(axis=1)
    rows, names = vectors[present], np.asarray(people)[present]
    known, codes, counts = np.unique(names, return_inverse=True, return_counts=True)
    eligible = np.flatnonzero(counts > templates)
    if eligible.size < size or known.size - size < 2 * _FEWEST_COHORT:
        raise InputError(
            f"expected {size} people with more than {templates} pictures and {2 * _FEWEST_COHORT} others, "
            f"got {eligible.size} and {known.size - size}"
        )
    rng = np.random.default_rng(seed)
    for _ in range(splits):
        chosen = rng.permutation(eligible)[:size]
        rest = rng.permutation(np.setdiff1d(np.arange(known.size), chosen))
        outside, inside = rest[: rest.size // 2], rest[rest.size // 2 :]
        strangers = np.array([rng.choice(np.flatnonzero(codes == who)) for who in outside])
        yield _trial(rows, known, codes, chosen, templates, rng, rows[strangers], rows[np.isin(codes, inside)])


def compare(trials: Iterable[Trial], *, fpir: float = 0.01, top: int = 100, seed: int = 0) -> CohortResult:
    """Try every method of `METHODS` on the trials, each at its own threshold for `fpir`.

    top: cohort pictures of adaptive S-norm on each side. Templates of a person are fused by their
    highest normalised score; the gallery's own T-norm comes after fusion. Refused (InputError):
    no trials, a cohort under 20 pictures or under `top`.
    """
    events: dict[str, list[NDArray[np.bool_]]] = {name: [] for name in METHODS}
    seconds = dict.fromkeys(METHODS, 0.0)
    subjects: list[NDArray[Any]] = []
    searched = templates = 0
    last: Trial | None = None
    for trial in trials:
        if len(trial.cohort) < max(_FEWEST_COHORT, top):
            raise InputError(f"expected a cohort of {max(_FEWEST_COHORT, top)} pictures, got {len(trial.cohort)}")
        last = trial
        subjects.append(trial.subjects)
        searched += len(trial.probes) + len(trial.strangers)
        templates += len(trial.gallery)
        queries = np.concatenate([trial.probes, trial.strangers])
        scores = (queries @ trial.gallery.T).astype(np.float64)
        # At enrolment, once, and so not a cost of searching.
        template_cohort = (trial.gallery @ trial.cohort.T).astype(np.float64)
        for name in METHODS:
            started = time.perf_counter()
            fused = _fused(name, trial, queries, scores, template_cohort, top)
            seconds[name] += time.perf_counter() - started
            mates, non_mates = fused[: len(trial.probes)], fused[len(trial.probes) :]
            events[name].append(missed(mates, trial.mates, threshold_at_fpir(non_mates, fpir)))
    if last is None:
        raise InputError("expected trials, got none")
    results = []
    whose = np.concatenate(subjects)
    plain = np.concatenate(events["none"])
    for name in METHODS:
        misses = np.concatenate(events[name])
        gain_low, gain_high = paired(events[name], events["none"], subjects, seed)
        results.append(
            MethodResult(
                name,
                rate_over_trials(misses, whose, len(subjects), seed),
                float(misses.mean() - plain.mean()),
                gain_low,
                gain_high,
                1000 * max(seconds[name] - seconds["none"], 0.0) / searched,
            )
        )
    return CohortResult(
        people=last.people,
        templates=templates / (last.people * len(subjects)),
        trials=len(subjects),
        searches=whose.size,
        strangers=len(last.strangers),
        cohort=len(last.cohort),
        top=top,
        fpir=fpir,
        methods=tuple(results),
    )


def _fused(
    name: str, trial: Trial, queries: NDArray[np.float32], scores: Matrix, template_cohort: Matrix, top: int
) -> Matrix:
    """Scores of each search against each person under one method, (searches, people)."""

    def probe_cohort() -> Matrix:
        return (queries @ trial.cohort.T).astype(np.float64)

    normalise: dict[str, Callable[[], Matrix]] = {
        "none": lambda: scores,
        "z-norm": lambda: z_norm(scores, template_cohort),
        "t-norm": lambda: t_norm(scores, probe_cohort()),
        "s-norm": lambda: s_norm(scores, probe_cohort(), template_cohort),
        "adaptive s-norm": lambda: adaptive_s_norm(scores, probe_cohort(), template_cohort, top=top),
        "gallery t-norm": lambda: scores,
    }
    fused = fuse_max(normalise[name](), trial.owners, trial.people)
    return gallery_t_norm(fused) if name == "gallery t-norm" else fused


def _trial(
    rows: NDArray[np.float32],
    known: NDArray[Any],
    codes: NDArray[np.intp],
    chosen: NDArray[np.intp],
    templates: int,
    rng: np.random.Generator,
    strangers: NDArray[np.float32],
    cohort: NDArray[np.float32],
) -> Trial:
    enrolled, searching = [], []
    for who in chosen:
        own = rng.permutation(np.flatnonzero(codes == who))
        if own.size <= templates:
            raise InputError(f"expected more than {templates} pictures with a face of each person, one has {own.size}")
        enrolled.append(own[:templates])
        searching.append(own[templates:])
    probes = np.concatenate(searching)
    place = np.empty(known.size, dtype=np.intp)
    place[chosen] = np.arange(chosen.size)
    return Trial(
        gallery=rows[np.concatenate(enrolled)],
        owners=np.repeat(np.arange(chosen.size), templates),
        people=chosen.size,
        probes=rows[probes],
        mates=place[codes[probes]],
        subjects=known[codes[probes]],
        strangers=strangers,
        cohort=cohort,
    )


def _faces(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return vectors[np.isfinite(vectors).all(axis=1)]


def rate_over_trials(misses: NDArray[np.bool_], subjects: NDArray[Any], trials: int, seed: int) -> Rate:
    """Rate over all trials, no surer than one of them, whose people the others share."""
    found = SubjectBootstrap(subjects, subjects, seed=seed).rate(misses)
    one = max(misses.size // trials, 1)
    few = clopper_pearson(round(found.value * one), one)
    return Rate(found.k, found.n, min(found.low, few.low), max(found.high, few.high))


def paired(
    events: Sequence[NDArray[np.bool_]], plain: Sequence[NDArray[np.bool_]], subjects: Sequence[NDArray[Any]], seed: int
) -> tuple[float, float]:
    """95 % interval of the difference of two FNIR on the same searches, people and trials resampled."""
    people, codes = np.unique(np.concatenate(subjects), return_inverse=True)
    trial = np.repeat(np.arange(len(subjects)), [len(each) for each in subjects])
    cells = trial * people.size + codes
    shape = (len(subjects), people.size)
    difference = np.concatenate(events).astype(np.float64) - np.concatenate(plain)
    sums = np.bincount(cells, difference, shape[0] * shape[1]).reshape(shape)
    counts = np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape)
    rng = np.random.default_rng(seed)
    over_trials = rng.multinomial(shape[0], np.full(shape[0], 1 / shape[0]), size=_REPLICATES)
    over_people = rng.multinomial(people.size, np.full(people.size, 1 / people.size), size=_REPLICATES)
    top = ((over_trials @ sums) * over_people).sum(axis=1)
    bottom = ((over_trials @ counts) * over_people).sum(axis=1)
    low, high = np.quantile(top[bottom > 0] / bottom[bottom > 0], [0.025, 0.975])
    return float(low), float(high)
