"""Manipulations: seeded, of the same size, and tested at strengths that nothing was learned from."""

from __future__ import annotations

import numpy as np
import pytest

from vultus.errors import InputError
from vultus.integrity.manipulations import FAMILIES, LEARNED, TESTED, Manipulation, Partner, family_of, manipulated
from vultus.types import Image

RNG = np.random.default_rng


@pytest.fixture(scope="module")
def cover(astronaut: Image) -> Image:
    return np.ascontiguousarray(astronaut[32:192, 144:304])


@pytest.fixture(scope="module")
def partner(cover: Image) -> Partner:
    ours = np.array([(60.0, 60.0), (100.0, 60.0), (80.0, 85.0), (65.0, 105.0), (95.0, 105.0)])
    return Partner(np.ascontiguousarray(cover[:, ::-1]), ours + 3.0, ours)


def test_nothing_to_manipulate(cover: Image) -> None:
    with pytest.raises(InputError, match="32 pixels"):
        manipulated(np.zeros((0, 0, 3), np.uint8), Manipulation("resize", 0.5), RNG(0))
    with pytest.raises(InputError, match="out of"):
        manipulated(cover, Manipulation("swap", 1), RNG(0))
    with pytest.raises(InputError, match="second person"):
        manipulated(cover, Manipulation("morph", 0.5), RNG(0))
    with pytest.raises(InputError, match="shares"):
        manipulated(cover, Manipulation("salt and pepper", 0.5), RNG(0))
    with pytest.raises(InputError, match="one strength"):
        manipulated(cover, Manipulation("resize", (0.5, 0.5)), RNG(0))


@pytest.mark.parametrize("how", sorted({*LEARNED, *TESTED}, key=str), ids=str)
def test_each_is_seeded_and_keeps_the_size(how: Manipulation, cover: Image, partner: Partner) -> None:
    before = cover.copy()
    once, again = (manipulated(cover, how, RNG(7), partner) for _ in range(2))
    assert (once.shape, once.dtype) == (cover.shape, np.uint8)
    assert np.array_equal(once, again)
    assert np.array_equal(cover, before)
    assert np.array_equal(once, cover) == (how.family == "intact")


def test_strengths_of_the_test_are_new_and_between() -> None:
    assert {how.kind for how in LEARNED} == {how.kind for how in TESTED}
    assert not {how for how in LEARNED if how.kind != "intact"} & set(TESTED)
    assert {how.family for how in TESTED} == set(FAMILIES)
    learned: dict[str, list[np.ndarray]] = {}
    for how in LEARNED:
        learned.setdefault(how.kind, []).append(np.atleast_1d(how.strength))
    outside = [
        str(how)
        for how in TESTED
        if (np.atleast_1d(how.strength) < np.min(learned[how.kind], axis=0)).any()
        or (np.atleast_1d(how.strength) > np.max(learned[how.kind], axis=0)).any()
    ]
    assert outside == []


def test_resizing_by_a_thousandth_is_not_nothing(cover: Image) -> None:
    """160 x 0.999 rounds to 160."""
    assert not np.array_equal(manipulated(cover, Manipulation("resize", 0.999), RNG(0)), cover)


def test_shares_of_salt_and_pepper() -> None:
    grey = np.full((200, 200, 3), 128, np.uint8)
    changed = manipulated(grey, Manipulation("salt and pepper", (0.1, 0.3)), RNG(0))
    assert float((changed == 255).all(axis=2).mean()) == pytest.approx(0.1, abs=0.01)
    assert float((changed == 0).all(axis=2).mean()) == pytest.approx(0.3, abs=0.01)


def test_noise_has_its_strength() -> None:
    grey = np.full((200, 200, 3), 128, np.uint8)
    changed = manipulated(grey, Manipulation("gaussian noise", 8), RNG(0)).astype(float)
    assert (changed - 128).std() == pytest.approx(8, rel=0.02)


@pytest.mark.parametrize("kind", ["patch copied", "patch blurred", "patch painted"])
def test_a_local_edit_stays_in_its_square(kind: str, cover: Image) -> None:
    changed = manipulated(cover, Manipulation(kind, 0.22), RNG(1))
    rows, columns = np.nonzero((changed != cover).any(axis=2))
    assert 0 < rows.max() - rows.min() < 0.22 * 160 + 1
    assert 0 < columns.max() - columns.min() < 0.22 * 160 + 1


def test_sharpening_by_hand() -> None:
    """5 + i in the middle and -1 at the sides: i times the value is added to a flat picture."""
    grey = np.full((40, 40, 3), 100, np.uint8)
    assert np.unique(manipulated(grey, Manipulation("sharpen", 0.5), RNG(0))).tolist() == [150]


def test_families() -> None:
    assert (family_of("jpeg"), family_of("median"), family_of("intact")) == ("compression", "blur", "intact")
    with pytest.raises(InputError, match="jpeg"):
        family_of("")
