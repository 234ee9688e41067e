"""SFace and dlib's network side by side: two recognisers of different training err on different faces.

The score of two faces is 0.8 times SFace's cosine plus 0.2 times that of dlib's descriptors,
as one dot product. dlib's descriptors all point the same way, since they were trained to be
compared by distance; most of their mean is taken off, so that two strangers score about as
low as they do with SFace. Taking off all of it costs more at low error rates than it gains.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import cv2
import numpy as np

from vultus.geometry import ALIGNED_SIZE, TEMPLATE, similarity
from vultus.models.embed import Embedder, check_crops
from vultus.models.embed.dlib_resnet import DESCRIPTOR_SIZE, SOURCE, DlibResNet
from vultus.registry import load, register
from vultus.runtime import EngineOptions
from vultus.types import EmbeddingContract, Image, Landmarks, ModelCard, Vector, unit

__all__ = ["CROP_SIZE", "Accurate", "chip", "sface_crop", "wide_crop"]

# dlib's chip shows less forehead and more chin than the template's square, at 1.46 times its
# scale (its own five points against ours on 840 LFW faces). At 1.5 both lie in one crop: the
# square is its 168 x 168 pixels from (8, 0), the chip its 150 x 150 from (17, 33), as they are.
CROP_SIZE = 184
SCALE = 1.5
SQUARE = (slice(0, 168), slice(8, 176))  # rows, columns
CHIP = (slice(33, 183), slice(17, 167))
# Pixel i of the square reaches from 1.5 i to 1.5 (i + 1), so its centre lies 0.25 further.
WIDE_TEMPLATE: Landmarks = (TEMPLATE * SCALE + (8.25, 0.25)).astype(np.float32)

# Of a grid, within one pair of the least FNMR at FMR 1e-4 on the people of LFW's DevTest, and
# also on the rest of our LFW part; shares of 0.15 to 0.5 with less and less centring are as good.
SHARE = 0.2  # of the score, dlib's
CENTRED = 0.7  # of the mean descriptor, what is taken off


@register(
    ModelCard(
        name="accurate",
        task="embed",
        summary="256-d face embedding, SFace and dlib's ResNet side by side; half as fast, fewer misses",
        code_licence="Apache-2.0",
        weights_licence="Apache-2.0 (SFace), CC0-1.0 (dlib), CC-BY-4.0 (mean, Face Research Lab London Set)",
        origin="SFace of OpenCV Zoo; dlib_face_recognition_resnet_model_v1, Davis King, 2017, "
        "trained on VGG-Face, FaceScrub and web pictures, 7,485 people",
        source=SOURCE,
        parts=("sface",),
        input_size_wh=(CROP_SIZE, CROP_SIZE),
        dimension=2 * DESCRIPTOR_SIZE,
        measured="LFW DevTest, 1,000 pairs: accuracy 0.993, EER 0.010 (sface 0.992, 0.014): "
        "vultus evaluate verification --profile accurate",
    )
)
class Accurate:
    """Cosine similarity of two embeddings is the match score, in [-1, 1]."""

    def __init__(self, card: ModelCard, *, engine: EngineOptions | None = None, models: Path | None = None) -> None:
        self.card = card
        self._sface: Embedder = load("sface", "embed", engine=engine, models=models)
        self._dlib = DlibResNet(engine=engine, models=models)
        mean = _mean()
        self._shift = np.array(mean, dtype=np.float32) * np.float32(CENTRED)
        made_of = [self._sface.contract.weights_sha256, SOURCE.sha256, mean, CENTRED, SHARE]
        self.contract = EmbeddingContract(
            card.name,
            hashlib.sha256(json.dumps(made_of).encode()).hexdigest(),
            2 * DESCRIPTOR_SIZE,
            align="arcface5-wide-v1",
        )

    def crop(self, image: Image, landmarks: Landmarks) -> Image:
        """The aligned face with its chin, (184, 184, 3)."""
        return wide_crop(image, landmarks)

    def __call__(self, crops: Sequence[Image]) -> Vector:
        """Embeddings of wide crops, shape (n, 256), unit rows."""
        check_crops(crops, CROP_SIZE)
        if not crops:
            return np.empty((0, self.contract.dimension), np.float32)
        first = self._sface([sface_crop(crop) for crop in crops])
        second = unit(self._dlib([chip(crop) for crop in crops]) - self._shift, DESCRIPTOR_SIZE)
        return unit(np.hstack([first * math.sqrt(1 - SHARE), second * math.sqrt(SHARE)]))


def wide_crop(image: Image, landmarks: Landmarks) -> Image:
    """The face on the five-point template at 1.5 times its scale, (184, 184, 3); black outside the picture."""
    matrix = similarity(landmarks, WIDE_TEMPLATE)
    scale = math.hypot(matrix[0, 0], matrix[1, 0])
    # A far larger face would alias under bilinear sampling: it is sampled finer, then averaged
    # to the size. Sixteen times is a face of 4,000 pixels; beyond it memory counts for more.
    finer = 2 ** min(math.floor(math.log2(1 / scale)), 4) if 0 < scale < 0.5 else 1
    matrix *= finer
    matrix[:, 2] += (finer - 1) / 2
    sampled = cv2.warpAffine(image, matrix, (CROP_SIZE * finer, CROP_SIZE * finer), flags=cv2.INTER_LINEAR)
    crop: Image = cv2.resize(sampled, (CROP_SIZE, CROP_SIZE), interpolation=cv2.INTER_AREA) if finer > 1 else sampled
    return crop


def sface_crop(crop: Image) -> Image:
    """The part of a wide crop that SFace looks at, (112, 112, 3)."""
    square: Image = cv2.resize(crop[SQUARE], (ALIGNED_SIZE, ALIGNED_SIZE), interpolation=cv2.INTER_LINEAR)
    return square


def chip(crop: Image) -> Image:
    """The part of a wide crop that dlib's network looks at, (150, 150, 3)."""
    return crop[CHIP]


def _mean() -> list[float]:
    """The mean descriptor, made by recipes/accurate_means.py; its file says of which people."""
    text = resources.files("vultus.models.embed").joinpath("accurate_means.json").read_text(encoding="utf-8")
    mean: list[float] = json.loads(text)["mean"]
    return mean
