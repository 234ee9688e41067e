"""Twins of FER2013's public test in its training faces: correlation against a perceptual hash.

    python benchmarks/expression_twins.py --data ../shared/data/fer2013 [--write docs/concepts/expression.md]
        [--answers runs/expression/NAME/test-answers.npz]

How many test faces have a twin by Pearson's rule (`vultus.datasets.twins.across`) and by a 64-bit hash at
distances 0 to 12 (`across_by_hash`), how many by both, and how alike the faces are that the hash alone calls
twins: r of the most alike training face it found, and whether that one has the same label (twins by Pearson's
rule: 96 %; two faces of the set by chance: 17 %). Exactly half of a hash's bits are set, so distances are even.
No network is asked. --answers: what a run of recipes/expression.py answered when it opened the test, to state
its accuracy with and without each kind of twin; the test is not opened again. Prints one JSON object; --write
puts the table between the marks of a page.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import marks
import numpy as np
from numpy.typing import NDArray

from vultus.datasets import fer2013, twins
from vultus.errors import NotFoundError
from vultus.metrics.intervals import wilson

START, END = "<!-- twins: benchmarks/expression_twins.py -->", "<!-- /twins -->"
DISTANCES = range(0, 14, 2)
UNION = 6  # distance up to which nearly all pairs are one photograph


def correlations(asked: NDArray[np.uint8], seen: NDArray[np.uint8], pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    """Pearson's r of the faces of each pair, of means of 4x4 pixels."""

    def rows(faces: NDArray[np.uint8]) -> NDArray[np.float64]:
        small = faces.reshape(len(faces), 12, 4, 12, 4).mean((2, 4)).reshape(len(faces), 144)
        small = small - small.mean(1, keepdims=True)
        return np.asarray(small / np.maximum(np.linalg.norm(small, axis=1, keepdims=True), 1e-9), np.float64)

    one, other = rows(asked), rows(seen)
    return np.concatenate(
        [(one[part[:, 0]] * other[part[:, 1]]).sum(1) for part in np.array_split(pairs, len(pairs) // 65536 + 1)]
    )


def row(
    asked: Any, seen: Any, pairs: NDArray[np.int64], pixels: tuple[NDArray[np.uint8], NDArray[np.uint8]], rule: set[int]
) -> dict[str, Any]:
    """Counts of one rule; rule: test faces that Pearson's finds."""
    faces = set(pairs[:, 0].tolist())
    r = correlations(*pixels, pairs)
    best: dict[int, tuple[float, int]] = {}
    for (test, train), value in zip(pairs.tolist(), r.tolist(), strict=True):
        best[test] = max(best.get(test, (-2.0, 0)), (round(value, 9), -train))  # of equals the first
    same = {test for test, (_, train) in best.items() if asked.labels[test] == seen.labels[-train]}
    alone = faces - rule
    return {
        "test_faces": len(faces),
        "training_faces": len(set(pairs[:, 1].tolist())),
        "pairs": len(pairs),
        "same_label": len(same),
        "both": len(faces & rule),
        "missed": len(rule - faces),
        "alone": len(alone),
        "alone_same_label": len(alone & same),
        "alone_median_r": float(np.median([best[each][0] for each in alone])) if alone else None,
    }


def effect(file: Path, asked: Any, rule: set[int], hashed: set[int]) -> dict[str, list[float]]:
    """Accuracy of kept answers by kind of test face: count, total, 95 % interval (Wilson)."""
    with np.load(file, allow_pickle=False) as held:
        answers, truth = held["answers"], held["truth"]
    if not np.array_equal(truth, asked.labels):
        raise SystemExit(f"{file}: expected answers to the public test of this folder")
    right, every = answers.argmax(1) == truth, set(range(len(truth)))
    parts = {
        "all": every,
        "without Pearson's twins": every - rule,
        "without twins by either": every - rule - hashed,
        "twins by the hash alone": hashed - rule,
    }
    found = {}
    for name, part in parts.items():
        rate = wilson(int(right[sorted(part)].sum()), len(part))
        found[name] = [rate.k, rate.n, rate.low, rate.high]
    return found


def written(result: dict[str, Any]) -> str:
    """The part of the page."""
    pearson = result["pearson"]
    lines = [
        "| rule | test faces with a twin in train | … of them by Pearson's rule too | of Pearson's missed "
        "| by the hash alone | … with the label of the most alike | … median r of the most alike |",
        "|---|---|---|---|---|---|---|",
        f"| Pearson r > {result['alike']} | {pearson['test_faces']} | | | | {pearson['same_label']} of "
        f"{pearson['test_faces']} | |",
    ]
    for distance, each in result["hash"].items():
        label = f"{each['alone_same_label']} of {each['alone']}" if each["alone"] else ""
        r = f"{each['alone_median_r']:.3f}" if each["alone"] else ""
        lines.append(
            f"| hash, distance {distance} | {each['test_faces']} | {each['both']} | {each['missed']} | {each['alone']} "
            f"| {label} | {r} |"
        )
    if "effect" in result:
        lines += ["", "| the network's answers on the public test | accuracy | count |", "|---|---|---|"]
        for name, (k, n, low, high) in result["effect"].items():
            share = f"{k / n:.1%} [{low:.1%}, {high:.1%}]".replace("%", " %") if n else "none"
            lines.append(f"| {name} | {share} | {k}/{n} |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of FER2013")
    parser.add_argument("--write", type=Path, help="put the table between the marks in this file")
    parser.add_argument("--answers", type=Path, help="test-answers.npz of a run, for the effect on its figure")
    given = parser.parse_args()
    try:
        found = fer2013.read(given.data)
    except NotFoundError as error:
        print(error, file=sys.stderr)
        return 2
    seen, asked = found["train"], found["public test"]
    pixels = (asked.images(), seen.images())
    begun = time.perf_counter()
    pairs = twins.across(*pixels)
    between = time.perf_counter()
    near = twins.across_by_hash(*pixels, distance=max(DISTANCES))
    ended = time.perf_counter()
    codes = twins.hashed(pixels[0])[near[:, 0]] ^ twins.hashed(pixels[1])[near[:, 1]]
    apart = np.bitwise_count(codes)
    rule = set(pairs[:, 0].tolist())
    result = {
        "test": len(pixels[0]),
        "train": len(pixels[1]),
        "alike": twins.ALIKE,
        "pearson": row(asked, seen, pairs, pixels, rule),
        "hash": {str(each): row(asked, seen, near[apart <= each], pixels, rule) for each in DISTANCES},
        "seconds": {"pearson": round(between - begun, 1), "hash": round(ended - between, 1)},
    }
    if given.answers is not None:
        close = set(near[apart <= UNION, 0].tolist())
        result["effect"] = effect(given.answers, asked, rule, close)
    print(json.dumps(result, indent=1))
    if given.write is not None:
        marks.put(given.write, START, END, written(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
