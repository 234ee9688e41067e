"""Plots: take a result and an axis, return a figure; nothing is shown and no global state is touched.

The only place that knows matplotlib (extra `plots`). Each function draws on `ax` if one is
given, else on a figure of its own; `svg` and `png` turn a figure into text or pixels.
"""

from __future__ import annotations

from vultus.errors import MissingExtraError

try:
    import matplotlib as _matplotlib  # noqa: F401 - asked for by name before the modules below need it
except ImportError as error:
    raise MissingExtraError("plots need matplotlib: pip install 'vultus[plots]'") from error

from vultus.plots.attacks import epc, epsc, fmr_iapmr
from vultus.plots.classes import confusion, reliability, risk_calibration
from vultus.plots.errors import accepted_over_errors, det, error_rates, roc
from vultus.plots.evidence import cross_entropy, likelihood_ratios, tippett
from vultus.plots.export import png, svg
from vultus.plots.groups import differential, forest
from vultus.plots.identification import cmc, dir_at_fpir, fpir_by_size, fpir_checks, fpir_growth
from vultus.plots.scores import score_histogram, threshold_curve
from vultus.plots.survival import kaplan_meier

__all__ = [
    "accepted_over_errors",
    "cmc",
    "confusion",
    "cross_entropy",
    "det",
    "differential",
    "dir_at_fpir",
    "epc",
    "epsc",
    "error_rates",
    "fmr_iapmr",
    "forest",
    "fpir_by_size",
    "fpir_checks",
    "fpir_growth",
    "kaplan_meier",
    "likelihood_ratios",
    "png",
    "reliability",
    "risk_calibration",
    "roc",
    "score_histogram",
    "svg",
    "threshold_curve",
    "tippett",
]
