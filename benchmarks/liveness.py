"""The shipped attack detector on people whom its training did not see, and its speed.

    python benchmarks/liveness.py --data ../shared/data [--write README.md]

Reads the test people of the detector's own split (vultus.datasets.liveness_split, fold 0) through
the whole product: picture in, answer out, abstentions counted for themselves. NUAA's prints are real
attacks; the card (weights/rgb.json) holds the figures on simulated ones. Speed: one face on
all cores, median and best decile of --repeat answers. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections import Counter
from pathlib import Path

import marks
import numpy as np

from vultus import images
from vultus.analyzer import Analyzer
from vultus.choice import main_face
from vultus.datasets.liveness_split import SPLIT, gather
from vultus.metrics.intervals import clopper_pearson
from vultus.types import Face, Image, Liveness

START, END = "<!-- liveness: benchmarks/liveness.py -->", "<!-- /liveness -->"


def faces_of(analyzer: Analyzer, image: Image) -> tuple[Face, ...]:
    """The face that the picture is about."""
    readings = analyzer.read(image, analyzer.detect(image), embed=False)
    return (readings[main_face(readings, (image.shape[1], image.shape[0])).index].face,) if readings else ()


def counted(answers: list[Liveness | None], wrong: bool) -> dict[str, object]:
    """How many were answered wrongly, of how many answered."""
    said = [answer.live for answer in answers if answer is not None and answer.live is not None]
    rate = clopper_pearson(sum(live is wrong for live in said), len(said))
    return {
        "k": rate.k,
        "n": rate.n,
        "value": rate.value,
        "low": rate.low,
        "high": rate.high,
        "no_face": sum(answer is None for answer in answers),
        "abstained": dict(
            Counter(a.abstained.split(",")[0].split(";")[0] for a in answers if a is not None and a.abstained)
        ),
    }


def speed(analyzer: Analyzer, image: Image, repeat: int) -> dict[str, float]:
    faces = faces_of(analyzer, image)
    times = []
    for _ in range(repeat + 5):
        start = time.perf_counter()
        analyzer.liveness(image, faces)
        times.append((time.perf_counter() - start) * 1000)
    return {"median_ms": float(np.median(times[5:])), "best_decile_ms": float(np.quantile(times[5:], 0.1))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--repeat", type=int, default=200)
    parser.add_argument("--write", type=Path, help="put the table between the marks in this file")
    given = parser.parse_args()
    analyzer = Analyzer()
    found: dict[str, list[Liveness | None]] = {}
    example: Image | None = None
    for shot in gather(given.data, 0, SPLIT):
        if shot.part != "test":
            continue
        image = images.read(shot.path)
        example = image if shot.source == "nuaa" else example
        faces = faces_of(analyzer, image)
        answer = analyzer.liveness(image, faces)[0] if faces else None
        found.setdefault(f"{shot.source}-print" if shot.attack else shot.source, []).append(answer)
    assert example is not None, "NUAA has test people"
    result = {
        "machine": platform.processor() or platform.machine(),
        "bona_fide": {name: counted(answers, wrong=False) for name, answers in found.items() if name != "nuaa-print"},
        "attacks": {"nuaa-print": counted(found["nuaa-print"], wrong=True)},
        "speed": speed(analyzer, example, given.repeat),
    }
    print(json.dumps(result, indent=1))
    if given.write:
        marks.put(given.write, START, END, written(result))


def written(result: dict) -> str:
    """The table of the README."""
    names = {
        "lfw": "real faces refused, LFW's test people",
        "portraits": "real faces refused, studio portraits",
        "nuaa": "real faces refused, NUAA's webcam",
        "nuaa-print": "printed photographs accepted, NUAA",
    }
    rows = ["| what | share [95 % interval] | count | no answer |", "|---|---|---|---|"]
    for name, words in names.items():
        found = result["bona_fide"].get(name) or result["attacks"].get(name)
        silent = found["no_face"] + sum(found["abstained"].values())
        share = f"{found['value']:.1%} [{found['low']:.1%}, {found['high']:.1%}]".replace("%", " %")
        rows.append(f"| {words} | {share} | {found['k']}/{found['n']} | {silent} |")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
