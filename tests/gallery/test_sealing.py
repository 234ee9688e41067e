"""A sealed gallery: nothing of people lies in the clear, everything works, and what was changed is found."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from vultus.errors import GalleryError, MasterKeyError, NotFoundError
from vultus.gallery import Gallery, MasterKey
from vultus.gallery.keyfile import KEYS, KeyFile
from vultus.gallery.quantise import codes_of
from vultus.gallery.sealing import OVERHEAD, Unsealable, cipher_of, close, open_
from vultus.gallery.store import DATABASE
from vultus.testing import picture

KEY = MasterKey(bytes(range(32)))
OTHER = MasterKey(bytes(32))


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VULTUS_MASTER_KEY", "VULTUS_MASTER_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def sealed(opened) -> Gallery:
    return opened(master_key=KEY)


def filled(gallery: Gallery) -> Gallery:
    for name in ("Ada Lovelace", "Charles Babbage", "Zoe"):
        gallery.enroll(name, [picture(name), picture(name, noise=20, seed=1)])
    gallery.enroll("Countess of Lovelace", picture("Countess"))
    gallery.merge("Countess of Lovelace", "Ada Lovelace")
    gallery.reject("ab" * 32, "Zoe")
    return gallery


def raw(gallery: Gallery, file: str = DATABASE) -> sqlite3.Connection:
    """Another connection, as the owner of the disk has it."""
    return sqlite3.connect(gallery.path / file, isolation_level=None)


def spare(gallery: Gallery) -> set[str]:
    """Data keys that are nobody's."""
    with gallery._store.read() as connection:
        held = {key for (key,) in connection.execute("SELECT key FROM person")}
        return {key for key in connection.seal.keys.ids() if len(key) == 32} - held


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class TestValues:
    def test_nothing_and_something(self) -> None:
        cipher = cipher_of(bytes(32))
        for data in (b"", b"x", bytes(100_000)):
            blob = close(cipher, data, "what")
            assert len(blob) == len(data) + OVERHEAD
            assert open_(cipher, blob, "what") == data
            assert close(cipher, data, "what") != blob  # another nonce

    def test_every_change_is_found(self) -> None:
        cipher = cipher_of(bytes(32))
        blob = close(cipher, b"a vector", "gallery/person/face")
        changed = [blob[:at] + bytes([blob[at] ^ 1]) + blob[at + 1 :] for at in range(len(blob))]
        for bad in [*changed, blob[:-1], blob + b"x", b"", blob[:12], blob[:5]]:
            with pytest.raises(Unsealable):
                open_(cipher, bad, "gallery/person/face")
        with pytest.raises(Unsealable):
            open_(cipher, blob, "gallery/person/another")
        with pytest.raises(Unsealable):
            open_(cipher_of(b"\1" * 32), blob, "gallery/person/face")

    def test_an_outside_reading_of_the_format(self) -> None:
        """The stated layout, by the low-level interface of the cryptography package."""
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        blob = close(cipher_of(KEY.secret), b"text", "bound")
        nonce, text, tag = blob[:12], blob[12:-16], blob[-16:]
        decryptor = Cipher(algorithms.AES(KEY.secret), modes.GCM(nonce, tag)).decryptor()
        decryptor.authenticate_additional_data(b"bound")
        assert decryptor.update(text) + decryptor.finalize() == b"text"


def test_a_new_gallery_is_sealed_where_a_key_is_set(opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not opened(tmp_path / "clear").sealed
    assert opened(tmp_path / "argument", master_key=KEY).sealed
    monkeypatch.setenv("VULTUS_MASTER_KEY", KEY.secret.hex())
    gallery = opened(tmp_path / "environment")
    assert gallery.sealed
    assert gallery.stats().sealed
    assert sorted(path.name for path in gallery.path.iterdir()) == [
        DATABASE,
        f"{DATABASE}-shm",
        f"{DATABASE}-wal",
        KEYS,
    ]
    if hasattr(Path, "owner"):
        assert (gallery.path / KEYS).stat().st_mode & 0o077 == 0


def test_everything_works(sealed: Gallery, opened) -> None:
    gallery = filled(sealed)
    assert [person.name for person in gallery.people()] == ["Ada Lovelace", "Charles Babbage", "Zoe"]
    ada = gallery.person("Countess of Lovelace")
    assert (ada.name, ada.templates, ada.aliases) == ("Ada Lovelace", 3, ("Countess of Lovelace",))
    assert gallery.person(ada.id) == ada
    face = gallery.faces("Zoe")[0]
    assert (face.person, face.source) == ("Zoe", "picture 1")
    assert face.box is not None
    assert gallery.known_source(face.sha256, "Zoe")
    assert not gallery.known_source(face.sha256, "Ada Lovelace")
    assert gallery.crop(face.id).shape == (112, 112, 3)
    other = opened(master_key=KEY)  # a second session of the same process
    for session in (gallery, other):
        (seen,) = session.identify(picture("Charles Babbage", noise=20, seed=5))
        assert (seen.status, seen.person) == ("match", "Charles Babbage")
    gallery.rename("Zoe", "Zoë")
    new = gallery.split("Ada Lovelace", [gallery.faces("Ada Lovelace")[-1].id], "Countess of Lovelace")
    assert other.person("Countess of Lovelace") == new
    gallery.move_faces([gallery.faces("Charles Babbage")[0].id], "Zoë")
    assert other.person("Zoë").templates == 3
    assert other.identify(picture("Charles Babbage"))[0].person == "Zoë"
    gallery.remove_face(gallery.faces("Zoë")[0].id)
    gallery.remove("Charles Babbage")
    with pytest.raises(NotFoundError, match="did you mean 'Zoë'"):
        other.person("Zoe")
    assert other.enroll("Zoë", picture("Zoe", noise=20, seed=1)).unchanged == ("picture 1",)
    for session in (gallery, other):
        report = session.check()
        assert report.ok, report.findings
    gallery.close()
    again = opened(master_key=KEY)
    assert [person.name for person in again.people()] == ["Ada Lovelace", "Countess of Lovelace", "Zoë"]
    assert again.check().findings == ()
    assert spare(again) == set()  # the keys of those who are gone were destroyed at the close


def test_nothing_lies_in_the_clear(sealed: Gallery) -> None:
    gallery = filled(sealed)
    gallery._live.unsaved = 10**6
    gallery.compact()  # with an index on disk
    wanted: dict[str, bytes] = {}
    for person in gallery.people():
        for name in (person.name, *person.aliases):
            wanted[name] = name.encode()
        for number, face in enumerate(gallery.faces(person.name)):
            wanted[f"hash {person.name} {number}"] = bytes.fromhex(face.sha256)
            with gallery._store.read() as connection:
                from vultus.gallery import faces, people

                _, matrix = faces.vectors(connection, people.resolve(connection, person.name))
            wanted[f"vector {person.name} {number}"] = matrix[number].tobytes()[:64]
            wanted[f"codes {person.name} {number}"] = codes_of(matrix[number][None]).codes.tobytes()[:48]
            wanted[f"crop {person.name} {number}"] = faces.to_png(gallery.crop(face.id))[60:120]
    wanted |= {"said": bytes.fromhex("ab" * 32), "path": b"picture 1", "landmarks": b'"landmarks"', "PNG": b"\x89PNG"}
    wanted["master"] = KEY.secret
    with gallery._store.read() as connection:
        seal = connection.seal
        for key, wrapped in seal.keys.every():
            wanted[f"data key {key}"] = seal.secret(key, wrapped) if key != "gallery" else KEY.secret
    assert len(wanted) > 30
    files = bytes_of(gallery.path)
    assert any(name.endswith(".sealed") for name in files)
    assert not any(name.endswith(".snapshot") for name in files)
    assert [(name, what) for name, data in files.items() for what, pattern in wanted.items() if pattern in data] == []


def test_the_same_in_the_clear_is_found(opened) -> None:
    """The negative control of the test before: without a seal, that scan finds everything."""
    gallery = filled(opened())
    files = b"".join(bytes_of(gallery.path).values())
    for pattern in (
        b"Ada Lovelace",
        b"Countess of Lovelace",
        b"picture 1",
        b'"landmarks"',
        b"\x89PNG",
        bytes.fromhex("ab" * 32),
    ):
        assert pattern in files


def test_the_same_value_never_looks_the_same(opened, tmp_path: Path, directions) -> None:
    """Two galleries under one master key, the same person: neither tags, nor blobs, nor keys repeat."""
    stored = []
    for name in ("a", "b"):
        gallery = opened(tmp_path / name, master_key=KEY)
        gallery.enroll_vectors("Ada Lovelace", directions(1))
        with gallery._store.read() as connection:
            rows = connection.execute("SELECT name, sealed FROM person").fetchall()
            rows += connection.execute("SELECT vector FROM template").fetchall()
        stored.append({value for row in rows for value in row})
    assert not stored[0] & stored[1]


def test_without_the_key(sealed: Gallery, opened, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(sealed).close()
    with pytest.raises(
        GalleryError, match="is sealed and no master key is set; name its file in VULTUS_MASTER_KEY_FILE"
    ):
        opened()
    with pytest.raises(GalleryError, match=f"expected key {KEY.mark}, got {OTHER.mark}"):
        opened(master_key=OTHER)
    monkeypatch.setenv("VULTUS_MASTER_KEY", OTHER.secret.hex())
    with pytest.raises(GalleryError, match="not the one"):
        opened()
    monkeypatch.setenv("VULTUS_MASTER_KEY", KEY.secret.hex())
    assert opened().person("Zoe").templates == 2
    assert opened(read_only=True).identify(picture("Zoe"))[0].person == "Zoe"


def test_without_the_package(sealed: Gallery, tmp_path: Path) -> None:
    """cryptography is not imported by a gallery in the clear, and asked for by name by a sealed one."""
    sealed.close()
    program = (
        "import sys\n"
        "sys.modules['cryptography'] = None\n"
        "from vultus.errors import MissingExtraError\n"
        "from vultus.gallery import Gallery, MasterKey\n"
        "Gallery.open(sys.argv[1] + '/clear').close()\n"
        "for name in ('staff.vultus', 'new'):\n"
        "    try: Gallery.open(sys.argv[1] + '/' + name, master_key=MasterKey(bytes(range(32))))\n"
        "    except MissingExtraError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.count("needs the package cryptography; pip install") == 2


def test_without_the_key_file(sealed: Gallery, opened, tmp_path: Path) -> None:
    filled(sealed).close()
    keys = sealed.path / KEYS
    whole = keys.read_bytes()
    keys.unlink()
    with pytest.raises(MasterKeyError, match="expected the gallery's key file"):
        opened(master_key=KEY)
    keys.write_bytes(b"text")
    with pytest.raises(GalleryError, match="damaged"):
        opened(master_key=KEY)
    other = opened(tmp_path / "other", master_key=KEY)
    other.close()
    keys.write_bytes((other.path / KEYS).read_bytes())
    with pytest.raises(GalleryError, match="holds the keys of another gallery"):
        opened(master_key=KEY)
    keys.write_bytes((sealed.path / DATABASE).read_bytes())
    with pytest.raises(GalleryError, match="expected a vultus key file"):
        opened(master_key=KEY)
    keys.write_bytes(whole)
    assert opened(master_key=KEY).check().ok


def test_an_older_key_file(sealed: Gallery, opened, directions) -> None:
    """Whoever was enrolled since it was copied is reported, and nobody else is harmed by the check."""
    sealed.enroll_vectors("Ada", directions(1))
    old = (sealed.path / KEYS).read_bytes()
    sealed.enroll_vectors("Bob", directions(1, seed=1), force=True)
    sealed.close()
    (sealed.path / KEYS).write_bytes(old)
    gallery = opened(master_key=KEY)
    with pytest.raises(GalleryError, match=r"data key .* is not in"):
        gallery.people()
    report = gallery.check()
    assert [finding.code for finding in report.findings if finding.code == "key_missing"] == ["key_missing"]
    assert gallery.person("Ada").templates == 1


CHANGES: dict[str, str] = {
    "vector": "UPDATE template SET vector = cast(substr(vector, 1, 200) || x'00' || substr(vector, 202) AS BLOB) "
    "WHERE face = 1",
    "vector cut": "UPDATE template SET vector = substr(vector, 1, 100) WHERE face = 1",
    "vector of another face of the same person": "UPDATE template SET vector = (SELECT vector FROM template AS o "
    "WHERE o.face = 2) WHERE face = 1",
    "vector of another person": "UPDATE template SET vector = (SELECT vector FROM template AS o WHERE o.face = 3) "
    "WHERE face = 1",
    "face moved to another person": "UPDATE face SET person = 2 WHERE id = 1",
    "crop": "UPDATE crop SET png = cast(substr(png, 1, 900) || x'00' || substr(png, 902) AS BLOB) WHERE face = 1",
    "crop of another face": "UPDATE crop SET png = (SELECT png FROM crop AS o WHERE o.face = 3) WHERE face = 1",
    "name of another person": "UPDATE person SET sealed = (SELECT sealed FROM person AS o WHERE o.id = 2) WHERE id = 1",
    "keys swapped": "UPDATE person SET key = (SELECT key FROM person AS o WHERE o.id = 5 - person.id) "
    "WHERE id IN (2, 3)",
    "names looked up by each other's tag": "UPDATE person SET name = (SELECT name || 'x' FROM person AS o "
    "WHERE o.id = 2) WHERE id = 1",
    "details": "UPDATE face SET sealed = (SELECT sealed FROM face AS o WHERE o.id = 2) WHERE id = 1",
    "picture's tag": "UPDATE face SET sha256 = zeroblob(32) WHERE id = 1",
    "a value in the clear": "UPDATE person SET sealed = NULL, name = 'Mallory' WHERE id = 1",
    "a person in the clear": "UPDATE person SET key = NULL WHERE id = 1",
    "alias": "UPDATE alias SET sealed = (SELECT sealed FROM person WHERE id = 2)",
    "word": "UPDATE feedback SET sealed = zeroblob(60)",
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_was_changed_or_moved_is_found(sealed: Gallery, opened, name: str) -> None:
    filled(sealed).close()
    connection = raw(sealed)
    connection.execute("DROP TRIGGER face_moved")
    assert connection.execute(CHANGES[name]).rowcount >= 1
    connection.close()
    report = opened(master_key=KEY).check()
    assert not report.ok
    codes = {finding.code for finding in report.findings}
    assert codes & {"seal_broken", "vector_damaged", "crop_damaged", "key_missing"}
    assert not any("Ada" in finding.detail or "Zoe" in finding.detail for finding in report.findings)


def test_a_changed_vector_is_not_searched(sealed: Gallery, opened) -> None:
    filled(sealed).close()
    connection = raw(sealed)
    connection.execute(CHANGES["vector of another person"])
    connection.close()
    gallery = opened(master_key=KEY)
    with pytest.raises(GalleryError, match=r"changed or moved.*run `vultus gallery check`"):
        gallery.identify(picture("Zoe"))


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE data_key SET wrapped = zeroblob(60) WHERE length(id) = 32",
        "UPDATE data_key SET wrapped = (SELECT wrapped FROM data_key AS o WHERE length(o.id) = 32 ORDER BY id LIMIT 1) "
        "WHERE length(id) = 32",
    ],
)
def test_changed_and_moved_keys(sealed: Gallery, opened, change: str) -> None:
    filled(sealed).close()
    connection = raw(sealed, KEYS)
    connection.execute(change)
    connection.close()
    gallery = opened(master_key=KEY)
    with pytest.raises(GalleryError, match="was changed or moved"):
        gallery.people()
    assert not gallery.check().ok


def test_a_changed_root_key(sealed: Gallery, opened) -> None:
    sealed.close()
    connection = raw(sealed, KEYS)
    connection.execute("UPDATE data_key SET wrapped = zeroblob(60) WHERE id = 'gallery'")
    with pytest.raises(GalleryError, match=r"gallery's own key .* was changed"):
        opened(master_key=KEY)
    connection.execute("DELETE FROM data_key")
    connection.close()
    with pytest.raises(GalleryError, match="lacks the gallery's own key"):
        opened(master_key=KEY)


def test_a_failing_write_leaves_no_key(sealed: Gallery, directions) -> None:
    sealed.enroll_vectors("Ada", directions(1))
    before = sealed._store.seal.keys.ids()

    def fail() -> None:
        with sealed._store.write() as connection:
            from vultus.gallery import people

            people.add(connection, "Bob")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert sealed._store.seal.keys.ids() == before
    sealed.enroll_vectors("Bob", directions(1, seed=1), force=True)
    assert sealed.check().findings == ()


def test_keys_of_a_write_that_did_not_commit_are_swept(sealed: Gallery, opened, directions) -> None:
    """A process that died between the key file's commit and the gallery's."""
    sealed.enroll_vectors("Ada", directions(1))
    lost = sealed._store.seal.make_key("0" * 32)
    sealed._store.seal.commit()
    assert sealed.check().ok
    assert spare(sealed) == {lost}
    sealed.compact()
    assert spare(sealed) == set()
    assert sealed.check().findings == ()


def test_keys_made_ahead(sealed: Gallery, opened, directions) -> None:
    """A few commits of the key file for many people; another process that tidies up takes no key that is in use."""
    commits = 0
    commit = sealed._store.seal.keys.commit

    def counting() -> None:
        nonlocal commits
        commits += sealed._store.seal.keys.pending
        commit()

    sealed._store.seal.keys.commit = counting
    for number in range(100):
        sealed.enroll_vectors(f"p{number}", directions(1, seed=number), force=True)
    assert commits == 7  # of 1, 2, 4 … 64 keys
    assert len(spare(sealed)) == 27
    with sealed._store.read() as connection:
        assert connection.execute("SELECT count(DISTINCT key) FROM person").fetchone() == (100,)
    other = opened(master_key=KEY)
    other.compact()  # sweeps the keys that are nobody's yet
    assert spare(sealed) == set()
    for number in range(100, 110):
        sealed.enroll_vectors(f"p{number}", directions(1, seed=number), force=True)
    assert commits == 8
    assert len(other.people()) == 110
    assert other.check().findings == ()
    sealed.close()
    assert spare(other) == set()  # its own keys made ahead went with it


def test_keys_wait_for_readers(opened) -> None:
    """A reader of an older state still reads whoever was removed; their key goes when it is done."""
    gallery = filled(opened(master_key=KEY, timeout=0.1))
    late = opened(master_key=KEY)
    with late._store.read() as connection:
        connection.execute("SELECT count(*) FROM person").fetchone()
        gallery.remove("Zoe")
        gallery.compact()
        from vultus.gallery import people

        assert [person.name for person in people.people(connection)] == ["Ada Lovelace", "Charles Babbage", "Zoe"]
    assert len(spare(gallery)) == 2  # hers, and that of the one who was merged
    gallery.compact()
    assert spare(gallery) == set()
    assert [person.name for person in late.people()] == ["Ada Lovelace", "Charles Babbage"]


def test_processes(sealed: Gallery, tmp_path: Path, directions, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two more processes write at once; each sees the others' people, and no key is lost."""
    monkeypatch.setenv("VULTUS_MASTER_KEY", KEY.secret.hex())
    program = (
        "import sys, numpy as np\n"
        "from vultus.gallery import Gallery\n"
        "from vultus.testing import Analyzer, Thresholds\n"
        "from vultus.types import unit\n"
        "contract = Analyzer().contract\n"
        "gallery = Gallery.open(sys.argv[1], contract=contract, operating=Thresholds(contract), timeout=60)\n"
        "first = int(sys.argv[2])\n"
        "for n in range(first, first + 20):\n"
        "    v = unit(np.random.default_rng(n).normal(size=(1, 128)), 128)\n"
        "    gallery.enroll_vectors(f'p{n}', v, force=True)\n"
        "    if n % 4 == 3: gallery.remove(f'p{n}')\n"
        "    if n % 7 == 6: gallery.compact()\n"
    )
    command = [sys.executable, "-c", program, str(sealed.path)]
    writers = [subprocess.Popen([*command, first]) for first in ("0", "100")]
    seen = 0
    while any(writer.poll() is None for writer in writers):
        seen = max(seen, len(sealed.search(directions(1), candidates=50)[0]))
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0]
    assert len(sealed.people()) == 30
    report = sealed.check()
    assert report.ok, report.findings
    assert seen > 1


class TestKeyFile:
    def test_empty(self, tmp_path: Path) -> None:
        with KeyFile.create(tmp_path / "keys", gallery="g", seal="s", master="m") as keys:
            assert (len(keys), keys.ids(), keys.get([]), keys.get(["x"])) == (0, [], {}, {})
            assert keys.facts == ("g", "s", "m")
            assert keys.destroy(["x"]) == 0
            assert keys.damage() == []

    def test_put_commit_and_roll_back(self, tmp_path: Path) -> None:
        with KeyFile.create(tmp_path / "keys", gallery="g", seal="s", master="m") as keys:
            keys.put("a" * 32, b"one", "m")
            keys.roll_back()
            assert len(keys) == 0
            keys.put("a" * 32, b"one", "m")
            keys.put("b" * 32, b"two", "m")
            keys.commit()
            with pytest.raises(GalleryError, match="master key was changed by another process"):
                keys.put("c" * 32, b"three", "old")
            keys.roll_back()
        with KeyFile(tmp_path / "keys") as keys:
            assert keys.get(["a" * 32, "c" * 32]) == {"a" * 32: b"one"}
            assert keys.destroy(["a" * 32]) == 1
            assert keys.ids() == ["b" * 32]

    def test_destroyed_bytes_are_gone(self, tmp_path: Path) -> None:
        rng = np.random.default_rng(0)
        wrapped = {f"{n:032x}": rng.bytes(60) for n in range(500)}
        path = tmp_path / "keys"
        with KeyFile.create(path, gallery="g", seal="s", master="m") as keys:
            for key, value in wrapped.items():
                keys.put(key, value, "m")
            keys.commit()
            data = path.read_bytes()
            assert all(value in data for value in wrapped.values())
            gone = list(wrapped)[::3]
            assert keys.destroy(gone) == len(gone)
            keys.vacuum()
            data = path.read_bytes()
            assert not any(wrapped[key] in data for key in gone)
            assert sum(value in data for value in wrapped.values()) == 500 - len(gone)
            assert sorted(other.name for other in tmp_path.iterdir()) == ["keys"]

    def test_what_holds_keys_is_never_replaced(self, tmp_path: Path) -> None:
        with KeyFile.create(tmp_path / "keys", gallery="g", seal="s", master="m") as keys:
            keys.put("a" * 32, b"one", "m")
            keys.commit()
        from vultus.errors import ConflictError

        with pytest.raises(ConflictError, match="holds the keys of a sealed gallery"):
            KeyFile.create(tmp_path / "keys", gallery="h", seal="t", master="m")
        with KeyFile(tmp_path / "keys") as keys:
            keys.destroy(["a" * 32])
        KeyFile.create(tmp_path / "keys", gallery="h", seal="t", master="m").close()
