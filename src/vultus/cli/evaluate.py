"""`vultus evaluate`: the biometric figures, on your pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from vultus.cli import options
from vultus.cli.output import console, print_json, progress, table
from vultus.errors import InputError

__all__ = ["add_to"]

evaluate_app = typer.Typer(no_args_is_help=True, help="Measure error rates on pictures of known people.")
ImagesOption = Annotated[Path, typer.Option("--images", help="Pictures, a sub-folder a person.")]


def add_to(app: typer.Typer) -> None:
    """Register the command group."""
    app.add_typer(evaluate_app, name="evaluate")


@evaluate_app.command("verification")
def verification(
    images: ImagesOption,
    pairs: Annotated[Path, typer.Option("--pairs", help="Pairs file in LFW's format.")],
    fmr: Annotated[float, typer.Option("--fmr", help="The product's operating point to try beside.")] = 1e-3,
    json: options.JsonOption = False,
    detector: options.DetectorOption = "yunet",
    embedder: options.EmbedderOption = None,
    profile: options.ProfileOption = "default",
    models: options.ModelsOption = None,
    engine: options.EngineOption = "openvino",
    precision: options.PrecisionOption = "auto",
) -> None:
    """Accuracy, EER and FNMR on pairs, failures to enrol counted in, with 95 % intervals."""
    from vultus.evaluation.verification import evaluate

    analyzer = options.make_analyzer(
        detector=detector, embedder=embedder, profile=profile, models=models, engine=engine, precision=precision
    )
    with progress("reading pictures", None, quiet=json) as advance:
        report = evaluate(
            images,
            pairs,
            analyzer.parallel(),
            table=_table(analyzer),
            fmr=fmr,
            progress=lambda at, of: advance(to=at, total=of),
        )
    if json:
        print_json(
            {
                "pairs": report.pairs,
                "accuracy": report.accuracy,
                "accuracy_std": report.accuracy_std,
                "eer": report.eer,
                "auc": report.auc,
                "fnmr": {f"{rate:g}": value.value for rate, value in report.fnmr.items()},
                "fnmr_intervals": {f"{rate:g}": value for rate, value in report.fnmr.items()},
                "thresholds": {f"{rate:g}": value for rate, value in report.thresholds.items()},
                "failures_to_enrol": report.failures_to_enrol,
                "no_decision": report.no_decision,
                "pictures": report.pictures,
                "folds": report.folds,
                "at_operating_point": report.at_point,
            }
        )
        return
    rows = [
        ("accuracy", f"{report.accuracy:.4f} ± {report.accuracy_std:.4f}", f"mean of {report.folds} folds"),
        ("EER", f"{report.eer:.4f}", f"at {report.eer_threshold:.3f}"),
        ("AUC", f"{report.auc:.5f}", ""),
    ]
    rows += [
        (f"FNMR at FMR {rate:g}", str(value), f"at {report.thresholds[rate]:.3f}")
        for rate, value in report.fnmr.items()
    ]
    rows.append(("failures to enrol", f"{report.failures_to_enrol} of {report.pictures} pictures", ""))
    if report.at_point is not None:
        at = report.at_point
        rows.append((f"the product at FMR {at.point.target:g}", f"FMR {at.fmr}", f"at {at.point.threshold:.3f}"))
        rows.append(("", f"FNMR {at.fnmr}", f"accuracy {at.accuracy:.4f}"))
    table(
        f"{report.pairs} pairs ({report.genuine} of one person, {report.impostor} of two)",
        ("figure", "value", ""),
        rows,
    )


@evaluate_app.command("identification")
def identification(
    images: ImagesOption,
    people: Annotated[Path, typer.Option("--people", help="List of the people to enrol, a name a line.")],
    strangers: Annotated[Path, typer.Option("--strangers", help="List of the people who are not enrolled.")],
    enrolled: Annotated[
        list[int] | None, typer.Option("--enrolled", help="Pictures enrolled a person (1 and 5).")
    ] = None,
    splits: Annotated[int, typer.Option("--splits", help="Random choices of the enrolled pictures.", min=1)] = 10,
    fpir: options.FpirOption = 0.01,
    seed: Annotated[int, typer.Option("--seed")] = 0,
    json: options.JsonOption = False,
    detector: options.DetectorOption = "yunet",
    embedder: options.EmbedderOption = None,
    profile: options.ProfileOption = "default",
    models: options.ModelsOption = None,
    engine: options.EngineOption = "openvino",
    precision: options.PrecisionOption = "auto",
) -> None:
    """FNIR at FPIR with strangers in the probes: at the strangers' own threshold and at the product's."""
    from vultus.datasets import lfw
    from vultus.evaluation.openset import evaluate

    known, unknown = lfw.names(people), lfw.names(strangers)
    if both := sorted(set(known) & set(unknown)):
        raise InputError(f"expected strangers to be strangers, but {len(both)} are enrolled, first {both[0]}")
    data = lfw.OpenSet(lfw.pictures(images, known), lfw.pictures(images, unknown))
    analyzer = options.make_analyzer(
        detector=detector, embedder=embedder, profile=profile, models=models, engine=engine, precision=precision
    )
    with progress("reading pictures", None, quiet=json) as advance:
        report = evaluate(
            data,
            analyzer.parallel(),
            table=_table(analyzer),
            templates=tuple(enrolled or (1, 5)),
            splits=splits,
            fpir=fpir,
            seed=seed,
            progress=lambda at, of: advance(to=at, total=of),
        )
    if json:
        for result in report.results:
            print_json(result)
        return
    for result in report.results:
        title = (
            f"{result.people} people with {result.templates} pictures each, {result.probes} probes and "
            f"{result.strangers} strangers, {result.splits} splits"
        )
        rows = [
            (f"FNIR at FPIR {result.fpir:g}, set on these strangers", str(result.fnir)),
            ("right person first", str(result.rank_one)),
        ]
        if result.realised is not None:
            at = result.realised
            rows.append((f"the product at FPIR {at.point.target:g} ({at.point.threshold:.3f}): FPIR", str(at.fpir)))
            rows.append(("the product: FNIR", str(at.fnir)))
        rows += [(f"control, {control.name}: FNIR", str(control.fnir)) for control in result.controls]
        table(title, ("figure", "value [95 %]"), rows)
    console().print(f"{len(report.failures)} of {report.pictures} pictures gave no embedding")


def _table(analyzer: Any) -> Any:
    """The thresholds of the analyzer's model, or None where nobody measured any."""
    from vultus.errors import OperatingPointError
    from vultus.operating import table_for

    try:
        return table_for(analyzer.contract)
    except OperatingPointError:
        return None
