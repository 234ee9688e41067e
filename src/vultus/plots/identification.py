"""One against many: ranks, strangers named, and what a larger gallery does to both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from vultus.errors import InputError
from vultus.metrics.det import ErrorCurve
from vultus.metrics.intervals import wilson
from vultus.operating import OperatingTable
from vultus.plots.errors import accepted_over_errors
from vultus.plots.groups import Interval
from vultus.plots.scales import log_rates, per_cent, share
from vultus.plots.theme import BAND, GREY, SMALL, figure_of, label_ends, lines, named, new_axes, remark

__all__ = ["cmc", "dir_at_fpir", "fpir_by_size", "fpir_checks", "fpir_growth"]

_MOST_RANKS = 20
_SIZES = np.unique(np.geomspace(1, 1_000_000, 61).round().astype(np.int64))
_SAME = 0.15  # checks of one size and promise differ in position by this share, so that they can be told apart


def cmc(
    shares: NDArray[np.float64] | Mapping[str, NDArray[np.float64]],
    searches: int,
    *,
    ranks: int = _MOST_RANKS,
    ax: Axes | None = None,
) -> Figure:
    """Share of searches whose person is within each rank, with Wilson's interval.

    shares: (people,), as `metrics.identification.cmc` gives; searches: how many they rest on.
    Closed set: it says nothing about strangers, and the figure says so. Refused (InputError):
    no ranks, no searches.
    """
    found = named(shares)
    if searches < 1 or ranks < 1 or not all(each.size for each in found.values()):
        raise InputError(f"expected searches and ranks to plot, got {searches} searches and {ranks} ranks")
    shown = min(ranks, max(each.size for each in found.values()))
    ax = new_axes(ax, "CMC (closed set)", "Rank", "Right person within the rank")
    ends, lowest = [], 1.0
    for style, (name, each) in zip(lines(len(found)), found.items(), strict=True):
        level = each[:shown]
        band = [wilson(round(value * searches), searches) for value in level.tolist()]
        at = np.arange(1, level.size + 1)
        low = np.array([rate.low for rate in band])
        ax.fill_between(at, low, [rate.high for rate in band], color=style.fill, alpha=BAND, linewidth=0)
        ax.plot(at, level, "o", color=style.colour, linestyle=style.dashes, linewidth=1.8, markersize=3, label=name)
        lowest = min(lowest, float(low.min()))
        ends.append((name, float(at[-1]), float(level[-1]), style.colour))
    ax.set_xlim(0.5, shown + 0.5)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    ax.set_ylim(max(0.0, np.floor(lowest * 20 - 0.5) / 20), 1.005)
    per_cent(ax.yaxis)
    remark(ax, f"{searches:,} searches, everybody enrolled")
    label_ends(ax, ends)
    return figure_of(ax)


def dir_at_fpir(curves: ErrorCurve | Mapping[str, ErrorCurve], *, ax: Axes | None = None) -> Figure:
    """Detection and identification rate (1 - FNIR) over FPIR (logarithmic), with bands.

    curves: `metrics.det.error_curve` of searches: as genuine the score of the right person,
    NaN where somebody else came first, as impostor the best score of each stranger's search.
    """
    return accepted_over_errors(
        curves,
        title="Identification with strangers",
        x="False positive identification rate (FPIR)",
        y="Found and named (1 − FNIR, rank 1)",
        errors="strangers named",
        ax=ax,
    )


def fpir_growth(
    table: OperatingTable,
    fmrs: Sequence[float] = (1e-3, 1e-4, 1e-5),
    *,
    templates: int = 1,
    most: int = 100_000,
    ax: Axes | None = None,
) -> Figure:
    """Predicted FPIR over the number of people in the gallery, for fixed thresholds.

    fmrs: false match rates whose thresholds to follow; templates: of each person. The band is
    the 95 % interval as far as the choice of development people goes. Dashed: the threshold
    lies beyond what the data can show. Refused (OperatingPointError): rates that no cosine
    stands for.
    """
    sizes = _SIZES[most >= _SIZES]
    ax = new_axes(
        ax, "FPIR grows with the gallery", f"People enrolled ({templates} template{'s' * (templates > 1)} each)", "FPIR"
    )
    ends, lowest = [], 1.0
    for style, fmr in zip(lines(len(fmrs)), fmrs, strict=True):
        point = table.verify(fmr)
        one = np.full(1, templates)
        predicted = np.array([table.predicted_fpir(point.threshold, np.repeat(one, size)) for size in sizes])
        band = np.array([table.fpir_interval(point.threshold, np.repeat(one, size)) for size in sizes])
        ax.fill_between(sizes, band[:, 0], band[:, 1], color=style.fill, alpha=BAND, linewidth=0)
        dashes = (0, (3, 2)) if point.extrapolated else (0, ())
        ax.plot(sizes, predicted, color=style.colour, linewidth=1.8, linestyle=dashes, label=f"{fmr:g}")
        lowest = min(lowest, float(predicted.min()))
        known = " (extrapolated)" if point.extrapolated else ""
        text = f"score ≥ {point.threshold:.3f}, FMR {share(fmr)}{known}"
        ends.append((text, sizes, predicted, style.colour))
    ax.set_xscale("log")
    ax.set_xlim(1, float(sizes[-1]))
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    log_rates(ax, "y", 10.0 ** np.floor(np.log10(max(lowest, 1e-7))), 1.0)
    for text, at, rates, colour in ends:
        _along(ax, text, at, rates, colour)
    return figure_of(ax)


def fpir_by_size(sizes: Mapping[int, Interval], *, ax: Axes | None = None) -> Figure:
    """Observed FPIR of one threshold against random parts of the gallery, with intervals.

    sizes: FPIR by people enrolled. Dotted: one in n per person enrolled, as the largest gallery
    gives it. Refused (InputError): no sizes.
    """
    if not sizes:
        raise InputError("expected FPIR by gallery size, got none")
    ax = new_axes(ax, "FPIR against parts of the gallery", "People enrolled", "FPIR")
    people = sorted(sizes)
    rates = np.array([sizes[size].value for size in people])
    low = np.array([sizes[size].low for size in people])
    high = np.array([sizes[size].high for size in people])
    style = lines(1)[0]
    positive = rates > 0
    floor = float(rates[positive].min()) / 3 if positive.any() else 1e-3
    ax.vlines(people, np.maximum(low, floor / 10), high, color=style.colour, linewidth=1.4)
    ax.plot(np.array(people)[positive], rates[positive], "o-", color=style.colour, linewidth=1.4, markersize=4.5)
    ax.plot(
        people, rates[-1] * np.array(people) / people[-1], color=GREY, linewidth=0.9, linestyle=(0, (1, 2)), zorder=1
    )
    ax.set_xscale("log")
    ax.set_xlim(people[0] / 1.4, people[-1] * 1.4)
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    log_rates(ax, "y", 10.0 ** np.floor(np.log10(floor)), min(1.0, 10.0 ** np.ceil(np.log10(float(high.max())))))
    remark(ax, "dotted: in proportion to the number of people")
    return figure_of(ax)


def fpir_checks(table: OperatingTable, *, ax: Axes | None = None) -> Figure:
    """What came of the promised FPIR on people who had no part in the threshold.

    Each check of the table is a point with its interval over the gallery's size; the lines are
    the promises. Hollow: the threshold was extrapolated. Refused (InputError): a table without
    checks.
    """
    if not table.checks:
        raise InputError("expected a table with checks, this one has none; calibrate again")
    ax = new_axes(ax, "Promised and observed FPIR", "People enrolled", "FPIR")
    targets = sorted({check.target for check in table.checks}, reverse=True)
    kinds = sorted({check.templates for check in table.checks})
    ends = []
    low = min(min(max(check.observed.low, check.observed.value / 10, 1e-6) for check in table.checks), targets[-1] / 3)
    for style, target in zip(lines(len(targets)), targets, strict=True):
        ax.axhline(target, color=style.colour, linewidth=1.1, linestyle=style.dashes, alpha=0.8)
        for check in (each for each in table.checks if each.target == target):
            at = check.people * (1 + _SAME * (kinds.index(check.templates) - (len(kinds) - 1) / 2))
            rate = check.observed
            ax.plot([at, at], [max(rate.low, low / 2), max(rate.high, low / 2)], color=style.colour, linewidth=1.2)
            ax.plot(
                [at],
                [max(rate.value, low / 2)],
                marker="os^D"[kinds.index(check.templates) % 4],
                color=style.colour,
                markerfacecolor="none" if check.extrapolated else style.colour,
                markersize=5,
                linestyle="none",
            )
        ends.append((f"promised {share(target)}", 1.0, target, style.colour))
    people = [check.people for check in table.checks]
    ax.set_xscale("log")
    ax.set_xlim(min(people) / 1.7, max(people) * 1.7)
    ax.set_xticks(sorted(set(people)))
    ax.minorticks_off()
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    top = max(max(check.observed.high for check in table.checks), targets[0])
    log_rates(ax, "y", 10.0 ** np.floor(np.log10(low)), min(1.0, 10.0 ** np.ceil(np.log10(top))))
    right = ax.get_xlim()[1]
    label_ends(ax, [(text, right, y, colour) for text, _, y, colour in ends])
    shapes = ", ".join(f"{'●■▲◆'[at % 4]} {kind}" for at, kind in enumerate(kinds))
    remark(ax, f"templates a person: {shapes}; hollow: extrapolated threshold")
    return figure_of(ax)


def _along(ax: Axes, text: str, x: NDArray[np.int64], y: NDArray[np.float64], colour: str) -> None:
    """A name above its line, turned as the line runs where it begins to be seen."""
    figure_of(ax).canvas.draw()
    shown = np.flatnonzero(y >= ax.get_ylim()[0])
    if shown.size < 2:
        return
    first, last = shown[min(3, shown.size - 2)], shown[min(12, shown.size - 1)]
    ends = ax.transData.transform([(x[first], y[first]), (x[last], y[last])])
    angle = float(np.degrees(np.arctan2(ends[1, 1] - ends[0, 1], ends[1, 0] - ends[0, 0])))
    turned = np.radians(angle)
    ax.annotate(
        text,
        (float(x[first]), float(y[first])),
        (-7 * np.sin(turned), 7 * np.cos(turned)),
        textcoords="offset points",
        rotation=angle,
        rotation_mode="anchor",
        color=colour,
        fontsize=SMALL,
        va="bottom",
    )
