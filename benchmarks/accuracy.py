"""The accuracy table of the README, measured again and printed or written in its place.

    python benchmarks/accuracy.py [--data DIR] [--write README.md]

DIR is the development data (`VULTUS_DATA`, or shared/data beside the checkout). Takes about two
minutes. With --write the rows between the two markers of the file are replaced; without it the
table is printed.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
BEGIN, END = "<!-- accuracy: made by benchmarks/accuracy.py -->", "<!-- end of accuracy -->"


def vultus(*arguments: str | Path) -> list[dict[str, Any]]:
    """Run a command line with --json and read its lines."""
    command = [sys.executable, "-c", "from vultus.cli import main; main()", *map(str, arguments), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def rate(value: dict[str, Any]) -> str:
    """A rate with its interval and counts."""
    return f"{value['value']:.4f} [{value['low']:.4f}, {value['high']:.4f}] ({value['k']}/{value['n']})"


def rows(data: Path) -> list[tuple[str, str, str]]:
    """What, figure, command."""
    images, lists = data / "lfw" / "images", data / "lfw"
    pairs = ("--images", images, "--pairs", lists / "pairsDevTest.txt")
    people = ("--images", images, "--people", lists / "identities25.txt", "--strangers", lists / "strangers.txt")
    (plain,) = vultus("evaluate", "verification", *pairs)
    (accurate,) = vultus("evaluate", "verification", *pairs, "--profile", "accurate")
    one, five = vultus("evaluate", "identification", *people)
    verify = "`vultus evaluate verification --images lfw/images --pairs lfw/pairsDevTest.txt`"
    lists_of = "--people lfw/identities25.txt --strangers lfw/strangers.txt"
    identify = f"`vultus evaluate identification --images lfw/images {lists_of}`"
    found = [
        (
            f"LFW DevTest, {plain['pairs']:,} pairs: accuracy over {plain['folds']} folds",
            f"{plain['accuracy']:.4f} ± {plain['accuracy_std']:.4f} "
            f"(`--profile accurate`: {accurate['accuracy']:.4f} ± {accurate['accuracy_std']:.4f})",
            verify,
        ),
        ("… FNMR at FMR 1e-2", rate(plain["fnmr_intervals"]["0.01"]), "as above"),
        ("… failures to enrol", f"{plain['failures_to_enrol']} of {plain['pictures']:,} pictures", "as above"),
    ]
    for result in (one, five):
        pictures = "1 picture" if result["templates"] == 1 else f"{result['templates']} pictures"
        what = f"{result['people']} people with {pictures} each against {result['strangers']} strangers"
        at = result["realised"]
        found += [
            (f"{what}, {result['splits']} splits: FNIR at FPIR 1 %", rate(result["fnir"]), identify),
            ("… at the product's own threshold (set on other people): FPIR", rate(at["fpir"]), "as above"),
            ("… FNIR there", rate(at["fnir"]), "as above"),
        ]
    return found


def main() -> None:
    beside = HERE.parents[1] / "shared" / "data"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("VULTUS_DATA", beside)))
    parser.add_argument("--write", type=Path, help="a file with the two markers")
    arguments = parser.parse_args()
    lines = [f"| {what} | {figure} | {command} |" for what, figure, command in rows(arguments.data)]
    table = "\n".join(["| what | figure | command |", "|---|---|---|", *lines])
    if arguments.write is None:
        print(table)
        return
    text = arguments.write.read_text(encoding="utf-8")
    pattern = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    if not pattern.search(text):
        sys.exit(f"{arguments.write}: expected the markers {BEGIN} and {END}")
    replaced = pattern.sub(lambda _: f"{BEGIN}\n\n{table}\n\n{END}", text)
    arguments.write.write_text(replaced, encoding="utf-8")


if __name__ == "__main__":
    main()
