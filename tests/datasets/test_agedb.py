from __future__ import annotations

from pathlib import Path

import PIL.Image
import pytest

from vultus.datasets.agedb import missing, pairs, pictures
from vultus.errors import InputError, NotFoundError

NAMES = ("10_AdaLovelace_31_f.jpg", "2_AdaLovelace_64_f.jpg", "0_Jean_d'Arc_20_m.jpg")


def draw(root: Path, *names: str) -> Path:
    root.mkdir(exist_ok=True)
    for name in names:
        PIL.Image.new("RGB", (8, 8), "grey").save(root / name)
    return root


def listed(tmp_path: Path, *lines: str) -> Path:
    file = tmp_path / "agedb_30_pair.txt"
    file.write_text("\n".join(lines) + "\n")
    return file


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    assert len(missing(tmp_path)) == 1
    with pytest.raises(NotFoundError, match=r"names are n_Name_age_gender\.jpg"):
        pictures(tmp_path)


@pytest.mark.parametrize("folder", [".", "AgeDB"])
def test_names_say_it_all(tmp_path: Path, folder: str) -> None:
    draw(tmp_path / folder, *NAMES)
    (tmp_path / folder / "readme.txt").touch()
    assert missing(tmp_path) == ()
    assert [(p.number, p.subject, p.age, p.gender, p.label) for p in pictures(tmp_path)] == [
        (0, "Jean_d'Arc", 20, "m", "20"),
        (2, "AdaLovelace", 64, "f", "64"),
        (10, "AdaLovelace", 31, "f", "31"),
    ]


def test_another_name_is_refused(tmp_path: Path) -> None:
    draw(tmp_path, *NAMES, "portrait.jpg")
    with pytest.raises(InputError, match=r"portrait\.jpg: expected a name like 12_Ada"):
        pictures(tmp_path)


def test_pairs_of_named_pictures(tmp_path: Path) -> None:
    images = draw(tmp_path / "images", *NAMES)
    file = listed(tmp_path, f"{NAMES[0]} {NAMES[1]} 1", f"{NAMES[0]} {NAMES[2]} 0")
    found = pairs(file, images, folds=2)
    assert [(p.people, p.same, p.fold) for p in found] == [
        (("AdaLovelace", "AdaLovelace"), True, 0),
        (("AdaLovelace", "Jean_d'Arc"), False, 1),
    ]


def test_pairs_of_numbered_crops(tmp_path: Path) -> None:
    images = draw(tmp_path / "images", *(f"{number}.jpg" for number in range(6)))
    file = listed(tmp_path, "0.jpg 1.jpg 1", "1.jpg 2.jpg 1", "3.jpg 4.jpg 0", "0.jpg 5.jpg 0")
    assert [p.people for p in pairs(file, images, folds=2)] == [
        ("0.jpg", "0.jpg"),
        ("0.jpg", "0.jpg"),
        ("3.jpg", "4.jpg"),
        ("0.jpg", "5.jpg"),
    ]
    with pytest.raises(InputError, match="expected pairs in 10 equal folds, got 4"):
        pairs(file, images)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["0.jpg 1.jpg"], "row 1: expected 3 values"),
        (["0.jpg 1.jpg 3"], "row 1, column same: expected a whole number from 0 to 1"),
        (["0.jpg 9.jpg 1"], "first missing 9.jpg"),
        (["0.jpg 1.jpg 1", "1.jpg 0.jpg 0"], "row 2, column same: expected 1"),
        ([""], "it is empty"),
    ],
)
def test_pairs_that_are_none_are_refused(tmp_path: Path, lines: list[str], message: str) -> None:
    images = draw(tmp_path / "images", "0.jpg", "1.jpg")
    with pytest.raises(InputError, match=message):
        pairs(listed(tmp_path, *lines), images, folds=1)


def test_names_against_the_label_are_refused(tmp_path: Path) -> None:
    images = draw(tmp_path / "images", *NAMES)
    with pytest.raises(InputError, match="row 1, column same: expected 0"):
        pairs(listed(tmp_path, f"{NAMES[0]} {NAMES[2]} 1"), images, folds=1)
