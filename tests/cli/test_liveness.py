"""`vultus liveness`, and --require-live on verify, enroll and identify: the JSON contract and the exit statuses."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from vultus import registry
from vultus.cli import options
from vultus.cli.app import run
from vultus.draw import VideoWriter
from vultus.images import read, write
from vultus.models.liveness import mmda
from vultus.runtime import ENGINES, EngineOptions, Feed, Session, session
from vultus.types import Face, Image, Liveness, LivenessPoint, Rate, Signal

pytestmark = pytest.mark.weights

Vultus = Callable[..., Any]
POINT = LivenessPoint(
    0.5, "BPCER at most 1 %", Rate(2, 50, 0.005, 0.137), Rate(1, 100, 0.0, 0.054), "testing", "2026-11-24", "corner"
)


class Corner:
    """Reads the answer off the picture's corner: red an attack, blue no answer, else live."""

    def __init__(self, card: Any, **options: Any) -> None:
        self.card, self.point = card, POINT

    def __call__(self, image: Image, faces: Sequence[Face]) -> tuple[Liveness, ...]:
        red, _, blue = image[:8, :8].reshape(-1, 3).mean(axis=0)
        if blue > red + 90:
            answer = Liveness(math.nan, POINT, (Signal("passive", math.nan, "P", "nothing", "blue"),), "it is blue")
        else:
            score = 0.125 if red > blue + 90 else 0.875
            says: Any = "attack" if score < 0.5 else "bona fide"
            answer = Liveness(score, POINT, (Signal("passive", score, "P", says, "the corner's colour"),))
        return tuple(answer for _ in faces)


@pytest.fixture(scope="module", autouse=True)
def corner() -> Iterator[None]:
    """The default attack detector is the one that reads the corner, so that a test can say what must come out."""
    kept = registry._registered[registry.card("rgb").name]
    registry._registered["rgb"] = (kept[0], Corner)
    options._loaded.cache_clear()
    yield
    registry._registered["rgb"] = kept
    options._loaded.cache_clear()


COLOURS = {"live": (128, 128, 128), "attack": (230, 20, 20), "unknown": (20, 20, 230)}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory, photographs: dict[str, Path]) -> dict[str, Path]:
    """One person live, as an attack and where that cannot be said."""
    folder = tmp_path_factory.mktemp("pictures")
    image = read(photographs["obama2.jpg"])
    found = {}
    for name, colour in COLOURS.items():
        marked = image.copy()
        marked[:24, :24] = colour
        found[name] = write(folder / f"{name}.png", marked)
    return found


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory, astronaut: Image) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("clips")
    for name, colour in COLOURS.items():
        with VideoWriter(folder / f"{name}.mp4", (400, 300), fps=12) as video:
            for step in range(24):
                image = np.ascontiguousarray(astronaut[:300, step : step + 400])
                image[:24, :24] = colour
                video.write(image, time=step / 12)
    return {name: folder / f"{name}.mp4" for name in COLOURS}


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    return write(tmp_path / "empty.png", np.full((60, 80, 3), 90, dtype=np.uint8))


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    path = tmp_path / "broken.jpg"
    path.write_text("this is text")
    return path


def test_nothing_to_look_at_is_bad_input(vultus: Vultus, tmp_path: Path, broken: Path) -> None:
    (tmp_path / "nothing").mkdir()
    for wrong in (tmp_path / "nothing", broken, tmp_path / "nowhere.jpg", tmp_path / "nowhere.mp4"):
        done = vultus("liveness", wrong)
        assert done.status == 2
        assert done.out == ""


def test_an_unknown_model_is_bad_input(vultus: Vultus, pictures: dict[str, Path]) -> None:
    done = vultus("liveness", pictures["live"], "--model", "oracle")
    assert done.status == 2
    assert "rgb" in done.err


def test_no_face_is_a_no_with_its_reason(vultus: Vultus, empty: Path) -> None:
    done = vultus("liveness", empty)
    assert done.status == 1
    assert "no face was found" in done.err
    machine = vultus("liveness", empty, "--json")
    assert (machine.status, machine.out) == (1, "")


@pytest.mark.parametrize(("name", "status", "live"), [("live", 0, True), ("attack", 1, False), ("unknown", 1, None)])
def test_a_line_a_face(vultus: Vultus, pictures: dict[str, Path], name: str, status: int, live: bool | None) -> None:
    done = vultus("liveness", pictures[name], "--json")
    assert done.status == status
    (line,) = done.lines
    assert line["source"] == str(pictures[name])
    assert len(line["box"]) == 4
    assert line["live"] is live
    assert line["score"] == {"live": 0.875, "attack": 0.125, "unknown": None}[name]
    assert (line["threshold"], line["criterion"]) == (0.5, "BPCER at most 1 %")
    assert line["apcer"] == {"value": 0.04, "low": 0.005, "high": 0.137, "k": 2, "n": 50}
    assert line["bpcer"]["n"] == 100
    assert line["abstained"] == ("it is blue" if live is None else None)
    (signal,) = line["signals"]
    assert signal.keys() == {"name", "value", "unit", "says", "reason"}
    assert "track" not in line


def test_people_get_a_table_and_the_birth_of_the_threshold(vultus: Vultus, pictures: dict[str, Path]) -> None:
    done = vultus("liveness", *pictures.values())
    assert done.status == 1
    for word in ("live", "attack", "no answer", "0.875", "it is blue"):
        assert word in done.out
    assert "threshold 0.500: BPCER at most 1 %, APCER 4.00%, BPCER 1.00% (testing)" in done.out


def test_one_that_cannot_be_judged_beside_a_live_one_is_no_attack(vultus: Vultus, pictures: dict[str, Path]) -> None:
    assert vultus("liveness", pictures["live"], pictures["unknown"], "--json").status == 0
    done = vultus("liveness", pictures["unknown"])
    assert done.status == 1
    assert "no face could be judged" in done.err


def test_a_folder_goes_on_past_what_cannot_be_read(
    vultus: Vultus, pictures: dict[str, Path], broken: Path, empty: Path, tmp_path: Path
) -> None:
    done = vultus("liveness", pictures["live"].parent, tmp_path, "--json")
    assert done.status == 1
    assert [line["live"] for line in done.lines] == [False, True, None]
    assert "broken.jpg" in done.err


def test_annotated_pictures_tell_answers_apart(vultus: Vultus, pictures: dict[str, Path], tmp_path: Path) -> None:
    done = vultus("liveness", *pictures.values(), "--draw", tmp_path / "drawn", "--json")
    assert "wrote 3 files" in done.err
    colours = {}
    for name, path in pictures.items():
        (drawn,) = (tmp_path / "drawn").glob(f"*{name}.jpg")
        difference = read(drawn).astype(int) - read(path)
        changed = np.abs(difference).max(axis=2) > 60
        assert 0.001 < changed.mean() < 0.2
        colours[name] = read(drawn)[changed].mean(axis=0)
    assert colours["live"][1] > colours["live"][0] + 30  # green
    assert colours["attack"][0] > colours["attack"][2] + 60  # red
    assert np.ptp(colours["unknown"]) < 30  # grey


def test_drawings_of_one_name_do_not_overwrite_each_other(
    vultus: Vultus, pictures: dict[str, Path], clips: dict[str, Path], tmp_path: Path
) -> None:
    # The last three parts of a path make a name; these differ before that, and by case.
    given = []
    for folder, name in (("a", "same"), ("b", "same"), ("b", "SAME")):
        for source in (pictures["live"], clips["live"]):
            path = tmp_path / folder / "x" / "y" / f"{name}{source.suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            given.append(shutil.copy(source, path))
    done = vultus("liveness", *given, "--stride", "8", "--draw", tmp_path / "drawn", "--json")
    assert done.status == 0
    drawn = sorted(path.name.casefold() for path in (tmp_path / "drawn").iterdir())
    assert drawn == [f"x_y_same{number}{suffix}" for number in ("-2", "-3", "") for suffix in (".jpg", ".mp4")]


@pytest.mark.parametrize(("name", "status", "live"), [("live", 0, True), ("attack", 1, False), ("unknown", 1, None)])
def test_a_line_a_track(
    vultus: Vultus, clips: dict[str, Path], name: str, status: int, live: bool | None, tmp_path: Path
) -> None:
    done = vultus("liveness", clips[name], "--json", "--draw", tmp_path / "drawn")
    assert done.status == status
    (line,) = done.lines
    assert line["live"] is live
    assert line["track"] == 0
    assert 0 <= line["start"] < line["end"] < 2.1
    assert [signal["name"] for signal in line["signals"]] == ["passive", "plane", "blink", "pulse"]
    (film,) = (tmp_path / "drawn").iterdir()
    assert film.suffix == ".mp4"
    assert film.stat().st_size > 1000


def test_verify_asks_of_the_second_alone(
    vultus: Vultus, pictures: dict[str, Path], photographs: dict[str, Path]
) -> None:
    reference = photographs["Barack Obama"]
    live = vultus("verify", reference, pictures["live"], "--require-live", "--json")
    assert live.status == 0
    assert live.lines[0]["match"] is True
    assert live.lines[0]["live"] is True
    assert live.lines[0]["liveness_score"] == 0.875
    assert live.lines[0]["liveness_threshold"] == 0.5
    assert live.lines[0]["liveness_signals"][0]["name"] == "passive"
    turned = vultus("verify", pictures["attack"], reference, "--require-live", "--json")
    assert turned.status == 0
    plain = vultus("verify", reference, pictures["attack"], "--json")
    assert plain.status == 0
    assert "live" not in plain.lines[0]


def test_verify_says_nothing_of_whom_an_attack_shows(
    vultus: Vultus, pictures: dict[str, Path], photographs: dict[str, Path]
) -> None:
    command = ("verify", photographs["Barack Obama"], pictures["attack"], "--require-live")
    done = vultus(*command, "--json")
    assert done.status == 1
    (line,) = done.lines
    assert (line["match"], line["status"], line["live"]) == (None, "not_live", False)
    said = vultus(*command)
    assert said.status == 1
    assert "NOT LIVE" in said.out
    assert "P 0.125 < 0.500 (the corner's colour)" in said.out
    assert "SAME" not in said.out


def test_verify_without_an_answer_is_no_decision(
    vultus: Vultus, pictures: dict[str, Path], photographs: dict[str, Path]
) -> None:
    done = vultus("verify", photographs["Barack Obama"], pictures["unknown"], "--require-live", "--json")
    assert done.status == 2
    assert "it is blue" in done.err
    (line,) = done.lines
    assert (line["match"], line["status"], line["live"]) == (None, "no_decision", None)
    assert line["liveness_abstained"] == "it is blue"


def test_enroll_refuses_with_a_code(vultus: Vultus, pictures: dict[str, Path], tmp_path: Path) -> None:
    gallery = tmp_path / "gallery"
    command = ("enroll", *pictures.values(), "--name", "Obama", "-g", gallery, "--require-live")
    done = vultus(*command, "--json")
    assert done.status == 0
    (report,) = done.lines
    assert report["enrolled"] == 1
    assert [item["code"] for item in report["refused"]] == ["not_live", "not_live"]
    assert "not taken for a living face" in report["refused"][0]["reason"]
    assert "it is blue" in report["refused"][1]["reason"]
    alone = vultus("enroll", pictures["attack"], "--name", "Nobody", "-g", gallery, "--require-live")
    assert alone.status == 1
    assert "not taken for a living face" in " ".join(alone.out.split())


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory, photographs: dict[str, Path], portrait_file: Path) -> Path:
    folder = tmp_path_factory.mktemp("known") / "gallery"
    for name, path in (("Obama", photographs["Barack Obama"]), ("Collins", portrait_file)):
        assert run(["enroll", str(path), "--name", name, "-g", str(folder), "--json"]) == 0
    return folder


def test_identify_lists_an_attack_without_a_name(
    vultus: Vultus, pictures: dict[str, Path], known: Path, tmp_path: Path
) -> None:
    names = [pictures[name] for name in ("live", "attack", "unknown")]
    done = vultus("identify", *names, "-g", known, "--require-live", "--json", "--draw", tmp_path / "drawn")
    assert done.status == 0
    assert [line["name"] for line in done.lines] == ["Obama", None, None]
    assert [line["live"] for line in done.lines] == [True, False, None]
    assert [line["status"] for line in done.lines] == ["match", "rejected", "rejected"]
    assert done.lines[1]["refusals"] == [{"code": "NOT_LIVE", "value": 0.125, "limit": 0.5}]
    assert done.lines[2]["liveness_abstained"] == "it is blue"
    assert done.lines[1]["candidates"] == []
    said = vultus("identify", pictures["attack"], "-g", known, "--require-live")
    assert said.status == 1
    assert "not taken for a living face" in " ".join(said.out.replace("│", " ").split())
    assert "Obama" not in said.out
    plain = vultus("identify", pictures["attack"], "-g", known, "--json")
    assert plain.lines[0]["name"] == "Obama"
    assert "live" not in plain.lines[0]


@pytest.mark.parametrize(("name", "person"), [("live", "Collins"), ("attack", None)])
def test_identify_names_live_tracks_only(
    vultus: Vultus, clips: dict[str, Path], known: Path, tmp_path: Path, name: str, person: str | None
) -> None:
    done = vultus("identify", clips[name], "-g", known, "--require-live", "--json", "--draw", tmp_path / "drawn")
    assert done.status == (0 if person else 1)
    (line,) = done.lines
    assert line["name"] == person
    assert line["live"] is (person is not None)
    assert [signal["name"] for signal in line["liveness_signals"]] == ["passive", "plane", "blink", "pulse"]
    assert len(list((tmp_path / "drawn").iterdir())) == 1


def test_a_grey_picture_of_a_large_folder_stays_in_its_place(
    vultus: Vultus, pictures: dict[str, Path], tmp_path: Path
) -> None:
    image = cv2.resize(read(pictures["live"]), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    for number in range(9):
        marked = image.copy()
        marked[:24, :24] = COLOURS["attack"] if number == 4 else COLOURS["live"]
        write(tmp_path / f"{number}.png", marked)
    done = vultus("liveness", tmp_path, "--json")
    assert [Path(line["source"]).stem for line in done.lines] == [str(number) for number in range(9)]
    assert [line["live"] for line in done.lines].index(False) == 4


@pytest.fixture
def relief(portrait_file: Path) -> Image:
    """A hill where the portrait's face is, as depth beside it, (H, W)."""
    height, width = cv2.imread(str(portrait_file)).shape[:2]
    y, x = np.mgrid[:height, :width]
    hill = np.exp(-(((x - width / 2) / (width / 4)) ** 2) - ((y - height / 3) / (height / 4)) ** 2)
    return (20 + 200 * hill).astype(np.uint8)


def test_depth_and_infrared_beside_a_picture(
    vultus: Vultus, portrait_file: Path, relief: Image, tmp_path: Path
) -> None:
    plane = tmp_path / "depth.png"
    cv2.imwrite(str(plane), relief)
    (line,) = vultus("liveness", portrait_file, "--depth", plane, "--json").lines
    assert 0 <= line["score"] <= 1
    assert {signal["name"] for signal in line["signals"]} == {"multimodal", "ir"}
    assert "not for access control" in line["model"]
    small = tmp_path / "small.png"
    cv2.imwrite(str(small), relief[::2, ::2])
    told = vultus("liveness", portrait_file, "--depth", small)
    assert told.status == 2
    assert "register the cameras" in told.err
    told = vultus("liveness", portrait_file, portrait_file, "--depth", plane)
    assert told.status == 2
    assert "one picture" in told.err


def test_the_engine_that_is_named_reads_depth(
    vultus: Vultus, portrait_file: Path, relief: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[EngineOptions] = []

    def spying(path: Path, feed: Feed, options: EngineOptions) -> Session:
        opened.append(options)
        return session(path, feed, options)

    monkeypatch.setattr(mmda, "session", spying)
    monkeypatch.setattr(mmda, "_sessions", {})
    plane = tmp_path / "depth.png"
    cv2.imwrite(str(plane), relief)
    command = ("liveness", portrait_file, "--depth", plane, "--json")
    scores = [vultus(*command, "--engine", engine).lines[0]["score"] for engine in ENGINES]
    assert [options.engine for options in opened] == list(ENGINES)
    assert {options.precision for options in opened} == {"fp32"}
    assert scores[0] == pytest.approx(scores[1], abs=1e-3)
    assert vultus(*command).lines[0]["score"] == scores[0]  # "auto" is fp32


@pytest.mark.parametrize(
    ("wrong", "told"),
    [(("--engine", "abacus"), "engine"), (("--engine", "onnxruntime", "--precision", "bf16"), "fp32")],
)
def test_an_engine_that_cannot_read_depth_is_bad_input(
    vultus: Vultus, portrait_file: Path, relief: Image, tmp_path: Path, wrong: tuple[str, ...], told: str
) -> None:
    plane = tmp_path / "depth.png"
    cv2.imwrite(str(plane), relief)
    done = vultus("liveness", portrait_file, "--depth", plane, *wrong)
    assert (done.status, done.out) == (2, "")
    assert told in done.err
