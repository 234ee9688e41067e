"""Expression readers: a picture and its faces in, what each face shows out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError
from vultus.types import Expression, Face, Image, ModelCard, Rate

__all__ = ["CLASSES", "ExpressionReader", "check_crops", "ordered"]

# The package's own order: FER2013's coding, and contempt, which some sets have, behind it.
CLASSES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral", "contempt")


class ExpressionReader(Protocol):
    """Says of each face which expression it shows.

    Contract (held to by tests/contract/test_expression.py): one answer a face, in their order;
    an answer does not depend on the other faces or pictures; probabilities stand in the order
    of `CLASSES` and sum to 1; a face that cannot be read is abstained from with its reason,
    never guessed; the picture is left as it was.
    """

    card: ModelCard
    classes: tuple[str, ...]  # in the package's order
    model: str  # name and weights, as answers have it
    accuracy: Rate | None  # on the test set of its card; None: never tested
    tested_on: str  # that set

    def __call__(self, image: Image, faces: Sequence[Face]) -> tuple[Expression, ...]:
        """Answers for faces of a picture (H, W, 3)."""
        ...

    def read_crops(self, crops: NDArray[np.uint8]) -> tuple[Expression, ...]:
        """Answers for faces that are cut out already, (B, S, S, 3) as the model's card has them."""
        ...


def ordered(names: Iterable[str]) -> tuple[int, ...]:
    """Where each class of the package's order stands among a model's own; always by name.

    Refused (InputError): a class that the package does not know, one that comes twice, fewer than two.

    >>> ordered(["sad", "happy"])
    (1, 0)
    """
    own = list(names)
    if wrong := [name for name in own if name not in CLASSES]:
        raise InputError(f"expected classes out of {', '.join(CLASSES)}, got {', '.join(map(repr, wrong))}")
    if len(set(own)) != len(own) or len(own) < 2:
        raise InputError(f"expected two classes or more, each once, got {', '.join(own) or 'none'}")
    return tuple(own.index(name) for name in CLASSES if name in own)


def check_crops(crops: NDArray[Any], side: int) -> NDArray[np.uint8]:
    """Crops (B, side, side, 3) uint8, or a refusal (InputError) that says what came instead."""
    given = np.asarray(crops)
    if given.dtype.kind == "f" and not np.isfinite(given).all():
        raise InputError(f"expected crops of uint8, got {given.dtype} with NaN or infinity")
    if given.dtype != np.uint8 or given.ndim != 4 or given.shape[1:] != (side, side, 3):
        raise InputError(f"expected crops (B, {side}, {side}, 3) of uint8, got {given.shape} of {given.dtype}")
    return given
