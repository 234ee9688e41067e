"""How all plots look: one palette for every kind of eye, light axes, labels at the lines.

Blue and orange are those of `vultus.draw` (Okabe and Ito 2008); lines and letters take a
darker orange, since the fill's own has too little contrast on paper. Lines differ in their
dashes too, so that a plot survives a photocopier. Colours are exact hex values, which
`svg` turns into variables of the page, so that a dark page gets its own.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from vultus.errors import InputError

__all__ = [
    "BAND",
    "BLUE",
    "CELL",
    "GREEN",
    "GREY",
    "GRID",
    "INK",
    "LINES",
    "ORANGE",
    "ORANGE_FILL",
    "PAPER",
    "PURPLE",
    "SIZE",
    "SMALL",
    "Line",
    "figure_of",
    "label_ends",
    "lines",
    "mark_threshold",
    "named",
    "new_axes",
    "remark",
]

BLUE = "#0072b2"
ORANGE_FILL = "#e69f00"
ORANGE = "#b35c00"
GREEN = "#00664d"
PURPLE = "#6b1f5e"
INK = "#1c1e21"
GREY = "#62666d"
GRID = "#dfe1e5"
PAPER = "#ffffff"
CELL = "#0072b3"  # blue behind letters: of its own, since a dark page lightens the blue of lines

SIZE = 9.0  # points of letters
SMALL = 8.0
BAND = 0.18  # opacity of a confidence band

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Line:
    """How one series is drawn."""

    colour: str
    fill: str
    dashes: tuple[float, tuple[float, ...]]  # offset, widths on and off; () is solid
    hatch: str


LINES = (
    Line(BLUE, BLUE, (0, ()), ""),
    Line(ORANGE, ORANGE_FILL, (0, (6, 1.6)), "////"),
    Line(PURPLE, PURPLE, (0, (3, 1.2, 1, 1.2)), "...."),
    Line(GREEN, GREEN, (0, (1.4, 1.2)), "xxxx"),
    Line(INK, GREY, (0, (9, 2, 2, 2)), "||||"),
)


def lines(count: int) -> tuple[Line, ...]:
    """As many ways to draw a series; after five they come again."""
    return tuple(LINES[at % len(LINES)] for at in range(count))


def new_axes(
    ax: Axes | None,
    title: str,
    x: str,
    y: str,
    size: tuple[float, float] = (5.4, 3.7),
) -> Axes:
    """The axes given, or new ones on a figure of its own (inches), without frame, with a faint grid.

    Axes that were given keep a title that they have.
    """
    if ax is None:
        figure = Figure(figsize=size, layout="constrained", facecolor="none")
        ax = figure.add_subplot(facecolor="none")
    if not ax.get_title(loc="left") and not ax.get_title():
        ax.set_title(title, loc="left", fontsize=SIZE + 1, fontweight="bold", color=INK, pad=9)
    ax.set_xlabel(x, fontsize=SIZE, color=INK)
    ax.set_ylabel(y, fontsize=SIZE, color=INK)
    ax.tick_params(which="both", labelsize=SMALL, colors=GREY, labelcolor=INK, length=3, width=0.8)
    ax.tick_params(which="minor", length=1.5)
    for side, spine in ax.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(GREY)
        spine.set_linewidth(0.8)
    ax.grid(True, which="major", color=GRID, linewidth=0.8)
    ax.set_axisbelow(True)
    return ax


def figure_of(ax: Axes) -> Figure:
    """The whole figure that the axes belong to. Refused (InputError): axes that were taken off it."""
    figure = ax.get_figure(root=True)
    if figure is None:
        raise InputError("expected axes of a figure, these were removed from theirs")
    return figure


def named(values: Value | Mapping[str, Value]) -> dict[str, Value]:
    """One result as a mapping with an empty name, several as they are. Refused (InputError): none."""
    found = dict(values) if isinstance(values, Mapping) else {"": values}
    if not found:
        raise InputError("expected at least one result to plot, got none")
    return found


def label_ends(
    ax: Axes,
    labels: Sequence[tuple[str, float, float, str]],
    *,
    rise: float = 0.0,
    offset: float = 5.0,
    upward: bool = False,
) -> None:
    """Write each label (text, x, y, colour) right of its point, pushed apart where they would overlap.

    Call it when limits and scales are set. offset, rise: from the point, in points of letters.
    upward: push up alone, off what lies below.
    """
    shown = [each for each in labels if each[0]]
    if not shown:
        return
    figure = figure_of(ax)
    figure.canvas.draw()  # settles the layout, without which nothing has its place yet
    gap = (SMALL + 2.5) * figure.dpi / 72
    at = ax.transData.transform([(x, y) for _, x, y, _ in shown])
    places = at[:, 1]
    moved = places + rise * figure.dpi / 72
    lefts = at[:, 0] + offset * figure.dpi / 72
    rights = lefts + np.array([len(text) for text, *_ in shown]) * 0.62 * SMALL * figure.dpi / 72
    for group in _overlapping(lefts, rights):
        apart = _apart(moved[group], gap)
        moved[group] = apart + (np.max(moved[group] - apart) if upward else 0.0)
    low, high = ax.bbox.y0, ax.bbox.y1
    moved += min(0.0, high - moved.max()) + max(0.0, low - moved.min())
    for (text, x, y, colour), place, new in zip(shown, places, moved, strict=True):
        ax.annotate(
            text,
            (x, y),
            (offset, (new - place) * 72 / figure.dpi),
            textcoords="offset points",
            ha="left",
            va="center",
            color=colour,
            fontsize=SMALL,
            annotation_clip=False,
        )


def remark(ax: Axes, text: str, width: int = 78) -> None:
    """A small line, or several, between title and plot, where it hides nothing."""
    written = textwrap.fill(text, width).splitlines()
    title = ax.get_title(loc="left")
    if title:
        ax.set_title(
            title, loc="left", fontsize=SIZE + 1, fontweight="bold", color=INK, pad=10 + len(written) * (SMALL + 2.5)
        )
    ax.annotate(
        "\n".join(written),
        (0, 1),
        (0, 6),
        xycoords="axes fraction",
        textcoords="offset points",
        color=GREY,
        fontsize=SMALL,
        linespacing=1.3,
        va="bottom",
    )


def mark_threshold(ax: Axes, threshold: float, text: str) -> None:
    """A vertical line with its name at the head, on the side that has more room."""
    low, high = ax.get_xlim()
    ax.axvline(threshold, color=INK, linewidth=1.1, zorder=4)
    right = (threshold - low) / (high - low) < 0.5
    ax.annotate(
        text,
        (threshold, 1.0),
        (6 if right else -6, -2),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="left" if right else "right",
        va="top",
        fontsize=SMALL,
        linespacing=1.35,
        color=INK,
        bbox={"facecolor": PAPER, "edgecolor": "none", "alpha": 0.8, "pad": 1.5},
        zorder=6,
    )


def _overlapping(lefts: NDArray[np.float64], rights: NDArray[np.float64]) -> list[NDArray[np.intp]]:
    """Which stretches touch each other, directly or through others."""
    order = np.argsort(lefts, kind="stable")
    reach = np.maximum.accumulate(rights[order])
    cuts = np.flatnonzero(lefts[order][1:] > reach[:-1]) + 1
    return np.split(order, cuts)


def _apart(places: NDArray[np.float64], gap: float) -> NDArray[np.float64]:
    """Places moved as little as keeps their order and a gap between neighbours."""
    order = np.argsort(places, kind="stable")
    wanted = places[order] - gap * np.arange(places.size)
    # Nearest rising sequence: blocks of labels that push each other share the mean push.
    blocks: list[list[float]] = []
    for value in wanted.tolist():
        blocks.append([value, 1.0])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            last, count = blocks.pop()
            blocks[-1][0] = (blocks[-1][0] * blocks[-1][1] + last * count) / (blocks[-1][1] + count)
            blocks[-1][1] += count
    settled = np.concatenate([np.full(int(count), mean) for mean, count in blocks]) + gap * np.arange(places.size)
    found = np.empty_like(places, dtype=np.float64)
    found[order] = settled
    return found
