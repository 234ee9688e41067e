from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import numpy as np
import pytest

from vultus.errors import NotFoundError
from vultus.gallery import Gallery, erasure
from vultus.gallery.scan import Needles, files, pieces
from vultus.gallery.store import DATABASE
from vultus.testing import picture


class TestNeedles:
    def test_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes(b"")
        assert Needles([]).find(tmp_path / "a") == (set(), 0)
        assert Needles([b"12345678"]).find(tmp_path / "a") == (set(), 0)
        assert Needles([]).within(b"anything") == set()

    def test_every_offset(self) -> None:
        needles = Needles([b"0123456789abcdef", b"0123456789xbcdef", b"short"])
        assert needles.patterns == [b"0123456789abcdef", b"0123456789xbcdef"]  # under 8 bytes proves nothing
        for offset in range(20):
            assert needles.within(b"." * offset + b"0123456789abcdef") == {b"0123456789abcdef"}
            assert needles.within(b"." * offset + b"0123456789abcde") == set()

    def test_across_the_pieces_that_a_file_is_read_in(self, tmp_path: Path) -> None:
        rng = np.random.default_rng(0)
        patterns = [rng.bytes(32) for _ in range(50)]
        data = bytearray(rng.bytes((1 << 23) * 2 + 1000))
        for number, pattern in enumerate(patterns[:33]):
            place = (1 << 23) - 32 + number if number == 7 else number * 500_001
            data[place : place + 32] = pattern
        (tmp_path / "a").write_bytes(data)
        found, size = Needles(patterns).find(tmp_path / "a")
        assert found == {pattern for pattern in patterns if data.find(pattern) >= 0}
        assert len(found) == 33
        assert size == len(data)

    def test_pieces_cover_every_page(self) -> None:
        """Any 4,092 bytes of a long value, as an overflow page holds them, contain a whole piece."""
        value = np.random.default_rng(1).bytes(20_000)
        parts = pieces(value, skip=64)
        for start in range(64, len(value) - 4092, 97):
            assert any(part in value[start : start + 4092] for part in parts)
        assert pieces(b"\x00" * 1000) == []
        assert pieces(b"") == []


def traces(folder: Path, *patterns: bytes) -> list[tuple[str, int]]:
    """An independent look: plain `bytes.find` over every file."""
    return [
        (path.name, number)
        for path in folder.rglob("*")
        for number, pattern in enumerate(patterns)
        if path.read_bytes().find(pattern) >= 0
    ]


def remains(gallery: Gallery, name: str) -> list[bytes]:
    """The person's bytes, as they lie in the tables."""
    with gallery._store.read() as connection:
        vectors = connection.execute(
            "SELECT vector FROM template JOIN face ON face.id = face JOIN person ON person.id = person WHERE name = ?",
            (name,),
        ).fetchall()
        crops = connection.execute(
            "SELECT png FROM crop JOIN face ON face.id = face JOIN person ON person.id = person WHERE name = ?", (name,)
        ).fetchall()
    return [blob[:48] for (blob,) in vectors] + [png[200:248] for (png,) in crops] + [name.encode()]


def filled(opened, **options) -> Gallery:
    gallery = opened(**options)
    for number in range(12):
        name = f"Person Number {number}"
        gallery.enroll(name, [picture(name, noise=30, seed=seed) for seed in range(3)])
    return gallery


def test_somebody_unknown(gallery: Gallery) -> None:
    with pytest.raises(NotFoundError):
        gallery.erase("Ada")
    assert gallery.finish_erasures() == ()


@pytest.mark.parametrize("snapshot", [False, True])
def test_nothing_is_left(opened, snapshot: bool) -> None:
    gallery = filled(opened)
    other = opened()
    if snapshot:
        gallery.compact()
    image = picture("Person Number 3", noise=30, seed=1)
    assert other.identify(image)[0].person == "Person Number 3"
    wanted = remains(gallery, "Person Number 3")
    assert len(wanted) == 7
    assert {number for _, number in traces(gallery.path, *wanted)} == set(range(7))
    person = gallery.person("Person Number 3")
    before = gallery.revision
    receipt = gallery.erase("Person Number 3")
    assert receipt.status == "erased"
    assert (receipt.person, receipt.templates, receipt.crops) == (person.id, 3, 3)
    assert (receipt.revision_before, receipt.revision_after) == (before, before + 1)
    assert gallery.revision == before + 1
    assert receipt.hits == ()
    assert (
        receipt.needles >= 3 * (4 + 2 + 1 + 1) + 2
    )  # vectors in two forms, crops, face ids; the name, and with its id
    assert DATABASE in receipt.files
    assert any(name.startswith("index-") for name in receipt.files) == snapshot
    assert receipt.bytes == sum(
        (gallery.path / name).stat().st_size for name in receipt.files if not name.endswith("-wal")
    )  # the log was empty then
    assert (receipt.name_scanned, receipt.scanned) == (True, True)
    assert traces(gallery.path, *wanted) == []
    for session in (gallery, other, opened()):
        (seen,) = session.identify(image)
        assert seen.person is None
        assert all(candidate.id != person.id for candidate in seen.candidates)
        with pytest.raises(NotFoundError):
            session.person(person.id)
        assert session.check().ok
    assert len(gallery.people()) == 11
    assert gallery.finish_erasures() == ()
    assert "Number 3" not in repr(receipt)


def test_the_last_person(opened, directions) -> None:
    gallery = opened()
    gallery.enroll_vectors("Ada Lovelace", directions(3))
    gallery.compact()
    wanted = remains(gallery, "Ada Lovelace")
    assert gallery.erase("Ada Lovelace").status == "erased"
    assert traces(gallery.path, *wanted) == []
    assert [path.name for path in gallery.path.glob("index-*")] == []
    assert gallery.search(directions(1)) == ((),)
    gallery.enroll_vectors("Ada Lovelace", directions(3))
    assert gallery.search(directions(1))[0][0].person == "Ada Lovelace"


def test_what_others_hold_as_well_is_no_trace(opened) -> None:
    """The same picture enrolled for two, and a name that is part of another name."""
    gallery = opened()
    image = picture("Ada")
    gallery.enroll("Ada Lovelace", image)
    gallery.enroll("Ada Lovelace's Twin", image, force=True)
    receipt = gallery.erase("Ada Lovelace")
    assert (receipt.status, receipt.hits) == ("erased", ())
    assert not receipt.name_scanned
    assert gallery.identify(image)[0].person == "Ada Lovelace's Twin"


def test_a_short_name_is_said_to_be_unscanned(opened, directions) -> None:
    gallery = opened()
    gallery.enroll_vectors("Al", directions(1))
    receipt = gallery.erase("Al")
    assert receipt.status == "erased"
    assert not receipt.name_scanned


def test_a_copy_in_the_folder_is_found(opened) -> None:
    gallery = filled(opened)
    gallery.export(gallery.path / "backup.zip")
    receipt = gallery.erase("Person Number 3")
    assert receipt.status == "traces"
    assert [name for name, _ in receipt.hits] == ["backup.zip"]
    assert gallery.stats().pending_erasures == 1
    assert not gallery.check().ok
    (gallery.path / "backup.zip").unlink()
    (again,) = gallery.finish_erasures()
    assert (again.status, again.scanned, again.person) == ("erased", True, receipt.person)
    assert gallery.stats().pending_erasures == 0
    assert gallery.check().ok


def test_a_half_written_snapshot_is_swept_away(opened, directions) -> None:
    gallery = filled(opened)
    (gallery.path / ".index-abc.snapshot.x.tmp").write_bytes(remains(gallery, "Person Number 3")[0])
    assert gallery.erase("Person Number 3").status == "erased"
    assert sorted(path.name for path in gallery.path.iterdir() if "index" in path.name) == []


def test_a_reader_that_holds_on(opened) -> None:
    gallery = filled(opened, timeout=0.2)
    image = picture("Person Number 3", noise=30, seed=1)
    wanted = remains(gallery, "Person Number 3")
    reader = sqlite3.connect(gallery.path / DATABASE, isolation_level=None)
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM person").fetchone() == (12,)
    receipt = gallery.erase("Person Number 3")
    assert (receipt.status, receipt.files, receipt.scanned) == ("pending", (), False)
    assert gallery.identify(image)[0].person is None  # gone from searches at once
    assert gallery.stats().pending_erasures == 1
    assert "erasure_pending" in [finding.code for finding in gallery.check().findings]
    assert reader.execute("SELECT count(*) FROM person").fetchone() == (12,)
    reader.execute("COMMIT")
    reader.close()
    (receipt,) = gallery.finish_erasures()
    assert (receipt.status, receipt.scanned, receipt.templates) == ("erased", True, 3)
    assert traces(gallery.path, *wanted) == []


def test_a_process_that_died_before_the_traces_were_gone(opened) -> None:
    gallery = filled(opened)
    wanted = remains(gallery, "Person Number 3")
    with gallery._store.write() as connection:
        erasure.delete(connection, "Person Number 3")
    gallery.close()
    again = opened()
    assert again.stats().pending_erasures == 1
    (receipt,) = again.finish_erasures()
    assert (receipt.status, receipt.scanned, receipt.vacuumed) == ("erased", False, True)
    assert traces(again.path, *wanted) == []
    assert again.check().ok


def test_two_who_finish_the_same_erasure(opened) -> None:
    """As when one process takes up what another is still at: both say that it is done, and it is."""
    gallery, other = filled(opened), opened()
    wanted = remains(gallery, "Person Number 3")
    with gallery._store.write() as connection:
        noted, patterns = erasure.delete(connection, "Person Number 3")
    assert gallery.pending_erasures() == other.pending_erasures() == (noted.person,)
    (theirs,) = other.finish_erasures()
    ours = erasure.settle(gallery._store, gallery._live, noted, patterns)
    assert (theirs.status, theirs.scanned) == ("erased", False)
    assert (ours.status, ours.scanned) == ("erased", True)
    assert (ours.person, ours.revision_after) == (theirs.person, theirs.revision_after)
    assert gallery.pending_erasures() == ()
    assert traces(gallery.path, *wanted) == []
    assert gallery.check().ok


def test_readers_need_not_be_waited_for(opened) -> None:
    gallery = filled(opened, timeout=0.2)
    reader = sqlite3.connect(gallery.path / DATABASE, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM person").fetchone()
    person = gallery.erase("Person Number 3").person
    start = time.monotonic()
    (receipt,) = gallery.finish_erasures(wait=False)
    assert time.monotonic() - start < 0.15
    assert (receipt.status, receipt.person, receipt.scanned) == ("pending", person, False)
    reader.execute("COMMIT")
    reader.close()
    (receipt,) = gallery.finish_erasures(wait=False)
    assert (receipt.status, receipt.scanned) == ("erased", True)


def test_remove_is_not_erase(opened) -> None:
    """What makes the difference worth a verb of its own: bytes stay in the log."""
    gallery = filled(opened)
    wanted = remains(gallery, "Person Number 3")
    gallery.remove("Person Number 3")
    assert traces(gallery.path, *wanted)


@pytest.mark.slow
def test_many_erasures_leave_nothing(opened, directions) -> None:
    """Pages that were split and merged: whatever SQLite leaves in their gaps is found, and goes."""
    gallery = opened(keep="none")
    names = [f"Somebody {number:04d}" for number in range(300)]
    for number, name in enumerate(names):
        gallery.enroll_vectors(name, directions(1 + number % 3, seed=number), force=True)
    dice = np.random.default_rng(5)
    vacuumed = 0
    for name in dice.permutation(names)[:60].tolist():
        wanted = remains(gallery, name)
        receipt = gallery.erase(name)
        assert receipt.status == "erased"
        vacuumed += receipt.vacuumed
        assert traces(gallery.path, *wanted) == []
    assert len(gallery.people()) == 240
    assert gallery.check().ok
    assert vacuumed < 30  # the exception, not the rule: it rewrites the whole file


def test_files(tmp_path: Path) -> None:
    assert files(tmp_path) == []
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "a" / "b")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    assert files(tmp_path) == [tmp_path / "a" / "b"]
