"""Backups and exports that were made of a gallery: what an erasure here does not reach."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vultus.gallery.records import Records
from vultus.gallery.schema import now

__all__ = ["Copy", "Kind", "listed", "note"]

Kind = Literal["export", "backup"]


@dataclass(frozen=True, slots=True)
class Copy:
    """One file or folder that was made, which may have been moved or deleted since."""

    at: str
    revision: int
    kind: Kind
    open: bool  # can be read without this gallery's key file
    place: str


def note(connection: Records, kind: Kind, place: str, *, revision: int, open_: bool, at: str | None = None) -> None:
    """Remember a copy, inside a write transaction."""
    # A path that is no UTF-8 has surrogates in it, which no database takes.
    text = place.encode("utf-8", "backslashreplace")
    sealed = None if connection.seal is None else connection.seal.close_own(text, "copy")
    shown = text.decode() if sealed is None else None
    connection.execute(
        "INSERT INTO copy (at, revision, kind, open, place, sealed) VALUES (?, ?, ?, ?, ?, ?)",
        (at or now(), revision, kind, int(open_), shown, sealed),
    )


def listed(connection: Records) -> list[Copy]:
    """All of them, oldest first."""
    rows = connection.execute("SELECT at, revision, kind, open, place, sealed FROM copy ORDER BY id").fetchall()
    return [
        Copy(at, revision, kind, bool(open_), place if seal is None else seal.open_own(sealed, "copy").decode())
        for seal in (connection.seal,)
        for at, revision, kind, open_, place, sealed in rows
    ]
