from __future__ import annotations

import os
from pathlib import Path

import PIL.Image
import pytest

from vultus.datasets.folders import by_label, missing, people, read, read_root
from vultus.errors import InputError, NotFoundError


def draw(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.new("RGB", (8, 8), "grey").save(root / name)
    return root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return draw(tmp_path, "gallery/ada/1.png", "gallery/ada/old/2.png", "gallery/bob/1.png", "probes/ada/3.png")


def test_empty_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there are none"):
        people(tmp_path)
    with pytest.raises(NotFoundError, match=r"2 parts are missing: gallery/\*/\*.*\| probes"):
        read_root(tmp_path)
    assert [lack.expected for lack in missing(tmp_path)] == ["gallery/*/*", "probes/*/*"]
    with pytest.raises(NotFoundError, match="is none"):
        read(tmp_path / "gallery", tmp_path / "probes")


def test_gallery_and_probes(root: Path) -> None:
    (root / "gallery" / "eve").mkdir()
    (root / "gallery" / ".cache").mkdir()
    found = read_root(root)
    assert {name: len(paths) for name, paths in found.gallery.items()} == {"ada": 2, "bob": 1}
    assert {name: len(paths) for name, paths in found.probes.items()} == {"ada": 1}
    assert found.strangers == {}
    assert [path.name for path in found.empty] == ["eve"]
    assert missing(root) == ()


def test_strangers_lie_apart_or_among_the_probes(root: Path) -> None:
    draw(
        root,
        "probes/zoe/1.png",
        "strangers/0001.png",
        "strangers/0002.png",
        "strangers/kim/1.png",
        "strangers/kim/2.png",
    )
    found = read_root(root)
    assert {name: len(paths) for name, paths in found.strangers.items()} == {
        "0001.png": 1,
        "0002.png": 1,
        "kim": 2,
        "zoe": 1,
    }
    assert list(found.probes) == ["ada"]


def test_strangers_who_are_enrolled_are_refused(root: Path) -> None:
    draw(root, "strangers/ada/7.png")
    with pytest.raises(InputError, match="1 are enrolled, first ada"):
        read_root(root)


def test_one_file_in_two_places_is_refused(root: Path) -> None:
    os.link(root / "gallery" / "bob" / "1.png", root / "probes" / "ada" / "4.png")
    with pytest.raises(InputError, match=r"4\.png is the same file as .*bob.1\.png"):
        read_root(root)


def test_pictures_beside_the_people_are_refused(root: Path) -> None:
    draw(root, "gallery/1.png")
    with pytest.raises(InputError, match="lies beside them"):
        read_root(root)


def test_classes(tmp_path: Path) -> None:
    draw(tmp_path, "sad/1.png", "happy/1.png", "happy/2.png")
    assert [(p.label, p.source.name, p.subject) for p in by_label(tmp_path)] == [
        ("happy", "1.png", None),
        ("happy", "2.png", None),
        ("sad", "1.png", None),
    ]
    assert len(by_label(tmp_path, ("happy", "sad"))) == 3
    with pytest.raises(NotFoundError, match=r"1 part is missing: fear/\*"):
        by_label(tmp_path, ("happy", "sad", "fear"))
    with pytest.raises(InputError, match="expected the classes happy, got sad"):
        by_label(tmp_path, ("happy",))
