"""Erasing a person, and showing that nothing of them is left in the gallery's folder.

SQLite zeroes what it deletes (`secure_delete`), but the old pages stay in the write-ahead
log until a checkpoint that no reader blocks, and the snapshot is another copy. So: delete,
empty the log, write the snapshot anew, then look for the person's bytes in every file. Only
when some are found is the database rewritten (VACUUM) and looked through again.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vultus.errors import GalleryBusyError
from vultus.gallery import people, scan
from vultus.gallery.live import Live
from vultus.gallery.quantise import codes_of
from vultus.gallery.schema import now
from vultus.gallery.store import Store
from vultus.gallery.values import Receipt

__all__ = ["Remains", "delete", "pending", "settle"]

_SHORTEST = 8  # bytes of a name or path; a shorter one occurs by chance in any large file
_PAUSE = 0.05  # seconds between two tries to empty the log
_CHUNK = 20_000  # rows


@dataclass(frozen=True, slots=True, eq=False)
class Remains:
    """What must no longer be found of somebody; kept in memory only."""

    name: bytes
    patterns: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class _Look:
    """What one search of the folder found."""

    files: tuple[str, ...]
    bytes: int
    left: dict[str, int]  # patterns by file that no other row accounts for
    name_scanned: bool


def delete(connection: sqlite3.Connection, name: str) -> tuple[str, Remains]:
    """Delete a person inside a write transaction; their id, and what to look for.

    The same commit notes that the traces are still to go: a process that dies now leaves a
    pending erasure, not a forgotten one.
    """
    row = people.resolve(connection, name)
    uuid, name = connection.execute("SELECT uuid, name FROM person WHERE id = ?", (row,)).fetchone()
    found = connection.execute("SELECT uuid, source FROM face WHERE person = ?", (row,)).fetchall()
    aliases = connection.execute("SELECT name FROM alias WHERE person = ?", (row,)).fetchall()
    texts = {
        text.encode() for text in (name, *(alias for (alias,) in aliases), *(source for _, source in found if source))
    }
    # Id and name stand side by side in a row: so even a short name can be looked for there.
    patterns = {face.encode() for face, _ in found} | {(uuid + name).encode()}
    patterns |= {text for text in texts if len(text) >= _SHORTEST}
    for (blob,) in connection.execute(
        "SELECT vector FROM template JOIN face ON face.id = template.face WHERE person = ?", (row,)
    ):
        patterns.update(_forms(np.frombuffer(blob, dtype="<f4")))
    crops = 0
    for (png,) in connection.execute("SELECT png FROM crop JOIN face ON face.id = crop.face WHERE person = ?", (row,)):
        patterns.update(scan.pieces(png, skip=64))  # the header is that of every crop
        crops += 1
    (revision,) = connection.execute("SELECT revision FROM gallery").fetchone()
    people.remove(connection, row)
    connection.execute(
        "INSERT INTO erasure (person, revision_before, revision_after, templates, crops) VALUES (?, ?, ?, ?, ?)",
        (uuid, revision, revision + 1, len(found), crops),
    )
    return uuid, Remains(name.encode(), frozenset(patterns))


def pending(connection: sqlite3.Connection) -> list[str]:
    """Ids of the people whose traces are still to go."""
    return [person for (person,) in connection.execute("SELECT person FROM erasure ORDER BY revision_after, person")]


def settle(store: Store, live: Live, person: str, remains: Remains | None) -> Receipt:
    """Remove the traces of a deleted person, look for them, and write the receipt.

    remains: None when another process deleted the person and took the patterns with it;
    then the database is rewritten whatever the scan would say, and the receipt says so.
    """
    if not _emptied(store, live):
        return _receipt(store, person, "pending")
    looked = None if remains is None else _look(store, remains)
    vacuumed = looked is None or bool(looked.left)
    if vacuumed:
        try:
            store.vacuum()
        except GalleryBusyError:
            return _receipt(store, person, "pending")
        if not _emptied(store, live):
            return _receipt(store, person, "pending")
        looked = None if remains is None else _look(store, remains)
    receipt = _receipt(
        store, person, "traces" if looked is not None and looked.left else "erased", remains, looked, vacuumed
    )
    if receipt.status == "erased":
        with store.write(counted=False) as connection:
            connection.execute("DELETE FROM erasure WHERE person = ?", (person,))
    return receipt


def _emptied(store: Store, live: Live) -> bool:
    """Empty the log and renew the snapshot; False when a reader held on for too long."""
    deadline = time.monotonic() + store.timeout
    with store.write(counted=False) as connection:
        live.refresh(connection)
        if live.empty:
            connection.execute("UPDATE gallery SET snapshot = NULL WHERE snapshot IS NOT NULL")
        elif connection.execute("SELECT snapshot FROM gallery").fetchone()[0] is not None:
            live.save_snapshot(connection)
    with store.write(counted=False) as connection:
        live.sweep(connection)
    while not store.checkpoint():
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE)
    return True


def _look(store: Store, remains: Remains) -> _Look:
    """Search every file of the folder for what remains."""
    needles = scan.Needles(remains.patterns)
    hits: dict[str, set[bytes]] = {}
    size = 0
    for path in scan.files(store.folder):
        hits[str(path.relative_to(store.folder))], read = needles.find(path)
        size += read
    shared = _in_other_rows(store, set().union(*hits.values()))
    left = {file: len(found - shared) for file, found in hits.items() if found - shared}
    return _Look(tuple(hits), size, left, remains.name in remains.patterns - shared)


def _in_other_rows(store: Store, found: set[bytes]) -> set[bytes]:
    """Those of the patterns that rows of other people hold: finding them proves nothing.

    The same picture enrolled for two people, a name that is part of another name or path.
    """
    needles = scan.Needles(found)
    held: set[bytes] = set()
    if not found:
        return held
    with store.read() as connection:
        texts = connection.execute(
            "SELECT name FROM person UNION ALL SELECT name FROM alias UNION ALL SELECT source FROM face"
        )
        while part := texts.fetchmany(_CHUNK):
            held |= needles.within("\n".join(text for (text,) in part if text).encode())
        if found <= held:
            return held
        vectors = connection.execute("SELECT vector FROM template")
        while part := vectors.fetchmany(_CHUNK):
            held |= needles.within(b"".join(blob for (blob,) in part))
            held |= needles.within(
                b"".join(codes_of(np.frombuffer(blob, "<f4")[None]).codes.tobytes() for (blob,) in part)
            )
        crops = connection.execute("SELECT png FROM crop")
        while part := crops.fetchmany(100):
            held |= needles.within(b"".join(png for (png,) in part))
    return held


def _forms(vector: NDArray[np.float32]) -> Iterable[bytes]:
    """Byte patterns of a vector in each form that is ever written: float32, and codes of one byte."""
    codes = codes_of(vector[None]).codes.tobytes()
    return [*scan.pieces(vector.tobytes(), every=128), *scan.pieces(codes, every=64)]


def _receipt(
    store: Store,
    person: str,
    status: Literal["erased", "pending", "traces"],
    remains: Remains | None = None,
    looked: _Look | None = None,
    vacuumed: bool = False,
) -> Receipt:
    with store.read() as connection:
        before, after, templates, crops = connection.execute(
            "SELECT revision_before, revision_after, templates, crops FROM erasure WHERE person = ?", (person,)
        ).fetchone()
    return Receipt(
        status=status,
        person=person,
        templates=templates,
        crops=crops,
        revision_before=before,
        revision_after=after,
        files=() if looked is None else looked.files,
        bytes=0 if looked is None else looked.bytes,
        needles=0 if remains is None else len(remains.patterns),
        hits=() if looked is None else tuple(looked.left.items()),
        name_scanned=looked is not None and looked.name_scanned,
        scanned=looked is not None,
        vacuumed=vacuumed,
        at=now(),
    )
