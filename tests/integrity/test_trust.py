"""Trust lists: signed, with times, with revoked keys."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vultus.errors import ConflictError, InputError, NotFoundError
from vultus.integrity.canonical import canonical
from vultus.integrity.keys import SigningKey
from vultus.integrity.trust import OneKey, TrustList, read_trust

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
ROOT, OFFICE = SigningKey.of_seed(b"r" * 32), SigningKey.of_seed(b"o" * 32)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    TrustList().with_key(OFFICE.public, name="Office 1").write(tmp_path / "trust.json", ROOT, now=NOW)
    return tmp_path / "trust.json"


def test_an_empty_list_trusts_nobody(tmp_path: Path) -> None:
    TrustList().write(tmp_path / "t", ROOT)
    assert read_trust(tmp_path / "t", ROOT.public).find(OFFICE.id) is None


def test_one_key_is_itself_alone() -> None:
    assert OneKey(OFFICE.public).find(OFFICE.id) is not None
    assert OneKey(OFFICE.public).find(ROOT.id) is None


def test_a_list_comes_back(path: Path) -> None:
    found = read_trust(path, ROOT.public)
    assert (found.serial, found.updated, found.signer, found.pinned) == (1, "2026-11-24T12:00:00Z", ROOT.id, True)
    entry = found.find(OFFICE.id)
    assert entry is not None
    assert (entry.public, entry.name, entry.valid_from, entry.revoked) == (OFFICE.public, "Office 1", None, None)


def test_the_serial_number_rises(path: Path) -> None:
    found = read_trust(path, ROOT.public).retired(OFFICE.id, NOW + timedelta(days=1)).write(path, ROOT)
    assert found.serial == 2
    entry = read_trust(path, ROOT.public).find(OFFICE.id)
    assert entry is not None
    assert entry.valid_until == "2026-11-25T12:00:00Z"


def test_revoked_keys_stay_named(path: Path) -> None:
    read_trust(path, ROOT.public).without_trust_in(OFFICE.id, "stolen", NOW).write(path, ROOT)
    entry = read_trust(path, ROOT.public).find(OFFICE.id)
    assert entry is not None
    assert (entry.revoked, entry.reason) == ("2026-11-24T12:00:00Z", "stolen")


def test_who_must_have_signed(path: Path) -> None:
    with pytest.raises(InputError, match=f"expected {OFFICE.id}"):
        read_trust(path, OFFICE.public)
    with pytest.raises(InputError, match="does not trust itself"):
        read_trust(path)


def test_a_list_may_vouch_for_itself_and_says_so(tmp_path: Path) -> None:
    own = TrustList().with_key(OFFICE.public)
    own.write(tmp_path / "t", OFFICE)
    assert not read_trust(tmp_path / "t").pinned
    own.without_trust_in(OFFICE.id, "lost").write(tmp_path / "t", OFFICE)
    with pytest.raises(InputError, match="does not trust itself"):
        read_trust(tmp_path / "t")


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_any_flipped_bit_is_found(path: Path, tmp_path: Path, at: float, bit: int) -> None:
    changed = bytearray(path.read_bytes().rstrip())
    changed[int(at * len(changed))] ^= 1 << bit
    (tmp_path / "changed").write_bytes(changed)
    with pytest.raises(InputError):
        read_trust(tmp_path / "changed", ROOT.public)


def test_broken_lists_are_refused(path: Path, tmp_path: Path) -> None:
    fields = json.loads(path.read_bytes())
    unsigned = {name: value for name, value in fields.items() if name != "signature"}
    key = fields["keys"][0]
    bad = (
        b"",
        b"[]",
        path.read_bytes()[:100],
        canonical(unsigned),
        canonical({**fields, "v": 2}),
        canonical({**fields, "serial": 0}),
        canonical({**fields, "keys": [{**key, "id": "0" * 16}]}),
        canonical({**fields, "keys": [{**key, "revoked": "never"}]}),
        canonical({**fields, "keys": ["x"]}),
        canonical({**fields, "keys": {}}),
        json.dumps(fields).encode(),
    )
    for content in bad:
        (tmp_path / "bad").write_bytes(content)
        with pytest.raises(InputError, match="trust list cannot be used"):
            read_trust(tmp_path / "bad", ROOT.public)
    with pytest.raises(NotFoundError):
        read_trust(tmp_path / "none")


def test_changes_that_make_no_sense() -> None:
    known = TrustList().with_key(OFFICE.public)
    with pytest.raises(ConflictError):
        known.with_key(OFFICE.public)
    with pytest.raises(InputError, match="name"):
        known.with_key(ROOT.public, name="a\nb")
    with pytest.raises(InputError, match="end after"):
        known.with_key(ROOT.public, valid_from=NOW, valid_until=NOW)
    with pytest.raises(NotFoundError):
        known.retired(ROOT.id, NOW)
    with pytest.raises(InputError, match="reason"):
        known.without_trust_in(OFFICE.id, " ")
