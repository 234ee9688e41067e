"""`vultus document quality`: the JSON contract, the table, CSV, drawn guides, and the exit statuses."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image as Pictures

from vultus.images import read, write
from vultus.integrity.quality.names import NAMES
from vultus.integrity.quality.scalars import NEEDS_MODEL
from vultus.types import Image

pytestmark = pytest.mark.weights

Vultus = Callable[..., Any]


@pytest.fixture(scope="module")
def portrait(tmp_path_factory: pytest.TempPathFactory, astronaut: Image) -> Path:
    """Head and shoulders, twice as large."""
    image = cv2.resize(astronaut[:250, 90:360], None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    return write(tmp_path_factory.mktemp("portrait") / "collins.png", np.ascontiguousarray(image))


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    return write(tmp_path / "empty.png", np.full((60, 80, 3), (90, 80, 70), dtype=np.uint8))


@pytest.fixture
def mild(tmp_path: Path) -> Path:
    """A profile that the portrait passes."""
    row = {"measure": "own: yaw", "of": "raw", "low": -10, "high": 10, "basis": "choice", "why": "a booth of ours"}
    path = tmp_path / "mild.json"
    path.write_text(json.dumps({"name": "mild", "title": "nearly nothing", "limits": [row]}), encoding="utf-8")
    return path


def test_nothing_to_look_at_is_bad_input(vultus: Vultus, tmp_path: Path, empty: Path, portrait: Path) -> None:
    (tmp_path / "nothing").mkdir()
    (tmp_path / "text.jpg").write_text("this is text")
    (tmp_path / "truncated.png").write_bytes(portrait.read_bytes()[:4000])
    write(tmp_path / "tiny.png", np.zeros((1, 1, 3), np.uint8))
    Pictures.new("1", (30_000, 30_000)).save(tmp_path / "bomb.png")
    wrong = {
        "nothing": "no picture",
        "text.jpg": "got content",
        "truncated.png": "truncated",
        "tiny.png": "none was found",
        "bomb.png": "megapixels",
        "nowhere.jpg": "no such file",
        empty.name: "none was found",
    }
    for name, reason in wrong.items():
        done = vultus("document", "quality", tmp_path / name)
        assert (done.status, done.out) == (2, ""), name
        assert reason in done.err
        assert "Traceback" not in done.err


def test_an_unknown_profile_is_bad_input(vultus: Vultus, portrait: Path) -> None:
    done = vultus("document", "quality", portrait, "--profile", "moon")
    assert done.status == 2
    assert "icao, capture" in done.err


def test_a_line_a_picture(vultus: Vultus, portrait: Path) -> None:
    done = vultus("document", "quality", portrait, "--json")
    assert done.status == 1
    (line,) = done.lines
    assert (line["source"], line["passed"], line["profile"], line["faces"]) == (str(portrait), False, "icao", 1)
    assert (line["size"], line["error"], line["notes"]) == ([540, 500], None, [])
    assert line["crop"].keys() == {"box", "inside", "turned", "about"}
    rows = {row["name"]: row for row in line["measures"]}
    assert tuple(rows) == NAMES
    for name in NEEDS_MODEL:
        assert rows[name] == {
            **dict.fromkeys(("raw", "scalar", "passed", "limit")),
            "name": name,
            "unit": "",
            "origin": "not assessed: needs an OFIQ model",
            "advice": "",
            "note": "",
        }
    row = rows["MouthClosed"]
    assert (row["origin"], row["passed"], row["advice"]) == (
        "OFIQ mapping over own raw measure",
        False,
        "close your mouth",
    )
    assert row["limit"]["low"] is None
    assert row["limit"]["basis"] == "choice"
    assert rows["own: yaw"]["origin"] == "own measure"
    assert "close your mouth" in line["advice"]


def test_all_pass_is_0(vultus: Vultus, portrait: Path, mild: Path) -> None:
    done = vultus("document", "quality", portrait, "--json", "--profile", mild)
    assert done.status == 0
    assert (done.lines[0]["passed"], done.lines[0]["advice"], done.lines[0]["profile"]) == (True, [], "mild")


def test_one_picture_gets_a_table_that_says_what_it_is(vultus: Vultus, portrait: Path) -> None:
    done = vultus("document", "quality", portrait)
    assert done.status == 1
    said = " ".join(done.out.split())
    for words in ("MouthClosed", "own: roll", "does not pass", "not assessed: needs an OFIQ model: UnifiedQuality"):
        assert words in said
    for words in ("no OFIQ conformance", "research estimate", "the issuing authority decides"):
        assert words in said
    helped = " ".join(vultus("document", "quality", "--help").out.split())
    assert "research estimate" in helped


def test_several_go_on_past_what_cannot_be_assessed(
    vultus: Vultus, portrait: Path, empty: Path, mild: Path, tmp_path: Path
) -> None:
    (tmp_path / "z.png").write_bytes(portrait.read_bytes())
    (tmp_path / "broken.jpg").write_text("this is text")
    table = tmp_path / "out" / "quality.csv"
    done = vultus("document", "quality", tmp_path, "--json", "--csv", table, "--profile", mild)
    assert done.status == 1
    assert [Path(line["source"]).name for line in done.lines] == ["broken.jpg", "empty.png", "z.png"]
    assert [line["passed"] for line in done.lines] == [None, None, True]
    assert "none was found" in done.lines[1]["error"]
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["passed"] for row in rows] == ["", "", "yes"]
    assert rows[1]["error"] == done.lines[1]["error"]
    measures = {row["name"]: row for row in done.lines[2]["measures"]}
    assert float(rows[2]["own: yaw"]) == pytest.approx(measures["own: yaw"]["raw"], abs=1e-6)
    assert int(rows[2]["EyesOpen.scalar"]) == measures["EyesOpen"]["scalar"]
    assert rows[2]["own: yaw.passed"] == "yes"
    assert rows[2]["own: roll.passed"] == ""
    assert not NEEDS_MODEL & rows[0].keys()
    assert [path.name for path in table.parent.iterdir()] == ["quality.csv"]


def test_people_get_a_line_each_for_several(vultus: Vultus, portrait: Path, tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(portrait.read_bytes())
    done = vultus("document", "quality", tmp_path)
    assert done.status == 1
    assert done.out.count("close your mouth") == 2
    assert "profile icao" in done.out


def test_guides_are_drawn(vultus: Vultus, portrait: Path, empty: Path, tmp_path: Path) -> None:
    done = vultus("document", "quality", portrait, empty, "--draw", tmp_path / "drawn", "--json")
    assert done.status == 1
    (drawn,) = (tmp_path / "drawn").iterdir()
    assert drawn.name.endswith("collins.jpg")
    assert read(drawn).shape[0] > read(portrait).shape[0]


@pytest.mark.parametrize(("mode", "words"), [("RGBA", "laid on white"), ("L", "greyscale")])
def test_grey_and_transparent_pictures_are_assessed_and_told(
    vultus: Vultus, portrait: Path, tmp_path: Path, mode: str, words: str
) -> None:
    with Pictures.open(portrait) as picture:
        picture.convert(mode).save(tmp_path / "other.png")
    done = vultus("document", "quality", tmp_path / "other.png")
    assert done.status == 1
    assert words in " ".join(done.out.split())


def test_guides_of_one_name_do_not_overwrite_each_other(vultus: Vultus, portrait: Path, tmp_path: Path) -> None:
    given = []
    for folder, name in (("a", "same.png"), ("b", "same.png"), ("b", "Same.PNG")):
        path = tmp_path / folder / "x" / "y" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        given.append(shutil.copy(portrait, path))
    done = vultus("document", "quality", *given, "--draw", tmp_path / "drawn", "--json")
    assert len(done.lines) == 3
    assert "wrote 3 files" in done.err
    drawn = {path.name for path in (tmp_path / "drawn").iterdir()}
    assert drawn == {"x_y_same.jpg", "x_y_same-2.jpg", "x_y_Same-3.jpg"}


def test_two_people(vultus: Vultus, portrait: Path, tmp_path: Path) -> None:
    image = read(portrait)
    both = write(tmp_path / "both.png", np.ascontiguousarray(np.hstack([image, image[:, ::-1]])))
    done = vultus("document", "quality", both, "--json")
    assert done.status == 1
    assert done.lines[0]["faces"] == 2
    assert "be alone in the picture: 2 faces were found" in done.lines[0]["advice"]


def test_a_table_that_cannot_be_written(vultus: Vultus, portrait: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = vultus("document", "quality", portrait, "--csv", tmp_path / "file" / "table.csv")
    assert done.status == 2
    assert "could not write" in done.err
