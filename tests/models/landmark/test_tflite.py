from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from vultus import registry, weights
from vultus.errors import WeightsError
from vultus.models.landmark.tflite import to_onnx
from vultus.runtime import EngineOptions, Feed, session
from vultus.types import ModelCard


@pytest.fixture(scope="module", params=["face-mesh", "eye-contours"])
def card(request: pytest.FixtureRequest) -> ModelCard:
    return registry.card(request.param)


@pytest.fixture(scope="module")
def source(card: ModelCard) -> Path:
    assert card.source is not None
    try:
        return weights.fetch(card.source)
    except WeightsError as error:
        pytest.skip(f"weights are not to be had: {error}")


@pytest.fixture(scope="module")
def made(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mesh") / "mesh.onnx"
    path.write_bytes(to_onnx(source.read_bytes()))
    return path


@pytest.fixture(scope="module")
def pictures(card: ModelCard) -> NDArray[np.uint8]:
    assert card.input_size_wh is not None
    return np.random.default_rng(0).integers(0, 256, (3, *card.input_size_wh, 3), dtype=np.uint8)


@pytest.mark.parametrize("data", [b"", b"1234TFL3", b"\xff\xff\xff\xffTFL3" + bytes(64), b"no network at all"])
def test_what_is_no_network_is_refused(data: bytes) -> None:
    with pytest.raises(WeightsError, match="expected a TensorFlow Lite"):
        to_onnx(data)


@pytest.mark.weights
def test_a_file_that_ends_too_soon_is_refused(source: Path) -> None:
    data = source.read_bytes()
    for length in (100, 5_000, len(data) // 2):
        with pytest.raises(WeightsError):
            to_onnx(data[:length])


@pytest.mark.weights
def test_the_onnx_is_valid(made: Path) -> None:
    onnx.checker.check_model(onnx.load(made), full_check=True)


@pytest.mark.weights
@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_both_engines_give_what_an_outside_reader_of_the_file_gives(
    source: Path, made: Path, pictures: NDArray[np.uint8], engine: str
) -> None:
    """The outsider is OpenVINO's own reader of .tflite files, which shares nothing with ours."""
    import openvino

    if engine == "onnxruntime":
        pytest.importorskip("onnxruntime", reason="the extra onnxruntime is not installed")
    options = EngineOptions(engine=engine, precision="fp32")  # type: ignore[arg-type]
    points, presence = session(made, Feed("pictures", scale=1 / 255), options).run(pictures)
    outsider = openvino.Core().compile_model(str(source), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    for row, picture in enumerate(pictures):
        expected = outsider(picture[None].astype(np.float32) / 255)
        np.testing.assert_allclose(points[row].ravel(), expected[0].ravel(), atol=2e-3)  # pixels of the crop
        np.testing.assert_allclose(presence[row].ravel(), expected[1].ravel(), atol=1e-3)


@pytest.mark.weights
def test_litert_agrees(source: Path, made: Path, pictures: NDArray[np.uint8]) -> None:
    litert = pytest.importorskip("ai_edge_litert.interpreter", reason="ai-edge-litert is not installed")
    interpreter = litert.Interpreter(str(source))
    interpreter.allocate_tensors()
    points, presence = session(made, Feed("pictures", scale=1 / 255), EngineOptions(precision="fp32")).run(pictures)
    for row, picture in enumerate(pictures):
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], picture[None].astype(np.float32) / 255)
        interpreter.invoke()
        expected = [interpreter.get_tensor(output["index"]).ravel() for output in interpreter.get_output_details()]
        np.testing.assert_allclose(points[row].ravel(), expected[0], atol=2e-3)
        np.testing.assert_allclose(presence[row].ravel(), expected[1], atol=1e-3)
