from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from vultus.errors import WeightsError
from vultus.folding import fold


def quantised() -> onnx.ModelProto:
    """x @ (dequantised, reshaped weight), with the weight declared as a graph input as well."""
    rng = np.random.default_rng(0)
    weight = rng.integers(-127, 128, (8, 4), dtype=np.int8)
    scales = rng.uniform(0.01, 0.1, (2, 4)).astype(np.float32)
    zeros = np.zeros((2, 4), dtype=np.int8)
    nodes = [
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"], axis=0, block_size=4),
        helper.make_node("Reshape", ["d", "shape"], ["w"]),
        helper.make_node("MatMul", ["x", "w"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4]),
            helper.make_tensor_value_info("q", TensorProto.INT8, [8, 4]),
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 8])],
        [
            numpy_helper.from_array(weight, "q"),
            numpy_helper.from_array(scales, "s"),
            numpy_helper.from_array(zeros, "z"),
            numpy_helper.from_array(np.array([4, 8], dtype=np.int64), "shape"),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def test_bytes_that_are_no_model_are_refused() -> None:
    with pytest.raises(WeightsError, match="expected an ONNX model"):
        fold(b"not a model", data_inputs=("x",))


def test_a_model_without_the_input_is_refused() -> None:
    with pytest.raises(WeightsError, match="expected graph inputs"):
        fold(quantised().SerializeToString(), data_inputs=("image",))


def test_the_folded_model_computes_the_same() -> None:
    source = quantised()
    folded = onnx.load_from_string(fold(source.SerializeToString(), data_inputs=("x",)))
    assert [node.op_type for node in folded.graph.node] == ["MatMul"]
    assert [value.name for value in folded.graph.input] == ["x"]
    assert folded.graph.input[0].type.tensor_type.shape.dim[0].dim_param
    x = np.random.default_rng(1).normal(size=(1, 4)).astype(np.float32)
    (expected,) = ReferenceEvaluator(source).run(None, {"x": x})
    (got,) = ReferenceEvaluator(folded).run(None, {"x": x})
    np.testing.assert_allclose(got, expected, rtol=1e-6)
