from __future__ import annotations

import numpy as np
import pytest

from vultus.errors import InputError
from vultus.metrics import caveats
from vultus.metrics.estimate import half_sum
from vultus.metrics.intervals import wilson
from vultus.types import Rate


def test_nothing_is_scarce_and_not_constant() -> None:
    values, lost = caveats.ascending([], "genuine")
    assert (values.size, lost) == (0, 0)
    assert caveats.of_scores({"genuine": values}, {"genuine": 0}) == caveats.scarce(0, "genuine")
    assert caveats.constant({"genuine": values}) == ()
    assert caveats.duplicates([], []) == 0
    assert not caveats.inverted(values, values)


def test_nonsense_is_refused() -> None:
    for wrong, message in (
        ([[0.1]], r"shape \(n,\)"),
        ([np.inf], "got infinity"),
        ([-np.inf], "infinity"),
        (["x"], "numbers"),
    ):
        with pytest.raises(InputError, match=message):
            caveats.ascending(wrong, "genuine")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="of one length"):
        caveats.duplicates(["a"], [])


def test_distances_are_refused_with_what_to_do() -> None:
    caveats.refuse_distances(np.array([0.9]), np.array([0.1]))
    with pytest.raises(InputError, match=r"genuine mean 0\.1 lies below the impostor mean 0\.9.*negate=True"):
        caveats.refuse_distances(np.array([0.1]), np.array([0.9]))


def test_what_is_said() -> None:
    flat, wide = np.full(40, 0.5), np.linspace(0, 1, 40)
    assert caveats.constant({"a": flat, "b": flat}) == (
        "every score is 0.5: no threshold tells one kind from the other",
    )
    assert caveats.constant({"a": flat, "b": wide}) == ("every a score is 0.5",)
    assert caveats.constant({"a": wide, "b": wide}) == ()
    assert caveats.failed(0, 9, "genuine") == ()
    assert caveats.failed(2, 9, "genuine")[0].startswith("2 of 9 genuine scores are missing")
    assert caveats.scarce(30, "genuine") == ()


def test_duplicates_either_way_round() -> None:
    assert caveats.duplicates(["a", "b", "a", "c"], ["b", "a", "b", "c"]) == 2


def test_half_sum_joins_intervals() -> None:
    one, other = wilson(10, 100), wilson(30, 100)
    found = half_sum(one, other)
    assert (found.value, found.n) == (pytest.approx(0.2), 200)
    # Narrower than the mean of the ends, for both seldom err the same way; no narrower than either half.
    assert (one.low + other.low) / 2 < found.low < 0.2 < found.high < (one.high + other.high) / 2
    assert 0.2 - found.low > (other.value - other.low) / 2
    empty = half_sum(one, Rate(0, 0, 0.0, 1.0))
    assert (np.isnan(empty.value), empty.low, empty.high) == (True, 0.0, 1.0)


def test_half_sum_covers() -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for a, b in zip(rng.binomial(80, 0.05, 400), rng.binomial(120, 0.2, 400), strict=True):
        found = half_sum(wilson(int(a), 80), wilson(int(b), 120))
        hits += found.low <= 0.125 <= found.high
    assert 0.92 <= hits / 400 <= 0.99
