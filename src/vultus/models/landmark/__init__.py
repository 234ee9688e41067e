"""Dense facial landmarks: a picture and its faces in, a mesh for each face out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vultus.types import Face, Image, ModelCard

__all__ = ["POINTS", "LandmarkModel", "Mesh"]

POINTS = 468  # in the numbering of MediaPipe's face mesh


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """A face as 468 points.

    x and y lie in pixels of the source picture and may lie outside it; z is depth in the
    same scale, smaller towards the camera. The depth is what the network expects of a
    face: it looks the same for a photograph of one and proves nothing.
    """

    points: NDArray[np.float32]  # (468, 3)
    presence: float  # how sure the network is that the crop holds a face, 0 to 1


class LandmarkModel(Protocol):
    """Lays a mesh over each face.

    Contract (held to by tests/contract/test_landmark.py): one mesh a face in the order
    given, also where the face reaches beyond the picture; no faces give an empty tuple; a
    batch gives what single calls give; the picture is left as it was.
    """

    card: ModelCard

    def __call__(self, image: Image, faces: Sequence[Face]) -> tuple[Mesh, ...]:
        """Meshes of faces that a detector found in the picture (H, W, 3)."""
        ...
