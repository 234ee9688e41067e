"""People as rows: finding, listing, renaming, merging, parting.

Every function runs inside a transaction of the caller and takes its connection.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from uuid import uuid4

from vultus.errors import ConflictError, InputError
from vultus.gallery import owning
from vultus.gallery.names import no_such_face, normal, not_found
from vultus.gallery.records import Owner, Records, owner
from vultus.gallery.schema import now
from vultus.gallery.values import Person

__all__ = [
    "MOST_TEMPLATES",
    "add",
    "add_alias",
    "aliases",
    "covers",
    "find",
    "free_alias",
    "labels",
    "make_room",
    "merge",
    "move",
    "name_of",
    "people",
    "person",
    "remove",
    "remove_face",
    "rename",
    "resolve",
]

MOST_TEMPLATES = 100  # a person; beyond, another picture raises the false matches more than it helps
_NEAR = 20_000  # names compared for a hint


def find(connection: Records, name: str) -> int | None:
    """Row of the person of that name, of that former name after a merge, or of that id."""
    spelt = normal(name)
    tag = connection.name_tag(spelt)
    for question, value in (
        ("SELECT id FROM person WHERE name = ?", tag),
        ("SELECT person FROM alias WHERE name = ?", tag),
        ("SELECT id FROM person WHERE uuid = ?", spelt),
    ):
        if row := connection.execute(question, (value,)).fetchone():
            return int(row[0])
    return None


def resolve(connection: Records, name: str) -> int:
    """As `find`; an unknown name is refused with the near ones (NotFoundError)."""
    row = find(connection, name)
    if row is None:
        spelt = normal(name)
        empty = connection.execute("SELECT 1 FROM person LIMIT 1").fetchone() is None
        raise not_found(spelt, _names_near(connection, len(spelt)), empty=empty)
    return row


def add(connection: Records, name: str, uuid: str | None = None, created: str | None = None) -> int:
    """A new person; a name that is taken is refused (ConflictError)."""
    spelt = normal(name)
    _free(connection, spelt)
    who = Owner(uuid or uuid4().hex, connection.new_key())
    done = connection.execute(
        "INSERT INTO person (uuid, name, created, key, sealed) VALUES (?, ?, ?, ?, ?)",
        (who.person, connection.name_tag(spelt), created or now(), who.key, _beside(connection, who, spelt)),
    )
    return int(done.lastrowid or 0)


def name_of(connection: Records, row: int) -> str:
    """The name of a person by their row."""
    uuid, key, name, sealed = connection.execute(
        "SELECT uuid, key, name, sealed FROM person WHERE id = ?", (row,)
    ).fetchone()
    return connection.name(Owner(uuid, key), name, sealed)


def aliases(connection: Records, row: int) -> tuple[str, ...]:
    """Former names of a person, sorted."""
    who = owner(connection, row)
    rows = connection.execute("SELECT name, sealed FROM alias WHERE person = ?", (row,)).fetchall()
    return tuple(sorted(connection.name(who, name, sealed) for name, sealed in rows))


def add_alias(connection: Records, row: int, name: str) -> None:
    """Let a person be found under one more name, which nobody bears."""
    who, spelt = owner(connection, row), normal(name)
    connection.execute(
        "INSERT INTO alias (name, person, sealed) VALUES (?, ?, ?)",
        (connection.name_tag(spelt), row, _beside(connection, who, spelt)),
    )


def person(connection: Records, row: int) -> Person:
    """One person as a value."""
    uuid, created = connection.execute("SELECT uuid, created FROM person WHERE id = ?", (row,)).fetchone()
    (templates,) = connection.execute("SELECT count(*) FROM face WHERE person = ?", (row,)).fetchone()
    return Person(uuid, name_of(connection, row), templates, created, aliases(connection, row))


def people(connection: Records) -> tuple[Person, ...]:
    """Everybody, by name."""
    rows = connection.execute(
        """SELECT person.id, uuid, key, name, sealed, person.created, coalesce(n, 0) FROM person
           LEFT JOIN (SELECT person, count(*) AS n FROM face GROUP BY person) AS c ON c.person = person.id"""
    ).fetchall()
    owners = {row[0]: Owner(row[1], row[2]) for row in rows}
    if connection.seal is not None:
        connection.seal.preload(who.key for who in owners.values())
    former: dict[int, list[str]] = {}
    for row, name, sealed in connection.execute("SELECT person, name, sealed FROM alias").fetchall():
        former.setdefault(row, []).append(connection.name(owners[row], name, sealed))
    found = [
        Person(uuid, connection.name(owners[row], name, sealed), n, created, tuple(sorted(former.get(row, ()))))
        for row, uuid, _, name, sealed, created, n in rows
    ]
    return tuple(sorted(found, key=lambda one: one.name))


def labels(connection: Records, rows: Iterable[int]) -> dict[int, tuple[str, str]]:
    """Name and id of some people by their row."""
    wanted = "[" + ",".join(str(int(row)) for row in rows) + "]"
    found = connection.execute(
        "SELECT id, uuid, key, name, sealed FROM person WHERE id IN (SELECT value FROM json_each(?))", (wanted,)
    ).fetchall()
    return {row: (connection.name(Owner(uuid, key), name, sealed), uuid) for row, uuid, key, name, sealed in found}


def covers(connection: Records, ids: Iterable[str]) -> dict[str, str]:
    """A face to show each person by, ids to ids: the first that was enrolled with a crop; none where no crop is."""
    rows = connection.execute(
        """SELECT person.uuid, face.uuid FROM json_each(?) AS wanted JOIN person ON person.uuid = wanted.value
           JOIN face ON face.id = (SELECT min(face.id) FROM face JOIN crop ON crop.face = face.id
                                   WHERE face.person = person.id)""",
        (json.dumps(list(ids)),),
    )
    return dict(rows.fetchall())


def rename(connection: Records, row: int, name: str) -> None:
    """Give a person another name; one that somebody else bears is refused (ConflictError)."""
    spelt = normal(name)
    free_alias(connection, row, spelt)
    _free(connection, spelt, but=row)
    who, tag = owner(connection, row), connection.name_tag(spelt)
    connection.execute(
        "UPDATE person SET name = ?, sealed = ? WHERE id = ? AND name <> ?",
        (tag, _beside(connection, who, spelt), row, tag),
    )


def free_alias(connection: Records, row: int, name: str) -> None:
    """Let a former name of a person go, so that it can be given again."""
    connection.execute("DELETE FROM alias WHERE name = ? AND person = ?", (connection.name_tag(normal(name)), row))


def merge(connection: Records, rows: Sequence[int], into: int) -> None:
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
        names = (name_of(connection, row), *aliases(connection, row))
        faces = [face for (face,) in connection.execute("SELECT id FROM face WHERE person = ?", (row,)).fetchall()]
        owning.give(connection, faces, row, into)
        owning.give_feedback(connection, row, into)
        connection.execute("DELETE FROM person WHERE id = ?", (row,))  # and their aliases
        for name in names:
            add_alias(connection, into, name)
    (templates,) = connection.execute("SELECT count(*) FROM face WHERE person = ?", (into,)).fetchone()
    if templates > MOST_TEMPLATES:
        raise ConflictError(
            f"expected at most {MOST_TEMPLATES} templates a person, together they have {templates}; remove some first"
        )


def move(
    connection: Records, faces: Sequence[str], into: int, *, only_from: int | None = None, keep_twins: bool = False
) -> None:
    """Give faces, named by their ids, to another person; all of them or none.

    A person has each face of a picture once: another copy of one that they have is dropped, or
    with keep_twins stays as one of which is no longer known which face of the picture it is.
    Refused: an unknown face (NotFoundError), one that is not `only_from`'s (InputError), over
    100 templates (ConflictError).
    """
    if not faces:
        raise InputError("expected the ids of the faces to move, got none")
    for uuid in dict.fromkeys(faces):
        row, sha256, ordinal, holder = _face(connection, uuid)
        if only_from is not None and holder != only_from:
            raise InputError(f"expected faces of one person, {uuid} is somebody else's")
        if holder == into:
            continue
        twin = "SELECT 1 FROM face WHERE person = ? AND sha256 = ? AND ordinal = ?"
        if connection.execute(twin, (into, sha256, ordinal)).fetchone():
            if not keep_twins:
                connection.execute("DELETE FROM face WHERE id = ?", (row,))
                continue
            connection.execute("UPDATE face SET ordinal = NULL WHERE id = ?", (row,))
        owning.give(connection, [row], holder, into)
    (templates,) = connection.execute("SELECT count(*) FROM face WHERE person = ?", (into,)).fetchone()
    if templates > MOST_TEMPLATES:
        raise ConflictError(f"expected at most {MOST_TEMPLATES} templates a person, there would be {templates}")


def make_room(connection: Records, row: int, sha256: bytes, ordinal: int) -> None:
    """Refuse (ConflictError) another face of a person who has it already, or who has 100."""
    twin = "SELECT 1 FROM face WHERE person = ? AND sha256 = ? AND ordinal = ?"
    if connection.execute(twin, (row, connection.picture_tag(sha256), ordinal)).fetchone():
        raise ConflictError(f"expected another face than those that {name_of(connection, row)} has, got one of them")
    (templates,) = connection.execute("SELECT count(*) FROM face WHERE person = ?", (row,)).fetchone()
    if templates >= MOST_TEMPLATES:
        raise ConflictError(f"expected at most {MOST_TEMPLATES} templates a person, there are {templates} already")


def remove(connection: Records, row: int) -> None:
    """Take a person out with all faces, crops, aliases and feedback."""
    connection.execute("DELETE FROM person WHERE id = ?", (row,))


def remove_face(connection: Records, uuid: str) -> int:
    """Take one face out; the row of its person, who stays."""
    row, _, _, holder = _face(connection, uuid)
    connection.execute("DELETE FROM face WHERE id = ?", (row,))
    return holder


def _names_near(connection: Records, length: int) -> list[str]:
    """Names of about that length, for a hint; of a sealed gallery those of the first people, since each is opened."""
    rows = connection.execute(
        """SELECT uuid, key, name, sealed FROM person WHERE sealed IS NOT NULL OR length(name) BETWEEN ? AND ?
           ORDER BY id LIMIT ?""",
        (length // 2, length * 2 + 2, _NEAR),
    ).fetchall()
    if connection.seal is not None:
        connection.seal.preload(key for _, key, _, _ in rows)
    return [connection.name(Owner(uuid, key), name, sealed) for uuid, key, name, sealed in rows]


def _face(connection: Records, uuid: str) -> tuple[int, bytes | None, int | None, int]:
    row = connection.execute("SELECT id, sha256, ordinal, person FROM face WHERE uuid = ?", (uuid,)).fetchone()
    if row is None:
        raise no_such_face(uuid)
    return int(row[0]), row[1], row[2], int(row[3])


def _beside(connection: Records, who: Owner, name: str) -> bytes | None:
    return connection.beside(who, name.encode(), "name", who.person)


def _free(connection: Records, name: str, but: int | None = None) -> None:
    taken = connection.execute(
        """SELECT id FROM person WHERE name = ?1 UNION ALL SELECT person FROM alias WHERE name = ?1
           UNION ALL SELECT id FROM person WHERE uuid = ?2""",  # an id names one person for life
        (connection.name_tag(name), name),
    ).fetchone()
    if taken is not None and taken[0] != but:
        raise ConflictError(f"expected a name that is free, {name!r} is taken; choose another, or merge the two people")
