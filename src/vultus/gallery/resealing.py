"""Sealing a gallery that lies in the clear, and back; other keys for the same people.

All values are rewritten in one transaction: a gallery that is half sealed does not exist, and a
process that dies leaves the old one. What it lay like before stays in free pages and the log, so
the database is then written anew, the log emptied, and the files searched for what must be gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from vultus.errors import GalleryBusyError, GalleryError
from vultus.gallery import copies, erasure, owning, people, scan, stored
from vultus.gallery.details import Details, details_of
from vultus.gallery.exporting import Progress
from vultus.gallery.keyfile import KEYS
from vultus.gallery.live import Live
from vultus.gallery.masterkey import MasterKey
from vultus.gallery.records import Owner, Records, owner
from vultus.gallery.sealing import Seal
from vultus.gallery.store import Store
from vultus.gallery.traces import vector_forms
from vultus.gallery.values import Sealing

__all__ = ["renew_keys", "rewrap", "seal", "unseal"]

_SAMPLE = 2_000  # templates looked for afterwards; everything was rewritten, this shows it
_LONG = 8  # bytes of a name; a shorter one occurs by chance
_PEOPLE = 500  # whose keys are renewed in one transaction


def seal(
    store: Store, live: Live, master: MasterKey, *, key_file: Path | None = None, progress: Progress | None = None
) -> Sealing:
    """Encrypt all that is written of people.

    Refused: a gallery that is sealed already (GalleryError), a key file that holds keys (ConflictError).
    """
    if store.seal is not None:
        raise GalleryError(f"{store.folder} is sealed already; rotate its master key or its data keys instead")
    place = store.folder / KEYS if key_file is None else key_file.resolve()
    with store.read() as connection:
        (uuid,) = connection.execute("SELECT uuid FROM gallery").fetchone()
    new = Seal.create(uuid, place, master, timeout=store.timeout)
    try:
        with store.write(counted=False) as connection:
            gone = list(_sample(connection))
            _rewrite(connection, None, new, progress)
            connection.execute(
                "UPDATE gallery SET seal = ?, keys = ?, snapshot = NULL",
                (new.id, None if key_file is None else str(place)),
            )
            new.commit()
    except BaseException:
        new.keys.close()
        place.unlink(missing_ok=True)
        raise
    store.adopt_seal(new)
    return _finished(store, live, gone)


def unseal(store: Store, live: Live, *, progress: Progress | None = None) -> Sealing:
    """Write everything in the clear again and give up the keys. Refused (GalleryError): no sealed gallery."""
    old = store.seal
    if old is None:
        raise GalleryError(f"{store.folder} is not sealed")
    with store.write(counted=False) as connection:
        _rewrite(connection, old, None, progress)
        connection.execute("UPDATE gallery SET seal = NULL, keys = NULL, snapshot = NULL")
    path = old.keys.path
    old.destroy(old.keys.ids())
    store.adopt_seal(None)
    path.unlink(missing_ok=True)
    return _finished(store, live, [])


def rewrap(store: Store, master: MasterKey) -> int:
    """Wrap all data keys by another master key; no value is touched. How many keys.

    Copies of the key file that were made before open with the old master key still.
    """
    if store.seal is None:
        raise GalleryError(f"{store.folder} is not sealed")
    with store.write(counted=False):  # nobody makes a key meanwhile
        return store.seal.rewrap(master)


def renew_keys(store: Store, *, progress: Progress | None = None) -> int:
    """Give every person a new data key and seal their values with it; old keys are destroyed. How many people."""
    if store.seal is None:
        raise GalleryError(f"{store.folder} is not sealed")
    with store.read() as connection:
        rows = [row for (row,) in connection.execute("SELECT id FROM person ORDER BY id")]
    done = 0
    for start in range(0, len(rows), _PEOPLE):
        with store.write(counted=False) as connection:
            done += sum(_renew(connection, row) for row in rows[start : start + _PEOPLE])
        if progress is not None:
            progress(min(start + _PEOPLE, len(rows)), len(rows))
    erasure.sweep_keys(store)
    return done


def _renew(connection: Records, row: int) -> bool:
    if connection.execute("SELECT 1 FROM person WHERE id = ?", (row,)).fetchone() is None:
        return False  # removed by another process meanwhile
    before = owner(connection, row)
    name, aliases = people.name_of(connection, row), people.aliases(connection, row)
    after = Owner(before.person, connection.new_key())
    said = [
        (picture, ordinal, connection.opened(before, sealed, "feedback", before.person))
        for picture, ordinal, sealed in connection.execute(
            "SELECT sha256, ordinal, sealed FROM feedback WHERE person = ?", (row,)
        ).fetchall()
    ]
    faces = [face for (face,) in connection.execute("SELECT id FROM face WHERE person = ?", (row,)).fetchall()]
    owning.reseal_faces(connection, faces, before, after)
    _write_person(connection, row, after, name, aliases, said)
    return True


def _write_person(
    connection: Records, row: int, who: Owner, name: str, aliases: tuple[str, ...], said: list[tuple[bytes, int, bytes]]
) -> None:
    """Write what is known of a person besides the faces; said: where a word stands, its place, the picture."""
    sealed = connection.beside(who, name.encode(), "name", who.person)
    connection.execute(
        "UPDATE person SET name = ?, sealed = ?, key = ? WHERE id = ?",
        (connection.name_tag(name), sealed, who.key, row),
    )
    connection.execute("DELETE FROM alias WHERE person = ?", (row,))
    for alias in aliases:
        people.add_alias(connection, row, alias)
    for picture, ordinal, sha256 in said:
        connection.execute(
            "UPDATE feedback SET sha256 = ?, sealed = ? WHERE sha256 = ? AND ordinal = ? AND person = ?",
            (
                connection.picture_tag(sha256),
                connection.beside(who, sha256, "feedback", who.person),
                picture,
                ordinal,
                row,
            ),
        )


def _rewrite(connection: Records, old: Seal | None, new: Seal | None, progress: Progress | None) -> None:
    """Read every value by the old seal and write it by the new one; None is the clear."""
    contracts = connection.execute("SELECT id, key FROM contract").fetchall()
    places = copies.listed(connection)
    rows = connection.execute("SELECT id FROM person ORDER BY id").fetchall()
    for done, (row,) in enumerate(rows, 1):
        before = owner(connection, row)
        with _using(connection, old):
            name, aliases = people.name_of(connection, row), people.aliases(connection, row)
            said = [
                (
                    picture,
                    ordinal,
                    picture if sealed is None else connection.opened(before, sealed, "feedback", before.person),
                )
                for picture, ordinal, sealed in connection.execute(
                    "SELECT sha256, ordinal, sealed FROM feedback WHERE person = ?", (row,)
                ).fetchall()
            ]
            faces = list(_faces(connection, row, before, contracts))
        with _using(connection, new):
            after = Owner(before.person, connection.new_key())
            # Names are unique, in the clear and as tags: no tag is a name that somebody could bear.
            _write_person(connection, row, after, name, aliases, said)
            for face in faces:
                _write_face(connection, after, face)
        if progress is not None and (done % 100 == 0 or done == len(rows)):
            progress(done, len(rows))
    with _using(connection, new):
        connection.execute("DELETE FROM copy")
        for copy in places:
            copies.note(connection, copy.kind, copy.place, revision=copy.revision, open_=copy.open, at=copy.at)


class _Face:
    """All values of one face in the clear, while it is rewritten."""

    __slots__ = ("details", "png", "row", "uuid", "vectors")

    def __init__(
        self, row: int, uuid: str, details: Details, vectors: list[tuple[int, str, bytes]], png: bytes | None
    ) -> None:
        self.row, self.uuid, self.details, self.vectors, self.png = row, uuid, details, vectors, png


def _faces(connection: Records, person: int, who: Owner, contracts: list[tuple[int, str]]) -> Iterator[_Face]:
    keys = dict(contracts)
    for row, uuid, sha256, source, reading, sealed in connection.execute(
        "SELECT id, uuid, sha256, source, reading, sealed FROM face WHERE person = ?", (person,)
    ).fetchall():
        details = details_of(connection, who, uuid, (sha256, source, reading, sealed))
        vectors = [
            (contract, keys[contract], connection.opened(who, blob, "vector", who.person, uuid, keys[contract]))
            for contract, blob in connection.execute("SELECT contract, vector FROM template WHERE face = ?", (row,))
        ]
        found = connection.execute("SELECT png FROM crop WHERE face = ?", (row,)).fetchone()
        png = None if found is None else connection.opened(who, found[0], "crop", who.person, uuid)
        yield _Face(row, uuid, details, vectors, png)


def _write_face(connection: Records, who: Owner, face: _Face) -> None:
    sealed = connection.beside(who, face.details.to_json(), "face", who.person, face.uuid)
    shown = face.details if sealed is None else Details()
    connection.execute(
        "UPDATE face SET sha256 = ?, source = ?, reading = ?, sealed = ? WHERE id = ?",
        (connection.picture_tag(face.details.sha256), shown.source, shown.reading, sealed, face.row),
    )
    for contract, key, vector in face.vectors:
        blob = connection.closed(who, vector, "vector", who.person, face.uuid, key)
        connection.execute("UPDATE template SET vector = ? WHERE face = ? AND contract = ?", (blob, face.row, contract))
    if face.png is not None:
        blob = connection.closed(who, face.png, "crop", who.person, face.uuid)
        connection.execute("UPDATE crop SET png = ? WHERE face = ?", (blob, face.row))


@contextmanager
def _using(connection: Records, seal: Seal | None) -> Iterator[None]:
    """The connection reads and writes by another seal inside."""
    before, connection.seal = connection.seal, seal
    try:
        yield
    finally:
        connection.seal = before


def _sample(connection: Records) -> Iterator[bytes]:
    """Byte patterns of the gallery in the clear: every name and path, and the faces of a sample."""
    for person in people.people(connection):
        yield from (text.encode() for text in (person.name, *person.aliases) if len(text.encode()) >= _LONG)
    ids = [face for (face,) in connection.execute("SELECT id FROM face ORDER BY id")]
    chosen = ids[:: max(len(ids) // _SAMPLE, 1)]
    for (source,) in connection.execute("SELECT DISTINCT source FROM face WHERE source IS NOT NULL"):
        if len(source.encode()) >= _LONG:
            yield source.encode()
    for (contract,) in connection.execute("SELECT id FROM contract").fetchall():
        for part in stored.vectors(connection, contract, chosen):
            for _, _, blob in part:
                yield from vector_forms(np.frombuffer(blob, dtype="<f4"))
    wanted = "[" + ",".join(map(str, chosen)) + "]"
    for part in stored.crops(connection, "WHERE crop.face IN (SELECT value FROM json_each(?))", (wanted,)):
        for _, _, png in part:
            yield from scan.pieces(png, skip=64, every=2048)


def _finished(store: Store, live: Live, gone: list[bytes]) -> Sealing:
    """Drop the old snapshots, write the database anew, and search its files for what must be gone."""
    with store.write(counted=False) as connection:
        live.sweep(connection)
    store.vacuum()
    if not store.checkpoint():
        raise GalleryBusyError(
            f"{store.folder} is changed, but another process still reads its old pages from the log; close it there, "
            "then run `vultus gallery check`, which empties the log"
        )
    needles = scan.Needles(gone)
    files: list[str] = []
    hits: list[tuple[str, int]] = []
    size = 0
    for name, path in erasure.files_of(store):
        found, read = needles.find(path)
        files.append(name)
        size += read
        if found:
            hits.append((name, len(found)))
    with store.read() as connection:
        persons, templates, crops = (
            connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("person", "face", "crop")
        )
    return Sealing(
        sealed=store.seal is not None,
        people=persons,
        templates=templates,
        crops=crops,
        files=tuple(files),
        bytes=size,
        needles=len(needles.patterns),
        sampled=min(templates, _SAMPLE) if gone else 0,
        hits=tuple(hits),
    )
