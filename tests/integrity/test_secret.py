"""Mark keys, their streams, and document numbers."""

from __future__ import annotations

import hmac
import logging
import stat
from pathlib import Path

import numpy as np
import pytest

from vultus.errors import ConflictError, InputError, NotFoundError
from vultus.integrity.secret import MarkKey, checked_doc_id, new_doc_id, new_mark_key, read_mark_key


def test_empty_is_no_key() -> None:
    with pytest.raises(InputError, match="hex digits"):
        MarkKey.of("")
    with pytest.raises(InputError, match="32 bytes, got 0"):
        MarkKey(b"")


def test_hmac_is_that_of_rfc_4231() -> None:
    digest = hmac.digest(b"\x0b" * 20, b"Hi There", "sha256").hex()
    assert digest == "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"


def test_stream_is_the_published_one(mark_key: MarkKey) -> None:
    first, second = (
        "aedd08bab621c5a86b5970bebbe0c191802399edade896b5eccd5a48ae03de70",
        ("edd18d2f417094cd57e4735a6907581eeb10619e43f1ede110439f5b636cf5dc"),
    )
    assert mark_key.stream("TEST-0001", 2).hex() == first + second
    assert mark_key.stream("TEST-0001", 1, counter=1).hex() == second
    assert mark_key.stream("TEST-0001", 0) == b""


def test_order_is_a_permutation_of_its_own_document(mark_key: MarkKey) -> None:
    order = mark_key.order("A", 192)
    assert sorted(order.tolist()) == list(range(192))
    assert not np.array_equal(order, mark_key.order("B", 192))
    assert np.array_equal(order, mark_key.order("A", 192))
    assert not np.array_equal(order, MarkKey(bytes(32)).order("A", 192))


def test_a_key_is_not_shown(mark_key: MarkKey) -> None:
    assert mark_key.secret.hex() not in repr(mark_key)


def test_key_files(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    made = new_mark_key(tmp_path / "office.mark")
    assert read_mark_key(tmp_path / "office.mark") == made
    assert stat.S_IMODE((tmp_path / "office.mark").stat().st_mode) == 0o600
    with pytest.raises(ConflictError, match="stays as it is"):
        new_mark_key(tmp_path / "office.mark")
    assert read_mark_key(tmp_path / "office.mark") == made
    assert caplog.records == []
    (tmp_path / "office.mark").chmod(0o644)
    with caplog.at_level(logging.WARNING):
        read_mark_key(tmp_path / "office.mark")
    assert "chmod 600" in caplog.text


def test_files_that_hold_no_key(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        read_mark_key(tmp_path / "none")
    for content in (b"", b"password", b"\xff" * 32, b"00" * 31, b"0" * 70_000):
        (tmp_path / "bad").write_bytes(content)
        (tmp_path / "bad").chmod(0o600)
        with pytest.raises(InputError, match="mark key"):
            read_mark_key(tmp_path / "bad")


@pytest.mark.parametrize("text", ["", " X", "X ", "a\0b", "a\nb", "é" * 33, "x" * 65])
def test_numbers_that_cannot_stand_in_a_document(text: str) -> None:
    with pytest.raises(InputError, match="document number"):
        checked_doc_id(text)


def test_numbers_that_can() -> None:
    assert checked_doc_id("é" * 32) == "é" * 32
    assert len({new_doc_id() for _ in range(100)}) == 100
    assert checked_doc_id(new_doc_id())
