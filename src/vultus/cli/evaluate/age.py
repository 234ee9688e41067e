"""`vultus evaluate age`: estimated against true ages, from predictions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from vultus.cli import options
from vultus.cli.evaluate.answers import (
    HtmlOption,
    SeedOption,
    by_rate,
    notes,
    prepare_html,
    print_report,
    told,
    write_html,
)
from vultus.cli.output import table

if TYPE_CHECKING:
    from vultus.metrics.age import AgeReport

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("age")(age)


def age(
    predictions: Annotated[
        Path, typer.Option("--predictions", help="CSV of truth,estimate and perhaps person and group, a row a picture.")
    ],
    within: Annotated[
        list[float] | None, typer.Option("--within", help="Years, for the share of errors within them (5).")
    ] = None,
    train: Annotated[
        Path | None, typer.Option("--train", help="CSV of truth,estimate of the training set, for the median's error.")
    ] = None,
    seed: SeedOption = 0,
    json: options.JsonOption = False,
    html: HtmlOption = None,
) -> None:
    """Mean absolute error, bias, RMSE, correlation and limits of agreement, by band of true age and by group.

    An empty estimate counts as failed: never within k years, and in no mean.
    """
    from vultus.evaluation.predictions import ages
    from vultus.metrics.age import age_report
    from vultus.report import report_age

    prepare_html(html)
    read = ages(predictions)
    found = age_report(
        read.estimate,
        read.truth,
        person=read.people,
        group=read.groups,
        within=tuple(within or (5.0,)),
        training_ages=None if train is None else ages(train).truth,
        seed=seed,
    )
    _show(found, json)
    write_html(
        html,
        "Age",
        lambda: report_age(found),
        data=f"{predictions.name}, {found.n + found.failed:,} pictures",
        command=f"vultus evaluate age --predictions {predictions.name}",
        seed=seed,
    )


def _show(found: AgeReport, json: bool) -> None:
    if json:
        print_report(
            {
                "pictures": found.n + found.failed,
                "failed": found.failed,
                "people": found.people,
                "mae": found.mae,
                "bias": found.bias,
                "rmse": found.rmse,
                "r": found.r,
                "within": by_rate(found.within),
                "macro_mae": found.macro_mae,
                "bands": found.bands,
                "groups": found.groups,
                "agreement": found.agreement,
                "baseline_mae": found.baseline_mae,
                "caveats": found.caveats,
            }
        )
        return
    rows = [
        ("mean absolute error, years", told(found.mae)),
        ("bias (above 0: too old)", told(found.bias)),
        ("RMSE", told(found.rmse)),
        ("correlation", told(found.r)),
        ("mean of the bands' errors", f"{found.macro_mae:.4g}"),
        ("limits of agreement", f"{found.agreement.lower.value:.4g} to {found.agreement.upper.value:.4g}"),
    ]
    rows += [(f"within {years:g} years", str(rate)) for years, rate in found.within.items()]
    if found.baseline_mae is not None:
        rows.append(("always the training set's median", f"{found.baseline_mae:.4g}"))
    table(f"{found.n + found.failed} pictures, {found.failed} without estimate", ("figure", "value [95 %]"), rows)
    for title, parts in (("By true age", found.bands), ("By group", found.groups)):
        if parts:
            table(
                title,
                ("", "pictures#", "people#", "error", "bias"),
                ((escape(part.name), str(part.n), str(part.people), told(part.mae), told(part.bias)) for part in parts),
            )
    notes(found.caveats)
