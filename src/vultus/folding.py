"""Turn a weight-quantised ONNX file into a plain fp32 one that every engine reads.

OpenCV Zoo's `int8bq` files keep each weight as int8 blocks behind a DequantizeLinear
node. ONNX Runtime refuses them (inputs without producers) and OpenCV's own recogniser
raises on SFace, so the constants are evaluated once and stored as fp32 initialisers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vultus.errors import WeightsError

if TYPE_CHECKING:
    import onnx

__all__ = ["fold"]


def fold(source: bytes, *, data_inputs: tuple[str, ...], free_axes: tuple[int, ...] = (0,)) -> bytes:
    """Return the ONNX file `source` with its constant branches evaluated.

    source: a serialised ONNX model. data_inputs: the graph inputs that stay; every other
    declared input is dropped, since its value is an initialiser. free_axes: axes of the
    data inputs that become symbolic (the batch by default).

    Refused (WeightsError): bytes that are no ONNX model, or a model without `data_inputs`.
    The arithmetic is onnx's own reference evaluator, so folded and original agree to
    rounding (2e-6 on SFace's output).
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load_from_string(source)
    except DecodeError as error:
        raise WeightsError(f"expected an ONNX model, got bytes that do not parse: {error}") from error
    graph = model.graph
    missing = set(data_inputs) - {value.name for value in graph.input}
    if missing:
        raise WeightsError(f"expected graph inputs {sorted(missing)}, the model has {[v.name for v in graph.input]}")
    _fold_constants(graph)
    kept = [value for value in graph.input if value.name in data_inputs]
    del graph.input[:]
    graph.input.extend(kept)
    for value in graph.input:
        _free(value, free_axes)
    for value in graph.output:
        # Shapes of the outputs follow the free axes; a stale literal would be a lie.
        _free(value, tuple(range(len(value.type.tensor_type.shape.dim))), prefix=f"{value.name}_")
    del graph.value_info[:]
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _fold_constants(graph: onnx.GraphProto) -> None:
    """Evaluate every node whose inputs are all known, keep the rest in order."""
    from onnx import numpy_helper

    known = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    produced: set[str] = set()
    remaining = []
    for node in graph.node:
        names = [name for name in node.input if name]
        if names and node.op_type in {"DequantizeLinear", "Reshape"} and all(name in known for name in names):
            known[node.output[0]] = _evaluate(node, [known[name] for name in names])
            produced.add(node.output[0])
        else:
            remaining.append(node)
    used = {name for node in remaining for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    kept += [numpy_helper.from_array(known[name], name) for name in sorted(produced & used)]
    del graph.node[:]
    graph.node.extend(remaining)
    del graph.initializer[:]
    graph.initializer.extend(kept)


def _evaluate(node: onnx.NodeProto, inputs: list[np.ndarray]) -> np.ndarray:
    """Run one node on known inputs."""
    import onnx
    from onnx.reference import ReferenceEvaluator

    make = onnx.helper.make_tensor_value_info
    declared = [
        make(name, onnx.helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
        for name, value in zip(node.input, inputs, strict=True)
    ]
    graph = onnx.helper.make_graph([node], "constant", declared, [onnx.ValueInfoProto(name=node.output[0])])
    evaluator = ReferenceEvaluator(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 21)]))
    (value,) = evaluator.run(None, dict(zip(node.input, inputs, strict=True)))
    return np.ascontiguousarray(value)


def _free(value: onnx.ValueInfoProto, axes: tuple[int, ...], prefix: str = "") -> None:
    """Make the named axes of a graph input or output symbolic."""
    dimensions = value.type.tensor_type.shape.dim
    for axis in axes:
        dimensions[axis].ClearField("dim_value")
        dimensions[axis].dim_param = f"{prefix}axis{axis}"
