from __future__ import annotations

import numpy as np
import pytest

from vultus.errors import InputError
from vultus.survival.partial_likelihood import PartialLikelihood

TIME = np.array([5, 3, 3, 8, 3, 6, 1, 8], dtype=float)
EVENT = np.array([1, 1, 1, 1, 0, 0, 1, 0], dtype=bool)
RISK = np.array([0.2, 1, -0.5, -1, 0.3, 0.7, 1.5, 0])


def of_risks(ties: str) -> PartialLikelihood:
    """A covariate a row, so that the coefficients are the log-risks themselves."""
    return PartialLikelihood(np.eye(8), TIME, EVENT, ties)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ties", "total", "at_zero"), [("breslow", 7.716928099, 8.050703381), ("efron", 7.519473135, 7.896552702)]
)
def test_known_sums(ties: str, total: float, at_zero: float) -> None:
    likelihood = of_risks(ties)
    assert -likelihood.loglik(RISK) == pytest.approx(total, abs=1e-9)
    assert -likelihood.terms(RISK).loglik == pytest.approx(total, abs=1e-9)
    assert -likelihood.loglik(RISK + 3) == pytest.approx(total, abs=1e-9)
    assert -likelihood.loglik(RISK + 900) == pytest.approx(total, abs=1e-9)
    assert -likelihood.loglik(np.zeros(8)) == pytest.approx(at_zero, abs=1e-9)


@pytest.mark.parametrize(
    ("ties", "gradient"),
    [
        ("efron", [-0.353847, -0.330976, -0.850721, -0.536441, 0.420856, 1.065326, -0.674282, 1.260084]),
        ("breslow", [-0.382586, -0.216460, -0.825169, -0.545097, 0.389094, 1.017944, -0.674282, 1.236555]),
    ],
)
def test_known_gradients(ties: str, gradient: list[float]) -> None:
    found = -of_risks(ties).terms(RISK).gradient
    assert found == pytest.approx(gradient, abs=5e-7)
    assert found.sum() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_derivatives_are_those_of_the_likelihood(ties: str) -> None:
    rng = np.random.default_rng(0)
    x, time, event = rng.normal(size=(60, 3)), rng.integers(1, 12, 60).astype(float), rng.random(60) < 0.6
    likelihood = PartialLikelihood(x, time, event, ties)  # type: ignore[arg-type]
    at, small = np.array([0.3, -0.2, 0.5]), 1e-5
    terms = likelihood.terms(at)
    steps = small * np.eye(3)
    slope = [(likelihood.loglik(at + step) - likelihood.loglik(at - step)) / (2 * small) for step in steps]
    bend = [
        -(likelihood.terms(at + step).gradient - likelihood.terms(at - step).gradient) / (2 * small) for step in steps
    ]
    assert terms.gradient == pytest.approx(slope, abs=1e-7)
    assert terms.information == pytest.approx(np.array(bend), abs=1e-6)
    assert terms.schoenfeld.sum(axis=0) == pytest.approx(terms.gradient, abs=1e-10)


def test_unknown_ties_are_refused() -> None:
    with pytest.raises(InputError, match="efron or breslow, got 'exact'"):
        of_risks("exact")
