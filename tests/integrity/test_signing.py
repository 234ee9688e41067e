"""Detached signatures: what they say of files, and what they never do, which is fail."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vultus.errors import InputError
from vultus.integrity.canonical import canonical
from vultus.integrity.keys import SigningKey
from vultus.integrity.pixels import Exact, decode, encode
from vultus.integrity.signing import SKEW, Signed, Trusted, sign, verify
from vultus.integrity.trust import OneKey, TrustList
from vultus.types import Image

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def data(photo: Image) -> bytes:
    return encode(photo)


@pytest.fixture(scope="module")
def picture(data: bytes) -> Exact:
    return decode(data)


@pytest.fixture(scope="module")
def vsig(picture: Exact, key: SigningKey) -> bytes:
    return sign(picture, key, "TEST-0001", created=NOW)


def asked(picture: Exact, vsig: bytes | None, key: SigningKey, now: datetime = NOW) -> Signed:
    return verify(picture, vsig, OneKey(key.public), now=now)


def test_no_signature(picture: Exact, key: SigningKey) -> None:
    assert (asked(picture, None, key).level, asked(picture, b"", key).level) == ("unsigned", "unsigned")


def test_every_byte(picture: Exact, vsig: bytes, key: SigningKey) -> None:
    found = asked(picture, vsig, key)
    assert (found.level, found.good, found.distance, found.problems) == ("file", True, 0, ())
    assert found.statement is not None
    assert (found.statement.doc_id, found.statement.created) == ("TEST-0001", "2026-11-24T12:00:00Z")


def test_it_is_canonical_json_of_the_named_fields(vsig: bytes, picture: Exact) -> None:
    fields = json.loads(vsig)
    assert canonical(fields) == vsig
    assert {"v", "alg", "key_id", "sha256_file", "sha256_pixels", "width", "height", "mode", "doc_id", "created"} < set(
        fields
    )
    assert (fields["v"], fields["alg"], fields["width"], fields["height"]) == (1, "Ed25519", 72, 64)
    assert fields["sha256_file"] == picture.sha256


def test_ed25519_signs_the_same_twice(picture: Exact, vsig: bytes, key: SigningKey) -> None:
    assert sign(picture, key, "TEST-0001", created=NOW) == vsig


def test_a_file_written_anew(photo: Image, vsig: bytes, key: SigningKey) -> None:
    found = asked(decode(encode(photo, {"Comment": "again"})), vsig, key)
    assert (found.level, found.good) == ("pixels", True)


@settings(max_examples=60)
@given(y=st.integers(0, 63), x=st.integers(0, 71), channel=st.integers(0, 2), bit=st.integers(0, 7))
def test_any_flipped_bit_of_the_pixels_is_found(
    photo: Image, vsig: bytes, key: SigningKey, y: int, x: int, channel: int, bit: int
) -> None:
    changed = photo.copy()
    changed[y, x, channel] ^= np.uint8(1 << bit)
    found = asked(decode(encode(changed)), vsig, key)
    assert (found.level, found.good) == ("changed", False)


@settings(max_examples=150)
@given(at=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_any_flipped_bit_of_the_file_is_found(data: bytes, vsig: bytes, key: SigningKey, at: float, bit: int) -> None:
    changed = bytearray(data)
    changed[int(at * len(data))] ^= 1 << bit
    try:
        picture = decode(bytes(changed), convert=True)
    except InputError:  # it is no picture any more, which is an answer too
        return
    assert asked(picture, vsig, key).level in ("pixels", "changed")


@settings(max_examples=300)
@given(at=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_any_flipped_bit_of_the_signature_is_found(
    picture: Exact, vsig: bytes, key: SigningKey, at: float, bit: int
) -> None:
    changed = bytearray(vsig)
    changed[int(at * len(vsig))] ^= 1 << bit
    assert asked(picture, bytes(changed), key).level == "unsigned"


@given(st.binary(max_size=300))
def test_any_bytes_for_a_signature_get_an_answer(picture: Exact, key: SigningKey, junk: bytes) -> None:
    assert asked(picture, junk, key).level == "unsigned"


@given(share=st.floats(0, 1, exclude_max=True))
def test_a_truncated_signature(picture: Exact, vsig: bytes, key: SigningKey, share: float) -> None:
    found = asked(picture, vsig[: int(share * len(vsig))], key)
    assert (found.level, found.statement) == ("unsigned", None)


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner), max_leaves=4)


@given(
    name=st.sampled_from(["v", "alg", "key_id", "sha256_file", "width", "created", "expires", "mark", "signature"]),
    value=JSON,
)
def test_any_value_for_any_field_gets_an_answer(
    picture: Exact, vsig: bytes, key: SigningKey, name: str, value: Any
) -> None:
    fields = json.loads(vsig)
    if fields[name] == value and type(fields[name]) is type(value):
        return
    assert asked(picture, canonical({**fields, name: value}), key).level == "unsigned"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"v": 2}, "version 2"),
        ({"v": True}, "version True"),
        ({"alg": "RS256"}, "algorithm is 'RS256'"),
        ({"alg": "ES256"}, "for Ed25519"),
        ({"more": 1}, "too many: 'more'"),
        ({"width": 71}, "does not fit its own statement"),
        ({"width": "72"}, "whole number"),
        ({"created": "yesterday"}, "expected a time"),
        ({"sha256_file": "00"}, "expected 64 hex digits"),
        ({"signature": "zz"}, "expected 128 hex digits"),
        ({"signature": "00" * 64}, "does not fit"),
        ({"key_id": "0" * 16}, "not among the trusted"),
    ],
)
def test_what_is_wrong_is_named(
    picture: Exact, vsig: bytes, key: SigningKey, changes: dict[str, Any], words: str
) -> None:
    found = asked(picture, canonical({**json.loads(vsig), **changes}), key)
    assert found.level == "unsigned"
    assert words in found.reason


def test_only_the_canonical_form_counts(picture: Exact, vsig: bytes, key: SigningKey) -> None:
    loose = json.dumps(json.loads(vsig)).encode()
    assert "canonical" in asked(picture, loose, key).reason
    assert asked(picture, vsig + b"\n", key).level == "file"  # editors end a file so
    doubled = vsig.replace(b'{"alg"', b'{"v":1,"alg"', 1)
    assert "twice" in asked(picture, doubled, key).reason
    assert asked(picture, b"[" * 100_000, key).level == "unsigned"
    assert asked(picture, b"[" * 10_000, key).level == "unsigned"


def test_the_signature_of_another_file(astronaut: Image, vsig: bytes, key: SigningKey) -> None:
    found = asked(decode(encode(astronaut)), vsig, key)
    assert (found.level, found.good) == ("changed", False)
    assert "512 x 512, not 72 x 64" in found.reason
    assert found.distance is not None
    assert found.distance > 60


def test_a_stranger_signs(picture: Exact, key: SigningKey) -> None:
    other = SigningKey.of_seed(bytes(32))
    forged = sign(picture, other, "TEST-0001", created=NOW)
    assert asked(picture, forged, key).level == "unsigned"
    as_ours = canonical({**json.loads(forged), "key_id": key.id})
    assert "does not fit" in asked(picture, as_ours, key).reason


def test_a_signature_from_the_future(picture: Exact, vsig: bytes, key: SigningKey) -> None:
    assert asked(picture, vsig, key, NOW - SKEW).good
    found = asked(picture, vsig, key, NOW - SKEW - timedelta(seconds=1))
    assert (found.level, found.good) == ("file", False)
    assert [problem.code for problem in found.problems] == ["FUTURE"]
    assert "one clock is wrong" in found.problems[0].words


def test_expiry(picture: Exact, key: SigningKey) -> None:
    vsig = sign(picture, key, "X", created=NOW, expires=NOW + timedelta(days=1))
    assert asked(picture, vsig, key, NOW + timedelta(hours=23)).good
    found = asked(picture, vsig, key, NOW + timedelta(days=1))
    assert ([problem.code for problem in found.problems], found.good) == (["EXPIRED"], False)
    with pytest.raises(InputError, match="expiry"):
        sign(picture, key, "X", created=NOW, expires=NOW)


def test_keys_have_their_time(picture: Exact, vsig: bytes, key: SigningKey) -> None:
    def codes(**times: str) -> list[str]:
        known = TrustList((Trusted(key.public, "office", **times),))
        return [problem.code for problem in verify(picture, vsig, known, now=NOW).problems]

    assert codes() == []
    assert codes(valid_from="2026-01-01T00:00:00Z", valid_until="2026-12-31T00:00:00Z") == []
    assert codes(valid_from="2026-11-24T12:06:00Z") == ["KEY_NOT_YET"]
    assert codes(valid_until="2026-11-24T11:54:00Z") == ["KEY_RETIRED"]
    assert codes(revoked="2027-01-01T00:00:00Z", reason="stolen") == ["KEY_REVOKED"]


def test_es256_signs_too(picture: Exact, tmp_path_factory: pytest.TempPathFactory) -> None:
    from vultus.integrity.keys import new_signing_key

    made = new_signing_key(tmp_path_factory.mktemp("keys") / "k", alg="ES256")
    vsig = sign(picture, made, "X", created=NOW)
    assert json.loads(vsig)["alg"] == "ES256"
    assert asked(picture, vsig, made).good
