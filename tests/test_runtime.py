from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from vultus import runtime
from vultus.errors import InputError, WeightsError
from vultus.runtime import EngineOptions, Feed, session

BGR = Feed("x", colour="BGR", mean=(1.0, 2.0, 3.0), scale=0.5)
FP32 = EngineOptions(precision="fp32")


@pytest.fixture(params=runtime.ENGINES)
def options(request: pytest.FixtureRequest) -> EngineOptions:
    if request.param == "onnxruntime":
        pytest.importorskip("onnxruntime", reason="the extra onnxruntime is not installed")
    return EngineOptions(engine=request.param, precision="fp32")


@pytest.fixture
def identity(tmp_path: Path) -> Path:
    """A network that gives back what it is fed, (B, 3, H, W)."""
    shape = ["b", 3, "h", "w"]
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        "identity",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
    )
    path = tmp_path / "identity.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    return path


def test_what_is_no_network_is_refused(tmp_path: Path, options: EngineOptions) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"no network")
    with pytest.raises(WeightsError, match=r"broken\.onnx cannot be read"):
        session(path, Feed("x"), options)


def test_pictures_reach_the_network_as_its_feed_says(identity: Path, options: EngineOptions) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (2, 5, 7, 3), dtype=np.uint8)
    (got,) = session(identity, BGR, options).run(pictures)
    expected = (pictures[..., ::-1].astype(np.float32) - (1, 2, 3)) * 0.5
    np.testing.assert_allclose(got, expected.transpose(0, 3, 1, 2), atol=1e-4)


def test_many_shapes_and_many_threads(identity: Path, options: EngineOptions) -> None:
    network = session(identity, Feed("x"), options)
    pictures = [np.full((1, 2 + n % 30, 3, 3), n, dtype=np.uint8) for n in range(90)]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda picture: network.run(picture)[0], pictures))
    assert [float(result.mean()) for result in results] == [float(n) for n in range(90)]


def test_results_stay_when_the_session_runs_again(identity: Path, options: EngineOptions) -> None:
    network = session(identity, Feed("x"), options)
    first = network.run(np.full((1, 2, 2, 3), 1, dtype=np.uint8))[0]
    network.run(np.full((1, 2, 2, 3), 9, dtype=np.uint8))
    assert float(first.mean()) == 1.0


def test_many_threads_may_use_openvino_first(identity: Path) -> None:
    """A cold start in which every thread arrives at once must not hang."""
    code = f"""
import threading
import numpy as np
from pathlib import Path
from vultus.runtime import EngineOptions, Feed, session
go = threading.Barrier(6)
def work():
    network = session(Path({str(identity)!r}), Feed("x"), EngineOptions(streams=2))
    go.wait()
    network.run(np.zeros((1, 4, 4, 3), dtype=np.uint8))
threads = [threading.Thread(target=work) for _ in range(6)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
"""
    for _ in range(5):
        subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_an_unknown_engine_and_a_precision_that_is_not_there(identity: Path) -> None:
    with pytest.raises(InputError, match="expected an engine out of openvino, onnxruntime"):
        session(identity, Feed("x"), EngineOptions(engine="tensorrt"))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="bf16"):
        runtime.engine_precision(EngineOptions(engine="onnxruntime", precision="bf16"))
    assert runtime.engine_precision(FP32) == "fp32"


_LISTENING = """
import os, sys
def told(event, arguments):
    if event in ("socket.getaddrinfo", "socket.connect", "urllib.Request"):
        os.write(1, f"{event} {arguments}".encode())  # also from a process that was forked
sys.addaudithook(told)
from vultus.runtime import EngineOptions, engine_precision
engine_precision(EngineOptions())
assert "openvino" in sys.modules
"""


def test_nobody_is_told_that_the_engine_runs(tmp_path: Path) -> None:
    """OpenVINO would send an event to Google Analytics and keep an id in the user's home."""
    environment = {**os.environ, "HOME": str(tmp_path), "CI": ""}
    heard = subprocess.run([sys.executable, "-c", _LISTENING], env=environment, capture_output=True, timeout=60)
    assert (heard.returncode, heard.stdout) == (0, b""), heard.stderr.decode()
    assert list(tmp_path.iterdir()) == []
