"""The report on one against one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vultus.evaluation.verification import VerificationReport
from vultus.metrics.bands import Sides
from vultus.metrics.det import error_curve
from vultus.metrics.intervals import SubjectBootstrap, wilson
from vultus.metrics.verification import Scores, equal_error
from vultus.report.drawn import error_figures, failures, score_figures
from vultus.report.values import Cell, Column, Exhibit, Records, Section, Table
from vultus.types import Rate

__all__ = ["MOST_ROWS", "Comparison", "comparison_records", "report_verification"]

MOST_ROWS = 20_000

_NOT_SHOWN = (
    "Rates hold for people, cameras and pictures like those of the data; others were not measured.",
    "Strangers were compared as the list has them: relatives and look-alikes pass more often.",
    "One against one says nothing of a search in a gallery, where each person enrolled is one more chance to err.",
    "Nobody tried to deceive the matcher here: attacks with photographs, screens or masks are another report.",
    "Differences between groups of people do not show in a rate over all.",
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two pictures that were compared; NaN where there was no score."""

    first: str
    second: str
    same: bool
    score: float


def report_verification(
    report: VerificationReport,
    genuine: Scores | None = None,
    impostor: Scores | None = None,
    *,
    genuine_people: Sides | None = None,
    impostor_people: Sides | None = None,
    comparisons: Sequence[Comparison] = (),
    worst: Sequence[Exhibit] = (),
    seed: int = 0,
) -> tuple[Section, ...]:
    """Sections on a verification test: figures, curves, scores, comparisons, worst errors, limits.

    genuine, impostor: the scores that the report was made of, NaN where there was none; without
    them there are no curves. people: on each side of each comparison, for bands. comparisons:
    for the long table; of more than 20,000 all errors are kept and then what lies nearest to the
    threshold. worst: pictures to show, which is the caller's to allow. Refused (InputError): as
    `metrics.det.error_curve`.
    """
    threshold, whose = _decides(report)
    tables = [_figures(report), _by_target(report)]
    caveats = list(report.caveats)
    curves: tuple[Section, ...] = ()
    if genuine is not None and impostor is not None:
        curve = error_curve(
            genuine, impostor, genuine_people=genuine_people, impostor_people=impostor_people, seed=seed
        )
        equal = equal_error(genuine, impostor)
        sides = (genuine_people, impostor_people) if curve.interval == "subjects" else (None, None)
        rows = (
            ("False non-matches", _rate(genuine, equal.threshold, sides[0], False, seed)),
            ("False matches", _rate(impostor, equal.threshold, sides[1], True, seed)),
        )
        tables.insert(1, Table(f"At the threshold of equal errors, {equal.threshold:.4g}", ("Figure", "Value"), rows))
        caveats += curve.caveats
        curves = (
            Section("Error curves", figures=error_figures(curve, equal, (genuine, impostor), threshold, people=sides)),
            Section("Scores", figures=score_figures({"genuine": genuine, "impostor": impostor}, threshold)),
        )
    sections = [
        Section(
            "In short",
            text=(_sentence(report, threshold, whose),),
            tables=tuple(tables),
            caveats=tuple(dict.fromkeys(caveats)),
        ),
        *curves,
    ]
    if worst:
        text = f"At threshold {threshold:.4g} ({whose}), worst first."
        sections.append(Section("Worst errors", text=(text,), pictures=tuple(worst)))
    if comparisons:
        sections.append(Section("Comparisons", tables=(comparison_records(comparisons, threshold, whose),)))
    if report.failures:
        sections.append(failures(report.failures, report.pictures))
    sections.append(Section("What this does not show", caveats=_NOT_SHOWN))
    return tuple(sections)


def comparison_records(comparisons: Sequence[Comparison], threshold: float, whose: str = "given") -> Records:
    """The comparisons with their decision at the threshold, worst errors first."""
    scores = np.array([each.score for each in comparisons], dtype=np.float64)
    same = np.array([each.same for each in comparisons], dtype=bool)
    wrong = (scores >= threshold) != same
    # How far on the wrong side; a genuine comparison without score is an error, but no measure of one.
    far = np.where(same, threshold - scores, scores - threshold)
    far = np.where(np.isnan(far), -np.inf, far)
    order = np.lexsort((-far, ~wrong))[:MOST_ROWS]
    left = len(comparisons) - order.size
    kept = f"; {left:,} that lie further on the right side are left out" if left else ""
    return Records(
        f"{len(comparisons):,} comparisons",
        (
            Column("First"),
            Column("Second"),
            Column("One person", "choice"),
            Column("Score", "number"),
            Column("Decision", "choice"),
            Column("Error", "choice"),
        ),
        tuple(_row(comparisons[at], threshold) for at in order),
        f"Decisions at threshold {threshold:.4g} ({whose}); {int(wrong.sum()):,} errors, worst first{kept}.",
    )


def _row(each: Comparison, threshold: float) -> tuple[str | float | None, ...]:
    lost = math.isnan(each.score)
    match = not lost and each.score >= threshold
    error = "–" if match == each.same else "false match" if match else "false non-match"
    decision = "no score" if lost else "match" if match else "no match"
    return each.first, each.second, "yes" if each.same else "no", None if lost else each.score, decision, error


def _decides(report: VerificationReport) -> tuple[float, str]:
    """The threshold that decisions are shown at, and whose it is."""
    if report.at_point is not None:
        return report.at_point.point.threshold, "the product's own"
    if not math.isnan(report.threshold):
        return report.threshold, "median of the folds, set on these pairs"
    return report.eer_threshold, "of equal errors, set on these pairs"


def _sentence(report: VerificationReport, threshold: float, whose: str) -> str:
    text = f"{report.pairs:,} comparisons, {report.genuine:,} of one person and {report.impostor:,} of two. "
    if report.at_point is None:
        return text + f"Decisions below are taken at threshold {threshold:.4g} ({whose})."
    point = report.at_point.point
    return text + (
        f"The product accepts from {point.threshold:.4g} (FMR {point.target:g}, set on {point.data}"
        f"{'; extrapolated beyond what those data can show' if point.extrapolated else ''})."
    )


def _figures(report: VerificationReport) -> Table:
    accuracy = f"{100 * report.accuracy:.2f} % ± {100 * report.accuracy_std:.2f} % between folds"
    rows: list[tuple[Cell, ...]] = [
        ("Comparisons", f"{report.genuine:,} of one person, {report.impostor:,} of two"),
        ("Accuracy, mean of folds", f"{accuracy} ({report.folds})" if report.folds else "not computed"),
        ("Equal error rate", f"{100 * report.eer:.3g} % at {report.eer_threshold:.4g}"),
        ("Area under the ROC", f"{report.auc:.5f}"),
        ("Comparisons without decision", f"{report.no_decision:,} of {report.pairs:,}, counted as called different"),
    ]
    if report.pictures:
        rows.append(("Pictures without embedding", f"{report.failures_to_enrol:,} of {report.pictures:,}"))
    if report.at_point:
        at = report.at_point
        rows += [
            (f"Product, FMR promised {at.point.target:g}: FMR", at.fmr),
            (f"Product, FMR promised {at.point.target:g}: FNMR", at.fnmr),
            ("Product: accuracy", f"{100 * at.accuracy:.2f} % of {report.pairs:,}"),
        ]
    return Table("Figures", ("Figure", "Value"), tuple(rows))


def _by_target(report: VerificationReport) -> Table:
    rows = tuple(
        (f"FNMR at FMR {target:g}, threshold {report.thresholds[target]:.4g}", rate)
        for target, rate in report.fnmr.items()
    )
    return Table(
        "False non-matches at the threshold that these impostors give",
        ("Figure", "Value"),
        rows,
        f"Set on the same {report.impostor:,} impostor comparisons: below 30 errors (FMR "
        f"{30 / max(report.impostor, 1):.2g}) the threshold itself is uncertain.",
    )


def _rate(scores: Scores, threshold: float, people: Sides | None, accepted: bool, seed: int) -> Rate:
    """Share accepted, or refused, with an interval by resampling people where they are known."""
    passed = np.asarray(scores) >= threshold  # NaN is refused
    errors = passed if accepted else ~passed
    if people is None:
        return wilson(int(errors.sum()), errors.size)
    return SubjectBootstrap(people[0], people[1], seed=seed).rate(errors)
