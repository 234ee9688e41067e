"""Bars beside faces: as long as their shares, inside the picture, and off the faces."""

from __future__ import annotations

import numpy as np
import pytest

from vultus.draw import Bars, annotate_bars
from vultus.draw.bars import _BAR, _BAR_LEAD
from vultus.errors import InputError
from vultus.types import Box, Image

GREY = np.full((360, 480, 3), 128, np.uint8)
FACE = Box(60, 80, 160, 210)
SHARES = {"angry": 0.1, "happy": 0.6, "sad": 0.3}


def count(image: Image, colour: tuple[int, int, int]) -> int:
    return int((image == np.array(colour, np.uint8)).all(axis=2).sum())


def test_nothing_leaves_the_picture_as_it_is() -> None:
    drawn = annotate_bars(GREY, [])
    assert (drawn == GREY).all()
    assert drawn is not GREY


def test_bars_are_as_long_as_their_shares() -> None:
    drawn = annotate_bars(GREY, [Bars(FACE, SHARES)])
    lead, others = count(drawn, _BAR_LEAD), count(drawn, _BAR)
    assert lead / others == pytest.approx(0.6 / 0.4, rel=0.1)
    assert (GREY == 128).all()


def test_the_face_itself_stays_free() -> None:
    drawn = annotate_bars(GREY, [Bars(FACE, SHARES)])
    assert (drawn[110:180, 90:130] == 128).all()


def test_no_answer_has_its_reason_and_no_bar() -> None:
    drawn = annotate_bars(GREY, [Bars(FACE, {}, "the face is turned aside")])
    assert count(drawn, _BAR_LEAD) == count(drawn, _BAR) == 0
    assert (drawn != GREY).any()


def test_several_faces_have_plates_that_do_not_cover_each_other() -> None:
    faces = [Bars(Box(40 + 150 * at, 60, 100 + 150 * at, 130), {"happy": 1.0, "sad": 0.0}) for at in range(3)]
    each = [count(annotate_bars(GREY, [face]), _BAR_LEAD) for face in faces]
    assert min(each) > 0
    together = count(annotate_bars(GREY, faces), _BAR_LEAD)
    assert together == pytest.approx(sum(each), rel=0.35)


@pytest.mark.parametrize("box", [Box(-30, -30, 20, 20), Box(460, 340, 520, 400), Box(0, 0, 480, 360)])
def test_at_the_edge_everything_stays_inside(box: Box) -> None:
    drawn = annotate_bars(GREY, [Bars(box, SHARES)])
    assert drawn.shape == GREY.shape
    assert count(drawn, _BAR_LEAD) > 0


def test_where_there_is_no_room_for_a_plate_there_is_a_frame() -> None:
    small = np.full((40, 40, 3), 128, np.uint8)
    drawn = annotate_bars(small, [Bars(Box(5, 5, 30, 30), SHARES)])
    assert count(drawn, _BAR_LEAD) == 0
    assert (drawn != small).any()


def test_a_face_outside_is_not_drawn() -> None:
    assert (annotate_bars(GREY, [Bars(Box(900, 900, 950, 950), SHARES)]) == GREY).all()


@pytest.mark.parametrize("wrong", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)])
def test_what_is_no_picture_is_refused(wrong: np.ndarray) -> None:
    with pytest.raises(InputError, match="RGB uint8"):
        annotate_bars(wrong, [Bars(FACE, SHARES)])
