from __future__ import annotations

from pathlib import Path

import PIL.Image
import pytest

from vultus.datasets.ijb import Columns, matches, media_templates, missing, missing_pictures, pair_labels, templates
from vultus.errors import InputError, NotFoundError
from vultus.types import Box

HEADER = "TEMPLATE_ID,SUBJECT_ID,FILENAME,SIGHTING_ID,FACE_X,FACE_Y,FACE_WIDTH,FACE_HEIGHT,FRAME_NUM\n"
GALLERY = (
    HEADER
    + "1,7,img/1.png,90,10,20,30,40,\n1,7,frames/2.png,91,0,0,5,5,3\n"
    + "1,7,frames/3.png,91,,,,,4\n2,8,img/4.png,92,1,1,2,2,\n"
)
PROBES = HEADER + "11,7,img/5.png,93,1,2,3,4,\n12,9,img/6.png,94,1,2,3,4,\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("img/1", "frames/2", "frames/3", "img/4", "img/5", "img/6"):
        path = tmp_path / "images" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.new("RGB", (64, 64), "grey").save(path)
    (tmp_path / "protocols").mkdir()
    for name, text in (
        ("1N_gallery_G1", GALLERY),
        ("1N_gallery_G2", HEADER),
        ("1N_probe_mixed", PROBES),
        ("11_G1_G2_matches", "1,11\n2,11\n1,12\n"),
    ):
        (tmp_path / "protocols" / f"ijbc_{name}.csv").write_text(text)
    return tmp_path


def test_an_empty_folder_lacks_everything(tmp_path: Path) -> None:
    assert [lack.expected.split(" or ")[0] for lack in missing(tmp_path)] == [
        "protocols/ijbc_1N_gallery_G1.csv",
        "protocols/ijbc_1N_gallery_G2.csv",
        "protocols/ijbc_1N_probe_mixed.csv",
        "protocols/ijbc_11_G1_G2_matches.csv",
        "images/*/*",
    ]
    assert "protocol/ijbb_1N_gallery_S1.csv" in missing(tmp_path, "ijbb")[0].expected
    with pytest.raises(NotFoundError, match="expected a benchmark out of ijbb, ijbc"):
        missing(tmp_path, "ijba")  # type: ignore[arg-type]


def test_templates(root: Path) -> None:
    assert missing(root) == ()
    found = templates(root / "protocols" / "ijbc_1N_gallery_G1.csv", root / "images")
    assert {number: (t.subject, t.media, len(t.sightings)) for number, t in found.items()} == {
        1: ("7", ("90", "91"), 3),
        2: ("8", ("92",), 1),
    }
    assert [s.box for s in found[1].sightings] == [Box(10, 20, 40, 60), Box(0, 0, 5, 5), None]
    assert missing_pictures(found, root, "the gallery") == ()
    (root / "images" / "frames" / "2.png").unlink()
    (lack,) = missing_pictures(found, root, "the gallery")
    assert (lack.found, lack.needed) == (3, 4)


def test_columns_may_have_other_names(tmp_path: Path) -> None:
    file = tmp_path / "meta.csv"
    file.write_text("tid,sid,name\n5,ada,a.png\n5,ada,b.png\n")
    found = templates(file, tmp_path, Columns("tid", "sid", "name", None, None))
    assert (found[5].subject, found[5].media, found[5].sightings[0].box) == ("ada", ("a.png", "b.png"), None)


def test_comparisons_know_their_people(root: Path) -> None:
    sides = [
        templates(root / "protocols" / f"ijbc_1N_{name}.csv", root / "images") for name in ("gallery_G1", "probe_mixed")
    ]
    found = matches(root / "protocols" / "ijbc_11_G1_G2_matches.csv", *sides)
    assert (found.first.tolist(), found.second.tolist(), found.same.tolist()) == (
        [1, 2, 1],
        [11, 11, 12],
        [True, False, False],
    )
    assert len(found) == 3
    with pytest.raises(InputError, match=r"2 pairs name others, the first is \[1, 11\]"):
        matches(root / "protocols" / "ijbc_11_G1_G2_matches.csv", {2: sides[0][2], **sides[1]})
    with pytest.raises(InputError, match="3 pairs name others"):
        matches(root / "protocols" / "ijbc_11_G1_G2_matches.csv")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it is empty"),
        (HEADER, "below the header"),
        (HEADER.replace("SUBJECT_ID", "PERSON"), "row 1: expected a header .* SUBJECT_ID missing"),
        (HEADER + "x,7,img/1.png,90,1,2,3,4,\n", "row 2, column TEMPLATE_ID: expected a whole number"),
        (HEADER + "1,,img/1.png,90,1,2,3,4,\n", "row 2, column SUBJECT_ID: expected a value"),
        (HEADER + "1,7,../1.png,90,1,2,3,4,\n", "column FILENAME: expected a path inside"),
        (HEADER + "1,7,img/1.png,90,1,2,3,,\n", "column FACE_HEIGHT: expected a number"),
        (HEADER + "1,7,img/1.png,90,1,2,-3,4,\n", "column FACE_WIDTH: expected a length"),
        (
            HEADER + "1,7,a.png,90,1,2,3,4,\n1,8,b.png,90,1,2,3,4,\n",
            "row 3, column SUBJECT_ID: expected 7, as rows above",
        ),
    ],
)
def test_tables_that_are_none_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        templates(tmp_path / "t.csv", tmp_path)


def test_the_short_lists(tmp_path: Path) -> None:
    (tmp_path / "tid_mid.txt").write_text("1.jpg 1 69544\n2.jpg 1 69544\n3.jpg 4 100\n")
    found = media_templates(tmp_path / "tid_mid.txt", tmp_path / "loose_crop")
    assert {number: (t.subject, t.media, len(t.sightings)) for number, t in found.items()} == {
        1: (None, ("69544",), 2),
        4: (None, ("100",), 1),
    }
    (tmp_path / "pairs.txt").write_text("1 4 0\n1 1 1\n")
    assert pair_labels(tmp_path / "pairs.txt").same.tolist() == [False, True]
    (tmp_path / "pairs.txt").write_text("1 4 0\n1 1 2\n")
    with pytest.raises(InputError, match="column same: expected 1 or 0, pair 2 has 2"):
        pair_labels(tmp_path / "pairs.txt")
    (tmp_path / "pairs.txt").write_text("1 4 0\n1 1\n")
    with pytest.raises(InputError, match="row 2: expected 3 values"):
        pair_labels(tmp_path / "pairs.txt")


def test_half_a_million_comparisons_are_read_at_once(tmp_path: Path) -> None:
    import time

    (tmp_path / "pairs.txt").write_text("1 11065 1\n" * 500_000)
    start = time.perf_counter()
    assert len(pair_labels(tmp_path / "pairs.txt")) == 500_000
    assert time.perf_counter() - start < 10  # 0.2 s on two idle cores
