"""Keys: who may do what in which galleries. A key is shown once; what is kept cannot be turned back into it.

Kept is HMAC-SHA256 of the key under the server's own secret. Keys have 256 random bits, so
guessing needs no slow hash to be hopeless. The secret of an AWS-style key is kept too, sealed
with AES-256-GCM, because checking a SigV4 signature needs it.
"""

from __future__ import annotations

import hmac
import json
import math
import secrets
import sqlite3
import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from vultus.errors import ConflictError, InputError, NotFoundError, StorageError
from vultus.server.roles import EVERY, KINDS, LADDER, ROLES, Created, Key, Kind, Role, covers, parse_role
from vultus.server.secret import server_secret

__all__ = [
    "EVERY",
    "KINDS",
    "LADDER",
    "ROLES",
    "Created",
    "Key",
    "Keys",
    "Kind",
    "Role",
    "covers",
    "parse_role",
    "server_secret",
]

_LOOK = 0.1  # seconds between two looks at whether another process changed the keys

_TABLE = """CREATE TABLE IF NOT EXISTS key (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    digest BLOB NOT NULL UNIQUE,
    role TEXT NOT NULL,
    galleries TEXT NOT NULL,      -- JSON list
    label TEXT NOT NULL,
    rate REAL,                    -- requests a second; NULL: the server's
    upload_bytes INTEGER,         -- of one picture; NULL: the server's
    created TEXT NOT NULL,
    expires TEXT,
    last_used TEXT,
    revoked TEXT,
    sealed BLOB                   -- nonce and ciphertext of the secret, for AWS-style keys
) STRICT"""


class Keys:
    """All keys of a server, in a file of their own; safe for threads, and for the command line meanwhile.

    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> keys = Keys(Path(folder.name) / "keys.sqlite", bytes(32))
    >>> made = keys.create("operator", galleries=("staff",), label="door")
    >>> found = keys.verify(made.secret)
    >>> found.role, found.may("staff"), found.may("visitors"), keys.verify("vk_wrong")
    ('operator', True, False, None)
    >>> keys.close()
    >>> folder.cleanup()
    """

    def __init__(self, path: Path, secret: bytes) -> None:
        """path: of the SQLite file. secret: see `server_secret`."""
        self._digest_key = hmac.digest(secret, b"vultus key digest", "sha256")
        self._seal_key = hmac.digest(secret, b"vultus key seal", "sha256")
        self._lock = threading.RLock()
        self._known: dict[bytes, Key] = {}
        self._version = -1
        self._looked = -math.inf
        self._used: dict[str, str] = {}  # last uses that are not written yet, so that a request costs no disk write
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(0o600)
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5)
            for line in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON"):
                self._connection.execute(f"PRAGMA {line}")
            self._connection.execute(_TABLE)
        except (OSError, sqlite3.Error) as error:
            raise StorageError(f"the keys in {path} cannot be used ({error})") from error

    def close(self) -> None:
        """Note the last uses and let go of the file."""
        with self._lock:
            self.flush()
            self._connection.close()

    def flush(self) -> None:
        """Write down when keys were last used; the server does so every minute."""
        with self._lock:
            used, self._used = self._used, {}
            if used:
                self._execute("BEGIN IMMEDIATE")
                try:
                    self._connection.executemany(
                        "UPDATE key SET last_used = ? WHERE id = ?", [(at, identity) for identity, at in used.items()]
                    )
                finally:
                    self._execute("COMMIT")

    def create(
        self,
        role: Role | str,
        *,
        galleries: Sequence[str] = (EVERY,),
        label: str = "",
        expires: datetime | None = None,
        kind: Kind = "api",
        rate: float | None = None,
        upload_bytes: int | None = None,
    ) -> Created:
        """Make a key.

        galleries: names, or ("*",) for all. expires: UTC. kind: "api" for `/v1`; "aws" for
        clients that sign; "compreface" for those that send a UUID. rate: requests a second;
        upload_bytes: of one picture; None takes the server's.
        Refused (InputError): an unknown role or kind, no gallery, a bound that is not above zero.
        """
        named = parse_role(role)
        if kind not in KINDS:
            raise InputError(f"expected a kind out of {', '.join(KINDS)}, got {kind!r}")
        if not galleries or not all(galleries):
            raise InputError("expected the galleries that the key is for, or * for all")
        if len(label) > 200:
            raise InputError(f"expected a label of at most 200 characters, got {len(label)}")
        if expires is not None and expires.tzinfo is None:
            raise InputError("expected a time of expiry with its zone")
        for name, value in (("rate", rate), ("upload_bytes", upload_bytes)):
            if value is not None and not value > 0:
                raise InputError(f"expected {name} above zero, got {value}")
        identity, secret = _made(kind)
        key = Key(
            id=identity,
            role=named,
            galleries=tuple(dict.fromkeys(galleries)),
            kind=kind,
            label=label,
            created=_now(),
            expires=None if expires is None else _text(expires),
            last_used=None,
            revoked=None,
            rate=rate,
            upload_bytes=upload_bytes,
        )
        self._store(key, secret)
        return Created(key, secret)

    def verify(self, secret: str) -> Key | None:
        """The key whose secret this is; None when there is none, or it is expired or revoked.

        AWS-style secrets are never sent and are not found here.
        """
        digest = self._digest(secret)
        with self._lock:
            key = self._find(digest)
            if key is None or key.kind == "aws" or not key.live(_now()):
                return None
            self._used[key.id] = _now()
        return key

    def secret(self, identity: str) -> tuple[Key, str] | None:
        """An AWS-style key by its access key id, with the secret that signatures are checked with."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        with self._lock:
            row = self._execute("SELECT sealed FROM key WHERE id = ? AND kind = 'aws'", (identity,)).fetchone()
            if row is None:
                return None
            key = self.get(identity)
            if not key.live(_now()):
                return None
            self._used[identity] = _now()
        sealed: bytes = row[0]
        return key, AESGCM(self._seal_key).decrypt(sealed[:12], sealed[12:], identity.encode()).decode()

    def get(self, identity: str) -> Key:
        """A key by its id; an unknown one is refused (NotFoundError)."""
        row = self._execute(_SELECT + "WHERE id = ?", (identity,)).fetchone()
        if row is None:
            raise NotFoundError(f"expected the id of a key, got {identity!r}; list the keys to see them")
        return self._with_use(_key(row))

    def list(self) -> tuple[Key, ...]:
        """All keys, the oldest first, also those that are revoked."""
        return tuple(self._with_use(_key(row)) for row in self._execute(_SELECT + "ORDER BY created, id").fetchall())

    def revoke(self, identity: str) -> Key:
        """Make a key worthless, at once; in other processes within a tenth of a second.

        Refused (ConflictError): the last key of an administrator, who could then make no other.
        """
        with self._lock:
            self._execute("BEGIN IMMEDIATE")
            try:
                key = self.get(identity)
                now = _now()
                others = [one for one in self.list() if one.role == "admin" and one.live(now) and one.id != identity]
                if key.role == "admin" and key.live(now) and not others:
                    raise ConflictError("expected another administrator's key to be left; create one first")
                self._execute("UPDATE key SET revoked = ? WHERE id = ? AND revoked IS NULL", (now, identity))
                self._execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._execute("ROLLBACK")
            self._known.clear()
            return self.get(identity)

    def rotate(self, identity: str, *, overlap: timedelta = timedelta(0)) -> Created:
        """A new key that may what the old one may; the old one ends after the overlap.

        Refused (ConflictError): a key that is revoked or expired already.
        """
        with self._lock:
            old = self.get(identity)
            if not old.live(_now()):
                raise ConflictError("expected a key that is in use, this one is revoked or expired; create a new one")
            fresh, secret = _made(old.kind)
            made = replace(old, id=fresh, created=_now(), last_used=None)
            self._store(made, secret)
            end = _text(datetime.now(UTC) + overlap)
            ends = end if old.expires is None else min(end, old.expires)
            self._execute("UPDATE key SET expires = ? WHERE id = ?", (ends, identity))
            self._known.clear()
        return Created(made, secret)

    def _with_use(self, key: Key) -> Key:
        return replace(key, last_used=self._used.get(key.id, key.last_used))

    def _store(self, key: Key, secret: str) -> None:
        sealed = None
        if key.kind == "aws":
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM

            nonce = secrets.token_bytes(12)
            sealed = nonce + AESGCM(self._seal_key).encrypt(nonce, secret.encode(), key.id.encode())
        self._execute(
            """INSERT INTO key (id, kind, digest, role, galleries, label, rate, upload_bytes, created, expires, sealed)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            (
                key.id,
                key.kind,
                self._digest(secret),
                key.role,
                json.dumps(key.galleries),
                key.label,
                key.rate,
                key.upload_bytes,
                key.created,
                key.expires,
                sealed,
            ),
        )

    def _digest(self, secret: str) -> bytes:
        # Not `hmac.digest`, which lets go of the interpreter and has to wait for the threads that read pictures.
        return hmac.new(self._digest_key, secret.encode("utf-8", "surrogateescape"), "sha256").digest()

    def _find(self, digest: bytes) -> Key | None:
        """By digest; what is remembered holds until another process writes to the file, looked at now and then."""
        now = time.monotonic()
        if digest not in self._known or now >= self._looked + _LOOK:
            (version,) = self._execute("PRAGMA data_version").fetchone()
            self._looked = now
            if version != self._version:
                self._known.clear()
                self._version = version
        if digest not in self._known:
            row = self._execute(_SELECT + "WHERE digest = ?", (digest,)).fetchone()
            if row is None:
                return None
            if len(self._known) > 10_000:
                self._known.clear()
            self._known[digest] = _key(row)
        return self._known[digest]

    def _execute(self, statement: str, values: tuple[object, ...] = ()) -> sqlite3.Cursor:
        with self._lock:
            try:
                return self._connection.execute(statement, values)
            except sqlite3.Error as error:
                raise StorageError(f"the keys cannot be read or written ({error})") from error


_SELECT = """SELECT id, role, galleries, kind, label, created, expires, last_used, revoked, rate, upload_bytes
    FROM key """


def _key(row: tuple[object, ...]) -> Key:
    identity, role, galleries, *rest = row
    return Key(identity, role, tuple(json.loads(str(galleries))), *rest)  # type: ignore[arg-type]


def _made(kind: Kind) -> tuple[str, str]:
    """Id and secret of a new key."""
    if kind == "aws":
        return "VK" + "".join(secrets.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") for _ in range(18)), (
            secrets.token_urlsafe(30)
        )
    identity = secrets.token_hex(8)
    if kind == "compreface":
        return identity, str(uuid.UUID(bytes=secrets.token_bytes(16), version=4))
    return identity, f"vk_{identity}_{secrets.token_urlsafe(32)}"


def _now() -> str:
    return _text(datetime.now(UTC))


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
