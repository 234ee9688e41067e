"""The shipped expression reader from raw picture to label, on people whom its training never met; its speed.

    python benchmarks/expression.py --data ../shared/data [--frames 1500] [--write README.md]

Portraits (each person neutral and smiling): detector, crop, network. The rule was set before any picture was
read: "smiling" if P(happy) > P(neutral). Second row, the pair: the smiling portrait has the larger
P(happy) - P(neutral) of the two. A portrait without a face or answer counts as wrong in both, and is counted.
FER2013's public test stands as the reader's card has it; the test is not opened here. CK+48's tiles, which are cut
already, are levelled as the reader levels the crop of a picture (FER2013's are so; CK+48's are not) and asked of the
same network: six shared classes, contempt left out, "neutral" allowed as a (wrong) answer and not; intervals by
resampling people. Speed: one face on all cores, crop and network, median; a film from file to answers
(benchmarks/expression_video.py). What is not there is said and passed over. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import importlib.resources
import json
import platform
import sys
import time
from pathlib import Path
from typing import Any

import marks
import numpy as np
from expression_video import measure

from vultus import images
from vultus.analyzer import Analyzer
from vultus.datasets import ckplus, portraits
from vultus.errors import NotFoundError
from vultus.expression import expression_reader
from vultus.metrics.intervals import SubjectBootstrap, wilson
from vultus.metrics.reliability import reliability
from vultus.models.expression.crop import levelled
from vultus.runtime import EngineOptions, cores
from vultus.types import Expression, Rate

START, END = "<!-- expression: benchmarks/expression.py -->", "<!-- /expression -->"
CLIP = "short_hamilton_clip.mp4"
SAME = {"anger": "angry", "sadness": "sad"}  # CK+'s names to the package's; the others are alike
BATCH = 64


def told(rate: Rate) -> dict[str, float]:
    return {"k": rate.k, "n": rate.n, "value": rate.value, "low": rate.low, "high": rate.high}


def happier(answer: Expression | None) -> float:
    """P(happy) - P(neutral); NaN where there is no answer."""
    if answer is None or answer.abstained:
        return float("nan")
    return answer.scores["happy"] - answer.scores["neutral"]


def smiling(root: Path, analyzer: Analyzer, reader: Any) -> tuple[dict[str, Any], np.ndarray]:
    """Portraits told apart by both rules, and one picture for the speed."""
    margins: dict[str, dict[str, float]] = {}
    silent, image = [], np.zeros((1, 1, 3), np.uint8)
    for portrait in portraits.read(root):
        image = images.read(str(portrait.source))
        faces = analyzer.detect(image)
        answer = reader(image, faces[:1])[0] if faces else None
        if answer is None or answer.abstained:
            silent.append("no face" if answer is None else answer.abstained)
        margins.setdefault(str(portrait.subject), {})[portrait.label or ""] = happier(answer)
    single = [margin["smiling"] > 0 for margin in margins.values()]
    single += [margin["neutral"] <= 0 for margin in margins.values()]  # NaN compares as wrong
    pairs = [margin["smiling"] > margin["neutral"] for margin in margins.values()]
    neutral_right = sum(margin["neutral"] <= 0 for margin in margins.values())
    found = {
        "people": len(margins),
        "pictures": told(wilson(sum(single), len(single))),
        "smiling_right": sum(single) - neutral_right,
        "neutral_right": neutral_right,
        "pairs": told(wilson(sum(pairs), len(pairs))),
        "no_answer": silent,
    }
    return found, image


def crossed(root: Path, reader: Any) -> dict[str, Any]:
    """CK+48, six classes, with its tiles levelled and as they are."""
    held = ckplus.read(root)
    names = [SAME.get(ckplus.CLASSES[label], ckplus.CLASSES[label]) for label in held.labels]
    kept = np.array([name in reader.classes for name in names])
    truth = np.array([reader.classes.index(name) for name in names if name in reader.classes])
    people = np.array(held.subjects)[kept]
    draws = SubjectBootstrap(people, people)
    shared = np.isin(np.arange(len(reader.classes)), truth)
    tiles = np.repeat(held.images()[kept][..., None], 3, axis=3)
    found: dict[str, Any] = {"faces": len(truth), "people": len(set(people.tolist()))}
    for name, crops in (("levelled", np.stack([levelled(each) for each in tiles])), ("as_they_are", tiles)):
        parts = [reader.probabilities(crops[at : at + BATCH]) for at in range(0, len(crops), BATCH)]
        shares = np.concatenate(parts)
        found[name] = {
            "all_answers": told(right(draws, shares.argmax(1) == truth)),
            "six_answers": told(right(draws, np.where(shared, shares, -1).argmax(1) == truth)),
            "ece": reliability(shares, truth).ece,
        }
    return found


def right(draws: SubjectBootstrap, correct: np.ndarray) -> Rate:
    """Share of right answers, its interval by resampling people."""
    wrong = draws.rate(~correct)
    return Rate(wrong.n - wrong.k, wrong.n, 1 - wrong.high, 1 - wrong.low)


def card(model: str) -> dict[str, Any]:
    """Figures of the public test as the shipped card has them; empty for another model."""
    if model != "fer2013":
        return {}
    text = (importlib.resources.files("vultus.models.expression") / "weights" / "fer2013.json").read_text("utf-8")
    facts: dict[str, Any] = json.loads(text)["figures"]
    test = facts.get("test", {})
    kept = {key: test[key] for key in ("set", "date", "accuracy", "uar", "macro_f1", "ece") if key in test}
    for key in ("accuracy_without_twins", "accuracy_of_twins"):
        if key in test:
            kept[key] = test[key]
    return kept


def speed(analyzer: Analyzer, reader: Any, image: np.ndarray, repeat: int) -> dict[str, float]:
    """Milliseconds: expressions of one face that was found, and with finding it."""
    faces = analyzer.detect(image)[:1]
    alone, whole = [], []
    for _ in range(repeat + 5):
        begun = time.perf_counter()
        reader(image, faces)
        alone.append((time.perf_counter() - begun) * 1000)
    for _ in range(max(repeat // 5, 1)):
        begun = time.perf_counter()
        reader(image, analyzer.detect(image)[:1])
        whole.append((time.perf_counter() - begun) * 1000)
    return {
        "face_median_ms": float(np.median(alone[5:])),
        "face_best_decile_ms": float(np.quantile(alone[5:], 0.1)),
        "picture_median_ms": float(np.median(whole)),
        "picture_side": max(image.shape[:2]),
    }


def named(rate: list[float]) -> dict[str, float]:
    """A rate of a card: count, total, low, high."""
    k, n, low, high = rate
    return {"k": k, "n": n, "value": k / n, "low": low, "high": high}


def share(value: float, low: float, high: float) -> str:
    return f"{value:.1%} [{low:.1%}, {high:.1%}]".replace("%", " %")


def written(result: dict[str, Any]) -> str:
    """The table of the README."""
    rows = ["| what | figure [95 % interval] | count |", "|---|---|---|"]

    def line(what: str, rate: dict[str, float]) -> None:
        rows.append(f"| {what} | {share(rate['value'], rate['low'], rate['high'])} | {rate['k']}/{rate['n']} |")

    test = result["fer2013"]
    if "accuracy" in test:
        line("FER2013 public test: accuracy, one network, one crop", named(test["accuracy"]))
        if "accuracy_without_twins" in test:
            line("… on its faces without a twin in train (by correlation)", named(test["accuracy_without_twins"]))
        rows.append(f"| … mean recall of the seven classes (UAR) | {share(*test['uar'])} | |")
        rows.append(f"| … calibration error (ECE, 15 bins) | {test['ece']:.3f} | |")
    if found := result.get("portraits"):
        line("portraits told smiling or neutral, each alone", found["pictures"])
        line("… the smiling one of a person's two", found["pairs"])
    if found := result.get("ck+48"):
        line(f"CK+48, six classes, {found['people']} people never trained on", found["levelled"]["six_answers"])
        line("… with neutral allowed as an answer", found["levelled"]["all_answers"])
    if found := result.get("speed"):
        median, best = found["face_median_ms"], found["face_best_decile_ms"]
        rows.append(f"| one face, crop and network: median, best decile | {median:.1f} ms, {best:.1f} ms | |")
    if found := result.get("video"):
        rows.append(
            f"| film, from file to answers | {found['faces_a_second']:.0f} faces a second, "
            f"{found['memory_mb'][1]} to {found['memory_mb'][-1]} MB "
            f"| {found['answered']} of {found['faces']} faces answered |"
        )
    return "\n".join(rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="fer2013")
    parser.add_argument("--repeat", type=int, default=200)
    parser.add_argument("--frames", type=int, default=1500, help="of the film; 0: none")
    parser.add_argument("--write", type=Path, help="put the table between the marks in this file")
    given = parser.parse_args()
    analyzer = Analyzer()
    reader: Any = expression_reader(given.model, engine=EngineOptions(threads=cores()))
    result: dict[str, Any] = {
        "model": reader.model,
        "machine": f"{platform.machine()}, {cores()} cores",
        "fer2013": card(given.model),
        "missing": [],
    }

    def passed_over(what: str, why: object) -> None:
        result["missing"].append(what)
        print(f"PASSED OVER {what}: {why}", file=sys.stderr)

    if not result["fer2013"]:
        passed_over("fer2013", "the card of this reader states no test")
    try:
        result["portraits"], image = smiling(given.data / "portraits", analyzer, reader)
        result["speed"] = speed(analyzer, reader, image, given.repeat)
    except NotFoundError as error:
        passed_over("portraits", error)
    try:
        result["ck+48"] = crossed(given.data, reader)
    except NotFoundError as error:
        passed_over("ck+48", error)
    clip = given.data / "video" / CLIP
    if given.frames and clip.is_file():
        result["video"] = measure(clip, frames=given.frames, model=given.model)
    elif given.frames:
        passed_over("video", f"{clip} is absent")
    print(json.dumps(result, indent=1))
    if given.write is not None:
        marks.put(given.write, START, END, written(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
