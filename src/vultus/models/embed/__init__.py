"""Face recognisers: an aligned face in, a unit vector out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from vultus.errors import InputError
from vultus.types import EmbeddingContract, Image, Landmarks, ModelCard, Vector

__all__ = ["Embedder", "check_crops"]


class Embedder(Protocol):
    """Turns aligned faces into vectors whose dot product is their likeness.

    Contract (held to by tests/contract/test_embed.py): unit length, float32, the card's
    dimension; a batch gives what single calls give; the crops are left as they were.
    """

    card: ModelCard
    contract: EmbeddingContract

    def crop(self, image: Image, landmarks: Landmarks) -> Image:
        """The part of a picture that this recogniser looks at, turned and scaled by the five points."""
        ...

    def __call__(self, crops: Sequence[Image]) -> Vector:
        """Embeddings of crops, shape (n, D); an empty list gives shape (0, D).

        Refused (InputError): a crop of another size than `crop` gives.
        """
        ...


def check_crops(crops: Sequence[Image], size: int) -> None:
    """Refuse crops that were made for another recogniser (InputError)."""
    for crop in crops:
        if crop.shape != (size, size, 3) or crop.dtype != "uint8":
            raise InputError(
                f"expected aligned crops ({size}, {size}, 3) uint8, got {crop.shape} {crop.dtype}: they were cut for "
                "another recogniser and do not show what this one looks at; read the pictures themselves again"
            )
