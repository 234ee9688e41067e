"""Survival of groups over time, with how many are still followed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from vultus.plots.scales import per_cent
from vultus.plots.theme import BAND, GREY, INK, SIZE, SMALL, figure_of, label_ends, lines, named, new_axes
from vultus.survival.kaplan_meier import KaplanMeier

__all__ = ["kaplan_meier"]

_COLUMNS = 6  # times at which people at risk are counted


def kaplan_meier(curves: KaplanMeier | Mapping[str, KaplanMeier], *, unit: str = "", ax: Axes | None = None) -> Figure:
    """Kaplan-Meier curves with pointwise bands; ticks: censored; below: people at risk.

    unit: of time, for the axis. A figure of groups, not of persons.
    """
    found = named(curves)
    height = 3.7 + 0.16 * len(found)
    ax = new_axes(ax, "Survival (Kaplan–Meier)", "", "Share without the event", size=(5.6, height))
    end = max(float(each.time[-1]) for each in found.values())
    ends = []
    for style, (name, each) in zip(lines(len(found)), found.items(), strict=True):
        time = np.concatenate([[0.0], each.time])
        level, low, high = (_from_one(column) for column in (each.survival, each.low, each.high))
        ax.fill_between(time, low, high, step="post", color=style.fill, alpha=BAND, linewidth=0)
        ax.step(time, level, where="post", color=style.colour, linestyle=style.dashes, linewidth=1.8, label=name)
        gone = each.censored > 0
        ax.plot(each.time[gone], each.survival[gone], "|", color=style.colour, markersize=4, markeredgewidth=0.8)
        ends.append((name, float(time[-1]), float(level[-1]), style.colour))
    ax.set_xlim(0, end)
    ax.set_ylim(0, 1.01)
    per_cent(ax.yaxis)
    ticks = [tick for tick in ax.get_xticks() if 0 <= tick <= end]
    ticks = ticks[:: max(1, -(-len(ticks) // _COLUMNS))]
    ax.set_xticks(ticks)
    _at_risk(ax, found, ticks, f"Time, {unit}" if unit else "Time")
    label_ends(ax, ends)
    return figure_of(ax)


def _at_risk(ax: Axes, curves: Mapping[str, KaplanMeier], ticks: list[float], time: str) -> None:
    """A line of counts a group under the axis."""
    ax.annotate(
        "people at risk",
        (0, 0),
        (0, -24),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=SMALL,
        color=GREY,
        va="center",
    )
    ax.annotate(
        time,
        (1, 0),
        (0, -24),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=SIZE,
        color=INK,
        va="center",
        ha="right",
    )
    for row, (style, each) in enumerate(zip(lines(len(curves)), curves.values(), strict=True)):
        for tick in ticks:
            later = np.searchsorted(each.time, tick, side="left")
            count = int(each.at_risk[later]) if later < each.time.size else 0
            ax.annotate(
                f"{count:,}",
                (tick, 0),
                (0, -37 - 12 * row),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                ha="center",
                va="center",
                fontsize=SMALL,
                color=style.colour,
            )


def _from_one(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([[1.0], values])
