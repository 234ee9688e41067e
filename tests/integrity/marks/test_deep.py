"""The deep mark: what it shows, what it must not show, and what forgers get."""

from __future__ import annotations

import io

import cv2
import numpy as np
import PIL.Image
import pytest

from vultus.errors import InputError
from vultus.integrity.manipulations import FAMILIES, Manipulation, manipulated
from vultus.integrity.marks import load
from vultus.integrity.marks.deep import BLOCK, MARK
from vultus.integrity.marks.revealed import networks, reading
from vultus.integrity.marks.revealed.pattern import agreeing, bits_of
from vultus.integrity.secret import KEYLESS, MarkKey
from vultus.types import Image

DOC = "TEST-0001"


@pytest.fixture(scope="module")
def cover(astronaut: Image) -> Image:
    return np.ascontiguousarray(astronaut[:224, 112:336])


@pytest.fixture(scope="module")
def marked(cover: Image, mark_key: MarkKey) -> Image:
    return MARK.embed(cover, mark_key, DOC)


@pytest.mark.parametrize("shape", [(0, 0, 3), (7, 100, 3), (100, 7, 3), (63, 100, 3), (64, 64), (64, 64, 4)])
def test_nothing_to_mark(shape: tuple[int, ...], mark_key: MarkKey) -> None:
    with pytest.raises(InputError, match="expected"):
        MARK.embed(np.zeros(shape, np.uint8), mark_key, DOC)


def test_a_picture_too_small_for_it_is_looked_at(mark_key: MarkKey) -> None:
    """A check gives an answer for every picture."""
    for side in (8, 16, 40):
        found = MARK.inspect(np.full((side, side, 3), 90, np.uint8), mark_key, DOC)
        assert (found.state, found.family) == ("absent", "")


def test_floats_and_bad_numbers_are_refused(cover: Image, mark_key: MarkKey) -> None:
    with pytest.raises(InputError, match="float64"):
        MARK.embed(cover / 255.0, mark_key, DOC)  # type: ignore[arg-type]
    for make in (MARK.embed, MARK.inspect):
        with pytest.raises(InputError, match="document number"):
            make(cover, mark_key, "")


def test_what_is_said_of_a_marked_photo(marked: Image, mark_key: MarkKey) -> None:
    found = MARK.inspect(marked, mark_key, DOC)
    assert (found.state, found.wrong, found.blocks, found.outside) == ("intact", 0, 14 * 14, (0, 0))
    assert found.bits is not None
    assert found.bits[1] == 2352
    assert found.bits[0] >= 2340
    assert found.luck < 1e-300
    assert not found.exact
    assert (found.family, found.scores["intact"]) == ("intact", 1.0)
    assert set(found.scores) == {*FAMILIES, "nothing"}
    assert found.revealed is not None
    assert found.revealed.shape == marked.shape
    assert load("deep") is MARK


def test_pixels_beyond_whole_cells_stay(cover: Image, mark_key: MarkKey) -> None:
    odd = np.ascontiguousarray(cover[:205, :190])
    made = MARK.embed(odd, mark_key, DOC)
    assert np.array_equal(made[200:], odd[200:])
    assert np.array_equal(made[:, 184:], odd[:, 184:])
    found = MARK.inspect(made, mark_key, DOC)
    assert found.outside == (190 - 11 * BLOCK, 205 - 12 * BLOCK)


def test_the_unmarked_reveals_nothing_of_any_document(cover: Image, mark_key: MarkKey) -> None:
    """Bits agree by half: within 4 % for each of a hundred documents, within .5 % together."""
    shown = reading.revealed(networks.show("blind", cover))
    shares = [float(agreeing(shown, bits_of(mark_key, f"TEST-{n}", 28, 28)).mean()) for n in range(100)]
    assert max(abs(share - 0.5) for share in shares) < 0.04
    assert float(np.mean(shares)) == pytest.approx(0.5, abs=0.005)


def test_another_key_or_document_sees_nothing(marked: Image, mark_key: MarkKey) -> None:
    shown = reading.revealed(networks.show("blind", marked))
    others = [agreeing(shown, bits_of(MarkKey(bytes([n]) * 32), DOC, 28, 28)).mean() for n in range(50)]
    others += [agreeing(shown, bits_of(mark_key, f"X-{n}", 28, 28)).mean() for n in range(50)]
    assert max(abs(float(share) - 0.5) for share in others) < 0.04
    assert float(np.mean(others)) == pytest.approx(0.5, abs=0.005)


def test_no_frame_shows_on_flat_grey(mark_key: MarkKey) -> None:
    grey = np.full((224, 224, 3), 128, np.uint8)
    made = MARK.embed(grey, mark_key, DOC).astype(np.float64)
    rim = np.ones((224, 224), bool)
    rim[16:-16, 16:-16] = False
    assert abs(made[rim].mean() - made[~rim].mean()) < 0.5
    assert 0.5 < made[rim].std() / made[~rim].std() < 2
    assert np.abs(made - 128).max() <= 8


def test_a_patch_is_found_where_it_is(marked: Image, mark_key: MarkKey) -> None:
    changed = marked.copy()
    changed[64:112, 96:144] = cv2.GaussianBlur(marked, (0, 0), 3)[64:112, 96:144]
    found = MARK.inspect(changed, mark_key, DOC)
    assert found.state == "touched"
    patch = np.zeros((14, 14), bool)
    patch[4:7, 6:9] = True
    union = (found.touched | patch).sum()
    assert float((found.touched & patch).sum() / union) > 0.5


@pytest.mark.parametrize("how", [Manipulation("gaussian noise", 6), Manipulation("rotate", 2)], ids=str)
def test_a_change_of_the_whole_is_found(how: Manipulation, marked: Image, mark_key: MarkKey) -> None:
    found = MARK.inspect(manipulated(marked, how, np.random.default_rng(0)), mark_key, DOC)
    assert found.state != "intact"
    assert found.family in (how.family, "")
    assert sum(found.scores.values()) == pytest.approx(1)
    assert found.scores["intact"] == 0


def test_a_small_file_has_no_mark(marked: Image, mark_key: MarkKey) -> None:
    for kind, options in (("JPEG", {"quality": 80}), ("JPEG2000", {"quality_mode": "rates", "quality_layers": [40]})):
        made = io.BytesIO()
        PIL.Image.fromarray(marked).save(made, kind, **options)
        changed = np.array(PIL.Image.open(made).convert("RGB"))
        assert MARK.inspect(changed, mark_key, DOC).state == "absent"


def test_marking_again_without_the_key(marked: Image, mark_key: MarkKey) -> None:
    """A mark that needs no key passes for whoever forges; one that needs it does not."""
    forged = MARK.embed(np.ascontiguousarray(marked[:, ::-1]), KEYLESS, DOC)
    assert MARK.inspect(forged, KEYLESS, DOC).state == "intact"
    assert MARK.inspect(forged, mark_key, DOC).state == "absent"


def test_a_copied_residual_is_not_intact(cover: Image, marked: Image, mark_key: MarkKey) -> None:
    """The residual, guessed by smoothing, put on another picture: it may be read in part, and not as intact."""
    residual = marked.astype(np.float32) - cv2.GaussianBlur(marked, (5, 5), 0)
    other = np.ascontiguousarray(cover[::-1]).astype(np.float32)
    forged = np.clip(np.rint(other + residual), 0, 255).astype(np.uint8)
    assert MARK.inspect(forged, mark_key, DOC).state != "intact"


def test_large_pictures_are_read_in_windows(marked: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = networks.show("blind", marked)
    monkeypatch.setattr(networks, "WINDOW", 96)
    assert np.abs(networks.show("blind", marked) - whole).max() < 1e-2
