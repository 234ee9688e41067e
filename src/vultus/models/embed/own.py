"""A recogniser of the user's own: an ONNX file with a small card beside it.

The card is a JSON file of the same name, `arcface.json` beside `arcface.onnx`:

    {"colour": "RGB", "mean": 127.5, "scale": 0.00784313725, "dimension": 512,
     "code_licence": "MIT", "weights_licence": "non-commercial research"}

`input` names the graph's input where it has several.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vultus.errors import InputError, WeightsError
from vultus.geometry import ALIGNED_SIZE, align
from vultus.models.embed import check_crops
from vultus.runtime import EngineOptions, Feed, session
from vultus.types import EmbeddingContract, Image, Landmarks, ModelCard, Vector, unit
from vultus.weights import sha256_of

__all__ = ["OwnEmbedder", "is_path", "own_embedder"]


def is_path(name: str) -> bool:
    """Whether the name of an embedder is a file rather than a registered model."""
    return name.lower().endswith(".onnx")


def own_embedder(path: Path, *, engine: EngineOptions | None = None) -> OwnEmbedder:
    """Open an own ONNX recogniser.

    Refused: no file or no card beside it (WeightsError), a card that lacks a field or has
    one of the wrong kind (InputError), a network whose output has another dimension.
    """
    card_path = path.with_suffix(".json")
    for needed in (path, card_path):
        if not needed.is_file():
            raise WeightsError(
                f"expected {needed.name} at {needed.parent}; an own recogniser is NAME.onnx with NAME.json"
            )
    try:
        fields = json.loads(card_path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"expected JSON in {card_path}, {error}") from error
    if not isinstance(fields, dict):
        raise InputError(f"expected a JSON object in {card_path}, got {type(fields).__name__}")
    return OwnEmbedder(path, fields, engine or EngineOptions())


class OwnEmbedder:
    """The user's network behind the same contract as the ones that ship."""

    def __init__(self, path: Path, fields: dict[str, Any], engine: EngineOptions) -> None:
        self.card = ModelCard(
            name=path.stem,
            task="embed",
            summary=f"own recogniser {path.name}",
            code_licence=str(fields.get("code_licence", "stated by its owner")),
            weights_licence=str(fields.get("weights_licence", "not stated")),
            origin=str(fields.get("origin", "brought by the user")),
            input_size_wh=(ALIGNED_SIZE, ALIGNED_SIZE),
            dimension=_number(fields, "dimension", int),
            colour=_colour(fields),
        )
        mean = _number(fields, "mean", float, 0.0)
        scale = _number(fields, "scale", float, 1.0)
        size = fields.get("input_size", ALIGNED_SIZE)
        if size not in (ALIGNED_SIZE, [ALIGNED_SIZE, ALIGNED_SIZE]):
            raise InputError(f"expected input_size {ALIGNED_SIZE} (the five-point alignment), got {size!r}")
        assert self.card.dimension is not None
        self.contract = EmbeddingContract(
            model=path.stem,
            weights_sha256=sha256_of(path),
            dimension=self.card.dimension,
            colour=self.card.colour,
            scale="0..255" if (mean, scale) == (0.0, 1.0) else f"(x-{mean:g})*{scale:g}",
        )
        feed = Feed(str(fields.get("input") or _only_input(path)), self.card.colour, (mean, mean, mean), scale)
        self._session = session(path, feed, engine)

    def crop(self, image: Image, landmarks: Landmarks) -> Image:
        """The aligned face, (112, 112, 3)."""
        return align(image, landmarks)

    def __call__(self, crops: Sequence[Image]) -> Vector:
        """Embeddings of aligned crops, shape (n, D), unit rows; one at a time, whatever its batch axis allows."""
        check_crops(crops, ALIGNED_SIZE)
        if not crops:
            return np.empty((0, self.contract.dimension), np.float32)
        rows = [self._session.run(crop[None])[0].reshape(1, -1) for crop in crops]
        return unit(np.vstack(rows), self.contract.dimension)


def _number(fields: dict[str, Any], name: str, kind: type, default: float | None = None) -> Any:
    value = fields.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or (kind is int and value != int(value)):
        raise InputError(f"expected the card's {name!r} to be a number, got {value!r}")
    return kind(value)


def _colour(fields: dict[str, Any]) -> Any:
    value = fields.get("colour", "RGB")
    if value not in ("RGB", "BGR"):
        raise InputError(f"expected the card's 'colour' to be RGB or BGR, got {value!r}")
    return value


def _only_input(path: Path) -> str:
    import onnx

    graph = onnx.load(str(path), load_external_data=False).graph
    constants = {tensor.name for tensor in graph.initializer}
    names = [str(value.name) for value in graph.input if value.name not in constants]
    if len(names) != 1:
        raise InputError(f'{path.name} has the inputs {names}; name the picture\'s with "input" in its card')
    return names[0]
