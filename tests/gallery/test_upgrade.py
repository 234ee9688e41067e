"""A gallery of version 1, as that version wrote it, under today's program."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from vultus.errors import GalleryError
from vultus.gallery import Gallery, MasterKey, restore
from vultus.gallery.backup import NOTE
from vultus.gallery.faces import to_blob, to_png
from vultus.gallery.schema import _TABLES, APPLICATION_ID, VERSION
from vultus.gallery.store import DATABASE
from vultus.testing import Analyzer, picture

KEY = MasterKey(bytes(range(32)))
FACE, OTHER, PERSON = "f" * 32, "e" * 32, "a" * 32


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VULTUS_MASTER_KEY", "VULTUS_MASTER_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Two people with an alias, a crop, a word, and a log, in the tables of version 1 (vultus 0.1.0)."""
    folder = tmp_path / "staff.vultus"
    folder.mkdir()
    connection = sqlite3.connect(folder / DATABASE, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("BEGIN")
    for statement in _TABLES:
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute("PRAGMA user_version = 1")
    contract = Analyzer().contract
    from dataclasses import asdict

    body = json.dumps(asdict(contract), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    ask = connection.execute
    ask("INSERT INTO contract (key, body, dimension) VALUES (?, ?, 128)", (contract.id, body))
    ask(
        "INSERT INTO gallery (one, uuid, created, keep, contract, revision, log_floor) "
        "VALUES (1, 'b0b', '2026-01-01T00:00:00Z', 'aligned', 1, 1, 0)"
    )
    for row, (uuid, name) in enumerate([(PERSON, "Ada Lovelace"), ("b" * 32, "Zoe")], 1):
        ask("INSERT INTO person (uuid, name, created) VALUES (?, ?, '2026-01-01T00:00:00Z')", (uuid, name))
        (reading,) = Analyzer().analyze(picture(name))
        details = {"box": [1, 2, 3, 4], "landmarks": [], "score": 0.9, "rotation": 0, "quality": {"score": 0.8}}
        ask(
            "INSERT INTO face (uuid, person, sha256, ordinal, source, reading, forced, created) "
            "VALUES (?, ?, ?, 0, 'old/1.jpg', ?, 0, '2026-01-01T00:00:00Z')",
            ((FACE, OTHER)[row - 1], row, bytes([row]) * 32, json.dumps(details)),
        )
        ask("INSERT INTO template VALUES (?, 1, ?)", (row, to_blob(reading.embedding)))
        ask("INSERT INTO crop VALUES (?, ?)", (row, to_png(reading.aligned)))
    ask("INSERT INTO alias VALUES ('Countess', 1)")
    ask("INSERT INTO feedback VALUES (?, 2, 2, '2026-01-01T00:00:00Z')", (b"\x07" * 32,))
    ask("UPDATE gallery SET revision = revision + 1")
    ask("COMMIT")
    connection.close()
    return folder


def whole(gallery: Gallery) -> None:
    """Everybody is there, with everything."""
    assert [(person.name, person.aliases) for person in gallery.people()] == [
        ("Ada Lovelace", ("Countess",)),
        ("Zoe", ()),
    ]
    assert gallery.person("Countess").id == PERSON
    (face,) = gallery.faces("Ada Lovelace")
    assert (face.id, face.source, face.sha256, face.quality) == (FACE, "old/1.jpg", "01" * 32, 0.8)
    assert gallery.crop(FACE).shape == (112, 112, 3)
    assert gallery.identify(picture("Zoe"))[0].person == "Zoe"
    assert gallery.known_source("02" * 32, "Zoe")
    gallery.reject("07" * 32, "Zoe", ordinal=2, undo=True)
    gallery.reject("07" * 32, "Zoe", ordinal=2)
    assert gallery.check().findings == ()
    assert gallery.stats().schema == VERSION


def test_it_is_brought_up_with_everybody_in_it(old: Path, opened) -> None:
    with pytest.raises(GalleryError, match="older version 1; open it once without read_only"):
        opened(read_only=True)
    gallery = opened()
    assert gallery.revision == 2
    whole(gallery)
    gallery.enroll("Eve", picture("Eve"))
    assert gallery.erase("Eve").status == "erased"
    opened(read_only=True).people()


def test_and_then_sealed(old: Path, opened) -> None:
    gallery = opened()
    assert gallery.seal(KEY).hits == ()
    whole(gallery)
    gallery.close()
    assert b"Lovelace" not in (old / DATABASE).read_bytes()
    whole(opened(master_key=KEY))


def test_a_key_in_the_environment_does_not_seal_it_by_itself(
    old: Path, opened, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("VULTUS_MASTER_KEY", KEY.secret.hex())
    gallery = opened()
    assert not gallery.sealed
    whole(gallery)
    opened(master_key=KEY)
    assert "is not sealed; `vultus gallery seal`" in caplog.text


def test_a_backup_of_it(old: Path, opened, tmp_path: Path) -> None:
    """A backup that was made of version 1 is restored and climbs."""
    import hashlib

    backup = tmp_path / "backup"
    backup.mkdir()
    connection = sqlite3.connect(old / DATABASE)
    copy = sqlite3.connect(backup / DATABASE)
    connection.backup(copy)
    copy.execute("PRAGMA journal_mode = DELETE")
    copy.close()
    connection.close()
    data = (backup / DATABASE).read_bytes()
    note = {
        "format": "vultus-backup",
        "version": 1,
        "at": "2026-01-01T00:00:00Z",
        "gallery": "b0b",
        "revision": 2,
        "people": 2,
        "templates": 2,
        "sealed": False,
        "with_keys": False,
        "files": {DATABASE: {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}},
    }
    (backup / NOTE).write_text(json.dumps(note))
    assert restore(backup, tmp_path / "back").people == 2
    whole(opened(tmp_path / "back"))


def test_a_kill_in_the_climb_leaves_version_1(old: Path, opened) -> None:
    program = (
        "import os, signal, sys\n"
        "from vultus.gallery import store\n"
        "real, stop = store.climb, int(sys.argv[2])\n"
        "def climb(connection, *rest):\n"
        "    steps = iter(range(1000))\n"
        "    def trace(statement):\n"
        "        if next(steps) == stop: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    connection.set_trace_callback(trace)\n"
        "    real(connection, *rest)\n"
        "    connection.set_trace_callback(None)\n"
        "store.climb = climb\n"
        "store.Store(store.Path(sys.argv[1]), create=False, keep=None, read_only=False, timeout=5)\n"
    )
    for stop in (0, 3, 8):
        done = subprocess.run([sys.executable, "-c", program, str(old), str(stop)], check=False)
        assert done.returncode == -9
        connection = sqlite3.connect(old / DATABASE)
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert len(connection.execute("PRAGMA table_info(person)").fetchall()) == 4
        connection.close()
    whole(opened())


def test_two_processes_at_once(old: Path, opened) -> None:
    program = (
        "import sys\nfrom vultus.gallery import Gallery\nsys.stdin.readline()\n"
        "print(len(Gallery.open(sys.argv[1], timeout=60).people()))\n"
    )
    command = [sys.executable, "-c", program, str(old)]
    started = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [process.communicate("go\n", timeout=60)[0] for process in started] == ["2\n"] * 3
    whole(opened())
    assert np.all([process.returncode == 0 for process in started])
