"""Small networks made for the tests, as ONNX files with a card beside them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def made(
        classes: tuple[str, ...] = ("sad", "happy", "neutral"),
        *,
        side: int = 48,
        company: bool = False,
        softmax: bool = True,
        kind: int = TensorProto.FLOAT,
        width: int | None = None,
        card: dict[str, Any] | None = None,
    ) -> Path:
        """Brightness to classes: the first is the darkest. company: answers lean on the mean of the batch."""
        count = width or len(classes)
        weights = np.linspace(-1, 1, count).astype(np.float32)[None] * np.full((3, 1), 0.01, np.float32)
        nodes = [
            helper.make_node("Cast", ["faces"], ["floats"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMean", ["floats", "axes"], ["means"], keepdims=0),
            helper.make_node("Sub", ["means", "middle"], ["centred"]),
            helper.make_node("MatMul", ["centred", "weights"], ["plain"]),
        ]
        if company:
            nodes.append(helper.make_node("ReduceMean", ["plain", "first"], ["crowd"], keepdims=1))
            nodes.append(helper.make_node("Add", ["plain", "crowd"], ["logits"]))
        else:
            nodes.append(helper.make_node("Identity", ["plain"], ["logits"]))
        last = "Softmax" if softmax else "Identity"
        nodes.append(helper.make_node(last, ["logits"], ["probabilities"], **({"axis": 1} if softmax else {})))
        constants = {
            "axes": np.array([2, 3], np.int64),
            "first": np.array([0], np.int64),
            "middle": np.float32(128),
            "weights": weights,
        }
        graph = helper.make_graph(
            nodes,
            "made",
            [helper.make_tensor_value_info("faces", kind, ["batch", 3, side, side])],
            [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", count])],
            [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
        path = tmp_path / "mine.onnx"
        onnx.save(model, str(path))
        path.with_suffix(".json").write_text(json.dumps({"classes": list(classes), **(card or {})}))
        return path

    return made
