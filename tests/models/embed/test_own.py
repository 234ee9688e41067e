from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from vultus.analyzer import Analyzer, embedder
from vultus.errors import InputError, VultusError, WeightsError
from vultus.folding import fold
from vultus.models.embed.own import is_path, own_embedder
from vultus.types import Image


def network(path: Path, outputs: int = 6, inputs: tuple[str, ...] = ("picture",)) -> Path:
    """A network that gives the channel means of its picture twice, fed as (x - mean) * scale."""
    nodes = [helper.make_node("ReduceMean", ["picture"], ["m"], axes=[2, 3], keepdims=0)]
    nodes.append(helper.make_node("Concat", ["m"] * (outputs // 3), ["vector"], axis=1))
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, 112, 112]) for name in inputs]
    result = helper.make_tensor_value_info("vector", TensorProto.FLOAT, [1, outputs])
    graph = helper.make_graph(nodes, "own", values, [result])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), str(path))
    return path


def card(path: Path, **fields: object) -> Path:
    path.with_suffix(".json").write_text(json.dumps({"dimension": 6, **fields}))
    return path


def test_a_path_is_told_from_a_name() -> None:
    assert is_path("models/arcface.ONNX")
    assert not is_path("sface")


def test_no_file_and_no_card_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"expected own\.onnx"):
        own_embedder(tmp_path / "own.onnx")
    with pytest.raises(WeightsError, match=r"expected own\.json"):
        own_embedder(network(tmp_path / "own.onnx"))


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("{", "expected JSON"),
        ("[]", "expected a JSON object"),
        ("{}", "'dimension'"),
        ('{"dimension": 1.5}', "'dimension'"),
        ('{"dimension": true}', "'dimension'"),
        ('{"dimension": 6, "colour": "YUV"}', "RGB or BGR"),
        ('{"dimension": 6, "mean": "big"}', "'mean'"),
        ('{"dimension": 6, "input_size": 160}', "input_size 112"),
    ],
)
def test_a_card_that_does_not_say_what_is_needed_is_refused(tmp_path: Path, text: str, wrong: str) -> None:
    path = network(tmp_path / "own.onnx")
    path.with_suffix(".json").write_text(text)
    with pytest.raises(InputError, match=wrong):
        own_embedder(path)


def test_pictures_are_fed_as_the_card_says(tmp_path: Path) -> None:
    path = card(network(tmp_path / "own.onnx"), colour="BGR", mean=100, scale=0.5)
    embed = own_embedder(path)
    crop = np.zeros((112, 112, 3), dtype=np.uint8)
    crop[...] = (110, 120, 140)  # RGB
    expected = np.array([20.0, 10.0, 5.0] * 2)
    np.testing.assert_allclose(embed([crop])[0], expected / np.linalg.norm(expected), atol=1e-3)
    assert embed.contract.colour == "BGR"
    assert embed.contract.scale == "(x-100)*0.5"


def test_a_network_of_another_dimension_is_refused_when_it_runs(tmp_path: Path) -> None:
    embed = own_embedder(card(network(tmp_path / "own.onnx", outputs=9)))
    with pytest.raises(VultusError, match="dimension 6, got 9"):
        embed([np.full((112, 112, 3), 9, dtype=np.uint8)])


def test_other_weights_make_another_contract(tmp_path: Path) -> None:
    first = own_embedder(card(network(tmp_path / "own.onnx")))
    second = own_embedder(card(network(tmp_path / "other.onnx", outputs=9), dimension=9))
    assert first.contract.id != second.contract.id


@pytest.mark.weights
def test_sface_brought_as_an_own_file_gives_its_embeddings(
    analyzer: Analyzer, astronaut: Image, tmp_path: Path
) -> None:
    from vultus import registry, weights

    source = registry.card("sface").source
    assert source is not None
    folded = weights.derived(source, "folded-v1", lambda data: fold(data, data_inputs=("data",)))
    path = tmp_path / "mine.onnx"
    shutil.copy(folded, path)
    card(path, dimension=128)
    own = Analyzer(embedder=str(path))
    (reading,) = own.analyze(astronaut)
    (known,) = analyzer.analyze(astronaut)
    np.testing.assert_allclose(reading.embedding, known.embedding, atol=1e-5)  # type: ignore[arg-type]
    assert own.contract.id != analyzer.contract.id
    assert embedder(str(path)).card.weights_licence == "not stated"
