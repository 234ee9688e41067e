"""`vultus expression`: the JSON contract, the exit statuses, tables, plots and drawn pictures."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from vultus.draw import VideoWriter
from vultus.images import read, write
from vultus.types import Image
from vultus.video import open_video

pytestmark = pytest.mark.weights

Vultus = Callable[..., Any]
CLASSES = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    return write(tmp_path / "empty.png", np.full((60, 80, 3), (90, 80, 70), dtype=np.uint8))


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    path = tmp_path / "broken.jpg"
    path.write_text("this is text")
    return path


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory, astronaut: Image) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    with VideoWriter(path, (400, 300), fps=12) as video:
        for step in range(24):
            video.write(np.ascontiguousarray(astronaut[:300, step : step + 400]), time=step / 12)
    return path


def test_nothing_to_look_at_is_bad_input(vultus: Vultus, tmp_path: Path, broken: Path) -> None:
    (tmp_path / "nothing").mkdir()
    for wrong in (tmp_path / "nothing", broken, tmp_path / "nowhere.jpg", tmp_path / "nowhere.mp4"):
        done = vultus("expression", wrong)
        assert done.status == 2
        assert done.out == ""
        assert done.err.count("\n") <= 3


def test_an_unknown_model_is_bad_input(vultus: Vultus, portrait_file: Path) -> None:
    done = vultus("expression", portrait_file, "--model", "oracle")
    assert done.status == 2
    assert "fer2013" in done.err
    done = vultus("expression", portrait_file, "--model", "nowhere.onnx")
    assert done.status == 2
    assert "nowhere.onnx" in done.err


def test_a_model_of_batches_is_refused(vultus: Vultus, portrait_file: Path, tmp_path: Path) -> None:
    (tmp_path / "leak.onnx").write_bytes(b"")
    (tmp_path / "leak.json").write_text(
        json.dumps({"classes": CLASSES, "training": {"net": "convcut", "head": "batch"}})
    )
    done = vultus("expression", portrait_file, "--model", tmp_path / "leak.onnx")
    assert done.status == 2
    assert "answers for batches" in done.err


def test_a_line_a_face(vultus: Vultus, portrait_file: Path) -> None:
    done = vultus("expression", portrait_file, "--json")
    assert done.status == 0
    (line,) = done.lines
    assert line["source"] == str(portrait_file)
    assert (line["face"], len(line["box"]), line["abstained"]) == (1, 4, None)
    assert list(line["probabilities"]) == CLASSES
    assert sum(line["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert line["label"] == "happy"
    assert line["probability"] == max(line["probabilities"].values())
    assert line["model"].startswith("fer2013 ")
    assert {"accuracy", "tested_on"} <= line.keys()
    if line["accuracy"] is not None:
        assert line["accuracy"].keys() == {"value", "low", "high", "k", "n"}
        assert "FER2013" in line["tested_on"]


def test_people_get_a_table_that_says_what_it_is(vultus: Vultus, portrait_file: Path) -> None:
    done = vultus("expression", portrait_file)
    assert done.status == 0
    for word in ("happy", "shows", "never the emotion that is felt", "research estimate", "fer2013 "):
        assert word in done.out
    helped = " ".join(vultus("expression", "--help").out.split())
    assert "never the emotion" in helped
    assert "research estimate" in helped


def test_no_face_is_told_and_no_error_unless_one_is_required(vultus: Vultus, empty: Path, portrait_file: Path) -> None:
    done = vultus("expression", empty, "--json")
    assert done.status == 0
    assert done.lines == [{"source": str(empty), "faces": [], "note": "no face was found"}]
    said = vultus("expression", empty)
    assert said.status == 0
    assert "no face" in said.out
    required = vultus("expression", empty, portrait_file, "--json", "--require-face")
    assert required.status == 2
    assert "empty.png" in required.err
    assert [line.get("label") for line in required.lines] == [None, "happy"]
    assert vultus("expression", portrait_file, "--require-face", "--json").status == 0


def test_a_folder_goes_on_past_what_cannot_be_read(
    vultus: Vultus, broken: Path, empty: Path, portrait_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "z.jpg").write_bytes(portrait_file.read_bytes())
    done = vultus("expression", tmp_path, "--json")
    assert done.status == 1
    assert "broken.jpg" in done.err
    assert [Path(line["source"]).name for line in done.lines] == ["empty.png", "z.jpg"]


def test_a_tiny_face_gets_no_answer_and_its_reason(vultus: Vultus, astronaut: Image, tmp_path: Path) -> None:
    small = cv2.resize(astronaut, None, fx=0.2, fy=0.2, interpolation=cv2.INTER_AREA)
    path = write(tmp_path / "small.png", np.ascontiguousarray(small))
    done = vultus("expression", path, "--json")
    assert done.status == 0
    (line,) = done.lines
    assert (line["label"], line["probability"], line["probabilities"]) == (None, None, None)
    assert "pixels wide" in line["abstained"]
    assert "no answer" in vultus("expression", path).out


@pytest.mark.parametrize("mode", ["L", "RGBA", "P"])
def test_grey_and_transparent_pictures_are_converted(
    vultus: Vultus, portrait_file: Path, tmp_path: Path, mode: str
) -> None:
    from PIL import Image as Pictures

    with Pictures.open(portrait_file) as picture:
        picture.convert(mode).save(tmp_path / "other.png")
    done = vultus("expression", tmp_path / "other.png", "--json")
    assert done.status == 0
    assert done.lines[0]["label"] == "happy"
    words = {"L": "grey", "RGBA": "laid on white"}
    assert words.get(mode, "") in (done.lines[0]["note"] or "")


def test_rows_of_csv(vultus: Vultus, portrait_file: Path, empty: Path, tmp_path: Path) -> None:
    table = tmp_path / "deep" / "rows.csv"
    done = vultus("expression", portrait_file, empty, "--csv", table, "--json")
    assert done.status == 0
    with table.open(newline="", encoding="utf-8") as file:
        (row,) = list(csv.DictReader(file))
    assert row["source"] == str(portrait_file)
    assert (row["face"], row["track"], row["time"], row["label"]) == ("1", "", "", "happy")
    assert float(row["p_happy"]) == pytest.approx(done.lines[0]["probabilities"]["happy"], abs=2e-6)
    assert row["raw_happy"] == row["p_happy"]
    assert sum(float(row[f"p_{name}"]) for name in CLASSES) == pytest.approx(1, abs=1e-5)
    assert [path.name for path in table.parent.iterdir()] == ["rows.csv"]


def test_a_csv_that_cannot_be_written_is_told(vultus: Vultus, portrait_file: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = vultus("expression", portrait_file, "--csv", tmp_path / "file" / "rows.csv")
    assert done.status == 2
    assert "could not write" in done.err


def test_drawn_pictures_have_bars(vultus: Vultus, portrait_file: Path, tmp_path: Path) -> None:
    done = vultus("expression", portrait_file, "--draw", tmp_path / "drawn", "--json")
    assert "wrote 1 file to" in done.err
    (drawn,) = (tmp_path / "drawn").iterdir()
    difference = np.abs(read(drawn).astype(int) - read(portrait_file)).max(axis=2) > 60
    assert 0.01 < difference.mean() < 0.3


def test_a_film_over_time(vultus: Vultus, clip: Path, tmp_path: Path) -> None:
    table, page = tmp_path / "rows.csv", tmp_path / "page.html"
    done = vultus("expression", clip, "--every", "4", "--csv", table, "--html", page, "--json")
    assert done.status == 0
    assert [line["frame"] for line in done.lines] == [0, 4, 8, 12, 16, 20]
    assert [line["time"] for line in done.lines] == pytest.approx([0, 1 / 3, 2 / 3, 1, 4 / 3, 5 / 3], abs=1e-3)
    assert {(line["track"], line["shot"]) for line in done.lines} == {(0, 0)}
    assert {line["label"] for line in done.lines} == {"happy"}
    assert done.lines[0]["unsmoothed"] == done.lines[0]["probabilities"]
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["frame"] for row in rows] == ["0", "4", "8", "12", "16", "20"]
    assert [float(row["p_happy"]) for row in rows] == pytest.approx(
        [line["probabilities"]["happy"] for line in done.lines], abs=2e-6
    )
    assert [float(row["raw_sad"]) for row in rows] == pytest.approx(
        [line["unsmoothed"]["sad"] for line in done.lines], abs=2e-6
    )
    text = page.read_text("utf-8")
    assert "face 0: 0.0 to 1.7 s, mostly happy" in text
    assert "<script src" not in text
    said = vultus("expression", clip)
    assert "0: 0.0-1.9 s" in said.out


def test_smoothing_can_be_left_out(vultus: Vultus, clip: Path) -> None:
    plain = vultus("expression", clip, "--smooth", "0", "--json").lines
    assert [line["unsmoothed"] for line in plain] == [line["probabilities"] for line in plain]
    smooth = vultus("expression", clip, "--json").lines
    assert [line["unsmoothed"] for line in smooth] == [line["probabilities"] for line in plain]
    ahead = vultus("expression", clip, "--look-ahead", "0.4", "--json").lines
    assert [line["frame"] for line in ahead] == [line["frame"] for line in smooth]
    assert ahead[0]["probabilities"] != smooth[0]["probabilities"]


def test_a_drawn_film_has_every_frame(vultus: Vultus, clip: Path, tmp_path: Path) -> None:
    done = vultus("expression", clip, "--draw", tmp_path / "drawn", "--json")
    assert done.status == 0
    (film,) = (tmp_path / "drawn").iterdir()
    with open_video(film) as drawn, open_video(clip) as plain:
        pairs = [(a.image(), b.image()) for a, b in zip(drawn, plain, strict=True)]
    assert len(pairs) == 24
    changed = [(np.abs(a.astype(int) - b).max(axis=2) > 80).mean() for a, b in pairs[:23]]
    assert min(changed) > 0.01


def test_drawings_of_one_name_do_not_overwrite_each_other(
    vultus: Vultus, clip: Path, portrait_file: Path, tmp_path: Path
) -> None:
    """One picture of two suffixes, one film of two, and one name in two cases."""
    here = tmp_path / "here"
    here.mkdir()
    films = [here / "a.mp4", here / "a.mov"]
    for film in films:
        film.write_bytes(clip.read_bytes())
    pictures = [here / "a.jpg", here / "A.jpeg"]
    for picture in pictures:
        write(picture, read(portrait_file))
    done = vultus("expression", *films, *pictures, "--every", "8", "--draw", tmp_path / "drawn", "--json")
    assert done.status == 0
    drawn = {path.name.casefold() for path in (tmp_path / "drawn").iterdir()}
    assert len(drawn) == len(list((tmp_path / "drawn").iterdir())) == 4
    assert {Path(name).suffix for name in drawn} == {".jpg", ".mp4"}
    assert sum(name.endswith(("-2.jpg", "-2.mp4")) for name in drawn) == 2


def test_a_film_without_a_face(vultus: Vultus, tmp_path: Path) -> None:
    path = tmp_path / "grey.mp4"
    with VideoWriter(path, (64, 48), fps=12) as video:
        for _ in range(6):
            video.write(np.full((48, 64, 3), 90, np.uint8))
    done = vultus("expression", path, "--json", "--html", tmp_path / "page.html")
    assert done.status == 0
    assert done.lines == [{"source": str(path), "faces": [], "note": "no face was found"}]
    assert "was not written" in done.err
    assert not (tmp_path / "page.html").exists()
    assert vultus("expression", path, "--require-face").status == 2


def test_a_film_that_ends_early_gives_what_it_had(
    vultus: Vultus, clip: Path, tmp_path: Path, portrait_file: Path
) -> None:
    short = tmp_path / "short.mp4"

    with av.open(str(clip)) as source, av.open(str(short), "w", format="mpegts") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    data = bytearray(short.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 3000] = bytes(3000)
    short.write_bytes(bytes(data))
    done = vultus("expression", short, portrait_file, "--json")
    assert done.status in (0, 1)  # by what the decoder can mend
    assert [line for line in done.lines if line["source"] == str(short)]
    assert [line for line in done.lines if line["source"] == str(portrait_file)]


def test_html_wants_a_film(vultus: Vultus, portrait_file: Path, tmp_path: Path) -> None:
    done = vultus("expression", portrait_file, "--html", tmp_path / "page.html")
    assert done.status == 2
    assert "expected a video" in done.err


def test_it_is_listed_with_its_measure(vultus: Vultus) -> None:
    lines = vultus("models", "list", "--task", "expression", "--json").lines
    (line,) = [line for line in lines if line["name"] == "fer2013"]
    assert line["present"] is True
    assert line["packaged"] is True
    assert "FER2013" in line["weights_licence"]


def test_a_live_stream_cannot_be_drawn(vultus: Vultus, tmp_path: Path) -> None:
    done = vultus("expression", "camera:0", "--draw", tmp_path / "drawn")
    assert done.status == 2
    assert "record it first" in done.err
