"""A self-issued certificate chain, since C2PA signs with certificates and not with bare keys.

The issuing key is made for the one signature and forgotten, so the chain says no more than the key
itself does, and no public reader will call it trusted: it is on nobody's trust list. Who has a
certificate from an authority on the C2PA trust list puts its chain into the key file instead.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from vultus.errors import InputError
from vultus.integrity.needs import need

__all__ = ["SELF_ISSUED", "self_issued"]

SELF_ISSUED = "self-issued, not on the C2PA trust list"  # the organisation in both certificates
_YEARS = 10
_LONGEST_NAME = 64  # characters, X.520
_USES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def self_issued(private: Any, name: str) -> str:
    """Two certificates in PEM, the key's own first. An empty or too long name is refused (InputError)."""
    if not name.strip() or len(name) > _LONGEST_NAME:
        raise InputError(f"expected a name of 1 to {_LONGEST_NAME} characters for the certificate, got {name!r:.80}")
    x509 = need("cryptography.x509")
    oid = need("cryptography.x509.oid")
    ed25519 = need("cryptography.hazmat.primitives.asymmetric.ed25519")
    edwards = isinstance(private, ed25519.Ed25519PrivateKey)
    root, digest = _root(edwards)
    now = datetime.now(UTC)

    def started(subject: str, public: Any, serves_as_root: bool) -> Any:
        uses = {
            use: use in (("key_cert_sign", "crl_sign") if serves_as_root else ("digital_signature",)) for use in _USES
        }
        return (
            x509.CertificateBuilder()
            .subject_name(_named(subject))
            .issuer_name(_named("vultus, self-issued root"))
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + timedelta(days=365 * _YEARS))
            .add_extension(x509.BasicConstraints(serves_as_root, 0 if serves_as_root else None), True)
            .add_extension(x509.KeyUsage(**uses), True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
        )

    own = (
        started(name, private.public_key(), False)
        .add_extension(x509.ExtendedKeyUsage([oid.ExtendedKeyUsageOID.EMAIL_PROTECTION]), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root.public_key()), False)
    )
    above = started("vultus, self-issued root", root.public_key(), True)
    pem = need("cryptography.hazmat.primitives.serialization").Encoding.PEM
    return "".join(builder.sign(root, digest).public_bytes(pem).decode() for builder in (own, above))


def _root(edwards: bool) -> tuple[Any, Any]:
    """A key that lives as long as this call, and the hash that it signs with."""
    if edwards:
        return need("cryptography.hazmat.primitives.asymmetric.ed25519").Ed25519PrivateKey.generate(), None
    ec = need("cryptography.hazmat.primitives.asymmetric.ec")
    return ec.generate_private_key(ec.SECP256R1()), need("cryptography.hazmat.primitives.hashes").SHA256()


def _named(common: str) -> Any:
    x509, oid = need("cryptography.x509"), need("cryptography.x509.oid").NameOID
    return x509.Name(
        [x509.NameAttribute(oid.ORGANIZATION_NAME, SELF_ISSUED), x509.NameAttribute(oid.COMMON_NAME, common)]
    )
