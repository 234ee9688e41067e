"""AWS Signature Version 4: who signed a request, and that nobody changed it since.

The signature covers method, path, query, the headers that it names and the body. It holds
five minutes, as the original's; within them the same request may come again, since clients
that try again within a second send the very same bytes.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote

from vultus.server.routes.aws.wire import Fault

__all__ = ["Claim", "claim", "fresh", "genuine"]

SERVICE = "rekognition"
SKEW = timedelta(minutes=5)
_NEEDED = {"content-type", "host", "x-amz-date", "x-amz-target"}
_ALGORITHM = "AWS4-HMAC-SHA256"
_HEADER = re.compile(
    rf"{_ALGORITHM} Credential=([A-Za-z0-9]{{1,128}})/(\d{{8}})/([a-z0-9-]{{1,32}})/([a-z0-9-]{{1,32}})/aws4_request, *"
    r"SignedHeaders=([a-z0-9;_-]{1,2000}), *Signature=([0-9a-f]{64})"
)
_SPACES = re.compile(rb" +")
_PORTS = re.compile(r":(80|443)$")

Headers = Sequence[tuple[bytes, bytes]]  # names in lower case, as ASGI gives them


@dataclass(frozen=True, slots=True)
class Claim:
    """What the Authorization header says."""

    access_key: str
    day: str  # YYYYMMDD
    region: str
    headers: tuple[str, ...]  # names of the signed ones, sorted
    signature: str  # hex
    stamp: str  # YYYYMMDDTHHMMSSZ


def claim(headers: Headers) -> Claim:
    """Read the claim.

    Refused: no Authorization (AccessDeniedException), one that is none of Signature Version
    4, for another service, or that leaves out a header which must be signed
    (InvalidSignatureException).
    """
    text = _one(headers, "authorization")
    if not text:
        raise Fault("AccessDeniedException", "expected a request that is signed with an access key, got none")
    found = _HEADER.fullmatch(text)
    if found is None:
        raise _invalid("the Authorization header is none of Signature Version 4")
    access_key, day, region, service, names, signature = found.groups()
    if service != SERVICE:
        raise _invalid(f"Credential should be scoped to the service {SERVICE}, got {service}")
    signed = tuple(names.split(";"))
    if missing := _NEEDED - set(signed):
        raise _invalid(f"expected the headers {', '.join(sorted(missing))} to be signed")
    if list(signed) != sorted(set(signed)):
        raise _invalid("expected the signed headers sorted, each once")
    return Claim(access_key, day, region, signed, signature, _one(headers, "x-amz-date"))


def fresh(said: Claim, now: datetime) -> None:
    """Refuse (InvalidSignatureException) a request of more than five minutes ago, or ahead."""
    try:
        at = datetime.strptime(said.stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise _invalid("expected x-amz-date as YYYYMMDDTHHMMSSZ") from None
    if said.stamp[:8] != said.day:
        raise _invalid("expected the date of the credential to be that of x-amz-date")
    if abs(now - at) > SKEW:
        clock = now.strftime("%Y%m%dT%H%M%SZ")
        raise _invalid(f"Signature expired or not yet valid: {said.stamp}, the server's clock says {clock}")


def genuine(said: Claim, secret: str, *, method: str, query: str, headers: Headers, body: bytes) -> bool:
    """Whether the holder of the secret signed just this request to the root path.

    A proxy may have put its own name into `Host`; then what the client wrote is in
    `X-Forwarded-Host`. Whatever it says is safe to try: without the secret no name helps.
    """
    digest = hashlib.sha256(body).hexdigest()
    declared = _one(headers, "x-amz-content-sha256")
    if declared and not hmac.compare_digest(declared.encode(), digest.encode()):
        return False
    scope = f"{said.day}/{said.region}/{SERVICE}/aws4_request"
    key = _key(secret, said)
    matches = False
    for host in _hosts(headers):
        lines = [name.encode() + b":" + _value(headers, name, host) for name in said.headers]
        head = [method.encode(), b"/", _query(query).encode(), *lines, b"", ";".join(said.headers).encode()]
        request = hashlib.sha256(b"\n".join([*head, digest.encode()])).hexdigest()
        text = "\n".join([_ALGORITHM, said.stamp, scope, request])
        expected = hmac.digest(key, text.encode(), "sha256").hex()
        matches |= hmac.compare_digest(expected, said.signature)
    return matches


def _key(secret: str, said: Claim, service: str = SERVICE) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (said.day, said.region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def _hosts(headers: Headers) -> list[bytes]:
    """What the client may have called us: as it came, as a proxy says, each also without the usual port."""
    said = [_one(headers, "host"), *_one(headers, "x-forwarded-host").split(",")]
    named = [host.strip() for host in said if host.strip()][:4]
    return list(dict.fromkeys(form.encode("latin-1") for host in named for form in (host, _PORTS.sub("", host))))


def _value(headers: Headers, name: str, host: bytes) -> bytes:
    if name == "host":
        return host
    values = [value.strip() for known, value in headers if known == name.encode()]
    return b",".join(_SPACES.sub(b" ", value) for value in values)


def _query(query: str) -> str:
    pairs = [(quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in parse_qsl(query, True)]
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _one(headers: Headers, name: str) -> str:
    return next((value.decode("latin-1") for known, value in headers if known == name.encode()), "")


def _invalid(detail: str) -> Fault:
    return Fault("InvalidSignatureException", detail)
