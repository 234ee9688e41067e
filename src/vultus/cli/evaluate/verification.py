"""`vultus evaluate verification`: one against one, on pairs of pictures or on scores."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
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
    write_html,
)
from vultus.cli.output import progress, table
from vultus.errors import InputError

if TYPE_CHECKING:
    from vultus.datasets.lfw import Pair
    from vultus.evaluation.verification import Compared, VerificationReport
    from vultus.metrics.calibration import Cost

__all__ = ["add_to"]

WORST = 12  # wrong decisions that are shown


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("verification")(verification)


@options.choosing
def verification(
    images: ImagesOption = None,
    pairs: Annotated[
        Path | None, typer.Option("--pairs", help="Pairs in LFW's format, or CSV with the header a,b,same.")
    ] = None,
    scores: Annotated[Path | None, typer.Option("--scores", help="CSV of score,same instead of pictures.")] = None,
    fmr: Annotated[float, typer.Option("--fmr", help="The product's operating point to try beside.")] = 1e-3,
    at: Annotated[
        list[float] | None, typer.Option("--at", help="FMR at which FNMR is told (0.1, 0.01 and 0.001).")
    ] = None,
    llr: Annotated[bool, typer.Option("--llr", help="Also the cost of likelihood ratios, Cllr and minCllr.")] = False,
    negate: NegateOption = False,
    seed: SeedOption = 0,
    json: options.JsonOption = False,
    html: HtmlOption = None,
    show_pictures: Annotated[
        bool, typer.Option("--show-pictures", help="Put the worst errors as pictures into the report.")
    ] = False,
    chosen: options.Chosen = options.DEFAULTS,
) -> None:
    """Accuracy, EER, AUC and FNMR on pairs, failures to enrol counted in, with 95 % intervals.

    Either `--images DIR --pairs FILE` or `--scores FILE`. Pictures of a CSV list that are not there
    are listed, and their pairs left out; of LFW's own lists every picture must be there.
    """
    if (scores is None) == (images is None and pairs is None) or (images is None) != (pairs is None):
        raise InputError("expected --images DIR with --pairs FILE, or --scores FILE alone")
    prepare_html(html)
    targets = tuple(at) if at else None
    if scores is not None:
        _from_scores(scores, targets, llr, negate, seed, json, html)
        return
    if negate:
        raise InputError("expected --negate with --scores; scores of pictures are no distances")
    assert images is not None
    assert pairs is not None
    from vultus.evaluation.verification import TARGETS, compare, evaluate_scores

    listed, missing, duplicates = _listed(pairs, images)
    analyzer = chosen.analyzer()
    operating = table_of(analyzer)
    with progress("reading pictures", None, quiet=json) as advance:
        found = compare(listed, analyzer.parallel(), lambda done, of: advance(to=done, total=of))
    report = evaluate_scores(
        found.scores,
        found.same,
        found.people,
        folds=found.folds,
        point=None if operating is None else operating.verify(fmr),
        targets=targets or TARGETS,
        seed=seed,
        pictures=found.pictures,
        failures=found.failures,
    )
    cost, source = None, ""
    if llr:
        if operating is None or operating.likelihood is None:
            raise InputError("expected a model with likelihood ratios for --llr; make some with `vultus calibrate`")
        cost, source = _cost_of_table(found, operating.likelihood), f"table: {operating.likelihood.data}"
    _show(report, json, missing, duplicates, cost, source)
    write_html(
        html,
        "Verification",
        lambda: _sections(report, found, images, show_pictures, seed),
        data=f"{pairs.name}, {report.pairs:,} pairs",
        command=f"vultus evaluate verification --images {images.name} --pairs {pairs.name}",
        model=analyzer.contract.model,
        seed=seed,
    )


def _from_scores(
    file: Path,
    targets: tuple[float, ...] | None,
    llr: bool,
    negate: bool,
    seed: int,
    json: bool,
    html: Path | None,
) -> None:
    from vultus.evaluation.score_files import evaluate_file
    from vultus.evaluation.verification import TARGETS
    from vultus.metrics.calibration import cross_fit
    from vultus.report import report_results, report_verification

    with progress("reading scores", None, quiet=json) as advance:
        report, read = evaluate_file(
            file,
            negate=negate,
            targets=targets or TARGETS,
            seed=seed,
            progress=lambda done, of: advance(to=done, total=of),
        )
    cost, source = None, ""
    if llr:
        if read is None:
            raise InputError(f"{file}: too many scores for --llr; draw a part of them")
        alone = np.arange(read.scores.size)  # who is compared is not known: each pair is taken for its own people
        cost, source = cross_fit(read.scores, read.same, alone, alone, seed=seed), "cross-fit on these pairs"
    _show(report, json, (), 0, cost, source)
    write_html(
        html,
        "Verification",
        lambda: (
            report_results(report, "In short")
            if read is None
            else report_verification(report, read.scores[read.same], read.scores[~read.same], seed=seed)
        ),
        data=f"{file.name}, {report.pairs:,} pairs",
        command=f"vultus evaluate verification --scores {file.name}",
        seed=seed,
    )


def _listed(file: Path, images: Path) -> tuple[tuple[Pair, ...], tuple[Path, ...], int]:
    """The pairs of a list, the pictures it lacks, and how many of its rows say the same again."""
    from vultus.datasets import layout, lfw
    from vultus.datasets import pairs as table_of_pairs

    first = next((line for _, line in layout.lines(file)), "")
    if "," not in first:
        return lfw.pairs(file, images), (), 0
    read = table_of_pairs.read(file, images)
    if not read.present:
        raise InputError(f"{file}: expected its pictures in {images}, {len(read.missing)} are missing, first "
                         f"{read.missing[0].relative_to(images)}")  # fmt: skip
    return read.present, read.missing, len(read.duplicates)


def _cost_of_table(found: Compared, model: Any) -> Cost:
    from vultus.metrics.calibration import cost
    from vultus.metrics.likelihood import min_cllr

    llrs = np.array([model.llr(score) for score in found.scores.tolist()])
    first, second = zip(*found.people, strict=True)
    bits = cost(llrs, found.same, first, second)

    # Of the scores themselves: the table's steps would hide what a finer function could still tell apart.
    return replace(bits, min_cllr=min_cllr(found.scores[found.same], found.scores[~found.same]))


def _show(
    report: VerificationReport,
    json: bool,
    missing: tuple[Path, ...],
    duplicates: int,
    cost: Cost | None,
    source: str,
) -> None:
    said = [*report.caveats]
    if missing:
        said.append(f"{len(missing)} pictures of the list are missing: their pairs are left out")
    if duplicates:
        said.append(f"{duplicates} rows say again what another row says and are left out")
    if json:
        answer = {
            "pairs": report.pairs,
            "accuracy": report.accuracy,
            "accuracy_std": report.accuracy_std,
            "eer": report.eer,
            "auc": report.auc,
            "fnmr": by_rate({rate: value.value for rate, value in report.fnmr.items()}),
            "fnmr_intervals": by_rate(report.fnmr),
            "thresholds": by_rate(report.thresholds),
            "failures_to_enrol": report.failures_to_enrol,
            "no_decision": report.no_decision,
            "pictures": report.pictures,
            "folds": report.folds,
            "at_operating_point": report.at_point,
            "genuine": report.genuine,
            "impostor": report.impostor,
            "eer_threshold": report.eer_threshold,
            "interval": report.interval,
            "missing": missing,
            "duplicates": duplicates,
            "failures": report.failures,
            "caveats": said,
        }
        if cost is not None:
            answer |= {
                "cllr": cost.cllr,
                "cllr_interval": [cost.low, cost.high],
                "min_cllr": cost.min_cllr,
                "llr_from": source,
            }
        print_report(answer)
        return
    rows = []
    if report.folds:
        rows.append(("accuracy", f"{report.accuracy:.4f} ± {report.accuracy_std:.4f}", f"mean of {report.folds} folds"))
    rows += [("EER", f"{report.eer:.4f}", f"at {report.eer_threshold:.3f}"), ("AUC", f"{report.auc:.5f}", "")]
    rows += [
        (f"FNMR at FMR {rate:g}", str(value), f"at {report.thresholds[rate]:.3f}")
        for rate, value in report.fnmr.items()
    ]
    if report.pictures:
        rows.append(("failures to enrol", f"{report.failures_to_enrol} of {report.pictures} pictures", ""))
    if report.at_point is not None:
        point = report.at_point
        rows.append(
            (f"the product at FMR {point.point.target:g}", f"FMR {point.fmr}", f"at {point.point.threshold:.3f}")
        )
        rows.append(("", f"FNMR {point.fnmr}", f"accuracy {point.accuracy:.4f}"))
    if cost is not None:
        rows.append(("Cllr", f"{cost.cllr:.4f} [{cost.low:.4f}, {cost.high:.4f}]", f"bits; {source}"))
        rows.append(("minCllr", f"{cost.min_cllr:.4f}", f"{cost.loss:.4f} lost to calibration"))
    table(
        f"{report.pairs} pairs ({report.genuine} of one person, {report.impostor} of two)",
        ("figure", "value", ""),
        rows,
    )
    absent(missing, "pictures are missing")
    absent([failure.path for failure in report.failures], "pictures gave no face")
    notes(said)


def _sections(report: VerificationReport, found: Compared, images: Path, show_pictures: bool, seed: int) -> Any:
    from vultus.report import Comparison, report_verification

    first, second = (np.array(side) for side in zip(*found.people, strict=True))
    same = found.same
    comparisons = [
        Comparison(_name(pair.first, images), _name(pair.second, images), pair.same, score)
        for pair, score in zip(found.pairs, found.scores.tolist(), strict=True)
    ]
    threshold = report.threshold if report.at_point is None else report.at_point.point.threshold
    return report_verification(
        report,
        found.scores[same],
        found.scores[~same],
        genuine_people=(first[same], second[same]),
        impostor_people=(first[~same], second[~same]),
        comparisons=comparisons,
        worst=_worst(found, threshold, images) if show_pictures else (),
        seed=seed,
    )


def _worst(found: Compared, threshold: float, images: Path) -> list[Any]:
    """The wrong decisions that lie furthest from the threshold, as small pictures."""
    from vultus.cli.evaluate.thumbnails import thumbnail
    from vultus.report import Exhibit

    far = np.where(found.same, threshold - found.scores, found.scores - threshold)
    far = np.where(np.isnan(far), -np.inf, far)
    wrong = ((found.scores >= threshold) != found.same) & np.isfinite(far)
    shown = [row for row in np.argsort(-far, kind="stable").tolist() if wrong[row]][:WORST]
    return [
        Exhibit(
            tuple(thumbnail(path, _name(path, images)) for path in (found.pairs[row].first, found.pairs[row].second)),
            "one person, refused" if found.same[row] else "two people, accepted",
            f"score {found.scores[row]:.3f}",
        )
        for row in shown
    ]


def _name(path: Path, images: Path) -> str:
    return path.relative_to(images).as_posix() if path.is_relative_to(images) else path.name
