"""`vultus evaluate liveness`: attack detection by species, from scores."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vultus.cli import options
from vultus.cli.evaluate.answers import (
    HtmlOption,
    NegateOption,
    SeedOption,
    notes,
    prepare_html,
    print_report,
    write_html,
)
from vultus.cli.output import console, table
from vultus.errors import InputError

if TYPE_CHECKING:
    from vultus.metrics.liveness import Criterion, LivenessRates, LivenessReport

__all__ = ["add_to", "criterion_of"]

HONEST, FIELD = "development data", "the test itself (flatters)"


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("liveness")(liveness)


def liveness(
    dev: Annotated[
        Path, typer.Option("--dev", help="CSV of species,score that sets the threshold; species empty: bona fide.")
    ],
    scores: Annotated[Path, typer.Option("--scores", "--eval", help="The same of the presentations to report on.")],
    criterion: Annotated[
        str, typer.Option("--criterion", help="bpcerN (APCER at most 1/N), apcerN, far, eer or min-hter.")
    ] = "bpcer20",
    rate: Annotated[float, typer.Option("--rate", help="Of the criterion far: pooled APCER.")] = 0.05,
    negate: NegateOption = False,
    seed: SeedOption = 0,
    json: options.JsonOption = False,
    html: HtmlOption = None,
) -> None:
    """APCER by species and its maximum, BPCER, ACER, HTER and BPCER10/20/100, at a threshold from development data.

    HTER is shown in both conventions side by side: the honest one with the EER threshold of
    development data, and the field's with that of the test itself. A higher
    score means more bona fide; nan is a presentation without answer.
    """
    from vultus.datasets.scores import read_liveness
    from vultus.metrics.liveness import evaluate
    from vultus.report import report_liveness

    prepare_html(html)
    wanted = criterion_of(criterion, rate)
    known, test = read_liveness(dev, negate=negate), read_liveness(scores, negate=negate)
    report = evaluate(known, test, wanted, seed=seed)
    said = list(report.caveats)
    if dev.resolve() == scores.resolve():
        said.insert(0, "development and evaluation data are one file: the threshold knows what it is tried on")
    _show(report, criterion, json, said)
    write_html(
        html,
        "Attack detection",
        lambda: report_liveness(report, test),
        data=f"{dev.name}, {scores.name}",
        command=f"vultus evaluate liveness --dev {dev.name} --scores {scores.name} --criterion {criterion}",
        seed=seed,
    )


def criterion_of(name: str, rate: float) -> Criterion:
    """The criterion that words describe. Refused (InputError): another word.

    >>> criterion_of("bpcer20", 0.05), criterion_of("far", 0.05), criterion_of("eer", 0.05)
    (('bpcer', 20), ('far', 0.05), 'eer')
    """
    if name == "eer":
        return "eer"
    if name == "min-hter":
        return "min-hter"
    if name == "far":
        return ("far", rate)
    for kind in ("bpcer", "apcer"):
        if name.startswith(kind) and name[len(kind) :].isdecimal():
            n = int(name[len(kind) :])
            return ("bpcer", n) if kind == "bpcer" else ("apcer", n)
    raise InputError(f"expected bpcerN, apcerN, far, eer or min-hter as criterion, got {name!r}")


def _show(report: LivenessReport, criterion: str, json: bool, said: list[str]) -> None:
    found = report.eval
    if json:
        print_report(
            {
                "criterion": criterion,
                "threshold": found.threshold,
                "apcer": found.apcer,
                "apcer_by_species": {each.name: each.apcer for each in found.species},
                "apcer_pooled": found.apcer_pooled,
                "bpcer": found.bpcer,
                "acer": found.acer,
                "hter": found.hter,
                "apnrr": found.apnrr,
                "bpnrr": found.bpnrr,
                "bpcer_at": {
                    str(each.n): {"threshold": each.threshold, "apcer": each.apcer, "bpcer": each.bpcer}
                    for each in report.bpcer_at
                },
                "auc": report.auc,
                "eer": report.eer,
                "at_own_eer": report.at_own_eer,
                "conventions": {
                    "honest": {"threshold_from": HONEST, **_headline(report.at_dev_eer)},
                    "field": {"threshold_from": FIELD, **_headline(report.at_own_eer)},
                    "hter_honest_less_field": report.flattered,
                },
                "dev": report.dev,
                "interval": report.interval,
                "caveats": said,
            }
        )
        return
    rows = [(f"APCER, {each.name}", str(each.apcer), _answered(each.apnrr)) for each in found.species]
    rows += [
        ("APCER, the worst species", str(found.apcer), "the headline"),
        ("BPCER", str(found.bpcer), _answered(found.bpnrr)),
        ("ACER", str(found.acer), ""),
        ("HTER, attacks pooled", str(found.hter), ""),
    ]
    rows += [
        (f"BPCER{each.n} (APCER ≤ {1 / each.n:.2g} on dev)", str(each.bpcer), f"APCER {each.apcer.value:.4g} here")
        for each in report.bpcer_at
    ]
    table(f"{criterion} on development data: threshold {found.threshold:.6g}", ("figure", "value [95 %]", ""), rows)
    honest, field = report.at_dev_eer, report.at_own_eer
    sides = [
        ("threshold", f"{honest.threshold:.6g}", f"{field.threshold:.6g}"),
        ("HTER, attacks pooled", str(honest.hter), str(field.hter)),
        ("APCER, attacks pooled (FAR)", str(honest.apcer_pooled), str(field.apcer_pooled)),
        ("BPCER (FRR)", str(honest.bpcer), str(field.bpcer)),
        ("APCER, the worst species", str(honest.apcer), str(field.apcer)),
    ]
    table(
        "Both conventions, at the EER threshold of",
        ("figure", f"honest: {HONEST}", f"field's: {FIELD}"),
        sides,
    )
    console().print(
        f"AUC {report.auc:.5f}, the same in both. HTER, honest less field's: {report.flattered:+.4f}. "
        "Compare with papers by the field's, decide by the honest."
    )
    notes(said)


def _headline(at: LivenessRates) -> dict[str, object]:
    """One convention's figures for programs."""
    return {
        "threshold": at.threshold, "hter": at.hter, "apcer_pooled": at.apcer_pooled, "bpcer": at.bpcer,
        "apcer": at.apcer,
    }  # fmt: skip


def _answered(lost: object) -> str:
    from vultus.types import Rate

    return f"{lost.k} without answer" if isinstance(lost, Rate) and lost.k else ""
