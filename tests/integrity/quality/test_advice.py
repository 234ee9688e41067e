"""Advice: the right way, the person's own sides, and something to do about everything that is asked."""

from __future__ import annotations

import math

import pytest

from vultus.integrity.quality import PROFILES, Crop, profile
from vultus.integrity.quality.advice import advice_for
from vultus.types import Box

ROOM, NO_ROOM = Crop(Box(10.2, 20.4, 110, 149), inside=True), Crop(Box(-5, 0, 95, 128), inside=False)


def said(name: str, raw: float, *, low: bool = False, side: float = 0.0, crop: Crop = NO_ROOM, asked: float = 0) -> str:
    return advice_for(name, raw, low=low, side=side, faces=3, asked=asked, crop=crop)


@pytest.mark.parametrize("name", PROFILES)
def test_everything_that_is_asked_has_advice_both_ways(name: str) -> None:
    limits = profile(name).limits.values()
    assert limits
    for limit in limits:
        for low, end in ((True, limit.low), (False, limit.high)):
            assert math.isinf(end) or said(limit.measure, 0.5, low=low), limit.measure


@pytest.mark.parametrize(
    ("name", "raw", "words"),
    [
        ("own: yaw", -6.4, "turn your head 6 degrees to your left"),
        ("own: yaw", 6.4, "turn your head 6 degrees to your right"),
        ("own: yaw", 0.4, "turn your head 1 degree to your right"),
        ("own: pitch", 17.0, "raise your chin by 17 degrees"),
        ("own: pitch", -17.0, "lower your chin by 17 degrees"),
        ("own: roll", 9.0, "tilt your head 9 degrees to your right"),
        ("own: roll", -9.0, "tilt your head 9 degrees to your left"),
    ],
)
def test_the_head_is_turned_back(name: str, raw: float, words: str) -> None:
    assert said(name, raw) == words


def test_the_weaker_light_is_on_the_persons_side() -> None:
    assert "from your left is weaker" in said("IlluminationUniformity", 0.1, side=-0.3)
    assert "from your right is weaker" in said("own: light from the side", 0.3, side=0.3)


def test_in_the_picture_left_is_the_persons_right() -> None:
    assert said("LeftwardCropOfTheFaceImage", 0.5, low=True).startswith("move to your left")
    assert said("RightwardCropOfTheFaceImage", 0.5, low=True).startswith("move to your right")
    assert said("own: horizontal position", 0.3, low=True) == "move to your left"
    assert said("own: horizontal position", 0.7) == "move to your right"


def test_where_there_is_room_the_picture_is_cut_instead() -> None:
    assert said("HeadSize", 0.1, low=True, crop=ROOM) == "cut the picture to 100 x 129 pixels from (10, 20)"
    assert said("HeadSize", 0.1, low=True) == "move closer"
    assert said("HeadSize", 0.9) == "move back"


def test_the_picture_is_turned_before_it_is_cut() -> None:
    def way(turned: float) -> str:
        return said("HeadSize", 0.1, crop=Crop(ROOM.box, inside=True, turned=turned, about=(60.2, 70.7)))

    cut = "cut it to 100 x 129 pixels from (10, 20)"
    assert way(3.04) == f"turn the picture 3.0 degrees clockwise about (60, 71), then {cut}"
    assert way(-12.36) == f"turn the picture 12.4 degrees anticlockwise about (60, 71), then {cut}"
    assert way(0.4) == "cut the picture to 100 x 129 pixels from (10, 20)"


def test_numbers_that_help() -> None:
    assert said("InterEyeDistance", 43.3, low=True, asked=90) == (
        "move closer or use more pixels: 43 between the eyes, 90 are asked for"
    )
    assert said("SingleFacePresent", 0.4) == "be alone in the picture: 3 faces were found"
