"""Sealed snapshots: what comes back is what was written, or a reason; and what erasing leaves of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vultus.errors import StorageError
from vultus.gallery import Gallery, MasterKey, exact, rows
from vultus.gallery.exact import ExactIndex
from vultus.gallery.sealed_snapshot import open_sealed, write_sealed
from vultus.gallery.sealing import cipher_of
from vultus.gallery.snapshot import Snapshot, Unusable
from vultus.testing import Analyzer, Thresholds
from vultus.types import unit

OURS = {"contract_id": "vultus-emb-v1:abc", "gallery_id": "g-1:mark"}
CIPHER = cipher_of(bytes(range(32)))
KEY = MasterKey(bytes(range(32)))
CONTRACT = Analyzer().contract


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VULTUS_MASTER_KEY", "VULTUS_MASTER_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 64 rows, and small galleries searched through their bytes."""
    monkeypatch.setattr(rows, "BLOCK", 64)
    monkeypatch.setattr(exact, "BLOCK", 64)
    monkeypatch.setattr(exact, "_SMALL", 0)


def made(n: int = 500, dimension: int = 48, precision: Any = "int8") -> ExactIndex:
    index = ExactIndex(dimension, precision)
    matrix = unit(np.random.default_rng(0).standard_normal((max(n, 1), dimension)))[:n]
    index.add(np.arange(n) * 3 + 7, np.arange(n) // 4, matrix)
    return index


def opened(path: Path, **other: Any) -> Snapshot:
    found = open_sealed(path, other.pop("cipher", CIPHER), **{**OURS, **other})
    assert isinstance(found, Snapshot), found
    return found


def refused(path: Path, **other: Any) -> str:
    found = open_sealed(path, other.pop("cipher", CIPHER), **{**OURS, **other})
    assert isinstance(found, Unusable)
    return found.reason


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("n", [0, 1, 64, 500])
@pytest.mark.parametrize("precision", ["int8", "fp32"])
def test_what_was_written_comes_back(tmp_path: Path, n: int, precision: Any) -> None:
    path = tmp_path / "index.sealed"
    index = made(n, precision=precision)
    size = write_sealed(path, index, CIPHER, **OURS, revision=9)
    assert path.stat().st_size == size
    assert path.stat().st_mode & 0o077 == 0
    found = opened(path)
    assert (found.revision, found.index.precision, len(found.index)) == (9, precision, n)
    queries = unit(np.random.default_rng(1).standard_normal((20, 48)))
    for query in queries:
        one, other = index.search(query, 5), found.index.search(query, 5)
        assert (one.ids.tolist(), one.people.tolist(), one.scores.tolist()) == (
            other.ids.tolist(),
            other.people.tolist(),
            other.scores.tolist(),
        )
    found.index.remove(found.index.ids[::2])  # it can be changed, the file stays
    assert len(opened(path).index) == n


def test_nothing_in_the_clear(tmp_path: Path) -> None:
    path = tmp_path / "index.sealed"
    index = made()
    write_sealed(path, index, CIPHER, **OURS, revision=9)
    data = path.read_bytes()
    with index.blocks() as blocks:
        for block in blocks:
            for column in block.columns:
                assert np.ascontiguousarray(column[: block.count]).tobytes()[:48] not in data
    assert b"vultus-emb" not in data


@pytest.mark.usefixtures("narrow")
def test_unusable(tmp_path: Path) -> None:
    path = tmp_path / "index.sealed"
    write_sealed(path, made(200), CIPHER, **OURS, revision=9)
    whole = path.read_bytes()
    assert "there is no" in refused(tmp_path / "absent")
    assert "wanted other" in refused(path, contract_id="other")
    assert "was changed" in refused(path, gallery_id="g-1:another mark")
    assert "was changed" in refused(path, cipher=cipher_of(bytes(32)))
    rng = np.random.default_rng(0)
    for place in (*range(0, 16), *rng.integers(16, len(whole), 60).tolist()):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert refused(path)
    for length in (0, 8, 20, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert refused(path)
    path.write_bytes(whole + b"x")
    assert "longer" in refused(path)
    path.write_bytes(whole)
    assert len(opened(path).index) == 200
    path.unlink()
    path.mkdir()
    assert "cannot be read" in refused(path)


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        write_sealed(tmp_path / "absent" / "index.sealed", made(), CIPHER, **OURS, revision=1)


def open_(path: Path, **options: Any) -> Gallery:
    return Gallery.open(path, contract=CONTRACT, operating=Thresholds(CONTRACT), master_key=KEY, **options)


def fill(gallery: Gallery, directions: Any) -> None:
    for number in range(20):
        gallery.enroll_vectors(f"p{number}", directions(3, seed=number), force=True)
    gallery.compact()


def snapshots(gallery: Gallery) -> list[Path]:
    return sorted(gallery.path.glob("*index-*"))


def test_a_gallery_opens_from_it(tmp_path: Path, directions) -> None:
    with open_(tmp_path / "a") as gallery:
        fill(gallery, directions)
        assert [path.suffix for path in snapshots(gallery)] == [".sealed"]
        assert len(gallery._store.seal.keys.snapshots()) == 1
    with open_(tmp_path / "a") as gallery:
        assert gallery.search(directions(1, seed=7))[0][0].person == "p7"
        assert gallery._live.unsaved == 0  # it did come from the snapshot
        gallery.enroll_vectors("Eve", directions(1, seed=99), force=True)
        assert gallery.search(directions(1, seed=99))[0][0].person == "Eve"
        assert gallery._live.unsaved == 1
        assert gallery.check().findings == ()
        gallery.compact()
        assert len(snapshots(gallery)) == 1
        assert len(gallery._store.seal.keys) == 23  # gallery, snapshot, people: the old snapshot's key went with it


@pytest.mark.parametrize("damage", ["absent", "text", "cut", "another gallery's", "the key"])
def test_it_is_never_the_truth(tmp_path: Path, directions, damage: str) -> None:
    with open_(tmp_path / "a") as gallery:
        fill(gallery, directions)
        (path,) = snapshots(gallery)
    if damage == "absent":
        path.unlink()
    elif damage == "text":
        path.write_bytes(b"text")
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    elif damage == "the key":
        with open_(tmp_path / "a") as gallery:
            gallery._store.seal.destroy(gallery._store.seal.keys.snapshots())
    else:
        with open_(tmp_path / "b") as other:
            fill(other, directions)
            path.write_bytes(snapshots(other)[0].read_bytes())
    with open_(tmp_path / "a") as gallery:
        assert gallery.search(directions(1, seed=7))[0][0].person == "p7"
        assert gallery._live.unsaved == 60
        assert gallery.check().findings == ()


def test_erasing_makes_a_new_one_under_a_new_key(tmp_path: Path, directions) -> None:
    with open_(tmp_path / "a") as gallery:
        fill(gallery, directions)
        (old,) = snapshots(gallery)
        copy, keys = old.read_bytes(), gallery._store.seal.keys.snapshots()
        assert gallery.erase("p7").status == "erased"
        (new,) = snapshots(gallery)
        assert new.name != old.name
        assert gallery._store.seal.keys.get(keys) == {}  # a copy of the old file is noise now
        (tmp_path / "copy").write_bytes(copy)
        for key in gallery._store.seal.keys.ids():
            found = open_sealed(
                tmp_path / "copy",
                gallery._store.seal.cipher(key),
                contract_id=CONTRACT.id,
                gallery_id=f"{gallery.stats().id}:{old.stem.removeprefix('index-')}",
            )
            assert isinstance(found, Unusable)
    with open_(tmp_path / "a", read_only=True) as gallery:
        assert gallery.search(directions(1, seed=7))[0][0].person != "p7"
        assert gallery._live.unsaved == 0
