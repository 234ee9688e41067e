"""The SQLite file of record: opening it, transactions, and its errors in our words.

A write is one `BEGIN IMMEDIATE` transaction that ends with the next revision number, or with
no trace at all. With `synchronous=FULL` a commit that returned survives a power cut. In a sealed
gallery new data keys are durable before the commit that needs them.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vultus.errors import (
    GalleryBusyError,
    GalleryError,
    InputError,
    MasterKeyError,
    NotFoundError,
    StorageError,
    VultusError,
)
from vultus.gallery.faults import fault
from vultus.gallery.folder import prepare
from vultus.gallery.keyfile import KEYS, KeyFile
from vultus.gallery.masterkey import MasterKey, find_master_key
from vultus.gallery.records import Records
from vultus.gallery.schema import APPLICATION_ID, VERSION, climb
from vultus.gallery.sealing import Seal
from vultus.gallery.values import Keep

__all__ = ["DATABASE", "Store"]

log = logging.getLogger("vultus.gallery")

DATABASE = "gallery.sqlite"
_OLDEST = (3, 37)  # strict tables


class Store:
    """One connection to the database of a gallery folder, for one process, safe for its threads.

    lock: held during every transaction; a caller may hold it longer.
    Refused: see `Gallery.open`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        create: bool,
        keep: Keep | None,
        read_only: bool,
        timeout: float,
        master_key: MasterKey | None = None,
    ) -> None:
        self.folder = folder
        self.database = folder / DATABASE
        self.read_only = read_only
        self.timeout = timeout
        self.lock = threading.RLock()
        if sqlite3.sqlite_version_info < _OLDEST:
            raise GalleryError(f"expected SQLite 3.37 or later, this Python has {sqlite3.sqlite_version}")
        self._process = os.getpid()
        self._connection: Records | None = None
        prepare(folder, DATABASE, create=create and not read_only)
        try:
            with self._in_our_words():
                self._connect()
                self._settle(create=create and not read_only, keep=keep, master_key=master_key)
                self._unlock(master_key)
        except BaseException:
            self.close()
            raise

    @property
    def connection(self) -> Records:
        """The open connection; refused (GalleryError) after `close` and in a forked child."""
        if self._connection is None:
            raise GalleryError(f"the gallery {self.folder} is closed; open it again")
        if self._process != os.getpid():
            raise GalleryError(f"the gallery {self.folder} was opened before this process was forked; open it here")
        return self._connection

    @property
    def is_open(self) -> bool:
        """Not closed yet, and not inherited by a fork."""
        return self._connection is not None and self._process == os.getpid()

    def close(self) -> None:
        """Let go of the file; doing it twice is fine."""
        with self.lock:
            if self._connection is not None and self._process == os.getpid():
                if self._connection.seal is not None:
                    self._connection.seal.keys.close()
                self._connection.close()
            self._connection = None

    @property
    def revision(self) -> int:
        """Revision that the running transaction, or the next one, sees."""
        found: int = self.connection.execute("SELECT revision FROM gallery").fetchone()[0]
        return found

    @contextmanager
    def read(self) -> Iterator[Records]:
        """One state of the gallery for everything inside; writers elsewhere are not held up."""
        with self.lock, self._in_our_words():
            connection = self.connection
            if connection.in_transaction:  # part of a wider one
                yield connection
                return
            connection.execute("BEGIN")
            try:
                self._same_seal(connection)
                yield connection
            finally:
                _roll_back(connection)

    @contextmanager
    def write(self, *, counted: bool = True) -> Iterator[Records]:
        """All of what happens inside, durable when this returns, or nothing of it.

        counted: False for housekeeping that changes nothing a search could see; the
        revision then stays.
        Refused: GalleryBusyError when another process writes for longer than the timeout,
        StorageError when the disk is full or cannot be written, GalleryError when the
        gallery was opened read-only.
        """
        with self.lock, self._in_our_words():
            connection = self.connection
            if self.read_only:
                raise GalleryError(f"the gallery {self.folder} was opened read-only; open it without read_only")
            if connection.in_transaction:
                raise VultusError("a write inside another transaction")
            connection.execute("BEGIN IMMEDIATE")
            try:
                self._same_seal(connection)
                before = connection.total_changes
                yield connection
                if connection.total_changes != before:
                    if counted:
                        connection.execute("UPDATE gallery SET revision = revision + 1")
                    if connection.seal is not None:
                        connection.seal.commit()  # first: a person whose key is lost would be lost
                    connection.execute("COMMIT")
            finally:
                _roll_back(connection)

    def checkpoint(self, *, wait: bool = True) -> bool:
        """Move everything from the write-ahead log into the database and empty the log.

        False: another process reads an older state, the log could not be emptied. wait: for that
        process, up to the timeout.
        """
        with self.lock, self._in_our_words():
            ask = self.connection.execute
            try:
                if not wait:
                    ask("PRAGMA busy_timeout = 0")
                busy: int = ask("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            finally:
                ask(f"PRAGMA busy_timeout = {round(self.timeout * 1000)}")
            return not busy

    def vacuum(self) -> None:
        """Write the database, and the key file, anew: without free pages and without gaps inside pages."""
        with self.lock, self._in_our_words():
            self.connection.execute("VACUUM")
            if self.connection.seal is not None:
                self.connection.seal.keys.vacuum()

    @property
    def seal(self) -> Seal | None:
        """What opens and closes the gallery's values; None in the clear."""
        return self.connection.seal

    @property
    def key_file(self) -> Path | None:
        """Where the data keys lie; None in the clear."""
        return None if self.connection.seal is None else self.connection.seal.keys.path

    def adopt_seal(self, seal: Seal | None) -> None:
        """Go on with another seal, after the transaction that changed all values was committed."""
        old, self.connection.seal = self.connection.seal, seal
        if old is not None and old is not seal:
            old.keys.close()

    def _connect(self) -> None:
        uri = self.database.resolve().as_uri()
        if not self.read_only:
            self._connection = self._open(f"{uri}?mode=rwc")
            return
        try:
            self._connection = self._open(f"{uri}?mode=ro")
        except sqlite3.OperationalError as error:
            # A medium that cannot be written has no place for the shared-memory file, and
            # nobody who could change it: read the file as it is, unless a log waits beside it.
            log = self.database.with_name(DATABASE + "-wal")
            if fault(error) != "disk" or (log.exists() and log.stat().st_size):
                raise
            self._connection = self._open(f"{uri}?mode=ro&immutable=1")

    def _open(self, uri: str) -> Records:
        connection = sqlite3.connect(
            uri, uri=True, isolation_level=None, check_same_thread=False, timeout=self.timeout, factory=Records
        )
        try:
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("PRAGMA cell_size_check = ON")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # the first look into the file
        except BaseException:
            connection.close()
            raise
        return connection

    def _settle(self, *, create: bool, keep: Keep | None, master_key: MasterKey | None) -> None:
        """Make the tables of a new gallery, bring an older one up, refuse what is no gallery."""
        version = self._version(create=create)
        if self.read_only:
            if version < VERSION:
                raise GalleryError(
                    f"{self.folder} is a gallery of the older version {version}; open it once without read_only"
                )
        else:
            self._write_ahead()
            if version < VERSION:
                self.connection.execute("BEGIN IMMEDIATE")
                try:
                    version = self._version(create=create)  # another may have been faster
                    climb(self.connection, version, keep or "aligned")
                    if version == 0:
                        self._seal_from_birth(master_key or find_master_key())
                    self.connection.execute("COMMIT")
                finally:
                    _roll_back(self.connection)
        (kept,) = self.connection.execute("SELECT keep FROM gallery").fetchone()
        if keep is not None and keep != kept:
            raise InputError(
                f"{self.folder} was created with keep={kept!r}, got keep={keep!r}; leave it out, or make a new gallery"
            )

    def _seal_from_birth(self, master_key: MasterKey | None) -> None:
        """Where a master key is set, a new gallery is sealed before anybody is in it."""
        if master_key is None:
            return
        (uuid,) = self.connection.execute("SELECT uuid FROM gallery").fetchone()
        with Seal.create(uuid, self.folder / KEYS, master_key, timeout=self.timeout).keys as keys:
            self.connection.execute("UPDATE gallery SET seal = ?", (keys.facts[1],))

    def _unlock(self, master_key: MasterKey | None) -> None:
        """Get ready to read a sealed gallery.

        Refused (MasterKeyError): no master key, or not the right one, no key file.
        """
        uuid, seal, place = self.connection.execute("SELECT uuid, seal, keys FROM gallery").fetchone()
        if seal is None:
            if master_key is not None:
                log.warning("%s is not sealed; `vultus gallery seal` encrypts it with the master key", self.folder)
            return
        key = master_key or find_master_key(uuid)
        if key is None:
            raise MasterKeyError(
                f"{self.folder} is sealed and no master key is set; name its file in VULTUS_MASTER_KEY_FILE (or set "
                "VULTUS_MASTER_KEY, or put it into the keyring)"
            )
        path = self.folder / KEYS if place is None else Path(place)
        self.connection.seal = Seal(uuid, KeyFile(path, read_only=self.read_only, timeout=self.timeout), key)
        self._same_seal(self.connection)

    def _same_seal(self, connection: Records) -> None:
        """Refused (GalleryError): another process sealed the gallery, or took its seal off, since it was opened."""
        (seal,) = connection.execute("SELECT seal FROM gallery").fetchone()
        if seal != (None if connection.seal is None else connection.seal.id):
            raise GalleryError(
                f"{self.folder} was sealed or its seal taken off by another process, or its key file is another one; "
                "open it again"
            )

    def _version(self, *, create: bool) -> int:
        """Schema version, 0 for an empty database; anything that is not ours is refused."""
        application = self.connection.execute("PRAGMA application_id").fetchone()[0]
        version: int = self.connection.execute("PRAGMA user_version").fetchone()[0]
        tables = self.connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if application == 0 and version == 0 and tables == 0:
            if create:
                return 0
            raise NotFoundError(f"expected a gallery at {self.folder}, got an empty file; open it with create=True")
        if application != APPLICATION_ID:
            raise GalleryError(f"expected a vultus gallery, {self.database} is another program's database")
        if version > VERSION:
            raise GalleryError(
                f"{self.folder} is a gallery of version {version}, this vultus reads up to {VERSION}; update vultus"
            )
        return version

    def _write_ahead(self) -> None:
        """Switch the log on; while another process does the same the busy handler is not asked."""
        deadline = time.monotonic() + self.timeout
        while True:
            try:
                (mode,) = self.connection.execute("PRAGMA journal_mode = WAL").fetchone()
            except sqlite3.OperationalError as error:
                if fault(error) != "busy" or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
            else:
                break
        if mode != "wal":
            raise StorageError(
                f"{self.folder} lies on a file system without shared memory (journal mode {mode!r}), such as a "
                "network share; keep galleries on a local disk"
            )

    @contextmanager
    def _in_our_words(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._worded(error) from error

    def _worded(self, error: sqlite3.Error) -> Exception:
        kind = fault(error)
        if kind == "busy":
            return GalleryBusyError(
                f"{self.folder} is being written by another process for over {self.timeout:g} s; try again, or open it "
                "with a longer timeout"
            )
        if kind == "disk":
            return StorageError(
                f"{self.folder} could not be written or read ({error}); nothing was changed. Free some "
                "space and check the folder's permissions"
            )
        if kind == "damaged":
            return GalleryError(
                f"{self.database} is damaged or no database ({error}); restore it from a backup or export"
            )
        return error


def _roll_back(connection: Records) -> None:
    """Leave the transaction, if SQLite did not do so itself (it does on a full disk)."""
    if connection.seal is not None:
        connection.seal.roll_back()
    if connection.in_transaction:
        connection.execute("ROLLBACK")
