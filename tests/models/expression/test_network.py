"""Networks of other origins: mapped by name, and refused in words where they are of another kind."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto

from vultus import expression_reader
from vultus.analyzer import detector
from vultus.errors import InputError, NotFoundError, VultusError, WeightsError
from vultus.models.expression import CLASSES, check_crops, ordered
from vultus.models.expression.network import tested as accuracy_of
from vultus.models.expression.own import own_reader
from vultus.types import Image

Make = Callable[..., Path]


def grey(*levels: int, side: int = 48) -> np.ndarray:
    """Faces of a brightness, with a little detail, since a blank face is not read."""
    faces = np.stack([np.full((side, side, 3), level, np.uint8) for level in levels])
    faces[:, ::2] += 20
    return faces


def test_no_crop_gives_no_answer(make: Make) -> None:
    assert own_reader(make()).read_crops(np.zeros((0, 48, 48, 3), np.uint8)) == ()


def test_classes_are_mapped_by_name_into_the_packages_order(make: Make) -> None:
    reader = own_reader(make(("sad", "happy", "neutral")))
    assert reader.classes == ("happy", "sad", "neutral")
    dark, bright = reader.read_crops(grey(4, 230))
    assert (dark.label, bright.label) == ("sad", "neutral")
    assert dark.classes == reader.classes
    # by hand: logits are 3 * 0.01 * (mean - 128) * (-1, 0, 1), the mean of 4 and 24 is 14
    logits = np.array([0.0, 3.42, -3.42])
    wanted = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(dark.probabilities, wanted, atol=1e-6)
    assert math.isclose(sum(dark.probabilities), 1, abs_tol=1e-9)


def test_order_by_name_of_all_sets() -> None:
    raf = ["surprise", "fear", "disgust", "happy", "sad", "angry", "neutral"]
    assert [raf[place] for place in ordered(raf)] == list(CLASSES[:7])
    assert ordered(CLASSES) == tuple(range(8))


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["happy", "bored"], "'bored'"),
        (["happy", "happy"], "each once"),
        (["happy"], "two classes or more"),
        ([], "none"),
        (["Happy", "sad"], "'Happy'"),
    ],
)
def test_labels_outside_the_class_list_are_refused(names: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        ordered(names)


def test_the_same_through_the_public_door(make: Make) -> None:
    path = make(("sad", "happy"), card={"sha256": "ab" * 32, "licence": "mine"})
    reader = expression_reader(str(path))
    assert reader.classes == ("happy", "sad")
    assert reader.model == "mine " + "ab" * 8
    assert reader.card.weights_licence == "mine"
    assert (reader.accuracy, reader.tested_on) == (None, "")


@pytest.mark.parametrize(
    ("crops", "said"),
    [
        (np.zeros((1, 64, 64, 3), np.uint8), r"\(B, 48, 48, 3\) of uint8, got \(1, 64, 64, 3\)"),
        (np.zeros((48, 48, 3), np.uint8), r"got \(48, 48, 3\)"),
        (np.zeros((1, 48, 48), np.uint8), r"got \(1, 48, 48\)"),
        (np.zeros((1, 48, 48, 3), np.float32), "of float32"),
        (np.full((1, 48, 48, 3), np.nan, np.float32), "NaN or infinity"),
        (np.zeros((1, 48, 48, 3), np.uint16), "of uint16"),
    ],
)
def test_crops_of_another_size_or_kind_are_refused(crops: np.ndarray, said: str) -> None:
    with pytest.raises(InputError, match=said):
        check_crops(crops, 48)


def test_a_blank_crop_is_not_guessed_at(make: Make) -> None:
    (answer,) = own_reader(make()).read_crops(np.full((1, 48, 48, 3), 90, np.uint8))
    assert answer.label is None
    assert answer.probabilities == ()
    assert "blank" in answer.abstained
    assert math.isnan(answer.probability)


@pytest.mark.parametrize(
    "card",
    [
        {"kind": "batch"},
        {"head": "batch"},
        {"training": {"net": "convcut", "head": "batch"}},
    ],
)
def test_a_classifier_of_batches_is_refused_by_its_card(make: Make, card: dict[str, object]) -> None:
    with pytest.raises(InputError, match=r"answers for batches.*The leak"):
        own_reader(make(card=card))


def test_a_network_that_has_no_batch_head_may_say_what_it_was_trained_with(make: Make) -> None:
    own_reader(make(card={"training": {"net": "resnet-mini", "head": "batch"}}))
    own_reader(make(card={"training": {"net": "convcut", "head": "token"}}))


def test_a_classifier_of_batches_that_does_not_say_so_is_found_out(make: Make) -> None:
    with pytest.raises(InputError, match=r"its answers change by .* with the batch"):
        own_reader(make(company=True))


def test_nothing_there(tmp_path: Path, make: Make) -> None:
    with pytest.raises(NotFoundError, match=r"expected nowhere\.onnx"):
        own_reader(tmp_path / "nowhere.onnx")
    path = make()
    path.with_suffix(".json").unlink()
    with pytest.raises(NotFoundError, match=r"mine\.json"):
        own_reader(path)


def test_a_checkpoint_is_not_a_network(tmp_path: Path) -> None:
    (tmp_path / "best.json").write_text('{"classes": ["happy", "sad"]}')
    (tmp_path / "best.pt").write_bytes(b"PK\x03\x04 zip")
    with pytest.raises(InputError, match=r"export a checkpoint by recipes/expression\.py"):
        own_reader(tmp_path / "best.pt")
    (tmp_path / "best.onnx").write_bytes(b"PK\x03\x04 zip")
    with pytest.raises(WeightsError, match=r"cannot be read as an ONNX network.*checkpoint of PyTorch"):
        own_reader(tmp_path / "best.onnx")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"classes": "happy"}', "{"])
def test_a_card_that_is_none_is_refused(make: Make, text: str) -> None:
    path = make()
    path.with_suffix(".json").write_text(text)
    with pytest.raises(InputError, match=r"mine\.json"):
        own_reader(path)


def test_networks_of_another_architecture_are_refused(make: Make) -> None:
    with pytest.raises(InputError, match=r"expected probabilities \(batch, 3\).*got \(batch, 5\)"):
        own_reader(make(width=5))
    with pytest.raises(InputError, match=r"expected faces \(batch, 3, S, S\) of FLOAT.*of UINT8"):
        own_reader(make(kind=TensorProto.UINT8))
    with pytest.raises(InputError, match="'bored'"):
        own_reader(make(("happy", "bored")))
    packaged = Path(__file__).parents[3] / "src/vultus/models/liveness/weights/rgb.onnx"
    other = make().with_name("other.onnx")
    other.write_bytes(packaged.read_bytes())
    other.with_suffix(".json").write_text(json.dumps({"classes": ["happy", "sad"]}))
    with pytest.raises(InputError, match="is it a network of another kind"):
        own_reader(other)


def test_numbers_that_are_no_probabilities_are_told(make: Make) -> None:
    with pytest.raises(WeightsError, match="expected probabilities that sum to 1"):
        own_reader(make(softmax=False))


def test_every_refusal_is_of_the_projects_tree(make: Make, tmp_path: Path) -> None:
    (tmp_path / "text.json").write_text('{"classes": ["happy", "sad"]}')
    (tmp_path / "text.onnx").write_text("this is text")
    with pytest.raises(VultusError):
        own_reader(tmp_path / "text.onnx")


def test_accuracy_is_read_off_a_card() -> None:
    rate, data = accuracy_of({"figures": {"test": {"accuracy": [7, 10, 0.4, 0.9], "set": "made up"}}})
    assert rate is not None
    assert (rate.k, rate.n, rate.value, data) == (7, 10, 0.7, "made up")
    assert accuracy_of({}) == (None, "")
    assert accuracy_of({"figures": {"test": {"accuracy": [1]}}}) == (None, "")


@pytest.mark.weights
def test_levels_are_equalised_where_the_card_asks_for_it(make: Make, astronaut: Image) -> None:
    """Brightness decides, and that of an equalised crop is always the same."""
    face = detector("yunet")([astronaut])[0][0]
    dark = (astronaut * 0.5).astype(np.uint8)
    for card in ({"levels": "equalised"}, {"training": {"data": "ferplus"}}):
        reader = own_reader(make(card=card))
        answers = [reader(image, [face])[0].probabilities for image in (astronaut, dark)]
        np.testing.assert_allclose(answers[0], answers[1], atol=0.05)
        assert abs(answers[0][0] - 1 / 3) < 0.1
    plain = own_reader(make(card={"training": {"data": "rafdb"}}))
    assert abs(plain(astronaut, [face])[0].probabilities[0] - plain(dark, [face])[0].probabilities[0]) > 0.1
