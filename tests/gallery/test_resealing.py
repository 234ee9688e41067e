"""Sealing a gallery that was in the clear, and back; other master keys, other data keys."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from vultus.errors import ConflictError, GalleryError, MasterKeyError, StorageError
from vultus.gallery import Gallery, MasterKey
from vultus.gallery.keyfile import KEYS
from vultus.gallery.store import DATABASE
from vultus.testing import picture

KEY = MasterKey(bytes(range(32)))
NEW = MasterKey(bytes(range(1, 33)))


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VULTUS_MASTER_KEY", "VULTUS_MASTER_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)


def filled(gallery: Gallery) -> Gallery:
    for name in ("Ada Lovelace", "Charles Babbage", "Zoe"):
        gallery.enroll(name, [picture(name), picture(name, noise=20, seed=1)])
    gallery.enroll("Countess of Lovelace", picture("Countess"))
    gallery.merge("Countess of Lovelace", "Ada Lovelace")
    gallery.reject("ab" * 32, "Zoe")
    gallery.reject("cd" * 32, "Zoe", ordinal=2)
    return gallery


def facts(gallery: Gallery) -> dict[str, Any]:
    """Everything a gallery tells, whatever lies beneath."""
    people = gallery.people()
    found = gallery.search(gallery._live.matrix()[1][:1]) if not gallery._live.empty else ()
    with gallery._store.read() as connection:
        from vultus.gallery import exporting

        words = sorted((line["sha256"], line["ordinal"], line["person"]) for line in exporting._feedback(connection))
    return {
        "people": people,
        "faces": {person.name: gallery.faces(person.name) for person in people},
        "crops": [gallery.crop(face.id).tobytes() for person in people for face in gallery.faces(person.name)],
        "words": words,
        "search": found,
        "revision": gallery.revision,
    }


def test_an_empty_gallery(opened) -> None:
    gallery = opened()
    done = gallery.seal(KEY)
    assert (done.sealed, done.people, done.templates, done.needles, done.hits) == (True, 0, 0, 0, ())
    assert gallery.sealed
    gallery.enroll("Ada", picture("Ada"))
    assert gallery.check().findings == ()
    assert not gallery.unseal().sealed
    assert gallery.person("Ada").templates == 1


def test_there_and_back(opened) -> None:
    gallery = filled(opened())
    gallery.compact()
    gallery.identify(picture("Zoe"))
    before = facts(gallery)
    told: list[tuple[int, int]] = []
    done = gallery.seal(KEY, progress=lambda *numbers: told.append(numbers))
    assert (done.sealed, done.people, done.templates, done.crops, done.sampled) == (True, 3, 7, 7, 7)
    assert done.hits == ()
    assert done.needles > 7 * 8
    assert {DATABASE, KEYS} <= set(done.files)
    assert told[-1] == (3, 3)
    assert facts(gallery) == before
    assert gallery.check().findings == ()
    everything = b"".join(path.read_bytes() for path in gallery.path.rglob("*") if path.is_file())
    for clear in (b"Ada Lovelace", b"Countess", b"picture 1", b"\x89PNG", b'"landmarks"', bytes.fromhex("ab" * 32)):
        assert clear not in everything
    assert not list(gallery.path.glob("*.snapshot"))
    gallery.close()
    again = opened(master_key=KEY)
    again.identify(picture("Zoe"))
    assert facts(again) == before
    back = again.unseal()
    assert (back.sealed, back.people, back.hits) == (False, 3, ())
    assert facts(again) == before
    assert sorted(path.name for path in again.path.iterdir() if not path.name.endswith(("-wal", "-shm"))) == [DATABASE]
    again.close()
    clear = opened()
    clear.identify(picture("Zoe"))
    assert facts(clear) == before
    assert clear.check().findings == ()
    # Sealed anew: other keys, another seal.
    clear.seal(NEW)
    assert facts(clear) == before


def test_twice(opened) -> None:
    gallery = filled(opened())
    with pytest.raises(GalleryError, match="is not sealed"):
        gallery.unseal()
    for verb in (gallery.rotate_data_keys, lambda: gallery.rotate_master_key(NEW)):
        with pytest.raises(GalleryError, match="is not sealed"):
            verb()
    gallery.seal(KEY)
    with pytest.raises(GalleryError, match="is sealed already"):
        gallery.seal(KEY)


def test_the_key_file_elsewhere(opened, tmp_path: Path) -> None:
    gallery = filled(opened())
    place = tmp_path / "vault" / "staff.keys"
    done = gallery.seal(KEY, key_file=place)
    assert str(place) in done.files
    assert not (gallery.path / KEYS).exists()
    gallery.close()
    again = opened(master_key=KEY)
    assert len(again.people()) == 3
    again.close()
    place.rename(tmp_path / "vault" / "moved")
    with pytest.raises(MasterKeyError, match="expected the gallery's key file at"):
        opened(master_key=KEY)


def test_a_key_file_that_holds_keys_is_not_replaced(opened, tmp_path: Path) -> None:
    first, second = opened(tmp_path / "first"), filled(opened(tmp_path / "second"))
    filled(first).seal(KEY, key_file=tmp_path / "keys")
    before = (tmp_path / "keys").read_bytes()
    with pytest.raises(ConflictError, match="holds the keys of a sealed gallery"):
        second.seal(KEY, key_file=tmp_path / "keys")
    assert (tmp_path / "keys").read_bytes() == before
    assert not second.sealed
    assert second.check().ok


def test_a_failure_leaves_the_clear(opened, monkeypatch: pytest.MonkeyPatch) -> None:
    gallery = filled(opened())
    gallery.identify(picture("Zoe"))
    before = facts(gallery)
    from vultus.gallery import copies

    def fail(*arguments: Any, **options: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(copies, "listed", fail)
    with pytest.raises(KeyboardInterrupt):
        gallery.seal(KEY)
    monkeypatch.undo()
    assert not gallery.sealed
    assert facts(gallery) == before
    assert not (gallery.path / KEYS).exists()
    connection = gallery._store.connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StorageError, match="Free some space"):
        gallery.seal(KEY)  # values grow by 28 bytes each
    assert not gallery.sealed
    assert facts(gallery) == before
    assert not (gallery.path / KEYS).exists()
    connection.execute("PRAGMA max_page_count = 1000000")
    assert gallery.seal(KEY).hits == ()
    assert facts(gallery) == before


def test_others_that_have_it_open_are_told(opened) -> None:
    """A session that was opened in the clear must not take ciphertext for vectors, nor the other way."""
    gallery = filled(opened())
    other = opened()
    assert len(other.people()) == 3
    gallery.seal(KEY)
    for verb in (other.people, lambda: other.identify(picture("Zoe")), lambda: other.remove("Zoe"), other.check):
        with pytest.raises(GalleryError, match="was sealed or its seal taken off by another process"):
            verb()
    sealed = opened(master_key=KEY)
    gallery.unseal()
    with pytest.raises(GalleryError, match="was sealed or its seal taken off"):
        sealed.people()
    assert len(gallery.people()) == 3


def test_another_master_key(opened) -> None:
    gallery = filled(opened(master_key=KEY))
    gallery.identify(picture("Zoe"))
    before = facts(gallery)
    stored = (gallery.path / DATABASE).read_bytes()
    stale = opened(master_key=KEY)
    stale.person("Zoe")
    keys = gallery._store.seal.keys
    old = dict(keys.every())
    assert gallery.rotate_master_key(NEW) == len(old)
    assert len(old) >= 4  # gallery, three people
    new = dict(keys.every())
    assert new.keys() == old.keys()
    assert all(new[key] != old[key] for key in old)
    assert (gallery.path / DATABASE).read_bytes() == stored  # no value was touched
    assert not any(wrapped in (gallery.path / KEYS).read_bytes() for wrapped in old.values())
    assert facts(gallery) == before
    gallery.enroll("Eve", picture("Eve"))
    with pytest.raises(GalleryError, match="master key was changed by another process"):
        stale.people()
    with pytest.raises(GalleryError, match="master key was changed by another process"):
        stale.enroll("Mallory", picture("Mallory"))
    gallery.close()
    with pytest.raises(GalleryError, match=f"expected key {NEW.mark}, got {KEY.mark}"):
        opened(master_key=KEY)
    again = opened(master_key=NEW)
    assert [person.name for person in again.people()] == ["Ada Lovelace", "Charles Babbage", "Eve", "Zoe"]
    assert again.check().findings == ()


def test_other_data_keys(opened) -> None:
    gallery = filled(opened(master_key=KEY))
    gallery.identify(picture("Zoe"))
    before = facts(gallery)
    other = opened(master_key=KEY)
    other.people()

    def stored() -> tuple[set[str], list[bytes]]:
        with gallery._store.read() as connection:
            rows = connection.execute("SELECT vector FROM template UNION ALL SELECT sealed FROM face").fetchall()
            rows += connection.execute("SELECT sealed FROM person UNION ALL SELECT sealed FROM alias").fetchall()
            rows += connection.execute("SELECT sealed FROM feedback UNION ALL SELECT png FROM crop").fetchall()
            return {key for (key,) in connection.execute("SELECT key FROM person")}, [blob for (blob,) in rows]

    keys, blobs = stored()
    told: list[tuple[int, int]] = []
    assert gallery.rotate_data_keys(progress=lambda *numbers: told.append(numbers)) == 3
    assert told == [(3, 3)]
    new_keys, new_blobs = stored()
    assert not keys & new_keys
    assert not set(blobs) & set(new_blobs)
    assert gallery._store.seal.keys.get(keys) == {}  # the old ones were destroyed
    assert facts(gallery) == before
    assert other.people() == before["people"]
    assert gallery.check().findings == ()


def test_kill_while_sealing(opened, tmp_path: Path) -> None:
    """A process that dies anywhere in it leaves a gallery that opens, in the clear or sealed, with everybody in it."""
    gallery = opened()
    for number in range(30):
        name = f"Person {number}"
        gallery.enroll(name, [picture(name), picture(name, noise=20, seed=1)])
    before = gallery.people()
    gallery.close()
    program = (
        "import sys\n"
        "from vultus.gallery import Gallery, MasterKey\n"
        "gallery = Gallery.open(sys.argv[1])\n"
        "steps = iter(range(10**6))\n"
        "stop = int(sys.argv[2])\n"
        "def trace(*a):\n"
        "    if next(steps) == stop: import os, signal; os.kill(os.getpid(), signal.SIGKILL)\n"
        "gallery._store.connection.set_trace_callback(trace)\n"
        "gallery.seal(MasterKey(bytes(range(32))))\n"
        "print('sealed', flush=True)\n"
    )
    outcomes = set()
    for stop in (3, 60, 200, 420, 10**6):
        done = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path / "staff.vultus"), str(stop)], capture_output=True, text=True
        )
        again = opened(master_key=KEY) if done.stdout == "sealed\n" else opened()
        outcomes.add(again.sealed)
        assert again.people() == before
        report = again.check()
        assert report.ok, report.findings
        again.close()
        if not again.path.joinpath(KEYS).exists():
            continue
        if done.stdout != "sealed\n":
            (again.path / KEYS).unlink()  # as the message of the next try would say
    assert outcomes == {False, True}
