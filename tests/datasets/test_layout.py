from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vultus.datasets import layout
from vultus.datasets.layout import LabelledFaces, Missing, Part
from vultus.errors import InputError, NotFoundError

PARTS = (Part("lists/*.txt", "unpack the lists", 2), Part("a/*.png or b/*.png", "unpack the pictures"))


def table(folder: Path, text: str | bytes, name: str = "table.csv") -> Path:
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def test_an_empty_folder_lacks_everything(tmp_path: Path) -> None:
    assert layout.missing(tmp_path, PARTS) == (
        Missing("lists/*.txt", 0, 2, "unpack the lists"),
        Missing("a/*.png or b/*.png", 0, 1, "unpack the pictures"),
    )
    (only,) = layout.missing(tmp_path / "none", PARTS)
    assert (only.expected, only.found) == (".", 0)
    assert "is no folder" in only.advice


def test_parts_are_counted_and_alternatives_count_apart(tmp_path: Path) -> None:
    for name in ("lists/1.txt", "b/1.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert layout.missing(tmp_path, PARTS) == (Missing("lists/*.txt", 1, 2, "unpack the lists"),)
    (tmp_path / "lists" / "2.txt").touch()
    assert layout.missing(tmp_path, PARTS) == ()
    layout.require("the set", tmp_path, ())
    with pytest.raises(NotFoundError, match=r"expected the set in .*, 2 parts are missing: lists/\*.txt: .* \| a/"):
        layout.require("the set", tmp_path, layout.missing(tmp_path / "b", PARTS))


def test_listed_files_are_counted_once(tmp_path: Path) -> None:
    here, gone = table(tmp_path, "", "1.png"), tmp_path / "x" / "2.png"
    assert layout.listed([], tmp_path, "list.txt") == ()
    assert layout.listed([here], tmp_path, "list.txt") == ()
    (lack,) = layout.listed([here, gone, here, gone], tmp_path, "list.txt")
    assert (lack.expected, lack.found, lack.needed) == ("pictures of list.txt", 1, 2)
    assert lack.advice.startswith("first missing x/2.png")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it is empty"),
        ("\n \n", "it is empty"),
        ("a,c\n", "row 1: expected a header with a, b, b missing of a, c"),
        ("a,b,a\n", "row 1: expected each column once"),
        ("a,b\n\n1\n", r"row 3: expected 2 values \(a, b\), got 1"),
        ("a,b\n1,2,3\n", "row 2: expected 2 values .*, got 3"),
        ('a,b\n1,"2\n', "row 2: expected values parted by ','"),
        (b"a,b\n\xff,1\n", "expected text in UTF-8"),
        (b"\x89PNG\r\n\x1a\n\x00", "UTF-8"),
    ],
)
def test_tables_that_are_none_are_refused(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(InputError, match=rf"table\.csv.*{message}"):
        list(layout.rows(table(tmp_path, text), ("a", "b")))


def test_absent_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no such file"):
        list(layout.rows(tmp_path / "none.csv", ("a",)))
    with pytest.raises(InputError, match="cannot be read"):
        list(layout.rows(tmp_path, ("a",)))
    with pytest.raises(NotFoundError, match="no such file"):
        layout.arrays(tmp_path / "none.npz", ("x",))


def test_rows_know_their_place(tmp_path: Path) -> None:
    file = table(tmp_path, b'\xef\xbb\xbfb, a ,more\r\n\r\n1.5,"x, y",\r\n')  # a byte order mark, other order, Windows
    (row,) = layout.rows(file, ("a", "b"))
    assert (row.line, row.values) == (3, {"b": "1.5", "a": "x, y", "more": ""})
    assert (row.text("a"), row.real("b")) == ("x, y", 1.5)
    with pytest.raises(InputError, match=r"table\.csv, row 3, column b: expected a whole number, got '1.5'"):
        row.whole("b")
    with pytest.raises(InputError, match="column more: expected a value, got ''"):
        row.text("more")
    with pytest.raises(InputError, match="column a: expected a number, got 'x, y'"):
        row.real("a")


@pytest.mark.parametrize(
    ("low", "high", "told"), [(6, None, "at least 6"), (None, 4, "at most 4"), (1, 3, "from 1 to 3")]
)
def test_whole_numbers_have_a_range(tmp_path: Path, low: int | None, high: int | None, told: str) -> None:
    (row,) = layout.rows(table(tmp_path, "5 inf"), ("a", "b"), header=False, delimiter=None)
    assert row.whole("a", 5, 5) == 5
    with pytest.raises(InputError, match=told):
        row.whole("a", low, high)
    with pytest.raises(InputError, match="finite"):
        row.real("b")


@pytest.mark.parametrize("named", ["/etc/passwd", "../b.png", "a/../../b.png", ""])
def test_paths_stay_inside(tmp_path: Path, named: str) -> None:
    (row,) = layout.rows(table(tmp_path, f"a,b\n{named},1\n"), ("a", "b"))
    with pytest.raises(InputError, match="row 2, column a"):
        layout.inside(tmp_path, row, "a")


@given(numbers=st.lists(st.tuples(st.integers(-(2**62), 2**62), st.integers(0, 9)), min_size=1, max_size=20))
def test_whole_numbers_come_back(tmp_path_factory: pytest.TempPathFactory, numbers: list[tuple[int, int]]) -> None:
    file = table(tmp_path_factory.mktemp("numbers"), "".join(f"{one} {two}\n" for one, two in numbers))
    assert layout.whole_numbers(file, ("one", "two")).tolist() == [list(pair) for pair in numbers]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 2\n3 x\n", "row 2, column two: expected a whole number, got 'x'"),
        ("1 2\n3\n", "row 2: expected 2 values"),
        ("1 2 3\n", "row 1: expected 2 values"),
        ("1 2\n3 1e99\n", "row 2, column two"),
        ("", "empty"),
    ],
)
def test_numbers_that_are_none_are_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        layout.whole_numbers(table(tmp_path, text), ("one", "two"))


def test_arrays(tmp_path: Path) -> None:
    file = tmp_path / "a.npz"
    np.savez(file, x=np.arange(3), o=np.array([None], dtype=object))
    assert layout.arrays(file, ("x",))[0].tolist() == [0, 1, 2]
    with pytest.raises(InputError, match="expected the arrays x, y, y missing of x, o"):
        layout.arrays(file, ("x", "y"))
    with pytest.raises(InputError, match="allow_pickle"):
        layout.arrays(file, ("o",))
    np.save(tmp_path / "b.npy", np.arange(3))
    for name, text in (("empty.npz", b""), ("text.npz", b"no archive"), ("cut.npz", file.read_bytes()[:200])):
        with pytest.raises(InputError, match=r"expected an \.npz archive of x"):
            layout.arrays(table(tmp_path, text, name), ("x",))
    with pytest.raises(InputError, match="got a single array"):
        layout.arrays(tmp_path / "b.npy", ("x",))


def test_faces_must_be_as_many_as_labels() -> None:
    def blocks(*counts: int) -> LabelledFaces:
        made = [np.zeros((count, 4, 4), np.uint8) for count in counts]
        return LabelledFaces(Path("x"), "train", ("one",), np.zeros(3, np.int64), None, lambda: iter(made))

    assert blocks(1, 2).images().shape == (3, 4, 4)
    assert [len(block) for block in blocks(1, 2).blocks()] == [1, 2]
    with pytest.raises(InputError, match="expected 3 faces by its labels, found 0"):
        blocks().images()


def test_check_knows_the_readers(tmp_path: Path) -> None:
    assert [lack.expected for lack in layout.check("nuaa", tmp_path)] == [
        "live/[0-9]*_*_*_*_*.jpg",
        "print/[0-9]*_*_*_*_*.jpg",
    ]
    assert [lack.expected for lack in layout.check("lfw", tmp_path)] == ["images/*/*_[0-9][0-9][0-9][0-9].jpg"]
    with pytest.raises(NotFoundError, match=r"expected a benchmark out of agedb, .*, got 'yale'"):
        layout.check("yale", tmp_path)


@pytest.mark.parametrize("reader", layout.READERS)
def test_every_reader_tells_what_is_missing(tmp_path: Path, reader: str) -> None:
    in_empty, nowhere = layout.check(reader, tmp_path), layout.check(reader, tmp_path / "none")
    assert len(in_empty) >= 1
    assert [lack.expected for lack in nowhere] == ["."]
    assert all(lack.found < lack.needed and lack.advice for lack in in_empty)


@pytest.mark.data
@pytest.mark.parametrize(
    ("reader", "folder"),
    [
        ("lfw", "lfw"),
        ("utkface", "utkface"),
        ("fer2013", "fer2013"),
        ("ckplus", "."),
        ("nuaa", "nuaa"),
        ("portraits", "portraits"),
    ],
)
def test_the_development_data_is_whole(data: Path, reader: str, folder: str) -> None:
    assert layout.check(reader, data / folder) == ()
