from __future__ import annotations

import numpy as np
import pytest

from vultus.choice import choose, main_face, parse_faces
from vultus.errors import InputError, NoFaceError, TooManyFacesError
from vultus.types import Box, Face, Pose, Quality, Reading

SIZE = (640, 480)


def reading(box: Box, sharpness: float = 0.8) -> Reading:
    face = Face(box, np.zeros((5, 2), dtype=np.float32), 0.9)
    inside = box.clip(SIZE).area / box.area
    quality = Quality(
        0.7,
        0.9,
        min(box.width, box.height),
        sharpness,
        0.5,
        0.2,
        Pose(0, 0, 0),
        inside,
        eyes_covered=0,
        mouth_covered=0,
    )
    return Reading(face, quality)


LARGE_BLURRED_CUT = reading(Box(-120, 100, 130, 400), sharpness=0.02)
MIDDLE = reading(Box(250, 150, 410, 350))
SMALL = reading(Box(500, 50, 540, 100))
FACES = [LARGE_BLURRED_CUT, MIDDLE, SMALL]


@pytest.mark.parametrize("faces", ["main", "one", "largest", "centre", "all", 1])
def test_no_face_is_an_error_under_every_policy(faces: str | int) -> None:
    with pytest.raises(NoFaceError, match="expected a face"):
        choose([], SIZE, faces)


def test_the_main_face_is_not_merely_the_largest() -> None:
    choice = main_face(FACES, SIZE)
    assert choice.index == 1
    assert "face 2 of 3" in choice.reason
    assert 0 < choice.margin < 1


def test_one_face_needs_no_reason() -> None:
    choice = main_face([SMALL], SIZE)
    assert (choice.index, choice.reason, choice.margin) == (0, "", 0.0)


def test_the_policies_pick_what_they_say() -> None:
    assert [choice.index for choice in choose(FACES, SIZE, "all")] == [0, 1, 2]
    assert choose(FACES, SIZE, "largest")[0].index == 0
    assert choose(FACES, SIZE, "centre")[0].index == 1
    assert choose(FACES, SIZE, "3")[0].index == 2
    assert choose([SMALL], SIZE, "one")[0].index == 0
    with pytest.raises(TooManyFacesError, match="found 3"):
        choose(FACES, SIZE, "one")
    with pytest.raises(InputError, match="up to 3, got 4"):
        choose(FACES, SIZE, 4)


@pytest.mark.parametrize("faces", ["", "0", "-1", "everyone", "1.5", 0])
def test_a_policy_that_is_none_is_refused(faces: str | int) -> None:
    with pytest.raises(InputError, match="expected faces to be"):
        parse_faces(faces)


def test_the_order_of_equal_faces_decides() -> None:
    left, right = reading(Box(100, 100, 200, 200)), reading(Box(440, 100, 540, 200))
    assert main_face([left, right], SIZE).index == 0
