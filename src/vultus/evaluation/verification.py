"""One against one on labelled pairs of pictures, as LFW's protocol has it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vultus.datasets import lfw
from vultus.errors import InputError
from vultus.evaluation.extraction import Failure, Progress, Reader, embed_pictures
from vultus.metrics import caveats
from vultus.metrics.folds import fold_accuracy, person_folds
from vultus.metrics.intervals import SubjectBootstrap, wilson
from vultus.metrics.verification import auc, equal_error, threshold_at_fmr
from vultus.operating import OperatingTable
from vultus.types import OperatingPoint, Rate

__all__ = ["TARGETS", "AtPoint", "Compared", "VerificationReport", "compare", "evaluate", "evaluate_scores", "said_of"]

TARGETS = (1e-1, 1e-2, 1e-3)
FOLDS = 10


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """Pairs of pictures with their scores."""

    pairs: tuple[lfw.Pair, ...]
    scores: NDArray[np.float64]  # (n,), NaN where a side gave no embedding
    same: NDArray[np.bool_]  # (n,)
    folds: NDArray[np.int64] | None  # (n,); None: the list has none
    pictures: int
    failures: tuple[Failure, ...]

    @property
    def people(self) -> list[tuple[str, str]]:
        """The person on each side of each pair."""
        return [pair.people for pair in self.pairs]


@dataclass(frozen=True, slots=True)
class AtPoint:
    """What the product does on these pairs at its own threshold."""

    point: OperatingPoint
    fmr: Rate
    fnmr: Rate
    accuracy: float


@dataclass(frozen=True, slots=True)
class VerificationReport:
    """Figures over pairs; a pair with a failed side counts as called different everywhere."""

    pairs: int
    genuine: int
    impostor: int
    accuracy: float  # mean over folds, each at the threshold that is best on the others
    accuracy_std: float  # over folds
    folds: int
    threshold: float  # median of the folds' thresholds
    eer: float
    eer_threshold: float
    auc: float
    fnmr: dict[float, Rate]  # by FMR, at the threshold that these pairs' own impostors give
    thresholds: dict[float, float]  # by FMR
    pictures: int
    failures_to_enrol: int  # pictures without an embedding
    no_decision: int  # pairs with such a picture
    failures: tuple[Failure, ...]
    at_point: AtPoint | None  # None: no table was given
    interval: Literal["subjects", "wilson"] = "subjects"  # "wilson": the people are not known
    caveats: tuple[str, ...] = ()


def evaluate(
    images: Path,
    pairs: Path | Sequence[lfw.Pair],
    reader: Reader,
    *,
    table: OperatingTable | None = None,
    fmr: float = 1e-3,
    targets: Sequence[float] = TARGETS,
    seed: int = 0,
    progress: Progress | None = None,
) -> VerificationReport:
    """Verify each pair of a pairs file (or of `lfw.pairs`) by the faces nearest the centres.

    table, fmr: also report the product's own threshold for that rate. Where the file has no
    folds, ten are made by `seed` so that nobody is in two (`person_folds`). Refused (InputError): no pairs of one kind.
    """
    listed = lfw.pairs(pairs, images) if isinstance(pairs, Path) else tuple(pairs)
    found = compare(listed, reader, progress)
    return evaluate_scores(
        found.scores,
        found.same,
        found.people,
        folds=found.folds,
        point=None if table is None else table.verify(fmr),
        targets=targets,
        seed=seed,
        pictures=found.pictures,
        failures=found.failures,
    )


def compare(pairs: Sequence[lfw.Pair], reader: Reader, progress: Progress | None = None) -> Compared:
    """Score each pair by the faces nearest the centres; each picture is read once. Refused (InputError): no pairs."""
    if not pairs:
        raise InputError("expected pairs of pictures, got none")
    paths = list(dict.fromkeys(path for pair in pairs for path in (pair.first, pair.second)))
    found = embed_pictures(paths, reader, progress)
    place = {path: row for row, path in enumerate(paths)}
    first = found.vectors[[place[pair.first] for pair in pairs]]
    second = found.vectors[[place[pair.second] for pair in pairs]]
    folds = [pair.fold for pair in pairs if pair.fold is not None]
    return Compared(
        pairs=tuple(pairs),
        scores=np.einsum("nd,nd->n", first, second).astype(np.float64),
        same=np.array([pair.same for pair in pairs], dtype=bool),
        folds=np.array(folds, dtype=np.int64) if len(folds) == len(pairs) else None,
        pictures=len(paths),
        failures=found.failures,
    )


def evaluate_scores(
    scores: NDArray[np.floating[Any]],
    same: NDArray[np.bool_],
    people: Sequence[tuple[str, str]] | None,
    *,
    folds: NDArray[np.integer[Any]] | None = None,
    point: OperatingPoint | None = None,
    targets: Sequence[float] = TARGETS,
    seed: int = 0,
    pictures: int = 0,
    failures: tuple[Failure, ...] = (),
) -> VerificationReport:
    """The same from scores (n,), NaN where a side failed.

    people: who is on each side, for intervals by resampling them and for folds that share nobody;
    None where it is not known: intervals are then Wilson's and the folds are dealt out at random.
    Refused (InputError): pairs of one kind, lengths that do not fit, impostors without any score.
    """
    values, truth = np.asarray(scores, dtype=np.float64), np.asarray(same, dtype=bool)
    if values.ndim != 1 or values.shape != truth.shape or (people is not None and len(people) != values.size):
        count = "none" if people is None else len(people)
        raise InputError(f"expected a score, a truth and two people a pair, got {values.size}, {truth.size}, {count}")
    if truth.all() or not truth.any():
        raise InputError(f"expected pairs of both kinds, got {int(truth.sum())} of one person out of {truth.size}")
    mates, others = _intervals(people, truth, seed)
    thresholds = {target: threshold_at_fmr(values[~truth], target) for target in targets}
    accuracy = fold_accuracy(values, truth, _folds(people, values.size, seed) if folds is None else np.asarray(folds))
    equal = equal_error(values[truth], values[~truth])
    at_point = None
    if point is not None:
        accepted = values >= point.threshold  # NaN is not
        at_point = AtPoint(point, others(accepted[~truth]), mates(~accepted[truth]), float(np.mean(accepted == truth)))
    return VerificationReport(
        pairs=values.size,
        genuine=int(truth.sum()),
        impostor=int((~truth).sum()),
        accuracy=accuracy.mean,
        accuracy_std=accuracy.std,
        folds=len(accuracy.accuracies),
        threshold=accuracy.threshold,
        eer=equal.rate,
        eer_threshold=equal.threshold,
        auc=auc(values[truth], values[~truth]),
        fnmr={target: mates(~(values[truth] >= threshold)) for target, threshold in thresholds.items()},
        thresholds=thresholds,
        pictures=pictures,
        failures_to_enrol=len(failures),
        no_decision=int(np.isnan(values).sum()),
        failures=failures,
        at_point=at_point,
        interval="wilson" if people is None else "subjects",
        caveats=_caveats(values, truth, targets, people is not None),
    )


def said_of(genuine: int, impostor: int, targets: Sequence[float], *, people_known: bool) -> list[str]:
    """What must be said of so many comparisons at such targets."""
    said = [
        f"{impostor:,} impostor scores cannot show FMR {target:g}: its threshold lies above them all"
        for target in targets
        if 0 < target < 1 / impostor
    ]
    said += [
        sentence for n, kind in ((genuine, "genuine"), (impostor, "impostor")) for sentence in caveats.scarce(n, kind)
    ]
    if not people_known:
        said.append("the people are not known: intervals take comparisons for independent and may be too narrow")
    return said


def _caveats(
    values: NDArray[np.float64], truth: NDArray[np.bool_], targets: Sequence[float], people_known: bool
) -> tuple[str, ...]:
    mates, lost = caveats.ascending(values[truth], "genuine")
    others, lost_others = caveats.ascending(values[~truth], "impostor")
    groups = {"genuine": mates, "impostor": others}
    sizes = {"genuine": int(truth.sum()), "impostor": int((~truth).sum())}
    said = [
        sentence
        for kind, count in (("genuine", lost), ("impostor", lost_others))
        for sentence in caveats.failed(count, sizes[kind], kind)
    ]
    said += caveats.constant(groups)
    if caveats.inverted(mates, others):
        said.append("genuine scores lie below impostor scores on average: are these distances?")
    said += said_of(sizes["genuine"], sizes["impostor"], targets, people_known=people_known)
    return tuple(said)


def _intervals(
    people: Sequence[tuple[str, str]] | None, truth: NDArray[np.bool_], seed: int
) -> tuple[Callable[[NDArray[np.bool_]], Rate], Callable[[NDArray[np.bool_]], Rate]]:
    """From errors among genuine and among impostor comparisons to their rates."""
    if people is None:
        return _independent, _independent
    first = np.array([one for one, _ in people])
    second = np.array([other for _, other in people])
    mates = SubjectBootstrap(first[truth], second[truth], seed=seed)
    return mates.rate, SubjectBootstrap(first[~truth], second[~truth], seed=seed).rate


def _independent(errors: NDArray[np.bool_]) -> Rate:
    return wilson(int(errors.sum()), errors.size)


def _folds(people: Sequence[tuple[str, str]] | None, size: int, seed: int) -> NDArray[np.int64]:
    if people is None:
        return np.asarray(np.random.default_rng(seed).permutation(size) % min(FOLDS, size), dtype=np.int64)
    return person_folds([one for one, _ in people], [other for _, other in people], FOLDS, seed=seed)
