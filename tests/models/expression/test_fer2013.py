"""The reader that ships: what its card says is so."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from vultus import registry
from vultus.datasets import fer2013 as tiles
from vultus.errors import WeightsError
from vultus.models.expression import CLASSES, fer2013

LIMIT = 6_000_000  # bytes of a file that is shipped


def test_the_file_is_the_one_of_its_card_and_small() -> None:
    found = registry.packaged(fer2013.CARD)
    assert found is not None
    assert found.sound
    assert found.size < LIMIT


def test_the_card_names_data_recipe_licence_and_no_machine() -> None:
    card = json.loads((files("vultus") / "models/expression/weights/fer2013.json").read_text("utf-8"))
    assert "FER2013" in card["licence"]
    assert card["recipe"] == "recipes/expression.py"
    assert card["training"]["data"] == "fer2013"
    assert "/work" not in json.dumps(card)
    assert "not what a person feels" in card["task"]


def test_accuracy_and_its_test_set_are_visible_where_models_are_listed() -> None:
    facts = json.loads((files("vultus") / "models/expression/weights/fer2013.json").read_text("utf-8"))
    reader = registry.load("fer2013", "expression")
    stated = facts["figures"]["test"]
    assert [reader.accuracy.k, reader.accuracy.n] == stated["accuracy"][:2]
    assert f"({reader.accuracy.k}/{reader.accuracy.n})" in reader.card.measured
    assert reader.tested_on == stated["set"]
    assert reader.tested_on in reader.card.measured


def test_classes_in_the_packages_order() -> None:
    assert registry.load("fer2013", "expression").classes == CLASSES[:7]


def test_a_damaged_installation_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(fer2013, "files", lambda package: tmp_path)
    with pytest.raises(WeightsError, match="install vultus again"):
        fer2013.Fer2013(fer2013.CARD)


@pytest.mark.data
def test_training_faces_as_the_card_says_of_validation(data: Path) -> None:
    """Not a figure of quality, since these faces were learned: that names, order and pixels arrive as in training."""
    facts = json.loads((files("vultus") / "models/expression/weights/fer2013.json").read_text("utf-8"))
    correct, total, *_ = facts["figures"]["validation"]["accuracy"]
    train = tiles.read(data / "fer2013")["train"]
    rows = np.arange(0, len(train), 96)
    faces = np.repeat(train.images()[rows][..., None], 3, axis=3)
    answers = registry.load("fer2013", "expression").read_crops(faces)
    names = [train.classes[label] for label in train.labels[rows]]
    right = sum(answer.label == name for answer, name in zip(answers, names, strict=True))
    assert right / len(rows) > correct / total - 0.07
