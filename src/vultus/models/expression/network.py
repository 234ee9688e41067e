"""An ONNX network behind the contract of an expression reader, with the card that its recipe wrote.

The network takes faces (batch, 3, S, S), RGB 0 to 255, and gives probabilities (batch, classes)
that sum to 1, the temperature inside; recipes/expression.py writes such files.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError, WeightsError
from vultus.models.expression import check_crops, ordered
from vultus.models.expression.crop import blank, crop, levelled, unreadable
from vultus.runtime import EngineOptions, Feed, fp32_unless_named, session
from vultus.types import Expression, Face, Image, ModelCard, Rate

__all__ = ["Network", "facts_of"]

UNIT = 1e-3  # how far the probabilities of a face may sum from 1
LEVELLED = ("fer2013", "ferplus")  # sets whose pixels come with their histogram equalised
LEAK = "docs/concepts/expression.md, The leak"


def facts_of(file: Path) -> dict[str, Any]:
    """The card beside a network. Refused (InputError): no JSON object, one without classes."""
    try:
        facts = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"the card {file} cannot be read: {error}") from error
    if not isinstance(facts, dict) or not isinstance(facts.get("classes"), list):
        raise InputError(f'expected a JSON object with "classes" in {file}')
    return facts


class Network:
    """The expression of each face of a picture, calibrated on the faces that its card names."""

    def __init__(self, path: Path, facts: dict[str, Any], card: ModelCard, engine: EngineOptions | None) -> None:
        """Precision "auto" is fp32 here, so that an answer is the same on every CPU.

        Refused (InputError): a card of a classifier of batches, classes that the package does
        not know or that the network has not, a network with another input or output;
        (WeightsError): a file that is no ONNX network.
        """
        refuse_batches(facts, path.name)
        self._places = ordered(str(name) for name in facts["classes"])
        self.side = _checked(path, len(facts["classes"]))
        self.card = card
        self.classes = tuple(str(facts["classes"][place]) for place in self._places)
        self.model = f"{card.name} {str(facts.get('sha256', ''))[:16]}".strip()
        self.accuracy, self.tested_on = tested(facts)
        training = facts.get("training")
        self._level = facts.get("levels") == "equalised" or (
            isinstance(training, dict) and training.get("data") in LEVELLED
        )
        self._session = session(path, Feed(_input(path).name), fp32_unless_named(engine))

    def __call__(self, image: Image, faces: Sequence[Face]) -> tuple[Expression, ...]:
        """One answer a face; the faces run one by one, so that none depends on the others."""
        if not len(faces):
            return ()
        grey: Image = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
        return tuple(self._read(image, grey, face) for face in faces)

    def read_crops(self, crops: NDArray[np.uint8]) -> tuple[Expression, ...]:
        """One answer a crop (B, S, S, 3), as the set of the card has its faces; nothing is levelled.

        Refused (InputError): another size or dtype, NaN.
        """
        return tuple(self._answer(each, each) for each in check_crops(crops, self.side))

    def probabilities(self, crops: NDArray[np.uint8]) -> NDArray[np.float64]:
        """What the network gives for a batch (B, S, S, 3), (B, classes), in the package's order.

        Refused (WeightsError): numbers that are no probabilities.
        """
        found = self._session.run(crops)[0].astype(np.float64)
        if not np.isfinite(found).all() or (found < 0).any() or (np.abs(found.sum(axis=1) - 1) > UNIT).any():
            raise WeightsError(f"{self.card.name}: expected probabilities that sum to 1, got {found[0].tolist()}")
        kept = found[:, list(self._places)]
        return np.asarray(kept / kept.sum(axis=1, keepdims=True), np.float64)

    def _read(self, image: Image, grey: Image, face: Face) -> Expression:
        if reason := unreadable(image, face):
            return Expression(self.classes, (), self.model, reason)
        pixels = crop(grey, face.landmarks, self.side)
        return self._answer(pixels, levelled(pixels) if self._level else pixels)

    def _answer(self, found: Image, pixels: Image) -> Expression:
        """found: the crop as it was; pixels: as the network wants it."""
        if blank(found):
            reason = "the face is blank or nearly so: too little can be seen in it; more light may help"
            return Expression(self.classes, (), self.model, reason)
        return Expression(self.classes, tuple(self.probabilities(pixels[None])[0].tolist()), self.model)


def tested(facts: dict[str, Any]) -> tuple[Rate | None, str]:
    """Accuracy on the test set of a card, and that set's name; None where it was not tested."""
    found = facts.get("figures", {}).get("test", {})
    try:
        count, total, low, high = found["accuracy"]
        return Rate(int(count), int(total), float(low), float(high)), str(found["set"])
    except (KeyError, TypeError, ValueError):
        return None, ""


def refuse_batches(facts: dict[str, Any], name: str) -> None:
    """Refuse (InputError) a card that says its network answers for batches."""
    training = facts.get("training")
    head = training.get("head") if isinstance(training, dict) and training.get("net") == "convcut" else None
    if "batch" in (facts.get("kind"), facts.get("head"), head):
        raise InputError(
            f"{name}: its card says that it answers for batches, so a face would be read by the company that it is in; "
            f"expected a classifier of single faces ({LEAK})"
        )


def _input(path: Path) -> Any:
    import onnx

    graph = onnx.load(str(path), load_external_data=False).graph
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in constants]
    if len(inputs) != 1:
        raise InputError(f"{path.name}: expected a network with one input, got {len(inputs)}")
    return inputs[0]


def _checked(path: Path, classes: int) -> int:
    """The side of the faces that a network wants. Refused: as for `Network`."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        graph = onnx.load(str(path), load_external_data=False).graph
    except (OSError, DecodeError) as error:
        advice = "; a checkpoint of PyTorch is exported by recipes/expression.py --test" if _is_zip(path) else ""
        raise WeightsError(f"{path.name} cannot be read as an ONNX network: {error}{advice}") from error
    given, out = _input(path), [_shape(each) for each in graph.output]
    shape, kind = _shape(given), given.type.tensor_type.elem_type
    square = len(shape) == 4 and shape[1] == 3 and shape[2] == shape[3] and (shape[2] or 0) > 0
    if not square or kind != onnx.TensorProto.FLOAT:
        kinds = onnx.TensorProto.DataType.Name(kind)
        raise InputError(
            f"{path.name}: expected faces (batch, 3, S, S) of FLOAT as input, got {_told(shape)} of {kinds}; "
            "is it a network of another kind?"
        )
    if not out or len(out[0]) != 2 or out[0][1] != classes:
        raise InputError(
            f"{path.name}: expected probabilities (batch, {classes}) as its card's classes say, "
            f"got {', '.join(map(_told, out)) or 'nothing'}; the card or the network is of another architecture"
        )
    return int(shape[2] or 0)


def _is_zip(path: Path) -> bool:
    try:
        return path.read_bytes()[:2] == b"PK"
    except OSError:
        return False


def _shape(value: Any) -> list[int | None]:
    """Sizes of the axes; None where they are free."""
    axes = value.type.tensor_type.shape.dim
    return [axis.dim_value if axis.HasField("dim_value") else None for axis in axes]


def _told(shape: Sequence[int | None]) -> str:
    return "(" + ", ".join("batch" if size is None else str(size) for size in shape) + ")"
