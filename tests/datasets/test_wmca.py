from __future__ import annotations

from pathlib import Path

import PIL.Image
import pytest

from vultus.datasets.layout import BONA_FIDE
from vultus.datasets.wmca import OWN, WMCA, Columns, missing, missing_pictures, read
from vultus.errors import InputError, NotFoundError

HEADER = "file,client_id,type,split\n"


def listed(tmp_path: Path, text: str, name: str = "list.csv") -> Path:
    file = tmp_path / name
    file.write_text(text)
    return file


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    for name in ("station/035_01_000_0_00.png", "station/530_03_001_2_18.png", "station/018_02_000_3_10.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.new("RGB", (8, 8), "grey").save(folder / name)
    return folder


def test_an_empty_list_is_refused(tmp_path: Path, images: Path) -> None:
    with pytest.raises(InputError, match="it is empty"):
        read(listed(tmp_path, ""), images)
    with pytest.raises(InputError, match="below the header"):
        read(listed(tmp_path, HEADER), images)
    (tmp_path / "list.csv").unlink()
    assert [lack.expected for lack in missing(tmp_path)] == ["PROTOCOL-*.csv or *.csv or *.txt"]


def test_ones_own_list(tmp_path: Path, images: Path) -> None:
    text = (
        "station/035_01_000_0_00.png,035,bona fide,dev\n"
        "station/530_03_001_2_18.png,530,silicone mask,eval\n"
        "gone.png,1,replay,eval\n"
    )
    found = read(listed(tmp_path, HEADER + text), images, modality="NIR")
    live, mask, gone = found.presentations
    assert (live.label, live.bona_fide, live.subject, live.split, live.modality, live.presenter) == (
        BONA_FIDE,
        True,
        "035",
        "dev",
        "NIR",
        None,
    )
    assert (mask.label, mask.bona_fide, mask.subject, mask.session, mask.presenter, mask.attack_number) == (
        "silicone mask",
        False,
        "530",
        "03",
        "001",
        "18",
    )
    assert (gone.session, gone.attack_number) == (None, None)
    assert found.species == ("replay", "silicone mask")
    assert found.missing == (images / "gone.png",)
    (lack,) = missing_pictures(found.file, images)
    assert (lack.found, lack.needed) == (2, 3)
    assert [lack.expected for lack in missing_pictures(found.file, tmp_path / "none")] == ["."]
    assert missing(tmp_path) == ()


@pytest.mark.parametrize("word", ["bonafide", "Bona Fide", "live", "real", "0"])
def test_words_for_bona_fide(tmp_path: Path, images: Path, word: str) -> None:
    assert read(listed(tmp_path, f"{HEADER}a.png,1,{word},dev\n"), images).presentations[0].bona_fide


def test_the_protocols_of_the_set(tmp_path: Path, images: Path) -> None:
    text = (
        "station/035_01_000_0_00,0,bonafide,train\n"
        "station/530_03_001_2_18,1,attack/Mask,dev\n"
        "station/018_02_000_3_10,1,attack/Print,eval\n"
    )
    found = read(listed(tmp_path, text, "PROTOCOL-grandtest.csv"), images, WMCA)
    assert [(p.subject, p.label, p.split, p.source.suffix) for p in found.presentations] == [
        ("035", BONA_FIDE, "train", ".png"),
        ("530", "Mask", "dev", ".png"),
        ("018", "Print", "eval", ".png"),
    ]
    assert found.missing == ()
    assert missing_pictures(found.file, images, WMCA) == ()


def test_other_columns_and_blanks(tmp_path: Path, images: Path) -> None:
    columns = Columns(("file", "label"), client=None, kind=None, label="label", split=None)
    found = read(listed(tmp_path, "035_01_000_0_00 0\n530_03_001_2_18 2\n", "dev.txt"), images, columns)
    assert [(p.label, p.split) for p in found.presentations] == [(BONA_FIDE, None), ("attack 2", None)]
    with pytest.raises(InputError, match="column of the kind or of the label"):
        read(found.file, images, Columns(("file",), client=None, kind=None, split=None))


@pytest.mark.parametrize(
    ("text", "columns", "message"),
    [
        ("file,type\n", OWN, "row 1: expected a header with file, client_id, type, split, client_id, split missing"),
        (HEADER + "a.png,1,,dev\n", OWN, "row 2, column type: expected a value"),
        (HEADER + "a.png,,live,dev\n", OWN, "row 2, column client_id: expected a value"),
        (HEADER + "a.png,1,live\n", OWN, "row 2: expected 4 values"),
        (HEADER + "/a.png,1,live,dev\n", OWN, "row 2, column file: expected a path inside"),
        (HEADER + "a.png,1,live,dev\na.png,1,print,dev\n", OWN, "row 3, column file: expected each recording once"),
        ("035_01_000_0_00,1,bonafide,dev\n", WMCA, "row 1, column label: expected 0 for the type 'bonafide'"),
        ("035_01_000_0_00,0,attack/Print,dev\n", WMCA, "column label: expected a number above 0"),
        ("035_01_000_0_00,1,attack/,dev\n", WMCA, "column type: expected the kind of the attack"),
        ("face,0,bonafide,dev\n", WMCA, "column file: expected a name of client_session_presenter_type_pai"),
        ("035_01_000_0_00,live,bonafide,dev\n", WMCA, "column label: expected a whole number"),
    ],
)
def test_rows_that_are_none_are_refused(
    tmp_path: Path, images: Path, text: str, columns: Columns, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read(listed(tmp_path, text), images, columns)


def test_absent_folders_and_lists_are_refused(tmp_path: Path, images: Path) -> None:
    with pytest.raises(NotFoundError, match="no such file"):
        read(tmp_path / "none.csv", images)
    with pytest.raises(NotFoundError, match="is none"):
        read(listed(tmp_path, HEADER), tmp_path / "none")
