"""The keyed pattern against the specification's vectors, and the chance that bits agree."""

from __future__ import annotations

import hmac

import numpy as np
import pytest
from scipy.stats import binom

from vultus.errors import InputError
from vultus.integrity.marks import grid
from vultus.integrity.marks.revealed.pattern import CELL, agreeing, bits_of, luck, squares
from vultus.integrity.secret import MarkKey

DOC = "TEST-0001"


def test_no_cells() -> None:
    for shape in ((0, 0, 3), (7, 64, 3), (64, 64)):
        with pytest.raises(InputError, match="expected"):
            grid(np.zeros(shape, np.uint8), CELL)
    with pytest.raises(InputError, match="float64"):
        grid(np.zeros((64, 64, 3)), CELL)


def test_the_bits_by_hand(mark_key: MarkKey) -> None:
    """HMAC-SHA256 with a counter, most significant bit first, cells in the order that the key gives."""
    first = hmac.digest(bytes(range(32)), b"vultus-mark-1\0" + DOC.encode() + b"\0" + (0).to_bytes(4, "big"), "sha256")
    assert first.hex() == "aedd08bab621c5a86b5970bebbe0c191802399edade896b5eccd5a48ae03de70"
    made = bits_of(mark_key, DOC, 4, 5)
    assert made.shape == (3, 4, 5)
    plain = [int(bit) for byte in first for bit in f"{byte:08b}"][:60]
    order = mark_key.order(DOC, 20).tolist()
    assert made.reshape(3, 20).astype(int).tolist() == [[plain[20 * c + at] for at in order] for c in range(3)]


def test_keys_documents_and_sizes_have_their_own(mark_key: MarkKey) -> None:
    here = bits_of(mark_key, DOC, 28, 28)
    others = [bits_of(MarkKey(b"o" * 32), DOC, 28, 28), bits_of(mark_key, "TEST-0002", 28, 28)]
    assert [0.46 < float((here == other).mean()) < 0.54 for other in others] == [True, True]
    with pytest.raises(InputError, match="document number"):
        bits_of(mark_key, " ", 28, 28)


def test_squares_are_read_back(mark_key: MarkKey) -> None:
    bits = bits_of(mark_key, DOC, 6, 7)
    shown = squares(bits).transpose(2, 0, 1).astype(np.float32) / 255
    assert shown.shape == (3, 48, 56)
    assert agreeing(shown, bits).all()
    assert not agreeing(1 - shown, bits).any()


@pytest.mark.parametrize(("right", "count"), [(0, 10), (5, 10), (10, 12), (1300, 2352), (1176, 2352), (12096, 12096)])
def test_luck_is_the_tail_of_the_binomial(right: int, count: int) -> None:
    assert luck(right, count) == pytest.approx(float(binom.sf(right - 1, count, 0.5)), rel=1e-6)
