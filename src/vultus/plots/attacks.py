"""What thresholds cost where they were not set, and what attacks gain: EPC, EPSC, FMR and IAPMR."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vultus.errors import InputError
from vultus.metrics.epsc import ExpectedPerformance, Spoofability
from vultus.metrics.vulnerability import FmrIapmr
from vultus.plots.scales import log_rates, per_cent
from vultus.plots.theme import GREY, figure_of, label_ends, lines, named, new_axes, remark

__all__ = ["epc", "epsc", "fmr_iapmr"]


def epc(curves: ExpectedPerformance | Mapping[str, ExpectedPerformance], *, ax: Axes | None = None) -> Figure:
    """Expected performance curve: HTER on evaluation data over the weight of false matches.

    The area under it, the expected HTER where every weight is as likely, stands in the names.
    """
    found = named(curves)
    ax = new_axes(ax, "Expected performance (EPC)", "Weight α of false matches", "HTER on evaluation data")
    ends, top = [], 0.0
    for style, (name, each) in zip(lines(len(found)), found.items(), strict=True):
        ax.plot(each.alpha, each.hter, color=style.colour, linestyle=style.dashes, linewidth=1.8, label=name)
        top = max(top, float(each.hter.max()))
        at = each.alpha.size // 2
        text = f"{name}, area {100 * each.area:.2f} %".removeprefix(", ")
        ends.append((text, float(each.alpha[at]), float(each.hter[at]), style.colour))
    ax.set_xlim(0, 1)
    ax.set_ylim(0, min(1.0, top * 1.1) or 0.01)
    per_cent(ax.yaxis)
    label_ends(ax, ends, rise=10, offset=0)
    return figure_of(ax)


def epsc(curve: Spoofability, *, ax: Axes | None = None) -> Figure:
    """Expected performance and spoofability: weighted error and IAPMR over the share of attacks.

    Thresholds come from development data for each share ω of attacks among what must be kept
    out. AUE is the area under the weighted error.
    """
    ax = new_axes(ax, "Expected performance and spoofability (EPSC)", "Share ω of attacks among impostors", "Rate")
    blue, orange, purple = lines(3)
    rates = (("weighted error", curve.wer, blue), ("IAPMR", curve.iapmr, orange), ("FMR", curve.fmr, purple))
    for name, rate, style in rates:
        ax.plot(curve.omega, rate, color=style.colour, linestyle=style.dashes, linewidth=1.8, label=name)
    ax.set_xlim(0, 1)
    ax.set_ylim(0, min(1.02, 1.1 * max(float(rate.max()) for _, rate, _ in rates)) or 0.01)
    per_cent(ax.yaxis)
    remark(
        ax, f"β = {curve.beta:g}, criterion {curve.criterion}; area under the weighted error {100 * curve.aue:.2f} %"
    )
    label_ends(ax, [(name, 1.0, float(rate[-1]), style.colour) for name, rate, style in rates])
    return figure_of(ax)


def fmr_iapmr(curve: FmrIapmr, *, ax: Axes | None = None) -> Figure:
    """IAPMR over FMR (logarithmic) as the threshold of ordinary use moves, a line a species.

    Dotted: attacks that pass no more often than strangers do. Refused (InputError): no false
    match at any threshold.
    """
    ax = new_axes(ax, "Attacks against strangers", "FMR on evaluation data", "Attacks that pass (IAPMR)")
    seen = curve.fmr > 0
    if not seen.any():
        raise InputError("expected a false match at some threshold, got none")
    low = float(curve.fmr[seen].min())
    series = dict(curve.iapmr)
    if len(series) > 1:
        series = {"all species": curve.iapmr_pooled, **series}
    ends = []
    for style, (name, rate) in zip(lines(len(series)), series.items(), strict=True):
        ax.plot(curve.fmr[seen], rate[seen], color=style.colour, linestyle=style.dashes, linewidth=1.8, label=name)
        at = int(np.argmin(np.abs(np.log(curve.fmr[seen] / np.sqrt(low)))))
        ends.append((name, float(curve.fmr[seen][at]), float(rate[seen][at]), style.colour))
    equal = np.geomspace(low, 1, 200)
    ax.plot(equal, equal, color=GREY, linewidth=0.9, linestyle=(0, (1, 2)), zorder=1)
    log_rates(ax, "x", 10.0 ** np.floor(np.log10(low) + 1e-9), 1.0)
    ax.set_ylim(0, 1.02)
    per_cent(ax.yaxis)
    label_ends(ax, ends, rise=-10, offset=4)
    return figure_of(ax)
