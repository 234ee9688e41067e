"""The normalised portrait."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vultus.analyzer import Analyzer
from vultus.errors import InputError, NoFaceError, NotFoundError, TooManyFacesError
from vultus.images import read
from vultus.integrity.crop import EYES_TO_HEAD, FORMATS, Format, Head, cut, format_of, head, mesh_of, one_face, portrait
from vultus.integrity.quality import assess
from vultus.models.landmark import Mesh
from vultus.types import Box, Face, Image


class Finds:
    def __init__(self, count: int, presence: float = 1.0) -> None:
        self.presence = presence
        five = np.array([(2, 1), (6, 1), (4, 3), (3, 5), (5, 5)], np.float32)
        face = Face(Box(0, 0, 9, 9), five, 1.0)
        self.faces = (face,) * count

    def detect(self, image: Image) -> tuple[Face, ...]:
        return self.faces

    def meshes(self, image: Image, faces: Sequence[Face]) -> tuple[Mesh, ...]:
        made = np.zeros((468, 3), np.float32)
        for number, x in ((33, 10), (133, 20), (362, 40), (263, 50)):
            made[number] = (x, 7, 3)
        made[152] = (31, 60, 3)
        return tuple(Mesh(made, self.presence) for _ in faces)


def points(right: tuple[float, float], left: tuple[float, float], drop: float | None = None) -> Head:
    """A head by its eyes. drop: from them to the chin, straight below; None: 1.72 eye distances, as in most."""
    eyes = np.array([right, left], np.float64)
    across = eyes[1] - eyes[0]
    down = np.array([-across[1], across[0]])
    reach = 1.72 if drop is None else drop / float(np.hypot(*across))
    return np.vstack([eyes, eyes.mean(axis=0) + reach * down])


def test_one_face_and_no_other_number() -> None:
    image = np.zeros((9, 9, 3), np.uint8)
    with pytest.raises(NoFaceError):
        one_face(image, Finds(0))
    with pytest.raises(TooManyFacesError, match="found 2"):
        one_face(image, Finds(2))
    assert one_face(image, Finds(1)).score == 1.0


def test_a_head_is_the_middles_between_the_corners_of_the_eyes_and_the_chin() -> None:
    image, face = np.zeros((9, 9, 3), np.uint8), Finds(1).faces[0]
    assert head(image, face, Finds(1)).tolist() == [[15, 7], [45, 7], [31, 60]]
    # Without a mesh the chin is 1.66 times as far from the eyes as the mouth.
    assert head(image, face, Finds(1, presence=0.1)) == pytest.approx(np.array([[2, 1], [6, 1], [4, 1 + 1.66 * 4]]))


def test_the_mesh_is_the_mean_of_two_looks_that_are_led_by_a_mesh() -> None:
    asked: list[np.ndarray] = []

    class Follows(Finds):
        def meshes(self, image: Image, faces: Sequence[Face]) -> tuple[Mesh, ...]:
            asked.append(faces[0].landmarks)
            (mesh,) = super().meshes(image, faces)
            return (Mesh(mesh.points + len(asked), 0.1 * len(asked)),)

    finds = Follows(1)
    found = mesh_of(np.zeros((9, 9, 3), np.uint8), finds.faces[0], finds)
    assert asked[0] is finds.faces[0].landmarks
    assert [five.tolist() for five in asked[1:]] == [
        [[15 + look, 7 + look], [45 + look, 7 + look], *[[look, look]] * 3] for look in (1, 2)
    ]
    assert found.points[152].tolist() == [33.5, 62.5, 5.5]
    assert found.presence == pytest.approx(0.3)


def test_formats_are_covered_by_whole_blocks() -> None:
    assert [side % 8 for each in FORMATS for side in each.size_wh] == [0] * 2 * len(FORMATS)
    with pytest.raises(NotFoundError, match="passport"):
        format_of("a4")


@pytest.mark.parametrize("name", ["passport", "passport-large"])
def test_the_passport_is_35_by_45_and_the_head_three_quarters_of_it(name: str) -> None:
    format = format_of(name)
    width, height = format.size_wh
    assert width / height == 35 / 45
    asked = cut(points((500, 600), (600, 600), drop=180), format)
    assert 180 / EYES_TO_HEAD * asked.scale / height == pytest.approx(0.75)  # ICAO Doc 9303: 70 to 80 %
    assert 100 * asked.scale >= 90


def test_the_us_photo_has_a_head_of_25_to_35_mm_of_51_and_its_eyes_28_to_35_mm_up() -> None:
    format = format_of("square")
    assert 25 <= format.share * 51 <= 35
    assert 28 <= (1 - format.eyes_down) * 51 <= 35


@pytest.mark.parametrize("name", [format.name for format in FORMATS])
@pytest.mark.parametrize("roll", [0.0, 12.0, -25.0])
@pytest.mark.parametrize("apart", [140.0, 260.0])
def test_eyes_lie_where_the_format_wants_them(name: str, roll: float, apart: float) -> None:
    image = np.full((2400, 2400, 3), 60, np.uint8)
    middle, half = np.array([1200.0, 1150.0]), apart / 2
    along = half * np.array([math.cos(math.radians(roll)), math.sin(math.radians(roll))])
    for at, colour in ((middle - along, (255, 0, 0)), (middle + along, (0, 255, 0))):
        cv2.circle(image, (round(at[0] * 16), round(at[1] * 16)), round(apart * 16 / 20), colour, -1, cv2.LINE_AA, 4)
    format = format_of(name)
    width, height = format.size_wh
    made = portrait(image, points(tuple(middle - along), tuple(middle + along)), format)
    assert made.image.shape == (height, width, 3)
    assert made.turned == pytest.approx(-roll, abs=0.01)
    by = {"head": 1.72 * apart / EYES_TO_HEAD / height, "eyes": apart / width}
    assert made.enlarged == pytest.approx(format.share / by[format.by])
    wanted = [((width - 1) / 2 + side * half * made.enlarged, format.eyes_down * height - 0.5) for side in (-1, 1)]
    for channel, (x, y) in enumerate(wanted):
        weight = np.clip(made.image[..., channel].astype(float) - 60, 0, None)
        rows, columns = np.mgrid[: weight.shape[0], : weight.shape[1]]
        found = (weight * columns).sum() / weight.sum(), (weight * rows).sum() / weight.sum()
        assert found == pytest.approx((x, y), abs=0.6)


@given(st.floats(-30, 30), st.floats(60, 300), st.floats(1.4, 2.2), st.sampled_from(FORMATS))
def test_the_matrix_is_a_turn_about_the_eyes_and_the_box(
    roll: float, apart: float, long: float, format: Format
) -> None:
    along = apart / 2 * np.array([math.cos(math.radians(roll)), math.sin(math.radians(roll))])
    middle = np.array([600.0, 500.0])
    asked = cut(points(tuple(middle - along), tuple(middle + along), drop=long * apart), format)
    # Turned first, so that the eyes are level, then cut and brought to the format's size: edges are edges.
    box, angle = asked.box, math.radians(asked.turned)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    for point in ((0.0, 0.0), (37.0, 800.0), (1000.0, 20.0)):
        level = (np.array(point) - middle) @ turn.T + middle + 0.5
        whole = (level - (box.x1, box.y1)) * np.array(format.size_wh) / (box.width, box.height) - 0.5
        np.testing.assert_allclose(asked.matrix @ (*point, 1), whole, atol=1e-6)


def test_nothing_is_made_up_beyond_the_edge() -> None:
    image = np.zeros((500, 500, 3), np.uint8)
    with pytest.raises(InputError, match="missing; take it with more room"):
        portrait(image, points((200, 100), (300, 100)), format_of("passport"))
    with pytest.raises(InputError, match="px at the top"):
        portrait(image, points((200, 20), (300, 20)), format_of("token"))


def test_small_faces_are_not_blown_up() -> None:
    # 0.75 · 0.49 · 576 / 2 = 105.8 from the eyes to the chin, which is 1.72 times their distance.
    with pytest.raises(InputError, match="at least 62 pixels apart for the format passport, got 40"):
        portrait(np.zeros((500, 500, 3), np.uint8), points((200, 200), (240, 200)), format_of("passport"))
    with pytest.raises(InputError, match="at least 30 pixels apart for the format token, got 20"):
        portrait(np.zeros((500, 500, 3), np.uint8), points((200, 200), (220, 200)), format_of("token"))


def test_on_portraits_the_head_is_found_again_where_it_was_put(data: Path, analyzer: Analyzer) -> None:
    format, off = format_of("passport"), []
    wanted = np.array([(223.5, 0.45 * 576 - 0.5), (223.5, (0.45 + 0.75 * EYES_TO_HEAD) * 576 - 0.5)])
    for path in sorted((data / "portraits").glob("*_neutral.jpg"))[:4]:
        image = read(path)
        made = portrait(image, head(image, one_face(image, analyzer), analyzer), format).image
        right, left, chin = head(made, one_face(made, analyzer), analyzer)
        off += [np.abs((right + left) / 2 - wanted[0]).max(), abs(chin[1] - wanted[1, 1]), abs(right[1] - left[1])]
    assert off
    assert max(off) < 2  # pixels of about 122 between the eyes


@pytest.mark.parametrize("turn", [0, 9])
def test_what_quality_advises_is_what_issuing_cuts(astronaut: Image, analyzer: Analyzer, turn: float) -> None:
    large = cv2.resize(cv2.copyMakeBorder(astronaut, 80, 0, 0, 0, cv2.BORDER_REPLICATE), None, fx=2, fy=2)
    middle = (440.0, 360.0)
    image = cv2.warpAffine(
        large, cv2.getRotationMatrix2D(middle, -turn, 1), large.shape[1::-1], borderMode=cv2.BORDER_REPLICATE
    )
    issued = portrait(image, head(image, one_face(image, analyzer), analyzer), format_of("passport"))
    advised = assess(image, analyzer)
    assert advised.crop.inside
    said = re.search(
        r"(?:turn the picture ([\d.]+) degrees (\w+) about \((\d+), (\d+)\), then )?cut (?:it|the picture) to "
        r"(\d+) x (\d+) pixels from \((\d+), (\d+)\)",
        " ".join(advised.advice),
    )
    assert said is not None
    degrees, way, *about = said.groups()[:4]
    width, height, left, top = map(int, said.groups()[4:])
    assert (degrees is None) == (abs(issued.turned) < 0.5)
    if degrees is not None:
        clockwise = float(degrees) * (1 if way == "clockwise" else -1)
        assert clockwise == pytest.approx(issued.turned, abs=0.051)
        image = cv2.warpAffine(
            image, cv2.getRotationMatrix2D(tuple(map(float, about)), -clockwise, 1), image.shape[1::-1]
        )
    by_hand = cv2.resize(image[top : top + height, left : left + width], (448, 576), interpolation=cv2.INTER_CUBIC)
    assert np.abs(by_hand.astype(int) - issued.image).mean() < 2  # levels; a shift by one pixel makes 2.5 and more


def test_shrinking_is_by_means_over_areas() -> None:
    fine = np.zeros((2600, 2600, 3), np.uint8)
    fine[::2] = 255
    made = portrait(fine, points((1080, 1200), (1520, 1200)), format_of("token")).image
    assert made.std() < 12
    assert made.mean() == pytest.approx(127.5, abs=3)
