"""What is kept of jobs on the disk: that they were accepted, how far they came, and how they ended.

Nothing else: rows hold names, and neither they nor the pictures of a job outlive the process. So a server that
was killed can still say of each job that it did not end, and what there is to do about it.
"""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vultus.errors import StorageError

__all__ = ["JobRecord", "Kept"]

_TABLE = """CREATE TABLE IF NOT EXISTS job (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    owner TEXT NOT NULL,          -- id of the key
    gallery TEXT NOT NULL,
    created TEXT NOT NULL,
    seen TEXT NOT NULL,           -- when this was written
    status TEXT NOT NULL,
    done INTEGER NOT NULL,
    total INTEGER,
    rows INTEGER NOT NULL
) STRICT"""
_FIELDS = "id, kind, owner, gallery, created, seen, status, done, total, rows"


@dataclass(frozen=True, slots=True)
class Kept:
    """One job as it was last written down."""

    id: str
    kind: str
    owner: str
    gallery: str
    created: str
    seen: str
    status: str
    done: int
    total: int | None
    rows: int  # how many


class JobRecord:
    """The file; safe for threads."""

    def __init__(self, path: Path) -> None:
        """path: of the SQLite file. Refused (StorageError): one that cannot be used."""
        self._path = path
        self._lock = threading.Lock()
        try:
            path.touch(0o600)
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5)
            # NORMAL: what the process wrote outlives the process; a power cut may cost the last moments.
            for line in ("journal_mode = WAL", "synchronous = NORMAL", "secure_delete = ON"):
                self._connection.execute(f"PRAGMA {line}")
            self._connection.execute(_TABLE)
        except (OSError, sqlite3.Error) as error:
            raise StorageError(f"the record of jobs in {path} cannot be used ({error})") from error

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._connection.close()

    def unfinished(self) -> tuple[Kept, ...]:
        """Jobs that a server began and did not end, in the order of their coming; the others are forgotten."""
        self._execute("DELETE FROM job WHERE status NOT IN ('queued', 'running', 'interrupted')")
        return tuple(Kept(*row) for row in self._execute(f"SELECT {_FIELDS} FROM job ORDER BY number"))

    def write(self, job: Kept) -> None:
        """Write down how a job stands."""
        values = (
            job.id,
            job.kind,
            job.owner,
            job.gallery,
            job.created,
            job.seen,
            job.status,
            job.done,
            job.total,
            job.rows,
        )
        self._execute(
            f"""INSERT INTO job ({_FIELDS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (id) DO UPDATE SET seen = excluded.seen, status = excluded.status,
                done = excluded.done, total = excluded.total, rows = excluded.rows""",
            values,
        )

    def forget(self, identity: str) -> None:
        """Nothing is kept of a job any more."""
        self._execute("DELETE FROM job WHERE id = ?", (identity,))

    def _execute(self, statement: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        with self._lock:
            try:
                return self._connection.execute(statement, values).fetchall()
            except sqlite3.Error as error:
                raise StorageError(f"the record of jobs in {self._path} cannot be written ({error})") from error
