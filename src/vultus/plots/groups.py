"""Figures of groups side by side, with their intervals: forest plots."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vultus.errors import InputError
from vultus.metrics.differentials import Differential
from vultus.plots.scales import log_rates, per_cent, share
from vultus.plots.theme import BLUE, GREY, INK, ORANGE, SMALL, figure_of, new_axes, remark

__all__ = ["Interval", "differential", "forest"]


class Interval(Protocol):
    """A value between its limits: `types.Rate`, `metrics.estimate.Estimate` and the like."""

    @property
    def value(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...


def forest(
    values: Mapping[str, Interval],
    *,
    title: str,
    x: str,
    notes: Mapping[str, str] | None = None,
    reference: float | None = None,
    marked: tuple[str, ...] = (),
    log: bool = False,
    rates: bool = True,
    ax: Axes | None = None,
) -> Figure:
    """A line a group: its value, its interval, and what it rests on.

    notes: at the right, by group. reference: a dotted line. marked: groups drawn in orange.
    log: on a logarithmic axis a value of 0 is drawn hollow at its upper limit with an arrow.
    rates: written in per cent. Refused (InputError): no groups.
    """
    if not values:
        raise InputError("expected at least one group, got none")
    ax = new_axes(ax, title, x, "", size=(6.2, 1.3 + 0.3 * len(values)))
    ax.grid(False, axis="y")
    seen = [each for each in values.values() if not math.isnan(each.value)]
    positive = [end for each in seen for end in (each.low, each.value, each.high) if end > 0]
    if log and positive:
        low = 10.0 ** math.floor(math.log10(min(positive)) - 1e-9)
        if rates:
            log_rates(ax, "x", low, min(1.0, 1.3 * max(positive)))
        else:
            ax.set_xscale("log")
            ax.set_xlim(low, 1.3 * max(positive))
    elif seen:
        ends = [end for each in seen for end in (each.low, each.high) if math.isfinite(end)]
        span = (max(ends) - min(ends)) or 1.0
        floor = min(ends) - 0.05 * span
        ax.set_xlim(max(floor, 0.0) if min(ends) >= 0 else floor, max(ends) + 0.05 * span)
    if rates and not log:
        per_cent(ax.xaxis)
    write: Callable[[float], str] = share if rates else lambda value: f"{value:.3g}"
    for row, (name, each) in enumerate(values.items()):
        colour = ORANGE if name in marked else BLUE
        text = "no data"
        if not math.isnan(each.value):
            text = f"{write(each.value)}"
            if log and each.value <= 0:
                ax.annotate(
                    "", (ax.get_xlim()[0], row), (each.high, row), arrowprops={"arrowstyle": "->", "color": colour}
                )
                ax.plot([each.high], [row], "o", color=colour, markerfacecolor="none", markersize=5)
            else:
                ax.plot([max(each.low, ax.get_xlim()[0]), each.high], [row, row], color=colour, linewidth=1.6)
                ax.plot([each.value], [row], "s" if name in marked else "o", color=colour, markersize=5.5)
        beside = (notes or {}).get(name, "")
        ax.annotate(
            " · ".join(part for part in (text, beside) if part),
            (1, row),
            (8, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            va="center",
            fontsize=SMALL,
            color=INK,
        )
    if reference is not None:
        ax.axvline(reference, color=GREY, linewidth=0.9, linestyle=(0, (1, 2)), zorder=1)
    ax.set_ylim(len(values) - 0.4, -0.6)
    ax.set_yticks(range(len(values)), list(values))
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    return figure_of(ax)


def differential(found: Differential, *, ax: Axes | None = None) -> Figure:
    """An error rate by group on a logarithmic axis, worst first, with counts.

    Orange: the interval lies above the best group's altogether. Dotted: geometric mean.
    """
    ordered = dict(sorted(found.rates.items(), key=lambda each: -each[1].value if each[1].n else math.inf))
    values = [rate.value for rate in ordered.values() if rate.n]
    mean = math.exp(float(np.mean(np.log(values)))) if values and min(values) > 0 else None
    notes = {name: f"{rate.k:,} of {rate.n:,}, {found.people[name]:,} people" for name, rate in ordered.items()}
    figure = forest(
        ordered,
        title=f"{found.kind} by group",
        x=found.kind,
        notes=notes,
        reference=mean,
        marked=found.apart,
        log=True,
        ax=ax,
    )
    axes = ax or figure.axes[0]
    if found.apart:
        remark(
            axes,
            "orange squares: apart from the best group; dotted: geometric mean"
            if mean
            else "orange squares: apart from the best group",
        )
    return figure
