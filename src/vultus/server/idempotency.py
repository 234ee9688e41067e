"""The same request twice is done once: answers kept by `Idempotency-Key`, and given again.

An answer may hold names, so it is sealed with AES-256-GCM under the server's secret, kept for
a day, and thrown away with the gallery's other answers when somebody is erased.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vultus.errors import InputError, StorageError
from vultus.server.problems import Problem, too_many

__all__ = ["DAY", "Replies", "Reply"]

DAY = 86_400.0  # seconds
LONGEST = 255  # characters of a client's key
_MOST = 100_000  # answers
_ABANDONED = 900.0  # seconds after which a request that left no answer is taken for dead

_TABLE = """CREATE TABLE IF NOT EXISTS reply (
    place BLOB PRIMARY KEY,       -- HMAC of the API key's id and the client's key
    request BLOB NOT NULL,        -- SHA-256 of method, path, query and body
    gallery TEXT NOT NULL,
    at REAL NOT NULL,             -- seconds since 1970
    sealed BLOB                   -- status, headers and body; NULL while it is being done
) STRICT, WITHOUT ROWID"""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it was given."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Replies:
    """Answers by who asked and which key they sent; safe for threads."""

    def __init__(self, path: Path, secret: bytes) -> None:
        """path: of the SQLite file. secret: the server's, see `vultus.server.keys.server_secret`."""
        self._place_key = hmac.digest(secret, b"vultus reply place", "sha256")
        self._seal_key = hmac.digest(secret, b"vultus reply seal", "sha256")
        self._lock = threading.Lock()
        try:
            path.touch(0o600)
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5)
            for line in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON"):
                self._connection.execute(f"PRAGMA {line}")
            self._connection.execute(_TABLE)
            # What a server that was killed left undone can be done now.
            self._connection.execute("DELETE FROM reply WHERE sealed IS NULL")
        except (OSError, sqlite3.Error) as error:
            raise StorageError(f"the kept answers in {path} cannot be used ({error})") from error

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._connection.close()

    def begin(self, owner: str, name: str, request: bytes, gallery: str = "") -> Reply | None:
        """The answer that was given to this request; None: there is none, do it and `finish`.

        owner: id of the API key. name: what the client sent. request: digest of the request.
        Refused: a name that is none (InputError), one that was used for another request
        (Problem 422), the same request while it is being done (Problem 409).
        """
        if not name or len(name) > LONGEST or not name.isprintable():
            raise InputError(f"expected an Idempotency-Key of 1 to {LONGEST} printable characters, got {len(name)}")
        place = self._place(owner, name)
        now = time.time()
        with self._lock:
            self._execute(
                "DELETE FROM reply WHERE at < ? OR (sealed IS NULL AND at < ?)", (now - DAY, now - _ABANDONED)
            )
            row = self._execute("SELECT request, sealed FROM reply WHERE place = ?", (place,)).fetchone()
            if row is None:
                (count,) = self._execute("SELECT count(*) FROM reply").fetchone()
                if count >= _MOST:
                    raise too_many("queue_full", "too many answers are kept already; leave the Idempotency-Key out", 60)
                self._execute(
                    "INSERT INTO reply (place, request, gallery, at) VALUES (?, ?, ?, ?)",
                    (place, request, gallery, now),
                )
                return None
        if row[0] != request:
            raise Problem(
                422, "idempotency_mismatch", "this Idempotency-Key came with another request before; use a new one"
            )
        if row[1] is None:
            raise Problem(409, "idempotency_busy", "the same request is being done", headers={"Retry-After": "1"})
        return self._opened(place, row[1])

    def finish(self, owner: str, name: str, reply: Reply) -> None:
        """Keep the answer."""
        place = self._place(owner, name)
        with self._lock:
            self._execute("UPDATE reply SET sealed = ? WHERE place = ?", (self._sealed(place, reply), place))

    def abandon(self, owner: str, name: str) -> None:
        """Nothing was done: the request may come again."""
        with self._lock:
            self._execute("DELETE FROM reply WHERE place = ? AND sealed IS NULL", (self._place(owner, name),))

    def forget(self, gallery: str) -> None:
        """Throw away the answers about a gallery, and empty the log in which they lay."""
        with self._lock:
            self._execute("DELETE FROM reply WHERE gallery = ? AND sealed IS NOT NULL", (gallery,))
            self._execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    def _place(self, owner: str, name: str) -> bytes:
        return hmac.digest(self._place_key, f"{owner}\n{name}".encode(), hashlib.sha256)

    def _sealed(self, place: bytes, reply: Reply) -> bytes:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        head = json.dumps([reply.status, dict(reply.headers)]).encode()
        nonce = secrets.token_bytes(12)
        text = len(head).to_bytes(4, "big") + head + reply.body
        return nonce + AESGCM(self._seal_key).encrypt(nonce, text, place)

    def _opened(self, place: bytes, sealed: bytes) -> Reply:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            text = AESGCM(self._seal_key).decrypt(sealed[:12], sealed[12:], place)
        except InvalidTag as error:
            raise StorageError("a kept answer was changed; leave the Idempotency-Key out") from error
        end = 4 + int.from_bytes(text[:4], "big")
        status, headers = json.loads(text[4:end])
        return Reply(status, headers, text[end:])

    def _execute(self, statement: str, values: tuple[object, ...] = ()) -> sqlite3.Cursor:
        try:
            return self._connection.execute(statement, values)
        except sqlite3.Error as error:
            raise StorageError(f"the kept answers cannot be read or written ({error})") from error
