"""Arrays at the door: kinds, shapes, exact scaling."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from PIL import ImageOps

from vultus.errors import ImageFormatError, ImageTooLargeError, InputError
from vultus.images import Limits, from_array, read
from vultus.images.arrays import check_pixels, upright


@pytest.mark.parametrize("shape", [(0,), (0, 0), (0, 5, 3), (5, 0), (5, 0, 4)])
def test_an_empty_array_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ImageFormatError, match=r"pixels in it|expected an array"):
        read(np.zeros(shape, np.uint8))


def test_rgb_is_taken_as_it_is_without_a_copy() -> None:
    image = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    assert np.shares_memory(from_array(image), image)
    assert np.array_equal(from_array(image), image)


def test_a_view_becomes_contiguous() -> None:
    image = np.arange(120, dtype=np.uint8).reshape(8, 5, 3)[::-2]
    assert from_array(image).flags.c_contiguous
    assert np.array_equal(from_array(image), image)


def test_one_pixel() -> None:
    assert read(np.full((1, 1, 3), 7, np.uint8)).tolist() == [[[7, 7, 7]]]


@pytest.mark.parametrize("shape", [(3, 4), (3, 4, 1)])
def test_grey_becomes_three_equal_channels(shape: tuple[int, ...]) -> None:
    grey = np.arange(12, dtype=np.uint8).reshape(shape)
    assert np.array_equal(from_array(grey), grey.reshape(3, 4)[..., None].repeat(3, axis=2))


def test_every_16_bit_level_is_rounded_exactly() -> None:
    levels = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    exact = [int(Fraction(level * 255, 65535) + Fraction(1, 2)) for level in range(65536)]
    assert from_array(levels)[..., 0].ravel().tolist() == exact
    assert np.array_equal(from_array(levels.astype(">u2")), from_array(levels))


def test_another_white_than_16_bits() -> None:
    assert from_array(np.array([[0, 2048, 4095, 5000]], np.uint16), white=4095)[0, :, 0].tolist() == [0, 128, 255, 255]


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_floats_from_0_to_1(kind: type) -> None:
    assert from_array(np.array([[0, 0.5, 1]], kind))[0, :, 0].tolist() == [0, 128, 255]


@given(npst.arrays(np.uint8, (3, 4, 4)))
def test_alpha_is_laid_on_white(rgba: np.ndarray) -> None:
    colour, alpha = rgba[..., :3].astype(float), rgba[..., 3:].astype(float) / 255
    assert np.abs(from_array(rgba) - (colour * alpha + 255 * (1 - alpha))).max() <= 1
    opaque = rgba | np.array([0, 0, 0, 255], np.uint8)
    assert np.array_equal(from_array(opaque), rgba[..., :3])


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros((2, 2, 2), np.uint8), "expected an array"),
        (np.zeros((2, 2, 5), np.uint8), "expected an array"),
        (np.zeros(5, np.uint8), "expected an array"),
        (np.zeros((1, 2, 2, 3), np.uint8), "expected an array"),
        (np.zeros((3, 40, 50), np.uint8), r"transpose\(1, 2, 0\)"),
        (np.array(7, np.uint8), "expected an array"),
        (np.zeros((2, 2), np.int32), "int32"),
        (np.zeros((2, 2), bool), "bool"),
        (np.zeros((2, 2), complex), "complex"),
        (np.zeros((2, 2), object), "object"),
        (np.full((2, 2), 200.0), "uint8 if they mean 0 to 255"),
        (np.full((2, 2), -0.1), "0 to 1"),
        (np.array([[0.5, np.nan]]), "finite"),
        (np.array([[0.5, np.inf]]), "finite"),
    ],
)
def test_refused(array: np.ndarray, reason: str) -> None:
    with pytest.raises(ImageFormatError, match=reason) as caught:
        read(array)
    assert str(caught.value).startswith("<array>: ")


@given(
    npst.arrays(
        st.sampled_from([np.uint8, np.uint16, np.int16, np.float32]),
        npst.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5),
    )
)
def test_any_array_is_read_or_refused_and_never_written_to(array: np.ndarray) -> None:
    before = array.copy()
    array.flags.writeable = False
    try:
        image = read(array)
    except InputError:
        image = np.empty((1, 1, 3), np.uint8)
    assert image.dtype == np.uint8
    assert image.ndim == 3
    assert image.shape[2] == 3
    assert image.flags.c_contiguous
    assert np.array_equal(array, before, equal_nan=array.dtype.kind == "f")


def test_the_pixel_limit_holds_for_arrays() -> None:
    limits = Limits(pixels=100)
    assert read(np.zeros((10, 10), np.uint8), limits=limits).shape == (10, 10, 3)
    with pytest.raises(ImageTooLargeError, match="11 x 10"):
        read(np.zeros((10, 11), np.uint8), limits=limits)


def test_check_pixels_at_its_edges() -> None:
    check_pixels((8, 8), 64)
    with pytest.raises(ImageTooLargeError):
        check_pixels((65, 1), 64)
    with pytest.raises(ImageFormatError):
        check_pixels((0, 8), 64)


@pytest.mark.parametrize("turn", range(9))
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_upright_against_pillow(turn: int, kind: type) -> None:
    image = np.arange(42, dtype=kind).reshape(2, 7, 3)
    picture = PIL.Image.fromarray(image.astype(np.uint8))
    picture.getexif()[0x0112] = turn or 1
    assert np.array_equal(upright(image, turn), np.asarray(ImageOps.exif_transpose(picture)))
    assert upright(image, turn).flags.c_contiguous
