"""Scores as they lie: histograms by kind, and what a threshold cuts off them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vultus.errors import InputError
from vultus.metrics.caveats import ascending
from vultus.metrics.verification import Scores, fmr, fnmr
from vultus.operating import OperatingTable
from vultus.plots.scales import log_rates, per_cent, share
from vultus.plots.theme import (
    BAND,
    BLUE,
    GREY,
    INK,
    SMALL,
    figure_of,
    label_ends,
    lines,
    new_axes,
    remark,
)

__all__ = ["score_histogram", "threshold_curve"]

_FEWEST_BINS, _MOST_BINS = 12, 60
_MOST_NAMED = 4  # kinds whose rate stands above the plot


def score_histogram(
    groups: Mapping[str, Scores],
    *,
    threshold: float | None = None,
    bins: int | None = None,
    log: bool = False,
    x: str = "Score",
    ax: Axes | None = None,
) -> Figure:
    """Histogram of the scores of each kind, as shares of that kind.

    groups: by name, the first what ought to be accepted (genuine, bona fide), then what ought
    not (impostor, attacks by species). threshold: a line with the share on the wrong side of
    it. bins: how many; by default 12 to 60, as the smallest kind allows. log: shares on a
    logarithmic axis, for tails. NaN is not drawn; it counts as refused, and the names say how
    often it came. Refused (InputError): no groups, a group without any score, infinity.
    """
    if not groups:
        raise InputError("expected scores of at least one kind, got none")
    found = {name: ascending(scores, name) for name, scores in groups.items()}
    empty = [name for name, (values, _) in found.items() if not values.size]
    if empty:
        raise InputError(f"expected scores of {empty[0]}, got none that is a number")
    low = min(values[0] for values, _ in found.values())
    high = max(values[-1] for values, _ in found.values())
    if bins is None:
        fewest = min(values.size for values, _ in found.values())
        bins = int(np.clip(3.5 * np.cbrt(fewest), _FEWEST_BINS, _MOST_BINS))
    edges = np.linspace(low, high if high > low else low + 1e-3, bins + 1)
    ax = new_axes(ax, "Scores", x, "Share of its kind in a bin")
    ends, least = [], 1.0
    for style, (name, (values, lost)) in zip(lines(len(found)), found.items(), strict=True):
        counts = np.histogram(values, edges)[0] / values.size
        ax.stairs(counts, edges, fill=True, color=style.fill, alpha=0.28, linewidth=0)
        ax.stairs(counts, edges, color=style.colour, linewidth=1.4, linestyle=style.dashes, label=name)
        least = min(least, 1 / values.size)
        peak = int(np.argmax(counts))
        failed = f" + {lost:,} without" if lost else ""
        middle = float((edges[peak] + edges[peak + 1]) / 2)
        ends.append((f"{name} ({values.size:,}{failed})", middle, float(counts[peak]), style.colour))
    ax.set_xlim(float(edges[0]), float(edges[-1]))
    top = max(end[2] for end in ends)
    if log:
        log_rates(ax, "y", 10.0 ** np.floor(np.log10(least)), min(1.0, top * 8))
    else:
        ax.set_ylim(0, top * 1.32)
        per_cent(ax.yaxis)
    if threshold is not None:
        ax.axvline(threshold, 0, 0.77, color=INK, linewidth=1.1, zorder=4)  # the names of the kinds lie above
        remark(ax, _at(groups, threshold))
    label_ends(ax, ends, rise=7, offset=-12, upward=True)
    return figure_of(ax)


def threshold_curve(
    table: OperatingTable, *, marks: Mapping[str, float] | None = None, ax: Axes | None = None
) -> Figure:
    """False match rate over the score, as an operating table has it, with its 95 % band.

    marks: thresholds to mark, by name. Dashed: beyond the last measured score, where the rate
    is extrapolated. Below the dotted line the data hold fewer than 30 false matches.
    """
    scores = np.array([knot.score for knot in table.knots])
    rates = np.array([knot.accepted for knot in table.knots]) / table.impostors
    ax = new_axes(ax, f"What a score stands for ({table.model})", "Score", "False match rate (FMR)")
    ax.fill_between(
        scores, [knot.low for knot in table.knots], [knot.high for knot in table.knots], color=BLUE, alpha=BAND, lw=0
    )
    ax.plot(scores, rates, color=BLUE, linewidth=1.8)
    beyond = scores[-1] + table.tail * np.log(np.array([1.0, 30.0]))
    ax.plot(beyond, rates[-1] * np.array([1.0, 1 / 30]), color=BLUE, linewidth=1.4, linestyle=(0, (3, 2)))
    log_rates(ax, "y", 10.0 ** np.floor(np.log10(rates[-1] / 30)), 1.0)
    if table.measurable > ax.get_ylim()[0]:
        ax.axhline(table.measurable, color=GREY, linewidth=0.9, linestyle=(0, (1, 2)), zorder=1)
        ax.annotate(
            "below: fewer than 30 false matches",
            (0.01, table.measurable),
            (0, -3),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            va="top",
            color=GREY,
            fontsize=SMALL,
        )
    ends = []
    for name, score in (marks or {}).items():
        rate = float(np.interp(score, scores, rates))
        ax.plot([score], [rate], "o", color=INK, markersize=4.5, zorder=5)
        ends.append((f"{name}: {score:.3f}", score, rate, INK))
    remark(ax, f"{table.impostors:,} comparisons of {table.people:,} people; {table.data}")
    label_ends(ax, ends, rise=4, offset=6)
    return figure_of(ax)


def _at(groups: Mapping[str, Scores], threshold: float) -> str:
    (first, accepted), *others = groups.items()
    said = [f"{share(fnmr(accepted, threshold).value)} of {first} refused"]
    rates = sorted(((fmr(scores, threshold).value, name) for name, scores in others), reverse=True)
    said += [f"{share(rate)} of {name} accepted" for rate, name in rates[:_MOST_NAMED]]
    said += [f"{len(rates) - _MOST_NAMED} kinds less"] if len(rates) > _MOST_NAMED else []
    return f"line: threshold {threshold:.3f}; {', '.join(said)}"
