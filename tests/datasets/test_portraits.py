from __future__ import annotations

from collections import Counter
from pathlib import Path

import PIL.Image
import pytest

from vultus.datasets.portraits import missing, read
from vultus.errors import InputError, NotFoundError

HEADER = "face_id,face_age,face_gender,face_eth\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("001_neutral", "001_smiling", "004_neutral", "004_smiling"):
        PIL.Image.new("RGB", (8, 8), "grey").save(tmp_path / f"{name}.jpg")
    (tmp_path / "london_info.csv").write_text(HEADER + "001,24,female,white\n003,38,male,black\n004,NA,NA,NA\n")
    return tmp_path


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    assert [lack.expected for lack in missing(tmp_path)] == [
        "london_info.csv",
        "[0-9][0-9][0-9]_neutral.jpg",
        "[0-9][0-9][0-9]_smiling.jpg",
    ]
    with pytest.raises(NotFoundError, match="3 parts are missing"):
        read(tmp_path)


def test_portraits_with_their_people(root: Path) -> None:
    assert missing(root) == ()
    found = read(root)
    assert [(p.subject, p.label) for p in found] == [
        ("001", "neutral"),
        ("001", "smiling"),
        ("004", "neutral"),
        ("004", "smiling"),
    ]
    assert (found[0].age, found[0].gender, found[0].ethnicity) == (24.0, "female", "white")
    assert (found[2].age, found[2].gender, found[2].ethnicity) == (None, None, None)


def test_people_with_one_expression_are_counted(root: Path) -> None:
    (root / "004_smiling.jpg").unlink()
    (lack,) = missing(root)
    assert (lack.found, lack.needed) == (3, 4)
    assert "first missing 004_smiling.jpg" in lack.advice


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("", "it is empty"),
        ("id,age\n1,2\n", "row 1: expected a header with face_id"),
        (HEADER + "001,old,female,white\n", "row 2, column face_age: expected a number, got 'old'"),
        (HEADER + "001,24,female,white\n001,24,female,white\n", "row 3, column face_id: expected each person once"),
        (HEADER + "001,24,female,white\n", "column face_id: expected a row of person 004"),
    ],
)
def test_tables_that_are_none_are_refused(root: Path, table: str, message: str) -> None:
    (root / "london_info.csv").write_text(table)
    with pytest.raises(InputError, match=message):
        read(root)


def test_another_name_is_refused(root: Path) -> None:
    (root / "001_sad.jpg").touch()
    with pytest.raises(InputError, match=r"001_sad\.jpg: expected a name like"):
        read(root)


@pytest.mark.data
def test_the_development_part(data: Path) -> None:
    found = read(data / "portraits")
    assert Counter(p.label for p in found) == {"neutral": 50, "smiling": 50}
    assert len({p.subject for p in found}) == 50
    ages = [p.age for p in found if p.age is not None]
    assert len(ages) == 96  # two people have not told
    assert (min(ages), max(ages)) == (18, 39)
    assert {p.gender for p in found} == {"female", "male"}
