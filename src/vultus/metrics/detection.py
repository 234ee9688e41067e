"""How well boxes are found: recall, precision, average precision, false finds per picture.

A found box is right when it overlaps a true one by the wanted IoU and no better-scored box of
the picture has taken that one; of several free true boxes it takes the one it overlaps most.
Faces marked as not to be judged (tiny, blurred) are neither found nor missed, and a box on
one is no mistake. Boxes are x1, y1, x2, y2 in pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError
from vultus.geometry import iou as overlap_of
from vultus.metrics.caveats import scarce
from vultus.metrics.intervals import wilson
from vultus.types import Estimate, Rate

__all__ = ["Detection", "Picture", "detect_figures"]

Boxes = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """What is in a picture and what was found there."""

    truth: Boxes  # (t, 4)
    found: Boxes  # (f, 4)
    scores: NDArray[np.floating[Any]]  # (f,), higher = surer
    ignore: NDArray[np.bool_] | None = None  # (t,), not to be judged


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """All figures of one test at one IoU."""

    iou: float
    threshold: float
    recall: Rate  # at the threshold
    precision: Rate
    false_per_picture: float
    mean_iou: float  # of the right boxes at the threshold; NaN without
    average_precision: Estimate  # area under precision over recall, precision made falling; resampled by picture
    pictures: int
    scores: NDArray[np.float64]  # (k,), falling: the curves' points, one a score
    recalls: NDArray[np.float64]  # (k,)
    precisions: NDArray[np.float64]  # (k,)
    false_per_picture_at: NDArray[np.float64]  # (k,), with `recalls` the FROC
    caveats: tuple[str, ...]


def detect_figures(
    pictures: Sequence[Picture], *, threshold: float = 0.5, iou: float = 0.5, replicates: int = 1000, seed: int = 0
) -> Detection:
    """Figures over pictures, pictures without faces among them.

    threshold: the score from which a box counts, for recall and precision. Recall's and
    precision's intervals are Wilson's; average precision's comes from resampling pictures.
    Refused (InputError): no pictures, no face to be judged, shapes that do not fit, boxes or
    scores that are not finite, boxes without extent, IoU outside 0 to 1.
    """
    if not pictures or not 0 < iou <= 1 or math.isnan(threshold):
        raise InputError(f"expected pictures, an IoU in 0..1 and a threshold, got {len(pictures)}, {iou}, {threshold}")
    parts = [_matched(picture, iou, at) for at, picture in enumerate(pictures)]
    faces = np.array([part[0] for part in parts])
    if not faces.sum():
        raise InputError(f"expected faces to be found in {len(pictures)} pictures, got none that is to be judged")
    score = np.concatenate([part[1] for part in parts])
    overlap = np.concatenate([part[2] for part in parts])  # 0 for a false find
    whose = np.repeat(np.arange(len(parts)), [part[1].size for part in parts])
    order = np.argsort(-score, kind="stable")
    score, overlap, whose = score[order], overlap[order], whose[order]
    right = overlap > 0
    last = np.append(np.flatnonzero(np.diff(score)), score.size - 1) if score.size else np.zeros(0, np.intp)
    hits, finds = right.cumsum()[last], last + 1
    counted = score >= threshold
    average = _average_precision(right, last, np.ones((1, score.size)), np.array([float(faces.sum())]))[0]
    draws = np.random.default_rng(seed).multinomial(len(parts), np.full(len(parts), 1 / len(parts)), size=replicates)
    spread = np.concatenate(
        [
            _average_precision(right, last, some[:, whose], some @ faces)
            for some in np.array_split(draws, _blocks(draws, score))
        ]
    )
    spread = spread[~np.isnan(spread)]
    low, high = np.quantile(spread, [0.025, 0.975])
    total = int(faces.sum())
    return Detection(
        iou=iou,
        threshold=threshold,
        recall=wilson(int((right & counted).sum()), total),
        precision=wilson(int((right & counted).sum()), int(counted.sum())),
        false_per_picture=float((~right & counted).sum() / len(parts)),
        mean_iou=float(overlap[right & counted].mean()) if (right & counted).any() else math.nan,
        average_precision=Estimate(float(average), min(float(low), average), max(float(high), average), total),
        pictures=len(parts),
        scores=score[last],
        recalls=hits / total,
        precisions=hits / finds,
        false_per_picture_at=(finds - hits) / len(parts),
        caveats=(
            *scarce(total, "face"),
            *(() if score.size else ("nothing was found in any picture",)),
            *(() if len(parts) >= 10 else (f"{len(parts)} pictures are too few to resample",)),
        ),
    )


def _matched(picture: Picture, least: float, at: int) -> tuple[int, NDArray[np.float64], NDArray[np.float64]]:
    """Faces to be judged; then score, and overlap if right or 0, of each find that is judged."""
    truth, found = _boxes(picture.truth, f"truth of picture {at}"), _boxes(picture.found, f"finds of picture {at}")
    scores = np.asarray(picture.scores, dtype=np.float64)
    passed_over = np.zeros(len(truth), dtype=bool) if picture.ignore is None else np.asarray(picture.ignore)
    if scores.shape != (len(found),) or not np.isfinite(scores).all():
        raise InputError(f"expected a finite score for each of {len(found)} finds of picture {at}, got {scores.shape}")
    if passed_over.shape != (len(truth),) or passed_over.dtype != bool:
        raise InputError(f"expected a boolean for each of {len(truth)} faces of picture {at}, got {passed_over.shape}")
    order = np.argsort(-scores, kind="stable")
    overlaps = overlap_of(found[order], truth).astype(np.float64)
    free = ~passed_over
    judged, result = np.ones(len(found), dtype=bool), np.zeros(len(found))
    for row, overlap in enumerate(overlaps):
        able = np.where(free, overlap, -1.0)
        if able.size and able.max() >= least:
            best = int(able.argmax())
            free[best], result[row] = False, overlap[best]
        elif (overlap[passed_over] >= least).any():
            judged[row] = False
    return int((~passed_over).sum()), scores[order][judged], result[judged]


def _average_precision(
    right: NDArray[np.bool_], last: NDArray[np.intp], weights: NDArray[Any], faces: NDArray[Any]
) -> NDArray[np.float64]:
    """Area of each replicate, (R,): weights (R, finds) by picture, faces (R,); NaN without a face."""
    if not last.size:
        return np.asarray(np.where(faces > 0, 0.0, np.nan), dtype=np.float64)
    hits = (weights * right).cumsum(axis=1)[:, last]
    finds = weights.cumsum(axis=1)[:, last]
    precision = np.divide(hits, finds, out=np.zeros(hits.shape), where=finds > 0)
    highest_after = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    gained = np.diff(hits, axis=1, prepend=0)
    area = (gained * highest_after).sum(axis=1)
    return np.asarray(np.divide(area, faces, out=np.full(area.shape, np.nan), where=faces > 0), dtype=np.float64)


def _blocks(draws: NDArray[np.int64], scores: NDArray[np.float64]) -> int:
    """How many parts keep each below a few million weights."""
    return max(min(len(draws), len(draws) * scores.size // (1 << 22) + 1), 1)


def _boxes(boxes: Boxes, what: str) -> NDArray[np.float64]:
    found = np.asarray(boxes, dtype=np.float64)
    if found.size == 0:
        return np.zeros((0, 4))
    if found.ndim != 2 or found.shape[1] != 4 or not np.isfinite(found).all():
        raise InputError(f"expected finite boxes (n, 4) x1, y1, x2, y2 as {what}, got shape {found.shape}")
    if not (found[:, 2:] > found[:, :2]).all():
        raise InputError(f"expected boxes x1, y1, x2, y2 with extent as {what}; are these x, y, width, height?")
    return found
