"""Signing keys: Ed25519, or ECDSA on P-256 where a rule asks for it.

A key is three files: NAME.pem, the private key with its self-issued certificates (for C2PA), encrypted
by a passphrase where one is given; NAME.pub, the public key, for whoever checks; NAME.mark, the mark
key (see `vultus.integrity.secret`). What is named by a key's id is its public key: the first 16 hex
digits of the SHA-256 of its SubjectPublicKeyInfo.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from vultus.errors import ConflictError, InputError
from vultus.integrity.certificates import self_issued
from vultus.integrity.keeping import read_key_file, write_new
from vultus.integrity.needs import need

__all__ = [
    "ALGORITHMS",
    "SIGNATURE",
    "Algorithm",
    "PublicKey",
    "SigningKey",
    "new_signing_key",
    "read_public_key",
    "read_signing_key",
]

Algorithm = Literal["Ed25519", "ES256"]
ALGORITHMS: tuple[Algorithm, ...] = get_args(Algorithm)
_ASYMMETRIC = "cryptography.hazmat.primitives.asymmetric"
_SERIALIZATION = "cryptography.hazmat.primitives.serialization"
# Of s and order - s both fit a message. Only the smaller one is written and taken, so that a signature has one form.
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
SIGNATURE = 64  # bytes, of both: ES256 as r and s, 32 bytes each


@dataclass(frozen=True, slots=True)
class PublicKey:
    """What signatures are checked with."""

    alg: Algorithm
    id: str  # 16 hex digits
    pem: str

    @classmethod
    def of(cls, pem: bytes) -> PublicKey:
        """A key from its PEM text; anything else, and a key of another kind, is refused (InputError)."""
        try:
            found = need(_SERIALIZATION).load_pem_public_key(pem)
        except (ValueError, TypeError, need("cryptography.exceptions").UnsupportedAlgorithm):
            raise InputError("expected a public key in PEM, got something else") from None
        return cls(*_described(found))

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether the key's owner signed the message; a signature of the wrong length is just wrong."""
        if len(signature) != SIGNATURE:
            return False
        serialization = need(_SERIALIZATION)
        wrong = need("cryptography.exceptions").InvalidSignature
        key: Any = serialization.load_pem_public_key(self.pem.encode())
        try:
            if self.alg == "Ed25519":
                key.verify(signature, message)
            else:
                curve, hashes = (
                    need(f"{_ASYMMETRIC}.ec"),
                    need("cryptography.hazmat.primitives.hashes"),
                )
                dss = need(f"{_ASYMMETRIC}.utils")
                pair = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
                if pair[1] > _P256_ORDER // 2:
                    return False
                key.verify(dss.encode_dss_signature(*pair), message, curve.ECDSA(hashes.SHA256()))
        except wrong:
            return False
        return True


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key, never printed."""

    public: PublicKey
    chain: str  # PEM: own certificate, then the one that issued it
    _private: Any = field(repr=False, compare=False)

    @property
    def alg(self) -> Algorithm:
        return self.public.alg

    @property
    def id(self) -> str:
        return self.public.id

    def sign(self, message: bytes) -> bytes:
        """64 bytes: of Ed25519 as RFC 8032 has it, of ES256 r and s."""
        if self.alg == "Ed25519":
            made: bytes = self._private.sign(message)
            return made
        curve, hashes = (
            need(f"{_ASYMMETRIC}.ec"),
            need("cryptography.hazmat.primitives.hashes"),
        )
        dss = need(f"{_ASYMMETRIC}.utils")
        r, s = dss.decode_dss_signature(self._private.sign(message, curve.ECDSA(hashes.SHA256())))
        return bytes(r.to_bytes(32, "big") + min(s, _P256_ORDER - s).to_bytes(32, "big"))

    @classmethod
    def of_seed(cls, seed: bytes) -> SigningKey:
        """The Ed25519 key of 32 secret bytes, as RFC 8032 derives it; without certificates."""
        ed25519 = need(f"{_ASYMMETRIC}.ed25519")
        private = ed25519.Ed25519PrivateKey.from_private_bytes(seed)
        return cls(PublicKey(*_described(private.public_key())), "", private)


def new_signing_key(
    path: str | os.PathLike[str], *, alg: str = "Ed25519", name: str = "issuer", passphrase: str | None = None
) -> SigningKey:
    """Make a key: PATH.pem, for its owner alone, and PATH.pub beside it (path: without or with the ending .pem).

    name: stands in the certificates. passphrase: the private key is encrypted with it.
    Refused: an unknown algorithm, an empty passphrase (InputError), files that are there (ConflictError).
    """
    path = Path(path)
    path = path if path.suffix == ".pem" else path.with_name(f"{path.name}.pem")
    if alg not in ALGORITHMS:
        raise InputError(f"expected an algorithm out of {', '.join(ALGORITHMS)}, got {alg!r:.40}")
    if passphrase == "":
        raise InputError("expected a passphrase, got an empty one; leave it away for a key file in the clear")
    if path.with_suffix(".pub").exists():
        raise ConflictError(f"{path.with_suffix('.pub')}: expected a new file; a key is never replaced")
    private: Any
    if alg == "Ed25519":
        private = need(f"{_ASYMMETRIC}.ed25519").Ed25519PrivateKey.generate()
    else:
        curve = need(f"{_ASYMMETRIC}.ec")
        private = curve.generate_private_key(curve.SECP256R1())
    s = need(_SERIALIZATION)
    cipher = s.NoEncryption() if passphrase is None else s.BestAvailableEncryption(passphrase.encode())
    pem: bytes = private.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, cipher)
    key = SigningKey(PublicKey(*_described(private.public_key())), self_issued(private, name), private)
    write_new(path, pem + key.chain.encode(), "the private key")
    write_new(path.with_suffix(".pub"), key.public.pem.encode(), "the public key", mode=0o644)
    return key


def read_signing_key(path: str | os.PathLike[str], passphrase: str | None = None) -> SigningKey:
    """The private key in a file that `new_signing_key` or another program wrote (PKCS #8 in PEM).

    Refused: no such file (NotFoundError); one that holds no such key, one that is encrypted without a
    passphrase, and a wrong passphrase (InputError).
    """
    data = read_key_file(Path(path), "the private key")
    s = need(_SERIALIZATION)
    try:
        private: Any = s.load_pem_private_key(data, None if passphrase is None else passphrase.encode())
    except TypeError:
        asked = "is encrypted; give its passphrase" if passphrase is None else "is not encrypted; give no passphrase"
        raise InputError(f"{path}: the private key {asked}") from None
    except (ValueError, need("cryptography.exceptions").UnsupportedAlgorithm):
        why = "or the passphrase is wrong" if b"ENCRYPTED" in data else "as vultus document key new writes it"
        raise InputError(f"{path}: expected a private key in PEM, got something else, {why}") from None
    try:
        public = PublicKey(*_described(private.public_key()))
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    begin = data.find(b"-----BEGIN CERTIFICATE-----")
    return SigningKey(public, data[begin:].decode("ascii", "replace") if begin >= 0 else "", private)


def read_public_key(path: str | os.PathLike[str]) -> PublicKey:
    """The public key in a file. Refused: no such file (NotFoundError), one that holds none (InputError)."""
    try:
        return PublicKey.of(read_key_file(Path(path), "the public key", secret=False))
    except InputError as error:
        raise type(error)(str(error) if str(error).startswith(str(path)) else f"{path}: {error}") from None


def _ecdsa() -> Any:
    return need(f"{_ASYMMETRIC}.ec").ECDSA(need("cryptography.hazmat.primitives.hashes").SHA256())


def _described(key: Any) -> tuple[Algorithm, str, str]:
    """Kind, id and PEM text of a public key; another kind is refused (InputError)."""
    s = need(_SERIALIZATION)
    ec, ed25519 = (
        need(f"{_ASYMMETRIC}.ec"),
        need(f"{_ASYMMETRIC}.ed25519"),
    )
    alg: Algorithm
    if isinstance(key, ed25519.Ed25519PublicKey):
        alg = "Ed25519"
    elif isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == "secp256r1":
        alg = "ES256"
    else:
        raise InputError("expected a key for Ed25519 or for ECDSA on P-256, got one of another kind")
    info = key.public_bytes(s.Encoding.DER, s.PublicFormat.SubjectPublicKeyInfo)
    pem = key.public_bytes(s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo)
    return alg, hashlib.sha256(info).hexdigest()[:16], pem.decode()
