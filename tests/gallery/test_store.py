from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from vultus.errors import (
    ContractMismatchError,
    GalleryBusyError,
    GalleryError,
    InputError,
    NotFoundError,
    StorageError,
)
from vultus.gallery import Gallery, schema, store
from vultus.gallery.schema import APPLICATION_ID, VERSION
from vultus.gallery.store import DATABASE
from vultus.testing import Analyzer, Thresholds, picture


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_an_empty_folder_becomes_a_gallery(tmp_path: Path) -> None:
    with Gallery.open(tmp_path) as gallery:
        assert gallery.people() == ()
        assert gallery.revision == 0
        assert gallery.contract is None
    assert files(tmp_path) == [DATABASE]


def test_pragmas(gallery: Gallery) -> None:
    ask = gallery._store.connection.execute
    assert ask("PRAGMA journal_mode").fetchone() == ("wal",)
    assert ask("PRAGMA synchronous").fetchone() == (2,)  # FULL
    assert ask("PRAGMA secure_delete").fetchone() == (1,)
    assert ask("PRAGMA foreign_keys").fetchone() == (1,)
    assert ask("PRAGMA user_version").fetchone() == (VERSION,)
    assert ask("PRAGMA application_id").fetchone() == (APPLICATION_ID,)


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
def test_the_folder_is_its_owners(opened, tmp_path: Path) -> None:
    opened(tmp_path / "new" / "deep")
    assert stat.S_IMODE((tmp_path / "new" / "deep").stat().st_mode) == 0o700


def test_what_was_enrolled_is_there_after_opening_again(opened, directions) -> None:
    with opened() as gallery:
        gallery.enroll_vectors("Ada", directions(3))
        before = gallery.people(), gallery.faces("Ada"), gallery.revision, gallery.contract
    with opened() as gallery:
        assert (gallery.people(), gallery.faces("Ada"), gallery.revision, gallery.contract) == before
        assert gallery.search(directions(1))[0][0].score == pytest.approx(1, abs=1e-6)


def test_closed(opened, directions) -> None:
    gallery = opened()
    gallery.close()
    gallery.close()
    with pytest.raises(GalleryError, match="is closed"):
        gallery.people()


def test_absent(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="there is none"):
        Gallery.open(tmp_path / "staff", create=False)
    with pytest.raises(NotFoundError, match="there is none"):
        Gallery.open(tmp_path / "staff", read_only=True)
    assert not (tmp_path / "staff").exists()


def test_a_file(tmp_path: Path) -> None:
    (tmp_path / "staff").write_bytes(b"x")
    with pytest.raises(GalleryError, match="is a file"):
        Gallery.open(tmp_path / "staff")
    with pytest.raises((GalleryError, StorageError)):
        Gallery.open(tmp_path / "staff" / "inside")


def test_a_folder_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(GalleryError, match="holds other files"):
        Gallery.open(tmp_path)
    assert files(tmp_path) == ["holiday.jpg"]


def test_the_database_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / DATABASE).mkdir()
    with pytest.raises(GalleryError, match="is a folder"):
        Gallery.open(tmp_path)


def test_another_programs_database(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / DATABASE)
    connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.commit()
    connection.close()
    before = (tmp_path / DATABASE).read_bytes()
    with pytest.raises(GalleryError, match="another program's database"):
        Gallery.open(tmp_path)
    assert (tmp_path / DATABASE).read_bytes() == before


def test_a_later_version(opened, tmp_path: Path) -> None:
    opened().close()
    connection = sqlite3.connect(tmp_path / "staff.vultus" / DATABASE)
    connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()
    with pytest.raises(GalleryError, match="update vultus"):
        opened()
    with pytest.raises(GalleryError, match="update vultus"):
        opened(read_only=True)


def test_an_older_version_is_brought_up(opened, directions, monkeypatch) -> None:
    """The ladder with one rung more; the one that breaks leaves the older version whole."""
    with opened() as gallery:
        gallery.enroll_vectors("Ada", directions(2))
    monkeypatch.setattr(schema, "VERSION", VERSION + 1)
    monkeypatch.setattr(store, "VERSION", VERSION + 1)
    monkeypatch.setattr(schema, "_LADDER", (*schema._LADDER, ("CREATE TABLE extra (x)", "DROP TABLE absent")))
    with pytest.raises(sqlite3.OperationalError, match="absent"):
        opened()
    monkeypatch.setattr(schema, "_LADDER", (*schema._LADDER[:-1], ("ALTER TABLE person ADD COLUMN note TEXT",)))
    with pytest.raises(GalleryError, match="open it once without read_only"):
        opened(read_only=True)
    with opened() as gallery:
        assert gallery.stats().schema == VERSION + 1
        assert gallery.person("Ada").templates == 2
        assert gallery._store.connection.execute("SELECT name, note FROM person").fetchall() == [("Ada", None)]
    with opened(read_only=True) as gallery:
        assert gallery.search(directions(1))[0][0].person == "Ada"


@pytest.mark.parametrize("damage", ["text", "head", "middle", "cut"])
def test_damaged(opened, tmp_path: Path, directions, damage: str) -> None:
    with opened() as gallery:
        for number in range(40):
            gallery.enroll_vectors(f"p{number}", directions(3, seed=number))
    path = tmp_path / "staff.vultus" / DATABASE
    data = bytearray(path.read_bytes())
    if damage == "text":
        data = bytearray(b"this is no database, it is a text that is longer than a header of one hundred bytes " * 20)
    elif damage == "head":
        data[:64] = os.urandom(64)
    elif damage == "middle":
        data[4096:] = b"\xa5" * (len(data) - 4096)
    else:
        del data[len(data) // 2 :]
    path.write_bytes(data)
    with pytest.raises(GalleryError, match=r"damaged|another program"):
        opened().search(directions(1))


def test_an_unborn_file_becomes_a_gallery(tmp_path: Path) -> None:
    """What a process leaves that is killed before the tables were committed."""
    (tmp_path / DATABASE).write_bytes(b"")
    with pytest.raises(NotFoundError, match="empty file"):
        Gallery.open(tmp_path, create=False)
    with Gallery.open(tmp_path) as gallery:
        assert gallery.people() == ()


def test_keep_is_fixed_at_creation(opened, tmp_path: Path) -> None:
    opened(keep="none").close()
    assert opened().stats().keep == "none"
    with pytest.raises(InputError, match="created with keep='none'"):
        opened(keep="aligned")


def test_another_model(opened, tmp_path: Path) -> None:
    with opened() as gallery:
        gallery.enroll("Ada", picture("Ada"))
    other = Analyzer("other")
    with pytest.raises(ContractMismatchError, match=r"of testing .*got other .*vultus gallery migrate"):
        opened(analyzer=other)
    with pytest.raises(ContractMismatchError):
        opened(analyzer=None, contract=other.contract)
    with pytest.raises(ContractMismatchError, match="expected the analyzer's contract"):
        opened(contract=other.contract)


def test_an_unused_gallery_takes_any_model(opened) -> None:
    opened().close()
    opened(analyzer=Analyzer("other")).close()


def test_without_an_analyzer(opened, directions) -> None:
    with opened() as gallery:
        gallery.enroll_vectors("Ada", directions(1))
    bare = opened(analyzer=None, operating=Thresholds(Analyzer().contract))
    assert bare.search(directions(1))[0][0].person == "Ada"
    bare.enroll_vectors("Bob", directions(1, seed=1))
    with pytest.raises(InputError, match="open the gallery with an analyzer"):
        bare.identify(picture("Ada"))
    with pytest.raises(InputError, match="open the gallery with an analyzer"):
        bare.enroll("Ada", picture("Ada"))


def test_vectors_of_no_model(opened, directions) -> None:
    with pytest.raises(InputError, match="with an analyzer, or with a contract"):
        opened(analyzer=None).enroll_vectors("Ada", directions(1))


def test_read_only(opened, directions) -> None:
    writer = opened()
    writer.enroll_vectors("Ada", directions(1))
    reader = opened(read_only=True)
    assert reader.search(directions(1))[0][0].person == "Ada"
    with pytest.raises(GalleryError, match="opened read-only"):
        reader.enroll_vectors("Bob", directions(1, seed=1))
    with pytest.raises(GalleryError, match="opened read-only"):
        reader.remove("Ada")
    writer.enroll_vectors("Bob", directions(1, seed=1))
    assert [person.name for person in reader.people()] == ["Ada", "Bob"]


def test_another_writer_for_too_long(opened, tmp_path: Path, directions) -> None:
    gallery = opened(timeout=0.1)
    gallery.enroll_vectors("Ada", directions(1))
    other = sqlite3.connect(tmp_path / "staff.vultus" / DATABASE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(GalleryBusyError, match=r"over 0\.1 s"):
        gallery.enroll_vectors("Bob", directions(1, seed=1))
    assert gallery.search(directions(1))[0][0].person == "Ada"  # reading goes on
    other.execute("ROLLBACK")
    other.close()
    gallery.enroll_vectors("Bob", directions(1, seed=1))
    assert len(gallery.people()) == 2


def fill(gallery: Gallery, count: int, acknowledged: list[str] | None = None) -> None:
    for number in range(count):
        gallery.enroll(f"p{number}", picture(f"p{number}"))
        if acknowledged is not None:
            acknowledged.append(f"p{number}")


def test_full_disk(opened, directions) -> None:
    gallery = opened()
    gallery.enroll("Ada", picture("Ada"))
    connection = gallery._store.connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages + 3}")
    with pytest.raises(StorageError, match="Free some space"):
        fill(gallery, 50)
    kept = [person for person in gallery.people() if person.name.startswith("p")]
    assert all(person.templates == 1 for person in kept)
    assert len(kept) == len(gallery.people()) - 1 < 50
    assert gallery.check().ok
    connection.execute("PRAGMA max_page_count = 1000000")
    assert gallery.enroll("Zoe", picture("Zoe")).person.templates == 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB, where the user may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("no mount command")
    if done.returncode:
        pytest.skip(f"a small file system needs the right to mount: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_is_really_full(small_disk: Path, opened) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(300_000))
    gallery = opened(small_disk / "staff")
    acknowledged: list[str] = []
    with pytest.raises(StorageError, match="nothing was changed"):
        fill(gallery, 200, acknowledged)
    assert acknowledged
    gallery.close()
    with opened(small_disk / "staff") as again:
        assert {person.name for person in again.people()} == set(acknowledged)
        assert again.check().ok
        ballast.unlink()
        assert again.enroll("Zoe", picture("Zoe")).person.templates == 1


def test_a_disk_that_cannot_be_written(small_disk: Path, opened, directions) -> None:
    with opened(small_disk / "staff") as gallery:
        gallery.enroll_vectors("Ada", directions(1))
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    try:
        with opened(small_disk / "staff", read_only=True) as gallery:
            assert gallery.search(directions(1))[0][0].person == "Ada"
            assert gallery.check().ok
        with pytest.raises(StorageError, match="could not be written"):
            opened(small_disk / "staff")
        with pytest.raises(StorageError, match="choose another place"):
            opened(small_disk / "other")
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)


def test_a_failing_write_leaves_nothing(gallery: Gallery, directions) -> None:
    gallery.enroll_vectors("Ada", directions(1))
    revision = gallery.revision

    def fail() -> None:
        with gallery._store.write() as connection:
            connection.execute("DELETE FROM person")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert gallery.revision == revision
    assert len(gallery.people()) == 1


def test_a_write_that_changes_nothing_makes_no_revision(gallery: Gallery, directions) -> None:
    gallery.enroll_vectors("Ada", directions(1))
    revision = gallery.revision
    gallery.rename("Ada", "Ada")
    gallery.enroll_vectors("Ada", directions(1))
    assert gallery.revision == revision


def test_threads(gallery: Gallery, directions) -> None:
    """Writers and readers of one object at once: every answer is one of a whole state."""
    wrong: list[str] = []

    def write(start: int) -> None:
        for number in range(start, start + 15):
            gallery.enroll_vectors(f"p{number}", directions(2, seed=number))

    def read() -> None:
        for number in range(60):
            found = gallery.search(directions(1, seed=number % 45))[0]
            for candidate in found[:1]:
                if candidate.score > 0.9 and candidate.person != f"p{number % 45}":
                    wrong.append(candidate.person)

    threads = [threading.Thread(target=write, args=(start,)) for start in (0, 15, 30)]
    threads += [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(gallery.people()) == 45
    assert gallery.check().ok


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_is_refused(gallery: Gallery) -> None:
    child = os.fork()
    if child == 0:
        try:
            gallery.people()
        except GalleryError as error:
            os._exit(0 if "open it here" in str(error) else 2)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
