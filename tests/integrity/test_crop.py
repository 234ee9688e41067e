"""The normalised portrait."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from vultus.analyzer import Analyzer
from vultus.errors import InputError, NoFaceError, NotFoundError, TooManyFacesError
from vultus.images import read
from vultus.integrity.crop import FORMATS, Eyes, eyes, format_of, one_face, portrait
from vultus.models.landmark import Mesh
from vultus.types import Box, Face, Image


class Finds:
    def __init__(self, count: int, presence: float = 1.0) -> None:
        self.presence = presence
        face = Face(Box(0, 0, 9, 9), np.zeros((5, 2), np.float32), 1.0)
        self.faces = (face,) * count

    def detect(self, image: Image) -> tuple[Face, ...]:
        return self.faces

    def meshes(self, image: Image, faces: Sequence[Face]) -> tuple[Mesh, ...]:
        made = np.zeros((468, 3), np.float32)
        for number, x in ((33, 10), (133, 20), (362, 40), (263, 50)):
            made[number] = (x, 7, 3)
        return tuple(Mesh(made, self.presence) for _ in faces)


def points(right: tuple[float, float], left: tuple[float, float]) -> Eyes:
    return np.array([right, left], np.float64)


def test_one_face_and_no_other_number() -> None:
    image = np.zeros((9, 9, 3), np.uint8)
    with pytest.raises(NoFaceError):
        one_face(image, Finds(0))
    with pytest.raises(TooManyFacesError, match="found 2"):
        one_face(image, Finds(2))
    assert one_face(image, Finds(1)).score == 1.0


def test_eyes_are_the_middles_between_the_corners_of_the_mesh() -> None:
    image, face = np.zeros((9, 9, 3), np.uint8), Finds(1).faces[0]
    assert eyes(image, face, Finds(1)).tolist() == [[15, 7], [45, 7]]
    assert eyes(image, face, Finds(1, presence=0.1)).tolist() == [[0, 0], [0, 0]]


def test_formats_are_covered_by_whole_blocks() -> None:
    assert [side % 8 for each in FORMATS for side in each.size_wh] == [0] * 2 * len(FORMATS)
    with pytest.raises(NotFoundError, match="passport"):
        format_of("a4")


def test_the_passport_is_35_by_45() -> None:
    width, height = format_of("passport").size_wh
    assert width / height == 35 / 45
    assert format_of("passport").eyes_apart * width >= 90  # ISO/IEC 19794-5 and 39794-5


@pytest.mark.parametrize("roll", [0.0, 12.0, -25.0])
@pytest.mark.parametrize("apart", [80.0, 112.0, 260.0])
def test_eyes_lie_where_the_format_wants_them(roll: float, apart: float) -> None:
    image = np.full((2400, 2400, 3), 60, np.uint8)
    middle, half = np.array([1200.0, 1150.0]), apart / 2
    along = half * np.array([math.cos(math.radians(roll)), math.sin(math.radians(roll))])
    for at, colour in ((middle - along, (255, 0, 0)), (middle + along, (0, 255, 0))):
        cv2.circle(image, (round(at[0] * 16), round(at[1] * 16)), round(apart * 16 / 20), colour, -1, cv2.LINE_AA, 4)
    format = format_of("passport")
    made = portrait(image, points(tuple(middle - along), tuple(middle + along)), format)
    assert made.image.shape == (576, 448, 3)
    assert made.turned == pytest.approx(-roll, abs=0.01)
    assert made.enlarged == pytest.approx(112 / apart)
    wanted = [(223.5 - 56, format.eyes_down * 576), (223.5 + 56, format.eyes_down * 576)]
    for channel, (x, y) in enumerate(wanted):
        weight = np.clip(made.image[..., channel].astype(float) - 60, 0, None)
        rows, columns = np.mgrid[: weight.shape[0], : weight.shape[1]]
        found = (weight * columns).sum() / weight.sum(), (weight * rows).sum() / weight.sum()
        assert found == pytest.approx((x, y), abs=0.6)


def test_nothing_is_made_up_beyond_the_edge() -> None:
    image = np.zeros((500, 500, 3), np.uint8)
    with pytest.raises(InputError, match="missing; take it with more room"):
        portrait(image, points((200, 100), (300, 100)), format_of("passport"))
    with pytest.raises(InputError, match="px at the top"):
        portrait(image, points((200, 20), (300, 20)), format_of("token"))


def test_small_faces_are_not_blown_up() -> None:
    with pytest.raises(InputError, match="at least 56 pixels apart"):
        portrait(np.zeros((500, 500, 3), np.uint8), points((200, 200), (240, 200)), format_of("passport"))


def test_on_portraits_the_eyes_are_found_again_where_they_were_put(data: Path, analyzer: Analyzer) -> None:
    format, off = format_of("passport"), []
    for path in sorted((data / "portraits").glob("*_neutral.jpg"))[:4]:
        image = read(path)
        made = portrait(image, eyes(image, one_face(image, analyzer), analyzer), format).image
        again = eyes(made, one_face(made, analyzer), analyzer)
        off.append(np.abs(again - [(223.5 - 56, format.eyes_down * 576), (223.5 + 56, format.eyes_down * 576)]).max())
    assert off
    assert max(off) < 6  # pixels of 112 between the eyes


def test_shrinking_is_by_means_over_areas() -> None:
    fine = np.zeros((2600, 2600, 3), np.uint8)
    fine[::2] = 255
    made = portrait(fine, points((1080, 1200), (1520, 1200)), format_of("token")).image
    assert made.std() < 12
    assert made.mean() == pytest.approx(127.5, abs=3)
