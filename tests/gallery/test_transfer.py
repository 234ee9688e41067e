from __future__ import annotations

import json
import os
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vultus.errors import ConflictError, ContractMismatchError, GalleryError, InputError, NotFoundError, StorageError
from vultus.gallery import Gallery
from vultus.testing import Analyzer, picture

MEMBERS = ["people.jsonl", "faces.jsonl", "vectors.npy", "crops.bin", "feedback.jsonl", "manifest.json"]


@pytest.fixture
def source(opened, tmp_path: Path) -> Gallery:
    gallery = opened(tmp_path / "source")
    for name in ("Ada", "Bob", "Zoe"):
        gallery.enroll(name, [picture(name), picture(name, noise=20, seed=1)])
    gallery.enroll_vectors("Ada", np.arange(1, 129), sources=["camera"])
    gallery.enroll("Countess", picture("Countess"))
    gallery.merge("Countess", "Ada")
    gallery.reject("ab" * 32, "Bob")
    gallery.reject("cd" * 32, "Ada", ordinal=2)
    return gallery


@pytest.fixture
def exported(source: Gallery, tmp_path: Path) -> Path:
    source.export(tmp_path / "staff.zip")
    return tmp_path / "staff.zip"


def facts(gallery: Gallery) -> dict[str, Any]:
    """Everything that a gallery knows, by the ids that an export keeps."""
    with gallery._store.read() as connection:
        return {
            "people": connection.execute("SELECT uuid, name, created FROM person ORDER BY uuid").fetchall(),
            "aliases": connection.execute(
                "SELECT alias.name, uuid FROM alias JOIN person ON person.id = person"
            ).fetchall(),
            "faces": connection.execute(
                """SELECT face.uuid, person.uuid, sha256, ordinal, source, reading, forced, face.created, vector, png
                   FROM face JOIN person ON person.id = person JOIN template ON template.face = face.id
                   LEFT JOIN crop ON crop.face = face.id ORDER BY face.uuid"""
            ).fetchall(),
            "feedback": connection.execute(
                "SELECT sha256, ordinal, uuid FROM feedback JOIN person ON person.id = person ORDER BY sha256"
            ).fetchall(),
            "contract": gallery.contract,
        }


def test_nothing_to_export(gallery: Gallery, tmp_path: Path) -> None:
    with pytest.raises(GalleryError, match="nothing was ever enrolled"):
        gallery.export(tmp_path / "staff.zip")
    assert not (tmp_path / "staff.zip").exists()


def test_there_and_back(source: Gallery, opened, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    done = source.export(tmp_path / "staff.zip", progress=lambda *numbers: seen.append(numbers))
    assert (done.people, done.templates, done.crops) == (3, 8, 7)
    assert done.bytes == (tmp_path / "staff.zip").stat().st_size
    assert seen[-1] == (8, 8)
    target = opened(tmp_path / "target")
    back = target.import_(tmp_path / "staff.zip")
    assert (back.people, back.merged, back.templates, back.unchanged, back.crops) == (3, 0, 8, 0, 7)
    assert facts(target) == facts(source)
    assert target.check().ok
    assert target.people() == source.people()
    assert target.identify(picture("Zoe", noise=20, seed=7))[0].person == "Zoe"
    assert target.revision == 1  # one transaction


def test_the_file(exported: Path) -> None:
    with zipfile.ZipFile(exported) as file:
        assert sorted(file.namelist()) == sorted(MEMBERS)
        assert file.testzip() is None
        manifest = json.loads(file.read("manifest.json"))
        assert (manifest["format"], manifest["version"], manifest["faces"]) == ("vultus-gallery", 1, 8)
        with file.open("vectors.npy") as member:
            vectors = np.load(member, allow_pickle=False)  # NumPy's own reader
    assert vectors.shape == (8, 128)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    if os.name == "posix":
        assert stat.S_IMODE(exported.stat().st_mode) == 0o600
    assert [path.name for path in exported.parent.iterdir() if path.name.startswith(".")] == []


def test_a_file_that_is_there(source: Gallery, exported: Path) -> None:
    before = exported.read_bytes()
    with pytest.raises(ConflictError, match="overwrite"):
        source.export(exported)
    assert exported.read_bytes() == before
    source.remove("Zoe")
    assert source.export(exported, overwrite=True).people == 2
    with pytest.raises(StorageError, match="choose another place"):
        source.export(exported.parent / "absent" / "staff.zip")


def test_names_that_are_taken(opened, exported: Path, tmp_path: Path) -> None:
    target = opened(tmp_path / "target")
    target.enroll("Bob", picture("Bob", noise=20, seed=9))
    with pytest.raises(ConflictError, match="knows 'Bob' already"):
        target.import_(exported)
    assert [person.name for person in target.people()] == ["Bob"]
    back = target.import_(exported, on_conflict="merge")
    assert (back.people, back.merged, back.templates) == (2, 1, 8)
    assert target.person("Bob").templates == 3
    again = target.import_(exported, on_conflict="merge")
    assert (again.people, again.merged, again.templates, again.unchanged) == (0, 3, 0, 8)
    assert target.check().ok
    with pytest.raises(InputError, match="refuse or merge"):
        target.import_(exported, on_conflict="replace")


def test_too_many_templates(opened, exported: Path, tmp_path: Path, directions) -> None:
    target = opened(tmp_path / "target")
    target.enroll_vectors("Bob", directions(99))
    revision = target.revision
    with pytest.raises(ConflictError, match="Bob would have more"):
        target.import_(exported, on_conflict="merge")
    assert target.revision == revision
    assert len(target.people()) == 1


def test_without_crops(opened, exported: Path, tmp_path: Path) -> None:
    target = opened(tmp_path / "target", keep="none")
    assert target.import_(exported).crops == 0
    assert target.stats().crops == 0
    assert target.check().ok


def test_another_model(opened, exported: Path, tmp_path: Path) -> None:
    target = opened(tmp_path / "target", analyzer=Analyzer("other"))
    with pytest.raises(ContractMismatchError, match="migrate"):
        target.import_(exported)
    bare = opened(tmp_path / "bare", analyzer=None)
    bare.import_(exported)
    assert bare.contract == Analyzer().contract
    with pytest.raises(ContractMismatchError):
        opened(tmp_path / "bare", analyzer=Analyzer("other"))


def rewritten(path: Path, edit: Callable[[dict[str, bytes]], None], *, honest: bool = True, **options: Any) -> Path:
    """The export with other members; with `honest` the manifest states their digests."""
    import hashlib

    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in MEMBERS}
    edit(members)
    if honest and "manifest.json" in members:
        try:
            manifest = json.loads(members["manifest.json"])
            for name in manifest["members"]:
                manifest["members"][name]["sha256"] = hashlib.sha256(members.get(name, b"")).hexdigest()
            members["manifest.json"] = json.dumps(manifest).encode()
        except (ValueError, KeyError, TypeError):
            pass
    with zipfile.ZipFile(path, "w", **options) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return path


def line(member: str, number: int, **fields: Any) -> Callable[[dict[str, bytes]], None]:
    def edit(members: dict[str, bytes]) -> None:
        lines = members[member].splitlines()
        lines[number] = json.dumps({**json.loads(lines[number]), **fields}).encode()
        members[member] = b"\n".join(lines) + b"\n"

    return edit


def manifest(**fields: Any) -> Callable[[dict[str, bytes]], None]:
    def edit(members: dict[str, bytes]) -> None:
        members["manifest.json"] = json.dumps({**json.loads(members["manifest.json"]), **fields}).encode()

    return edit


def member(name: str, change: Callable[[bytes], bytes]) -> Callable[[dict[str, bytes]], None]:
    def edit(members: dict[str, bytes]) -> None:
        members[name] = change(members[name])

    return edit


def contract(**fields: Any) -> Callable[[dict[str, bytes]], None]:
    def edit(members: dict[str, bytes]) -> None:
        values = json.loads(members["manifest.json"])
        values["contract"] |= fields
        members["manifest.json"] = json.dumps(values).encode()

    return edit


HOSTILE = {
    "another format": manifest(format="other"),
    "a later version": manifest(version=2),
    "a version as text": manifest(version="1"),
    "no JSON": member("manifest.json", lambda _: b"{"),
    "a list": member("manifest.json", lambda _: b"[]"),
    "nested deeply": member("people.jsonl", lambda data: b"[" * 50_000 + b"\n" + data),
    "a huge manifest": manifest(comment="x" * 70_000),
    "counts below zero": manifest(faces=-1),
    "counts as text": manifest(people="3"),
    "counts too high": manifest(faces=10**12),
    "more people stated": manifest(people=4),
    "more crops stated": manifest(crops=8),
    "fewer vectors": member("vectors.npy", lambda data: data[:-512]),
    "more vectors": member("vectors.npy", lambda data: data + bytes(512)),
    "a pickle for a header": member("vectors.npy", lambda data: b"\x80\x04" + data[2:]),
    "NaN": member("vectors.npy", lambda data: data[:-4] + np.float32(np.nan).tobytes()),
    "a vector of zeros": member("vectors.npy", lambda data: data[:-512] + bytes(512)),
    "no dimension": contract(dimension=0),
    "a dimension as text": contract(dimension="128"),
    "an unknown field of the contract": contract(temperature=1),
    "a path for a member": lambda members: members.__setitem__("../../evil", b"x"),
    "one member more": lambda members: members.__setitem__("notes.txt", b"x"),
    "one member fewer": lambda members: members.__delitem__("feedback.jsonl"),
    "no manifest": lambda members: members.__delitem__("manifest.json"),
    "a person twice": member("people.jsonl", lambda data: data + data.splitlines(keepends=True)[0]),
    "a name with control characters": line("people.jsonl", 0, name="Ada\x1b[2J"),
    "an empty name": line("people.jsonl", 0, name=""),
    "a name that is no text": line("people.jsonl", 0, name=7),
    "an id that is a path": line("people.jsonl", 0, id="../../../../etc/passwd"),
    "an alias that is no text": line("people.jsonl", 0, aliases=[None]),
    "a time that is none": line("people.jsonl", 0, created="yesterday"),
    "nobody's face": line("faces.jsonl", 0, person="0" * 32),
    "a digest that is none": line("faces.jsonl", 0, sha256="zz"),
    "a crop outside the file": line("faces.jsonl", 0, crop=[0, 10**9]),
    "a crop at another place": line("faces.jsonl", 0, crop=[5, 10]),
    "a crop that is no list": line("faces.jsonl", 0, crop="all"),
    "a crop that is no picture": member("crops.bin", lambda data: bytes(len(data))),
    "more crops": member("crops.bin", lambda data: data + b"x"),
    "a box of NaN": line("faces.jsonl", 0, reading={"box": [1, 2, 3, float("nan")], "quality": {"score": 1}}),
    "a box of text": line("faces.jsonl", 0, reading={"box": ["a"] * 4, "quality": {"score": 1}}),
    "an ordinal below zero": line("faces.jsonl", 0, ordinal=-3),
    "an ordinal beyond SQLite": line("faces.jsonl", 0, ordinal=2**70),
    "a source that is no text": line("faces.jsonl", 0, source=[1]),
    "forced by a number": line("faces.jsonl", 0, forced=1),
    "an endless line": member("faces.jsonl", lambda data: b'{"id": "' + b"a" * 100_000 + b'"}\n' + data),
    "no UTF-8": member("people.jsonl", lambda data: b'{"id": "\xff"}\n' + data),
    "feedback about nobody": line("feedback.jsonl", 0, person="0" * 32),
    "feedback on face -2": line("feedback.jsonl", 0, ordinal=-2),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile(opened, exported: Path, tmp_path: Path, name: str) -> None:
    rewritten(exported, HOSTILE[name])
    target = opened(tmp_path / "target")
    target.enroll("Eve", picture("Eve"))
    before = facts(target), target.revision, sorted(path.name for path in tmp_path.rglob("*"))
    with pytest.raises(GalleryError) as caught:
        target.import_(exported)
    assert len(str(caught.value)) < 2000
    assert (facts(target), target.revision, sorted(path.name for path in tmp_path.rglob("*"))) == before
    assert target.check().ok


def test_a_changed_file(opened, exported: Path, tmp_path: Path) -> None:
    rewritten(exported, line("people.jsonl", 0, name="Mallory"), honest=False)
    with pytest.raises(GalleryError, match=r"people\.jsonl is not what the manifest says"):
        opened(tmp_path / "target").import_(exported)


def test_a_bomb(opened, exported: Path, tmp_path: Path) -> None:
    """A small file that would unpack to 100 MB of vectors."""
    rewritten(exported, member("vectors.npy", lambda data: data + bytes(10**8)), compression=zipfile.ZIP_DEFLATED)
    assert exported.stat().st_size < 10**6
    with pytest.raises(GalleryError, match="stores its members as they are"):
        opened(tmp_path / "target").import_(exported)


def test_overlapping_members(opened, exported: Path, tmp_path: Path) -> None:
    """Six entries of the directory that share one stretch of the file."""
    with zipfile.ZipFile(exported, "w") as file:
        file.writestr("people.jsonl", b"x" * 100_000)
        first = file.getinfo("people.jsonl")
        for name in MEMBERS[1:]:
            twin = zipfile.ZipInfo(name)
            twin.header_offset, twin.CRC = first.header_offset, first.CRC
            twin.compress_size = twin.file_size = first.file_size
            file.filelist.append(twin)
            file.NameToInfo[name] = twin
    with pytest.raises(GalleryError, match="overlap"):
        opened(tmp_path / "target").import_(exported)


@pytest.mark.parametrize("data", [b"", b"text", b"PK\x05\x06" + bytes(18), b"PK\x03\x04" + bytes(100)])
def test_no_export(opened, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(GalleryError, match=r"expected a vultus export|no vultus export"):
        opened().import_(tmp_path / "a.zip")


def test_no_file(gallery: Gallery, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="not there"):
        gallery.import_(tmp_path / "absent.zip")
    with pytest.raises(NotFoundError, match="a folder"):
        gallery.import_(tmp_path)


def test_cut_at_any_length(opened, exported: Path, tmp_path: Path) -> None:
    data = exported.read_bytes()
    target = opened(tmp_path / "target")
    for length in range(0, len(data), max(len(data) // 60, 1)):
        (tmp_path / "cut.zip").write_bytes(data[:length])
        with pytest.raises(GalleryError):
            target.import_(tmp_path / "cut.zip")
    assert target.people() == ()
