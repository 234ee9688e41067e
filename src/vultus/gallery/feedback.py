"""What people said about a match: "this is not her". Remembered, and obeyed before ranking.

A face is known by the SHA-256 of its picture and its place among the picture's faces, so
the word holds for the same file under any name, over restarts and model changes.
"""

from __future__ import annotations

from vultus.errors import InputError
from vultus.gallery.records import Records, owner
from vultus.gallery.schema import now

__all__ = ["ANY", "digest", "forget", "reject", "rejected", "rejections"]

ANY = -1  # every face of the picture


def digest(text: str) -> bytes:
    """A SHA-256 written as 64 hex digits; anything else is refused (InputError)."""
    try:
        value = bytes.fromhex(text)
    except (TypeError, ValueError):
        value = b""
    if len(value) != 32:
        raise InputError(f"expected a SHA-256 as 64 hex digits, got {text!r}")
    return value


def reject(connection: Records, sha256: bytes, ordinal: int, person: int) -> None:
    """Remember that a face is not that person."""
    who = owner(connection, person)
    sealed = connection.beside(who, sha256, "feedback", who.person)
    connection.execute(
        "INSERT OR IGNORE INTO feedback (sha256, ordinal, person, created, sealed) VALUES (?, ?, ?, ?, ?)",
        (connection.picture_tag(sha256), ordinal, person, now(), sealed),
    )


def forget(connection: Records, sha256: bytes, ordinal: int, person: int) -> bool:
    """Take it back; False when nothing was remembered."""
    done = connection.execute(
        "DELETE FROM feedback WHERE sha256 = ? AND ordinal = ? AND person = ?",
        (connection.picture_tag(sha256), ordinal, person),
    )
    return done.rowcount > 0


def rejections(connection: Records, sha256: bytes | None, ordinal: int) -> set[int]:
    """Rows of the people whom this face is said not to be."""
    if sha256 is None:
        return set()
    rows = connection.execute(
        "SELECT person FROM feedback WHERE sha256 = ? AND ordinal IN (?, ?)",
        (connection.picture_tag(sha256), ordinal, ANY),
    )
    return {row for (row,) in rows}


def rejected(connection: Records, person: int, sha256: bytes | None, ordinal: int | None) -> bool:
    """It was said that this face is not that person."""
    return ordinal is not None and person in rejections(connection, sha256, ordinal)
