"""Run an ONNX file on this machine: OpenVINO first, ONNX Runtime as the second engine.

A session takes pictures as they are in vultus (uint8, RGB, batch first); colour order and
layout are the engine's business, so no caller can swap channels by accident.
"""

from __future__ import annotations

import os
import sys
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError, MissingExtraError, WeightsError

if TYPE_CHECKING:
    import onnxruntime
    import openvino

__all__ = ["ENGINES", "EngineOptions", "Feed", "Session", "cores", "engine_precision", "fp32_unless_named", "session"]

Pictures = NDArray[np.uint8]  # (B, H, W, 3), RGB
Outputs = tuple[NDArray[np.float32], ...]
ENGINES = ("openvino", "onnxruntime")

# Each shape is compiled for itself (0.1 s, a few MB); a folder of odd sizes must not grow without end.
SHAPES_KEPT = 24


@dataclass(frozen=True, slots=True)
class Feed:
    """How a network wants its pictures: channel order, and (pixel - mean) * scale."""

    input_name: str
    colour: Literal["RGB", "BGR"] = "RGB"
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """Which engine, at which precision, on how many cores.

    streams: how many calls run at the same time, each on threads/streams cores; 1 gives
    the shortest answer, one a core the most pictures a second.
    """

    engine: Literal["openvino", "onnxruntime"] = "openvino"
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    threads: int | None = None  # None: all cores that this process may use
    streams: int = 1


class Session(Protocol):
    """A loaded network."""

    def run(self, pictures: Pictures) -> Outputs:
        """Outputs in the network's own order; safe to call from several threads."""
        ...


def session(path: Path, feed: Feed, options: EngineOptions) -> Session:
    """Open an ONNX file. Refused: an unknown engine, a file that the engine cannot read (WeightsError)."""
    if options.engine == "openvino":
        return _OpenVino(path, feed, options)
    if options.engine == "onnxruntime":
        return _OnnxRuntime(path, feed, options)
    raise InputError(f"expected an engine out of {', '.join(ENGINES)}, got {options.engine!r}")


def engine_precision(options: EngineOptions) -> str:
    """The arithmetic that will really be used here: "fp32" or "bf16".

    Refused (InputError): bf16 asked for by name on an engine or a CPU without it.
    """
    if options.engine == "onnxruntime":
        if options.precision == "bf16":
            raise InputError("expected precision fp32 with the onnxruntime engine, got bf16; use engine openvino")
        return "fp32"
    capable = "BF16" in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    if options.precision == "bf16" and not capable:
        raise InputError("this CPU has no bf16 arithmetic; use precision auto or fp32")
    return "bf16" if capable and options.precision != "fp32" else "fp32"


def fp32_unless_named(engine: EngineOptions | None) -> EngineOptions:
    """The options with "auto" read as fp32, for networks whose answers must not depend on the CPU.

    >>> fp32_unless_named(None).precision, fp32_unless_named(EngineOptions(precision="bf16")).precision
    ('fp32', 'bf16')
    """
    options = engine or EngineOptions()
    return replace(options, precision="fp32") if options.precision == "auto" else options


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def _silent() -> Iterator[None]:
    """Imported, OpenVINO tells Google Analytics so, under an id that it keeps in the user's home.

    It stays silent where the package for that is missing, so missing is what it finds.
    """
    package = "openvino_telemetry"
    if package in sys.modules or "openvino" in sys.modules:
        yield
        return
    sys.modules[package] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[package]


_core_lock = threading.Lock()
_core_instance: Any = None


def _core() -> openvino.Core:
    """One OpenVINO core a process; making a second costs 50 ms and its own thread pools."""
    global _core_instance
    with _core_lock:
        if _core_instance is None:
            with _silent():
                import openvino

            # OpenVINO's binding sets NumPy up at the first call that needs it, and two threads
            # that get there together wait for each other for ever (19 of 40 cold starts).
            openvino.Type.f32.to_dtype()
            _core_instance = openvino.Core()
        return _core_instance


class _OpenVino:
    def __init__(self, path: Path, feed: Feed, options: EngineOptions) -> None:
        try:
            self._model = _core().read_model(path)
        except RuntimeError as error:
            reason = str(error).splitlines()[0]
            raise WeightsError(f"{path.name} cannot be read as an ONNX network: {reason}") from error
        self._feed = feed
        self._options = options
        self._precision = {"fp32": "f32", "bf16": "bf16"}[engine_precision(options)]
        self._lock = threading.Lock()
        self._compiled: OrderedDict[tuple[int, ...], tuple[Any, SimpleQueue[Any]]] = OrderedDict()

    def run(self, pictures: Pictures) -> Outputs:
        compiled, idle = self._for_shape(pictures.shape)
        try:
            request = idle.get_nowait()
        except Empty:
            request = compiled.create_infer_request()
        try:
            request.infer({0: np.ascontiguousarray(pictures)}, share_inputs=True)
            return tuple(
                np.array(request.get_output_tensor(i).data, dtype=np.float32) for i in range(len(compiled.outputs))
            )
        finally:
            idle.put(request)

    def _for_shape(self, shape: tuple[int, ...]) -> tuple[Any, SimpleQueue[Any]]:
        with self._lock:
            if shape in self._compiled:
                self._compiled.move_to_end(shape)
            else:
                self._compiled[shape] = (self._compile(shape), SimpleQueue())
                if len(self._compiled) > SHAPES_KEPT:
                    self._compiled.popitem(last=False)
            return self._compiled[shape]

    def _compile(self, shape: tuple[int, ...]) -> Any:
        import openvino
        from openvino.preprocess import ColorFormat, PrePostProcessor

        model = self._model.clone()
        batch, height, width, _ = shape
        model.reshape({self._feed.input_name: [batch, 3, height, width]})
        steps = PrePostProcessor(model)
        steps.input().tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
        steps.input().tensor().set_color_format(ColorFormat.RGB)
        steps.input().model().set_layout(openvino.Layout("NCHW"))
        convert = steps.input().preprocess().convert_element_type(openvino.Type.f32)
        if self._feed.colour == "BGR":
            convert = convert.convert_color(ColorFormat.BGR)
        if any(self._feed.mean):
            convert = convert.mean(list(self._feed.mean))
        if self._feed.scale != 1.0:
            convert.scale(1.0 / self._feed.scale)
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": self._precision,
            "INFERENCE_NUM_THREADS": self._options.threads or cores(),
            "NUM_STREAMS": self._options.streams,
        }
        return _core().compile_model(steps.build(), "CPU", settings)


class _OnnxRuntime:
    def __init__(self, path: Path, feed: Feed, options: EngineOptions) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise MissingExtraError(
                "the onnxruntime engine is not installed: pip install 'vultus[onnxruntime]'"
            ) from error
        engine_precision(options)
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = max((options.threads or cores()) // options.streams, 1)
        settings.log_severity_level = 3
        try:
            self._session: onnxruntime.InferenceSession = onnxruntime.InferenceSession(
                str(path), settings, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            # ONNX Runtime raises a dozen unrelated classes from C++, all direct children of Exception.
            raise WeightsError(f"{path.name} cannot be read as an ONNX network: {error}") from error
        self._feed = feed

    def run(self, pictures: Pictures) -> Outputs:
        values = pictures if self._feed.colour == "RGB" else pictures[..., ::-1]
        batch = values.transpose(0, 3, 1, 2).astype(np.float32)
        if any(self._feed.mean):
            batch -= np.array(self._feed.mean, dtype=np.float32)[:, None, None]
        batch *= self._feed.scale
        return tuple(self._session.run(None, {self._feed.input_name: np.ascontiguousarray(batch)}))
