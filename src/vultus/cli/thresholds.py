"""`vultus thresholds`: which score stands for which error rate, measured on what, and for which gallery."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from rich.markup import escape

from vultus.cli import options
from vultus.cli.evaluate.answers import HtmlOption, notes, prepare_html, print_report, write_html
from vultus.cli.output import console, table
from vultus.errors import InputError, NotFoundError, OperatingPointError

if TYPE_CHECKING:
    from vultus.evaluation.points import Against
    from vultus.operating import OperatingTable
    from vultus.report import Section

__all__ = ["add_to"]

FPIRS = (0.1, 0.03, 0.01, 0.001)
SIZES = (1, 10, 20, 50, 100, 200, 500, 1_000, 10_000, 100_000)
TEMPLATES = (1, 5)
KEPT = 1e-3  # FMR whose score is followed over gallery sizes
FOLLOWED = (1e-3, 1e-4, 1e-5)  # the same in the report's figure


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("thresholds")(thresholds)


def thresholds(
    embedder: Annotated[
        str | None, typer.Option("--embedder", help="Only this model: its name, or an own ONNX file.")
    ] = None,
    gallery: Annotated[
        Path | None, typer.Option("--gallery", "-g", help="Show the thresholds of this gallery as it stands.")
    ] = None,
    fpir: Annotated[
        list[float] | None, typer.Option("--fpir", help="FPIR to show thresholds for (0.1, 0.03, 0.01, 0.001).")
    ] = None,
    json: options.JsonOption = False,
    html: HtmlOption = None,
) -> None:
    """For each model: score by FMR and by FPIR, the data behind them, and how FPIR grows with the gallery.

    Tables of one's own in VULTUS_OPERATING_POINTS come before those that vultus brings. With
    --json a line a model, or one object for --gallery.
    """
    prepare_html(html)
    wanted = tuple(fpir or FPIRS)
    if bad := [rate for rate in wanted if not 0 < rate <= 0.5]:
        raise InputError(f"expected an FPIR above 0 and up to 0.5, got {bad[0]:g}")
    if gallery is not None:
        if html is not None or embedder is not None:
            raise InputError("expected --gallery without --html and --embedder; a gallery has one model and one table")
        _show_gallery(gallery, wanted, json)
        return
    found = _chosen(embedder)
    for each in found:
        if json:
            print_report(_answer(each, wanted))
        else:
            _show(each, wanted)
    write_html(
        html,
        "Thresholds",
        lambda: [_section(each, wanted) for each in found],
        data="; ".join(dict.fromkeys(each.data for each in found)),
        command="vultus thresholds",
        model=", ".join(each.model for each in found),
    )


def _chosen(embedder: str | None) -> tuple[OperatingTable, ...]:
    from vultus.evaluation.points import in_use
    from vultus.models.embed.own import is_path, own_embedder
    from vultus.operating import table_for

    if embedder is not None and is_path(embedder):
        return (table_for(own_embedder(Path(embedder)).contract),)
    everything = in_use()
    chosen = tuple(each for each in everything if embedder in (None, each.model))
    if not chosen:
        names = ", ".join(sorted({each.model for each in everything})) or "none"
        raise NotFoundError(
            f"expected a model with measured thresholds out of {names}, got {embedder!r}; make some with "
            "`vultus calibrate`"
        )
    return chosen


def _sizes(each: OperatingTable, fpir: float) -> list[tuple[int, int, Against | None]]:
    """The score of an FPIR for every size of gallery, with the number of people and of templates each."""
    from vultus.evaluation.points import against

    return [
        (people, templates, against(each, fpir, np.full(people, templates, dtype=np.int64)))
        for templates in TEMPLATES
        for people in SIZES
    ]


def _answer(each: OperatingTable, fpirs: tuple[float, ...]) -> dict[str, Any]:
    from vultus.evaluation.points import growth, stands_for

    kept, model = each.verify(KEPT).threshold, each.likelihood
    return {
        "model": each.model,
        "contract": each.contract,
        "data": each.data,
        "date": each.date,
        "command": each.command,
        "precision": each.precision,
        "people": each.people,
        "pictures": each.pictures,
        "failures": each.failures,
        "impostors": each.impostors,
        "measurable_fmr": each.measurable,
        "verify": [
            {
                "fmr": row.point.target,
                "threshold": row.point.threshold,
                "measured": row.point.measured,
                "extrapolated": row.point.extrapolated,
                "likelihood_ratio": None if row.evidence is None else row.evidence.ratio,
            }
            for row in stands_for(each)
        ],
        "identify": [
            {"fpir": fpir, "people": people, "templates": templates, **_scored(found)}
            for fpir in fpirs
            for people, templates, found in _sizes(each, fpir)
            if found is not None
        ],
        "growth": {
            "fmr": KEPT,
            "threshold": kept,
            "fpir": [
                {
                    "people": row.people,
                    "templates": templates,
                    "value": row.fpir,
                    "low": row.low,
                    "high": row.high,
                }
                for templates in TEMPLATES
                for row in growth(each, kept, SIZES, templates)
            ],
        },
        "checks": each.checks,
        "likelihood": None
        if model is None
        else {name: getattr(model, name) for name in ("method", "data", "genuine", "impostors", "least", "most")},
    }


def _scored(found: Against) -> dict[str, Any]:
    return {name: getattr(found, name) for name in ("threshold", "low", "high", "extrapolated")}


def _show(each: OperatingTable, fpirs: tuple[float, ...]) -> None:
    from vultus.evaluation.points import stands_for

    console().print(f"[bold]{escape(each.model)}[/]: {escape(_born(each))}", soft_wrap=True)
    table(
        "One against one",
        ("FMR#", "score#", "measured [95 %]", "evidence of just that score"),
        (
            (
                f"{row.point.target:g}",
                f"{row.point.threshold:.4f}",
                "extrapolated" if row.point.extrapolated else str(row.point.measured),
                "" if row.evidence is None else str(row.evidence),
            )
            for row in stands_for(each)
        ),
    )
    table(
        "Against a gallery: score by FPIR",
        ("people#", "pictures each#", *(f"FPIR {fpir:g}#" for fpir in fpirs)),
        _size_rows(each, fpirs),
    )
    table(
        f"FPIR where the score for FMR {KEPT:g} ({each.verify(KEPT).threshold:.4f}) is kept",
        ("people#", *(f"{_pictures(count)} [95 %]" for count in TEMPLATES)),
        _growth_rows(each),
    )
    if each.checks:
        table(
            "Promised, and what came of it: thresholds from half of the people, tried on the other half",
            ("people#", "pictures each#", "promised#", "observed [95 %]", ""),
            (
                (
                    str(check.people),
                    str(check.templates),
                    f"{check.target:g}",
                    str(check.observed),
                    "extrapolated" if check.extrapolated else "",
                )
                for check in each.checks
            ),
        )
    said = [f"FMR below {each.measurable:.2g}, and all that is marked *, lie beyond what the data can show"]
    if each.failures:
        said.append(f"{each.failures} pictures gave no face and are left out of the curve")
    if not each.checks:
        said.append("too few people to try the thresholds on others: nobody checked them")
    notes(said)


def _born(each: OperatingTable) -> str:
    return (
        f"measured on {each.data}, {each.date}; {each.people:,} people, {each.pictures:,} pictures, "
        f"{each.impostors:,} pairs of two people"
    )


def _size_rows(each: OperatingTable, fpirs: tuple[float, ...]) -> list[tuple[str, ...]]:
    columns = [_sizes(each, fpir) for fpir in fpirs]
    rows = []
    for cells in zip(*columns, strict=True):
        scores = ["–" if row is None else f"{row.threshold:.4f}{'*' * row.extrapolated}" for _, _, row in cells]
        rows.append((f"{cells[0][0]:,}", str(cells[0][1]), *scores))
    return rows


def _growth_rows(each: OperatingTable) -> list[tuple[str, ...]]:
    from vultus.evaluation.points import growth

    kept = each.verify(KEPT).threshold
    columns = [growth(each, kept, SIZES, templates) for templates in TEMPLATES]
    return [
        (f"{cells[0].people:,}", *(f"{cell.fpir:.4g} [{cell.low:.4g}, {cell.high:.4g}]" for cell in cells))
        for cells in zip(*columns, strict=True)
    ]


def _pictures(count: int) -> str:
    return "1 picture each" if count == 1 else f"{count} pictures each"


def _show_gallery(folder: Path, fpirs: tuple[float, ...], json: bool) -> None:
    from vultus.evaluation.points import against, expected, in_use
    from vultus.gallery import Gallery

    with Gallery.open(folder, create=False) as known:
        contract, people = known.stats().contract, known.people()
    counts = np.array([person.templates for person in people if person.templates], dtype=np.int64)
    if contract is None or not counts.size:
        raise InputError(f"expected enrolled faces in {folder}, there are none; enrol somebody first")
    each = next((found for found in in_use() if found.contract == contract.id), None)
    if each is None:
        raise OperatingPointError(f"no thresholds are known for {contract.model}; measure them with `vultus calibrate`")
    rows = [(fpir, found) for fpir in fpirs if (found := against(each, fpir, counts)) is not None]
    score = each.verify(KEPT).threshold
    kept = expected(each, score, counts)
    if json:
        print_report(
            {
                "gallery": folder,
                "model": each.model,
                "people": counts.size,
                "templates": int(counts.sum()),
                "most_templates": int(counts.max()),
                "data": each.data,
                "date": each.date,
                "identify": [{"fpir": fpir, **_scored(found)} for fpir, found in rows],
                "kept": {"fmr": KEPT, "threshold": score, "fpir": kept.fpir, "low": kept.low, "high": kept.high},
            }
        )
        return
    title = f"{counts.size} people with {int(counts.sum())} faces, at most {int(counts.max())} each"
    table(
        f"{title}; model {escape(each.model)}",
        ("FPIR#", "score#", "as far as the choice of people goes [95 %]"),
        (
            (f"{fpir:g}", f"{found.threshold:.4f}{'*' * found.extrapolated}", f"{found.low:.4g} to {found.high:.4g}")
            for fpir, found in rows
        ),
    )
    console().print(
        f"the score for FMR {KEPT:g} ({score:.4f}) would name {kept.fpir:.4g} [{kept.low:.4g}, {kept.high:.4g}] of all "
        f"strangers here; {escape(_born(each))}",
        soft_wrap=True,
    )
    if any(found.extrapolated for _, found in rows):
        notes(["* lies beyond what the data can show"])


def _section(each: OperatingTable, fpirs: tuple[float, ...]) -> Section:
    from vultus import plots
    from vultus.evaluation.points import stands_for
    from vultus.report import Section, Table
    from vultus.report.drawn import drawn

    stands = stands_for(each)
    figures = [
        drawn(
            plots.threshold_curve(each), f"Measured on {each.data}.", "False match rate over the score, as the table."
        ),
        drawn(
            plots.fpir_growth(
                each, tuple(row.point.target for row in stands if row.point.target in (1e-3, 1e-4, 1e-5))
            ),
            "Predicted for fixed scores; band: as far as the choice of development people goes.",
            "Predicted FPIR over the number of people, as the table.",
        ),
    ]
    if each.checks:
        words = "Thresholds from one half of the people, tried on the other."
        figures.append(drawn(plots.fpir_checks(each), words, f"Observed FPIR beside what was promised. {words}"))
    if each.likelihood is not None:
        words = f"Measured on {each.likelihood.data}."
        figures.append(
            drawn(plots.likelihood_ratios(each.likelihood), words, f"Likelihood ratio over the score. {words}")
        )
    verify = tuple(
        (
            f"{row.point.target:g}",
            row.point.threshold,
            "extrapolated" if row.point.measured is None else row.point.measured,
            "" if row.evidence is None else str(row.evidence),
        )
        for row in stands
    )
    return Section(
        each.model,
        text=(f"{_born(each).capitalize()}.",),
        tables=(
            Table("One against one", ("FMR", "Score", "Measured", "Evidence of just that score"), verify),
            Table(
                "Against a gallery: score by FPIR; * lies beyond what the data can show",
                ("People", "Pictures each", *(f"FPIR {fpir:g}" for fpir in fpirs)),
                tuple(_size_rows(each, fpirs)),
            ),
            Table(
                f"FPIR where the score for FMR {KEPT:g} is kept",
                ("People", *map(_pictures, TEMPLATES)),
                tuple(_growth_rows(each)),
            ),
        ),
        figures=tuple(figures),
    )
