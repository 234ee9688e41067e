"""The chain: known answers, every kind of change found, many writers, and what may not be written."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vultus.errors import GalleryError, InputError, NotFoundError, StorageError
from vultus.server.chain import FIRST, Head, canonical, verify_lines
from vultus.server.journal import Journal

# The entries of the specification, and their hashes.
KNOWN = [
    (
        {"action": "gallery.create", "target": "staff", "revision": 1, "at": "2026-01-01T00:00:00Z"},
        "77a845abc6c4e981b412c4537c268e510c20c2d36c2babeaf89fa218f7eb3559",
    ),
    (
        {"action": "person.delete", "target": "p1", "revision": 2, "at": "2026-01-01T00:00:01Z"},
        "7f6378e974195349b5df0e650c68bf84b30486f36be39169510d521b5acef512",
    ),
]


@pytest.fixture
def journal(tmp_path: Path):
    with Journal(tmp_path / "journal.sqlite") as journal:
        yield journal


def filled(journal: Journal, count: int = 6) -> Journal:
    for number in range(count):
        journal.append(
            actor="key:7f",
            action="identify",
            target=f"person-{number}",
            gallery="staff",
            revision=number,
            evidence={"score": 0.5 + number / 100, "threshold": 0.362, "fpir": 0.01, "model": "vultus-emb-v1:ab"},
        )
    return journal


def test_empty(journal: Journal) -> None:
    assert journal.head == Head(0, FIRST)
    found = journal.verify()
    assert (found.ok, found.entries, found.findings) == (True, 0, ())
    assert list(journal.entries()) == []
    assert list(journal.lines()) == []
    assert verify_lines([]).ok
    assert journal.verify(Head(0, FIRST)).ok


def test_known_answers(journal: Journal) -> None:
    for fields, digest in KNOWN:
        assert journal.append(actor="key:test", **fields).hash == digest
    assert journal.head == Head(2, KNOWN[1][1])
    assert str(journal.head) == f"2:{KNOWN[1][1]}"
    assert journal.verify(Head.of(f"1:{KNOWN[0][1]}")).ok
    first, second = journal.entries()
    assert (first.seq, first.prev, first.actor, first.target, first.revision) == (1, FIRST, "key:test", "staff", 1)
    assert second.prev == first.hash


def test_it_is_its_owners(journal: Journal) -> None:
    if os.name == "posix":
        assert stat.S_IMODE(journal.path.stat().st_mode) == 0o600


def test_evidence_comes_back(journal: Journal) -> None:
    made = journal.append(
        actor="key:1",
        action="identify",
        gallery="staff",
        target="p7",
        reason="door 3, night",
        request="r-1",
        evidence={"score": 0.12345678, "threshold": float("-inf"), "decision": "match", "faces": ["a", "b"], "n": 3},
    )
    (read,) = journal.entries()
    assert read == made
    assert read.evidence == {"score": 0.123457, "threshold": None, "decision": "match", "faces": ["a", "b"], "n": 3}
    assert read.reason == "door 3, night"
    assert read.at.endswith("Z")


def test_reading_some(journal: Journal) -> None:
    filled(journal)
    journal.append(actor="key:2", action="person.erase", target="person-3", gallery="guests")
    assert [entry.seq for entry in journal.entries(after=5)] == [6, 7]
    assert [entry.seq for entry in journal.entries(limit=2)] == [1, 2]
    assert [entry.seq for entry in journal.entries(newest_first=True, limit=2)] == [7, 6]
    assert [entry.seq for entry in journal.entries(target="person-3")] == [4, 7]
    assert [entry.seq for entry in journal.entries(target="person-3", gallery="guests")] == [7]
    with pytest.raises(InputError, match="got reason"):
        list(journal.entries(reason="x"))


REFUSED = {
    "no actor": {"actor": ""},
    "a name": {"target": "Ada Lovelace"},
    "a line break": {"action": "a\nb"},
    "a long target": {"target": "x" * 201},
    "a vector": {"evidence": {"vector": [0.1, 0.2]}},
    "an array": {"evidence": {"vector": np.zeros(3)}},
    "bytes": {"evidence": {"png": b"\x89PNG"}},
    "an object": {"evidence": {"person": {"name": "Ada"}}},
    "a list of names": {"evidence": {"people": ["Ada Lovelace"]}},
    "very many ids": {"evidence": {"people": ["x"] * 201}},
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_and_not_written(journal: Journal, name: str) -> None:
    with pytest.raises(InputError, match="for the journal"):
        journal.append(**{"actor": "key:1", "action": "x", **REFUSED[name]})
    assert journal.head.seq == 0


def test_a_reason_is_somebodys_words(journal: Journal) -> None:
    """It comes after the deed, so it is written as far as it can be."""
    assert journal.append(actor="key:1", action="x", reason="a\x1b[2Jb\nc\ud800").reason == "a\ufffd[2Jb\ufffdc\ufffd"
    assert len(journal.append(actor="key:1", action="x", reason="y" * 9000).reason) == 500
    assert journal.verify(journal.head).ok


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entry SET body = replace(body, 'person-2', 'person-9') WHERE seq = 3",
        "UPDATE entry SET hash = hash",
        "DELETE FROM entry WHERE seq = 6",
        "DELETE FROM entry",
        "INSERT OR REPLACE INTO entry SELECT 3, prev, body, hash FROM entry WHERE seq = 2",
        "INSERT INTO entry SELECT 9, hash, body, hash FROM entry WHERE seq = 6",
        "INSERT INTO entry SELECT 7, prev, body, hash FROM entry WHERE seq = 6",
    ],
)
def test_the_database_refuses_changes(journal: Journal, statement: str) -> None:
    filled(journal)
    raw = sqlite3.connect(journal.path)
    with pytest.raises(sqlite3.IntegrityError, match=r"append-only|go to its end"):
        raw.execute(statement)
    raw.close()
    assert journal.verify().ok


TAMPERED = {
    "changed": "UPDATE entry SET body = replace(body, 'person-2', 'person-9') WHERE seq = 3",
    "changed with its hash": "changed",
    "taken out": "DELETE FROM entry WHERE seq = 3",
    "the first taken out": "DELETE FROM entry WHERE seq = 1",
    "the last taken out": "DELETE FROM entry WHERE seq = 6",
    "swapped": "UPDATE entry SET body = (SELECT body FROM entry AS o WHERE o.seq = 9 - entry.seq) WHERE seq IN (4, 5)",
    "put in": "INSERT INTO entry SELECT 7, prev, body, hash FROM entry WHERE seq = 6",
    "moved back": "UPDATE entry SET seq = seq + 100 WHERE seq > 3",
    "spaced": "UPDATE entry SET body = replace(body, ',', ', ') WHERE seq = 2",
    "the column alone": "UPDATE entry SET prev = hash WHERE seq = 2",
    "nothing but the triggers": "SELECT 1",
    "no entry": "UPDATE entry SET body = '[]' WHERE seq = 2",
}


@pytest.mark.parametrize("name", TAMPERED)
def test_what_the_owner_of_the_file_changes_is_found(journal: Journal, name: str) -> None:
    filled(journal)
    raw = sqlite3.connect(journal.path, isolation_level=None)
    for trigger in ("entry_changed", "entry_deleted", "entry_added"):
        raw.execute(f"DROP TRIGGER {trigger}")
    if TAMPERED[name] == "changed":
        import hashlib

        (body,) = raw.execute("SELECT body FROM entry WHERE seq = 3").fetchone()
        other = body.replace("person-2", "person-9")
        raw.execute(
            "UPDATE entry SET body = ?, hash = ? WHERE seq = 3", (other, hashlib.sha256(other.encode()).hexdigest())
        )
    else:
        raw.execute(TAMPERED[name])
    raw.close()
    found = journal.verify()
    assert not found.ok
    assert any("triggers" in finding for finding in found.findings)
    if name != "nothing but the triggers":
        assert len(found.findings) > 1


def test_triggers_of_the_same_names_that_do_nothing(journal: Journal) -> None:
    raw = sqlite3.connect(journal.path)
    raw.execute("DROP TRIGGER entry_changed")
    raw.execute("CREATE TRIGGER entry_changed BEFORE UPDATE ON entry BEGIN SELECT 1; END")
    raw.close()
    assert journal.verify().findings == ("1 of the triggers that keep entries as they are were taken off or changed",)


def rebuilt(path: Path, bodies: list[dict], reached: int) -> None:
    """A journal that somebody wrote anew from the start, as a whole chain, with the triggers in place."""
    path.unlink()
    for name in ("-wal", "-shm"):
        path.with_name(path.name + name).unlink(missing_ok=True)
    with Journal(path) as forged:
        for fields in bodies:
            forged.append(**fields)
    raw = sqlite3.connect(path)
    raw.execute("UPDATE sqlite_sequence SET seq = ?", (reached,))
    raw.commit()
    raw.close()


def test_only_a_kept_head_shows_a_chain_that_was_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    with Journal(path) as journal:
        filled(journal)
        kept = journal.head
        assert journal.verify(kept).ok
    bodies = [{"actor": "key:7f", "action": "identify", "target": f"other-{number}"} for number in range(6)]
    rebuilt(path, bodies, 6)
    with Journal(path) as journal:
        assert journal.verify().ok
        found = journal.verify(kept)
    assert not found.ok
    assert "kept head 6:" in found.findings[0]


def test_a_cut_off_end(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    with Journal(path) as journal:
        filled(journal)
        kept, lines = journal.head, list(journal.lines())
    assert "cut off" in verify_lines(lines[:4], kept).findings[0]
    with Journal(path) as journal:
        raw = sqlite3.connect(path)
        raw.execute("DROP TRIGGER entry_deleted")
        raw.execute("DELETE FROM entry WHERE seq > 4")
        raw.commit()
        raw.close()
        assert any("once reached entry 6" in finding for finding in journal.verify().findings)


def test_lines_can_be_verified_alone(journal: Journal) -> None:
    filled(journal)
    lines = list(journal.lines())
    assert [json.loads(line)["seq"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert list(journal.lines(after=4)) == lines[4:]
    found = verify_lines(lines, journal.head)
    assert (found.ok, found.entries, found.head) == (True, 6, journal.head)
    for number in range(6):
        changed = [*lines[:number], lines[number].replace("identify", "identity"), *lines[number + 1 :]]
        assert not verify_lines(changed).ok
        assert not verify_lines([*lines[:number], *lines[number + 1 :]], journal.head).ok
    assert not verify_lines(["{", "[]", "1"]).ok


def test_heads() -> None:
    head = Head(3, "ab" * 32)
    assert Head.of(f" {head}\n") == head
    for text in ("", "3", "3:xyz", "-1:" + "0" * 64, "3:" + "A" * 64):
        with pytest.raises(InputError, match="seq:hash"):
            Head.of(text)


WORD = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FFF, exclude_categories=("Cc", "Cs", "Z")), min_size=1)


@settings(max_examples=40, deadline=None)
@given(actor=WORD, target=WORD, score=st.floats(), number=st.integers(-(2**53), 2**53))
def test_any_words_make_a_chain_that_holds(tmp_path_factory, actor, target, score, number) -> None:
    folder = tmp_path_factory.mktemp("j")
    with Journal(folder / "journal.sqlite") as journal:
        journal.append(actor=actor[:200], action="a", target=target[:200], evidence={"score": score, "n": number})
        assert journal.verify(journal.head).ok
        assert verify_lines(journal.lines(), journal.head).ok
    shutil.rmtree(folder)


def test_canonical() -> None:
    assert canonical({"b": 1, "a": "é", "c": [1.5, None, True]}) == '{"a":"é","b":1,"c":[1.5,null,true]}'
    with pytest.raises(InputError):
        canonical({"a": float("nan")})


def test_threads_make_one_chain(journal: Journal) -> None:
    seen: list[int] = []

    def write(name: str) -> None:
        for number in range(60):
            seen.append(journal.append(actor=f"key:{name}", action="x", revision=number).seq)

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == list(range(1, 241))
    assert journal.verify().ok
    for name in "abcd":  # each writer's own order is kept
        assert [entry.revision for entry in journal.entries(actor=f"key:{name}")] == list(range(60))


def test_processes_make_one_chain(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    program = (
        "import sys; from vultus.server.journal import Journal\n"
        "journal = Journal(sys.argv[1], timeout=60); print('ready', flush=True); sys.stdin.readline()\n"
        "for number in range(150): journal.append(actor='key:' + sys.argv[2], action='x', revision=number)\n"
    )
    command = [sys.executable, "-c", program, str(path)]
    writers = [
        subprocess.Popen([*command, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for name in "abc"
    ]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0
    with Journal(path, create=False) as journal:
        found = journal.verify()
        assert (found.ok, found.entries) == (True, 450)
        actors = [entry.actor for entry in journal.entries()]
    assert len({tuple(actors[start : start + 3]) for start in range(0, 450, 3)}) > 1  # they did mix


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs SIGKILL")
def test_kill_leaves_every_acknowledged_entry(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    program = (
        "import sys; from vultus.server.journal import Journal\n"
        "journal = Journal(sys.argv[1])\n"
        "while True: print(journal.append(actor='key:a', action='x').seq, flush=True)\n"
    )
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True)
        told = [int(process.stdout.readline()) for _ in range(20)]
        process.kill()
        told += [int(line) for line in process.stdout.read().split("\n")[:-1]]
        process.wait(timeout=10)
        process.stdout.close()
        with Journal(path) as journal:
            assert journal.verify().ok
            assert journal.head.seq >= told[-1]


def test_read_only(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        Journal(tmp_path / "absent.sqlite", read_only=True)
    with pytest.raises(NotFoundError):
        Journal(tmp_path / "absent.sqlite", create=False)
    with Journal(tmp_path / "journal.sqlite") as journal:
        filled(journal)
    with Journal(tmp_path / "journal.sqlite", read_only=True) as journal:
        assert journal.verify().ok
        with pytest.raises(StorageError):
            journal.append(actor="key:1", action="x")


def test_no_journal(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    raw = sqlite3.connect(path)
    raw.execute("CREATE TABLE bookmarks (url TEXT)")
    raw.commit()
    raw.close()
    with pytest.raises(GalleryError, match="something else"):
        Journal(path)
    (tmp_path / "text").write_text("this is no database, but a text that is longer than its header" * 4)
    with pytest.raises(GalleryError, match="damaged"):
        Journal(tmp_path / "text")


def test_a_full_disk_refuses_the_entry_and_keeps_the_chain(journal: Journal) -> None:
    filled(journal)
    (pages,) = journal._connection.execute("PRAGMA page_count").fetchone()
    journal._connection.execute(f"PRAGMA max_page_count = {pages}")

    def fill() -> None:
        for number in range(200):
            journal.append(actor="key:1", action="x", reason="y" * 400, revision=number)

    with pytest.raises(StorageError, match="free some space"):
        fill()
    kept = journal.head.seq
    assert journal.verify().ok
    journal._connection.execute("PRAGMA max_page_count = 100000")
    assert journal.append(actor="key:1", action="x").seq == kept + 1
