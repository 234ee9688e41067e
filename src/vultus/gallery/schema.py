"""The tables of the gallery of record, and the ladder from older versions to this one.

A new gallery climbs the whole ladder, an older one the rungs it lacks, each in one
transaction. Embeddings stand apart from faces, keyed by contract, so that a second model's
set can grow beside the one in use; crops stand apart from both, so that reading a million
vectors does not drag their pictures along. Ids are never used twice (AUTOINCREMENT), since
other processes and the snapshot hold them.
"""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from uuid import uuid4

__all__ = ["APPLICATION_ID", "VERSION", "climb", "now"]

APPLICATION_ID = 0x56554C54  # "VULT", the mark in the database header

_TABLES = (
    """CREATE TABLE contract (
        id INTEGER PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,           -- EmbeddingContract.id
        body TEXT NOT NULL,                 -- its fields, canonical JSON
        dimension INTEGER NOT NULL CHECK (dimension > 0)
    ) STRICT""",
    """CREATE TABLE gallery (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        uuid TEXT NOT NULL,
        created TEXT NOT NULL,
        keep TEXT NOT NULL CHECK (keep IN ('aligned', 'none')),
        contract INTEGER REFERENCES contract,  -- the set in use; NULL until something is enrolled
        revision INTEGER NOT NULL,          -- one more with each commit that changes anything
        log_floor INTEGER NOT NULL,         -- changes up to this revision are no longer listed
        snapshot TEXT                       -- mark of the snapshot file that belongs to this database
    ) STRICT""",
    """CREATE TABLE person (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        uuid TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL UNIQUE,
        created TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE alias (
        name TEXT PRIMARY KEY,
        person INTEGER NOT NULL REFERENCES person ON DELETE CASCADE
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX alias_person ON alias (person)",
    """CREATE TABLE face (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        uuid TEXT NOT NULL UNIQUE,
        person INTEGER NOT NULL REFERENCES person ON DELETE CASCADE,
        sha256 BLOB CHECK (length(sha256) = 32),  -- of the picture; NULL for bare vectors
        ordinal INTEGER,                    -- which face of the picture
        source TEXT,
        reading TEXT,                       -- box, landmarks, detector score, quality: JSON
        forced INTEGER NOT NULL CHECK (forced IN (0, 1)),
        created TEXT NOT NULL
    ) STRICT""",
    "CREATE INDEX face_person ON face (person)",
    "CREATE UNIQUE INDEX face_once ON face (sha256, person, ordinal) WHERE sha256 IS NOT NULL",
    """CREATE TABLE template (
        face INTEGER NOT NULL REFERENCES face ON DELETE CASCADE,
        contract INTEGER NOT NULL REFERENCES contract,
        vector BLOB NOT NULL,               -- float32, little endian, unit length
        PRIMARY KEY (face, contract)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE crop (
        face INTEGER PRIMARY KEY REFERENCES face ON DELETE CASCADE,
        png BLOB NOT NULL                   -- (112, 112, 3) RGB, lossless
    ) STRICT""",
    """CREATE TABLE feedback (
        sha256 BLOB NOT NULL CHECK (length(sha256) = 32),
        ordinal INTEGER NOT NULL,           -- which face of the picture; -1: all of them
        person INTEGER NOT NULL REFERENCES person ON DELETE CASCADE,
        created TEXT NOT NULL,
        PRIMARY KEY (sha256, ordinal, person)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX feedback_person ON feedback (person)",
    """CREATE TABLE change (
        seq INTEGER PRIMARY KEY,
        revision INTEGER NOT NULL,
        face INTEGER NOT NULL,
        was INTEGER,                        -- person before; NULL: the face is new
        now INTEGER                         -- person after; NULL: the face is gone
    ) STRICT""",
    "CREATE INDEX change_revision ON change (revision)",
    """CREATE TABLE erasure (
        person TEXT PRIMARY KEY,            -- uuid of somebody whose rows are gone, but not yet their traces
        revision_before INTEGER NOT NULL,
        revision_after INTEGER NOT NULL,
        templates INTEGER NOT NULL,
        crops INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID""",
    # The log is written by the database itself: no verb can forget it, cascades included.
    """CREATE TRIGGER face_added AFTER INSERT ON face BEGIN
        INSERT INTO change (revision, face, was, now)
        VALUES ((SELECT revision + 1 FROM gallery), new.id, NULL, new.person);
    END""",
    """CREATE TRIGGER face_removed AFTER DELETE ON face BEGIN
        INSERT INTO change (revision, face, was, now)
        VALUES ((SELECT revision + 1 FROM gallery), old.id, old.person, NULL);
    END""",
    """CREATE TRIGGER face_moved AFTER UPDATE OF person ON face WHEN old.person <> new.person BEGIN
        INSERT INTO change (revision, face, was, now)
        VALUES ((SELECT revision + 1 FROM gallery), new.id, old.person, new.person);
    END""",
)

# Version 2, encryption at rest. In a sealed gallery `name` and `sha256` hold what is looked up by
# (an HMAC), `vector` and `png` what was sealed in their place, and `sealed` the value itself;
# `source` and `reading` are empty there.
_SEALING = (
    "ALTER TABLE gallery ADD COLUMN seal TEXT",  # id of the sealing, as in the key file; NULL: in the clear
    "ALTER TABLE gallery ADD COLUMN keys TEXT",  # path of the key file; NULL: keys.sqlite in the gallery's folder
    "ALTER TABLE person ADD COLUMN key TEXT",  # id of the data key
    "ALTER TABLE person ADD COLUMN sealed BLOB",  # the name
    "ALTER TABLE alias ADD COLUMN sealed BLOB",  # the name
    "ALTER TABLE face ADD COLUMN sealed BLOB",  # sha256, source and reading, JSON
    "ALTER TABLE feedback ADD COLUMN sealed BLOB",  # the sha256
    "ALTER TABLE erasure ADD COLUMN key TEXT",  # id of the data key that is to be destroyed
    """CREATE TABLE copy (
        id INTEGER PRIMARY KEY,
        at TEXT NOT NULL,
        revision INTEGER NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('export', 'backup')),
        open INTEGER NOT NULL CHECK (open IN (0, 1)),  -- 1: can be read without this gallery's key file
        place TEXT,
        sealed BLOB                         -- the place, in a sealed gallery
    ) STRICT""",
)

_LADDER: tuple[tuple[str, ...], ...] = (_TABLES, _SEALING)  # rung i leads from version i to i + 1
VERSION = len(_LADDER)


def now() -> str:
    """This moment, UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def climb(connection: sqlite3.Connection, version: int, keep: str) -> None:
    """Bring a database of an older version, or an empty one (version 0), to this version.

    Called inside a write transaction, so that a killed process leaves the old version whole.
    """
    for rung in _LADDER[version:]:
        for statement in rung:
            connection.execute(statement)
    if version == 0:
        connection.execute(
            "INSERT INTO gallery (one, uuid, created, keep, revision, log_floor) VALUES (1, ?, ?, ?, 0, 0)",
            (uuid4().hex, now(), keep),
        )
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {VERSION}")
