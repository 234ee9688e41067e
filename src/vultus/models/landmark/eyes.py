"""How open the eyes are, from MediaPipe's eye network, which follows the lids.

The face mesh has lids too, but hardly moves them: in a blink that shuts the eyes of a
portrait video its aspect falls by a tenth, this network's by a quarter to a half.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vultus.models.landmark import Mesh
from vultus.models.landmark.mediapipe import member, opened
from vultus.registry import register
from vultus.runtime import EngineOptions
from vultus.types import Image, ModelCard

__all__ = ["Eyes"]

SIDE = 64  # pixels of the network's input
MARGIN = 2.3  # side of the crop as a share of the eye's width, as the network was trained
SMALLEST = 10.0  # pixels between an eye's corners: below, a crop shows no lids
CORNERS = ((33, 133), (362, 263))  # mesh points of the right and the left eye, in the picture's order
INNER, OUTER = 8, 0  # of the network's own contour
LIDS = ((11, 3), (12, 4), (13, 5))  # upper and lower


@register(
    ModelCard(
        name="eye-contours",
        task="eye",
        summary="how open each eye is, from 71 points of its outline and brow",
        code_licence="Apache-2.0",
        weights_licence="Apache-2.0",
        origin="MediaPipe iris landmark model; Ablavatski et al., arXiv 2006.11341, 2020",
        source=member(
            "iris_landmark.tflite", "d1744d2a09c25f501d39eba4faff47e53ecca8852c5ce19bce8eeac39357521f", 2_640_568
        ),
        input_size_wh=(SIDE, SIDE),
    )
)
class Eyes:
    """The aspects of both eyes of each face that has a mesh."""

    def __init__(self, card: ModelCard, *, engine: EngineOptions | None = None, models: Path | None = None) -> None:
        self.card = card
        self._session = opened(card, engine, models)

    def __call__(self, image: Image, meshes: Sequence[Mesh]) -> tuple[tuple[float, float], ...]:
        """Right and left eye's mean lid distance over its corners' distance, for each mesh.

        About 0.3 to 0.4 open, 0.1 shut. NaN for eyes narrower than 10 pixels.
        """
        aspects: list[tuple[float, float]] = []
        for mesh in meshes:
            corners = [mesh.points[list(pair), :2].astype(np.float64) for pair in CORNERS]
            if min(float(np.linalg.norm(pair[1] - pair[0])) for pair in corners) < SMALLEST:
                aspects.append((math.nan, math.nan))
                continue
            # The network knows left eyes; a right one is shown to it in the mirror.
            crops = [_crop(image, *pair) for pair in corners]
            crops[0] = crops[0][:, ::-1]
            contours = self._session.run(np.stack(crops))[0].reshape(2, -1, 3)[..., :2]
            right, left = (_aspect(contour) for contour in contours)
            aspects.append((right, left))
        return tuple(aspects)


def _crop(image: Image, first: NDArray[np.float64], second: NDArray[np.float64]) -> Image:
    """The square around an eye, turned so that its corners lie level, (64, 64, 3)."""
    across = (second - first) * (MARGIN / SIDE)
    turn = np.array([[across[0], -across[1]], [across[1], across[0]]])
    shift = (first + second) / 2 - turn @ np.full(2, (SIDE - 1) / 2)
    matrix = np.hstack([turn, shift[:, None]])
    halvings = max(math.floor(math.log2(max(float(np.hypot(*across)), 1.0))), 0)
    for _ in range(halvings):  # area sampling where bilinear would skip pixels
        image = cv2.resize(
            image, (max(image.shape[1] // 2, 1), max(image.shape[0] // 2, 1)), interpolation=cv2.INTER_AREA
        )
        matrix = matrix / 2
        matrix[:, 2] -= 0.25
    crop: Image = cv2.warpAffine(
        image, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE
    )
    return crop


def _aspect(contour: NDArray[np.float32]) -> float:
    upper, lower = np.array(LIDS).T
    across = float(np.linalg.norm(contour[INNER] - contour[OUTER]))
    return float(np.linalg.norm(contour[upper] - contour[lower], axis=1).mean()) / max(across, 1e-6)
