"""Verification figures of a file of scores, in memory where it fits, else from the disk.

What does not fit is written once to a temporary file of doubles and read from there in chunks:
rates, thresholds, EER and AUC are then the same to the last digit; only ten-fold accuracy is left out.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vultus.datasets.scores import PairScores, iterate_pairs, read_pairs
from vultus.errors import InputError
from vultus.evaluation.extraction import Progress
from vultus.evaluation.verification import TARGETS, AtPoint, VerificationReport, evaluate_scores, said_of
from vultus.metrics import streamed
from vultus.metrics.caveats import failed, refuse_distances
from vultus.metrics.counts import ScoreCounts
from vultus.metrics.intervals import wilson
from vultus.types import OperatingPoint

__all__ = ["LARGE", "evaluate_file", "evaluate_large"]

LARGE = 150_000_000  # bytes of text: about 10 million scores, 1 GB in memory while they are read

_ROWS = 1 << 18  # at once
_BUCKET = 1 << 19  # scores that are compared with each other at once

Chunk = tuple[NDArray[np.float64], NDArray[np.bool_]]


def evaluate_file(
    file: Path,
    *,
    negate: bool = False,
    point: OperatingPoint | None = None,
    targets: Sequence[float] = TARGETS,
    seed: int = 0,
    progress: Progress | None = None,
) -> tuple[VerificationReport, PairScores | None]:
    """Figures of a file of `score,same`, and the scores themselves where memory holds them.

    negate: the file holds distances. Refused: as `datasets.scores.read_pairs`.
    """
    if file.is_file() and file.stat().st_size > LARGE:
        return evaluate_large(file, negate=negate, point=point, targets=targets, seed=seed, progress=progress), None
    read = read_pairs(file, negate=negate)
    return evaluate_scores(read.scores, read.same, None, point=point, targets=targets, seed=seed), read


def evaluate_large(
    file: Path,
    *,
    negate: bool = False,
    point: OperatingPoint | None = None,
    targets: Sequence[float] = TARGETS,
    seed: int = 0,
    progress: Progress | None = None,
) -> VerificationReport:
    """The same in memory that does not grow with the file; needs 9 bytes of disk a score for a while."""
    with tempfile.TemporaryDirectory(prefix="vultus-scores-") as folder:
        spool = _Spool(Path(folder))
        totals = spool.fill(file, negate)
        refuse_distances(np.array([totals.mean(True)]), np.array([totals.mean(False)]), str(file))
        tell = progress or (lambda done, of: None)
        steps = len(targets) + 2
        equal = streamed.equal_error(spool.chunks)
        tell(1, steps)
        thresholds = {}
        for at, target in enumerate(targets):
            thresholds[target] = streamed.threshold_at_fmr(spool.chunks, target)
            tell(at + 2, steps)
        counts = ScoreCounts([*thresholds.values(), *([] if point is None else [point.threshold])])
        for values, same in spool.chunks():
            counts.add(values, same)
        area = spool.auc(totals, counts.genuine * counts.impostor)
        tell(steps, steps)
    fmr, fnmr = counts.fmr(), counts.fnmr()
    place = {level: at for at, level in enumerate(counts.thresholds.tolist())}
    genuine, impostor, lost = counts.genuine, counts.impostor, counts.failed
    at_point = None
    if point is not None:
        wrong_in, wrong_out = fmr[place[point.threshold]], fnmr[place[point.threshold]]
        right = genuine + impostor - wrong_in.k - wrong_out.k
        at_point = AtPoint(
            point, wilson(wrong_in.k, impostor), wilson(wrong_out.k, genuine), right / (genuine + impostor)
        )
    said = [*failed(lost[0], genuine, "genuine"), *failed(lost[1], impostor, "impostor")]
    said += said_of(genuine, impostor, targets, people_known=False)
    said.append("too many scores to hold: no ten-fold accuracy")
    return VerificationReport(
        pairs=genuine + impostor,
        genuine=genuine,
        impostor=impostor,
        accuracy=math.nan,
        accuracy_std=math.nan,
        folds=0,
        threshold=math.nan,
        eer=equal.rate,
        eer_threshold=equal.threshold,
        auc=area,
        fnmr={target: wilson(fnmr[place[value]].k, genuine) for target, value in thresholds.items()},
        thresholds=thresholds,
        pictures=0,
        failures_to_enrol=0,
        no_decision=sum(lost),
        failures=(),
        at_point=at_point,
        interval="wilson",
        caveats=tuple(said),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Totals:
    sums: dict[bool, float]
    counts: dict[bool, int]  # with a score
    lost: dict[bool, int]  # without one
    edges: NDArray[np.float64]  # between buckets of about as many scores each, by the first chunk

    def mean(self, same: bool) -> float:
        return self.sums[same] / self.counts[same] if self.counts[same] else math.nan


class _Spool:
    """Scores and truths as plain bytes on the disk."""

    def __init__(self, folder: Path) -> None:
        self._scores, self._same = folder / "scores", folder / "same"

    def fill(self, file: Path, negate: bool) -> _Totals:
        sums, counts, lost = {True: 0.0, False: 0.0}, {True: 0, False: 0}, {True: 0, False: 0}
        first = np.zeros(0)
        with self._scores.open("wb") as scores, self._same.open("wb") as same:
            for part in iterate_pairs(file, negate=negate, rows=_ROWS):
                part.scores.tofile(scores)
                part.same.tofile(same)
                there = ~np.isnan(part.scores)
                first = first if first.size else np.sort(part.scores[there])
                for kind in (True, False):
                    chosen = part.same == kind
                    lost[kind] += int((chosen & ~there).sum())
                    counts[kind] += int((chosen & there).sum())
                    sums[kind] += float(part.scores[chosen & there].sum())
        rows = {kind: counts[kind] + lost[kind] for kind in counts}
        if not rows[True] or not rows[False]:
            raise InputError(
                f"{file}, column same: expected pairs of both kinds, got {rows[True]:,} of one person and "
                f"{rows[False]:,} of two"
            )
        buckets = sum(rows.values()) // _BUCKET
        places = (np.arange(1, buckets + 1) * first.size) // (buckets + 1)
        return _Totals(sums, counts, lost, np.unique(first[places]) if first.size else first)

    def chunks(self) -> Iterator[Chunk]:
        with self._scores.open("rb") as scores, self._same.open("rb") as same:
            while (values := np.fromfile(scores, np.float64, _ROWS)).size:
                yield values, np.fromfile(same, np.bool_, _ROWS)

    def auc(self, totals: _Totals, pairs: int) -> float:
        """As `metrics.verification.auc`: buckets beat those below them, and are compared inside."""
        places = range(totals.edges.size + 1)
        files = {(at, kind): self._scores.with_name(f"{at} {kind}") for at in places for kind in (True, False)}
        for file in files.values():
            file.touch()
        for values, same in self.chunks():
            there = ~np.isnan(values)
            bucket = np.searchsorted(totals.edges, values, side="right")
            for at in np.unique(bucket[there]).tolist():
                for kind in (True, False):
                    with files[at, kind].open("ab") as opened:
                        values[there & (bucket == at) & (same == kind)].tofile(opened)
        # In halves of a pair, as whole numbers: a comparison without score lies below all that have one.
        halves = totals.lost[True] * totals.lost[False]
        below = totals.lost[False]
        for at in places:
            mates, others = (_counted(files[at, kind]) for kind in (True, False))
            under = np.concatenate([[0], np.cumsum(others[1])])
            left = under[np.searchsorted(others[0], mates[0], side="left")]
            right = under[np.searchsorted(others[0], mates[0], side="right")]
            halves += _dot(mates[1], left + right) + 2 * below * int(mates[1].sum())
            below += int(others[1].sum())
        return halves / 2 / pairs


def _dot(one: NDArray[np.int64], other: NDArray[np.int64]) -> int:
    if one.sum() * float(other.max(initial=0)) < 2**62:
        return int(one @ other)
    return int(one.astype(object) @ other.astype(object))


def _counted(file: Path) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Each score of a file once, ascending, and how often it is there; memory for as many as differ."""
    values, counts = np.zeros(0), np.zeros(0, dtype=np.int64)
    with file.open("rb") as opened:
        while (part := np.fromfile(opened, np.float64, _ROWS)).size:
            found, times = np.unique(part, return_counts=True)
            values, place = np.unique(np.concatenate([values, found]), return_inverse=True)
            counts = np.bincount(place, np.concatenate([counts, times]), values.size).astype(np.int64)
    return values, counts
