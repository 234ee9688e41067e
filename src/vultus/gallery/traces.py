"""What an erased person's bytes look like, in the clear and sealed, and whether others share them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vultus.gallery import copies, people, scan, stored
from vultus.gallery.details import details_of
from vultus.gallery.quantise import codes_of
from vultus.gallery.records import Owner, Records, owner
from vultus.gallery.store import Store

__all__ = ["Remains", "in_other_rows", "remains_of", "vector_forms"]

_SHORTEST = 8  # bytes of a name or path; a shorter one occurs by chance in any large file
_CHUNK = 20_000  # rows


@dataclass(frozen=True, slots=True, eq=False)
class Remains:
    """What must no longer be found of somebody; kept in memory only."""

    name: bytes
    patterns: frozenset[bytes]
    ids: frozenset[bytes] = frozenset()  # those of the patterns that are ids of faces


def remains_of(connection: Records, row: int) -> tuple[Owner, Remains, int, int]:
    """A person who is about to be deleted: who it is, what to look for, the numbers of faces and crops."""
    who, name = owner(connection, row), people.name_of(connection, row)
    found = connection.execute(
        "SELECT id, uuid, sha256, source, reading, sealed FROM face WHERE person = ? ORDER BY id", (row,)
    ).fetchall()
    sources = [
        details_of(connection, who, uuid, (sha256, source, reading, sealed)).source
        for _, uuid, sha256, source, reading, sealed in found
    ]
    texts = {text.encode() for text in (name, *people.aliases(connection, row), *sources) if text}
    ids = {uuid.encode() for _, uuid, *_ in found}
    # Id and name stand side by side in a row: so even a short name can be looked for there.
    patterns = ids | {(who.person + name).encode()}
    patterns |= {text for text in texts if len(text) >= _SHORTEST}
    for vector in _vectors(connection, [face for face, *_ in found]):
        patterns.update(vector_forms(np.frombuffer(vector, dtype="<f4")))
    crops = 0
    for part in stored.crops(connection, "WHERE face.person = ?", (row,)):
        for _, _, png in part:
            patterns.update(scan.pieces(png, skip=64))  # the header is that of every crop
            crops += 1
    if connection.seal is not None and who.key is not None:
        patterns.update(_sealed_forms(connection, row))
        patterns.update(_key_forms(connection, who.key))
    return who, Remains(name.encode(), frozenset(patterns), frozenset(ids)), len(found), crops


def in_other_rows(store: Store, found: set[bytes]) -> set[bytes]:
    """Those of the patterns that rows of other people hold: finding them proves nothing.

    The same picture enrolled for two people, a name that is part of another name or path.
    """
    needles = scan.Needles(found)
    held: set[bytes] = set()
    if not found:
        return held
    with store.read() as connection:
        for texts in _texts(connection):
            held |= needles.within("\n".join(texts).encode())
        if found <= held:
            return held
        for vectors in _batches(connection):
            held |= needles.within(b"".join(vectors))
            held |= needles.within(
                b"".join(codes_of(np.frombuffer(blob, "<f4")[None]).codes.tobytes() for blob in vectors)
            )
        for part in stored.crops(connection, "ORDER BY crop.face"):
            held |= needles.within(b"".join(png for _, _, png in part))
    return held


def _texts(connection: Records) -> Iterator[list[str]]:
    """Names, aliases, paths and places of copies that stay, in the clear."""
    yield [text for person in people.people(connection) for text in (person.name, *person.aliases)]
    yield [copy.place for copy in copies.listed(connection)]
    rows = connection.execute(
        """SELECT person.uuid, person.key, face.uuid, sha256, source, reading, face.sealed
           FROM face JOIN person ON person.id = face.person"""
    )
    while part := rows.fetchmany(_CHUNK):
        found = (
            details_of(connection, Owner(person, key), face, (sha256, source, reading, sealed)).source
            for person, key, face, sha256, source, reading, sealed in part
        )
        yield [source for source in found if source]


def _vectors(connection: Records, faces: list[int]) -> Iterator[bytes]:
    """Vectors of some faces under every contract."""
    for (contract,) in connection.execute("SELECT id FROM contract").fetchall():
        for part in stored.vectors(connection, contract, faces):
            yield from (blob for _, _, blob in part)


def _batches(connection: Records) -> Iterator[list[bytes]]:
    """All vectors, some thousand at once."""
    for (contract,) in connection.execute("SELECT id FROM contract").fetchall():
        for part in stored.vectors(connection, contract):
            yield [blob for _, _, blob in part]


def vector_forms(vector: NDArray[np.float32]) -> Iterable[bytes]:
    """Byte patterns of a vector in each form that is ever written: float32, and codes of one byte."""
    codes = codes_of(vector[None]).codes.tobytes()
    return [*scan.pieces(vector.tobytes(), every=128), *scan.pieces(codes, every=64)]


def _sealed_forms(connection: Records, row: int) -> Iterator[bytes]:
    """Byte patterns of a person's values as they lie sealed, and of what they are looked up by."""
    for question, every in (
        ("SELECT sealed FROM person WHERE id = ?", 64),
        ("SELECT sealed FROM alias WHERE person = ?", 64),
        ("SELECT sealed FROM feedback WHERE person = ?", 64),
        ("SELECT sealed FROM face WHERE person = ?", 128),
        ("SELECT vector FROM template JOIN face ON face.id = template.face WHERE person = ?", 128),
        ("SELECT png FROM crop JOIN face ON face.id = crop.face WHERE person = ?", 512),
    ):
        for (blob,) in connection.execute(question, (row,)):
            if blob is not None:
                yield from scan.pieces(blob, every=every)
    for question in ("SELECT name FROM person WHERE id = ?", "SELECT name FROM alias WHERE person = ?"):
        yield from (tag.encode() for (tag,) in connection.execute(question, (row,)))


def _key_forms(connection: Records, key: str) -> Iterator[bytes]:
    """The data key as it lies wrapped, and in the clear."""
    seal = connection.seal
    for wrapped in () if seal is None else seal.keys.get([key]).values():
        yield wrapped
        if seal is not None:
            yield seal.secret(key, wrapped)
