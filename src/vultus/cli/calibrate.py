"""`vultus calibrate`: measure which score stands for which error rate, on pictures of known people."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from vultus.cli import options
from vultus.cli.output import console, print_json, progress, table, warn
from vultus.errors import InputError

__all__ = ["add_to"]

TARGETS = (1e-1, 1e-2, 1e-3, 1e-4)
GALLERIES = (1, 20, 100, 1000)


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("calibrate")(calibrate)


@options.choosing
def calibrate(
    images: Annotated[Path, typer.Option("--images", help="Development pictures, a sub-folder a person.")],
    name: Annotated[str, typer.Option("--name", help="Name of the table's file.")],
    pairs: Annotated[
        Path | None, typer.Option("--pairs", help="Only people who occur in this pairs file (LFW's format).")
    ] = None,
    without: Annotated[
        list[Path] | None, typer.Option("--without", help="Leave out the people of this list; they are for the test.")
    ] = None,
    data: Annotated[str | None, typer.Option("--data", help="What the pictures are, in a few words.")] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the table.")] = Path("operating_points"),
    seed: Annotated[int, typer.Option("--seed")] = 0,
    json: options.JsonOption = False,
    chosen: options.Chosen = options.DEFAULTS,
) -> None:
    """Write the table of operating points that verify, identify and the gallery take their thresholds from.

    Set VULTUS_OPERATING_POINTS to the output folder to use it. Never calibrate on the
    people on whom you test.
    """
    from vultus.datasets import lfw
    from vultus.evaluation.calibrate import calibrate_pictures
    from vultus.runtime import engine_precision

    only = None if pairs is None else sorted({who for pair in lfw.pairs(pairs, images) for who in pair.people})
    left_out = {person for file in without or () for person in lfw.names(file)}
    by_person = lfw.pictures(images, only, left_out)
    if len(by_person) < 2:
        raise InputError(f"expected pictures of at least two people in {images}, found {len(by_person)}")
    analyzer = chosen.analyzer()
    where = Path(*images.parts[-2:])  # enough to know it by, without the machine it lies on
    words = ["vultus", "calibrate", "--images", str(where), "--name", name]
    words += [] if chosen.profile == "default" else ["--profile", chosen.profile]
    words += [] if chosen.embedder is None else ["--embedder", Path(chosen.embedder).name]
    words += [] if pairs is None else ["--pairs", pairs.name]
    words += [word for file in without or () for word in ("--without", file.name)]
    arithmetic = engine_precision(options.engine_options(chosen.engine, chosen.precision))
    total = sum(map(len, by_person.values()))
    with progress("reading pictures", total, quiet=json) as advance:
        done = calibrate_pictures(
            by_person,
            analyzer.parallel(),
            data=data or f"{images.name}, {len(by_person)} people",
            command=shlex.join(words),
            precision=f"{chosen.engine} {arithmetic}",
            seed=seed,
            progress=lambda at, of: advance(to=at, total=of),
        )
    path = output / f"{name}.json"
    done.table.save(path)
    made = done.table
    if json:
        print_json(
            {
                "path": path,
                "people": made.people,
                "pictures": made.pictures,
                "failures": made.failures,
                "impostors": made.impostors,
                "verify": {f"{rate:g}": made.verify(rate) for rate in TARGETS},
            }
        )
        return
    if done.failures:
        warn(f"{len(done.failures)} of {total} pictures gave no embedding")
    rows = [
        (f"FMR {rate:g}", f"{made.verify(rate).threshold:.4f}", str(made.verify(rate).measured or "extrapolated"))
        for rate in TARGETS
    ]
    rows += [
        (
            f"FPIR 0.01 against {people}",
            f"{point.threshold:.4f}",
            "extrapolated" if point.extrapolated else "by the growth model",
        )
        for people in GALLERIES
        for point in [made.identify(0.01, [1] * people)]
    ]
    table(
        f"{made.people} people, {made.pictures} pictures, {made.impostors} impostor pairs",
        ("stands for", "threshold#", "measured"),
        rows,
    )
    console().print(f"wrote {path}; set VULTUS_OPERATING_POINTS={output} to use it", soft_wrap=True)
