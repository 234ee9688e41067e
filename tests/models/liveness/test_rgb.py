"""The shipped detector: what its card says is so, and it refuses rather than guesses."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from vultus import images, registry
from vultus.analyzer import Analyzer
from vultus.choice import main_face
from vultus.errors import WeightsError
from vultus.models.liveness import rgb
from vultus.types import Box, Face, Image

LIMIT = 6_000_000  # bytes of a file that is shipped


def test_the_file_is_the_one_of_its_card_and_small() -> None:
    found = registry.packaged(rgb.CARD)
    assert found is not None
    assert found.sound
    assert found.size < LIMIT


def test_the_card_names_data_seed_licence_and_what_is_not_covered() -> None:
    card = json.loads((files("vultus") / "models/liveness/weights/rgb.json").read_text("utf-8"))
    assert "NUAA" in card["licence"]
    assert "silicone" in card["not_covered"]
    assert {"fold", "seed", "epochs"} <= set(card["figures"]["settings"])
    assert "/work" not in json.dumps(card)
    assert {"dev", "test"} <= set(card["figures"])


def test_a_damaged_installation_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(rgb, "files", lambda package: tmp_path)
    rgb._facts.cache_clear()
    with pytest.raises(WeightsError, match="install vultus again"):
        rgb.RgbLiveness(rgb.CARD)
    rgb._facts.cache_clear()


def face(x1: float, y1: float, x2: float, y2: float) -> Face:
    return Face(Box(x1, y1, x2, y2), np.zeros((5, 2), np.float32), 0.9)


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        ((200, 200, 230, 240), "30 pixels wide"),
        ((-40, 200, 60, 320), "beyond the picture's edge"),
        ((10, 10, 490, 490), "fills the whole picture"),
        ((float("nan"), 0, 100, 100), "no extent"),
        ((100, 100, 100, 200), "no extent"),
    ],
)
def test_what_cannot_be_judged_is_said(box: tuple[float, float, float, float], reason: str, astronaut: Image) -> None:
    assert reason in rgb.unanswerable(astronaut, face(*box))


def test_a_grey_picture_is_not_judged(astronaut: Image) -> None:
    grey = np.repeat(astronaut.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
    assert "grey" in rgb.unanswerable(grey, face(170, 60, 280, 210))
    assert rgb.unanswerable(astronaut, face(170, 60, 280, 210)) == ""


@pytest.mark.data
@pytest.mark.weights
def test_held_out_people_as_the_card_says(liveness_recipe: ModuleType, data: Path, analyzer: Analyzer) -> None:
    """Test people of the recipe's split, through the product: real prints found, real faces let in."""
    live: dict[str, list[bool | None]] = {}
    for shot in liveness_recipe.gather(data, 0, liveness_recipe.SPLIT):
        if shot.part != "test":
            continue
        if shot.source == "lfw" and len(live.get("lfw", [])) >= 120:
            continue
        picture = images.read(shot.path)
        readings = analyzer.read(picture, analyzer.detect(picture), embed=False)
        found = readings[main_face(readings, (picture.shape[1], picture.shape[0])).index].face
        (answer,) = analyzer.liveness(picture, [found])
        live.setdefault(shot.attack or shot.source, []).append(answer.live)
    assert {name: len(answers) for name, answers in live.items()} == {
        "lfw": 120, "nuaa": 76, "portraits": 34, "print": 82,
    }  # fmt: skip
    assert sum(answer is True for answer in live["print"]) <= 0.03 * 82
    for name in ("lfw", "nuaa", "portraits"):
        assert sum(answer is False for answer in live[name]) <= 0.03 * len(live[name])
