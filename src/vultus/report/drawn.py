"""What several reports share: figures with caption and content in words, pictures that failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from vultus.evaluation.extraction import Failure
from vultus.metrics.bands import Sides
from vultus.metrics.det import ErrorCurve
from vultus.metrics.verification import EqualError, Scores
from vultus.report.cells import per_cent
from vultus.report.values import Column, Figure, Records, Section

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

__all__ = ["band", "drawn", "error_figures", "failures", "score_figures"]


def drawn(figure: Drawing, caption: str, alt: str) -> Figure:
    """A matplotlib figure as a figure of the report."""
    from vultus.plots import svg

    return Figure(svg(figure), caption, alt)


def error_figures(
    curve: ErrorCurve,
    eer: EqualError,
    scores: tuple[Scores, Scores],
    threshold: float | None,
    *,
    people: tuple[Sides | None, Sides | None] = (None, None),
    names: tuple[str, str] = ("FMR", "FNMR"),
    axes: tuple[str, str] = ("False match rate (FMR)", "False non-match rate (FNMR)"),
) -> tuple[Figure, ...]:
    """ROC, DET and error rates over the threshold; scores, people: of both kinds, genuine first."""
    from vultus import plots

    said = band(curve)
    right = f"1 − {names[1]}"
    levels = "; ".join(
        f"{right} {per_cent(1 - _at(curve, fmr))} at {names[0]} {per_cent(fmr)}"
        for fmr in (0.1, 0.01, 0.001)
        if fmr * curve.impostor >= 1
    )
    equal = f"Equal error rate {per_cent(eer.rate)} at threshold {eer.threshold:.4g}."
    over = f", line at {threshold:.4g}" if threshold is not None else ""
    return (
        drawn(
            plots.roc(curve)
            if names == ("FMR", "FNMR")
            else plots.accepted_over_errors(
                curve, title="ROC", x=axes[0], y=f"Accepted rightly ({right})", errors="errors"
            ),
            f"{curve.genuine:,} and {curve.impostor:,} comparisons. {said}",
            f"ROC curve. {levels or equal}",
        ),
        drawn(
            plots.det(curve, eer=eer, rates=axes),
            f"Both axes in normal deviates: scores of two normal distributions make a straight line. {said}",
            f"DET curve. {equal}",
        ),
        drawn(
            plots.error_rates(
                *scores, genuine_people=people[0], impostor_people=people[1], threshold=threshold, names=names
            ),
            f"{names[0]} falls and {names[1]} rises with the threshold. {said}",
            f"{names[0]} and {names[1]} over the threshold{over}. {equal}",
        ),
    )


def score_figures(
    groups: Mapping[str, Scores], threshold: float | None, x: str = "Score", *, tails: bool = True
) -> tuple[Figure, ...]:
    """Histogram of scores by kind, and once more with a logarithmic axis for the tails."""
    from vultus import plots

    sizes = ", ".join(f"{len(scores):,} {name}" for name, scores in groups.items())
    over = f", line at the threshold {threshold:.4g}" if threshold is not None else ""
    return tuple(
        drawn(
            plots.score_histogram(groups, threshold=threshold, log=log, x=x),
            f"{sizes}. {'The same with a logarithmic axis, for the tails.' if log else 'Each kind adds up to 100 %.'}",
            f"Histogram of scores: {sizes}{over}{', logarithmic' if log else ''}.",
        )
        for log in ((False, True) if tails else (False,))
    )


def failures(found: Sequence[Failure], pictures: int) -> Section:
    """The pictures that gave no embedding, with the reasons."""
    rows = tuple((str(each.path), each.reason) for each in found)
    return Section(
        "Pictures without embedding",
        text=(f"{len(found):,} of {pictures:,} pictures; they count as failures, and are not hidden.",),
        tables=(Records("Failures", (Column("Picture"), Column("Why")), rows),),
    )


def band(curve: ErrorCurve) -> str:
    """What the band of a curve is."""
    if curve.interval == "subjects":
        return "Band: 95 % for each threshold by itself, by resampling people."
    return "Band: 95 % for each threshold by itself (Wilson), comparisons taken for independent."


def _at(curve: ErrorCurve, fmr: float) -> float:
    """FNMR at the lowest drawn threshold that keeps this FMR."""
    return float(curve.fnmr[curve.fmr <= fmr].min(initial=1.0))
