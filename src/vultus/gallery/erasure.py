"""Erasing a person, and showing that nothing of them is left in the gallery's folder.

SQLite zeroes what it deletes (`secure_delete`), but the old pages stay in the write-ahead
log until a checkpoint that no reader blocks, and the snapshot is another copy. So: delete,
empty the log, write the snapshot anew, then look for the person's bytes in every file. Only
when some are found is the database rewritten (VACUUM) and looked through again.

In a sealed gallery the person's data key is destroyed as well, so that their values in older
backups, which do not hold the key file, are noise. Other readers are given the time to finish
first, and when one holds on for longer, the key goes all the same. Looked for are then the values
in the clear, the values as they lay sealed, what they were looked up by, and the key.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Literal

from vultus.errors import GalleryBusyError
from vultus.gallery import copies, people, scan, traces
from vultus.gallery.live import Live
from vultus.gallery.records import Records
from vultus.gallery.schema import now
from vultus.gallery.sealing import Seal
from vultus.gallery.store import Store
from vultus.gallery.traces import Remains
from vultus.gallery.values import Receipt

__all__ = ["Noted", "Remains", "delete", "files_of", "pending", "settle", "sweep_keys"]

_PAUSE = 0.05  # seconds between two tries to empty the log
_STATE = ".vultus/"  # where a server that serves this one gallery keeps its keys and journal


@dataclass(frozen=True, slots=True)
class Noted:
    """Somebody who is deleted and whose traces are still to go, as the database has it."""

    person: str  # id
    revision_before: int
    revision_after: int
    templates: int
    crops: int
    key: str | None  # id of the data key; None in the clear


@dataclass(frozen=True, slots=True)
class _Look:
    """What one search of the folder found."""

    files: tuple[str, ...]
    bytes: int
    left: dict[str, int]  # patterns by file that no other row accounts for
    name_scanned: bool


def delete(connection: Records, name: str) -> tuple[Noted, Remains]:
    """Delete a person inside a write transaction; what is noted of them, and what to look for.

    The same commit notes that the traces are still to go: a process that dies now leaves a
    pending erasure, not a forgotten one.
    """
    row = people.resolve(connection, name)
    who, remains, templates, crops = traces.remains_of(connection, row)
    (revision,) = connection.execute("SELECT revision FROM gallery").fetchone()
    people.remove(connection, row)
    noted = Noted(who.person, revision, revision + 1, templates, crops, who.key)
    connection.execute(
        """INSERT INTO erasure (person, revision_before, revision_after, templates, crops, key)
           VALUES (?, ?, ?, ?, ?, ?)""",
        astuple(noted),
    )
    return noted, remains


def pending(connection: Records) -> list[Noted]:
    """The people whose traces are still to go, in the order of their deletion."""
    rows = connection.execute(
        """SELECT person, revision_before, revision_after, templates, crops, key FROM erasure
           ORDER BY revision_after, person"""
    )
    return [Noted(*row) for row in rows]


def settle(store: Store, live: Live, noted: Noted, remains: Remains | None, *, wait: bool = True) -> Receipt:
    """Remove the traces of a deleted person, look for them, and write the receipt.

    remains: None when another process deleted the person and took the patterns with it;
    then the database is rewritten whatever the scan would say, and the receipt says so.
    wait: for readers of an older state; without it what they hold up stays pending. That
    another process does the same at the same time does no harm.
    """
    if not wait and not store.checkpoint(wait=False):
        return _receipt(store, noted, "pending")
    emptied = _emptied(store, live)
    if store.seal is not None and noted.key is not None:
        store.seal.destroy([noted.key])
    if not emptied:
        return _receipt(store, noted, "pending")
    looked = None if remains is None else _look(store, remains)
    vacuumed = looked is None or bool(looked.left)
    if vacuumed:
        try:
            store.vacuum()
        except GalleryBusyError:
            return _receipt(store, noted, "pending")
        if not _emptied(store, live):
            return _receipt(store, noted, "pending")
        looked = None if remains is None else _look(store, remains)
    receipt = _receipt(
        store, noted, "traces" if looked is not None and looked.left else "erased", remains, looked, vacuumed
    )
    if receipt.status == "erased":
        with store.write(counted=False) as connection:
            connection.execute("DELETE FROM erasure WHERE person = ?", (noted.person,))
    return receipt


def sweep_keys(store: Store) -> int:
    """Destroy the data keys that are nobody's: of people who were removed or merged; how many.

    A reader of an older state may still need them, so they are listed first, under the write
    lock; then the log is emptied, which fails while there is such a reader; and then those that
    are still nobody's go, under the lock again, since a key made ahead may have found its person.
    """
    seal = store.seal
    if seal is None or store.read_only:
        return 0
    with store.write(counted=False) as connection:
        seal.drop_ahead()
        (used,) = connection.execute("SELECT count(*) FROM person").fetchone()
        if len(seal.keys) <= used + 1 + len(seal.keys.snapshots()):
            return 0
        spare = _nobodys(connection, seal)
    if not spare or not store.checkpoint(wait=False):
        return 0
    with store.write(counted=False) as connection:
        return seal.destroy(spare & _nobodys(connection, seal))


def _nobodys(connection: Records, seal: Seal) -> set[str]:
    """Ids of the data keys that no person has; snapshots' keys have a dash in their ids."""
    held = {key for (key,) in connection.execute("SELECT key FROM person")}
    return {key for key in seal.keys.ids() if key not in held and key != "gallery" and "-" not in key}


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
    """Search every file of the folder, and the key file wherever it lies, for what remains."""
    needles = scan.Needles(remains.patterns)
    hits: dict[str, set[bytes]] = {}
    size = 0
    for name, path in files_of(store):
        hits[name], read = needles.find(path)
        if name.startswith(_STATE):
            hits[name] -= remains.ids  # a server's journal keeps what was done to whom, by ids
        size += read
    shared = traces.in_other_rows(store, set().union(*hits.values()))
    left = {file: len(found - shared) for file, found in hits.items() if found - shared}
    return _Look(tuple(hits), size, left, remains.name in remains.patterns - shared)


def files_of(store: Store) -> Iterator[tuple[str, Path]]:
    """What the gallery wrote: every file of its folder, and the key file with its journal, by name."""
    listed = scan.files(store.folder)
    for path in listed:
        yield str(path.relative_to(store.folder)), path
    if store.key_file is not None:
        for path in (store.key_file, store.key_file.with_name(store.key_file.name + "-journal")):
            if path.is_file() and path.resolve() not in {known.resolve() for known in listed}:
                yield str(path), path


def _receipt(
    store: Store,
    noted: Noted,
    status: Literal["erased", "pending", "traces"],
    remains: Remains | None = None,
    looked: _Look | None = None,
    vacuumed: bool = False,
) -> Receipt:
    with store.read() as connection:
        older = [copy for copy in copies.listed(connection) if copy.revision <= noted.revision_before]
    destroyed = None if noted.key is None or store.seal is None else not store.seal.keys.get([noted.key])
    return Receipt(
        status=status,
        person=noted.person,
        templates=noted.templates,
        crops=noted.crops,
        revision_before=noted.revision_before,
        revision_after=noted.revision_after,
        files=() if looked is None else looked.files,
        bytes=0 if looked is None else looked.bytes,
        needles=0 if remains is None else len(remains.patterns),
        hits=() if looked is None else tuple(looked.left.items()),
        name_scanned=looked is not None and looked.name_scanned,
        scanned=looked is not None,
        vacuumed=vacuumed,
        at=now(),
        key_destroyed=destroyed,
        not_covered=tuple(copy.place for copy in older if copy.open or not destroyed),
    )
