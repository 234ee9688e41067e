"""Axes for error rates: per cent, powers of ten, normal deviates."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

from vultus.metrics.det import probit

__all__ = ["DEVIATE_TICKS", "deviates", "log_rates", "per_cent", "share"]

DEVIATE_TICKS = (
    *(1e-6, 1e-5, 1e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.2, 0.4),
    *(0.6, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999, 0.9999),
)
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def share(value: float) -> str:
    r"""A rate as people say it: in per cent, below a ten-thousandth as a power of ten.

    >>> share(0.001), share(0.0227), share(0.995), share(1e-5), share(0.0)
    ('0.1\xa0%', '2.27\xa0%', '99.5\xa0%', '10⁻⁵', '0\xa0%')
    """
    if 0 < value < 9.9e-5:
        power = math.floor(math.log10(value) + 1e-9)
        digits = round(value / 10**power, 1)
        raised = f"10{str(power).translate(_RAISED)}"
        return raised if digits == 1 else f"{digits:g}·{raised}"
    digits = 3 if value < 0.1 else 4 if value > 0.99 else 3
    return f"{100 * value:.{digits}g}\N{NO-BREAK SPACE}%"


def per_cent(axis: Axis) -> None:
    """Write a linear axis of rates in per cent."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.4g}\N{NO-BREAK SPACE}%"))


def log_rates(ax: Axes, which: str, low: float, high: float = 1.0) -> None:
    """A logarithmic axis of rates from low to high; which: "x" or "y"."""
    axis = ax.xaxis if which == "x" else ax.yaxis
    (ax.set_xscale if which == "x" else ax.set_yscale)("log")
    (ax.set_xlim if which == "x" else ax.set_ylim)(low, high)
    powers = low < 9.9e-5

    def written(value: float, _: object) -> str:
        power = round(math.log10(value)) if value > 0 else 0
        if powers:
            return f"10{str(power).translate(_RAISED)}" if power else "1"
        return share(value)

    axis.set_major_locator(LogLocator(numticks=12))
    axis.set_major_formatter(FuncFormatter(written))
    axis.set_minor_locator(LogLocator(subs=tuple(range(2, 10)), numticks=120))
    axis.set_minor_formatter(NullFormatter())


def deviates(ax: Axes, x: tuple[float, float], y: tuple[float, float]) -> None:
    """Normal deviates on both axes, ticks in per cent; x, y: rates to show, low and high."""
    for axis, ends, limit in ((ax.xaxis, x, ax.set_xlim), (ax.yaxis, y, ax.set_ylim)):
        low, high = probit(np.array(ends))
        limit(float(low), float(high))
        labels: dict[float, str] = {}
        for tick in DEVIATE_TICKS:
            place = float(probit(np.array(tick)))
            crowded = labels and place - max(labels) < 0.05 * (high - low)
            if ends[0] * 0.999 <= tick <= ends[1] * 1.001 and not crowded:
                labels[place] = (
                    f"{100 * tick:g}" if tick >= 1e-4 else f"10{str(round(math.log10(tick)) + 2).translate(_RAISED)}"
                )
        axis.set_major_locator(FixedLocator(list(labels)))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda value, _, labels=labels: labels.get(value, "")))
