from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from vultus import weights
from vultus.errors import InputError, WeightsError
from vultus.models.embed.dlib_resnet import CHIP_SIZE, SOURCE, DlibResNet, to_onnx
from vultus.runtime import EngineOptions, Feed, session
from vultus.types import Image

FP32 = EngineOptions(precision="fp32")
Array = NDArray[np.float64]
MEANS = (122.5, 117.25, 104.0)


def whole(*values: int) -> bytes:
    """dlib's numbers: a length byte, signed in its top bit, then the value."""
    out = b""
    for value in values:
        count = max((abs(value).bit_length() + 7) // 8, 1)
        out += bytes([count | (0x80 if value < 0 else 0)]) + abs(value).to_bytes(count, "little")
    return out


def real(value: float) -> bytes:
    return whole(int(value * 2**20), -20)


def text(value: str) -> bytes:
    return whole(len(value)) + value.encode()


def tensor(values: Array) -> bytes:
    return whole(2, values.size, 1, 1, 1) + values.astype("<f4").tobytes()


def part(*shape: int) -> bytes:
    return whole(1, *shape)


STATE = b"110" + 3 * whole(2, 0, 0, 0, 0)


def convolution(weights: Array, bias: Array, stride: int, pad: int) -> bytes:
    filters, _, rows, columns = weights.shape
    return (
        text("con_4")
        + tensor(np.concatenate([weights.ravel(), bias]))
        + whole(filters, rows, columns, stride, stride, pad, pad)
        + part(*weights.shape)
        + part(1, filters, 1, 1)
        + 4 * real(1)
        + STATE
    )


def affine(gamma: Array, beta: Array) -> bytes:
    shape = (1, len(gamma), 1, 1)
    return text("affine_") + tensor(np.concatenate([gamma, beta])) + part(*shape) + part(*shape) + whole(0) + STATE


def pool(kind: str, window: int, stride: int) -> bytes:
    return text(f"{kind}_pool_2") + whole(window, window, stride, stride, 0, 0) + STATE


def projection(weights: Array) -> bytes:
    inputs, outputs = weights.shape
    sizes = whole(outputs, inputs)
    parts = part(inputs, outputs, 1, 1) + part(0, 0, 0, 0)
    return text("fc_2") + sizes + tensor(weights) + parts + whole(1) + 4 * real(1) + STATE


class Small:
    """A network of dlib's kinds of layer, as bytes and as plain arithmetic."""

    def __init__(self) -> None:
        rng = np.random.default_rng(7)
        self.stem = rng.normal(size=(4, 3, 7, 7)) / 12, rng.normal(size=4)
        self.block = rng.normal(size=(6, 4, 3, 3)) / 6, rng.normal(size=6)
        self.scales = [(rng.uniform(0.5, 2, n), rng.normal(size=n)) for n in (4, 6)]
        self.last = rng.normal(size=(6, 128))

    def source(self) -> bytes:
        first = convolution(*self.stem, stride=2, pad=0) + whole(1)
        return (
            whole(1, 1)
            + text("loss_metric_2")
            + real(0.04)
            + whole(2, 1, 2, 1, 3, 1)
            + text("input_rgb_image_sized")
            + b"".join(map(real, MEANS))
            + whole(CHIP_SIZE, CHIP_SIZE)
            + first
            + affine(*self.scales[0])
            + text("relu_")
            + STATE
            + pool("max", 2, 2)
            + convolution(*self.block, stride=2, pad=0)
            + affine(*self.scales[1])
            + pool("avg", 2, 2)
            + text("add_prev_")
            + STATE
            + text("relu_")
            + STATE
            + pool("avg", 0, 1)
            + projection(self.last)
        )

    def __call__(self, chip: Image) -> Array:
        value = (chip.transpose(2, 0, 1) - np.array(MEANS)[:, None, None]) / 256
        value = self._scaled(self._slid(value, *self.stem), 0)
        pooled = windows(np.maximum(value, 0), 2, 2).max(axis=(-2, -1))  # (4, 36, 36)
        block = self._scaled(self._slid(pooled, *self.block), 1)  # (6, 17, 17)
        total = np.zeros((6, 18, 18))
        total[:, :17, :17] = block
        total[:4] += windows(pooled, 2, 2).mean(axis=(-2, -1))
        return np.asarray(np.maximum(total, 0).mean(axis=(1, 2)) @ self.last)

    @staticmethod
    def _slid(value: Array, weights: Array, bias: Array) -> Array:
        seen = windows(value, weights.shape[2], 2)
        return np.asarray(np.einsum("chwij,ncij->nhw", seen, weights) + bias[:, None, None])

    def _scaled(self, value: Array, which: int) -> Array:
        gamma, beta = self.scales[which]
        return value * gamma[:, None, None] + beta[:, None, None]


def windows(value: Array, size: int, stride: int) -> Array:
    return np.asarray(sliding_window_view(value, (size, size), axis=(1, 2))[:, ::stride, ::stride])


def test_no_bytes_and_other_files_are_refused() -> None:
    for source in (b"", b"no network" * 1000, b"\x01\x01\x01\x0dloss_metric_2"):
        with pytest.raises(WeightsError, match="expected dlib's face recognition network"):
            to_onnx(source)


def test_the_network_is_the_plain_arithmetic(tmp_path: Path) -> None:
    small = Small()
    path = tmp_path / "small.onnx"
    path.write_bytes(to_onnx(small.source()))
    chips = np.random.default_rng(1).integers(0, 256, (3, CHIP_SIZE, CHIP_SIZE, 3), dtype=np.uint8)
    (made,) = session(path, Feed("chips"), FP32).run(chips)
    expected = np.stack([small(chip) for chip in chips])
    assert np.abs(expected).max() > 1
    np.testing.assert_allclose(made, expected, atol=1e-4)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_file_that_ends_early_is_refused(share: float) -> None:
    source = Small().source()
    with pytest.raises(WeightsError):
        to_onnx(source[: int(len(source) * share)])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda source: source.replace(text("relu_"), text("gelu_")), "expected a layer out of con_4.*got 'gelu_'"),
        (lambda source: source.replace(whole(150, 150), whole(128, 128)), r"chips of 150 pixels, got \[128, 128\]"),
        (lambda source: source + affine(np.ones(1), np.ones(1)), "convolution before"),
        (lambda source: source[: source.index(text("fc_2"))], "end in a projection"),
        (lambda source: source.replace(part(6, 4, 3, 3), part(6, 5, 3, 3)), "do not fit together"),
        (lambda source: source.replace(whole(128, 6), whole(192, 4)), "layers that do not fit:"),
        (lambda source: source.replace(b"110" + whole(2), b"110" + whole(1)), "tensor of version 2"),
    ],
)
def test_another_network_is_refused(change: Callable[[bytes], bytes], message: str) -> None:
    with pytest.raises(WeightsError, match=message):
        to_onnx(change(Small().source()))


@pytest.fixture(scope="module")
def network() -> DlibResNet:
    try:
        return DlibResNet(engine=FP32)
    except WeightsError as error:
        pytest.skip(f"weights are not to be had: {error}")


def chips(astronaut: Image) -> dict[str, Image]:
    rows, columns = np.mgrid[:CHIP_SIZE, :CHIP_SIZE]
    pattern = [(3 * columns + rows) % 256, (columns * rows // 16) % 256, (columns ^ rows) % 256]
    return {
        "portrait": np.ascontiguousarray(astronaut[40:190, 145:295]),
        "pattern": np.stack(pattern, axis=2).astype(np.uint8),
    }


@pytest.mark.weights
def test_descriptors_are_those_of_dlib(network: DlibResNet, astronaut: Image) -> None:
    golden = json.loads((Path(__file__).parent / "dlib_descriptors.json").read_text(encoding="utf-8"))
    shown = chips(astronaut)
    made = network(list(shown.values()))
    np.testing.assert_allclose(made, [golden[name] for name in shown], atol=1e-5)


@pytest.mark.weights
def test_no_chips_give_no_rows_and_other_sizes_are_refused(network: DlibResNet) -> None:
    assert network([]).shape == (0, 128)
    with pytest.raises(InputError, match="expected aligned crops"):
        network([np.zeros((112, 112, 3), dtype=np.uint8)])


@pytest.mark.weights
def test_the_file_has_the_29_convolutions_of_the_published_plan(network: DlibResNet) -> None:
    import onnx

    model = onnx.load_from_string(to_onnx(weights.read(SOURCE)))
    kinds = [node.op_type for node in model.graph.node]
    assert {kind: kinds.count(kind) for kind in ("Conv", "Add", "MaxPool", "AveragePool", "MatMul")} == {
        "Conv": 29,
        "Add": 14,
        "MaxPool": 1,
        "AveragePool": 4,
        "MatMul": 1,
    }
