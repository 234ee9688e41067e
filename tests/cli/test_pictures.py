"""detect, verify, enroll, identify and cluster on real photographs: the JSON contract and the exit statuses."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from vultus.images import read, write
from vultus.types import Image

pytestmark = pytest.mark.weights

Vultus = Callable[..., Any]


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """A picture without a face."""
    return write(tmp_path / "empty.png", np.full((60, 80, 3), 90, dtype=np.uint8))


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    path = tmp_path / "broken.jpg"
    path.write_text("this is text")
    return path


def test_detect_prints_a_line_a_face(vultus: Vultus, photographs: dict[str, Path], tmp_path: Path) -> None:
    done = vultus(
        "detect", photographs["t1.jpg"], "--json", "--draw", tmp_path / "drawn", "--crops", tmp_path / "faces"
    )
    assert done.status == 0
    assert len(done.lines) == 6
    for line in done.lines:
        assert {"source", "box", "landmarks", "score"} <= line.keys()
        assert len(line["box"]) == 4
        assert np.shape(line["landmarks"]) == (5, 2)
        assert 0.5 <= line["score"] <= 1
    areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in (line["box"] for line in done.lines)]
    assert areas == sorted(areas, reverse=True)
    (drawn,) = (tmp_path / "drawn").iterdir()
    assert read(drawn).shape == read(photographs["t1.jpg"]).shape
    assert len(list((tmp_path / "faces").iterdir())) == 6


def test_detect_says_no_and_refuses(vultus: Vultus, empty: Path, broken: Path, portrait_file: Path) -> None:
    assert vultus("detect", empty, "--json").status == 1
    done = vultus("detect", broken)
    assert done.status == 2
    assert "broken.jpg" in done.err
    both = vultus("detect", broken, portrait_file, "--json")
    assert both.status == 0
    assert len(both.lines) == 1


def test_verify_same_and_different(vultus: Vultus, photographs: dict[str, Path]) -> None:
    same = vultus("verify", photographs["Barack Obama"], photographs["obama2.jpg"], "--json")
    (answer,) = same.lines
    assert same.status == 0
    assert answer["match"] is True
    assert answer["score"] >= answer["threshold"]
    assert answer["fmr"] == 0.001
    assert answer["model"] == "sface"
    other = vultus("verify", photographs["Barack Obama"], photographs["Joe Biden"], "--fmr", "1e-2")
    assert other.status == 1
    assert "DIFFERENT" in other.out
    assert "FMR 0.01" in other.out
    assert "LFW" in other.out


def test_a_stricter_rate_asks_for_more(vultus: Vultus, photographs: dict[str, Path]) -> None:
    thresholds = [
        vultus("verify", photographs["Barack Obama"], photographs["obama2.jpg"], "--json", "--fmr", rate).lines[0][
            "threshold"
        ]
        for rate in ("1e-1", "1e-2", "1e-3", "1e-4")
    ]
    assert thresholds == sorted(thresholds)
    assert len(set(thresholds)) == 4


def test_verify_without_a_face_or_a_file_is_bad_input(
    vultus: Vultus, empty: Path, broken: Path, portrait_file: Path
) -> None:
    for wrong in (empty, broken, Path("nowhere.jpg")):
        done = vultus("verify", portrait_file, wrong)
        assert done.status == 2
        assert wrong.name in done.err
        assert done.err.count("\n") == 1


def test_verify_states_which_face_it_took(vultus: Vultus, photographs: dict[str, Path], portrait_file: Path) -> None:
    done = vultus("verify", portrait_file, photographs["t1.jpg"], "--json")
    assert "of 6 chosen" in done.lines[0]["faces"][1]["chosen"]
    assert vultus("verify", portrait_file, photographs["t1.jpg"], "--faces", "one").status == 2
    third = vultus("verify", portrait_file, photographs["t1.jpg"], "--faces", "3", "--json").lines[0]
    assert third["faces"][1]["chosen"] == "face 3 of 6 as asked"
    every = vultus("verify", portrait_file, photographs["t1.jpg"], "--faces", "all", "--json").lines[0]
    assert every["threshold"] > third["threshold"]  # six comparisons share one false match rate
    assert every["match"] is False


def test_enroll_folder_then_identify(
    vultus: Vultus, photographs: dict[str, Path], broken: Path, tmp_path: Path
) -> None:
    folder, gallery = tmp_path / "people", tmp_path / "gallery"
    for name in ("Barack Obama", "Joe Biden"):
        (folder / name / "2009").mkdir(parents=True)
        shutil.copy(photographs[name], folder / name / "2009" / "official.jpg")
    shutil.copy(broken, folder / "Joe Biden" / "broken.jpg")
    shutil.copy(photographs["obama2.jpg"], folder / "loose.jpg")
    first = vultus("enroll", folder, "--gallery", gallery, "--json")
    assert first.status == 0
    report = first.lines[0]
    assert (report["enrolled"], report["people"], report["unchanged"]) == (2, 2, 0)
    reasons = {Path(item["source"]).name: item["reason"] for item in report["refused"]}
    assert set(reasons) == {"broken.jpg", "loose.jpg"}
    assert "expected" in reasons["broken.jpg"]
    assert "--name" in reasons["loose.jpg"]
    again = vultus("enroll", folder, "--gallery", gallery, "--json").lines[0]
    assert (again["enrolled"], again["people"], again["unchanged"]) == (0, 2, 2)

    done = vultus("identify", photographs["obama3.jpg"], photographs["t1.jpg"], "--gallery", gallery, "--json")
    assert done.status == 0
    names = [(Path(line["source"]).name, line["name"]) for line in done.lines]
    assert names.count(("obama3.jpg", "Barack Obama")) == 1
    assert [name for source, name in names if source == "t1.jpg"] == [None] * 6
    for line in done.lines:
        assert {"box", "score", "threshold", "fpir", "candidates"} <= line.keys()
    assert vultus("identify", photographs["t1.jpg"], "--gallery", gallery).status == 1


def test_enroll_reports_what_does_not_fit(vultus: Vultus, photographs: dict[str, Path], tmp_path: Path) -> None:
    gallery = tmp_path / "gallery"
    assert vultus("enroll", photographs["Barack Obama"], "--name", "Obama", "-g", gallery).status == 0
    taken = vultus("enroll", photographs["obama2.jpg"], "--name", "Somebody", "-g", gallery, "--json")
    assert taken.status == 1
    assert "looks like Obama" in taken.lines[0]["refused"][0]["reason"]
    mixed = vultus("enroll", photographs["Joe Biden"], "--name", "Obama", "-g", gallery, "--json").lines[0]
    assert "different people" in mixed["notes"][0]["note"]
    forced = vultus("enroll", photographs["obama2.jpg"], "--name", "Somebody", "-g", gallery, "--force", "--json")
    assert forced.lines[0]["enrolled"] == 1


def test_enroll_wants_a_folder_or_a_name(vultus: Vultus, portrait_file: Path, tmp_path: Path) -> None:
    gallery = tmp_path / "gallery"
    (tmp_path / "nothing").mkdir()
    for arguments in (
        (portrait_file,),
        (tmp_path / "nowhere",),
        (tmp_path / "nothing",),
        (portrait_file, portrait_file),
    ):
        done = vultus("enroll", *arguments, "--gallery", gallery)
        assert done.status == 2
        assert done.err.startswith("vultus: ")
    assert not gallery.exists()
    in_a_file = vultus("enroll", portrait_file, "--name", "Ada", "--gallery", portrait_file)
    assert in_a_file.status == 2


def test_identify_without_a_gallery_makes_none(vultus: Vultus, portrait_file: Path, tmp_path: Path) -> None:
    done = vultus("identify", portrait_file, "--gallery", tmp_path / "none")
    assert done.status == 2
    assert not (tmp_path / "none").exists()


def test_drawn_names_and_crops(vultus: Vultus, gallery: Path, photographs: dict[str, Path], tmp_path: Path) -> None:
    done = vultus(
        "identify", photographs["obama3.jpg"], "-g", gallery, "--draw", tmp_path / "d", "--crops", tmp_path / "c"
    )
    assert done.status == 0
    (drawn,) = (tmp_path / "d").iterdir()
    difference = np.abs(read(drawn).astype(int) - read(photographs["obama3.jpg"])).max(axis=2) > 60
    assert 0.001 < difference.mean() < 0.2
    assert {read(path).shape for path in (tmp_path / "c").iterdir()} == {(112, 112, 3)}
    assert "Barack Obama" in done.out
    assert "FPIR 0.01 against 3 people" in done.out


def many(portrait: Image, folder: Path, count: int) -> Path:
    """A folder of one person with large pictures that differ in light."""
    large = cv2.resize(portrait, None, fx=3, fy=3, interpolation=cv2.INTER_LINEAR)
    for index in range(count):
        write(folder / "Ada" / f"{index:03}.jpg", cv2.convertScaleAbs(large, alpha=0.7 + index / (2 * count)))
    return folder


def enrolled(gallery: Path) -> int:
    """Faces that another process has committed so far."""
    if not (gallery / "gallery.sqlite").exists():
        return 0
    with contextlib.closing(sqlite3.connect(f"file:{gallery / 'gallery.sqlite'}?mode=ro", uri=True)) as connection:
        try:
            return int(connection.execute("SELECT count(*) FROM face").fetchone()[0])
        except sqlite3.OperationalError:  # the tables are being made
            return 0


MANY = 95  # a person may have a hundred


def test_ctrl_c_keeps_what_was_enrolled_and_a_second_run_goes_on(portrait_file: Path, tmp_path: Path) -> None:
    folder, gallery = many(read(portrait_file), tmp_path / "people", MANY), tmp_path / "gallery"
    command = [
        sys.executable,
        "-c",
        "from vultus.cli import main; main()",
        "enroll",
        str(folder),
        "-g",
        str(gallery),
        "--json",
    ]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A shell's background job ignores Ctrl-C, and its children would too.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while process.poll() is None and enrolled(gallery) < 5:
        time.sleep(0.005)  # a loop that never rests takes the core that the other needs
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "stopped" in err
    report = json.loads(out)
    assert 0 < report["enrolled"] < MANY
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    second = json.loads(done.stdout)
    assert second["unchanged"] >= report["enrolled"]
    assert second["unchanged"] + second["enrolled"] == MANY


def test_cluster_groups_one_person_and_leaves_others_alone(
    vultus: Vultus, photographs: dict[str, Path], empty: Path, tmp_path: Path
) -> None:
    mixed = [photographs[name] for name in ("obama2.jpg", "Joe Biden", "Barack Obama", "t1.jpg", "obama3.jpg")]
    done = vultus("cluster", *mixed, "--json", "--draw", tmp_path / "sheets", "--gate", "low")
    assert done.status == 0
    by_source: dict[str, list[int | None]] = {}
    for line in done.lines:
        by_source.setdefault(Path(line["source"]).name, []).append(line["cluster"])
    together = {by_source[name][0] for name in ("obama.jpg", "obama2.jpg", "obama3.jpg")}
    assert len(together) == 1
    assert by_source["biden.jpg"] == [None]
    assert set(by_source["t1.jpg"]) == {None}
    assert (tmp_path / "sheets" / "cluster1.jpg").is_file()
    swapped = vultus("cluster", *mixed[::-1], "--json")
    key = lambda line: (line["source"], line["face"])  # noqa: E731
    assert sorted(swapped.lines, key=key) == sorted(done.lines, key=key)
    assert vultus("cluster", empty).status == 1
