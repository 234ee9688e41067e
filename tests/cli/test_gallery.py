"""The gallery verbs: what they print, that they do it, and that an unknown name is refused by each."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.weights

Vultus = Callable[..., Any]


@pytest.fixture
def own(gallery: Path, tmp_path: Path) -> Path:
    """A copy that the test may change."""
    return Path(shutil.copytree(gallery, tmp_path / "own"))


@pytest.mark.parametrize(
    "verb",
    [
        ("show", "Nobody"),
        ("rename", "Nobody", "Somebody"),
        ("merge", "Nobody", "--into", "Ada"),
        ("merge", "Ada", "--into", "Nobody"),
        ("split", "Nobody", "abcd", "--to", "Somebody"),
        ("remove", "Nobody"),
        ("erase", "Nobody"),
        ("move", "Nobody", "abcd", "--to", "Ada"),
        ("reject", "0" * 64, "Nobody"),
    ],
    ids=lambda verb: " ".join(verb[:1] + verb[-1:]),
)
def test_an_unknown_name_is_refused(vultus: Vultus, gallery: Path, verb: tuple[str, ...]) -> None:
    done = vultus("gallery", *verb, "-g", gallery)
    assert done.status == 2
    assert "Nobody" in done.err
    assert done.err.count("\n") == 1


@pytest.mark.parametrize("verb", ["list", "stats", "check", "export", "migrate"])
def test_a_gallery_that_is_none_is_refused_and_not_made(vultus: Vultus, tmp_path: Path, verb: str) -> None:
    arguments = [str(tmp_path / "file.zip")] if verb == "export" else []
    done = vultus("gallery", verb, *arguments, "-g", tmp_path / "none")
    assert done.status == 2
    assert not (tmp_path / "none").exists()
    (tmp_path / "file").write_text("no gallery")
    assert vultus("gallery", verb, *arguments, "-g", tmp_path / "file").status == 2


def test_list_show_and_stats(vultus: Vultus, gallery: Path, tmp_path: Path) -> None:
    assert [line["name"] for line in vultus("gallery", "list", "-g", gallery, "--json").lines] == [
        "Ada",
        "Barack Obama",
        "Joe Biden",
    ]
    shown = vultus("gallery", "show", "Ada", "-g", gallery, "--json", "--draw", tmp_path)
    assert len(shown.lines[-1]["faces"]) == 1
    assert (tmp_path / "Ada.jpg").is_file()
    (stats,) = vultus("gallery", "stats", "-g", gallery, "--json").lines
    assert (stats["people"], stats["templates"], stats["crops"]) == (3, 3, 3)
    assert stats["operating"]["people"] == 3
    assert "FPIR 0.01 against 3 people" in vultus("gallery", "stats", "-g", gallery).out


def test_rename_merge_split_remove(vultus: Vultus, own: Path, photographs: dict[str, Path]) -> None:
    def names() -> list[str]:
        return [line["name"] for line in vultus("gallery", "list", "-g", own, "--json").lines]

    assert vultus("gallery", "rename", "Ada", "Eileen", "-g", own).status == 0
    assert vultus("gallery", "rename", "Eileen", "Joe Biden", "-g", own).status == 2
    assert names() == ["Barack Obama", "Eileen", "Joe Biden"]
    assert vultus("gallery", "merge", "Eileen", "--into", "Joe Biden", "-g", own).status == 0
    assert names() == ["Barack Obama", "Joe Biden"]
    faces = vultus("gallery", "show", "Joe Biden", "-g", own, "--json").lines[0]["faces"]
    assert len(faces) == 2
    assert vultus("gallery", "split", "Joe Biden", faces[1]["id"][:8], "--to", "Eileen", "-g", own).status == 0
    assert vultus("gallery", "remove", "Eileen", "--face", "zzz", "-g", own).status == 2
    assert vultus("gallery", "remove", "Eileen", "-g", own).status == 0
    assert names() == ["Barack Obama", "Joe Biden"]
    assert vultus("identify", photographs["obama2.jpg"], "-g", own, "--json").lines[0]["name"] == "Barack Obama"


def test_erase_leaves_a_receipt_and_no_trace(
    vultus: Vultus, own: Path, photographs: dict[str, Path], tmp_path: Path
) -> None:
    done = vultus("gallery", "erase", "Barack Obama", "-g", own, "--proof", tmp_path / "receipt.json", "--json")
    assert done.status == 0
    receipt = json.loads((tmp_path / "receipt.json").read_text())
    assert receipt["status"] == "erased"
    assert receipt["hits"] == []
    assert receipt["needles"] > 2
    assert b"Barack" not in b"".join(path.read_bytes() for path in own.iterdir())
    assert vultus("identify", photographs["obama2.jpg"], "-g", own).status == 1


def test_nothing_is_pending_after_an_erasure(vultus: Vultus, own: Path) -> None:
    assert vultus("gallery", "erase", "Ada", "-g", own).status == 0
    done = vultus("gallery", "erase", "-g", own)
    assert done.status == 0
    assert "no erasure is pending" in done.out


def test_a_face_is_moved(vultus: Vultus, own: Path) -> None:
    face = vultus("gallery", "show", "Ada", "-g", own, "--json").lines[0]["faces"][0]["id"]
    (done,) = vultus("gallery", "move", "Ada", face[:6], "--to", "Joe Biden", "-g", own, "--json").lines
    assert (done["name"], done["templates"]) == ("Joe Biden", 2)


def test_reject_is_remembered(vultus: Vultus, own: Path, photographs: dict[str, Path]) -> None:
    picture = photographs["obama2.jpg"]
    assert vultus("gallery", "reject", picture, "Barack Obama", "-g", own).status == 0
    assert vultus("identify", picture, "-g", own, "--json").lines[0]["name"] is None
    assert vultus("gallery", "reject", picture, "Barack Obama", "--undo", "-g", own).status == 0
    assert vultus("identify", picture, "-g", own, "--json").lines[0]["name"] == "Barack Obama"


def test_export_and_import(vultus: Vultus, gallery: Path, tmp_path: Path, photographs: dict[str, Path]) -> None:
    file, copy = tmp_path / "people.zip", tmp_path / "copy"
    assert vultus("gallery", "export", file, "-g", gallery).status == 0
    assert vultus("gallery", "export", file, "-g", gallery).status == 2
    (done,) = vultus("gallery", "import", file, "-g", copy, "--json").lines
    assert (done["people"], done["templates"]) == (3, 3)
    assert vultus("gallery", "import", file, "-g", copy).status == 2
    (again,) = vultus("gallery", "import", file, "--merge", "-g", copy, "--json").lines
    assert again["unchanged"] == 3
    assert vultus("identify", photographs["obama2.jpg"], "-g", copy, "--json").lines[0]["name"] == "Barack Obama"
    file.write_bytes(file.read_bytes()[:-100])
    assert vultus("gallery", "import", file, "-g", tmp_path / "other").status == 2


def test_check_finds_all_well_and_says_when_not(vultus: Vultus, own: Path) -> None:
    assert vultus("gallery", "check", "-g", own, "--json").lines[0]["ok"] is True
    database = own / "gallery.sqlite"
    damaged = bytearray(database.read_bytes())
    for start in range(4096 * 3, len(damaged), 4096):
        damaged[start : start + 64] = b"\xff" * 64
    database.write_bytes(bytes(damaged))
    done = vultus("gallery", "check", "-g", own)
    assert done.status in (1, 2)
    assert "damaged" in done.out + done.err


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is POSIX")
def test_check_tells_of_an_erasure_that_a_kill_cut_off_and_repairs_it(vultus: Vultus, own: Path) -> None:
    program = """
import os, signal, sys
from vultus.gallery import Gallery, erasure
erasure.settle = lambda *args, **options: os.kill(os.getpid(), signal.SIGKILL)
Gallery.open(sys.argv[1]).erase("Ada")
"""
    assert subprocess.run([sys.executable, "-c", program, str(own)], timeout=60).returncode == -signal.SIGKILL
    done = vultus("gallery", "check", "-g", own)
    assert done.status == 1
    assert "erasure_pending" in done.out
    assert "gallery check --repair" in done.out
    assert "restore" not in done.out
    done = vultus("gallery", "check", "--repair", "-g", own, "--json")
    assert (done.status, done.lines[0]["ok"], done.lines[0]["findings"]) == (0, True, [])
    assert ": erased" in done.err
    assert vultus("gallery", "check", "--repair", "-g", own).err == ""


def test_migrating_to_the_same_model_is_refused(vultus: Vultus, own: Path) -> None:
    done = vultus("gallery", "migrate", "-g", own)
    assert done.status == 2
    assert "same" in done.err or "already" in done.err
