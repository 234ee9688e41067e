from __future__ import annotations

from pathlib import Path

import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vultus.datasets.pairs import Duplicate, missing, people_of, read
from vultus.errors import InputError, NotFoundError


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    for name in ("ada/1.png", "ada/2.png", "ada/3.png", "bob/1.png", "eve.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.new("RGB", (8, 8), "grey").save(folder / name)
    return folder


def listed(tmp_path: Path, *lines: str, header: str = "a,b,same") -> Path:
    file = tmp_path / "pairs.csv"
    file.write_text("\n".join((header, *lines)) + "\n")
    return file


def test_an_empty_table_is_refused(tmp_path: Path, images: Path) -> None:
    (tmp_path / "pairs.csv").touch()
    with pytest.raises(InputError, match="it is empty"):
        read(tmp_path / "pairs.csv", images)
    with pytest.raises(InputError, match="below the header"):
        read(listed(tmp_path), images)


def test_pairs_and_their_people(tmp_path: Path, images: Path) -> None:
    found = read(listed(tmp_path, "ada/1.png,ada/2.png,1", "ada/3.png,ada/2.png,1", "ada/3.png,bob/1.png,0"), images)
    assert [(p.first.name, p.second.name, p.same, p.fold) for p in found.pairs] == [
        ("1.png", "2.png", True, None),
        ("3.png", "2.png", True, None),
        ("3.png", "1.png", False, None),
    ]
    assert [p.people for p in found.pairs] == [
        ("ada/1.png", "ada/1.png"),
        ("ada/1.png", "ada/1.png"),
        ("ada/1.png", "bob/1.png"),
    ]
    assert (found.missing, found.duplicates, found.people_from, found.present) == ((), (), "pairs", found.pairs)


def test_people_and_folds_may_be_named(tmp_path: Path, images: Path) -> None:
    header = "fold,person_a,person_b,a,b,same"
    found = read(
        listed(tmp_path, "0,Ada,Ada,ada/1.png,ada/2.png,1", "3,Ada,Bob,ada/1.png,bob/1.png,0", header=header), images
    )
    assert [(p.people, p.fold) for p in found.pairs] == [(("Ada", "Ada"), 0), (("Ada", "Bob"), 3)]
    assert found.people_from == "columns"
    with pytest.raises(
        InputError, match=r"row 2, column same: expected 0, as the names of the people have it, got '1'"
    ):
        read(listed(tmp_path, "0,Ada,Bob,ada/1.png,ada/2.png,1", header=header), images)


def test_duplicates_are_told_and_left_out(tmp_path: Path, images: Path) -> None:
    lines = ("ada/1.png,ada/2.png,1", "eve.png,bob/1.png,0", "ada/2.png,ada/1.png,1", "eve.png,bob/1.png,0")
    found = read(listed(tmp_path, *lines), images)
    assert found.duplicates == (Duplicate(4, 2), Duplicate(5, 3))
    assert len(found.pairs) == 2


def test_missing_pictures_are_listed_and_counted(tmp_path: Path, images: Path) -> None:
    file = listed(tmp_path, "ada/1.png,ada/9.png,1", "ada/1.png,ada/2.png,1", "ada/9.png,bob/9.png,0")
    found = read(file, images)
    assert [path.relative_to(images).as_posix() for path in found.missing] == ["ada/9.png", "bob/9.png"]
    assert (len(found.pairs), len(found.present)) == (3, 1)
    (lack,) = missing(images, file)
    assert (lack.expected, lack.found, lack.needed) == ("pictures of pairs.csv", 2, 4)
    assert missing(images, listed(tmp_path, "ada/1.png,ada/2.png,1")) == ()
    assert [lack.expected for lack in missing(tmp_path / "none", file)] == ["."]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("ada/1.png,ada/2.png,2", "row 2, column same: expected a whole number from 0 to 1, got '2'"),
        ("ada/1.png,ada/2.png,yes", "column same: expected a whole number"),
        ("ada/1.png,ada/2.png", "row 2: expected 3 values"),
        ("ada/1.png,ada/1.png,1", "column b: expected another picture"),
        (",ada/1.png,1", "column a: expected a value"),
        ("../x.png,ada/1.png,1", "column a: expected a path inside"),
        ("ada/1.png,ada/2.png,1\nada/2.png,ada/1.png,0", "row 3, column same: expected 1, as row 2 has it"),
        (
            "ada/1.png,ada/2.png,1\nada/2.png,ada/3.png,1\nada/1.png,ada/3.png,0",
            "row 4, column same: expected 1, as other",
        ),
    ],
)
def test_rows_that_are_no_pairs_are_refused(tmp_path: Path, images: Path, line: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(listed(tmp_path, line), images)


def test_bad_files_are_refused(tmp_path: Path, images: Path) -> None:
    with pytest.raises(InputError, match="row 1: expected a header with a, b, same"):
        read(listed(tmp_path, "x,y,1", header="first,second,same"), images)
    with pytest.raises(NotFoundError, match="no such file"):
        read(tmp_path / "none.csv", images)
    with pytest.raises(NotFoundError, match="is none"):
        read(listed(tmp_path, "a,b,1"), tmp_path / "none")


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=25))
def test_people_are_the_components(mates: list[tuple[int, int]]) -> None:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    people = people_of((str(one), str(two)) for one, two in mates)
    edges = coo_array((([1] * len(mates)), ([a for a, _ in mates], [b for _, b in mates])), shape=(13, 13))
    _, parts = connected_components(edges, directed=False)
    order = {str(number): place for place, number in reversed(list(enumerate(n for pair in mates for n in pair)))}
    firsts = {
        one: min((two for two in people if parts[int(two)] == parts[int(one)]), key=order.__getitem__) for one in people
    }
    assert people == firsts
    assert people.keys() == order.keys()
