from __future__ import annotations

import math

import pytest
from scipy import stats

from vultus.errors import InputError
from vultus.survival.tails import chi_square_tail, quantile, two_sided


def test_nothing_is_certain() -> None:
    assert chi_square_tail(0.0, 3) == 1.0
    assert chi_square_tail(math.inf, 3) == 0.0
    assert two_sided(0.0) == 1.0


@pytest.mark.parametrize("degrees", [1, 2, 3, 7, 8, 25, 100])
@pytest.mark.parametrize("statistic", [1e-6, 0.3, 3.84, 25.4, 80.0, 1000.0])
def test_chi_square_equals_scipy(statistic: float, degrees: int) -> None:
    outside = stats.chi2.sf(statistic, degrees)
    assert chi_square_tail(statistic, degrees) == pytest.approx(outside, rel=1e-10, abs=1e-300)


@pytest.mark.parametrize("z", [0.1, -1.96, 5.0, -20.0])
def test_normal_equals_scipy(z: float) -> None:
    assert two_sided(z) == pytest.approx(2 * stats.norm.sf(abs(z)), rel=1e-12)
    assert chi_square_tail(z * z, 1) == pytest.approx(two_sided(z), rel=1e-12)


def test_what_is_no_statistic_is_refused() -> None:
    for statistic, degrees in ((-1.0, 1), (math.nan, 1), (1.0, 0)):
        with pytest.raises(InputError, match="statistic from 0"):
            chi_square_tail(statistic, degrees)
    for confidence in (0.0, 1.0):
        with pytest.raises(InputError, match="confidence between 0 and 1"):
            quantile(confidence)
