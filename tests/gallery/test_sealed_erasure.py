"""Erasing from a sealed gallery: the key is destroyed, and neither the clear nor the ciphertext is left anywhere."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from vultus.errors import NotFoundError
from vultus.gallery import Gallery, MasterKey, erasure, restore
from vultus.gallery.keyfile import KEYS
from vultus.gallery.store import DATABASE
from vultus.testing import picture

KEY = MasterKey(bytes(range(32)))
NAME = "Person Number 3"


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VULTUS_MASTER_KEY", "VULTUS_MASTER_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)


def filled(opened, **options) -> Gallery:
    gallery = opened(master_key=KEY, **options)
    for number in range(8):
        name = f"Person Number {number}"
        gallery.enroll(name, [picture(name, noise=30, seed=seed) for seed in range(3)])
    gallery.reject("ab" * 32, NAME)
    return gallery


def remains(gallery: Gallery, name: str) -> dict[str, bytes]:
    """Everything of a person as it lies in the tables and in the key file, and in the clear."""
    from vultus.gallery import faces, people

    found: dict[str, bytes] = {}
    with gallery._store.read() as connection:
        row = people.resolve(connection, name)
        tag, sealed, key = connection.execute("SELECT name, sealed, key FROM person WHERE id = ?", (row,)).fetchone()
        found |= {"tag": tag.encode(), "sealed name": sealed, "clear name": name.encode()}
        found["wrapped key"] = connection.seal.keys.get([key])[key]
        found["data key"] = connection.seal.secret(key, found["wrapped key"])
        for table, column in (("template", "vector"), ("crop", "png")):
            for number, (blob,) in enumerate(
                connection.execute(f"SELECT {column} FROM {table} JOIN face ON face.id = face WHERE person = ?", (row,))
            ):
                found[f"{column} {number}"] = blob[:64]
        for number, (uuid, details) in enumerate(
            connection.execute("SELECT uuid, sealed FROM face WHERE person = ?", (row,)).fetchall()
        ):
            found |= {f"details {number}": details[:64], f"face id {number}": uuid.encode()}
        (word,) = connection.execute("SELECT sealed FROM feedback WHERE person = ?", (row,)).fetchone() or (
            tag.encode(),
        )
        found["word"] = word
        for number, vector in enumerate(faces.vectors(connection, row)[1]):
            found[f"clear vector {number}"] = vector.tobytes()[:64]
    return found


def traces(folder: Path, patterns: dict[str, bytes]) -> list[tuple[str, str]]:
    """An independent look: plain `bytes.find` over every file."""
    return [
        (path.name, what)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        for what, pattern in patterns.items()
        if path.read_bytes().find(pattern) >= 0
    ]


@pytest.mark.parametrize("snapshot", [False, True])
@pytest.mark.parametrize("elsewhere", [False, True])
def test_nothing_is_left(opened, tmp_path: Path, snapshot: bool, elsewhere: bool) -> None:
    if elsewhere:
        gallery = opened()
        filled_clear = gallery
        for number in range(8):
            name = f"Person Number {number}"
            filled_clear.enroll(name, [picture(name, noise=30, seed=seed) for seed in range(3)])
        gallery.reject("ab" * 32, NAME)
        (tmp_path / "keys").mkdir()
        gallery.seal(KEY, key_file=tmp_path / "keys" / "staff.keys")
    else:
        gallery = filled(opened)
    other = opened(master_key=KEY)
    image = picture(NAME, noise=30, seed=1)
    assert other.identify(image)[0].person == NAME
    if snapshot:
        gallery.compact()
    wanted = remains(gallery, NAME)
    sealed_forms = {what for what in wanted if not what.startswith(("clear", "data"))}
    assert {what for _, what in traces(tmp_path, wanted)} == sealed_forms  # what lies there, and nothing in the clear
    person = gallery.person(NAME)
    receipt = gallery.erase(NAME)
    assert (receipt.status, receipt.hits, receipt.key_destroyed) == ("erased", (), True)
    assert (receipt.person, receipt.templates, receipt.crops) == (person.id, 3, 3)
    key_file = str(tmp_path / "keys" / "staff.keys") if elsewhere else KEYS
    assert {DATABASE, key_file} <= set(receipt.files)
    assert receipt.name_scanned
    assert receipt.needles > 3 * (4 + 2 + 4 + 3)  # vectors clear, coded and sealed; crops; details
    assert traces(tmp_path, wanted) == []
    assert NAME not in repr(receipt)
    for session in (gallery, other, opened(master_key=KEY)):
        (seen,) = session.identify(image)
        assert seen.person is None
        with pytest.raises(NotFoundError):
            session.person(person.id)
        assert session.check().findings == ()
    assert len(gallery.people()) == 7


def test_the_key_goes_although_a_reader_holds_on(opened) -> None:
    gallery = filled(opened, timeout=0.2)
    wanted = remains(gallery, NAME)
    reader = sqlite3.connect(gallery.path / DATABASE, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM person").fetchone()
    receipt = gallery.erase(NAME)
    assert (receipt.status, receipt.key_destroyed) == ("pending", True)
    left = {what for _, what in traces(gallery.path, wanted)}
    assert not left & {"wrapped key", "data key"}  # what is left of the rest, nobody can read
    assert not any(what.startswith("clear") for what in left)
    reader.execute("COMMIT")
    reader.close()
    (receipt,) = gallery.finish_erasures()
    assert (receipt.status, receipt.scanned, receipt.key_destroyed) == ("erased", True, True)
    assert traces(gallery.path, wanted) == []


def test_another_process_finishes_what_one_began(opened) -> None:
    gallery = filled(opened)
    wanted = remains(gallery, NAME)
    with gallery._store.write() as connection:
        erasure.delete(connection, NAME)
    gallery.close()
    again = opened(master_key=KEY)
    (receipt,) = again.finish_erasures()
    assert (receipt.status, receipt.scanned, receipt.vacuumed, receipt.key_destroyed) == ("erased", False, True, True)
    assert traces(again.path, wanted) == []
    assert again.check().findings == ()


def test_a_copy_in_the_folder_is_found(opened) -> None:
    """The ciphertext in a stray copy of the database, and the key in a stray copy of the key file."""
    gallery = filled(opened)
    gallery.compact()
    for name in (DATABASE, KEYS):
        (gallery.path / f"{name}.copy").write_bytes((gallery.path / name).read_bytes())
    receipt = gallery.erase(NAME)
    assert receipt.status == "traces"
    assert {name for name, _ in receipt.hits} == {f"{DATABASE}.copy", f"{KEYS}.copy"}
    for name in (DATABASE, KEYS):
        (gallery.path / f"{name}.copy").unlink()
    (again,) = gallery.finish_erasures()
    assert again.status == "erased"


def test_exports_and_backups_made_after_do_not_hold_the_person(opened, tmp_path: Path) -> None:
    gallery = filled(opened)
    gallery.export(tmp_path / "before.zip", passphrase="correct horse battery")
    gallery.backup(tmp_path / "before")
    gallery.backup(tmp_path / "before with keys", with_keys=True)
    wanted = remains(gallery, NAME)
    receipt = gallery.erase(NAME)
    # The sealed backup without keys is noise now; the other two still show the person, and are named.
    assert receipt.not_covered == (str(tmp_path / "before.zip"), str(tmp_path / "before with keys"))
    gallery.export(tmp_path / "after.zip", clear=True)
    gallery.backup(tmp_path / "after", with_keys=True)
    for made in ("after.zip", "after"):
        place = tmp_path / made
        files = [place] if place.is_file() else sorted(place.iterdir())
        assert [what for path in files for what, data in wanted.items() if data in path.read_bytes()] == []
    target = opened(tmp_path / "target")
    target.import_(tmp_path / "after.zip")
    assert [person.name for person in target.people()] == [f"Person Number {n}" for n in range(8) if n != 3]
    done = restore(tmp_path / "before", tmp_path / "back", key_file=gallery.path / KEYS, master_key=KEY)
    assert (done.people, done.templates, done.erased_since) == (7, 21, 1)
    back = opened(tmp_path / "back", master_key=KEY)
    assert back.identify(picture(NAME, noise=30, seed=1))[0].person is None
    assert back.check().findings == ()


def test_the_journal_of_a_server_may_keep_ids(opened) -> None:
    """What was done to whom stays in `.vultus`, by the ids of faces; names there are traces."""
    gallery = filled(opened)
    faces = [face.id for face in gallery.faces(NAME)]
    (gallery.path / ".vultus").mkdir()
    (gallery.path / ".vultus" / "journal.sqlite").write_text(" ".join(faces))
    assert gallery.erase(NAME).status == "erased"
    (gallery.path / ".vultus" / "journal.sqlite").write_text("Person Number 4")
    receipt = gallery.erase("Person Number 4")
    assert receipt.status == "traces"
    assert [name for name, _ in receipt.hits] == [".vultus/journal.sqlite"]


@pytest.mark.slow
def test_many_erasures_leave_nothing(opened, directions) -> None:
    """Pages of both files that were split and merged: whatever is left in their gaps is found, and goes."""
    import numpy as np

    gallery = opened(keep="none", master_key=KEY)
    names = [f"Somebody {number:04d}" for number in range(300)]
    for number, name in enumerate(names):
        gallery.enroll_vectors(name, directions(1 + number % 3, seed=number), force=True)
    dice = np.random.default_rng(5)
    vacuumed = 0
    for name in dice.permutation(names)[:60].tolist():
        wanted = remains(gallery, name)
        receipt = gallery.erase(name)
        assert (receipt.status, receipt.key_destroyed) == ("erased", True)
        vacuumed += receipt.vacuumed
        assert traces(gallery.path, wanted) == []
    assert len(gallery.people()) == 240
    assert gallery.check().findings == ()
    assert vacuumed < 40  # the exception, not the rule: it rewrites the whole file
