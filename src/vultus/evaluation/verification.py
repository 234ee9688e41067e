"""One against one on labelled pairs of pictures, as LFW's protocol has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.datasets import lfw
from vultus.errors import InputError
from vultus.evaluation.extraction import Failure, Progress, Reader, embed_pictures
from vultus.metrics.folds import fold_accuracy, person_folds
from vultus.metrics.intervals import SubjectBootstrap
from vultus.metrics.verification import auc, equal_error, threshold_at_fmr
from vultus.operating import OperatingTable
from vultus.types import OperatingPoint, Rate

__all__ = ["AtPoint", "VerificationReport", "evaluate", "evaluate_scores"]

TARGETS = (1e-1, 1e-2, 1e-3)


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
    paths = list(dict.fromkeys(path for pair in listed for path in (pair.first, pair.second)))
    found = embed_pictures(paths, reader, progress)
    place = {path: row for row, path in enumerate(paths)}
    first = found.vectors[[place[pair.first] for pair in listed]]
    second = found.vectors[[place[pair.second] for pair in listed]]
    folds = np.array([pair.fold for pair in listed]) if all(pair.fold is not None for pair in listed) else None
    return evaluate_scores(
        np.einsum("nd,nd->n", first, second),
        np.array([pair.same for pair in listed], dtype=bool),
        [pair.people for pair in listed],
        folds=folds,
        point=None if table is None else table.verify(fmr),
        targets=targets,
        seed=seed,
        pictures=len(paths),
        failures=found.failures,
    )


def evaluate_scores(
    scores: NDArray[np.floating[Any]],
    same: NDArray[np.bool_],
    people: Sequence[tuple[str, str]],
    *,
    folds: NDArray[np.integer[Any]] | None = None,
    point: OperatingPoint | None = None,
    targets: Sequence[float] = TARGETS,
    seed: int = 0,
    pictures: int = 0,
    failures: tuple[Failure, ...] = (),
) -> VerificationReport:
    """The same from scores (n,), NaN where a side failed; intervals come from resampling people."""
    values, truth = np.asarray(scores, dtype=np.float64), np.asarray(same, dtype=bool)
    if not (values.shape == truth.shape == (len(people),)):
        raise InputError(
            f"expected a score, a truth and two people a pair, got {values.size}, {truth.size}, {len(people)}"
        )
    if truth.all() or not truth.any():
        raise InputError(f"expected pairs of both kinds, got {int(truth.sum())} of one person out of {truth.size}")
    first = np.array([one for one, _ in people])
    second = np.array([other for _, other in people])
    dealt = person_folds(first.tolist(), second.tolist(), seed=seed) if folds is None else np.asarray(folds)
    mates = SubjectBootstrap(first[truth], second[truth], seed=seed)
    others = SubjectBootstrap(first[~truth], second[~truth], seed=seed)
    thresholds = {target: threshold_at_fmr(values[~truth], target) for target in targets}
    accuracy = fold_accuracy(values, truth, dealt)
    equal = equal_error(values[truth], values[~truth])
    at_point = None
    if point is not None:
        accepted = values >= point.threshold  # NaN is not
        at_point = AtPoint(
            point, others.rate(accepted[~truth]), mates.rate(~accepted[truth]), float(np.mean(accepted == truth))
        )
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
        fnmr={target: mates.rate(~(values[truth] >= threshold)) for target, threshold in thresholds.items()},
        thresholds=thresholds,
        pictures=pictures,
        failures_to_enrol=len(failures),
        no_decision=int(np.isnan(values).sum()),
        failures=failures,
        at_point=at_point,
    )
