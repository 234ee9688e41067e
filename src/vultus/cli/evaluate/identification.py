"""`vultus evaluate identification`: one against many with strangers, on pictures or on a score matrix."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vultus.cli import options
from vultus.cli.evaluate.answers import (
    HtmlOption,
    ImagesOption,
    NegateOption,
    SeedOption,
    absent,
    by_rate,
    notes,
    prepare_html,
    print_report,
    table_of,
    told,
    write_html,
)
from vultus.cli.output import console, progress, table
from vultus.errors import InputError

if TYPE_CHECKING:
    from vultus.analyzer import Analyzer
    from vultus.evaluation.identification_scores import Searches, SearchReport
    from vultus.evaluation.openset import OpenSetReport

__all__ = ["add_to"]

_WAYS = (
    "expected one of: --images DIR with --people LIST and --strangers LIST (random splits of each person's pictures); "
    "--gallery DIR with --probes DIR and perhaps --strangers DIR; --images DIR that holds gallery/ and probes/; "
    "--scores FILE"
)


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("identification")(identification)


@options.choosing
def identification(
    images: ImagesOption = None,
    people: Annotated[Path | None, typer.Option("--people", help="List of the people to enrol, a name a line.")] = None,
    strangers: Annotated[
        Path | None, typer.Option("--strangers", help="List of the people who are not enrolled, or their folder.")
    ] = None,
    gallery: Annotated[
        Path | None, typer.Option("--gallery", help="Folder of those to enrol, a sub-folder a person.")
    ] = None,
    probes: Annotated[
        Path | None, typer.Option("--probes", help="Folder of pictures to search with, a sub-folder a person.")
    ] = None,
    scores: Annotated[
        Path | None, typer.Option("--scores", help="Score matrix instead of pictures: CSV probe,NAME,…, or NPY.")
    ] = None,
    mates: Annotated[
        Path | None, typer.Option("--mates", help="Beside an NPY matrix: each row's column, -1 a stranger.")
    ] = None,
    enrolled: Annotated[
        list[int] | None, typer.Option("--enrolled", help="Pictures enrolled a person (1 and 5), of lists.")
    ] = None,
    splits: Annotated[
        int, typer.Option("--splits", help="Random choices of the enrolled pictures, of lists.", min=1)
    ] = 10,
    fpir: options.FpirOption = 0.01,
    negate: NegateOption = False,
    seed: SeedOption = 0,
    json: options.JsonOption = False,
    html: HtmlOption = None,
    chosen: options.Chosen = options.DEFAULTS,
) -> None:
    """FNIR at FPIR, ranks (CMC), and FPIR against gallery size; with lists, over random splits.

    Thresholds are those that the strangers of the test set; beside them stands what the product
    does at its own threshold, which other people set.
    """
    prepare_html(html)
    if scores is not None:
        if images or gallery or probes or people:
            raise InputError(_WAYS)
        _from_scores(scores, mates, fpir, negate, seed, json, html)
        return
    if negate or mates:
        raise InputError("expected --negate and --mates with --scores alone")
    lists = people is not None and strangers is not None and images is not None and not gallery and not probes
    if not lists and (
        people is not None or (gallery is None) != (probes is None) or (images is None) == (gallery is None)
    ):
        raise InputError(_WAYS)
    analyzer = chosen.analyzer()
    if lists:
        assert images is not None
        assert people is not None
        assert strangers is not None
        _from_lists(images, people, strangers, tuple(enrolled or (1, 5)), splits, fpir, seed, json, html, analyzer)
    else:
        _from_folders(images, gallery, probes, strangers, fpir, seed, json, html, analyzer)


def _from_lists(
    images: Path,
    people: Path,
    strangers: Path,
    enrolled: tuple[int, ...],
    splits: int,
    fpir: float,
    seed: int,
    json: bool,
    html: Path | None,
    analyzer: Analyzer,
) -> None:
    from vultus.datasets import lfw
    from vultus.evaluation.openset import evaluate
    from vultus.report import report_identification

    known, unknown = lfw.names(people), lfw.names(strangers)
    if both := sorted(set(known) & set(unknown)):
        raise InputError(f"expected strangers to be strangers, but {len(both)} are enrolled, first {both[0]}")
    data = lfw.OpenSet(lfw.pictures(images, known), lfw.pictures(images, unknown))
    operating = table_of(analyzer)
    with progress("reading pictures", None, quiet=json) as advance:
        report = evaluate(
            data,
            analyzer.parallel(),
            table=operating,
            templates=enrolled,
            splits=splits,
            fpir=fpir,
            seed=seed,
            progress=lambda done, of: advance(to=done, total=of),
        )
    _show_splits(report, json)
    write_html(
        html,
        "Identification",
        lambda: report_identification(report, table=operating, seed=seed),
        data=f"{people.name}, {strangers.name}",
        command=f"vultus evaluate identification --images {images.name} --people {people.name} "
        f"--strangers {strangers.name}",
        model=analyzer.contract.model,
        seed=seed,
    )


def _show_splits(report: OpenSetReport, json: bool) -> None:
    if json:
        for result in report.results:
            print_report(result)
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


def _from_folders(
    images: Path | None,
    gallery: Path | None,
    probes: Path | None,
    strangers: Path | None,
    fpir: float,
    seed: int,
    json: bool,
    html: Path | None,
    analyzer: Analyzer,
) -> None:
    from vultus.datasets import folders
    from vultus.evaluation.identification_scores import evaluate_folders, evaluate_searches
    from vultus.report import report_identification

    if images is not None:
        if strangers is not None:
            raise InputError(_WAYS)
        data, name = folders.read_root(images), images.name
    else:
        assert gallery is not None
        assert probes is not None
        data, name = folders.read(gallery, probes, strangers), f"{gallery.name}, {probes.name}"
    operating = table_of(analyzer)
    with progress("reading pictures", None, quiet=json) as advance:
        searches = evaluate_folders(data, analyzer.parallel(), lambda done, of: advance(to=done, total=of))
    report = evaluate_searches(searches, fpir=fpir, table=operating, seed=seed)
    _show(report, searches, json)
    absent(data.empty, "sub-folders hold no picture")
    write_html(
        html,
        "Identification",
        lambda: report_identification(report, searches, table=operating, seed=seed),
        data=name,
        command=f"vultus evaluate identification on {name}",
        model=analyzer.contract.model,
        seed=seed,
    )


def _from_scores(
    file: Path, mates: Path | None, fpir: float, negate: bool, seed: int, json: bool, html: Path | None
) -> None:
    from vultus.datasets.scores import read_searches
    from vultus.evaluation.identification_scores import Searches, evaluate_searches
    from vultus.report import report_identification

    with progress("reading scores", None, quiet=json):
        read = read_searches(file, mates, negate=negate)
    searches = Searches(read.scores, read.mates, read.people)
    report = evaluate_searches(searches, fpir=fpir, seed=seed)
    _show(report, searches, json)
    write_html(
        html,
        "Identification",
        lambda: report_identification(report, searches, seed=seed),
        data=file.name,
        command=f"vultus evaluate identification --scores {file.name}",
        seed=seed,
    )


def _show(report: SearchReport, searches: Searches, json: bool) -> None:
    found = {at.target: at for at in report.at}
    if json:
        dir_at = {target: 1 - at.fnir.value for target, at in found.items() if at.fnir is not None}
        print_report(
            {
                "people": report.people,
                "searches": report.searches,
                "strangers": report.strangers,
                "no_score": report.no_score,
                "thresholds": by_rate({target: at.threshold for target, at in found.items()}),
                "fpir": by_rate({target: at.fpir for target, at in found.items()}),
                "fnir": by_rate({target: at.fnir for target, at in found.items()}),
                "dir": by_rate(dir_at),
                "rank": {str(rank): rate for rank, rate in report.ranks.items()},
                "cmc": report.cmc,
                "growth": {
                    "fpir": report.growth_target,
                    "people": [size.people for size in report.growth],
                    "expected": [size.fpir for size in report.growth],
                },
                "at_operating_point": report.realised,
                "pictures": searches.pictures,
                "failures_to_enrol": len(searches.failures),
                "failures": searches.failures,
                "without_template": searches.empty,
                "caveats": report.caveats,
            }
        )
        return
    rows = [
        (f"FNIR at FPIR {at.target:g}, set on these strangers", str(at.fnir), f"at {at.threshold:.3f}")
        for at in report.at
        if at.fnir is not None
    ]
    rows += [
        (f"right person within rank {rank}", str(rate), "strangers left out") for rank, rate in report.ranks.items()
    ]
    if report.realised is not None:
        at_point = report.realised
        threshold = f"at {at_point.point.threshold:.3f}"
        rows.append((f"the product at FPIR {at_point.point.target:g}: FPIR", str(at_point.fpir), threshold))
        rows.append(("the product: FNIR", str(at_point.fnir), ""))
    title = f"{report.people} people, {report.searches} searches for them, {report.strangers} by strangers"
    table(title, ("figure", "value [95 %]", ""), rows)
    if report.growth:
        table(
            f"FPIR of the threshold for {report.growth_target:g}, against random parts of the gallery",
            ("people#", "FPIR [95 %]"),
            ((str(size.people), told(size.fpir)) for size in report.growth),
        )
    absent([failure.path for failure in searches.failures], "pictures gave no face")
    notes(report.caveats)
