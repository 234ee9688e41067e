from __future__ import annotations

import math

import numpy as np
import pytest

from vultus.errors import InputError
from vultus.metrics.iapar import full_system


def test_nothing_to_measure() -> None:
    nothing, none = np.zeros(0), np.zeros(0, dtype=bool)
    with pytest.raises(InputError, match="decisions for each species"):
        full_system(np.zeros(1), np.ones(1, dtype=bool), {}, {}, 0.5)
    with pytest.raises(InputError, match="of print attempts"):
        full_system(np.zeros(1), np.ones(1, dtype=bool), {"print": nothing}, {"print": none}, 0.5)
    with pytest.raises(InputError, match="got NaN"):
        full_system(np.zeros(1), np.ones(1, dtype=bool), {"print": nothing}, {"print": none}, math.nan)


def test_full_system() -> None:
    """Five attacks: 0.9 live, 0.8 caught, 0.2 live but no match, no score, 0.7 live."""
    attacks = {"print": np.array([0.9, 0.8, 0.2, np.nan, 0.7]), "mask": np.array([0.9, 0.1])}
    live = {"print": np.array([True, False, True, True, True]), "mask": np.array([True, True])}
    found = full_system(np.array([0.9, 0.9, 0.3, np.nan]), np.array([True, False, True, True]), attacks, live, 0.5)
    assert {name: (rate.k, rate.n) for name, rate in found.iapar.items()} == {"mask": (1, 2), "print": (2, 5)}
    assert list(found.iapar) == ["mask", "print"]
    assert (found.iapar_pooled.k, found.iapar_pooled.n) == (3, 7)
    assert (found.frr.k, found.frr.n) == (3, 4)
    assert found.riapar == 0.5 + 0.75
    assert any("print: IAPAR below 0.07" in each for each in found.caveats)
    with pytest.raises(InputError, match="as many booleans"):
        full_system(np.array([0.9]), np.array([1]), attacks, live, 0.5)
    with pytest.raises(InputError, match="decisions for each species"):
        full_system(np.array([0.9]), np.array([True]), attacks, {}, 0.5)
