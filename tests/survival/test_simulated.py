"""SIMULATED survival on real ages: the pipeline recovers the hazard that was put in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vultus.survival import Bootstrap, Cox, concordance

BETA, SHAPE, SCALE = 0.04, 1.5, 20.0


@pytest.mark.data
def test_recovers_a_simulated_hazard(data: Path) -> None:
    ages = np.array([float(path.name.split("_")[0]) for path in sorted((data / "utkface").rglob("*.jpg"))])
    covered, measured, seen = 0, [], []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        z = rng.choice(ages, 3000, replace=False)
        time = SCALE * (-np.log(rng.random(3000)) / np.exp(BETA * (z - 50))) ** (1 / SHAPE)
        leaves = rng.exponential(40, 3000)
        fit = Cox().fit(z[:, None], np.minimum(time, leaves), time <= leaves, names=["age"])
        low, high = fit.interval()
        covered += bool(low[0] <= BETA <= high[0])
        seen.append(fit.events / 3000)
        if seed < 5:
            whole = concordance(time, np.ones(3000), z, bootstrap=Bootstrap(0))
            measured.append(whole.c.value)
    assert covered >= 88
    assert np.mean(measured) == pytest.approx(0.683, abs=0.01)
    assert 1 - np.mean(seen) == pytest.approx(0.47, abs=0.05)
