"""Whose a face is: giving faces and words about faces to another person, or to another key of theirs.

In a sealed gallery everything of a face is sealed with its person's key and bound to their id,
so whoever gets a face gets it sealed anew.
"""

from __future__ import annotations

from collections.abc import Sequence

from vultus.gallery.records import Owner, Records, owner

__all__ = ["give", "give_feedback", "reseal_faces"]


def give(connection: Records, faces: Sequence[int], giver: int, taker: int) -> None:
    """Make faces, by their rows, another person's."""
    if connection.seal is not None:
        reseal_faces(connection, faces, owner(connection, giver), owner(connection, taker))
    connection.executemany("UPDATE face SET person = ? WHERE id = ?", [(taker, face) for face in faces])


def give_feedback(connection: Records, giver: int, taker: int) -> None:
    """Make what was said about a person said about another; what was said of both is kept once."""
    if connection.seal is not None:
        before, after = owner(connection, giver), owner(connection, taker)
        for tag, ordinal, sealed in connection.execute(
            "SELECT sha256, ordinal, sealed FROM feedback WHERE person = ?", (giver,)
        ).fetchall():
            value = connection.opened(before, sealed, "feedback", before.person)
            connection.execute(
                "UPDATE feedback SET sealed = ? WHERE sha256 = ? AND ordinal = ? AND person = ?",
                (connection.closed(after, value, "feedback", after.person), tag, ordinal, giver),
            )
    connection.execute("UPDATE OR IGNORE feedback SET person = ? WHERE person = ?", (taker, giver))


def reseal_faces(connection: Records, faces: Sequence[int], before: Owner, after: Owner) -> None:
    """Open what was sealed for one owner and seal it for another: details, vectors of every contract, crops."""
    for face in faces:
        uuid, details = connection.execute("SELECT uuid, sealed FROM face WHERE id = ?", (face,)).fetchone()
        plain = connection.opened(before, details, "face", before.person, uuid)
        changed = connection.closed(after, plain, "face", after.person, uuid)
        connection.execute("UPDATE face SET sealed = ? WHERE id = ?", (changed, face))
        for contract, key, vector in connection.execute(
            "SELECT contract, key, vector FROM template JOIN contract ON contract.id = contract WHERE face = ?", (face,)
        ).fetchall():
            plain = connection.opened(before, vector, "vector", before.person, uuid, key)
            changed = connection.closed(after, plain, "vector", after.person, uuid, key)
            connection.execute(
                "UPDATE template SET vector = ? WHERE face = ? AND contract = ?", (changed, face, contract)
            )
        for (png,) in connection.execute("SELECT png FROM crop WHERE face = ?", (face,)).fetchall():
            plain = connection.opened(before, png, "crop", before.person, uuid)
            changed = connection.closed(after, plain, "crop", after.person, uuid)
            connection.execute("UPDATE crop SET png = ? WHERE face = ?", (changed, face))
