from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vultus.models.liveness.views import CLOSE, SIDE, WIDE, room, views
from vultus.types import Box


def ramps(width: int, height: int) -> np.ndarray:
    """Red tells x, green tells y."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[..., 0] = np.linspace(0, 255, width).round()[None]
    picture[..., 1] = np.linspace(0, 255, height).round()[:, None]
    return picture


def test_the_wide_view_shows_more_than_the_close_one() -> None:
    picture = ramps(500, 500)
    wide, close = np.split(views(picture, Box(200, 200, 300, 300)), 2, axis=1)
    assert wide.shape == close.shape == (SIDE, SIDE, 3)
    for view, times in ((wide, WIDE), (close, CLOSE)):
        seen = (int(view[..., 0].max()) - int(view[..., 0].min())) / 255 * 500
        assert seen == pytest.approx(100 * times, abs=8)
        assert int(view[SIDE // 2, SIDE // 2, 0]) == pytest.approx(127, abs=3)


def test_at_the_border_the_view_moves_inside_and_shows_nothing_made_up() -> None:
    picture = ramps(500, 500)
    wide = views(picture, Box(0, 0, 100, 100))[:, :SIDE]
    assert wide[..., 0].min() <= 2
    assert (int(wide[..., 0].max()) / 255 * 500) == pytest.approx(270, abs=8)


@given(
    x=st.floats(-200, 400), y=st.floats(-200, 300), w=st.floats(0.5, 400), h=st.floats(0.5, 400),
    width=st.integers(8, 300), height=st.integers(8, 200),
)  # fmt: skip
def test_every_box_gives_two_views(x: float, y: float, w: float, h: float, width: int, height: int) -> None:
    picture = ramps(width, height)
    before = picture.copy()
    made = views(picture, Box(x, y, x + w, y + h))
    assert made.shape == (SIDE, 2 * SIDE, 3)
    assert made.dtype == np.uint8
    assert np.array_equal(picture, before)


def test_room_is_counted_in_faces() -> None:
    assert room(Box(10, 10, 60, 110), (300, 200)) == 2.0
