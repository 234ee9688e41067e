"""What scores are worth as evidence: likelihood ratios, Tippett plot, empirical cross-entropy."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from vultus.errors import InputError
from vultus.metrics.evidence import LikelihoodRatio
from vultus.metrics.likelihood import Values, isotonic
from vultus.plots.scales import per_cent, share
from vultus.plots.theme import BAND, BLUE, GREY, figure_of, label_ends, lines, new_axes, remark

__all__ = ["cross_entropy", "likelihood_ratios", "tippett"]

_TEN = math.log(10)
_MOST = 800  # points of a line


def likelihood_ratios(model: LikelihoodRatio, *, ax: Axes | None = None) -> Figure:
    """Likelihood ratio (powers of ten) over the score, with its 95 % band and what the data can show at most."""
    ax = new_axes(ax, "What a score is worth", "Score", "Likelihood ratio, one person : two (power of ten)")
    tens = [np.array(values) / _TEN for values in (model.llrs, model.low, model.high)]
    ax.fill_between(model.scores, tens[1], tens[2], color=BLUE, alpha=BAND, linewidth=0)
    ax.plot(model.scores, tens[0], color=BLUE, linewidth=1.8)
    for bound in (model.least, model.most):
        ax.axhline(bound / _TEN, color=GREY, linewidth=0.9, linestyle=(0, (1, 2)), zorder=1)
    ax.axhline(0, color=GREY, linewidth=0.8, zorder=1)
    remark(
        ax,
        f"{model.method}, {model.genuine:,} and {model.impostors:,} comparisons of {model.people:,} people; dotted: "
        f"the most these data can show; {model.data}",
    )
    return figure_of(ax)


def tippett(genuine: Values, impostor: Values, *, ax: Axes | None = None) -> Figure:
    """Share of comparisons whose likelihood ratio is at least so much, for one person and for two.

    genuine, impostor: log-likelihood ratios, natural logarithm, (n,) and (m,); NaN says nothing
    and counts as 0. What lies on the wrong side of 1 is misleading, and is named. Refused
    (InputError): none of one kind.
    """
    ours, theirs = _silent(genuine, impostor)
    ax = new_axes(ax, "Tippett", "Likelihood ratio at least (power of ten)", "Share of comparisons")
    ends = []
    finite = np.concatenate([each[np.isfinite(each)] for each in (ours, theirs)]) / _TEN
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (-1.0, 1.0)
    low, high = min(low - 0.1, -0.5), max(high + 0.1, 0.5)
    at = np.linspace(low, high, _MOST)
    kinds = (("one person", ours, 0.7), ("two people", theirs, 0.5))
    for style, (name, llrs, height) in zip(lines(2), kinds, strict=True):
        level = 1 - np.searchsorted(np.sort(llrs) / _TEN, at, side="left") / llrs.size
        ax.plot(at, level, color=style.colour, linestyle=style.dashes, linewidth=1.8, label=name)
        middle = int(np.argmin(np.abs(level - height)))
        ends.append((f"{name} ({llrs.size:,})", float(at[middle]), float(level[middle]), style.colour))
    ax.axvline(0, color=GREY, linewidth=0.9, linestyle=(0, (1, 2)), zorder=1)
    ax.set_xlim(low, high)
    ax.set_ylim(0, 1.01)
    per_cent(ax.yaxis)
    remark(
        ax,
        f"misleading: {share(float((ours < 0).mean()))} of one person lie below 1, "
        f"{share(float((theirs > 0).mean()))} of two people above",
    )
    for end in ends:
        label_ends(ax, [end])
    return figure_of(ax)


def cross_entropy(genuine: Values, impostor: Values, *, ax: Axes | None = None) -> Figure:
    """Empirical cross-entropy in bits over the prior odds: of these LLRs, of the best rising ones, of none.

    genuine, impostor: log-likelihood ratios, natural logarithm; NaN counts as 0. At prior odds
    of 1 the heights are Cllr and minCllr. Above the dotted line the LLRs do worse than saying
    nothing. Refused (InputError): none of one kind. Source: Ramos and Gonzalez-Rodriguez,
    Forensic Science International 230 (2013).
    """
    ours, theirs = _silent(genuine, impostor)
    fit = isotonic(ours, theirs)
    odds = np.linspace(-3, 3, 61)
    kinds = (
        ("as they are", _entropy(ours, theirs, odds)),
        ("best calibrated", _entropy(fit.llr(ours), fit.llr(theirs), odds)),
        ("saying nothing", _entropy(np.zeros(1), np.zeros(1), odds)),
    )
    ax = new_axes(ax, "Empirical cross-entropy (ECE)", "Prior odds of one person (power of ten)", "Cost, bits")
    blue, orange, _ = lines(3)
    shapes = ((blue.colour, blue.dashes, 1.8), (orange.colour, orange.dashes, 1.8), (GREY, (0, (1, 2)), 1.0))
    ends = []
    for (name, cost), (colour, dashes, width), place in zip(kinds, shapes, (30, 24, 38), strict=True):
        ax.plot(odds, cost, color=colour, linestyle=dashes, linewidth=width, label=name)
        ends.append((name, float(odds[place]), float(cost[place]), colour))
    finite = np.concatenate([cost[np.isfinite(cost)] for _, cost in kinds])
    ax.set_xlim(-3, 3)
    ax.set_ylim(0, min(1.5, 1.08 * float(finite.max())))
    middle = [float(cost[30]) for _, cost in kinds]
    remark(ax, f"at odds 1: Cllr {middle[0]:.3f}, minCllr {middle[1]:.3f} bits")
    for end, rise in zip(ends, (7, -9, 0), strict=True):
        label_ends(ax, [end], rise=rise)
    return figure_of(ax)


def _entropy(ours: NDArray[np.float64], theirs: NDArray[np.float64], odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bits at each prior odds (power of ten), (k,)."""
    shifts = odds * _TEN
    prior = 1 / (1 + np.exp(-shifts))
    found = [
        p * np.logaddexp(0, -(ours + shift)).mean() + (1 - p) * np.logaddexp(0, theirs + shift).mean()
        for p, shift in zip(prior, shifts, strict=True)
    ]
    return np.array(found) / math.log(2)


def _silent(genuine: Values, impostor: Values) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    ours, theirs = np.asarray(genuine, dtype=np.float64), np.asarray(impostor, dtype=np.float64)
    if ours.ndim != 1 or theirs.ndim != 1 or not ours.size or not theirs.size:
        raise InputError(f"expected LLRs (n,) of both kinds, got shapes {ours.shape} and {theirs.shape}")
    return np.where(np.isnan(ours), 0.0, ours), np.where(np.isnan(theirs), 0.0, theirs)
