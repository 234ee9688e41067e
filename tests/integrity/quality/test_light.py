"""Light, colour, detail and background on pictures whose answer is known."""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from skimage import color

from vultus.integrity.quality import light as m
from vultus.integrity.quality.points import Upright, points_of
from vultus.integrity.quality.scalars import scalar
from vultus.models.landmark import Mesh
from vultus.types import Image

Placed = Callable[..., Mesh]

SKIN = (200, 150, 120)


def face_of(image: Image, known: bool = True) -> Upright:
    """A face that fills a square of 200 pixels, eyes 100 apart."""
    here = np.full(image.shape[:2], known)
    eyes = (np.array([50.0, 40.0]), np.array([150.0, 40.0]))
    return Upright(image, here, np.ones(image.shape[:2], bool), *eyes, np.array([100.0, 140.0]))


def plain(colour: tuple[int, int, int] = SKIN) -> Image:
    return np.full((200, 200, 3), colour, np.uint8)


def test_nothing_is_known_of_a_face_outside() -> None:
    light = m.light_of(face_of(plain(), known=False))
    assert all(math.isnan(value) for value in (light.mean, light.entropy, light.colour, light.sharpness))


@given(arrays.arrays(np.uint8, (3, 4, 3)))
def test_luminance_is_that_of_the_standard(image: Image) -> None:
    # An outside reference: Y of CIE XYZ by scikit-image (its row of the matrix has five digits more).
    y = color.rgb2xyz(image)[..., 1]
    assert np.abs(m.luminance(image).astype(int) - np.floor(255 * y + 0.5)).max() <= 1


def test_mean_variance_entropy_by_hand() -> None:
    image = plain((0, 0, 0))
    image[:, 100:] = 255
    light = m.light_of(face_of(image))
    assert (light.mean, light.variance, light.entropy) == pytest.approx((0.5, 0.25, 1.0))
    assert (light.under, light.over) == (0.5, 0.5)
    # One half of the face white, the other black: all light from the subject's left.
    assert light.side == 1
    assert light.uniformity == 0


@pytest.mark.parametrize(
    ("level", "under", "over"), [(0, 1, 0), (88, 1, 0), (92, 0, 0), (251, 0, 0), (252, 0, 1), (255, 0, 1)]
)
def test_too_dark_and_too_bright_by_their_bounds(level: int, under: int, over: int) -> None:
    light = m.light_of(face_of(plain((level, level, level))))
    assert (light.under, light.over) == (under, over)


def test_one_colour_has_no_detail_and_cheeks_alike() -> None:
    light = m.light_of(face_of(plain()))
    assert (light.uniformity, light.side, light.entropy, light.sharpness) == (1, 0, 0, 0)


@given(st.integers(0, 120), st.integers(0, 120))
def test_side_has_the_sign_of_the_brighter_cheek(right: int, left: int) -> None:
    image = plain()
    image[:, :100], image[:, 100:] = 100 + right, 100 + left
    assert np.sign(m.light_of(face_of(image)).side) in (0, np.sign(left - right))
    assert m.light_of(face_of(image[:, ::-1].copy())).side == pytest.approx(-m.light_of(face_of(image)).side)


def test_cheeks_one_step_apart_are_nearly_alike_in_the_dark_too() -> None:
    # 59 and 60 of 255 lie on both sides of where luminance is rounded: 11.15 and 11.52 of 255.
    image = plain((59, 59, 59))
    image[:, 100:] = 60
    assert m.luminance(image)[0, [0, 199]].tolist() == [11, 12]
    assert m.light_of(face_of(image)).uniformity > 0.5


def test_colour_is_natural_for_skin_and_not_for_blue() -> None:
    assert m.light_of(face_of(plain())).colour == 0
    assert m.light_of(face_of(plain((80, 110, 200)))).colour == 100
    # Yellow: a* below 5, b* far beyond 35; against scikit-image's CIELAB for D50.
    lab = color.rgb2lab(plain((230, 190, 60))[:1, :1])[0, 0]
    assert lab[2] > 50
    assert m.light_of(face_of(plain((230, 190, 60)))).colour == pytest.approx(
        math.hypot(5 - lab[1], lab[2] - 35), abs=6
    )


def test_a_grey_face_passes_by_ofiqs_rule_and_is_told_by_ours() -> None:
    light = m.light_of(face_of(plain((140, 140, 140))))
    assert scalar("NaturalColour", light.colour) == 100
    assert light.grey == 1
    assert m.light_of(face_of(plain())).grey == 0


@pytest.fixture(scope="module")
def noise() -> Image:
    made = np.random.default_rng(0).integers(60, 200, (200, 200, 1))
    return np.repeat(made, 3, axis=2).astype(np.uint8)


def test_sharpness_falls_with_blur_and_not_with_darkness(noise: Image) -> None:
    soft = [m.light_of(face_of(cv2.GaussianBlur(noise, (0, 0), sigma))).sharpness for sigma in (1, 2, 3, 4)]
    assert sorted(soft, reverse=True) == soft
    assert soft[0] > 2 * soft[-1]
    darker = m.light_of(face_of((noise // 2).astype(np.uint8))).sharpness
    assert darker == pytest.approx(m.light_of(face_of(noise)).sharpness, rel=0.02)


def test_an_even_wall_and_one_with_stripes(placed: Placed) -> None:
    wall = np.full((600, 600, 3), 180, np.uint8)
    points = points_of(placed(70.0))
    assert m.background(wall, points) == 0
    uneven = [m.background(striped(contrast), points) for contrast in (10, 40, 80)]
    assert sorted(uneven) == uneven
    assert uneven[0] > 0.3


def test_the_persons_own_contrast_is_no_background(placed: Placed) -> None:
    wall = np.full((600, 600, 3), 180, np.uint8)
    wall[200:420, 220:380] = np.random.default_rng(0).integers(0, 255, (220, 160, 3))
    wall[450:] = 20  # clothes
    assert m.background(wall, points_of(placed(70.0))) == 0


def test_a_face_that_fills_the_picture_has_no_background(placed: Placed) -> None:
    assert math.isnan(m.background(np.zeros((200, 200, 3), np.uint8), points_of(placed(100.0, at=(100, 90)))))


def striped(contrast: int) -> Image:
    image = np.full((600, 600, 3), 180, np.uint8)
    image[:, np.arange(600) % 40 < 20] = 180 - contrast
    return image
