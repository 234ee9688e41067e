"""`vultus evaluate groups`: how error rates differ between groups of people."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from vultus.cli import options
from vultus.cli.evaluate.answers import (
    HtmlOption,
    SeedOption,
    absent,
    notes,
    prepare_html,
    print_report,
    without,
    write_html,
)
from vultus.cli.output import console, point_line, progress, table

if TYPE_CHECKING:
    from vultus.analyzer import Analyzer
    from vultus.evaluation.extraction import Progress
    from vultus.evaluation.groups import GroupReport, GroupTable
    from vultus.metrics.differentials import Differential
    from vultus.types import OperatingPoint

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("groups")(groups)


@options.choosing
def groups(
    images: Annotated[Path, typer.Option("--images", help="Folder of pictures, named as UTKFace names them.")],
    labels: Annotated[
        Path | None, typer.Option("--labels", help="CSV of source,label and perhaps person, instead of the names.")
    ] = None,
    fmr: Annotated[list[float] | None, typer.Option("--fmr", help="The product's thresholds to try (0.001).")] = None,
    most: Annotated[int, typer.Option("--most", help="Pictures of a group at most, drawn at random.", min=2)] = 1000,
    seed: SeedOption = 0,
    json: options.JsonOption = False,
    html: HtmlOption = None,
    chosen: options.Chosen = options.DEFAULTS,
) -> None:
    """False matches (and, with several pictures a person, misses) by group, at the product's own thresholds.

    Without `--labels` the names say age, sex and group as UTKFace has them, one picture a person.
    With --json a line a label and threshold.
    """
    from vultus.metrics.differentials import SMALL_CHILDREN
    from vultus.operating import table_for
    from vultus.report import report_groups

    prepare_html(html)
    analyzer = chosen.analyzer()
    operating = table_for(analyzer.contract)
    rates = tuple(fmr or (1e-3,))
    missing: tuple[Path, ...] = ()
    with progress("reading pictures", None, quiet=json) as advance:
        if labels is None:
            from vultus.evaluation.groups import evaluate

            report = evaluate(
                images,
                analyzer.parallel(),
                table=operating,
                fmr=rates,
                most=most,
                seed=seed,
                progress=lambda done, of: advance(to=done, total=of),
            )
        else:
            points = [operating.verify(rate) for rate in rates]
            report, missing = _labelled(
                images,
                labels,
                analyzer,
                points,
                most,
                seed,
                lambda done, of: advance(to=done, total=of),
            )
    by_age = any(each.label == "age" for each in report.tables)
    for each in report.tables:
        if json:
            print_report(
                {
                    **without(each, "point"),
                    "operating": each.point,
                    "missing": missing,
                    "caveat": SMALL_CHILDREN if each.label == "age" else None,
                }
            )
        else:
            _show(each)
    if not json:
        console().print(
            f"{report.pictures} pictures, {len(report.failures)} gave no face, {report.unlabelled} without a label"
        )
        absent(missing, "pictures are missing")
        if by_age:
            notes([SMALL_CHILDREN])
    write_html(
        html,
        "Differences between groups",
        lambda: report_groups(report),
        data=f"{(labels or images).name}, {report.pictures:,} pictures",
        command=f"vultus evaluate groups --images {images.name}",
        model=analyzer.contract.model,
        seed=seed,
    )


def _labelled(
    images: Path,
    file: Path,
    analyzer: Analyzer,
    points: Sequence[OperatingPoint],
    most: int,
    seed: int,
    advance: Progress,
) -> tuple[GroupReport, tuple[Path, ...]]:
    import numpy as np

    from vultus.evaluation.extraction import embed_pictures
    from vultus.evaluation.groups import GroupReport, evaluate_labels
    from vultus.evaluation.predictions import labels

    read = labels(file, images)
    found = embed_pictures(
        read.pictures,
        analyzer.parallel(),
        advance,
    )
    people = np.arange(len(read.pictures)) if read.people is None else np.array(read.people)
    tables = tuple(
        evaluate_labels(found.vectors, people, np.array(read.labels), point, label="label", most=most, seed=seed)
        for point in points
    )
    return GroupReport(tables, len(read.pictures), 0, found.failures), read.missing


def _show(each: GroupTable) -> None:
    for found in (each.fmr, each.fnmr):
        if found is not None:
            _one(each, found)
    console().print(f"[dim]{point_line(each.point)}[/]", soft_wrap=True)
    said = [] if each.fmr is not None else [f"{each.label}: no two groups have two people, so there is no FMR by group"]
    for found in (each.fmr, each.fnmr):
        said += [] if found is None else [f"{found.kind} by {each.label}: {warning}" for warning in found.warnings]
    if each.fnmr is None:
        said.append(f"{each.label}: one picture a person, so that misses cannot be measured")
    if each.perhaps_same:
        said.append(
            f"{each.label}: {each.perhaps_same} comparisons look like one person under two names; they are counted "
            "as false matches"
        )
    notes(said)


def _one(each: GroupTable, found: Differential) -> None:
    table(
        f"{found.kind} by {escape(each.label)}: {_spread(found)}; Gini {found.gini:.2f}",
        ("group", "people#", found.kind, "over geometric mean#", ""),
        (
            (
                escape(group),
                f"{found.people[group]:,}",
                str(rate),
                "–" if math.isnan(found.ratio(group)) else f"{found.ratio(group):.2f}",
                "apart from the best" if group in found.apart else "",
            )
            for group, rate in found.rates.items()
        ),
    )


def _spread(found: Differential) -> str:
    """How much worse the worst group fares than the best."""
    if not math.isfinite(found.worst_over_best):
        return f"{escape(found.best)} has no error, so there is no ratio"
    high = f"{found.worst_over_best_high:.3g}" if math.isfinite(found.worst_over_best_high) else "no limit"
    return (
        f"{escape(found.worst)} is {found.worst_over_best:.3g} times {escape(found.best)} "
        f"[{found.worst_over_best_low:.3g}, {high}]"
    )
