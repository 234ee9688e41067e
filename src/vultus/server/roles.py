"""Roles, what each may do, and what is known of a key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from vultus.errors import InputError

__all__ = ["EVERY", "KINDS", "LADDER", "ROLES", "Created", "Key", "Kind", "Role", "covers", "parse_role"]

Role = Literal["viewer", "operator", "enroller", "admin", "auditor", "monitor"]
Kind = Literal["api", "aws", "compreface"]
ROLES: tuple[Role, ...] = get_args(Role)
KINDS: tuple[Kind, ...] = get_args(Kind)
LADDER: tuple[Role, ...] = ("viewer", "operator", "enroller", "admin")  # each may what those before it may
EVERY = "*"


@dataclass(frozen=True, slots=True)
class Key:
    """What is known of a key; never the key itself."""

    id: str
    role: Role
    galleries: tuple[str, ...]  # names; ("*",): all, also later ones
    kind: Kind
    label: str
    created: str
    expires: str | None
    last_used: str | None
    revoked: str | None
    rate: float | None = None
    upload_bytes: int | None = None

    def may(self, gallery: str) -> bool:
        """The key is for this gallery."""
        return EVERY in self.galleries or gallery in self.galleries

    def live(self, now: str) -> bool:
        """Neither revoked nor expired. now: UTC, ISO 8601, as all times here."""
        return self.revoked is None and (self.expires is None or now < self.expires)


@dataclass(frozen=True, slots=True)
class Created:
    """A new key with its secret, which is not to be had again."""

    key: Key
    secret: str  # what the client sends; for AWS-style keys the secret access key, `key.id` being the access key id


def covers(role: Role, needed: Role) -> bool:
    """Whether a role may do what the other may at least.

    An auditor reads the journal and nothing else, a monitor the metrics; an administrator may all.

    >>> covers("enroller", "operator"), covers("operator", "enroller"), covers("auditor", "viewer")
    (True, False, False)
    """
    if role == "admin" or role == needed:
        return True
    return role in LADDER and needed in LADDER and LADDER.index(role) >= LADDER.index(needed)


def parse_role(text: str) -> Role:
    """A role by its name; "administrator" is one too. Others are refused (InputError)."""
    name = {"administrator": "admin", "enroler": "enroller"}.get(text, text)
    for role in ROLES:
        if role == name:
            return role
    raise InputError(f"expected a role out of {', '.join(ROLES)}, got {text!r}")
