"""What kind of trouble SQLite reports, so that each file can say it in its own words."""

from __future__ import annotations

import sqlite3
from typing import Literal

__all__ = ["Fault", "code_of", "fault"]

Fault = Literal["busy", "disk", "damaged"]

_KINDS: dict[int, Fault] = {
    sqlite3.SQLITE_BUSY: "busy",
    sqlite3.SQLITE_LOCKED: "busy",
    sqlite3.SQLITE_FULL: "disk",
    sqlite3.SQLITE_IOERR: "disk",
    sqlite3.SQLITE_READONLY: "disk",
    sqlite3.SQLITE_CANTOPEN: "disk",
    sqlite3.SQLITE_CORRUPT: "damaged",
    sqlite3.SQLITE_NOTADB: "damaged",
}


def code_of(error: sqlite3.Error) -> int | None:
    """Primary result code; errors of the Python layer have none."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def fault(error: sqlite3.Error) -> Fault | None:
    """Another process holds the file, the disk fails us, the file is damaged; None for a mistake of ours."""
    code = code_of(error)
    if code is None:  # such as text that is no UTF-8
        return "damaged" if isinstance(error, sqlite3.OperationalError) else None
    return _KINDS.get(code)
