"""Signing keys and their files."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from vultus.errors import ConflictError, InputError, NotFoundError
from vultus.integrity.keys import ALGORITHMS, PublicKey, SigningKey, new_signing_key, read_public_key, read_signing_key

EMPTY = (
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe2465"
    "5141438e7a100b"
)  # RFC 8032, test 1


def test_the_empty_message_has_the_published_signature(key: SigningKey) -> None:
    assert key.sign(b"").hex() == EMPTY
    assert key.public.verifies(bytes.fromhex(EMPTY), b"")
    raw = serialization.load_pem_public_key(key.public.pem.encode()).public_bytes(
        serialization.Encoding.Raw, serialization.PublicFormat.Raw
    )
    assert raw.hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"


@pytest.mark.parametrize("alg", ALGORITHMS)
@pytest.mark.parametrize("passphrase", [None, "correct horse"])
def test_a_key_comes_back_from_its_files(tmp_path: Path, alg: str, passphrase: str | None) -> None:
    made = new_signing_key(tmp_path / "office.2026", alg=alg, passphrase=passphrase)
    found = read_signing_key(tmp_path / "office.2026.pem", passphrase)
    public = read_public_key(tmp_path / "office.2026.pub")
    assert found == made
    assert (public, public.alg) == (made.public, alg)
    signature = found.sign(b"message")
    assert len(signature) == 64
    assert public.verifies(signature, b"message")
    assert not public.verifies(signature, b"Message")
    assert not public.verifies(signature[:-1], b"message")
    assert not public.verifies(bytes(64), b"message")
    assert not public.verifies(b"\xff" * 64, b"message")
    assert stat.S_IMODE((tmp_path / "office.2026.pem").stat().st_mode) == 0o600
    assert b"PRIVATE" not in (tmp_path / "office.2026.pub").read_bytes()
    assert (b"ENCRYPTED" in (tmp_path / "office.2026.pem").read_bytes()) == (passphrase is not None)


def test_ecdsa_is_checked_by_the_outside_library(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
    from cryptography.hazmat.primitives.hashes import SHA256

    made = new_signing_key(tmp_path / "k", alg="ES256")
    signature = made.sign(b"x")
    public = serialization.load_pem_public_key(made.public.pem.encode())
    assert isinstance(public, ec.EllipticCurvePublicKey)
    der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    public.verify(der, b"x", ec.ECDSA(SHA256()))


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_certificates_hold_together_and_say_what_they_are(tmp_path: Path, alg: str) -> None:
    made = new_signing_key(tmp_path / "k", alg=alg, name="Passport office")
    own, root = x509.load_pem_x509_certificates(made.chain.encode())
    own.verify_directly_issued_by(root)
    root.verify_directly_issued_by(root)
    assert "self-issued, not on the C2PA trust list" in own.subject.rfc4514_string().replace("\\", "")
    assert "Passport office" in own.subject.rfc4514_string()


def test_keys_are_never_replaced(tmp_path: Path) -> None:
    new_signing_key(tmp_path / "k")
    before = (tmp_path / "k.pem").read_bytes()
    with pytest.raises(ConflictError):
        new_signing_key(tmp_path / "k")
    (tmp_path / "k.pub").unlink()
    with pytest.raises(ConflictError):
        new_signing_key(tmp_path / "k")
    assert (tmp_path / "k.pem").read_bytes() == before


def test_what_is_asked_wrongly(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="algorithm"):
        new_signing_key(tmp_path / "k", alg="RSA")
    with pytest.raises(InputError, match="passphrase"):
        new_signing_key(tmp_path / "k", passphrase="")
    with pytest.raises(InputError, match="name"):
        new_signing_key(tmp_path / "k", name=" ")
    assert list(tmp_path.iterdir()) == []
    new_signing_key(tmp_path / "sealed", passphrase="right")
    new_signing_key(tmp_path / "open")
    with pytest.raises(InputError, match="is encrypted"):
        read_signing_key(tmp_path / "sealed.pem")
    with pytest.raises(InputError, match="passphrase is wrong"):
        read_signing_key(tmp_path / "sealed.pem", "wrong")
    with pytest.raises(InputError, match="not encrypted"):
        read_signing_key(tmp_path / "open.pem", "right")
    with pytest.raises(InputError, match="private key"):
        read_signing_key(tmp_path / "open.pub")
    with pytest.raises(InputError, match="public key"):
        read_public_key(tmp_path / "open.pem")
    with pytest.raises(NotFoundError):
        read_signing_key(tmp_path / "none.pem")
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(InputError):
        read_signing_key(tmp_path / "empty")


def test_other_kinds_of_keys_are_refused(tmp_path: Path) -> None:
    s = serialization
    for private in (rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP384R1())):
        pem = private.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption())
        (tmp_path / "k.pem").write_bytes(pem)
        with pytest.raises(InputError, match="another kind"):
            read_signing_key(tmp_path / "k.pem")
        public = private.public_key().public_bytes(s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo)
        with pytest.raises(InputError, match="another kind"):
            PublicKey.of(public)


def test_a_private_key_is_not_shown(tmp_path: Path) -> None:
    assert "PRIVATE" not in repr(new_signing_key(tmp_path / "k"))


def test_ecdsa_has_one_form(tmp_path: Path) -> None:
    made = new_signing_key(tmp_path / "k", alg="ES256")
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    for number in range(8):
        message = bytes([number])
        signature = made.sign(message)
        twin = signature[:32] + (order - int.from_bytes(signature[32:], "big")).to_bytes(32, "big")
        assert made.public.verifies(signature, message)
        assert not made.public.verifies(twin, message)
