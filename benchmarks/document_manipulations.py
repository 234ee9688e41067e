"""Deep marks on portraits: what they say of manipulations, what forgers get, what they cost.

    python benchmarks/document_manipulations.py --data DIR [--people N] [--write docs/concepts/document-integrity.md]

DIR holds `portraits` (the London Set), people whom neither mark nor classifier was trained on. Each is cut to
`passport`, 448 x 576; that crop is the master. Every kind of manipulation of vultus.integrity.manipulations is
tried on every neutral portrait, at one of the strengths to test by in turn, which nothing was learned from;
morphs take another portrait. From the files that ship. What a training is needed for (other methods' reveals,
pictures without a mark) stands in the classifier's card, where recipes/document_manipulations.py wrote it.
Intervals: Clopper-Pearson for rates, people resampled for macro-F1.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import cv2
import marks as pages
import numpy as np
from document import cost, cut, encoded, small_jp2, small_jpeg

from vultus import Analyzer
from vultus.datasets import portraits
from vultus.errors import InputError
from vultus.integrity import marks
from vultus.integrity.manipulations import FAMILIES, INTACT, TESTED, Manipulation, Partner, manipulated
from vultus.integrity.marks import Inspection, Mark
from vultus.integrity.morphing import Points, face_points, morph
from vultus.integrity.pixels import decode
from vultus.integrity.quality import assess
from vultus.integrity.secret import KEYLESS, MarkKey
from vultus.metrics.classification import classify
from vultus.metrics.intervals import clopper_pearson
from vultus.types import Image, Rate

KEY, OTHER = MarkKey(bytes(range(32))), MarkKey(bytes(range(1, 33)))
BEGIN, END = "<!-- deep marks: benchmarks/document_manipulations.py -->", "<!-- /deep marks -->"
DOCUMENTS = 4  # for which each picture is marked, to count false alarms
QUALITY = 10  # people whose quality is measured before and after
DENOISED = (5, 5)  # pixels of the blur by which a forger guesses what the photo was before


def told(rate: Rate) -> dict[str, float]:
    return {"k": rate.k, "n": rate.n, "low": rate.low, "high": rate.high}


def rate(hits: list[bool]) -> dict[str, float]:
    return told(clopper_pearson(sum(hits), len(hits)))


def trials(people: list[str]) -> Iterator[tuple[int, Manipulation, np.random.Generator, int]]:
    """Number of the person, manipulation, generator, number of the partner."""
    kinds: dict[str, list[Manipulation]] = {}
    for how in TESTED:
        kinds.setdefault(how.kind, []).append(how)
    for number in range(len(people)):
        for place, hows in enumerate(kinds.values()):
            rng = np.random.default_rng([1, number, place])
            mate = (number + 1 + int(rng.integers(len(people) - 1))) % len(people)
            yield number, hows[number % len(hows)], rng, mate


class Found:
    """What one mark said, kind by kind."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def add(self, person: str, how: str, truth: str, seen: Inspection) -> None:
        best = max(seen.scores.items(), key=lambda pair: pair[1])[0]
        self.rows.append(
            {"person": person, "how": how, "truth": truth, "state": seen.state, "named": seen.family, "best": best,
             "bits": (seen.bits or (0, 1))[0] / (seen.bits or (0, 1))[1]}
        )  # fmt: skip

    def of(self, **wanted: str) -> list[dict[str, Any]]:
        return [row for row in self.rows if all(row[name] == value for name, value in wanted.items())]

    def fields(self) -> dict[str, Any]:
        """Families over the manipulations of the test; `nothing` and no name count as wrong."""
        rows = [row for row in self.rows if row["truth"] in FAMILIES]
        truth = [FAMILIES.index(row["truth"]) for row in rows]
        people = [row["person"] for row in rows]
        found: dict[str, Any] = {}
        for column in ("best", "named"):
            said = [FAMILIES.index(row[column]) if row[column] in FAMILIES else -1 for row in rows]
            whole = classify(truth, said, FAMILIES, people=people)
            found[column] = {
                "accuracy": told(whole.accuracy),
                "macro_f1": [whole.macro_f1.value, whole.macro_f1.low, whole.macro_f1.high],
                "recall": {each.name: told(each.recall) for each in whole.classes},
                "confusion": whole.confusion.tolist(),
                "unanswered": whole.unanswered.tolist(),
            }
        named = [row for row in rows if row["named"]]
        found["right_of_named"] = rate([row["named"] == row["truth"] for row in named])
        changed = [row for row in rows if row["truth"] != INTACT]
        found["tampering_found"] = rate([row["state"] != "intact" for row in changed])
        found["found_by_kind"] = {
            kind: dict(Counter(row["state"] for row in rows if row["how"].rpartition(" ")[0].startswith(kind)))
            for kind in dict.fromkeys(how.kind for how in TESTED)
        }
        return found


def tried(
    mark: Mark, masters: dict[str, Image], smiling: dict[str, Image], points: dict[str, Points]
) -> dict[str, Any]:
    """Every kind of every master; what was never marked; forgeries; small files."""
    people, found = list(masters), Found()
    marked = {who: mark.embed(image, KEY, f"TEST-{who}") for who, image in masters.items()}
    print(f"{mark.name}: {len(marked)} marked", file=sys.stderr, flush=True)
    for number, how, rng, mate in trials(people):
        who, other = people[number], people[mate]
        partner = Partner(masters[other], points[other], points[who])
        try:
            changed = manipulated(marked[who], how, rng, partner)
        except InputError:
            continue  # faces that cannot be morphed
        found.add(who, str(how), how.family, mark.inspect(changed, KEY, f"TEST-{who}"))
    print(f"{mark.name}: {len(found.rows)} manipulated", file=sys.stderr, flush=True)
    alarms, gone = [], {"jpeg_20_kb": [], "jpeg_2000_18_kb": []}
    said: dict[str, list[Inspection]] = {"unmarked": [], "other_key": [], "other_document": []}
    forged: dict[str, list[bool]] = {
        "keyless_passes_the_keyless_check": [], "keyless_passes_the_keyed_check": [], "copied_is_found_out": [],
    }  # fmt: skip
    copied_bits = []
    for number, who in enumerate(people):
        doc, image = f"TEST-{who}", marked[who]
        again = decode(encoded(image, "WEBP", lossless=True)).image
        alarms += [
            mark.inspect(again, KEY, doc).state != "intact",
            *false_alarms(mark, doc, masters[who], smiling[who]),
        ]
        said["unmarked"].append(mark.inspect(masters[who], KEY, doc))
        said["other_key"].append(mark.inspect(image, OTHER, doc))
        said["other_document"].append(mark.inspect(image, KEY, f"{doc}-X"))
        gone["jpeg_20_kb"].append(mark.inspect(decode(small_jpeg(image)).image, KEY, doc).state == "absent")
        gone["jpeg_2000_18_kb"].append(mark.inspect(decode(small_jp2(image)).image, KEY, doc).state == "absent")
        other = people[(number + 1) % len(people)]
        mixed = morph(image, masters[other], (points[who], points[other]), 0.5).image
        anew = mark.embed(mixed, KEYLESS, doc)
        forged["keyless_passes_the_keyless_check"].append(mark.inspect(anew, KEYLESS, doc).state == "intact")
        forged["keyless_passes_the_keyed_check"].append(mark.inspect(anew, KEY, doc).state == "intact")
        residual = image.astype(np.float32) - cv2.GaussianBlur(image, DENOISED, 0)
        copied = mark.inspect(np.clip(np.rint(mixed + residual), 0, 255).astype(np.uint8), KEY, doc)
        forged["copied_is_found_out"].append(copied.state != "intact")
        copied_bits.append((copied.bits or (0, 1))[0] / (copied.bits or (0, 1))[1])
    return {
        "families": found.fields(),
        "false_alarms_on_intact": rate(alarms),
        "what_was_not_marked_so": {
            name: {
                "absent": rate([each.state == "absent" for each in seen]),
                "kind_named": rate([bool(each.family) for each in seen]),
                "bits_mean": float(np.mean([each.bits[0] / each.bits[1] for each in seen if each.bits])),
                "bits_least_most": [
                    float(function([each.bits[0] / each.bits[1] for each in seen if each.bits]))
                    for function in (min, max)
                ],
            }
            for name, seen in said.items()
        },
        "forgery": {name: rate(values) for name, values in forged.items()} | {
            "copied_bits_read": [min(copied_bits), float(np.mean(copied_bits)), max(copied_bits)]
        },
        "small_files_absent": {name: rate(values) for name, values in gone.items()},
    }  # fmt: skip


def false_alarms(mark: Mark, doc: str, *pictures: Image) -> Iterator[bool]:
    """Whether a marked picture that was only saved as PNG is not intact, for each picture and some documents."""
    for number, image in enumerate(pictures):
        for issue in range(DOCUMENTS):
            name = f"{doc}-{number}-{issue}"
            saved = decode(encoded(mark.embed(image, KEY, name), "PNG", optimize=True)).image
            yield mark.inspect(saved, KEY, name).state != "intact"


def quality_changes(mark: Mark, masters: dict[str, Image], analyzer: Analyzer) -> dict[str, Any]:
    """By how much the scalars of the quality measures differ before and after marking."""
    largest: dict[str, float] = {}
    people = list(masters)[:QUALITY]
    for who in people:
        before, after = (
            {each.name: each.scalar for each in assess(image, analyzer).measures}
            for image in (masters[who], mark.embed(masters[who], KEY, f"TEST-{who}"))
        )
        for name, value in before.items():
            if value is not None and after[name] is not None:
                largest[name] = max(largest.get(name, 0.0), abs(float(value) - float(after[name])))
    return {"people": len(people), "largest": dict(sorted(largest.items(), key=lambda pair: -pair[1]))}


def share(found: dict[str, float]) -> str:
    """So many of so many, with the interval."""
    return f"{found['k']} of {found['n']} ({found['low']:.1%} to {found['high']:.1%})"


def written(made: dict[str, Any]) -> str:
    """The page's tables."""
    lines = []
    for name, whole in made["marks"].items():
        said = whole["tried"]
        families, price, forged = said["families"], whole["cost"], said["forgery"]
        lines += [f"**`{name}`**, {made['people']} people, their portraits cut to 448 x 576.", ""]
        lines += ["| | |", "| --- | --- |"]
        kinds = families["best"]
        lines += [
            f"| family, the most probable one | {share(kinds['accuracy'])} right; macro-F1 "
            f"{kinds['macro_f1'][0]:.3f} ({kinds['macro_f1'][1]:.3f} to {kinds['macro_f1'][2]:.3f}) |",
            f"| family, where one is named | {share(families['right_of_named'])} right |",
            f"| manipulation found at all | {share(families['tampering_found'])} |",
            f"| false alarms: PNG or lossless WebP, {2 * DOCUMENTS + 1} markings of two photos a person | "
            f"{share(said['false_alarms_on_intact'])} |",
        ]
        for key, words in (
            ("unmarked", "never marked"), ("other_key", "another key"), ("other_document", "another document"),
        ):  # fmt: skip
            seen = said["what_was_not_marked_so"][key]
            low, high = seen["bits_least_most"]
            lines.append(
                f"| {words}: absent | {share(seen['absent'])}; bits that agree {seen['bits_mean']:.2%} "
                f"({low:.1%} to {high:.1%} a photo); a kind is named of {share(seen['kind_named'])} |"
            )
        lines += [
            f"| JPEG of at most 20 kB: mark gone | {share(said['small_files_absent']['jpeg_20_kb'])} |",
            f"| JPEG 2000 of 18 kB: mark gone | {share(said['small_files_absent']['jpeg_2000_18_kb'])} |",
            "| morph, marked again without a key: passes a check without a key | "
            f"{share(forged['keyless_passes_the_keyless_check'])} |",
            f"| the same: passes the check with the key | {share(forged['keyless_passes_the_keyed_check'])} |",
            f"| morph with the residual of the marked photo: found out | {share(forged['copied_is_found_out'])}; "
            f"bits read {forged['copied_bits_read'][0]:.1%} to {forged['copied_bits_read'][2]:.1%} |",
            f"| PSNR to the master | {price['psnr'][0]:.2f} to {price['psnr'][2]:.2f} dB |",
            f"| SSIM, window 7 | {price['ssim'][0]:.4f} to {price['ssim'][2]:.4f} |",
            f"| similarity of the face to the unmarked one | at least "
            f"{price['similarity_marked_to_master_least']:.3f} |",
            "| similarity to the same person smiling | changed by "
            f"{price['similarity_change_against_smiling']['mean']:.4f} on average, by "
            f"{price['similarity_change_against_smiling']['largest']:.3f} at most |",
            "| not matched with the same person smiling, FMR 10⁻³ | "
            f"{price['fnmr_at_fmr_1e-3']['marked']['k']} of {price['fnmr_at_fmr_1e-3']['marked']['n']} marked, "
            f"{price['fnmr_at_fmr_1e-3']['plain']['k']} of {price['fnmr_at_fmr_1e-3']['plain']['n']} unmarked |",
            "| quality measures before and after, largest changes of 100 | "
            + ", ".join(f"{key} {value:g}" for key, value in [*whole["quality"]["largest"].items()][:4])
            + f" ({whole['quality']['people']} people) |",
            f"| time, busy machine | {price['ms_embed_median']:.0f} ms to mark, {price['ms_inspect_median']:.0f} ms to "
            "inspect (medians) |",
            "",
            f"What was done (rows) and what was taken for most probable (columns), `{name}`:",
            "",
            "| | " + " | ".join(FAMILIES) + " | nothing |",
            "| --- |" + " --- |" * (len(FAMILIES) + 1),
        ]
        for row, values, none in zip(FAMILIES, kinds["confusion"], kinds["unanswered"], strict=True):
            lines.append(f"| {row} | " + " | ".join(str(value or "") for value in (*values, none)) + " |")
        lines.append("")
    return "\n".join([*lines, *_controls(made["card"])]).rstrip()


def _controls(card: dict[str, Any]) -> list[str]:
    figures = card.get("figures")
    if not figures:
        return ["The controls were not run for the classifier that ships."]
    lines = ["Learned from one thing and tried on another, with the same network, people and manipulations "
             "(`recipes/document_manipulations.py --test`); \"nothing\" counts as wrong:", "",
             "| learned from | tried on | family right | macro-F1 |", "| --- | --- | --- | --- |"]  # fmt: skip
    words = {"picture": "pictures without a mark", "residual": "their high-pass residuals", "both": "both marks"}
    for run in figures["runs"]:
        k, n, low, high = run["accuracy"]
        learned, tried_on = (words.get(run[side], f"`{run[side]}`") for side in ("learned_from", "tried_on"))
        value, bottom, top = run["macro_f1"]
        lines.append(
            f"| {learned} | {tried_on} | {k} of {n} ({low:.1%} to {high:.1%}) | "
            f"{value:.3f} ({bottom:.3f} to {top:.3f}) |"
        )
    lines += ["", "| mark | control | macro-F1 gained by the mark |", "| --- | --- | --- |"]
    for gain in figures["gains"]:
        value, low, high = gain["macro_f1"]
        lines.append(f"| {gain['mark']} | {words[gain['control']]} | {value:+.3f} ({low:+.3f} to {high:+.3f}) |")
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--people", type=int, default=50)
    parser.add_argument("--marks", nargs="+", default=[name for name in marks.names() if name != marks.DEFAULT])
    parser.add_argument("--write", type=Path, help="a page with the marks of this benchmark")
    arguments = parser.parse_args()
    analyzer = Analyzer()
    by_label: dict[str, dict[str, Image]] = {"neutral": {}, "smiling": {}}
    for one in portraits.read(arguments.data / "portraits")[: 2 * arguments.people]:
        try:
            by_label[str(one.label)][str(one.subject)] = cut(one.source, analyzer)
        except InputError:
            continue  # its head too near to the edge
    both = sorted(by_label["neutral"].keys() & by_label["smiling"].keys())
    masters, smiling = ({who: by_label[label][who] for who in both} for label in ("neutral", "smiling"))
    points = {who: face_points(image, analyzer.detect(image)[0], analyzer) for who, image in masters.items()}
    card = json.loads((files("vultus.integrity.marks") / "weights" / "families.json").read_text("utf-8"))
    made: dict[str, Any] = {"people": len(masters), "card": card, "marks": {}}
    for name in arguments.marks:
        mark = marks.load(name)
        made["marks"][name] = {
            "tried": tried(mark, masters, smiling, points),
            "cost": cost(masters, smiling, mark, analyzer),
            "quality": quality_changes(mark, masters, analyzer),
        }
    json.dump(made, sys.stdout, indent=1)
    print()
    if arguments.write is not None:
        pages.put(arguments.write, BEGIN, END, written(made))
    return 0


if __name__ == "__main__":
    sys.exit(main())
