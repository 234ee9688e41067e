"""`vultus evaluate survival`: predicted risks against what happened, from predictions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from vultus.cli import options
from vultus.cli.evaluate.answers import HtmlOption, by_rate, notes, prepare_html, print_report, told, write_html
from vultus.cli.output import console, table

if TYPE_CHECKING:
    from vultus.evaluation.survival import SurvivalReport

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("survival")(survival)


def survival(
    predictions: Annotated[
        Path,
        typer.Option(
            "--predictions",
            help="CSV of time,event,risk and perhaps person, group and p_TIME (probability of the event by then).",
        ),
    ],
    train: Annotated[
        Path | None, typer.Option("--train", help="CSV of time,event of the training set, for the censoring weights.")
    ] = None,
    times: Annotated[
        list[float] | None, typer.Option("--time", help="Where AUC is wanted (quartiles of the event times).")
    ] = None,
    tau: Annotated[
        float | None, typer.Option("--tau", help="Only events before it count for Uno's C (the last time).")
    ] = None,
    unit: Annotated[str, typer.Option("--unit", help="Of time, for the words.")] = "",
    json: options.JsonOption = False,
    html: HtmlOption = None,
) -> None:
    """Harrell's and Uno's C, AUC over time, and with p_TIME columns Brier score and calibration.

    A higher risk means an earlier event; event is 1 where it was seen and 0 where the person left
    before. Research figures: no diagnosis and no ground for a decision about anybody.
    """
    from vultus.evaluation.predictions import risks
    from vultus.evaluation.survival import evaluate
    from vultus.report import report_survival

    prepare_html(html)
    read = risks(predictions)
    before = None if train is None else risks(train, risk=False)
    report = evaluate(
        read.time,
        read.event,
        read.risk,
        times=times,
        tau=tau,
        train=None if before is None else (before.time, before.event),
        predicted=read.predicted,
        groups=read.groups,
        people=read.people,
    )
    _show(report, unit, json)
    write_html(
        html,
        "Survival",
        lambda: report_survival(
            report.curves, calibration=tuple(report.calibration.values()), results=_parts(report), unit=unit
        ),
        data=f"{predictions.name}, {report.people:,} people, {report.events:,} events",
        command=f"vultus evaluate survival --predictions {predictions.name}",
        seed=0,
    )


def _show(report: SurvivalReport, unit: str, json: bool) -> None:
    from vultus.survival import NOTICE

    auc = report.auc
    if json:
        print_report(
            {
                "people": report.people,
                "events": report.events,
                "c": report.harrell.c,
                "harrell": report.harrell,
                "uno": report.uno,
                "times": report.times,
                "auc": None
                if auc is None
                else {
                    "mean": auc.mean,
                    "at": [
                        {"time": t, "value": value, "low": low, "high": high, "cases": cases, "controls": controls}
                        for t, value, low, high, cases, controls in zip(
                            *(auc.times.tolist(), auc.auc.tolist(), auc.low.tolist(), auc.high.tolist()),
                            *(auc.cases.tolist(), auc.controls.tolist()),
                            strict=True,
                        )
                    ],
                },
                "brier": by_rate({at: _one(found) for at, found in report.brier.items()}),
                "brier_null": by_rate({at: _one(found) for at, found in report.null_brier.items()}),
                "calibration": by_rate(report.calibration),
                "median": {name: curve.quantile() for name, curve in report.curves.items()},
                "logrank": report.logrank,
                "notice": NOTICE,
                "caveats": report.caveats,
            }
        )
        return
    rows = [("Harrell's C", told(report.harrell.c))]
    if report.uno is not None:
        tau = "all events" if report.uno.tau is None else f"events before {report.uno.tau:g}"
        rows.append((f"Uno's C, {tau}", told(report.uno.c)))
    if auc is not None:
        rows += [
            (f"AUC at {t:g}{f' {unit}' if unit else ''}", f"{value:.4g} [{low:.4g}, {high:.4g}] ({cases} events)")
            for t, value, low, high, cases in zip(
                *(auc.times.tolist(), auc.auc.tolist(), auc.low.tolist(), auc.high.tolist(), auc.cases.tolist()),
                strict=True,
            )
        ]
    for at, found in report.brier.items():
        null = float(report.null_brier[at].score[0])
        rows.append(
            (
                f"Brier score at {at:g}",
                f"{found.score[0]:.4g} [{found.low[0]:.4g}, {found.high[0]:.4g}]; of everybody's curve {null:.4g}",
            )
        )
    rows += [
        (f"calibration at {at:g}", f"predicted {found.predicted:.4g}, observed {found.observed:.4g} "
         f"[{found.low:.4g}, {found.high:.4g}]")
        for at, found in report.calibration.items()
    ]  # fmt: skip
    rows += [(f"median of {escape(name)}", f"{curve.quantile():g}") for name, curve in report.curves.items()]
    if report.logrank is not None:
        rows.append(("log-rank between groups", f"χ² {report.logrank.statistic:.4g}, p {report.logrank.p:.3g}"))
    table(f"{report.people} people, {report.events} events", ("figure", "value [95 %]"), rows)
    console().print(f"[dim]{NOTICE}[/]", soft_wrap=True)
    notes(report.caveats)


def _one(found: Any) -> dict[str, float]:
    return {"value": float(found.score[0]), "low": float(found.low[0]), "high": float(found.high[0])}


def _parts(report: SurvivalReport) -> dict[str, object]:
    """Further results by their heading in the report."""
    parts = {"Harrell's C": report.harrell, "Uno's C": report.uno, "Log-rank test between groups": report.logrank}
    return {heading: found for heading, found in parts.items() if found is not None}
