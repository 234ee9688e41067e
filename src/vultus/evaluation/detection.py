"""How well faces are found, against boxes that somebody drew: by running a detector, or from its finds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vultus import images
from vultus.analyzer import in_order
from vultus.datasets import layout
from vultus.datasets.boxes import BoxTable
from vultus.errors import InputError
from vultus.evaluation.extraction import Failure, Progress
from vultus.metrics.detection import Detection, Picture, detect_figures
from vultus.types import Box, Face, Image

__all__ = ["DetectionReport", "Finds", "evaluate", "evaluate_finds", "read_finds"]

COLUMNS = ("source", "x1", "y1", "x2", "y2", "score")


@dataclass(frozen=True, slots=True, eq=False)
class Finds:
    """What a detector found in one picture."""

    boxes: NDArray[np.float64]  # (n, 4)
    scores: NDArray[np.float64]  # (n,)


@dataclass(frozen=True, slots=True)
class DetectionReport:
    """The figures, and what could not serve them."""

    figures: Detection
    faces: int  # to be found
    missing: tuple[Path, ...]  # pictures of the list that are not there: left out
    failures: tuple[Failure, ...]  # pictures that cannot be read: nothing found in them
    unlisted: int  # finds in pictures that are not in the list: left out
    caveats: tuple[str, ...]


def evaluate(
    table: BoxTable,
    detect: Callable[[Image], Sequence[Face]],
    *,
    threshold: float = 0.6,
    iou: float = 0.5,
    seed: int = 0,
    progress: Progress | None = None,
) -> DetectionReport:
    """Run a detector on the pictures of a list, one a core.

    detect: a picture (H, W, 3) to its faces; let it give weak finds too, or average precision and
    the curves end where it stops. Missing pictures are left out and told. Refused (InputError): no
    picture is there, no face to be found.
    """

    def find(path: Path) -> Finds | Failure:
        try:
            picture = images.read(path)
        except InputError as error:
            return Failure(path, str(error))
        faces = detect(picture)
        return Finds(_rows([face.box for face in faces]), np.array([face.score for face in faces], dtype=np.float64))

    gone = set(table.missing)
    paths = [picture.source for picture in table.pictures if picture.source not in gone]
    if not paths:
        raise InputError(f"{table.file}: expected pictures beside it, all {len(gone)} are missing, first {min(gone)}")
    found, failures = {}, []
    for at, (path, answer) in enumerate(zip(paths, in_order(find, paths), strict=True), 1):
        if isinstance(answer, Failure):
            failures.append(answer)
        else:
            found[path] = answer
        if progress is not None:
            progress(at, len(paths))
    return _report(table, found, threshold, iou, seed, table.missing, tuple(failures), 0)


def evaluate_finds(
    table: BoxTable, found: Mapping[Path, Finds], *, threshold: float = 0.5, iou: float = 0.5, seed: int = 0
) -> DetectionReport:
    """The same from finds by picture; a picture without an entry has none. Refused: as `evaluate`."""
    listed = {picture.source for picture in table.pictures}
    unlisted = sum(len(finds.scores) for path, finds in found.items() if path not in listed)
    return _report(table, found, threshold, iou, seed, (), (), unlisted)


def read_finds(file: Path, images: Path) -> dict[Path, Finds]:
    """Read finds, `source,x1,y1,x2,y2,score` a row a find, paths relative to `images`.

    Refused: no such file (NotFoundError), another header, a row that cannot be read, a box
    without extent (InputError).
    """
    boxes: dict[Path, list[Box]] = {}
    scores: dict[Path, list[float]] = {}
    for row in layout.rows(file, COLUMNS):
        source = layout.inside(images, row, "source")
        x1, y1, x2, y2 = (row.real(column) for column in COLUMNS[1:5])
        for low, high, column in ((x1, x2, "x2"), (y1, y2, "y2")):
            if high <= low:
                raise row.refuse(column, f"more than {low:g}, as boxes are corners and not width and height")
        boxes.setdefault(source, []).append(Box(x1, y1, x2, y2))
        scores.setdefault(source, []).append(row.real("score"))
    return {source: Finds(_rows(each), np.array(scores[source])) for source, each in boxes.items()}


def _report(
    table: BoxTable,
    found: Mapping[Path, Finds],
    threshold: float,
    iou: float,
    seed: int,
    missing: tuple[Path, ...],
    failures: tuple[Failure, ...],
    unlisted: int,
) -> DetectionReport:
    gone, nothing = set(missing), Finds(np.zeros((0, 4)), np.zeros(0))
    pictures, faces = [], 0
    for picture in table.pictures:
        if picture.source in gone:
            continue
        finds = found.get(picture.source, nothing)
        ignore = np.array([False] * len(picture.boxes) + [True] * len(picture.ignored), dtype=bool)
        pictures.append(Picture(_rows([*picture.boxes, *picture.ignored]), finds.boxes, finds.scores, ignore))
        faces += len(picture.boxes)
    figures = detect_figures(pictures, threshold=threshold, iou=iou, seed=seed)
    said = list(figures.caveats)
    counted = (
        (len(missing), "pictures of the list are missing and left out"),
        (len(failures), "pictures cannot be read: their faces count as not found"),
        (len(table.duplicates), "rows give a box again and are left out"),
        (len(table.flat), "rows give a box without extent and are left out"),
        (unlisted, "finds are in pictures that the list does not name and are left out"),
    )
    said += [f"{count:,} {what}" for count, what in counted if count]
    return DetectionReport(figures, faces, missing, failures, unlisted, tuple(said))


def _rows(boxes: Sequence[Box]) -> NDArray[np.float64]:
    return np.array([(box.x1, box.y1, box.x2, box.y2) for box in boxes], dtype=np.float64).reshape(-1, 4)
