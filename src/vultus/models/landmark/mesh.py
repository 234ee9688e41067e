"""MediaPipe's face mesh: 468 points a face, from the plain network without attention."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vultus.models.landmark import POINTS, Mesh
from vultus.models.landmark.mediapipe import member, opened
from vultus.registry import register
from vultus.runtime import EngineOptions
from vultus.types import Face, Image, Landmarks, ModelCard

__all__ = ["FaceMesh", "Region", "region_of_landmarks", "region_of_points"]

SIDE = 192  # pixels of the network's input, both sides
MARGIN = 1.5  # side of the crop as a share of the mesh's longer side, as the network was trained
OUTER_CORNERS = (33, 263)  # of the right and the left eye
BATCHES = (4, 1)
PASSES = 2

# From the five points to the crop that the mesh itself would ask for (see region_of_landmarks).
EYES_TO_SIDE = 3.65
DROP_TO_SIDE = 3.55
CENTRE_DOWN = 0.47


@dataclass(frozen=True, slots=True)
class Region:
    """A turned square of the picture."""

    x: float  # centre, pixels
    y: float
    side: float  # pixels
    roll: float  # radians, clockwise in the picture

    def matrix(self) -> NDArray[np.float64]:
        """From crop to picture: picture = crop @ M[:, :2].T + M[:, 2], shape (2, 3)."""
        scale = self.side / SIDE
        cosine, sine = math.cos(self.roll) * scale, math.sin(self.roll) * scale
        turn = np.array([[cosine, -sine], [sine, cosine]])
        middle = np.array([self.x, self.y]) - turn @ np.full(2, (SIDE - 1) / 2)
        return np.hstack([turn, middle[:, None]])


def region_of_landmarks(landmarks: Landmarks) -> Region:
    """Where the mesh network should look, from the detector's five points.

    The points name the eyes and the mouth; how far the face reaches beyond them is the
    median over portraits. A face turned aside brings its eyes nearer together but not its
    eyes and mouth, so the larger of both answers is taken.
    """
    points = landmarks.astype(np.float64)
    across = points[1] - points[0]
    eyes, mouth = points[:2].mean(axis=0), points[3:].mean(axis=0)
    roll = math.atan2(across[1], across[0])
    drop = float(np.linalg.norm(mouth - eyes))
    side = max(EYES_TO_SIDE * float(np.hypot(*across)), DROP_TO_SIDE * drop, 1.0)
    x, y = eyes + CENTRE_DOWN * (mouth - eyes)
    return Region(float(x), float(y), side, roll)


def region_of_points(points: NDArray[np.floating]) -> Region:
    """Where the mesh network should look, from a mesh (468, 2 or more) of the same face."""
    right, left = points[OUTER_CORNERS[0], :2], points[OUTER_CORNERS[1], :2]
    roll = math.atan2(float(left[1] - right[1]), float(left[0] - right[0]))
    cosine, sine = math.cos(roll), math.sin(roll)
    turn = np.array([[cosine, sine], [-sine, cosine]])  # picture to upright
    upright = points[:, :2].astype(np.float64) @ turn.T
    low, high = upright.min(axis=0), upright.max(axis=0)
    x, y = turn.T @ ((low + high) / 2)
    return Region(float(x), float(y), MARGIN * max(float((high - low).max()), 1.0), roll)


@register(
    ModelCard(
        name="face-mesh",
        task="landmark",
        summary="468 points a face with depth",
        code_licence="Apache-2.0",
        weights_licence="Apache-2.0",
        origin="MediaPipe face landmark model; Kartynnik et al., arXiv 1907.06724, 2019",
        source=member(
            "face_landmark.tflite", "2efcb4f4de43c7614b80a3cc3e8a37354b3b3b40f75cce20f6f38f0f25d65493", 2_439_440
        ),
        input_size_wh=(SIDE, SIDE),
    )
)
class FaceMesh:
    """The mesh of each face, found from its five points and looked at again from its own outline."""

    def __init__(
        self,
        card: ModelCard,
        *,
        passes: int = PASSES,
        engine: EngineOptions | None = None,
        models: Path | None = None,
    ) -> None:
        """passes: how often the network looks, each time at the crop that the last mesh asks for."""
        self.card = card
        self.passes = passes
        self._session = opened(card, engine, models)

    def __call__(self, image: Image, faces: Sequence[Face]) -> tuple[Mesh, ...]:
        """One mesh a face, in the order given."""
        meshes: tuple[Mesh, ...] = ()
        regions = [region_of_landmarks(face.landmarks) for face in faces]
        for _ in range(self.passes if faces else 0):
            meshes = self.within(image, regions)
            regions = [region_of_points(mesh.points) for mesh in meshes]
        return meshes

    def within(self, image: Image, regions: Sequence[Region]) -> tuple[Mesh, ...]:
        """The meshes of faces that fill the regions as the network expects; one look each."""
        crops = [_crop(image, region) for region in regions]
        meshes: list[Mesh] = []
        while len(meshes) < len(crops):
            start = len(meshes)
            size = next(size for size in BATCHES if size <= len(crops) - start)
            points, presence = self._session.run(np.stack(crops[start : start + size]))
            for row in range(size):
                found = points[row].reshape(POINTS, 3)
                sure = float(np.clip(presence[row].item(), -60, 60))
                meshes.append(Mesh(_to_picture(found, regions[start + row]), 1 / (1 + math.exp(-sure))))
        return tuple(meshes)


def _to_picture(points: NDArray[np.float32], region: Region) -> NDArray[np.float32]:
    matrix = region.matrix()
    placed = np.empty((POINTS, 3), dtype=np.float32)
    placed[:, :2] = points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    placed[:, 2] = points[:, 2] * (region.side / SIDE)
    return placed


def _crop(image: Image, region: Region) -> Image:
    """The region at the network's size, (192, 192, 3); beyond the picture its edge goes on."""
    matrix = region.matrix()
    halvings = max(math.floor(math.log2(region.side / SIDE)), 0)
    if halvings:
        image, offset = _halved(image, region, 2**halvings)
        # A pixel of the halved part is the mean of `factor` pixels: its centre lies between them.
        factor = 2**halvings
        matrix = matrix / factor
        matrix[:, 2] -= (offset + (factor - 1) / 2) / factor
    crop: Image = cv2.warpAffine(
        image,
        matrix,
        (SIDE, SIDE),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return crop


def _halved(image: Image, region: Region, factor: int) -> tuple[Image, NDArray[np.float64]]:
    """The part of the picture under the region, shrunk by `factor`, and the part's first pixel (x, y)."""
    height, width = image.shape[:2]
    reach = region.side / math.sqrt(2) + factor
    x1, y1 = (int(np.clip(middle - reach, 0, size - 1)) for middle, size in ((region.x, width), (region.y, height)))
    x2, y2 = (
        int(np.clip(math.ceil(middle + reach), first + 1, size))
        for middle, first, size in ((region.x, x1, width), (region.y, y1, height))
    )
    part = image[y1:y2, x1:x2]
    # The last rows and columns are repeated up to a whole number of cells.
    spare_h, spare_w = -part.shape[0] % factor, -part.shape[1] % factor
    part = cv2.copyMakeBorder(part, 0, spare_h, 0, spare_w, cv2.BORDER_REPLICATE)
    size_wh = (part.shape[1] // factor, part.shape[0] // factor)
    small: Image = cv2.resize(part, size_wh, interpolation=cv2.INTER_AREA)
    return small, np.array([x1, y1], dtype=np.float64)
