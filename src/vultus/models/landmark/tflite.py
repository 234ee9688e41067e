"""Write a small TensorFlow Lite network as ONNX, so that every engine of vultus can run it.

A .tflite file is a FlatBuffer: tables whose fields are found through a table of offsets.
Its pictures are batch, height, width, channels; ONNX wants the channels second, so weights
and paddings are turned once here. Only what a plain convolutional network needs is known:
Conv2D, DepthwiseConv2D, PReLU, Add, MaxPool2D, Pad and a last Reshape to a row, on 32-bit floats.
Field numbers and defaults after TensorFlow's published schema (schema.fbs, version 3).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vultus.errors import WeightsError

if TYPE_CHECKING:
    import onnx

__all__ = ["to_onnx"]

FLOAT32, INT32 = 0, 2  # TensorType
SAME, RELU, RELU6 = 0, 1, 3  # Padding and ActivationFunctionType
ADD, CONV, DEPTHWISE, MAX_POOL, RESHAPE, PAD, PRELU = 0, 3, 4, 17, 22, 34, 54  # BuiltinOperator
OPSET, IR = 17, 8


def to_onnx(source: bytes, input_name: str = "pictures") -> bytes:
    """Turn a TensorFlow Lite file with one picture input into an ONNX model.

    The input is (B, C, H, W); outputs are the file's, in its order, (B, C, H, W) or (B, N). Size
    is the file's own, the batch is free. Refused (WeightsError): bytes that are no such
    file, operators and number formats other than those above.
    """
    try:
        return _Graph(_Table.root(source), input_name).model()
    except (struct.error, IndexError, ValueError) as error:  # offsets that point out of the file
        raise WeightsError(f"expected a TensorFlow Lite network, its parts do not fit together: {error}") from error


class _Table:
    """A FlatBuffer table: fields by number, absent ones at their default."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data, self._at = data, at
        self._offsets = at - struct.unpack_from("<i", data, at)[0]
        (self._length,) = struct.unpack_from("<H", data, self._offsets)

    @classmethod
    def root(cls, data: bytes) -> _Table:
        if data[4:8] != b"TFL3":
            raise WeightsError("expected a TensorFlow Lite file, its mark TFL3 is missing")
        return cls(data, struct.unpack_from("<I", data)[0])

    def _field(self, number: int) -> int:
        """Where a field lies, 0 if it is absent."""
        place = 4 + 2 * number
        offset = struct.unpack_from("<H", self._data, self._offsets + place)[0] if place < self._length else 0
        return self._at + offset if offset else 0

    def number(self, field: int, kind: str = "i", default: int = 0) -> int:
        at = self._field(field)
        return int(struct.unpack_from("<" + kind, self._data, at)[0]) if at else default

    def _target(self, at: int) -> int:
        return at + int(struct.unpack_from("<I", self._data, at)[0])

    def table(self, field: int) -> _Table | None:
        at = self._field(field)
        return _Table(self._data, self._target(at)) if at else None

    def tables(self, field: int) -> list[_Table]:
        start, count = self._vector(field)
        return [_Table(self._data, self._target(start + 4 * index)) for index in range(count)]

    def array(self, field: int, kind: str) -> NDArray[Any]:
        start, count = self._vector(field)
        return np.frombuffer(self._data, np.dtype("<" + kind), count, start) if count else np.empty(0, "<" + kind)

    def _vector(self, field: int) -> tuple[int, int]:
        at = self._field(field)
        if not at:
            return 0, 0
        start = self._target(at)
        return start + 4, int(struct.unpack_from("<I", self._data, start)[0])


class _Graph:
    """The network's one subgraph, written node by node."""

    def __init__(self, root: _Table, input_name: str) -> None:
        graphs = root.tables(2)
        if len(graphs) != 1:
            raise WeightsError(f"expected a network of one graph, got {len(graphs)}")
        (self._graph,) = graphs
        self._buffers = root.tables(4)
        # Codes up to 127 stand in the first field, later ones in the fourth.
        self._codes = [max(code.number(0, "b"), code.number(3)) for code in root.tables(1)]
        self._tensors = self._graph.tables(0)
        inputs = self._graph.array(1, "i4").tolist()
        if len(inputs) != 1:
            raise WeightsError(f"expected a network with one input, got {len(inputs)}")
        self._input = inputs[0]
        self._outputs = self._graph.array(2, "i4").tolist()
        self._names = {index: f"t{index}" for index in range(len(self._tensors))} | {self._input: input_name}
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[onnx.TensorProto] = []

    def model(self) -> bytes:
        from onnx import TensorProto, helper

        for operator in self._graph.tables(3):
            self._translate(operator)
        described = [
            helper.make_tensor_value_info(self._names[index], TensorProto.FLOAT, ["batch", *self._shape(index)])
            for index in (self._input, *self._outputs)
        ]
        graph = helper.make_graph(self._nodes, "tflite", described[:1], described[1:], self._weights)
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
        return bytes(made.SerializeToString())

    def _translate(self, operator: _Table) -> None:
        code = self._codes[operator.number(0, "I")]
        inputs, outputs = operator.array(1, "i4").tolist(), operator.array(2, "i4").tolist()
        writers: dict[int, Callable[[list[int], _Table | None], tuple[str, list[str], dict[str, Any], int]]] = {
            ADD: self._add,
            CONV: self._convolution,
            DEPTHWISE: self._convolution_depthwise,
            MAX_POOL: self._max_pool,
            RESHAPE: self._row,
            PAD: self._pad,
            PRELU: self._prelu,
        }
        if code not in writers:
            raise WeightsError(f"expected only operators out of {sorted(writers)}, the network has number {code}")
        kind, names, attributes, activation = writers[code](inputs, operator.table(4))
        self._node(kind, names, self._names[outputs[0]], activation, attributes)

    def _node(self, kind: str, inputs: Sequence[str], output: str, activation: int, attributes: dict[str, Any]) -> None:
        from onnx import helper

        if activation not in (0, RELU, RELU6):
            raise WeightsError(f"expected no activation, ReLU or ReLU6, the network has number {activation}")
        first = output if activation == 0 else output + ".linear"
        self._nodes.append(helper.make_node(kind, list(inputs), [first], **attributes))
        if activation == RELU:
            self._nodes.append(helper.make_node("Relu", [first], [output]))
        elif activation == RELU6:
            low, high = (self._constant(f"{output}.{value}", np.float32(value)) for value in (0, 6))
            self._nodes.append(helper.make_node("Clip", [first, low, high], [output]))

    def _convolution(self, inputs: list[int], options: _Table | None) -> tuple[str, list[str], dict[str, Any], int]:
        kernel = self._floats(inputs[1]).transpose(0, 3, 1, 2)  # (out, kh, kw, in) -> (out, in, kh, kw)
        return self._convolved(inputs, kernel, 1, options, activation=3, dilation=4)

    def _convolution_depthwise(
        self, inputs: list[int], options: _Table | None
    ) -> tuple[str, list[str], dict[str, Any], int]:
        kernel = self._floats(inputs[1]).transpose(3, 0, 1, 2)  # (1, kh, kw, out) -> (out, 1, kh, kw)
        return self._convolved(inputs, kernel, self._shape_chw(inputs[0])[0], options, activation=4, dilation=5)

    def _convolved(
        self, inputs: list[int], kernel: NDArray[np.float32], groups: int, options: _Table | None, *,
        activation: int, dilation: int,
    ) -> tuple[str, list[str], dict[str, Any], int]:  # fmt: skip
        given = _given(options)
        strides = (given.number(2), given.number(1))
        dilations = (given.number(dilation + 1, default=1), given.number(dilation, default=1))
        window = tuple((size - 1) * step + 1 for size, step in zip(kernel.shape[2:], dilations, strict=True))
        names = [self._names[inputs[0]], self._constant(self._names[inputs[1]], kernel)]
        if len(inputs) > 2 and inputs[2] >= 0:
            names.append(self._constant(self._names[inputs[2]], self._floats(inputs[2])))
        attributes = {
            "strides": list(strides),
            "dilations": list(dilations),
            "group": groups,
            "pads": self._pads(inputs[0], window, strides, given.number(0, "b")),
        }
        return "Conv", names, attributes, given.number(activation, "b")

    def _max_pool(self, inputs: list[int], options: _Table | None) -> tuple[str, list[str], dict[str, Any], int]:
        given = _given(options)
        strides, window = (given.number(2), given.number(1)), (given.number(4), given.number(3))
        attributes = {
            "strides": list(strides),
            "kernel_shape": list(window),
            "pads": self._pads(inputs[0], window, strides, given.number(0, "b")),
        }
        return "MaxPool", [self._names[inputs[0]]], attributes, given.number(5, "b")

    def _pads(self, tensor: int, window: Sequence[int], strides: Sequence[int], padding: int) -> list[int]:
        """Rows and columns added: before, then behind. SAME puts the odd one behind."""
        if padding != SAME:
            return [0, 0, 0, 0]
        sizes = self._shape_chw(tensor)[1:]
        missing = [
            max((-(-size // step) - 1) * step + extent - size, 0)
            for size, extent, step in zip(sizes, window, strides, strict=True)
        ]
        return [total // 2 for total in missing] + [total - total // 2 for total in missing]

    def _add(self, inputs: list[int], options: _Table | None) -> tuple[str, list[str], dict[str, Any], int]:
        return "Add", [self._names[index] for index in inputs], {}, _given(options).number(0, "b") if options else 0

    def _prelu(self, inputs: list[int], options: _Table | None) -> tuple[str, list[str], dict[str, Any], int]:
        slope = self._floats(inputs[1]).reshape(-1, 1, 1)
        return "PRelu", [self._names[inputs[0]], self._constant(self._names[inputs[1]], slope)], {}, 0

    def _pad(self, inputs: list[int], options: _Table | None) -> tuple[str, list[str], dict[str, Any], int]:
        before, behind = self._values(inputs[1], INT32, "i4").reshape(4, 2)[[0, 3, 1, 2]].T
        amounts = self._constant(self._names[inputs[1]], np.concatenate([before, behind]).astype(np.int64))
        return "Pad", [self._names[inputs[0]], amounts], {}, 0

    def _row(self, inputs: list[int], options: _Table | None) -> tuple[str, list[str], dict[str, Any], int]:
        # Only where there is one pixel is the order of the numbers the same in both layouts.
        if self._shape_chw(inputs[0])[1:] != (1, 1):
            raise WeightsError(f"expected a Reshape of one pixel's channels, got {self._shape_chw(inputs[0])}")
        return "Flatten", [self._names[inputs[0]]], {}, 0

    def _floats(self, tensor: int) -> NDArray[np.float32]:
        return np.asarray(self._values(tensor, FLOAT32, "f4"), dtype=np.float32)

    def _values(self, tensor: int, wanted: int, kind: str) -> NDArray[Any]:
        described = self._tensors[tensor]
        if (found := described.number(1, "b")) != wanted:
            raise WeightsError(f"expected numbers of TensorType {wanted}, tensor {tensor} has {found}")
        data = self._buffers[described.number(2, "I")].array(0, "u1")
        return np.frombuffer(data.tobytes(), np.dtype("<" + kind)).reshape(described.array(0, "i4"))

    def _shape(self, tensor: int) -> tuple[int, ...]:
        sizes = tuple(self._tensors[tensor].array(0, "i4").tolist())
        return sizes[1:] if len(sizes) == 2 else self._shape_chw(tensor)

    def _shape_chw(self, tensor: int) -> tuple[int, int, int]:
        _, height, width, channels = self._tensors[tensor].array(0, "i4").tolist()
        return channels, height, width

    def _constant(self, name: str, values: Any) -> str:
        from onnx import numpy_helper

        if all(known.name != name for known in self._weights):
            self._weights.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name


def _given(options: _Table | None) -> _Table:
    if options is None:
        raise WeightsError("expected an operator with its options, got one without")
    return options
