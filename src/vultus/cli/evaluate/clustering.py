"""`vultus evaluate clustering`: groups of faces against people, on pictures or from labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vultus.cli import options
from vultus.cli.evaluate.answers import (
    HtmlOption,
    ImagesOption,
    SeedOption,
    absent,
    notes,
    prepare_html,
    print_report,
    told,
    write_html,
)
from vultus.cli.output import console, point_line, progress, table
from vultus.errors import InputError

if TYPE_CHECKING:
    from vultus.evaluation.clustering import ClusterReport

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("clustering")(clustering)


@options.choosing
def clustering(
    images: ImagesOption = None,
    labels: Annotated[
        Path | None, typer.Option("--labels", help="CSV of truth,predicted instead; predicted empty: alone.")
    ] = None,
    fmr: Annotated[
        float, typer.Option("--fmr", help="Groups are cut where pairs of different people pass at this rate.")
    ] = 1e-4,
    seed: SeedOption = 0,
    json: options.JsonOption = False,
    html: HtmlOption = None,
    chosen: options.Chosen = options.DEFAULTS,
) -> None:
    """BCubed and pairwise precision and recall: of `--images DIR` (a sub-folder a person) or of `--labels FILE`.

    A picture without a face counts as a face alone.
    """
    from vultus.datasets import folders
    from vultus.evaluation.clustering import evaluate, evaluate_labels
    from vultus.evaluation.predictions import clusters
    from vultus.operating import table_for
    from vultus.report import report_results

    if (images is None) == (labels is None):
        raise InputError("expected --images DIR or --labels FILE, one of them")
    prepare_html(html)
    model = ""
    if labels is not None:
        read = clusters(labels)
        report = evaluate_labels(read.truth, read.predicted, seed=seed)
    else:
        assert images is not None
        pictures, empty = folders.people(images)
        analyzer = chosen.analyzer()
        model = analyzer.contract.model
        with progress("reading pictures", None, quiet=json) as advance:
            report = evaluate(
                pictures,
                analyzer.parallel(),
                table=table_for(analyzer.contract),
                fmr=fmr,
                seed=seed,
                progress=lambda done, of: advance(to=done, total=of),
            )
        absent(empty, "sub-folders hold no picture")
    _show(report, json)
    name = (labels or images or Path()).name
    write_html(
        html,
        "Clustering",
        lambda: report_results(report, "Groups against people"),
        data=f"{name}, {report.faces:,} faces of {report.people:,} people",
        command=f"vultus evaluate clustering on {name}",
        model=model,
        seed=seed,
    )


def _show(report: ClusterReport, json: bool) -> None:
    pairs = report.pairs
    if json:
        print_report(
            {
                "faces": report.faces,
                "people": report.people,
                "groups": report.groups,
                "alone": report.alone,
                "bcubed_precision": report.precision,
                "bcubed_recall": report.recall,
                "bcubed_f": report.f,
                "pairwise": {
                    "precision": pairs.precision,
                    "recall": pairs.recall,
                    "f": pairs.f,
                    "tp": pairs.tp,
                    "fp": pairs.fp,
                    "fn": pairs.fn,
                },
                "mixed_groups": report.mixed,
                "divided_people": report.divided,
                "operating": report.point,
                "failures_to_enrol": len(report.failures),
                "failures": report.failures,
                "caveats": report.caveats,
            }
        )
        return
    table(
        f"{report.faces} faces of {report.people} people: {report.groups} groups, {report.alone} alone",
        ("figure", "value [95 %]"),
        (
            ("BCubed precision", told(report.precision)),
            ("BCubed recall", told(report.recall)),
            ("BCubed F", told(report.f)),
            ("pairs put together rightly", f"{pairs.precision:.4f} ({pairs.tp}/{pairs.tp + pairs.fp})"),
            ("pairs of one person put together", f"{pairs.recall:.4f} ({pairs.tp}/{pairs.tp + pairs.fn})"),
            ("groups of several people", str(report.mixed)),
            ("people in several groups", str(report.divided)),
        ),
    )
    if report.point is not None:
        console().print(f"[dim]cut at {point_line(report.point)}[/]", soft_wrap=True)
    absent([failure.path for failure in report.failures], "pictures gave no face")
    notes(report.caveats)
