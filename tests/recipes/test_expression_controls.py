"""The negative controls of recipes/expression.py: that they run, and that they would tell."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

torch = pytest.importorskip("torch")

from vultus.datasets import ckplus  # noqa: E402
from vultus.datasets.fer2013 import CLASSES  # noqa: E402

RECIPES = Path(__file__).parents[2] / "recipes"
TINY = ["--net", "resnet-tiny", "--batch", "16", "--epochs", "4", "--rate", "0.01", "--ema", "0.8"]


@pytest.fixture(autouse=True)
def beside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(RECIPES))


def told(*more: str) -> int:
    found: int = importlib.import_module("expression").main([*TINY, *more])
    return found


def test_controls_go_with_their_sets_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert told("--control", "split", "--root", str(tmp_path), "--out", str(tmp_path)) == 2
    assert "--data ckplus" in capsys.readouterr().err
    assert told("--control", "split", "--data", "ckplus", "--root", str(tmp_path), "--out", str(tmp_path)) == 2


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """FER2013 in small: a bright bar whose height tells the class."""
    rng, place = np.random.default_rng(0), tmp_path_factory.mktemp("fer2013")

    def drawn(count: int, label: int) -> Any:
        made = rng.integers(60, 120, (count, 12, 12)).repeat(4, axis=1).repeat(4, axis=2)
        made[:, 4 + 5 * label : 9 + 5 * label, 8:40] += 120
        return np.clip(made, 0, 255).astype(np.uint8)

    for label, name in enumerate(CLASSES):
        PIL.Image.fromarray(np.hstack(list(drawn(50, label)))).save(place / f"train_{name}_50.jpg", quality=97)
    asked = np.concatenate([drawn(2, label) for label in range(7)])
    labels = np.repeat(np.arange(7), 2).astype(np.uint8)
    np.savez(place / "public_test.npz", x=asked, y=labels, classes=np.array(CLASSES))
    return place


def test_shuffled_labels_teach_nothing(faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--control", "labels", "--root", str(faces), "--out", str(tmp_path), "--epochs", "8")
    assert told(*arguments) == 0
    found = json.loads((tmp_path / "control-labels.json").read_text())
    assert found["rows"]["true"]["uar"][0] > 0.5
    low, high = found["rows"]["shuffled"]["uar"][1:]
    assert (found["verdict"] == "holds") == (low <= 1 / 7 <= high)
    assert found["rows"]["shuffled"]["uar"][0] < found["rows"]["true"]["uar"][0]
    assert told(*arguments, "--decay", "0.1") == 2
    assert "expected a run of this configuration" in capsys.readouterr().err


@pytest.mark.slow
def test_a_split_by_picture_leaks(tmp_path: Path) -> None:
    """People whose frames are alike, and labels that are drawn per person: only their own frames tell them."""
    rng = np.random.default_rng(1)
    people = np.repeat(np.arange(60), 3)
    labels = rng.choice([0, 2, 3, 4, 5, 6], 60)[people]
    looks = rng.integers(0, 255, (60, 6, 6)).repeat(8, axis=1).repeat(8, axis=2)
    frames = np.clip(looks[people] + rng.normal(0, 4, (180, 48, 48)), 0, 255).astype(np.uint8)
    names = np.array([f"S{each:03d}" for each in people])
    np.savez(tmp_path / "ckplus48.npz", x=frames, y=labels, subject=names, classes=np.array(ckplus.CLASSES))
    more = ("--control", "split", "--data", "ckplus", "--root", str(tmp_path), "--out", str(tmp_path / "out"))
    assert told(*more, "--epochs", "12", "--smoothing", "0", "--degrees", "0", "--shift", "0") == 0
    found = json.loads((tmp_path / "out" / "control-split.json").read_text())
    assert found["verdict"] == "holds: splitting by picture leaks"
    by_person, by_picture = found["rows"]["person"]["accuracy"], found["rows"]["picture"]["accuracy"]
    assert by_person[1] == by_picture[1] == 180
    assert by_picture[0] - by_person[0] > 30
    assert found["gap"][0] == pytest.approx((by_picture[0] - by_person[0]) / 180)


def test_people_share_a_fold_and_a_gap_of_nothing_contains_0() -> None:
    said = importlib.import_module("expression_controls")
    people = np.repeat(np.array(["a", "b", "c", "d", "e", "f"]), 4)
    fold = said.dealt(people, 0)
    assert [len(set(fold[people == each])) for each in "abcdef"] == [1] * 6
    assert set(fold) == set(range(5))
    right = np.tile([True, False, True, False], 6)
    assert said.gap(right, right, people, 0) == (0.0, 0.0)
    low, high = said.gap(np.ones(24, bool), right, people, 0)
    assert (low, high) == (0.5, 0.5)
