"""The key file: the data keys of a sealed gallery, each wrapped by the master key.

A small SQLite database of its own, so that it can be left out of backups: then destroying a
person's key here makes every copy of their data noise, the old backups included. It keeps a
rollback journal, not a write-ahead log: what is deleted is overwritten by the end of the
commit (`secure_delete`), with no second copy that waits for a checkpoint.

Keys are written only under the gallery's write lock, before the gallery commits: a reader who
sees a person finds their key. Key ids are random and never used twice.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from vultus.errors import ConflictError, GalleryBusyError, GalleryError, MasterKeyError, StorageError
from vultus.gallery.faults import fault

__all__ = ["KEYS", "KeyFile"]

KEYS = "keys.sqlite"  # beside the database, unless the gallery was sealed with another place
_APPLICATION_ID = 0x5655_4C4B  # "VULK"
_VERSION = 1
_CHUNK = 50_000

_TABLES = (
    """CREATE TABLE file (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        gallery TEXT NOT NULL,              -- uuid of the gallery whose keys these are
        seal TEXT NOT NULL,                 -- id of the sealing: sealing anew makes another
        master TEXT NOT NULL                -- mark of the master key that wraps them
    ) STRICT""",
    "CREATE TABLE data_key (id TEXT PRIMARY KEY, wrapped BLOB NOT NULL) STRICT, WITHOUT ROWID",
)


class KeyFile:
    """One connection to a key file; the gallery's lock guards it."""

    def __init__(self, path: Path, *, read_only: bool = False, timeout: float = 5.0) -> None:
        """Open what `create` made. Refused: no such file (MasterKeyError), no key file (GalleryError)."""
        self.path = path
        self.timeout = timeout
        if not path.is_file():
            raise MasterKeyError(
                f"expected the gallery's key file at {path}, it is not there; put it back from where it is kept: "
                "without it everything sealed is lost"
            )
        with self._in_our_words():
            mode = "ro" if read_only else "rw"
            uri = f"{path.resolve().as_uri()}?mode={mode}"
            self._connection = sqlite3.connect(
                uri, uri=True, isolation_level=None, check_same_thread=False, timeout=timeout
            )
        try:
            with self._in_our_words():
                self._prepare(read_only)
        except BaseException:
            self.close()
            raise

    @classmethod
    def create(cls, path: Path, *, gallery: str, seal: str, master: str, timeout: float = 5.0) -> KeyFile:
        """A new key file without keys; one that holds people's keys is never replaced (ConflictError)."""
        try:
            if path.exists():
                with cls(path, timeout=timeout) as old:
                    if any(len(key) == 32 for key in old.ids()):
                        raise ConflictError(
                            f"{path} holds the keys of a sealed gallery; move it away if that gallery is given up"
                        )
                path.unlink()
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
        except OSError as error:
            raise StorageError(f"the key file {path} could not be made ({error.strerror})") from error
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            with _worded(path, timeout):
                connection.execute("BEGIN IMMEDIATE")
                for statement in _TABLES:
                    connection.execute(statement)
                connection.execute("INSERT INTO file VALUES (1, ?, ?, ?)", (gallery, seal, master))
                connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {_VERSION}")
                connection.execute("COMMIT")
        finally:
            connection.close()
        return cls(path, timeout=timeout)

    def __enter__(self) -> KeyFile:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    @property
    def facts(self) -> tuple[str, str, str]:
        """Gallery, sealing and mark of the master key, as they are now."""
        with self._in_our_words():
            gallery, seal, master = self._connection.execute("SELECT gallery, seal, master FROM file").fetchone()
        return gallery, seal, master

    def get(self, ids: Iterable[str]) -> dict[str, bytes]:
        """The wrapped keys of those of the ids that are there."""
        wanted = list(ids)
        found: dict[str, bytes] = {}
        with self._in_our_words():
            for start in range(0, len(wanted), _CHUNK):
                # ids are hex digits and dashes: no quoting is needed, as JSON would
                part = '["' + '","'.join(wanted[start : start + _CHUNK]) + '"]'
                found.update(
                    self._connection.execute(
                        "SELECT data_key.id, wrapped FROM json_each(?) AS j JOIN data_key ON data_key.id = j.value",
                        (part,),
                    ).fetchall()
                )
        return found

    def ids(self) -> list[str]:
        """All ids."""
        with self._in_our_words():
            return [key for (key,) in self._connection.execute("SELECT id FROM data_key").fetchall()]

    def snapshots(self) -> list[str]:
        """Ids of the keys of index snapshots."""
        with self._in_our_words():
            # "." follows "-": all that begin with the word
            rows = self._connection.execute("SELECT id FROM data_key WHERE id >= 'snapshot-' AND id < 'snapshot.'")
            return [key for (key,) in rows.fetchall()]

    def __len__(self) -> int:
        with self._in_our_words():
            return int(self._connection.execute("SELECT count(*) FROM data_key").fetchone()[0])

    def put(self, key: str, wrapped: bytes, master: str) -> None:
        """Add a key within the running transaction, begun here if need be; `commit` or `roll_back` ends it.

        Refused (MasterKeyError): the master key was changed since this process opened the gallery.
        """
        with self._in_our_words():
            if not self._connection.in_transaction:
                self._connection.execute("BEGIN IMMEDIATE")
            if self.facts[2] != master:
                raise MasterKeyError(
                    f"the master key was changed by another process: {self.path} is now wrapped by key "
                    f"{self.facts[2]}, this process has {master}; open the gallery again with the new key"
                )
            self._connection.execute("INSERT INTO data_key (id, wrapped) VALUES (?, ?)", (key, wrapped))

    @property
    def pending(self) -> bool:
        """Keys were put and not committed yet."""
        return self._connection.in_transaction

    def commit(self) -> None:
        """Make what was put durable."""
        with self._in_our_words():
            if self._connection.in_transaction:
                self._connection.execute("COMMIT")

    def roll_back(self) -> None:
        """Forget what was put and not committed."""
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def destroy(self, ids: Iterable[str]) -> int:
        """Delete keys and overwrite their bytes, durably; how many there were."""
        gone = 0
        with self._transaction():
            for key in ids:
                gone += self._connection.execute("DELETE FROM data_key WHERE id = ?", (key,)).rowcount
        return gone

    def rewrap(self, wrapped: Iterable[tuple[str, bytes]], master: str) -> None:
        """Replace every key's wrapping and the mark of the master key: all of it or nothing."""
        with self._transaction():
            self._connection.executemany("UPDATE data_key SET wrapped = ?2 WHERE id = ?1", wrapped)
            self._connection.execute("UPDATE file SET master = ?", (master,))

    def every(self) -> list[tuple[str, bytes]]:
        """All ids with their wrapped keys."""
        with self._in_our_words():
            return self._connection.execute("SELECT id, wrapped FROM data_key ORDER BY id").fetchall()

    def vacuum(self) -> None:
        """Write the file anew, without the gaps that deleted keys left."""
        with self._in_our_words():
            self._connection.execute("VACUUM")

    def copy(self, target: Path) -> None:
        """A consistent copy of the file, readable by its owner only."""
        target.touch(mode=0o600)
        copied = sqlite3.connect(target)
        try:
            with self._in_our_words():
                self._connection.backup(copied)
        finally:
            copied.close()

    def damage(self) -> list[str]:
        """What SQLite's own check finds, empty when all is well."""
        with self._in_our_words():
            found = [str(line) for (line,) in self._connection.execute("PRAGMA integrity_check(5)")]
        return [] if found == ["ok"] else found

    def _prepare(self, read_only: bool) -> None:
        ask = self._connection.execute
        if ask("PRAGMA application_id").fetchone()[0] != _APPLICATION_ID:
            raise GalleryError(f"expected a vultus key file, {self.path} is something else")
        version = ask("PRAGMA user_version").fetchone()[0]
        if version != _VERSION:
            raise GalleryError(f"{self.path} has version {version}, this vultus reads {_VERSION}; update vultus")
        ask("PRAGMA trusted_schema = OFF")
        if not read_only:
            ask("PRAGMA secure_delete = ON")
            # EXTRA: also the journal's deletion is on the disk when a commit returns. Else a power cut
            # could bring it back and roll back a key whose person the gallery has committed.
            ask("PRAGMA synchronous = EXTRA")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._in_our_words():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            finally:
                self.roll_back()

    @contextmanager
    def _in_our_words(self) -> Iterator[None]:
        with _worded(self.path, self.timeout):
            yield


@contextmanager
def _worded(path: Path, timeout: float) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        kind = fault(error)
        if kind == "busy":
            raise GalleryBusyError(f"{path} is being written by another process for over {timeout:g} s") from error
        if kind == "disk":
            raise StorageError(f"the key file {path} could not be read or written ({error})") from error
        raise GalleryError(f"the key file {path} is damaged ({error}); put it back from where it is kept") from error
