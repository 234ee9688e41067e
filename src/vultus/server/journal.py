"""The journal: who did what to whom, when and why, in a chain that shows every later change.

It is a chain (`vultus.server.chain`) in a database of its own. It outlives the people it speaks of:
so it holds ids, never names, vectors or pictures. Triggers refuse to change or delete entries;
whoever owns the file can take the triggers off, and is found out by `verify`.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from vultus.errors import GalleryBusyError, GalleryError, InputError, NotFoundError, StorageError, VultusError
from vultus.gallery.faults import fault
from vultus.server.chain import FIRST, Entry, Head, Verification, Walk, canonical, checked

__all__ = ["Journal"]

_APPLICATION_ID = 0x5655_4C4A  # "VULJ"
_VERSION = 1
_TABLES = (
    """CREATE TABLE entry (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,  -- so SQLite itself remembers how far it went
        prev TEXT NOT NULL,                     -- hash of the entry before
        body TEXT NOT NULL,                     -- canonical JSON
        hash TEXT NOT NULL                      -- SHA-256 of the body, hex
    ) STRICT""",
    """CREATE TRIGGER entry_changed BEFORE UPDATE ON entry BEGIN
        SELECT RAISE(ABORT, 'the journal is append-only');
    END""",
    """CREATE TRIGGER entry_deleted BEFORE DELETE ON entry BEGIN
        SELECT RAISE(ABORT, 'the journal is append-only');
    END""",
    # Also against INSERT OR REPLACE, which deletes without asking the trigger above.
    f"""CREATE TRIGGER entry_added BEFORE INSERT ON entry
        WHEN new.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM entry)
            OR new.prev IS NOT coalesce((SELECT hash FROM entry ORDER BY seq DESC LIMIT 1), '{FIRST}')
    BEGIN
        SELECT RAISE(ABORT, 'the journal is a chain, entries go to its end');
    END""",
)
_TRIGGERS = frozenset(_TABLES[1:])


@dataclass(slots=True, eq=False)
class _Waiting:
    """An entry on its way to the disk."""

    fields: dict[str, Any]
    entry: Entry | None = None
    error: VultusError | None = None


class Journal:
    """The journal in one file, for any number of threads and processes.

    Entries that threads bring at the same time are committed together, so that a busy server waits
    for one write of the disk and not for one each. Each `append` returns when its entry is durable.

    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> with Journal(Path(folder.name) / "journal.sqlite") as journal:
    ...     journal.append(actor="key:test", action="person.erase", target="p1", reason="asked for").seq
    ...     journal.verify().ok
    1
    True
    >>> folder.cleanup()
    """

    def __init__(
        self, path: str | os.PathLike[str], *, create: bool = True, read_only: bool = False, timeout: float = 10.0
    ) -> None:
        """Open a journal, or begin one.

        Refused: no such file (NotFoundError, without `create`), another file (GalleryError), a place
        that cannot be written (StorageError), another process that writes too long (GalleryBusyError).
        """
        self.path = Path(path)
        self.timeout = timeout
        if not self.path.is_file() and (read_only or not create):
            raise NotFoundError(f"expected a journal at {self.path}, there is none")
        self._mutex = threading.Lock()  # guards the queue
        self._writer = threading.Lock()  # guards the connection
        self._queue: list[_Waiting] = []
        with self._in_our_words():
            mode = "ro" if read_only else "rwc"
            if not self.path.exists():
                self._new_file()
            self._connection = self._connect(mode)
        try:
            with self._in_our_words():
                self._settle(read_only)
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file; entries that wait are written first."""
        with self._writer:
            self._connection.close()

    def append(
        self,
        *,
        actor: str,
        action: str,
        target: str = "",
        gallery: str = "",
        reason: str = "",
        revision: int | None = None,
        request: str | None = None,
        evidence: Mapping[str, Any] | None = None,
        at: str | None = None,
    ) -> Entry:
        """Write one entry to the end of the chain; it is on the disk when this returns.

        actor, action, target, gallery, request: words without white space. evidence: numbers, words,
        lists of words. at: ISO 8601, now if None. What is empty is left out of the entry.

        Refused (InputError): other values, such as a vector; what is refused is not written.
        """
        words = {"actor": actor, "action": action, "target": target, "gallery": gallery, "request": request, "at": at}
        fields = checked(words, reason, revision, evidence)
        waiting = _Waiting(fields)
        with self._mutex:
            self._queue.append(waiting)
        with self._writer:
            if waiting.entry is None and waiting.error is None:  # else it went along with another's
                self._write()
        if waiting.error is not None:
            raise waiting.error
        if waiting.entry is None:
            raise StorageError("an entry was neither written nor refused")
        return waiting.entry

    def append_all(self, entries: Iterable[Mapping[str, Any]]) -> tuple[Entry, ...]:
        """Write several entries, each with the fields that `append` takes by name, in one transaction: all or none."""
        batch: list[_Waiting] = []
        for entry in entries:
            names = ("actor", "action", "target", "gallery", "request", "at")
            words = {name: entry.get(name) for name in names}
            fields = checked(words, entry.get("reason", ""), entry.get("revision"), entry.get("evidence"))
            batch.append(_Waiting(fields))
        with self._mutex:
            self._queue += batch
        with self._writer:
            if any(waiting.entry is None and waiting.error is None for waiting in batch):
                self._write()
        for waiting in batch:
            if waiting.error is not None:
                raise waiting.error
        return tuple(waiting.entry for waiting in batch if waiting.entry is not None)

    @property
    def head(self) -> Head:
        """The last entry's number and hash; of an empty journal 0 and zeros."""
        with self._reading() as connection:
            return _head(connection)

    def entries(
        self, *, after: int = 0, limit: int | None = None, newest_first: bool = False, **equal: str
    ) -> Iterator[Entry]:
        """Entries in order, those after a number; equal: values of actor, action, target, gallery, request.

        newest_first: from the end; `after` then still names the entry before the oldest one given.
        """
        if unknown := set(equal) - {"actor", "action", "target", "gallery", "request"}:
            raise InputError(f"expected actor, action, target, gallery or request, got {', '.join(sorted(unknown))}")
        where = "".join(f" AND json_extract(body, '$.{name}') = ?" for name in equal)
        order = "DESC" if newest_first else "ASC"
        question = f"SELECT body, hash FROM entry WHERE seq > ?{where} ORDER BY seq {order} LIMIT ?"
        values = (after, *equal.values(), -1 if limit is None else limit)
        with self._reading() as connection:
            rows = connection.execute(question, values)
            while part := rows.fetchmany(1000):
                yield from (Entry.read(body, digest) for body, digest in part)

    def lines(self, *, after: int = 0) -> Iterator[str]:
        """Entries as JSON, one a line, each with its hash: what `verify_lines` checks."""
        with self._reading() as connection:
            rows = connection.execute("SELECT body, hash FROM entry WHERE seq > ? ORDER BY seq", (after,))
            while part := rows.fetchmany(1000):
                for body, digest in part:
                    yield f'{body[:-1]},"hash":"{digest}"}}\n'

    def verify(self, head: Head | None = None) -> Verification:
        """Walk along the whole chain; head: one that was kept, which must still be in it."""
        with self._reading() as connection:
            walk = Walk(head)
            rows = connection.execute("SELECT seq, prev, body, hash FROM entry ORDER BY seq")
            while part := rows.fetchmany(1000):
                for seq, prev, body, digest in part:
                    if prev != walk.last.hash:
                        walk.say(f"entry {seq} names another entry before it than {walk.last.seq}")
                    walk.step(seq, body, digest)
            found = {sql for (sql,) in connection.execute("SELECT sql FROM sqlite_master WHERE type = 'trigger'")}
            if lost := len(_TRIGGERS - found):
                walk.say(f"{lost} of the triggers that keep entries as they are were taken off or changed")
            (reached,) = connection.execute(
                "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'entry'), 0)"
            ).fetchone()
            if reached > walk.last.seq:
                walk.say(f"the end was cut off: the journal once reached entry {reached}, it ends at {walk.last.seq}")
            for (line,) in connection.execute("PRAGMA integrity_check(3)").fetchall():
                if line != "ok":
                    walk.say(f"the file is damaged: {line}")
        return walk.result()

    def _write(self) -> None:
        """Write all that waits as one transaction."""
        with self._mutex:
            batch, self._queue = self._queue, []
        try:
            with self._in_our_words():
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    last = _head(self._connection)
                    made: list[Entry] = []
                    for waiting in batch:
                        fields = {"at": _now(), **waiting.fields, "prev": last.hash, "seq": last.seq + 1}
                        body = canonical(fields)
                        last = Head(last.seq + 1, hashlib.sha256(body.encode()).hexdigest())
                        row = (last.seq, fields["prev"], body, last.hash)
                        self._connection.execute("INSERT INTO entry (seq, prev, body, hash) VALUES (?, ?, ?, ?)", row)
                        made.append(Entry(hash=last.hash, **fields))
                    self._connection.execute("COMMIT")
                finally:
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")
        except VultusError as error:
            for waiting in batch:
                waiting.error = error
            return
        for waiting, entry in zip(batch, made, strict=True):
            waiting.entry = entry

    def _reading(self) -> _Reading:
        return _Reading(self)

    def _new_file(self) -> None:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.touch(mode=0o600)
        except OSError as error:
            raise StorageError(f"the journal {self.path} cannot be made ({error.strerror})") from error

    def _connect(self, mode: str) -> sqlite3.Connection:
        uri = f"{self.path.resolve().as_uri()}?mode={mode}"
        return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=self.timeout)

    def _settle(self, read_only: bool) -> None:
        ask = self._connection.execute
        application = ask("PRAGMA application_id").fetchone()[0]
        (tables,) = ask("SELECT count(*) FROM sqlite_master").fetchone()
        if application != _APPLICATION_ID and (tables or read_only):
            raise GalleryError(f"expected a vultus journal, {self.path} is something else")
        if tables and (version := ask("PRAGMA user_version").fetchone()[0]) != _VERSION:
            raise GalleryError(f"{self.path} has version {version}, this vultus reads {_VERSION}; update vultus")
        if read_only:
            return
        self._write_ahead()
        ask("PRAGMA synchronous = FULL")
        ask("PRAGMA trusted_schema = OFF")
        if not tables:
            ask("BEGIN IMMEDIATE")
            try:
                if not ask("SELECT count(*) FROM sqlite_master").fetchone()[0]:  # another may have been faster
                    for statement in _TABLES:
                        ask(statement)
                    ask(f"PRAGMA application_id = {_APPLICATION_ID}")
                    ask(f"PRAGMA user_version = {_VERSION}")
                ask("COMMIT")
            finally:
                if self._connection.in_transaction:
                    ask("ROLLBACK")

    def _write_ahead(self) -> None:
        """Switch the log on; while another process does the same the busy handler is not asked."""
        deadline = time.monotonic() + self.timeout
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
            else:
                return

    def _in_our_words(self) -> _Words:
        return _Words(self)


class _Words:
    """SQLite's errors in our words."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, sqlite3.Error):
            return
        path, kind = self._journal.path, fault(error)
        if kind == "busy":
            raise GalleryBusyError(f"{path} is being written for over {self._journal.timeout:g} s") from error
        if kind == "disk":
            raise StorageError(f"the journal {path} could not be written ({error}); free some space") from error
        raise GalleryError(f"the journal {path} is damaged or was changed ({error})") from error


class _Reading:
    """A connection of its own to read one state of the journal by, while others write."""

    def __init__(self, journal: Journal) -> None:
        self._words = _Words(journal)
        self._journal = journal

    def __enter__(self) -> sqlite3.Connection:
        with self._words:
            self._connection = self._journal._connect("ro")
            self._connection.execute("BEGIN")
        return self._connection

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._connection.close()
        self._words.__exit__(kind, error, trace)


def _head(connection: sqlite3.Connection) -> Head:
    row = connection.execute("SELECT seq, hash FROM entry ORDER BY seq DESC LIMIT 1").fetchone()
    return Head(0, FIRST) if row is None else Head(*row)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
