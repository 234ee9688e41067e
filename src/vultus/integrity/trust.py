"""Whose signatures count: one key that is named, or a list of keys that is itself signed.

In a list old keys stay, with the time until which they signed; a key that was lost or stolen is named as
revoked, and then nothing of it counts, since its thief would write an older date. The list has a serial
number that rises; where two lists are at hand, the higher one is meant.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from vultus.errors import ConflictError, InputError, NotFoundError
from vultus.files import write_atomically
from vultus.integrity.canonical import canonical, hex_bytes, parse, time_of, time_text
from vultus.integrity.keeping import read_key_file
from vultus.integrity.keys import SIGNATURE, PublicKey, SigningKey
from vultus.integrity.signing import Trusted

__all__ = ["OneKey", "TrustList", "read_trust"]

_VERSION = 1
_FIELDS = {"alg", "id", "name", "public", "reason", "revoked", "valid_from", "valid_until"}


@dataclass(frozen=True, slots=True)
class OneKey:
    """Trust in a single key, for all time."""

    public: PublicKey

    def find(self, key_id: str) -> Trusted | None:
        """The key, if it is the one."""
        return Trusted(self.public) if key_id == self.public.id else None


@dataclass(frozen=True, slots=True)
class TrustList:
    """Keys with their times; changes give a new list, which `write` signs."""

    keys: tuple[Trusted, ...] = ()
    serial: int = 0
    updated: str = ""
    signer: str = ""  # id of the key that signed the list
    pinned: bool = False  # whether the signer was known beforehand; else the list vouches for itself

    def find(self, key_id: str) -> Trusted | None:
        """The key of that id, revoked or not; None where it is not in the list."""
        return next((key for key in self.keys if key.public.id == key_id), None)

    def with_key(
        self,
        public: PublicKey,
        *,
        name: str = "",
        valid_from: datetime | None = None,
        valid_until: datetime | None = None,
    ) -> TrustList:
        """The list with one key more; without times it may sign at any.

        Refused: one that is in the list (ConflictError), a name that cannot be shown, an end that is not after
        the beginning (InputError).
        """
        if self.find(public.id) is not None:
            raise ConflictError(f"the key {public.id} is in the trust list already")
        if len(name) > 200 or not (name.isprintable()):
            raise InputError("expected a name of at most 200 printable characters")
        if valid_from is not None and valid_until is not None and valid_until <= valid_from:
            raise InputError(f"expected an end after {time_text(valid_from)}, got {time_text(valid_until)}")
        begin, end = (None if moment is None else time_text(moment) for moment in (valid_from, valid_until))
        return replace(self, keys=(*self.keys, Trusted(public, name, begin, end)))

    def retired(self, key_id: str, at: datetime) -> TrustList:
        """The list with an end to a key's time: what it signed before goes on to count."""
        return self._changed(key_id, valid_until=time_text(at))

    def without_trust_in(self, key_id: str, reason: str, at: datetime | None = None) -> TrustList:
        """The list with a key named as revoked."""
        if not reason.strip() or len(reason) > 200 or not reason.isprintable():
            raise InputError("expected a reason of 1 to 200 printable characters for revoking a key")
        return self._changed(key_id, revoked=time_text(at or datetime.now(UTC)), reason=reason)

    def write(self, path: str | os.PathLike[str], signer: SigningKey, *, now: datetime | None = None) -> TrustList:
        """Sign the list and put it in its place, with a higher serial number; the list as it was written."""
        made = replace(
            self, serial=self.serial + 1, updated=time_text(now or datetime.now(UTC)), signer=signer.id, pinned=True
        )
        body = _body(made)
        text = canonical({**body, "signature": signer.sign(canonical(body)).hex()})
        write_atomically(Path(path), text + b"\n")
        return made

    def _changed(self, key_id: str, **fields: Any) -> TrustList:
        if self.find(key_id) is None:
            raise NotFoundError(f"expected the id of a key in the trust list, got {key_id!r:.40}")
        return replace(
            self, keys=tuple(replace(key, **fields) if key.public.id == key_id else key for key in self.keys)
        )


def read_trust(path: str | os.PathLike[str], signer: PublicKey | None = None) -> TrustList:
    """A trust list from its file.

    signer: the key that must have signed it. Without one, any key of the list that is not revoked may have:
    that shows damage, not forgery, and `pinned` is False.
    Refused: no such file (NotFoundError); no list, a broken one, one that is signed by another key or whose
    signature does not fit (InputError).
    """
    data = read_key_file(Path(path), "a trust list", secret=False)
    try:
        return _read(data, signer)
    except InputError as error:
        raise InputError(f"{path}: the trust list cannot be used: {error}") from None


def _read(data: bytes, signer: PublicKey | None) -> TrustList:
    found = parse(data)
    if found.get("v") != _VERSION:
        raise InputError(f"it has version {found.get('v')!r:.40}, this vultus reads {_VERSION}")
    if set(found) != {"v", "serial", "updated", "keys", "signer", "signature"} or not isinstance(found["keys"], list):
        raise InputError("fields are missing or too many")
    if type(found["serial"]) is not int or found["serial"] < 1:
        raise InputError("its serial number is none")
    time_of(found["updated"])
    keys = tuple(_trusted(item) for item in found["keys"])
    made = TrustList(keys, found["serial"], str(found["updated"]), str(found["signer"]), signer is not None)
    listed = made.find(made.signer)
    by = signer if signer is not None else listed.public if listed is not None and listed.revoked is None else None
    if by is None:
        raise InputError(
            f"it is signed by the key {made.signer!r:.40}, which it does not trust itself; "
            "name the key that must have signed it"
        )
    if by.id != made.signer:
        raise InputError(f"it is signed by the key {made.signer!r:.40}, expected {by.id}")
    if canonical(found) != data.rstrip(b"\n"):
        raise InputError("it is not in canonical form, so it was changed after it was written")
    signature = hex_bytes(found.pop("signature"), SIGNATURE)
    if not by.verifies(signature, canonical(found)):
        raise InputError("its signature does not fit: it was changed")
    return made


def _body(known: TrustList) -> dict[str, Any]:
    keys = [
        {
            "alg": key.public.alg,
            "id": key.public.id,
            "name": key.name,
            "public": key.public.pem,
            "reason": key.reason,
            "revoked": key.revoked,
            "valid_from": key.valid_from,
            "valid_until": key.valid_until,
        }
        for key in known.keys
    ]
    return {"v": _VERSION, "serial": known.serial, "updated": known.updated, "keys": keys, "signer": known.signer}


def _trusted(item: Any) -> Trusted:
    if not isinstance(item, dict) or set(item) != _FIELDS:
        raise InputError("a key in it has fields missing or too many")
    for name in ("revoked", "valid_from", "valid_until"):
        if item[name] is not None:
            time_of(item[name])
    public = PublicKey.of(str(item["public"]).encode())
    if (public.id, public.alg) != (item["id"], item["alg"]):
        raise InputError(f"the key {str(item['id'])!r:.40} is not the one that its id names")
    return Trusted(
        public, str(item["name"]), item["valid_from"], item["valid_until"], item["revoked"], str(item["reason"])
    )
