"""`vultus evaluate expression`: one class out of several, from predictions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from vultus.cli import options
from vultus.cli.evaluate.answers import HtmlOption, SeedOption, notes, prepare_html, print_report, told, write_html
from vultus.cli.output import table

if TYPE_CHECKING:
    from vultus.metrics.classification import Classification
    from vultus.metrics.reliability import Reliability

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("expression")(expression)


def expression(
    predictions: Annotated[
        Path,
        typer.Option("--predictions", help="CSV of truth,predicted and perhaps person and p_CLASS, a row a picture."),
    ],
    seed: SeedOption = 0,
    json: options.JsonOption = False,
    html: HtmlOption = None,
) -> None:
    """Accuracy, UAR and macro-F1 with intervals, recall and precision by class, the confusion matrix.

    An empty prediction is a picture without answer and counts as wrong. With a column of
    probabilities for each class (p_happy, …) also how far confidence means what it says.
    """
    import numpy as np

    from vultus.evaluation.predictions import classes
    from vultus.metrics.classification import classify
    from vultus.metrics.reliability import reliability
    from vultus.report import report_expression

    prepare_html(html)
    read = classes(predictions)
    found = classify(read.truth, read.predicted, read.names, people=read.people, seed=seed)
    calibrated = None
    if read.probabilities is not None and not np.isnan(read.probabilities).all():
        calibrated = reliability(read.probabilities, read.truth)
    said = [*found.caveats, *read.caveats, *(calibrated.caveats if calibrated else ())]
    _show(found, calibrated, json, said)
    write_html(
        html,
        "Expression",
        lambda: report_expression(found, calibrated),
        data=f"{predictions.name}, {found.n:,} pictures",
        command=f"vultus evaluate expression --predictions {predictions.name}",
        seed=seed,
    )


def _show(found: Classification, calibrated: Reliability | None, json: bool, said: list[str]) -> None:
    if json:
        print_report(
            {
                "pictures": found.n,
                "classes": found.names,
                "accuracy": found.accuracy,
                "uar": found.uar,
                "macro_f1": found.macro_f1,
                "majority": found.majority,
                "by_class": {
                    each.name: {"recall": each.recall, "precision": each.precision, "f1": each.f1}
                    for each in found.classes
                },
                "confusion": found.confusion,
                "unanswered": found.unanswered,
                "interval": found.interval,
                "calibration": None
                if calibrated is None
                else {"ece": calibrated.ece, "mce": calibrated.mce, "bias": calibrated.bias, "n": calibrated.n},
                "caveats": said,
            }
        )
        return
    rows = [
        ("accuracy", str(found.accuracy)),
        ("UAR", str(found.uar)),
        ("macro-F1", str(found.macro_f1)),
        ("always the commonest class", str(found.majority)),
    ]
    if calibrated is not None:
        rows.append(("expected calibration error", f"{calibrated.ece:.4f}, bias of confidence {calibrated.bias:+.4f}"))
    table(f"{found.n} pictures, {len(found.names)} classes", ("figure", "value [95 %]"), rows)
    table(
        "By class",
        ("class", "recall", "precision", "F1#"),
        ((escape(each.name), told(each.recall), told(each.precision), f"{each.f1:.3f}") for each in found.classes),
    )
    unanswered = bool(found.unanswered.any())
    table(
        "Confusion, rows the truth",
        ("", *(f"{escape(name)}#" for name in found.names), *(("none#",) if unanswered else ())),
        (
            (escape(name), *map(str, row), *((str(lost),) if unanswered else ()))
            for name, row, lost in zip(found.names, found.confusion.tolist(), found.unanswered.tolist(), strict=True)
        ),
    )
    notes(said)
