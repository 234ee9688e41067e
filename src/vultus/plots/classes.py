"""Several classes: which is taken for which, and whether confidence is earned."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from vultus.metrics.classification import Classification
from vultus.metrics.reliability import Reliability
from vultus.plots.scales import per_cent
from vultus.plots.theme import BLUE, CELL, GREY, INK, ORANGE, PAPER, SIZE, SMALL, figure_of, new_axes, remark
from vultus.survival.calibration import Calibration

__all__ = ["confusion", "reliability", "risk_calibration"]

_MOST_WRITTEN = 20  # classes up to which cells hold numbers


def confusion(found: Classification, *, ax: Axes | None = None) -> Figure:
    """Confusion matrix, rows the truth: share of the row by depth of blue, per cent and counts written in.

    A column for pictures without answer is added where there are any; recall stands at the right.
    """
    names = list(found.names)
    table = found.confusion
    if found.unanswered.any():
        table = np.concatenate([table, found.unanswered[:, None]], axis=1)
        names.append("no answer")
    rows, columns = table.shape
    side = min(0.62, 6.2 / columns)
    longest = max(map(len, names)) * 0.07
    size = (columns * side + longest + 1.5, rows * side + longest * 0.6 + 1.0)
    ax = new_axes(ax, "Confusion", "Called", "Is", size=size)
    ax.grid(False)
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    for row in range(rows):
        for column in range(columns):
            depth = float(shares[row, column])
            ax.add_patch(
                Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=CELL, alpha=0.62 * depth, edgecolor="none")
            )
            count = int(table[row, column])
            if count and columns <= _MOST_WRITTEN:
                ax.text(
                    column,
                    row - 0.12,
                    f"{100 * depth:.0f} %",
                    ha="center",
                    va="center",
                    color=INK,
                    fontsize=SIZE,
                    fontweight="bold" if row == column else "normal",
                )
                ax.text(column, row + 0.25, f"{count:,}", ha="center", va="center", color=INK, fontsize=SMALL - 1.5)
    for row, each in enumerate(found.classes):
        if each.recall.n:
            text = f"{100 * each.recall.low:.0f}–{100 * each.recall.high:.0f} %"
            ax.text(columns - 0.4, row, text, va="center", color=GREY, fontsize=SMALL)
    ax.text(columns - 0.4, -0.75, "recall, 95 %", va="center", color=GREY, fontsize=SMALL)
    ax.set_xlim(-0.5, columns - 0.5)
    ax.set_ylim(rows - 0.5, -0.5)
    ax.set_aspect("equal")
    slanted = columns > 4
    ax.set_xticks(range(columns), names, rotation=40 if slanted else 0, ha="right" if slanted else "center")
    ax.set_yticks(range(rows), names[:rows])
    for edge in np.arange(-0.5, max(rows, columns) + 0.5):
        if edge <= rows:
            ax.plot([-0.5, columns - 0.5], [edge, edge], color=PAPER, linewidth=1)
        if edge <= columns:
            ax.plot([edge, edge], [-0.5, rows - 0.5], color=PAPER, linewidth=1)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return figure_of(ax)


def reliability(found: Reliability, *, ax: Axes | None = None) -> Figure:
    """How often the winner is right over how sure it was, with Wilson's intervals; bars: how many.

    On the diagonal, confidence means what it says; below it the model is too sure.
    """
    ax = new_axes(ax, "Reliability", "Confidence of the winning class", "Share that is right", size=(4.8, 4.4))
    counts = np.array([rate.n for rate in found.accuracy])
    seen = counts > 0
    ax.bar(
        found.edges[:-1], 0.25 * counts / counts.max(), np.diff(found.edges), align="edge", color=GREY, alpha=0.22, lw=0
    )
    _points(
        ax,
        found.confidence[seen],
        np.array([rate.value for rate in found.accuracy])[seen],
        np.array([rate.low for rate in found.accuracy])[seen],
        np.array([rate.high for rate in found.accuracy])[seen],
    )
    ax.set_xlim(0, 1)
    ax.set_ylim(0, 1.02)
    direction = "too sure" if found.bias > 0 else "not sure enough"
    remark(
        ax,
        f"{found.n:,} answers (grey: how many); calibration error {100 * found.ece:.1f} %, largest "
        f"{100 * found.mce:.1f} %; on average {100 * abs(found.bias):.1f} % {direction}",
        66,
    )
    return figure_of(ax)


def risk_calibration(found: Calibration, *, ax: Axes | None = None) -> Figure:
    """Observed against predicted risk by the horizon, a point a group of people, with intervals.

    Groups that are not followed so far have no point, and are named.
    """
    ax = new_axes(ax, f"Calibration at {found.horizon:g}", "Predicted risk", "Observed risk", size=(4.8, 4.4))
    seen = [group for group in found.groups if not np.isnan(group.observed)]
    columns = [np.array([getattr(group, name) for group in seen]) for name in ("predicted", "observed", "low", "high")]
    top = min(1.0, 1.1 * max([*columns[0], *columns[3], 0.05]))
    _points(ax, columns[0], columns[1], columns[2], columns[3], end=top)
    for group in seen:
        ax.annotate(
            f"{group.events}/{group.people}",
            (group.predicted, group.observed),
            (6, -8),
            textcoords="offset points",
            fontsize=SMALL - 0.5,
            color=GREY,
        )
    ax.set_xlim(0, top)
    ax.set_ylim(0, top * 1.02)
    missing = len(found.groups) - len(seen)
    unseen = f"; {missing} groups not followed so far" if missing else ""
    remark(ax, f"beside the points: events by then / people{unseen}", 66)
    return figure_of(ax)


def _points(
    ax: Axes,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    end: float = 1.0,
) -> None:
    ax.plot([0, end], [0, end], color=GREY, linewidth=0.9, linestyle=(0, (1, 2)), zorder=1)
    ax.vlines(x, low, high, color=BLUE, linewidth=1.4)
    ax.plot(x, y, "o-", color=BLUE, linewidth=1.2, markersize=5)
    for at, value, bottom, top in zip(x, y, low, high, strict=True):
        if not bottom <= at <= top:  # the diagonal lies outside the interval
            ax.plot([at], [value], "o", color=ORANGE, markersize=5, zorder=4)
    per_cent(ax.xaxis)
    per_cent(ax.yaxis)
    ax.set_aspect("equal")
