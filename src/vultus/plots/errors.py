"""Error rates of one against one: ROC, DET, and both rates over the threshold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from vultus.errors import InputError
from vultus.metrics.bands import PEOPLE_ENOUGH, Sides, accepted_band, people_in
from vultus.metrics.caveats import ascending
from vultus.metrics.det import ErrorCurve, probit
from vultus.metrics.intervals import wilson
from vultus.metrics.verification import EqualError, Scores
from vultus.plots.scales import DEVIATE_TICKS, deviates, log_rates, per_cent, share
from vultus.plots.theme import (
    BAND,
    GREY,
    INK,
    SMALL,
    figure_of,
    label_ends,
    lines,
    mark_threshold,
    named,
    new_axes,
    remark,
)

__all__ = ["accepted_over_errors", "det", "error_rates", "roc"]

_LEVELS = 120
_REPLICATES = 300
_RULE = 30  # errors from which a rate is known to about a third of itself


def roc(curves: ErrorCurve | Mapping[str, ErrorCurve], *, ax: Axes | None = None) -> Figure:
    """True match rate over false match rate (logarithmic), with the band of each threshold.

    curves: one, or several by name. Left of the dotted line fewer than 30 strangers passed:
    what is drawn there is known to less than a third of itself.
    """
    return accepted_over_errors(
        curves, title="ROC", x="False match rate (FMR)", y="True match rate (1 − FNMR)", errors="false matches", ax=ax
    )


def accepted_over_errors(
    curves: ErrorCurve | Mapping[str, ErrorCurve], *, title: str, x: str, y: str, errors: str, ax: Axes | None = None
) -> Figure:
    """A curve of what is rightly accepted over what is wrongly accepted; errors: what to call the latter."""
    found = named(curves)
    ax = new_axes(ax, title, x, y)
    fewest = max(each.impostor for each in found.values())
    low, lowest = 1.0, 1.0
    for style, (name, each) in zip(lines(len(found)), found.items(), strict=True):
        points = each.roc()
        seen = points.x > 0
        at, level = points.x[seen], points.y[seen]
        ax.fill_between(at, points.low[seen], points.high[seen], color=style.fill, alpha=BAND, linewidth=0)
        ax.plot(at, level, color=style.colour, linestyle=style.dashes, linewidth=1.8, label=name or None)
        if at.size:
            low, lowest = min(low, float(at.min())), min(lowest, float(points.low[seen][-1]))
    left = 10.0 ** np.floor(np.log10(max(low, 1e-9)) + 1e-9)
    log_rates(ax, "x", min(float(left), 0.1))
    per_cent(ax.yaxis)
    ax.set_ylim(max(0.0, np.floor(lowest * 20 - 0.5) / 20), 1.005)
    _rule_of_thirty(ax, fewest, errors)
    _label_lines(ax, found, "roc")
    return figure_of(ax)


def det(
    curves: ErrorCurve | Mapping[str, ErrorCurve],
    *,
    eer: EqualError | None = None,
    rates: tuple[str, str] = ("False match rate (FMR)", "False non-match rate (FNMR)"),
    ax: Axes | None = None,
) -> Figure:
    """Both error rates against each other in normal deviates, with the band of each threshold.

    eer: where to mark equal errors, from the scores themselves. rates: names of the axes, for
    instance APCER and BPCER. A rate of 0 is drawn at half a comparison.
    """
    found = named(curves)
    ax = new_axes(ax, "DET", f"{rates[0]}, %", f"{rates[1]}, %", size=(5.0, 4.6))
    for style, (name, each) in zip(lines(len(found)), found.items(), strict=True):
        points = each.det()
        ax.fill_between(points.x, points.low, points.high, color=style.fill, alpha=BAND, linewidth=0)
        ax.plot(points.x, points.y, color=style.colour, linestyle=style.dashes, linewidth=1.8, label=name or None)
    x = _shown(min(0.5 / each.impostor for each in found.values()))
    y = _shown(min(0.5 / each.genuine for each in found.values()))
    deviates(ax, x, y)
    both = probit(np.array([max(x[0], y[0]), min(x[1], y[1])]))
    ax.plot(both, both, color=GREY, linewidth=0.8, linestyle=(0, (1, 2)), zorder=1)
    if eer is not None and 0 < eer.rate < 1:
        at = float(probit(np.array([eer.rate]))[0])
        ax.plot([at], [at], "o", color=INK, markersize=4.5, zorder=5)
        ax.annotate(
            f"EER {share(eer.rate)}", (at, at), (7, 4), textcoords="offset points", color=INK, fontsize=SMALL, zorder=6
        )
    _label_lines(ax, found, "det")
    return figure_of(ax)


def error_rates(
    genuine: Scores,
    impostor: Scores,
    *,
    genuine_people: Sides | None = None,
    impostor_people: Sides | None = None,
    threshold: float | None = None,
    names: tuple[str, str] = ("FMR", "FNMR"),
    seed: int = 0,
    ax: Axes | None = None,
) -> Figure:
    """Both error rates over the threshold, with bands; threshold: one to mark.

    From the scores themselves (NaN is never accepted), at even thresholds: an `ErrorCurve`
    leaves out thresholds where its shape needs none. people: on each side of each comparison,
    for bands by resampling them; without, Wilson's. Refused (InputError): scores of one kind
    only, infinity.
    """
    ax = new_axes(ax, "Error rates by threshold", "Threshold (accepted at or above it)", "Error rate")
    parts = [ascending(genuine, "genuine"), ascending(impostor, "impostor")]
    if not all(values.size for values, _ in parts):
        raise InputError(f"expected scores of both kinds, got {parts[0][0].size} and {parts[1][0].size}")
    low = min(float(values[0]) for values, _ in parts)
    high = max(float(values[-1]) for values, _ in parts)
    at = np.linspace(low, high if high > low else low + 1e-6, _LEVELS)
    accepted = (
        (lines(2)[1], names[0], impostor, impostor_people, parts[1], False),
        (lines(2)[0], names[1], genuine, genuine_people, parts[0], True),
    )
    ends = []
    for style, name, scores, people, (values, lost), refused in accepted:
        passed = values.size - np.searchsorted(values, at, side="left")
        bottom, top = _band(np.asarray(scores), people, at, passed, values.size + lost, seed)
        level = passed / (values.size + lost)
        if refused:
            level, bottom, top = 1 - level, 1 - top, 1 - bottom
        ax.fill_between(at, bottom, top, color=style.fill, alpha=BAND, linewidth=0)
        ax.plot(at, level, color=style.colour, linestyle=style.dashes, linewidth=1.8, label=name)
        place = int(np.argmin(np.abs(level - 0.72)))
        ends.append((name, float(at[place]), float(level[place]), style.colour))
    ax.set_xlim(float(at[0]), float(at[-1]))
    ax.set_ylim(0, 1.005)
    per_cent(ax.yaxis)
    if threshold is not None:
        mark_threshold(ax, threshold, f"threshold {threshold:.3f}")
    for end in ends:
        label_ends(ax, [end])
    return figure_of(ax)


def _band(
    scores: Scores, people: Sides | None, at: NDArray[np.float64], passed: NDArray[np.intp], n: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Ends of the share accepted at each threshold."""
    if people is not None and people_in(people) >= PEOPLE_ENOUGH:
        return accepted_band(scores, people, at, replicates=_REPLICATES, seed=seed)
    found = [wilson(int(k), n) for k in passed]
    return np.array([rate.low for rate in found]), np.array([rate.high for rate in found])


def _rule_of_thirty(ax: Axes, comparisons: int, errors: str) -> None:
    limit = _RULE / comparisons
    low, high = ax.get_xlim()
    if not low < limit < high:
        return
    ax.axvline(limit, color=GREY, linewidth=0.9, linestyle=(0, (1, 2)), zorder=1)
    remark(ax, f"left of the dotted line: fewer than {_RULE} {errors}")


def _shown(half: float) -> tuple[float, float]:
    """From the tick below half a comparison to past the middle, where a threshold is still of use."""
    ticks = [tick for tick in DEVIATE_TICKS if tick <= half]
    return (max(ticks) if ticks else DEVIATE_TICKS[0]), 0.6


def _label_lines(ax: Axes, curves: Mapping[str, ErrorCurve], kind: Literal["roc", "det"]) -> None:
    """Names beside the lines at one place along the axis, on the side to which the line does not run."""
    low, high = ax.get_xlim()
    at = float(np.exp(np.log(low) + 0.6 * np.log(high / low))) if kind == "roc" else low + 0.45 * (high - low)
    labels = []
    for style, (name, each) in zip(lines(len(curves)), curves.items(), strict=True):
        points = each.roc() if kind == "roc" else each.det()
        order = np.argsort(points.x, kind="stable")
        labels.append((name, at, float(np.interp(at, points.x[order], points.y[order])), style.colour))
    label_ends(ax, labels, rise=-9 if kind == "roc" else 5)
