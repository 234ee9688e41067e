"""The block MAC against outside references, and against forgers."""

from __future__ import annotations

import hmac
import time

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from vultus.errors import InputError, NotFoundError
from vultus.integrity.marks import load, names
from vultus.integrity.marks.block_mac import MARK
from vultus.integrity.secret import KEYLESS, MarkKey
from vultus.types import Image

DOC = "TEST-0001"


@pytest.fixture(scope="module")
def cover(astronaut: Image) -> Image:
    return np.ascontiguousarray(astronaut[:448, 32:480])


@pytest.fixture(scope="module")
def marked(cover: Image, mark_key: MarkKey) -> Image:
    return MARK.embed(cover, mark_key, DOC)


@pytest.mark.parametrize("shape", [(0, 0, 3), (7, 100, 3), (100, 7, 3), (16, 16), (16, 16, 4)])
def test_nothing_to_mark(shape: tuple[int, ...], mark_key: MarkKey) -> None:
    with pytest.raises(InputError, match="expected"):
        MARK.embed(np.zeros(shape, np.uint8), mark_key, DOC)
    with pytest.raises(InputError, match="expected"):
        MARK.inspect(np.zeros(shape, np.uint8), mark_key, DOC)


def test_floats_are_refused(cover: Image, mark_key: MarkKey) -> None:
    with pytest.raises(InputError, match="float64"):
        MARK.embed(cover / 255.0, mark_key, DOC)  # type: ignore[arg-type]


def test_it_is_found_by_name() -> None:
    assert load("block-mac") is MARK
    assert load() is MARK
    for name in ("", "blocks", "../block-mac", "block_mac"):
        with pytest.raises(NotFoundError, match="block-mac"):
            load(name)
    assert names() == tuple(sorted(names()))


def test_marked_is_intact_and_the_cover_stays(cover: Image, marked: Image, mark_key: MarkKey) -> None:
    before = cover.copy()
    assert np.array_equal(MARK.embed(cover, mark_key, DOC), marked)
    assert np.array_equal(cover, before)
    found = MARK.inspect(marked, mark_key, DOC)
    assert (found.state, found.wrong, found.blocks, found.outside) == ("intact", 0, 56 * 56, (0, 0))


def test_one_block_by_hand(mark_key: MarkKey) -> None:
    """The same digest, put together bit by bit."""
    block = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    values = block.ravel().tolist()
    places = mark_key.order(DOC, 192)[:128].tolist()
    rest = bytes(value & 0xFE if place in set(places) else value for place, value in enumerate(values))
    size = bytes([0, 0, 0, 8, 0, 0, 0, 8])
    message = b"vultus-block-1\0" + DOC.encode() + b"\0" + size + bytes(4) + rest
    digest = int.from_bytes(hmac.new(mark_key.secret, message, "sha256").digest()[:16], "big")
    for bit, place in enumerate(places):
        values[place] = values[place] & 0xFE | (digest >> (127 - bit) & 1)
    assert MARK.embed(block, mark_key, DOC).ravel().tolist() == values


def test_only_lowest_bits_change(cover: Image, marked: Image) -> None:
    assert ((cover ^ marked) <= 1).all()
    changed = ((cover ^ marked) != 0).mean()
    assert changed == pytest.approx(1 / 3, abs=0.003)  # half of 128 of 192


def test_likeness_by_scikit_image(cover: Image, marked: Image) -> None:
    expected = 10 * np.log10(255**2 * 3)
    assert expected == pytest.approx(52.902, abs=5e-4)
    assert peak_signal_noise_ratio(cover, marked) == pytest.approx(expected, abs=0.05)
    assert structural_similarity(cover, marked, win_size=7, channel_axis=-1) > 0.995


def test_no_frame_on_flat_grey(mark_key: MarkKey) -> None:
    grey = np.full((128, 128, 3), 128, np.uint8)
    difference = MARK.embed(grey, mark_key, DOC).astype(int) - grey
    assert set(np.unique(difference)) == {0, 1}
    rate = (difference != 0).mean(axis=2).reshape(16, 8, 16, 8).mean(axis=(1, 3))
    assert rate.mean() == pytest.approx(1 / 3, abs=0.01)
    assert rate.max() < 0.55  # every block looks like every other


@settings(max_examples=60)
@given(y=st.integers(0, 447), x=st.integers(0, 447), channel=st.integers(0, 2), bit=st.integers(0, 7))
def test_one_bit_flags_its_block_alone(
    marked: Image, mark_key: MarkKey, y: int, x: int, channel: int, bit: int
) -> None:
    changed = marked.copy()
    changed[y, x, channel] ^= np.uint8(1 << bit)
    found = MARK.inspect(changed, mark_key, DOC)
    assert (found.state, found.wrong) == ("touched", 1)
    assert found.touched[y // 8, x // 8]


@pytest.mark.parametrize(("at", "expected"), [((64, 128), 1.0), ((67, 131), 1024 / 1600)])
def test_a_patch_is_found_where_it_is(marked: Image, mark_key: MarkKey, at: tuple[int, int], expected: float) -> None:
    y, x = at
    changed = marked.copy()
    changed[y : y + 32, x : x + 32] ^= 0x80
    found = MARK.inspect(changed, mark_key, DOC)
    shown = np.kron(found.touched, np.ones((8, 8), bool))
    truth = np.zeros((448, 448), bool)
    truth[y : y + 32, x : x + 32] = True
    assert (shown & truth).sum() / (shown | truth).sum() == pytest.approx(expected)


def test_a_patch_of_another_place_is_found(marked: Image, mark_key: MarkKey) -> None:
    """Blocks that are good where they come from are not good elsewhere."""
    changed = marked.copy()
    changed[64:96, 128:160] = marked[192:224, 256:288]
    assert np.argwhere(MARK.inspect(changed, mark_key, DOC).touched).tolist() == [
        [row, column] for row in range(8, 12) for column in range(16, 20)
    ]


def test_wrong_key_wrong_document_never_marked(cover: Image, marked: Image, mark_key: MarkKey) -> None:
    other = MarkKey(bytes(31) + b"\1")
    for image, key, doc in ((marked, other, DOC), (marked, mark_key, "TEST-0002"), (cover, mark_key, DOC)):
        found = MARK.inspect(image, key, doc)
        assert (found.state, found.wrong) == ("absent", found.blocks)


def test_another_size_is_another_picture(marked: Image, mark_key: MarkKey) -> None:
    assert MARK.inspect(marked[:440], mark_key, DOC).state == "absent"
    assert MARK.inspect(np.roll(marked, 8, axis=0), mark_key, DOC).state == "absent"


def test_the_edge_is_told(astronaut: Image, mark_key: MarkKey) -> None:
    cover = np.ascontiguousarray(astronaut[:45, :37])
    marked = MARK.embed(cover, mark_key, DOC)
    assert np.array_equal(marked[40:], cover[40:])
    assert np.array_equal(marked[:, 32:], cover[:, 32:])
    marked[44, 36] ^= 255
    found = MARK.inspect(marked, mark_key, DOC)
    assert (found.state, found.outside, found.touched.shape) == ("intact", (5, 5), (5, 4))


def test_everything_lossy_destroys_it(marked: Image, mark_key: MarkKey) -> None:
    for options in ((".jpg", [cv2.IMWRITE_JPEG_QUALITY, 100]), (".webp", [cv2.IMWRITE_WEBP_QUALITY, 100])):
        changed = cv2.imdecode(cv2.imencode(options[0], marked, options[1])[1], cv2.IMREAD_COLOR)
        assert MARK.inspect(np.asarray(changed, np.uint8), mark_key, DOC).state == "absent"
    half = cv2.resize(cv2.resize(marked, (224, 224), interpolation=cv2.INTER_AREA), (448, 448))
    assert MARK.inspect(np.asarray(half, np.uint8), mark_key, DOC).state == "absent"


def forged(marked: Image) -> Image:
    """Another picture in the place of the marked one: its mirror image, brighter."""
    return np.clip(marked[:, ::-1].astype(int) + 10, 0, 255).astype(np.uint8)


def test_embedding_again_passes_without_a_key_and_fails_with_one(cover: Image, mark_key: MarkKey) -> None:
    keyless = MARK.embed(cover, KEYLESS, DOC)
    again = MARK.embed(forged(keyless), KEYLESS, DOC)  # everybody can
    assert MARK.inspect(again, KEYLESS, DOC).state == "intact"
    assert MARK.inspect(again, mark_key, DOC).state == "absent"


def test_copy_attacks_fail_in_changed_blocks(marked: Image, mark_key: MarkKey) -> None:
    other = forged(marked)
    residual = np.rint(marked - cv2.GaussianBlur(marked, (5, 5), 0).astype(np.float32)).astype(int)
    attacks = {
        "residual": np.clip(other + residual, 0, 255).astype(np.uint8),
        "bit plane": (other & 0xFE) | (marked & 1),
        "half and half": np.where(np.arange(448)[None, :, None] < 224, marked, other),
    }
    for name, attack in attacks.items():
        changed = (attack != marked).reshape(56, 8, 56, 8, 3).any(axis=(1, 3, 4))
        assert changed.sum() > 1000, name
        touched = MARK.inspect(attack, mark_key, DOC).touched
        assert touched[changed].all(), name
        assert not touched[~changed].any(), name


def test_it_is_fast(cover: Image, mark_key: MarkKey) -> None:
    times = []
    for _ in range(5):
        start = time.process_time()
        marked = MARK.embed(cover, mark_key, DOC)
        MARK.inspect(marked, mark_key, DOC)
        times.append(time.process_time() - start)
    assert min(times) < 0.2  # both together; a tenth of a second each is the promise
