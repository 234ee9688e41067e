"""Attack detectors: a picture and its faces in, an answer a face out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from vultus.types import Face, Image, Liveness, LivenessPoint, ModelCard

__all__ = ["LivenessDetector"]


class LivenessDetector(Protocol):
    """Says of each face how much it looks like somebody present in person.

    Contract (held to by tests/contract/test_liveness.py): one answer a face, in their order;
    an answer does not depend on the other faces or pictures; a face that the detector cannot
    judge is abstained from with its reason, never guessed; the picture is left as it was.
    """

    card: ModelCard
    point: LivenessPoint

    def __call__(self, image: Image, faces: Sequence[Face]) -> tuple[Liveness, ...]:
        """Answers for faces of a picture (H, W, 3)."""
        ...
