"""Records of how a picture looks."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.fft import dctn

from vultus.integrity.perceptual import BITS, distance, perceptual_record
from vultus.types import Image


def test_a_flat_picture_has_an_empty_record() -> None:
    assert perceptual_record(np.full((5, 9, 3), 200, np.uint8)) == "0" * 64


def test_by_scipy(astronaut: Image) -> None:
    small = cv2.resize(
        cv2.cvtColor(astronaut, cv2.COLOR_RGB2GRAY).astype(np.float32), (32, 32), interpolation=cv2.INTER_AREA
    )
    waves = dctn(small.astype(np.float64), norm="ortho")[:16, :16].ravel()[1:]
    bits = np.packbits(np.append(False, waves > np.median(waves)))
    assert distance(perceptual_record(astronaut), bits.tobytes().hex()) <= 2  # float32 at the median


@given(a=st.integers(0, 2**255 - 1), b=st.integers(0, 2**255 - 1), c=st.integers(0, 2**255 - 1))
def test_distance_is_a_metric(a: int, b: int, c: int) -> None:
    first, second, third = (f"{number:064x}" for number in (a, b, c))
    assert distance(first, first) == 0
    assert distance(first, second) == distance(second, first) == bin(a ^ b).count("1")
    assert distance(first, third) <= distance(first, second) + distance(second, third) <= 2 * BITS


def test_compression_and_size_change_little(astronaut: Image) -> None:
    record = perceptual_record(astronaut)
    small = cv2.imencode(".jpg", astronaut[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 20])[1]
    jpeg = cv2.imdecode(small, cv2.IMREAD_COLOR_RGB)
    half = cv2.resize(astronaut, (256, 256), interpolation=cv2.INTER_AREA)
    assert distance(record, perceptual_record(np.asarray(jpeg, np.uint8))) <= 6
    assert distance(record, perceptual_record(np.asarray(half, np.uint8))) <= 6


def test_it_does_not_see_a_small_edit(astronaut: Image) -> None:
    """What the module's opening says: near is not untouched."""
    changed = astronaut.copy()
    changed[100:110, 220:230] = 0
    assert distance(perceptual_record(astronaut), perceptual_record(changed)) <= 10


@pytest.mark.parametrize("turn", [np.fliplr, np.flipud])
def test_another_picture_is_far(astronaut: Image, turn: object) -> None:
    other = np.ascontiguousarray(turn(astronaut))  # type: ignore[operator]
    assert distance(perceptual_record(astronaut), perceptual_record(other)) > 60
