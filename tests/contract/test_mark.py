"""What every fragile mark promises; a new file in vultus/integrity/marks is tested by being there."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from vultus.integrity.marks import Mark, load, names
from vultus.integrity.secret import MarkKey
from vultus.types import Image

KEY, OTHER = MarkKey(bytes(range(32))), MarkKey(bytes(range(1, 33)))
DOC = "TEST-0001"


@pytest.fixture(scope="module", params=names())
def mark(request: pytest.FixtureRequest) -> Mark:
    return load(request.param)


@pytest.fixture(scope="module")
def cover(astronaut: Image) -> Image:
    """The NASA portrait, (448, 448, 3)."""
    return np.ascontiguousarray(astronaut[:448, 32:480])


@pytest.fixture(scope="module")
def marked(mark: Mark, cover: Image) -> Image:
    return mark.embed(cover, KEY, DOC)


def test_it_goes_by_its_name(mark: Mark) -> None:
    assert load(mark.name) is mark


def test_the_cover_stays_and_the_mark_is_the_same_twice(mark: Mark, cover: Image, marked: Image) -> None:
    before = cover.copy()
    assert np.array_equal(mark.embed(cover, KEY, DOC), marked)
    assert np.array_equal(cover, before)
    assert (marked.dtype, marked.shape) == (np.uint8, cover.shape)


def test_marked_is_intact(mark: Mark, marked: Image) -> None:
    before = marked.copy()
    found = mark.inspect(marked, KEY, DOC)
    assert (found.mark, found.state, found.wrong) == (mark.name, "intact", 0)
    assert found.touched.dtype == np.bool_
    rows, columns = (side * found.block for side in found.touched.shape)
    assert (columns + found.outside[0], rows + found.outside[1]) == (448, 448)
    assert np.array_equal(marked, before)


def test_it_can_hardly_be_seen(cover: Image, marked: Image) -> None:
    assert peak_signal_noise_ratio(cover, marked) >= 38
    assert structural_similarity(cover, marked, win_size=7, channel_axis=-1) >= 0.97


def test_what_was_not_marked_so_is_absent(mark: Mark, cover: Image, marked: Image) -> None:
    assert mark.inspect(cover, KEY, DOC).state == "absent"
    assert mark.inspect(marked, OTHER, DOC).state == "absent"
    assert mark.inspect(marked, KEY, "TEST-0002").state == "absent"


def test_compression_and_resizing_are_not_intact(mark: Mark, marked: Image) -> None:
    jpeg = cv2.imdecode(cv2.imencode(".jpg", marked, [cv2.IMWRITE_JPEG_QUALITY, 90])[1], cv2.IMREAD_COLOR)
    half = cv2.resize(cv2.resize(marked, (224, 224), interpolation=cv2.INTER_AREA), (448, 448))
    for changed in (jpeg, half):
        assert mark.inspect(np.asarray(changed, np.uint8), KEY, DOC).state != "intact"


def test_a_patch_is_not_intact(mark: Mark, marked: Image) -> None:
    changed = marked.copy()
    changed[200:264, 200:264] = 255 - changed[200:264, 200:264]
    assert mark.inspect(changed, KEY, DOC).state != "intact"
