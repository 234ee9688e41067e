"""Tail probabilities of the normal and of chi-square, without a statistics library."""

from __future__ import annotations

import math
from statistics import NormalDist

from vultus.errors import InputError

__all__ = ["chi_square_tail", "quantile", "two_sided"]


def chi_square_tail(statistic: float, degrees: int) -> float:
    """P(chi-square with that many degrees of freedom > statistic).

    The finite sum for whole degrees: every term is positive, so that the far tail keeps
    its digits. Refused (InputError): degrees below 1, a negative statistic or NaN.

    >>> round(chi_square_tail(3.841458820694124, 1), 12)
    0.05
    """
    if degrees < 1 or not statistic >= 0:
        raise InputError(f"expected a statistic from 0 and degrees from 1, got {statistic} and {degrees}")
    if statistic == 0 or math.isinf(statistic):
        return 1.0 if statistic == 0 else 0.0
    half = statistic / 2
    odd = degrees % 2
    orders = (whole + odd / 2 for whole in range(degrees // 2))
    terms = [math.exp(order * math.log(half) - half - math.lgamma(order + 1)) for order in orders]
    return min(math.fsum([math.erfc(math.sqrt(half)) * odd, *terms]), 1.0)


def two_sided(z: float) -> float:
    """P(|normal| > |z|).

    >>> round(two_sided(1.959963984540054), 12)
    0.05
    """
    return math.erfc(abs(z) / math.sqrt(2))


def quantile(confidence: float) -> float:
    """The z with that share of a normal within -z..z. Refused (InputError): not between 0 and 1.

    >>> round(quantile(0.95), 6)
    1.959964
    """
    if not 0 < confidence < 1:
        raise InputError(f"expected a confidence between 0 and 1, got {confidence}")
    return NormalDist().inv_cdf((1 + confidence) / 2)
