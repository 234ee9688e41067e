"""Backups while others write, restoring, and what a restored gallery does not bring back."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from vultus.errors import ConflictError, GalleryError, InputError, NotFoundError
from vultus.gallery import Gallery, MasterKey, restore
from vultus.gallery.backup import NOTE
from vultus.gallery.keyfile import KEYS
from vultus.gallery.store import DATABASE
from vultus.testing import picture

KEY = MasterKey(bytes(range(32)))


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VULTUS_MASTER_KEY", "VULTUS_MASTER_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)


def filled(gallery: Gallery) -> Gallery:
    for name in ("Ada Lovelace", "Charles Babbage", "Zoe"):
        gallery.enroll(name, [picture(name), picture(name, noise=20, seed=1)])
    return gallery


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_an_empty_gallery(opened, tmp_path: Path) -> None:
    done = opened().backup(tmp_path / "backup")
    assert (done.revision, done.people, done.templates, done.sealed, done.with_keys) == (0, 0, 0, False, False)
    assert names(tmp_path / "backup") == [NOTE, DATABASE]
    assert restore(tmp_path / "backup", tmp_path / "back").people == 0
    assert opened(tmp_path / "back").people() == ()


def test_there_and_back(opened, tmp_path: Path) -> None:
    gallery = filled(opened())
    gallery.compact()
    told: list[tuple[int, int]] = []
    done = gallery.backup(tmp_path / "backup", progress=lambda *numbers: told.append(numbers))
    assert (done.gallery, done.revision) == (gallery.stats().id, gallery.revision)
    assert told[-1][0] == told[-1][1] > 0
    assert done.bytes == (tmp_path / "backup" / DATABASE).stat().st_size
    if os.name == "posix":
        for path in (tmp_path / "backup", tmp_path / "backup" / DATABASE):
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
    before = gallery.people(), gallery.faces("Zoe"), gallery.revision
    gallery.remove("Zoe")
    (tmp_path / "back").mkdir()  # an empty folder is fine
    back = restore(tmp_path / "backup", tmp_path / "back")
    assert (back.people, back.templates, back.revision, back.erased_since) == (3, 6, before[2], 0)
    restored = opened(tmp_path / "back")
    assert (restored.people(), restored.faces("Zoe"), restored.revision) == before
    assert restored.identify(picture("Zoe", noise=20, seed=5))[0].person == "Zoe"
    assert restored.check().findings == ()
    assert [person.name for person in gallery.people()] == ["Ada Lovelace", "Charles Babbage"]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("sealed", [False, True])
def test_while_others_write(opened, tmp_path: Path, directions, sealed: bool) -> None:
    """Every copy is one state of the gallery: people are in it whole, in the order of their enrolment."""
    gallery = opened(master_key=KEY if sealed else None)
    writer = opened(master_key=KEY if sealed else None)
    stop = threading.Event()

    def write() -> None:
        for number in range(400):
            if stop.is_set():
                return
            writer.enroll_vectors(f"p{number:03d}", directions(2, seed=number), force=True)

    thread = threading.Thread(target=write)
    thread.start()
    copies = []
    for number in range(6):
        copies.append(gallery.backup(tmp_path / f"backup-{number}"))
    stop.set()
    thread.join()
    assert copies[-1].people > copies[0].people  # somebody did write meanwhile
    keys = {"key_file": gallery.path / KEYS, "master_key": KEY} if sealed else {}
    for number, copy in enumerate(copies):
        restore(tmp_path / f"backup-{number}", tmp_path / f"back-{number}", **keys)
        back = opened(tmp_path / f"back-{number}", master_key=KEY if sealed else None)
        assert [person.name for person in back.people()] == [f"p{n:03d}" for n in range(copy.people)]
        assert copy.templates == 2 * copy.people
        assert back.check().ok
    assert len(writer.people()) >= copies[-1].people
    assert gallery.check().ok


def test_refused_to_back_up(opened, tmp_path: Path) -> None:
    gallery = filled(opened())
    (tmp_path / "there").mkdir()
    with pytest.raises(ConflictError, match="expected a new folder"):
        gallery.backup(tmp_path / "there")
    with pytest.raises(InputError, match="not sealed, there are no keys"):
        gallery.backup(tmp_path / "backup", with_keys=True)
    assert names(tmp_path) == ["staff.vultus", "there"]


def test_a_read_only_gallery_can_be_backed_up(opened, tmp_path: Path) -> None:
    filled(opened()).close()
    assert opened(read_only=True).backup(tmp_path / "backup").people == 3


def test_a_sealed_backup_without_keys(opened, tmp_path: Path) -> None:
    gallery = filled(opened(master_key=KEY))
    done = gallery.backup(tmp_path / "backup")
    assert (done.sealed, done.with_keys) == (True, False)
    assert names(tmp_path / "backup") == [NOTE, DATABASE]
    assert b"Ada" not in (tmp_path / "backup" / DATABASE).read_bytes()
    with pytest.raises(GalleryError, match="holds no keys; name the key file"):
        restore(tmp_path / "backup", tmp_path / "back", master_key=KEY)
    with pytest.raises(GalleryError, match="no master key is set"):
        restore(tmp_path / "backup", tmp_path / "back", key_file=gallery.path / KEYS)
    with pytest.raises(GalleryError, match="not the one"):
        restore(tmp_path / "backup", tmp_path / "back", key_file=gallery.path / KEYS, master_key=MasterKey(bytes(32)))
    other = opened(tmp_path / "other", master_key=KEY)
    with pytest.raises(GalleryError, match="keys of another gallery"):
        restore(tmp_path / "backup", tmp_path / "back", key_file=other.path / KEYS, master_key=KEY)
    assert not (tmp_path / "back").exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    gallery.erase("Charles Babbage")
    gallery.enroll("Eve", picture("Eve"))
    back = restore(tmp_path / "backup", tmp_path / "back", key_file=gallery.path / KEYS, master_key=KEY)
    assert (back.people, back.templates, back.erased_since) == (2, 4, 1)
    restored = opened(tmp_path / "back", master_key=KEY)
    assert [person.name for person in restored.people()] == ["Ada Lovelace", "Zoe"]
    assert restored.identify(picture("Charles Babbage"))[0].person is None
    assert restored.check().findings == ()
    restored.compact()
    assert len(restored._store.seal.keys) == 4  # gallery, snapshot, two people; not Eve's, who came later


def test_a_sealed_backup_with_keys(opened, tmp_path: Path) -> None:
    gallery = filled(opened(master_key=KEY))
    gallery.backup(tmp_path / "backup", with_keys=True)
    assert names(tmp_path / "backup") == [NOTE, DATABASE, KEYS]
    gallery.erase("Zoe")
    assert restore(tmp_path / "backup", tmp_path / "back", master_key=KEY).people == 3
    assert opened(tmp_path / "back", master_key=KEY).identify(picture("Zoe"))[0].person == "Zoe"
    # With the key file in use instead, whoever was erased stays erased.
    done = restore(tmp_path / "backup", tmp_path / "again", key_file=gallery.path / KEYS, master_key=KEY)
    assert (done.people, done.erased_since) == (2, 1)


def test_keys_elsewhere_come_home(opened, tmp_path: Path) -> None:
    gallery = filled(opened())
    gallery.seal(KEY, key_file=tmp_path / "vault.keys")
    gallery.backup(tmp_path / "backup", with_keys=True)
    restore(tmp_path / "backup", tmp_path / "back", master_key=KEY)
    assert KEYS in names(tmp_path / "back")
    (tmp_path / "vault.keys").unlink()
    assert len(opened(tmp_path / "back", master_key=KEY).people()) == 3


DAMAGE = {
    "no note": lambda folder: (folder / NOTE).unlink(),
    "no database": lambda folder: (folder / DATABASE).unlink(),
    "a changed byte": lambda folder: _flip(folder / DATABASE, 5000),
    "cut": lambda folder: (folder / DATABASE).write_bytes((folder / DATABASE).read_bytes()[:-4096]),
    "no JSON": lambda folder: (folder / NOTE).write_text("{"),
    "a list": lambda folder: (folder / NOTE).write_text("[]"),
    "a later version": lambda folder: _edit(folder, version=2),
    "another format": lambda folder: _edit(folder, format="other"),
    "a path in the note": lambda folder: _edit(folder, files={"../gallery.sqlite": {"sha256": "", "size": 0}}),
    "counts as text": lambda folder: _edit(folder, people="3"),
    "no counts": lambda folder: _edit(folder, revision=None),
}


def _flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def _edit(folder: Path, **fields: object) -> None:
    note = json.loads((folder / NOTE).read_text())
    (folder / NOTE).write_text(json.dumps({**note, **fields}))


@pytest.mark.parametrize("name", DAMAGE)
def test_damaged_backups(opened, tmp_path: Path, name: str) -> None:
    filled(opened()).backup(tmp_path / "backup")
    DAMAGE[name](tmp_path / "backup")
    with pytest.raises((GalleryError, NotFoundError)):
        restore(tmp_path / "backup", tmp_path / "back")
    assert not (tmp_path / "back").exists()


def test_an_honest_note_about_a_damaged_database(opened, tmp_path: Path) -> None:
    import hashlib

    filled(opened()).backup(tmp_path / "backup")
    data = bytearray((tmp_path / "backup" / DATABASE).read_bytes())
    data[8192:12288] = b"\xa5" * 4096
    (tmp_path / "backup" / DATABASE).write_bytes(data)
    facts = {DATABASE: {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}}
    _edit(tmp_path / "backup", files=facts)
    with pytest.raises(GalleryError, match="damaged"):
        restore(tmp_path / "backup", tmp_path / "back")
    assert not (tmp_path / "back").exists()


def test_nothing_is_restored_over_something(opened, tmp_path: Path) -> None:
    gallery = filled(opened())
    gallery.backup(tmp_path / "backup")
    for place in (gallery.path, tmp_path / "backup"):
        with pytest.raises(ConflictError, match="holds something"):
            restore(tmp_path / "backup", place)
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConflictError, match="holds something"):
        restore(tmp_path / "backup", tmp_path / "file")
    with pytest.raises(NotFoundError):
        restore(tmp_path / "absent", tmp_path / "back")


def test_copies_are_remembered(opened, tmp_path: Path) -> None:
    gallery = filled(opened())
    gallery.backup(tmp_path / "one")
    gallery.export(tmp_path / "two.zip")
    receipt = gallery.erase("Zoe")
    assert receipt.not_covered == (str(tmp_path / "one"), str(tmp_path / "two.zip"))
    assert gallery.erase("Ada Lovelace").not_covered == receipt.not_covered
    # What was made after somebody was erased is no matter of theirs.
    gallery.backup(tmp_path / "three")
    gallery.enroll("Eve", picture("Eve"))
    assert str(tmp_path / "three") in gallery.erase("Eve").not_covered  # made before she was erased: who knows
    gallery.seal(KEY)
    connection = sqlite3.connect(gallery.path / DATABASE)
    assert {place for (place,) in connection.execute("SELECT place FROM copy")} == {None}
    connection.close()
    assert len(gallery.erase("Charles Babbage").not_covered) == 3
