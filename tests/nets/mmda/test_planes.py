from __future__ import annotations

import numpy as np
import pytest

from vultus.nets.mmda.planes import gradients, gravity, infrared


def test_nothing_in_a_flat_picture() -> None:
    flat = np.full((16, 24), 90, np.uint8)
    assert not gradients(flat).any()
    assert not gravity(flat).any()
    assert infrared(flat).shape == (16, 24, 3)


def test_gravity_by_hand() -> None:
    """One bright pixel, radius 1: its right neighbour is pulled with 200 / 1, the diagonal with 200 / 2."""
    spot = np.zeros((9, 9), np.uint8)
    spot[4, 4] = 200
    found = gravity(spot, radius=1)
    assert found[4, 5] == np.rint(np.arctan(200 / 1) * 510 / np.pi)
    assert found[5, 5] == np.rint(np.arctan(200 / 2) * 510 / np.pi)
    assert found[4, 4] == 0  # the pulls on it cancel
    assert found[0, 0] == 0


def test_gravity_does_not_hang_on_the_light() -> None:
    picture = np.random.default_rng(0).integers(60, 120, (32, 32)).astype(np.uint8)
    gap = np.abs(gravity(picture).astype(int) - gravity(picture * 2).astype(int))
    assert gap.max() <= 2


@pytest.mark.parametrize("turned", [False, True])
def test_gradients_mark_the_direction_that_rules_a_cell(turned: bool) -> None:
    stripes = np.tile(np.repeat([0, 200], 4), (16, 2)).astype(np.uint8)
    found = gradients(stripes.T if turned else stripes)
    assert found.max() == 255
    assert set(np.unique(found)) <= {0, 255}  # one direction only
