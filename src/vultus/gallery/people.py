"""People as rows: finding, listing, renaming, merging, parting.

Every function runs inside a transaction of the caller and takes its connection.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from uuid import uuid4

from vultus.errors import ConflictError, InputError, NotFoundError
from vultus.gallery.names import normal, not_found
from vultus.gallery.schema import now
from vultus.gallery.values import Person

__all__ = [
    "MOST_TEMPLATES",
    "add",
    "find",
    "free_alias",
    "labels",
    "merge",
    "move",
    "people",
    "person",
    "remove",
    "remove_face",
    "rename",
    "resolve",
]

MOST_TEMPLATES = 100  # a person; beyond, another picture raises the false matches more than it helps


def find(connection: sqlite3.Connection, name: str) -> int | None:
    """Row of the person of that name, of that former name after a merge, or of that id."""
    spelt = normal(name)
    for question in (
        "SELECT id FROM person WHERE name = ?",
        "SELECT person FROM alias WHERE name = ?",
        "SELECT id FROM person WHERE uuid = ?",
    ):
        if row := connection.execute(question, (spelt,)).fetchone():
            return int(row[0])
    return None


def resolve(connection: sqlite3.Connection, name: str) -> int:
    """As `find`; an unknown name is refused with the near ones (NotFoundError)."""
    row = find(connection, name)
    if row is None:
        raise not_found(connection, normal(name))
    return row


def add(connection: sqlite3.Connection, name: str, uuid: str | None = None, created: str | None = None) -> int:
    """A new person; a name that is taken is refused (ConflictError)."""
    spelt = normal(name)
    _free(connection, spelt)
    done = connection.execute(
        "INSERT INTO person (uuid, name, created) VALUES (?, ?, ?)", (uuid or uuid4().hex, spelt, created or now())
    )
    return int(done.lastrowid or 0)


def person(connection: sqlite3.Connection, row: int) -> Person:
    """One person as a value."""
    uuid, name, created = connection.execute("SELECT uuid, name, created FROM person WHERE id = ?", (row,)).fetchone()
    (templates,) = connection.execute("SELECT count(*) FROM face WHERE person = ?", (row,)).fetchone()
    aliases = connection.execute("SELECT name FROM alias WHERE person = ? ORDER BY name", (row,))
    return Person(uuid, name, templates, created, tuple(alias for (alias,) in aliases))


def people(connection: sqlite3.Connection) -> tuple[Person, ...]:
    """Everybody, by name."""
    aliases: dict[int, tuple[str, ...]] = {}
    for row, alias in connection.execute("SELECT person, name FROM alias ORDER BY name"):
        aliases[row] = (*aliases.get(row, ()), alias)
    rows = connection.execute(
        """SELECT person.id, uuid, name, person.created, coalesce(n, 0) FROM person
           LEFT JOIN (SELECT person, count(*) AS n FROM face GROUP BY person) AS counted ON counted.person = person.id
           ORDER BY name"""
    )
    return tuple(Person(uuid, name, n, created, aliases.get(row, ())) for row, uuid, name, created, n in rows)


def labels(connection: sqlite3.Connection, rows: Iterable[int]) -> dict[int, tuple[str, str]]:
    """Name and id of some people by their row."""
    wanted = "[" + ",".join(str(int(row)) for row in rows) + "]"
    found = connection.execute(
        "SELECT id, name, uuid FROM person WHERE id IN (SELECT value FROM json_each(?))", (wanted,)
    )
    return {row: (name, uuid) for row, name, uuid in found}


def rename(connection: sqlite3.Connection, row: int, name: str) -> None:
    """Give a person another name; one that somebody else bears is refused (ConflictError)."""
    spelt = normal(name)
    free_alias(connection, row, spelt)
    _free(connection, spelt, but=row)
    connection.execute("UPDATE person SET name = ? WHERE id = ? AND name <> ?", (spelt, row, spelt))


def free_alias(connection: sqlite3.Connection, row: int, name: str) -> None:
    """Let a former name of a person go, so that it can be given again."""
    connection.execute("DELETE FROM alias WHERE name = ? AND person = ?", (normal(name), row))


def merge(connection: sqlite3.Connection, rows: Sequence[int], into: int) -> None:
    """Make several people one: templates, feedback and names go to `into`, whose name stays.

    The other names stay known as aliases, so that enrolling the same folders again finds
    the merged person. Refused (ConflictError): more than 100 templates together.
    """
    for row in dict.fromkeys(rows):
        if row == into:
            continue
        # The same face of the same picture under both: one copy is enough.
        connection.execute(
            """DELETE FROM face WHERE person = ? AND (sha256, ordinal) IN
               (SELECT sha256, ordinal FROM face WHERE person = ? AND sha256 IS NOT NULL)""",
            (row, into),
        )
        connection.execute("UPDATE face SET person = ? WHERE person = ?", (into, row))
        connection.execute("UPDATE OR IGNORE feedback SET person = ? WHERE person = ?", (into, row))
        connection.execute("UPDATE alias SET person = ? WHERE person = ?", (into, row))
        (name,) = connection.execute("SELECT name FROM person WHERE id = ?", (row,)).fetchone()
        connection.execute("DELETE FROM person WHERE id = ?", (row,))
        connection.execute("INSERT INTO alias (name, person) VALUES (?, ?)", (name, into))
    (templates,) = connection.execute("SELECT count(*) FROM face WHERE person = ?", (into,)).fetchone()
    if templates > MOST_TEMPLATES:
        raise ConflictError(
            f"expected at most {MOST_TEMPLATES} templates a person, together they have {templates}; remove some first"
        )


def move(connection: sqlite3.Connection, faces: Sequence[str], into: int, only_from: int | None = None) -> None:
    """Give faces, named by their ids, to another person; all of them or none.

    Refused: an unknown face (NotFoundError), one that is not `only_from`'s (InputError), over
    100 templates (ConflictError).
    """
    if not faces:
        raise InputError("expected the ids of the faces to move, got none")
    for uuid in dict.fromkeys(faces):
        row, sha256, ordinal, owner = _face(connection, uuid)
        if only_from is not None and owner != only_from:
            raise InputError(f"expected faces of one person, {uuid} is somebody else's")
        if owner == into:
            continue
        twin = "SELECT 1 FROM face WHERE person = ? AND sha256 = ? AND ordinal = ?"
        if connection.execute(twin, (into, sha256, ordinal)).fetchone():
            connection.execute("DELETE FROM face WHERE id = ?", (row,))
        else:
            connection.execute("UPDATE face SET person = ? WHERE id = ?", (into, row))
    (templates,) = connection.execute("SELECT count(*) FROM face WHERE person = ?", (into,)).fetchone()
    if templates > MOST_TEMPLATES:
        raise ConflictError(f"expected at most {MOST_TEMPLATES} templates a person, there would be {templates}")


def remove(connection: sqlite3.Connection, row: int) -> None:
    """Take a person out with all faces, crops, aliases and feedback."""
    connection.execute("DELETE FROM person WHERE id = ?", (row,))


def remove_face(connection: sqlite3.Connection, uuid: str) -> int:
    """Take one face out; the row of its person, who stays."""
    row, _, _, owner = _face(connection, uuid)
    connection.execute("DELETE FROM face WHERE id = ?", (row,))
    return owner


def _face(connection: sqlite3.Connection, uuid: str) -> tuple[int, bytes | None, int | None, int]:
    row = connection.execute("SELECT id, sha256, ordinal, person FROM face WHERE uuid = ?", (uuid,)).fetchone()
    if row is None:
        raise NotFoundError(
            f"expected the id of a face of this gallery, got {uuid!r}; list a person's faces to see them"
        )
    return int(row[0]), row[1], row[2], int(row[3])


def _free(connection: sqlite3.Connection, name: str, but: int | None = None) -> None:
    taken = connection.execute(
        "SELECT id FROM person WHERE name = ?1 UNION ALL SELECT person FROM alias WHERE name = ?1", (name,)
    ).fetchone()
    if taken is not None and taken[0] != but:
        raise ConflictError(f"expected a name that is free, {name!r} is taken; choose another, or merge the two people")
