"""Snapshots: what comes back is what was written, or a reason."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vultus.errors import InputError, StorageError
from vultus.gallery import exact, quantise, rows, snapshot
from vultus.gallery.exact import ExactIndex
from vultus.gallery.snapshot import Snapshot, Unusable, discard_snapshot, open_snapshot, write_snapshot
from vultus.types import unit

OURS = {"contract_id": "vultus-emb-v1:abc", "gallery_id": "g-1"}


def made(n: int = 500, dimension: int = 48, precision: Any = "int8") -> ExactIndex:
    index = ExactIndex(dimension, precision)
    matrix = unit(np.random.default_rng(0).standard_normal((max(n, 1), dimension)))[:n]
    index.add(np.arange(n) * 3 + 7, np.arange(n) // 4, matrix)
    return index


def opened(path: Path, **other: Any) -> Snapshot:
    found = open_snapshot(path, **{**OURS, **other})
    assert isinstance(found, Snapshot), found
    return found


def refused(path: Path, **other: Any) -> str:
    found = open_snapshot(path, **{**OURS, **other})
    assert isinstance(found, Unusable)
    return found.reason


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A snapshot of `made()` at revision 41."""
    path = tmp_path / "index.snapshot"
    write_snapshot(path, made(), **OURS, revision=41)
    return path


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 64 rows, and small galleries searched through their bytes."""
    for module in (rows, exact, snapshot):
        monkeypatch.setattr(module, "BLOCK", 64)
    monkeypatch.setattr(exact, "_SMALL", 0)


@pytest.mark.parametrize("precision", ["int8", "fp32"])
def test_an_empty_index_comes_back_empty(tmp_path: Path, precision: Any) -> None:
    path = tmp_path / "index.snapshot"
    size = write_snapshot(path, made(0, precision=precision), **OURS, revision=0)
    assert path.stat().st_size == size == 4096
    found = opened(path, check_truth=True)
    assert (len(found.index), found.revision, found.index.dimension) == (0, 0, 48)
    found.index.add([1], [1], np.eye(48, dtype=np.float32)[:1])
    assert found.index.search(np.eye(48, dtype=np.float32)[0], 3).ids.tolist() == [[1]]


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("n", [1, 64, 500])
@pytest.mark.parametrize("precision", ["int8", "fp32"])
def test_what_was_written_comes_back(tmp_path: Path, n: int, precision: Any) -> None:
    path = tmp_path / "index.snapshot"
    index = made(n, precision=precision)
    size = write_snapshot(path, index, **OURS, revision=9)
    assert path.stat().st_size == size
    found = opened(path, check_truth=True)
    assert (found.revision, found.index.precision) == (9, precision)
    assert np.array_equal(found.index.ids, index.ids)
    assert np.array_equal(found.index.people, index.people)
    assert found.index.mapped_nbytes == n * 48 * 4
    assert found.index.nbytes == n * (16 + (48 + 8 if precision == "int8" else 0))
    queries = unit(np.random.default_rng(1).standard_normal((5, 48)))
    for k in (1, 4):
        then, now = index.search_people(queries, k), found.index.search_people(queries, k)
        assert np.array_equal(then.ids, now.ids)
        assert np.array_equal(then.scores, now.scores)


@pytest.mark.usefixtures("narrow")
def test_changes_stay_in_memory_over_the_file(path: Path) -> None:
    before = path.read_bytes()
    found, beside = opened(path).index, made()
    more = unit(np.random.default_rng(2).standard_normal((150, 48)))
    for index in (found, beside):
        assert index.remove(np.arange(100, 190) * 3 + 7) == 90  # gaps in the middle
        index.add(np.arange(150) + 10_000, np.arange(150), more)
        assert index.remove(np.arange(300) * 3 + 7) == 210  # filled from memory into mapped rows
        assert index.reassign([10_000, 10_001], 77) == 2
    queries = np.concatenate([more[:3], unit(np.random.default_rng(3).standard_normal((3, 48)))])
    then, now = beside.search(queries, 12), found.search(queries, 12)
    assert np.array_equal(then.ids, now.ids)
    assert np.array_equal(then.people, now.people)
    assert np.array_equal(then.scores, now.scores)
    assert path.read_bytes() == before
    # and an index that stands on the file can be written over that file
    write_snapshot(path, found, **OURS, revision=42)
    assert np.array_equal(opened(path, check_truth=True).index.search(queries, 12).scores, then.scores)
    assert np.array_equal(found.search(queries, 12).scores, then.scores)


def change(offset: int) -> Callable[[bytes], bytes]:
    """One bit of one byte."""
    return lambda data: data[:offset] + bytes([data[offset] ^ 1]) + data[offset + 1 :]


SECTIONS = {section.name: section for section in snapshot._sections(500, 48, "int8")}


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda data: b"", "not a snapshot"),
        (lambda data: b"hello", "not a snapshot"),
        (lambda data: b"SQLite format 3\0" + data, "not a snapshot"),
        (lambda data: data[:8] + b"\x02" + data[9:], "format version 2, this program reads 1"),
        (change(100), "header does not match"),
        (change(20), "header does not match"),
        (lambda data: data[:-1], "expected .* bytes, it has"),
        (lambda data: data + b"\0", "expected .* bytes, it has"),
        (change(SECTIONS["ids"].offset), "ids do not match"),
        (change(SECTIONS["people"].offset + 3999), "people do not match"),
        (change(SECTIONS["codes"].offset + 777), "codes do not match"),
        (change(SECTIONS["scales"].offset), "scales do not match"),
        (change(SECTIONS["rests"].offset + 5), "rests do not match"),
    ],
)
def test_a_damaged_file_is_not_used(path: Path, damage: Callable[[bytes], bytes], reason: str) -> None:
    path.write_bytes(damage(path.read_bytes()))
    assert re.search(reason, refused(path))


def test_damage_in_the_truth_is_found_when_asked_for(path: Path) -> None:
    path.write_bytes(change(SECTIONS["truth"].offset + 12_345)(path.read_bytes()))
    assert isinstance(open_snapshot(path, **OURS), Snapshot)
    assert "truth do not match" in refused(path, check_truth=True)


def test_a_foreign_or_absent_file_is_not_used(path: Path, tmp_path: Path) -> None:
    assert "of gallery g-1, wanted g-2" in refused(path, gallery_id="g-2")
    assert "of contract vultus-emb-v1:abc, wanted x" in refused(path, contract_id="x")
    assert "there is no nothing" in refused(tmp_path / "nothing")
    assert "cannot be read" in refused(tmp_path)


def test_sections_are_aligned_and_do_not_overlap() -> None:
    for precision in ("int8", "fp32"):
        for n, dimension in ((0, 1), (1, 1), (777, 129)):
            sections = snapshot._sections(n, dimension, precision)  # type: ignore[arg-type]
            assert [section.offset % 64 for section in sections] == [0] * len(sections)
            assert sections[-1].name == "truth"
            assert sections[-1].offset % 4096 == 0
            ends = [4096, *(section.offset + section.nbytes for section in sections)]
            assert all(end <= section.offset for end, section in zip(ends, sections, strict=False))


def test_only_the_owner_may_read_it(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_full_disk_leaves_the_old_file(path: Path) -> None:
    before = path.read_bytes()
    larger = made(3000)
    resource = pytest.importorskip("resource", reason="limits on the size of files are a thing of POSIX")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # the system refuses to write more, as it does when the disk is full
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(StorageError, match="could not write the snapshot"):
            write_snapshot(path, larger, **OURS, revision=42)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert path.read_bytes() == before


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="could not write"):
        write_snapshot(tmp_path / "no" / "index.snapshot", made(1), **OURS, revision=1)


def test_ids_that_do_not_fit_the_header_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="ids of some hundred bytes"):
        write_snapshot(tmp_path / "x", made(1), contract_id="c" * 5000, gallery_id="g", revision=1)
    assert list(tmp_path.iterdir()) == []


def test_left_overs_of_killed_writers_go(path: Path) -> None:
    old, young = path.parent / f".{path.name}.old.tmp", path.parent / f".{path.name}.young.tmp"
    for left in (old, young):
        left.write_bytes(b"half")
    os.utime(old, (1, 1))
    write_snapshot(path, made(), **OURS, revision=42)
    assert sorted(file.name for file in path.parent.iterdir()) == sorted([path.name, young.name])
    discard_snapshot(path)
    assert list(path.parent.iterdir()) == []
    discard_snapshot(path)


def test_bytes_are_passed_over_where_there_are_no_byte_products(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "simsimd", None)
    quantise.has_fast_dots.cache_clear()
    try:
        found = opened(path, check_truth=True).index
    finally:
        quantise.has_fast_dots.cache_clear()
    assert found.precision == "fp32"
    query = np.eye(48, dtype=np.float32)[0]
    assert np.array_equal(found.search(query, 9).scores, made().search(query, 9).scores)
    found.add([5], [5], query[None])
    assert found.search(query, 1).ids.tolist() == [[5]]
