from __future__ import annotations

from pathlib import Path

import PIL.Image
import pytest

from vultus.datasets.boxes import missing, missing_wider, read, read_wider, wider
from vultus.errors import InputError, NotFoundError
from vultus.types import Box

HEADER = "source,x1,y1,x2,y2\n"
WIDER = """\
0--Parade/0_Parade_marchingband_1_849.jpg
1
449 330 122 149 0 0 0 0 0 0
0--Parade/0_Parade_Parade_0_452.jpg
0
0 0 0 0 0 0 0 0 0 0
1--Handshaking/1_Handshaking_Handshaking_1_94.jpg
4
10 20 30 40 2 0 0 0 2 0
10 20 0 40 2 0 0 0 2 0
50 60 7 8 2 0 0 1 2 0
10 20 30 40 2 0 0 0 2 0
"""


def draw(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.new("RGB", (64, 64), "grey").save(root / name)
    return root


def listed(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "boxes.csv"
    file.write_text(text)
    return file


def test_an_empty_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="it is empty"):
        read(listed(tmp_path, ""), tmp_path)
    with pytest.raises(InputError, match="at least one picture"):
        read(listed(tmp_path, HEADER), tmp_path)
    with pytest.raises(InputError, match="at least one picture"):
        read_wider(listed(tmp_path, "\n"), tmp_path)


def test_boxes_by_picture(tmp_path: Path) -> None:
    images = draw(tmp_path / "images", "a.png", "b.png", "c.png")
    text = "a.png,1,2,3.5,4\nb.png,,,,\na.png,5,6,7,8\nc.png,1,1,1,9\na.png,1,2,3.5,4\ngone.png,0,0,1,1\n"
    found = read(listed(tmp_path, HEADER + text), images)
    assert [(p.source.name, p.boxes) for p in found.pictures] == [
        ("a.png", (Box(1, 2, 3.5, 4), Box(5, 6, 7, 8))),
        ("b.png", ()),
        ("c.png", ()),
        ("gone.png", (Box(0, 0, 1, 1),)),
    ]
    assert (found.faces, found.duplicates, found.flat) == (3, (6,), (5,))
    assert [path.name for path in found.missing] == ["gone.png"]
    (lack,) = missing(images, found.file)
    assert (lack.found, lack.needed) == (3, 4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a.png,1,2,x,4", "row 2, column x2: expected a number, got 'x'"),
        ("a.png,1,2,nan,4", "column x2: expected a finite number"),
        ("a.png,10,2,5,4", "column x2: expected at least 10, as boxes are corners"),
        ("a.png,1,9,5,4", "column y2: expected at least 9"),
        ("a.png,1,,5,4", "column y1: expected a number"),
        ("a.png,1,2,5", "expected 5 values"),
        ("a.png,,,,\na.png,1,2,3,4", r"row 3: expected a\.png with faces or without"),
        ("a.png,1,2,3,4\na.png,,,,", "row 3: expected"),
        ("/a.png,1,2,3,4", "column source: expected a path inside"),
    ],
)
def test_rows_that_are_no_boxes_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(listed(tmp_path, HEADER + text + "\n"), tmp_path)


def test_another_header_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="row 1: expected a header with source, x1, y1, x2, y2, source missing"):
        read(listed(tmp_path, "file,x1,y1,x2,y2\na.png,1,2,3,4\n"), tmp_path)
    with pytest.raises(NotFoundError, match="is none"):
        read(listed(tmp_path, HEADER), tmp_path / "none")


def test_wider_face(tmp_path: Path) -> None:
    names = [line for line in WIDER.splitlines() if "--" in line]
    draw(tmp_path / "WIDER_val" / "images", *names[:2])
    (tmp_path / "wider_face_split").mkdir()
    file = tmp_path / "wider_face_split" / "wider_face_val_bbx_gt.txt"
    assert [lack.expected for lack in missing_wider(tmp_path)] == ["wider_face_split/wider_face_val_bbx_gt.txt"]
    file.write_text(WIDER)
    (lack,) = missing_wider(tmp_path)
    assert (lack.found, lack.needed) == (2, 3)
    with pytest.raises(NotFoundError, match=r"first missing WIDER_val/images/1--Handshaking"):
        wider(tmp_path)
    draw(tmp_path / "WIDER_val" / "images", names[2])
    found = wider(tmp_path)
    assert [p.boxes for p in found.pictures] == [(Box(449, 330, 571, 479),), (), (Box(10, 20, 40, 60),)]
    assert [p.ignored for p in found.pictures] == [(), (), (Box(50, 60, 57, 68),)]
    assert (found.faces, found.missing, found.flat, found.duplicates) == (2, (), (10,), (12,))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a/b.jpg\none\n", "row 2, column faces: expected a whole number"),
        ("a/b.jpg\n-1\n", "column faces: expected a whole number of at least 0"),
        ("a/b.jpg\n1\n1 2 3 4\n", "row 3: expected x1 y1 w h"),
        ("a/b.jpg\n1\n1 2 3 4 0 0 0 5 0 0\n", "row 3, column invalid"),
        ("a/b.jpg\n2\n1 2 3 4 0 0 0 0 0 0\n", "expected more lines for a.b.jpg"),
        ("a/b.jpg\n", "expected more lines"),
        ("../b.jpg\n0\n", "row 1, column picture"),
    ],
)
def test_wider_lines_that_are_none_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_wider(listed(tmp_path, text), tmp_path)


def test_a_picture_without_faces_may_lack_its_line_of_zeros(tmp_path: Path) -> None:
    found = read_wider(listed(tmp_path, "a/b.jpg\n0\na/c.jpg\n1\n1 2 3 4 0 0 0 0 0 0\n"), tmp_path)
    assert [len(p.boxes) for p in found.pictures] == [0, 1]
