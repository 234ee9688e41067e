"""`vultus document issue --mark deep` and `check`, as a person types them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vultus.analyzer import Analyzer
from vultus.images import read, write
from vultus.types import Image

from .conftest import open_office

pytestmark = pytest.mark.weights

Vultus = Callable[..., Any]


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory, astronaut: Image, analyzer: Analyzer) -> Path:
    return open_office(tmp_path_factory.mktemp("office"), astronaut, "--mark", "deep")


@pytest.fixture
def keys(office: Path) -> list[str | Path]:
    return ["--pub", office / "office.pub", "--key", office / "office.mark"]


def test_a_mark_that_is_none(vultus: Vultus, office: Path, keys: list[str | Path], tmp_path: Path) -> None:
    ran = vultus("document", "check", office / "photo.png", *keys, "--mark", "invisible")
    assert (ran.status, ran.out) == (2, "")
    assert "block-mac, deep" in ran.err
    arguments = ["--key", office / "office.pem", "-o", tmp_path / "new.png", "--mark", "invisible"]
    assert vultus("document", "issue", office / "portrait.png", *arguments).status == 2
    assert not (tmp_path / "new.png").exists()


def test_as_it_was_issued(vultus: Vultus, office: Path, keys: list[str | Path], tmp_path: Path) -> None:
    ran = vultus("document", "check", office / "photo.png", *keys, "--revealed", tmp_path / "shown.png", "--json")
    (said,) = ran.lines
    assert (ran.status, said["intact"], said["mark"], said["mark_name"]) == (0, True, "intact", "deep")
    assert (said["manipulation"], said["manipulation_probability"]) == ("intact", 1.0)
    assert said["bits_read"][1] == 3 * 30 * 40
    assert said["bits_by_chance"] < 1e-6
    assert read(tmp_path / "shown.png").shape == (320, 240, 3)


def test_noise_is_found_and_told(vultus: Vultus, office: Path, keys: list[str | Path], tmp_path: Path) -> None:
    image = read(office / "photo.png")
    noisy = np.clip(np.rint(image + np.random.default_rng(0).normal(0, 8, image.shape)), 0, 255).astype(np.uint8)
    write(tmp_path / "noisy.png", noisy)
    vsig = ["--vsig", office / "photo.png.vsig"]
    (said,) = vultus("document", "check", tmp_path / "noisy.png", *keys, *vsig, "--json").lines
    assert (said["intact"], said["level"], said["mark"]) == (False, "changed", "touched")
    assert said["manipulation"] in ("noise", "not determined")
    assert sum(said["manipulations"].values()) == pytest.approx(1, abs=1e-4)
    words = vultus("document", "check", tmp_path / "noisy.png", *keys, *vsig)
    assert words.status == 1
    assert "kind: " in words.out


def test_issued_once_only(vultus: Vultus, office: Path, tmp_path: Path) -> None:
    """Whichever mark is asked for, the one that is there is found."""
    for mark in ("block-mac", "deep"):
        arguments = ["--key", office / "office.pem", "-o", tmp_path / "again.png", "--format", "none", "--mark", mark]
        ran = vultus("document", "issue", office / "photo.png", *arguments)
        assert ran.status == 2
        assert "carries the mark of this key already, as document X-1" in ran.err


def test_a_block_mark_reveals_no_picture(vultus: Vultus, office: Path, tmp_path: Path) -> None:
    arguments = ["--key", office / "office.pem", "-o", tmp_path / "block.png", "--format", "token"]
    assert vultus("document", "issue", office / "portrait.png", *arguments).status == 0
    keys = ["--pub", office / "office.pub", "--key", office / "office.mark", "--revealed", tmp_path / "shown.png"]
    ran = vultus("document", "check", tmp_path / "block.png", *keys)
    assert ran.status == 0
    assert "block-mac hides no picture" in ran.err
    assert not (tmp_path / "shown.png").exists()
