from __future__ import annotations

import numpy as np
import pytest

from vultus.errors import InputError
from vultus.metrics.bands import accepted_band, people_in
from vultus.metrics.intervals import SubjectBootstrap


def test_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="person on each side"):
        accepted_band(np.zeros(0), ([], []), np.array([0.5]))
    with pytest.raises(InputError, match="person on each side"):
        accepted_band(np.zeros(2), (["a"], ["b"]), np.array([0.5]))
    with pytest.raises(InputError, match="thresholds that rise"):
        accepted_band(np.zeros(1), (["a"], ["b"]), np.array([0.5, 0.5]))


@pytest.mark.parametrize("own", ["some", "none", "all"])
def test_each_threshold_has_the_interval_of_the_subject_bootstrap(own: str) -> None:
    rng = np.random.default_rng(0)
    first = rng.integers(0, 15, 400)
    second = {"some": rng.integers(0, 15, 400), "none": (first + rng.integers(1, 15, 400)) % 15, "all": first}[own]
    scores = rng.normal(size=15)[first] + rng.normal(size=400)
    scores[::50] = np.nan
    levels = np.array([-2.0, 0.0, 0.5, 3.0, 9.0])
    low, high = accepted_band(scores, (first, second), levels, replicates=300, seed=7)
    draws = SubjectBootstrap(first, second, replicates=300, seed=7)
    expected = [draws.rate(scores >= level) for level in levels]
    np.testing.assert_allclose(low, [rate.low for rate in expected], atol=1e-12)
    np.testing.assert_allclose(high, [rate.high for rate in expected], atol=1e-12)


def test_people_on_both_sides_are_counted_once() -> None:
    assert people_in((["a", "b"], ["b", "c"])) == 3
