"""`vultus evaluate cohort`: do scores relative to other people find more of those who are known, and at what cost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vultus.cli import options
from vultus.cli.evaluate.answers import SeedOption, absent, print_report, table_of
from vultus.cli.output import console, point_line, progress, table

if TYPE_CHECKING:
    from vultus.evaluation.cohort_report import CohortReport, Part

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("cohort")(cohort)


@options.choosing
def cohort(
    images: Annotated[Path, typer.Option("--images", help="Folder of pictures, a sub-folder a person.")],
    people: Annotated[Path, typer.Option("--people", help="List of the people to enrol, a name a line.")],
    strangers: Annotated[
        Path, typer.Option("--strangers", help="List of the people who are not enrolled. All others are the cohort.")
    ],
    enrolled: Annotated[
        list[int] | None, typer.Option("--enrolled", help="Pictures enrolled a person (1 and 5).")
    ] = None,
    drawn: Annotated[
        list[int] | None, typer.Option("--drawn", help="Also random galleries of so many of the others.")
    ] = None,
    splits: Annotated[
        int, typer.Option("--splits", help="Random choices of the enrolled pictures; twice as many galleries.", min=1)
    ] = 10,
    fpir: options.FpirOption = 0.01,
    top: Annotated[
        int, typer.Option("--top", help="Cohort pictures nearest to each side, of adaptive S-norm.", min=2)
    ] = 100,
    seed: SeedOption = 0,
    json: options.JsonOption = False,
    chosen: options.Chosen = options.DEFAULTS,
) -> None:
    """FNIR at FPIR with each way to normalise scores, paired with none, and what it costs a search.

    Every method has the threshold that the strangers of the test set; below stands what
    `vultus identify --normalise` does at the product's own, which other people set. With --json
    a line a kind of gallery.
    """
    from vultus.datasets import lfw
    from vultus.evaluation.cohort_report import evaluate

    known, unknown = lfw.names(people), lfw.names(strangers)
    data = lfw.OpenSet(lfw.pictures(images, known), lfw.pictures(images, unknown))
    others = lfw.pictures(images, without=[*known, *unknown])
    analyzer = chosen.analyzer()
    with progress("reading pictures", None, quiet=json) as advance:
        report = evaluate(
            data,
            others,
            analyzer.parallel(),
            table=table_of(analyzer),
            templates=tuple(enrolled or (1, 5)),
            drawn=tuple(drawn or ()),
            splits=splits,
            fpir=fpir,
            top=top,
            seed=seed,
            progress=lambda done, of: advance(to=done, total=of),
        )
    if json:
        for part in report.parts:
            print_report({**_answer(part), "pictures": report.pictures, "failures": report.failures})
        return
    _show(report)


def _answer(part: Part) -> dict[str, object]:
    return {"galleries": part.name, "result": part.result, "product": part.product}


def _show(report: CohortReport) -> None:
    for part in report.parts:
        result = part.result
        table(
            f"{part.name}: {result.people} with {result.templates:g} pictures each, {result.trials} splits, "
            f"{result.searches:,} searches, {result.strangers} strangers; cohort of {result.cohort} pictures, "
            f"top {result.top}; each at its own threshold for FPIR {result.fpir:g}",
            ("method", "FNIR [95 %]", "minus none [95 %]#", "ms a search#"),
            (
                (
                    method.name,
                    str(method.fnir),
                    _difference(method.gain, method.gain_low, method.gain_high) if method.name != "none" else "",
                    f"{method.milliseconds:.3f}" if method.name != "none" else "",
                )
                for method in result.methods
            ),
        )
        if part.product:
            table(
                f"the same with the product's thresholds for FPIR {result.fpir:g}",
                ("method", "threshold#", "FPIR [95 %]", "FNIR [95 %]", "FNIR minus none [95 %]#"),
                (
                    (
                        at.name,
                        f"{at.point.threshold:.3f}",
                        str(at.fpir),
                        str(at.fnir),
                        _difference(at.gain, at.gain_low, at.gain_high) if at.name != "none" else "",
                    )
                    for at in part.product
                ),
            )
            for at in part.product:
                console().print(f"[dim]{at.name}: {point_line(at.point)}[/]", soft_wrap=True)
    absent([failure.path for failure in report.failures], "pictures gave no face")


def _difference(value: float, low: float, high: float) -> str:
    return f"{value:+.4f} [{low:+.4f}, {high:+.4f}]"
