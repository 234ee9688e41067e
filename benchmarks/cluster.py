"""Grouping of unknown faces: time by number of faces, and agreement with the truth.

    python benchmarks/cluster.py [--sizes 1000 5000 20000] [--images DIR [--splits 5] [--limit N]]

Synthetic part: unit vectors around random centres, four people out of ten with one face, the
others with 2 to 30; the same threshold for every size. Real part: DIR holds a folder with pictures
for each person; the face nearest the middle of each picture is taken. People are split in
halves at random: for each FMR target the threshold is set on the pairs of the first half,
and the figures are those of the second. "chosen" is the largest target that gives pairwise
precision of 0.99 on the first half. Beside it, as a negative control, what connected
components make of the second half at the same threshold. "table" uses the packaged
operating table on all pictures (where its own data overlaps with DIR it is not a test).
Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.analyzer import Analyzer
from vultus.errors import OperatingPointError
from vultus.gallery.cluster import cluster
from vultus.images import read, walk
from vultus.metrics.clustering import bcubed, pairwise
from vultus.metrics.verification import threshold_at_fmr
from vultus.operating import table_for

TARGETS = (1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 5e-5, 3e-5, 1e-5)
PRECISION = 0.99


def agreement(who: NDArray[np.str_], labels: NDArray[np.intp]) -> dict[str, float]:
    truth, predicted = who.tolist(), [None if label < 0 else label for label in labels.tolist()]
    faces, pairs = bcubed(truth, predicted), pairwise(truth, predicted)
    return {
        "bcubed_precision": faces.precision,
        "bcubed_recall": faces.recall,
        "bcubed_f": faces.f,
        "pairwise_precision": pairs.precision,
        "pairwise_recall": pairs.recall,
        "groups": int(labels.max()) + 1,
        "mixed_groups": len({label for label in set(labels.tolist()) - {-1} if len(set(who[labels == label])) > 1}),
    }


def connected(vectors: NDArray[np.float32], threshold: float) -> NDArray[np.intp]:
    """The method that is refused: whatever a chain of pairs above the threshold joins."""
    group = np.arange(len(vectors))
    near = vectors @ vectors.T >= threshold
    while (lowest := np.where(near, group, len(group)).min(axis=1)).tolist() != group.tolist():
        group = lowest
    return group


def synthetic(n: int, seed: int = 0, dimension: int = 128) -> tuple[NDArray[np.float32], NDArray[np.str_]]:
    rng = np.random.default_rng(seed)
    sizes = np.where(rng.random(n) < 0.4, 1, rng.integers(2, 31, n))
    who = np.repeat(np.arange(n), sizes)[:n]
    centres = rng.normal(size=(n, dimension)).astype(np.float32)
    # Noise as long as its centre: two faces of a person have a mean cosine of one half.
    vectors = centres[who] + rng.normal(size=(n, dimension)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    order = rng.permutation(n)
    return vectors[order], who[order].astype(str)


def speed(sizes: list[int]) -> list[dict[str, Any]]:
    rows = []
    for n in sorted(sizes):
        vectors, who = synthetic(n)
        start = time.perf_counter()
        labels = cluster(vectors, 0.36)
        seconds = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        rows.append({"faces": n, "seconds": round(seconds, 3), "process_peak_mb": peak, **agreement(who, labels)})
    return rows


def embedded(images: Path, limit: int | None) -> tuple[NDArray[np.float32], NDArray[np.str_], Analyzer, int]:
    """Vectors and people of the pictures, and in how many pictures no face was found."""
    analyzer = Analyzer()
    files = list(walk([images]))[:limit]
    pictures = (read(file) for file in files)
    vectors, who = [], []
    for file, picture in zip(files, pictures, strict=True):
        middle = np.array([picture.shape[1], picture.shape[0]]) / 2
        if faces := sorted(analyzer.detect(picture), key=lambda face: float(np.hypot(*(face.box.centre - middle)))):
            vectors.append(analyzer.read(picture, faces[:1])[0].embedding)
            who.append(file.parent.name)
    return np.array(vectors), np.array(who), analyzer, len(files) - len(who)


def impostors(vectors: NDArray[np.float32], who: NDArray[np.str_]) -> NDArray[np.float32]:
    pairs = np.triu_indices(len(vectors), 1)
    return np.asarray((vectors @ vectors.T)[pairs][who[pairs[0]] != who[pairs[1]]])


def split(vectors: NDArray[np.float32], who: NDArray[np.str_], seed: int) -> dict[str, Any]:
    people = np.random.default_rng(seed).permutation(np.unique(who))
    first = np.isin(who, people[: len(people) // 2])
    scores = impostors(vectors[first], who[first])
    rows, chosen = [], None
    for target in TARGETS:
        threshold = threshold_at_fmr(scores, target)
        development = agreement(who[first], cluster(vectors[first], threshold))
        test = agreement(who[~first], cluster(vectors[~first], threshold))
        control = agreement(who[~first], connected(vectors[~first], threshold))
        if chosen is None and development["pairwise_precision"] >= PRECISION:
            chosen = target
        rows.append(
            {
                "fmr": target,
                "threshold": threshold,
                "development": development,
                "test": test,
                "connected_components": control,
            }
        )
    return {"seed": seed, "impostor_pairs": len(scores), "faces": int((~first).sum()), "chosen": chosen, "rows": rows}


def summary(splits: list[dict[str, Any]]) -> list[dict[str, float]]:
    """Means over the splits, and the worst pairwise precision."""
    rows = []
    for at, target in enumerate(TARGETS):
        tests = [found["rows"][at]["test"] for found in splits]
        names = ("bcubed_precision", "bcubed_recall", "bcubed_f", "pairwise_precision", "pairwise_recall")
        rows.append(
            {
                "fmr": target,
                "threshold": statistics.fmean(found["rows"][at]["threshold"] for found in splits),
                **{name: statistics.fmean(test[name] for test in tests) for name in names},
                "pairwise_precision_lowest": min(test["pairwise_precision"] for test in tests),
                "bcubed_f_of_connected_components": statistics.fmean(
                    found["rows"][at]["connected_components"]["bcubed_f"] for found in splits
                ),
            }
        )
    return rows


def real(images: Path, splits: int, limit: int | None) -> dict[str, Any]:
    vectors, who, analyzer, faceless = embedded(images, limit)
    found = [split(vectors, who, seed) for seed in range(splits)]
    result: dict[str, Any] = {
        "faces": len(who),
        "people": len(np.unique(who)),
        "without_a_face": faceless,
        "contract": analyzer.contract.id,
        "mean": summary(found),
        "splits": found,
    }
    try:
        table = table_for(analyzer.contract)
        points = {target: table.verify(target) for target in (1e-3, 1e-4)}
    except OperatingPointError as error:
        result["table"] = str(error)
    else:
        result["table"] = [
            {"fmr": target, "threshold": point.threshold, "data": point.data}
            | agreement(who, cluster(vectors, point.threshold))
            for target, point in points.items()
        ]
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description="time and judge the grouping of unknown faces")
    parser.add_argument(
        "--sizes", type=int, nargs="*", default=[1_000, 5_000, 20_000], help="numbers of synthetic faces"
    )
    parser.add_argument("--images", type=Path, help="a folder with a sub-folder of pictures for each person")
    parser.add_argument("--splits", type=int, default=5, help="random halvings of the people")
    parser.add_argument("--limit", type=int, help="how many pictures at most")
    options = parser.parse_args()
    result: dict[str, Any] = {"machine": platform.machine(), "synthetic": speed(options.sizes)}
    if options.images is not None:
        result["real"] = real(options.images, options.splits, options.limit)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
