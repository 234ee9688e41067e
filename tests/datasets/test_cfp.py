from __future__ import annotations

from pathlib import Path

import PIL.Image
import pytest

from vultus.datasets.cfp import missing, pairs, pictures
from vultus.errors import InputError, NotFoundError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two people with two frontal pictures and one profile; ten folds of one pair a kind."""
    for view, count in (("frontal", 2), ("profile", 1)):
        lines = []
        for person in ("001", "002"):
            for number in range(1, count + 1):
                path = tmp_path / "Data" / "Images" / person / view / f"{number:02}.jpg"
                path.parent.mkdir(parents=True, exist_ok=True)
                PIL.Image.new("RGB", (8, 8), "grey").save(path)
                lines.append(f"{len(lines) + 1} ../Data/Images/{person}/{view}/{number:02}.jpg\n")
        (tmp_path / "Protocol").mkdir(exist_ok=True)
        (tmp_path / "Protocol" / f"Pair_list_{view[0].upper()}.txt").write_text("".join(lines))
    for protocol, same, diff in (("FF", "1,2", "2,3"), ("FP", "2,1", "1,2")):
        for fold in range(1, 11):
            folder = tmp_path / "Protocol" / "Split" / protocol / f"{fold:02}"
            folder.mkdir(parents=True)
            (folder / "same.txt").write_text(same + "\n")
            (folder / "diff.txt").write_text(diff + "\n")
    return tmp_path


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    assert [(lack.expected, lack.found, lack.needed) for lack in missing(tmp_path)][:3] == [
        ("Protocol/Pair_list_F.txt", 0, 1),
        ("Protocol/Pair_list_P.txt", 0, 1),
        ("Protocol/Split/FF/[0-9][0-9]/same.txt", 0, 10),
    ]
    with pytest.raises(NotFoundError, match=r"expected CFP in .* 8 parts are missing: Protocol/Pair_list_F\.txt"):
        pairs(tmp_path)
    with pytest.raises(NotFoundError, match="is no folder"):
        pictures(tmp_path / "none")


def test_pairs_in_folds(root: Path) -> None:
    assert missing(root) == ()
    found = pairs(root, "FP")
    assert [(p.same, p.fold) for p in found] == [(same, fold) for fold in range(10) for same in (True, False)]
    side = [path.relative_to(root / "Data" / "Images").as_posix() for path in (found[0].first, found[0].second)]
    assert side == ["001/frontal/02.jpg", "001/profile/01.jpg"]
    assert [p.people for p in found[:2]] == [("001", "001"), ("001", "002")]
    assert {path.parent.name for p in pairs(root, "FF") for path in (p.first, p.second)} == {"frontal"}
    with pytest.raises(InputError, match="expected the protocol FF or FP, got 'PP'"):
        pairs(root, "PP")  # type: ignore[arg-type]


def test_pictures(root: Path) -> None:
    assert [(p.subject, p.label) for p in pictures(root)] == [
        ("001", "frontal"),
        ("001", "frontal"),
        ("002", "frontal"),
        ("002", "frontal"),
        ("001", "profile"),
        ("002", "profile"),
    ]


def test_missing_pictures_and_folds_are_counted(root: Path) -> None:
    (root / "Data" / "Images" / "002" / "frontal" / "02.jpg").unlink()
    (lack,) = missing(root)
    assert (lack.expected, lack.found, lack.needed) == ("pictures of Protocol/Pair_list_F.txt", 3, 4)
    assert lack.advice.startswith("first missing Data/Images/002/frontal/02.jpg")
    (root / "Protocol" / "Split" / "FP" / "07" / "diff.txt").unlink()
    (lack,) = missing(root)
    assert (lack.expected, lack.found, lack.needed) == ("Protocol/Split/FP/[0-9][0-9]/diff.txt", 9, 10)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("Split/FP/03/same.txt", "2,1\n2,9\n", "row 2, column second: expected a number of Protocol/Pair_list_P.txt"),
        ("Split/FP/03/same.txt", "0,1\n", "row 1, column first"),
        ("Split/FP/03/same.txt", "x,1\n", "column first: expected a whole number"),
        ("Split/FP/03/same.txt", "1 1\n", "expected 2 values"),
        ("Split/FP/03/same.txt", "1,2\n", "column second: expected a picture of the same person"),
        ("Split/FP/03/diff.txt", "1,1\n", "column second: expected a picture of another person"),
        ("Split/FP/03/diff.txt", "", "it is empty"),
        ("Pair_list_P.txt", "1 ../Data/Images/001/frontal/01.jpg\n", "column path: expected .*/profile/picture"),
        ("Pair_list_P.txt", "1 /etc/passwd\n", "column path"),
        (
            "Pair_list_F.txt",
            "1 ../Data/Images/001/frontal/01.jpg\n" * 2,
            "row 2, column number: expected each number once",
        ),
    ],
)
def test_lists_that_are_none_are_refused(root: Path, name: str, text: str, message: str) -> None:
    (root / "Protocol" / name).write_text(text)
    with pytest.raises(InputError, match=message):
        pairs(root, "FP")
