"""The SQLite file of record: opening it, transactions, and its errors in our words.

A write is one `BEGIN IMMEDIATE` transaction that ends with the next revision number, or with
no trace at all. With `synchronous=FULL` a commit that returned survives a power cut.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vultus.errors import GalleryBusyError, GalleryError, InputError, NotFoundError, StorageError, VultusError
from vultus.gallery.schema import APPLICATION_ID, VERSION, climb
from vultus.gallery.values import Keep

__all__ = ["DATABASE", "Store"]

DATABASE = "gallery.sqlite"
_OLDEST = (3, 37)  # strict tables
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_DISK = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class Store:
    """One connection to the database of a gallery folder, for one process, safe for its threads.

    lock: held during every transaction; a caller may hold it longer.
    Refused: see `Gallery.open`.
    """

    def __init__(self, folder: Path, *, create: bool, keep: Keep | None, read_only: bool, timeout: float) -> None:
        self.folder = folder
        self.database = folder / DATABASE
        self.read_only = read_only
        self.timeout = timeout
        self.lock = threading.RLock()
        if sqlite3.sqlite_version_info < _OLDEST:
            raise GalleryError(f"expected SQLite 3.37 or later, this Python has {sqlite3.sqlite_version}")
        self._process = os.getpid()
        self._connection: sqlite3.Connection | None = None
        _prepare(folder, create=create and not read_only)
        try:
            with self._in_our_words():
                self._connect()
                self._settle(create=create and not read_only, keep=keep)
        except BaseException:
            self.close()
            raise

    @property
    def connection(self) -> sqlite3.Connection:
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
                self._connection.close()
            self._connection = None

    @property
    def revision(self) -> int:
        """Revision that the running transaction, or the next one, sees."""
        found: int = self.connection.execute("SELECT revision FROM gallery").fetchone()[0]
        return found

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """One state of the gallery for everything inside; writers elsewhere are not held up."""
        with self.lock, self._in_our_words():
            connection = self.connection
            if connection.in_transaction:  # part of a wider one
                yield connection
                return
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                _roll_back(connection)

    @contextmanager
    def write(self, *, counted: bool = True) -> Iterator[sqlite3.Connection]:
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
                before = connection.total_changes
                yield connection
                if connection.total_changes != before:
                    if counted:
                        connection.execute("UPDATE gallery SET revision = revision + 1")
                    connection.execute("COMMIT")
            finally:
                _roll_back(connection)

    def checkpoint(self) -> bool:
        """Move everything from the write-ahead log into the database and empty the log.

        False: another process reads an older state, the log could not be emptied.
        """
        with self.lock, self._in_our_words():
            busy: int = self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            return not busy

    def vacuum(self) -> None:
        """Write the database anew, without free pages and without gaps inside pages."""
        with self.lock, self._in_our_words():
            self.connection.execute("VACUUM")

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
            if _code(error) not in _DISK or (log.exists() and log.stat().st_size):
                raise
            self._connection = self._open(f"{uri}?mode=ro&immutable=1")

    def _open(self, uri: str) -> sqlite3.Connection:
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=self.timeout)
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

    def _settle(self, *, create: bool, keep: Keep | None) -> None:
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
                    climb(
                        self.connection, self._version(create=create), keep or "aligned"
                    )  # another may have been faster
                    self.connection.execute("COMMIT")
                finally:
                    _roll_back(self.connection)
        (kept,) = self.connection.execute("SELECT keep FROM gallery").fetchone()
        if keep is not None and keep != kept:
            raise InputError(
                f"{self.folder} was created with keep={kept!r}, got keep={keep!r}; leave it out, or make a new gallery"
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
                if _code(error) not in _BUSY or time.monotonic() > deadline:
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
        code = _code(error)
        if code in _BUSY:
            return GalleryBusyError(
                f"{self.folder} is being written by another process for over {self.timeout:g} s; try again, or open it "
                "with a longer timeout"
            )
        if code in _DISK:
            return StorageError(
                f"{self.folder} could not be written or read ({error}); nothing was changed. Free some "
                "space and check the folder's permissions"
            )
        if code in _DAMAGED or (code is None and isinstance(error, sqlite3.OperationalError)):
            return GalleryError(
                f"{self.database} is damaged or no database ({error}); restore it from a backup or export"
            )
        return error


def _roll_back(connection: sqlite3.Connection) -> None:
    """Leave the transaction, if SQLite did not do so itself (it does on a full disk)."""
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _code(error: sqlite3.Error) -> int | None:
    """Primary result code; errors of the Python layer have none."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _prepare(folder: Path, *, create: bool) -> None:
    """Make the folder, or refuse a path that cannot be a gallery, before anything is written."""
    try:
        if folder.exists() and not folder.is_dir():
            raise GalleryError(f"expected the folder of a gallery, {folder} is a file")
        if (folder / DATABASE).is_dir():
            raise GalleryError(f"expected a vultus gallery, {folder / DATABASE} is a folder")
        if (folder / DATABASE).exists():
            return
        if not create:
            raise NotFoundError(f"expected a gallery at {folder}, there is none; enroll somebody to create it")
        if folder.exists() and any(not entry.name.startswith(".") for entry in folder.iterdir()):
            raise GalleryError(f"expected a gallery or an empty folder, {folder} holds other files")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _sync(folder.parent)
    except OSError as error:
        raise StorageError(f"{folder} cannot be used ({error.strerror}); choose another place") from error


def _sync(folder: Path) -> None:
    """Make a new name in a folder durable, where the system can."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
