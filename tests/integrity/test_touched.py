"""The map of touched blocks."""

from __future__ import annotations

import numpy as np

from vultus.integrity.marks import Inspection
from vultus.integrity.touched import regions, touched_map
from vultus.types import Box


def seen(touched: list[list[int]], outside: tuple[int, int] = (0, 0)) -> Inspection:
    return Inspection("block-mac", "touched", np.array(touched, bool), 8, outside, 2.0**-128)


def test_nothing_touched() -> None:
    none = seen([[0, 0], [0, 0]])
    assert regions(none) == ()
    shown = touched_map(np.full((16, 16, 3), 100, np.uint8), none)
    assert np.unique(shown).tolist() == [178]


def test_boxes_of_what_lies_together() -> None:
    found = regions(seen([[1, 0, 0, 1], [0, 1, 0, 0], [0, 0, 0, 1]]))
    assert sorted(found, key=lambda box: (box.x1, box.y1)) == [
        Box(0, 0, 16, 16),
        Box(24, 0, 32, 8),
        Box(24, 16, 32, 24),
    ]
    assert found[0] == Box(0, 0, 16, 16)


def test_touched_blocks_are_red_and_the_edge_is_dark() -> None:
    shown = touched_map(np.full((19, 17, 3), 100, np.uint8), seen([[0, 1], [0, 0]], (1, 3)))
    assert shown.shape == (19, 17, 3)
    red = (shown[..., 0] > 200) & (shown[..., 1] < 100)
    assert np.argwhere(red).min(axis=0).tolist() == [0, 8]
    assert red.sum() == 64
    assert np.unique(shown[16:]).tolist() == np.unique(shown[:16, 16]).tolist() == [89]
