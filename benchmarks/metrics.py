"""Speed of the error figures on a million scores, beside scikit-learn's, and that they agree.

    python benchmarks/metrics.py [--scores 1000000] [--repeats 7] [--chunks N]

Ours: all points of the error curve, EER, FNMR at FMR 1e-1 to 1e-4, and AUC. Theirs:
`sklearn.metrics.roc_curve` (as it comes, and with every point), the same figures read off it,
and `roc_auc_score`. The two take turns in one process; medians are reported, and their ratio.
Scores are normal deviates, and in a second run rounded to three digits, so that ties are the
rule. --chunks N: also N times as many scores through the counter and the exact thresholds
that need no more memory than one chunk. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import sklearn
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score, roc_curve

from vultus.metrics import streamed
from vultus.metrics.counts import ScoreCounts
from vultus.metrics.det import error_curve
from vultus.metrics.verification import auc, curve, equal_error, fnmr, threshold_at_fmr

TARGETS = (1e-1, 1e-2, 1e-3, 1e-4)
Floats = NDArray[np.float64]


def drawn(n: int, seed: int = 0, *, digits: int | None = None) -> tuple[Floats, NDArray[np.bool_]]:
    """One genuine score in ten: EER near 2.3 %."""
    rng = np.random.default_rng(seed)
    same = rng.random(n) < 0.1
    scores = np.where(same, rng.normal(0.5, 0.15, n), rng.normal(0, 0.1, n))
    return (scores if digits is None else scores.round(digits)), same


def ours(scores: Floats, same: NDArray[np.bool_]) -> dict[str, Any]:
    genuine, impostor = scores[same], scores[~same]
    equal = equal_error(genuine, impostor)
    return {
        "points": curve(genuine, impostor).thresholds.size,
        "eer": equal.rate,
        "auc": auc(genuine, impostor),
        "fnmr": [fnmr(genuine, threshold_at_fmr(impostor, target)).value for target in TARGETS],
    }


def theirs(scores: Floats, same: NDArray[np.bool_], *, every: bool = True) -> dict[str, Any]:
    false, true, _ = roc_curve(same, scores, drop_intermediate=not every)
    missed = 1 - true
    at = int(np.argmin(np.abs(false - missed)))
    # Our threshold lies on an impostor score: the first of the points with that many accepted.
    allowed = [false[np.searchsorted(false, target * (1 + 1e-12), side="right") - 1] for target in TARGETS]
    return {
        "points": false.size,
        "eer": float(false[at] + missed[at]) / 2,
        "auc": float(roc_auc_score(same, scores)),
        "fnmr": missed[np.searchsorted(false, allowed, side="left")].tolist(),
    }


def timed(call: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def compared(n: int, repeats: int, digits: int | None) -> dict[str, Any]:
    scores, same = drawn(n, digits=digits)
    mine, other = ours(scores, same), theirs(scores, same)
    difference = max(
        *(abs(mine[name] - other[name]) for name in ("eer", "auc")),
        *(abs(one - two) for one, two in zip(mine["fnmr"], other["fnmr"], strict=True)),
    )
    calls: dict[str, Callable[[], Any]] = {
        "ours_all_figures": lambda: ours(scores, same),
        "sklearn_all_figures": lambda: theirs(scores, same),
        "ours_curve": lambda: curve(scores[same], scores[~same]),
        "sklearn_roc_curve_every_point": lambda: roc_curve(same, scores, drop_intermediate=False),
        "sklearn_roc_curve": lambda: roc_curve(same, scores),
        "ours_auc": lambda: auc(scores[same], scores[~same]),
        "sklearn_roc_auc_score": lambda: roc_auc_score(same, scores),
        "ours_400_points_with_bands": lambda: error_curve(scores[same], scores[~same]),
    }
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            seconds[name].append(timed(call))
    median = {name: statistics.median(each) for name, each in seconds.items()}
    return {
        "scores": n,
        "ties": digits is not None,
        "points": mine["points"],
        "seconds": {name: round(value, 4) for name, value in median.items()},
        "sklearn_over_ours": {
            "all_figures": round(median["sklearn_all_figures"] / median["ours_all_figures"], 2),
            "curve": round(median["sklearn_roc_curve_every_point"] / median["ours_curve"], 2),
            "auc": round(median["sklearn_roc_auc_score"] / median["ours_auc"], 2),
        },
        "eer": mine["eer"],
        "auc": mine["auc"],
        "fnmr": dict(zip(map(str, TARGETS), mine["fnmr"], strict=True)),
        "largest_difference": difference,
        "same_answers": difference < 1e-9 and mine["points"] == other["points"],
    }


def in_chunks(n: int, chunks: int) -> dict[str, Any]:
    """Exact figures over `chunks` x n scores, made anew in each pass."""

    def source() -> Iterator[tuple[Floats, NDArray[np.bool_]]]:
        return (drawn(n, seed) for seed in range(chunks))

    making = timed(lambda: [None for _ in source()])
    counts = ScoreCounts(np.linspace(-0.6, 1.3, 2000))
    counting = timed(lambda: [counts.add(*each) for each in source()])
    begun = time.perf_counter()
    equal = streamed.equal_error(source)
    seconds = time.perf_counter() - begun
    tracemalloc.start()  # one more pass of each kind, traced, the chunk itself counted in
    for each in source():
        counts.add(*each)
    streamed.threshold_at_fmr(source, 1e-4)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return {
        "scores": n * chunks,
        "seconds_to_make_them_once": round(making, 2),
        "seconds_to_make_and_count_at_2000_thresholds": round(counting, 2),
        "seconds_for_the_exact_eer": round(seconds, 2),
        "eer": equal.rate,
        "auc_between": counts.auc(),
        "peak_mb": round(peak / 2**20, 1),
        "mb_of_all_scores": round(n * chunks * 9 / 2**20, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="time the error figures beside scikit-learn's")
    parser.add_argument("--scores", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--chunks", type=int, default=0, help="also so many times the scores, a chunk at a time")
    options = parser.parse_args()
    result: dict[str, Any] = {
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "scikit_learn": sklearn.__version__,
        "numpy": np.__version__,
        "runs": [compared(options.scores, options.repeats, digits) for digits in (None, 3)],
    }
    if options.chunks:
        result["in_chunks"] = in_chunks(options.scores, options.chunks)
    print(json.dumps(result, indent=2))
    if not all(run["same_answers"] for run in result["runs"]):
        raise SystemExit("scikit-learn's answers differ")


if __name__ == "__main__":
    main()
