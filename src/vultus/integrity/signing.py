"""Detached signatures of pictures: a `.vsig` beside the file says what was issued, when, and by which key.

A `.vsig` is canonical JSON: a statement with the SHA-256 of the file and of its pixels, and a signature
over the canonical text of the statement. Both hashes stand in it, so that a PNG that was merely saved
again is told from one that was edited. On the chip of a passport the SOD does the same.
"""

from __future__ import annotations

import hmac
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Protocol

from vultus.errors import InputError
from vultus.integrity.canonical import canonical, hex_bytes, parse, time_of, time_text
from vultus.integrity.keys import ALGORITHMS, SIGNATURE, PublicKey, SigningKey
from vultus.integrity.perceptual import distance, perceptual_record
from vultus.integrity.pixels import Exact, pixel_hash
from vultus.integrity.secret import checked_doc_id

__all__ = [
    "SKEW",
    "VERSION",
    "Level",
    "Problem",
    "Signed",
    "Statement",
    "Trust",
    "Trusted",
    "sign",
    "signed_text",
    "verify",
]

VERSION = 1
SKEW = timedelta(minutes=5)  # by which clocks may differ
Level = Literal["file", "pixels", "changed", "unsigned"]

_LONGEST = 64 * 1024  # bytes of a .vsig
_KINDS = {"v": int, "width": int, "height": int, "orientation": int}
_MAY_BE_MISSING = ("expires", "mark", "manifest")


@dataclass(frozen=True, slots=True)
class Statement:
    """What is signed."""

    alg: str
    key_id: str
    sha256_file: str
    sha256_pixels: str
    width: int
    height: int
    mode: str  # RGB8, or what the stored picture is before it is converted to that
    orientation: int  # EXIF, recorded and not applied
    perceptual: str  # see vultus.integrity.perceptual
    doc_id: str
    created: str  # UTC, by the issuer's clock
    expires: str | None = None
    mark: str | None = None  # name of the mark that the picture carries
    manifest: str | None = None  # label of the C2PA manifest that the file carried
    v: int = VERSION


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a signature that fits is not good all the same."""

    code: str
    words: str


@dataclass(frozen=True, slots=True)
class Trusted:
    """A public key with the time in which it may sign."""

    public: PublicKey
    name: str = ""
    valid_from: str | None = None
    valid_until: str | None = None
    revoked: str | None = None  # since when nothing of this key counts, however old it says it is
    reason: str = ""


class Trust(Protocol):
    """Keys by their ids; `vultus.integrity.trust` has two."""

    def find(self, key_id: str) -> Trusted | None: ...


@dataclass(frozen=True, slots=True)
class Signed:
    """What a signature says of a file.

    level "file": every byte is as it was signed. "pixels": every pixel is, and the file around them was
    written anew. "changed": the signature is good, and these are not the pixels it is of. "unsigned": there
    is no signature that could be checked.
    """

    level: Level
    reason: str  # one sentence
    statement: Statement | None = None  # of a good signature
    key: Trusted | None = None
    problems: tuple[Problem, ...] = ()
    distance: int | None = None  # of the perceptual records, 0 to 255

    @property
    def good(self) -> bool:
        """The pixels are as they were signed, by a key that counts, at a time that can be."""
        return self.level in ("file", "pixels") and not self.problems


def sign(
    picture: Exact,
    key: SigningKey,
    doc_id: str,
    *,
    created: datetime | None = None,
    expires: datetime | None = None,
    mark: str | None = None,
    manifest: str | None = None,
) -> bytes:
    """The content of a `.vsig` for a picture file (`vultus.integrity.pixels.decode`).

    created: now, unless it is said otherwise. Refused (InputError): a bad document number, a time of expiry
    that is not after `created`.
    """
    created = created or datetime.now(UTC)
    if expires is not None and expires <= created:
        raise InputError(f"expected an expiry after {time_text(created)}, got {time_text(expires)}")
    height, width = picture.image.shape[:2]
    statement = Statement(
        alg=key.alg,
        key_id=key.id,
        sha256_file=picture.sha256,
        sha256_pixels=pixel_hash(picture.image),
        width=width,
        height=height,
        mode=picture.mode,
        orientation=picture.orientation,
        perceptual=perceptual_record(picture.image),
        doc_id=checked_doc_id(doc_id),
        created=time_text(created),
        expires=None if expires is None else time_text(expires),
        mark=mark,
        manifest=manifest,
    )
    signature = key.sign(signed_text(statement))
    return canonical({**asdict(statement), "signature": signature.hex()})


def signed_text(statement: Statement) -> bytes:
    """The bytes that the signature is over."""
    return canonical(asdict(statement))


def verify(picture: Exact, vsig: bytes | None, trust: Trust, *, now: datetime | None = None) -> Signed:
    """What a signature says of a picture file. Whatever the `.vsig` holds, an answer comes back, never an error.

    vsig: content of the signature file, None where there is none. trust: the keys that count.
    """
    if vsig is None:
        return Signed("unsigned", "there is no signature")
    try:
        statement, signature = _read(vsig)
    except InputError as error:
        return Signed("unsigned", f"the signature cannot be read: {error}")
    named, key = statement.key_id, trust.find(statement.key_id)
    if key is None:
        return Signed("unsigned", f"the signature names the key {named!r:.40}, which is not among the trusted ones")
    if key.public.alg != statement.alg:
        return Signed("unsigned", f"the signature says {statement.alg}, the key {named} is for {key.public.alg}")
    if not key.public.verifies(signature, signed_text(statement)):
        return Signed("unsigned", "the signature does not fit its own statement: one of the two was changed")
    level, reason = _compared(picture, statement)
    far = distance(perceptual_record(picture.image), statement.perceptual)
    return Signed(level, reason, statement, key, _problems(statement, key, now or datetime.now(UTC)), far)


def _compared(picture: Exact, statement: Statement) -> tuple[Level, str]:
    if hmac.compare_digest(picture.sha256, statement.sha256_file):
        return "file", "every byte is as it was signed"
    if hmac.compare_digest(pixel_hash(picture.image), statement.sha256_pixels):
        return "pixels", "every pixel is as it was signed, the file around them was written anew"
    height, width = picture.image.shape[:2]
    if (width, height) != (statement.width, statement.height):
        signed = f"{statement.width} x {statement.height}"
        return "changed", f"these are not the pixels that were signed ({width} x {height}, not {signed})"
    return "changed", "these are not the pixels that were signed"


def _problems(statement: Statement, key: Trusted, now: datetime) -> tuple[Problem, ...]:
    created, at, named = time_of(statement.created), statement.created, f"the key {key.public.id}"
    found = []
    if created > now + SKEW:
        found.append(("FUTURE", f"it says it was made at {at}, and here it is {time_text(now)}: one clock is wrong"))
    if statement.expires is not None and time_of(statement.expires) <= now:
        found.append(("EXPIRED", f"it was good until {statement.expires}"))
    if key.revoked is not None:
        reason = f" ({key.reason})" if key.reason else ""
        found.append(("KEY_REVOKED", f"{named} was revoked at {key.revoked}{reason}; nothing of it counts"))
    if key.valid_from is not None and created < time_of(key.valid_from) - SKEW:
        found.append(("KEY_NOT_YET", f"it was made at {at}, {named} counts from {key.valid_from}"))
    if key.valid_until is not None and created > time_of(key.valid_until) + SKEW:
        found.append(("KEY_RETIRED", f"it was made at {at}, {named} counted until {key.valid_until}"))
    return tuple(Problem(*item) for item in found)


def _read(data: bytes) -> tuple[Statement, bytes]:
    """Statement and signature of a `.vsig`; what is not exactly one is refused (InputError)."""
    if len(data) > _LONGEST:
        raise InputError(f"it has over {_LONGEST} bytes")
    found = parse(data)
    if found.get("v") != VERSION or isinstance(found.get("v"), bool):
        raise InputError(f"it has version {found.get('v')!r:.40}, this vultus reads {VERSION}")
    if found.get("alg") not in ALGORITHMS:
        raise InputError(f"its algorithm is {found.get('alg')!r:.40}, expected one of {', '.join(ALGORITHMS)}")
    names = {item.name for item in fields(Statement)}
    if set(found) != names | {"signature"}:
        odd = sorted(set(found) ^ (names | {"signature"}))
        raise InputError(f"fields are missing or too many: {', '.join(map(repr, odd)):.200}")
    for name in names:
        _check(name, found[name])
    if canonical(found) != data.rstrip(b"\n"):
        raise InputError("it is not in canonical form, so it was changed after it was written")
    signature = hex_bytes(found.pop("signature"), SIGNATURE)
    return Statement(**found), signature


def _check(name: str, value: Any) -> None:
    wanted = _KINDS.get(name, str)
    if value is None and name in _MAY_BE_MISSING:
        return
    if type(value) is not wanted:
        raise InputError(f"{name} is {value!r:.40}, expected {'a whole number' if wanted is int else 'text'}")
    if name in ("created", "expires"):
        time_of(value)
    if name in ("sha256_file", "sha256_pixels", "perceptual"):
        hex_bytes(value, 32)
