from __future__ import annotations

from pathlib import Path

import pytest

from vultus.datasets.lfw import names, open_set, pairs, picture, pictures
from vultus.errors import InputError, NotFoundError


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    for name, count in (("A_One", 3), ("B_Two", 2), ("C_Three", 1)):
        for number in range(1, count + 1):
            path = picture(folder, name, number)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")
    (folder / "A_One" / "notes.txt").write_text("no picture")
    return folder


def listed(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "pairs.txt"
    file.write_text(text)
    return file


@pytest.mark.parametrize("text", ["", "\n \n", "A_One\t1\t2\n", "1 2 3\n"])
def test_a_file_without_its_first_line_is_refused(tmp_path: Path, images: Path, text: str) -> None:
    with pytest.raises(InputError, match="first line of how many pairs"):
        pairs(listed(tmp_path, text), images)


def test_one_set(tmp_path: Path, images: Path) -> None:
    found = pairs(listed(tmp_path, "1\nA_One\t1\t3\nA_One\t2\tB_Two\t1\n"), images)
    assert [(p.first.name, p.second.name, p.people, p.same, p.fold) for p in found] == [
        ("A_One_0001.jpg", "A_One_0003.jpg", ("A_One", "A_One"), True, None),
        ("A_One_0002.jpg", "B_Two_0001.jpg", ("A_One", "B_Two"), False, None),
    ]


def test_several_sets_are_folds(tmp_path: Path, images: Path) -> None:
    text = "2\t1\nA_One\t1\t3\nA_One\t2\tB_Two\t1\nB_Two\t1\t2\nC_Three\t1\tB_Two\t1\n"
    found = pairs(listed(tmp_path, text), images)
    assert [(p.same, p.fold) for p in found] == [(True, 0), (False, 0), (True, 1), (False, 1)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1\nA_One\t1\t3\n", "expected 2 pairs by its first line, found 1"),
        ("1\nA_One\t1\tB_Two\t1\nA_One\t1\t3\n", "line 2: expected name number number, got"),
        ("1\nA_One\t1\t3\nA_One\tx\tB_Two\t1\n", "line 3: expected name number name number"),
        ("1\nA_One\t1\t-3\nA_One\t1\tB_Two\t1\n", "line 2"),
    ],
)
def test_lines_that_are_no_pairs_are_refused(tmp_path: Path, images: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        pairs(listed(tmp_path, text), images)


def test_missing_pictures_are_counted_and_named(tmp_path: Path, images: Path) -> None:
    with pytest.raises(NotFoundError, match=r"2 missing, first .*A_One_0009\.jpg"):
        pairs(listed(tmp_path, "1\nA_One\t1\t9\nA_One\t8\tB_Two\t1\n"), images)
    with pytest.raises(NotFoundError, match="expected a text file"):
        pairs(tmp_path / "none.txt", images)


def test_pictures_by_person(images: Path) -> None:
    found = pictures(images)
    assert {name: len(paths) for name, paths in found.items()} == {"A_One": 3, "B_Two": 2, "C_Three": 1}
    assert list(pictures(images, without=["B_Two", "Nobody"])) == ["A_One", "C_Three"]
    assert list(pictures(images, only=["C_Three", "B_Two"])) == ["B_Two", "C_Three"]
    assert pictures(images, only=[]) == {}
    with pytest.raises(NotFoundError, match="1 missing, first Nobody"):
        pictures(images, only=["A_One", "Nobody"])
    with pytest.raises(NotFoundError, match="is none"):
        pictures(images / "none")


def test_open_set(tmp_path: Path, images: Path) -> None:
    (tmp_path / "identities25.txt").write_text("A_One\n\nB_Two\n")
    (tmp_path / "strangers.txt").write_text("C_Three\n")
    assert names(tmp_path / "identities25.txt") == ("A_One", "B_Two")
    found = open_set(tmp_path)
    assert [len(paths) for paths in found.people.values()] == [3, 2]
    assert list(found.strangers) == ["C_Three"]
    (tmp_path / "strangers.txt").write_text("C_Three\nB_Two\n")
    with pytest.raises(InputError, match="1 are enrolled, first B_Two"):
        open_set(tmp_path)


@pytest.mark.data
def test_the_development_part(data: Path) -> None:
    """2,343 pictures: 959 people for thresholds, 20 x 25 to enrol and find, 300 strangers."""
    root = data / "lfw"
    found = pairs(root / "pairsDevTest.txt", root / "images")
    assert [pair.same for pair in found] == [True] * 500 + [False] * 500
    apart = open_set(root)
    assert {len(paths) for paths in apart.people.values()} == {25}
    assert {len(paths) for paths in apart.strangers.values()} == {1}
    assert (len(apart.people), len(apart.strangers)) == (20, 300)
    rest = pictures(root / "images", without=[*apart.people, *apart.strangers])
    assert (len(rest), sum(map(len, rest.values()))) == (959, 1542)
    assert {name for pair in found for name in pair.people} - set(apart.people) == set(rest)
