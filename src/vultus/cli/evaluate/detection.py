"""`vultus evaluate detection`: found boxes against drawn ones, by running a detector or from its finds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vultus.cli import options
from vultus.cli.evaluate.answers import (
    HtmlOption,
    ImagesOption,
    SeedOption,
    absent,
    by_rate,
    notes,
    prepare_html,
    print_report,
    write_html,
)
from vultus.cli.output import progress, table
from vultus.errors import InputError

if TYPE_CHECKING:
    from vultus.evaluation.detection import DetectionReport

__all__ = ["add_to"]

WEAKEST = 0.1  # score down to which finds are kept, for average precision and the curves
FALSE_FINDS = (0.01, 0.1, 1.0)  # a picture, at which recall is told


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("detection")(detection)


def detection(
    boxes: Annotated[
        Path, typer.Option("--boxes", help="CSV of source,x1,y1,x2,y2, a row a face; or WIDER FACE's text list (.txt).")
    ],
    images: ImagesOption = None,
    predictions: Annotated[
        Path | None,
        typer.Option("--predictions", help="CSV of source,x1,y1,x2,y2,score instead of running a detector."),
    ] = None,
    iou: Annotated[float, typer.Option("--iou", help="Overlap from which a box is right.")] = 0.5,
    threshold: Annotated[float, typer.Option("--threshold", help="Score from which a box counts.")] = 0.6,
    seed: SeedOption = 0,
    json: options.JsonOption = False,
    html: HtmlOption = None,
    detector: options.DetectorOption = "yunet",
    smallest: options.SmallestOption = 16.0,
    models: options.ModelsOption = None,
    engine: options.EngineOption = "openvino",
    precision: options.PrecisionOption = "auto",
) -> None:
    """Recall, precision, average precision and false finds a picture (FROC).

    Either `--images DIR`, on which the detector runs, or its finds by `--predictions FILE`.
    """
    from vultus.datasets.boxes import read, read_wider
    from vultus.evaluation.detection import evaluate, evaluate_finds, read_finds

    if (images is None) == (predictions is None):
        raise InputError("expected --images DIR or --predictions FILE, one of them, beside --boxes")
    prepare_html(html)
    root = images if images is not None else boxes.parent
    truth = (read_wider if boxes.suffix.lower() == ".txt" else read)(boxes, root)
    if predictions is not None:
        report = evaluate_finds(truth, read_finds(predictions, root), threshold=threshold, iou=iou, seed=seed)
    else:
        find = _detector(detector, smallest, models, engine, precision, min(threshold, WEAKEST))
        with progress("finding faces", None, quiet=json) as advance:
            report = evaluate(
                truth,
                find,
                threshold=threshold,
                iou=iou,
                seed=seed,
                progress=lambda done, of: advance(to=done, total=of),
            )
    _show(report, json)
    write_html(
        html,
        "Detection",
        lambda: _sections(report),
        data=f"{boxes.name}, {report.figures.pictures:,} pictures, {report.faces:,} faces",
        command=f"vultus evaluate detection --boxes {boxes.name}",
        model=detector if predictions is None else "",
        seed=seed,
    )


def _detector(name: str, smallest: float, models: Path | None, engine: str, precision: str, threshold: float) -> Any:
    """The detector at every scale, weak finds too, one picture a core."""
    from vultus.analyzer import detector
    from vultus.models.detect.pyramid import Pyramid
    from vultus.runtime import cores

    settings = replace(options.engine_options(engine, precision), threads=cores(), streams=cores())
    return Pyramid(detector(name, threshold=threshold, engine=settings, models=models), smallest)


def _recall_at(report: DetectionReport) -> dict[float, float]:
    """The highest recall with at most so many false finds a picture."""
    figures = report.figures
    return {most: float(figures.recalls[figures.false_per_picture_at <= most].max(initial=0.0)) for most in FALSE_FINDS}


def _show(report: DetectionReport, json: bool) -> None:
    figures = report.figures
    if json:
        print_report(
            {
                "pictures": figures.pictures,
                "faces": report.faces,
                "iou": figures.iou,
                "threshold": figures.threshold,
                "recall": figures.recall,
                "precision": figures.precision,
                "false_per_picture": figures.false_per_picture,
                "mean_iou": figures.mean_iou,
                "average_precision": figures.average_precision,
                "recall_at_false_per_picture": by_rate(_recall_at(report)),
                "missing": report.missing,
                "failures": report.failures,
                "unlisted": report.unlisted,
                "caveats": report.caveats,
            }
        )
        return
    rows = [
        (f"recall at score {figures.threshold:g}", str(figures.recall)),
        ("precision", str(figures.precision)),
        ("false finds a picture", f"{figures.false_per_picture:.4g}"),
        ("mean IoU of the right boxes", f"{figures.mean_iou:.4g}"),
        ("average precision", str(figures.average_precision)),
    ]
    rows += [
        (f"recall with {most:g} false finds a picture", f"{value:.4f}") for most, value in _recall_at(report).items()
    ]
    table(f"{figures.pictures} pictures, {report.faces} faces, IoU {figures.iou:g}", ("figure", "value [95 %]"), rows)
    absent(report.missing, "pictures are missing")
    absent([failure.path for failure in report.failures], "pictures cannot be read")
    notes(report.caveats)


def _sections(report: DetectionReport) -> Any:
    from vultus.report import Section, Table, report_results

    froc = Table(
        "Recall against false finds",
        ("False finds a picture", "Recall"),
        tuple((f"{most:g}", f"{value:.4f}") for most, value in _recall_at(report).items()),
    )
    said = tuple(each for each in report.caveats if each not in report.figures.caveats)
    return [
        *report_results(report.figures, "Boxes"),
        Section("FROC and what was left out", tables=(froc,), caveats=said),
    ]
