"""Faces of every size in a picture of any size, with a detector that knows one scale.

A single-scale detector loses faces that fill the frame and faces of a few pixels alike.
The picture is searched at its own size and at a quarter, a sixteenth, … of it, each level
cut into tiles that overlap; what several passes found is merged. The quarter steps cost
7 % more than the first level alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from vultus.geometry import merge, rotate_back
from vultus.models.detect import Detector
from vultus.models.detect.closer import closer
from vultus.types import Box, Face, Image

__all__ = ["Pyramid", "Tile", "levels", "tiles"]

STEP = 4  # size ratio of neighbouring levels; the detector's own range is over 20
COARSEST = 400  # pixels: a level whose long side is at most this ends the pyramid
OVERLAP = 96  # pixels that neighbouring tiles share; larger faces are whole on the next level
COARSER = 0.05  # score that a level is set back by: points found on a finer one are more exact
SURE = 0.9  # score that 99 in 100 upright LFW faces reach; 1 in 120 turned portraits does too
TURNED_SIDE = 1280  # pixels, long side of the copy on which orientations are compared
TOGETHER = 3 * 512 * 512  # bytes: parts up to this are given to the detector together
LARGEST_TILE = 1536  # pixels; bounds the memory of one call (0.3 GB)


@dataclass(frozen=True, slots=True)
class Tile:
    """A part of a level, in the level's pixels."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """A tile of a level of one of several pictures."""

    picture: int
    depth: int
    last: bool
    level_wh: tuple[int, int]
    tile: Tile
    pixels: Image

    def cuts(self, face: Face) -> bool:
        """The face touches a side where the tile ends and the level goes on; the next level has it whole."""
        box, tile, (width, height) = face.box, self.tile, self.level_wh
        return (
            (tile.x > 0 and box.x1 < 1)
            or (tile.y > 0 and box.y1 < 1)
            or (tile.x + tile.width < width and box.x2 > tile.width - 1)
            or (tile.y + tile.height < height and box.y2 > tile.height - 1)
        )


@dataclass(frozen=True, slots=True)
class Pyramid:
    """Search a picture at every scale.

    smallest: face side in pixels of the source that should still be found; larger values
    are faster (the first level is shrunk), smaller ones enlarge the picture, up to twice.
    rotations: where no face is found beyond doubt, look again with the picture turned by
    90, 180 and 270 degrees: a sideways group gives a weak false face or two upright.
    again: take the points of large faces from a second look (`vultus.models.detect.closer`).
    """

    detector: Detector
    smallest: float = 16.0
    rotations: bool = True
    again: bool = True

    def __call__(self, image: Image) -> list[Face]:
        """All faces, by area descending, then x1, then y1; boxes in source pixels."""
        return self.many([image])[0]

    def many(self, images: Sequence[Image]) -> list[list[Face]]:
        """As for each picture by itself, with small parts of one size searched together, which is faster."""
        found = self._search(images)
        if self.rotations:
            found = [
                self._turned(image, faces) if _best(faces) < SURE else faces
                for image, faces in zip(images, found, strict=True)
            ]
        if self.again:
            found = [closer(self.detector, image, faces) for image, faces in zip(images, found, strict=True)]
        return [sorted(faces, key=lambda face: (-face.box.area, face.box.x1, face.box.y1)) for faces in found]

    def _search(self, images: Sequence[Image]) -> list[list[Face]]:
        parts = [_Part(number, *part) for number, image in enumerate(images) for part in self._parts(image)]
        found: list[list[Face]] = [[] for _ in images]
        ranks: list[list[float]] = [[] for _ in images]
        for part, faces in zip(parts, self._detected(parts), strict=True):
            height, width = images[part.picture].shape[:2]
            for face in faces:
                side = max(face.box.width, face.box.height)
                if part.cuts(face) or not (part.last or side <= self.detector.largest):
                    continue
                face = _moved(face, part.tile.x, part.tile.y) if part.tile.x or part.tile.y else face
                found[part.picture].append(_scaled(face, width / part.level_wh[0], height / part.level_wh[1]))
                ranks[part.picture].append(face.score - part.depth * COARSER)
        return [merge(faces, rank=rank) for faces, rank in zip(found, ranks, strict=True)]

    def _detected(self, parts: Sequence[_Part]) -> list[list[Face]]:
        """The faces of each part in its own pixels; large parts are searched one by one, for their memory."""
        faces: list[list[Face]] = [[] for _ in parts]
        small = [number for number, part in enumerate(parts) if part.pixels.size <= TOGETHER]
        for number, part in enumerate(parts):
            if part.pixels.size > TOGETHER:
                (faces[number],) = self.detector([_on_canvas(part.pixels)])
        if small:
            for number, each in zip(small, self.detector([_on_canvas(parts[n].pixels) for n in small]), strict=True):
                faces[number] = each
        return faces

    def _parts(self, image: Image) -> Iterator[tuple[int, bool, tuple[int, int], Tile, Image]]:
        """Every tile of every level: depth, whether it is the last, the level's size, the tile, its pixels."""
        height, width = image.shape[:2]
        scales = levels((width, height), min(self.detector.smallest / self.smallest, 2.0))
        level = image
        for depth, scale in enumerate(scales):
            level = _resized(level, (width, height), scale)
            level_wh = (level.shape[1], level.shape[0])
            for tile in tiles(level_wh):
                pixels = level[tile.y : tile.y + tile.height, tile.x : tile.x + tile.width]
                yield depth, depth == len(scales) - 1, level_wh, tile, pixels

    def _turned(self, image: Image, upright: list[Face]) -> list[Face]:
        """What the picture shows in the orientation whose best face is surest.

        The detector also finds faces that lie on their side or head, a little less surely
        and with points in the wrong places, so the orientations are compared rather than
        the first find taken. They are compared on a small copy, which is enough for that.
        """
        scale = min(TURNED_SIDE / max(image.shape[:2]), 1.0)
        small = _resized(image, (image.shape[1], image.shape[0]), scale)
        trials = {rotation: _best(self._search([_rotated(small, rotation)])[0]) for rotation in (90, 180, 270)}
        rotation = max(trials, key=lambda turn: trials[turn])
        if trials[rotation] <= _best(upright):
            return upright
        size_wh = (image.shape[1], image.shape[0])
        return [_turned_back(face, rotation, size_wh) for face in self._search([_rotated(image, rotation)])[0]]


def _best(faces: list[Face]) -> float:
    return max((face.score for face in faces), default=0.0)


def _rotated(image: Image, rotation: int) -> Image:
    """The picture turned clockwise."""
    code = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}[rotation]
    return np.ascontiguousarray(cv2.rotate(image, code))


def levels(size_wh: tuple[int, int], first: float) -> list[float]:
    """Scales at which a picture is searched, finest first.

    >>> levels((6000, 4000), 1.0)
    [1.0, 0.25, 0.0625]
    """
    scales = [first]
    while max(size_wh) * scales[-1] > COARSEST:
        scales.append(scales[-1] / STEP)
    return scales


def tiles(size_wh: tuple[int, int]) -> list[Tile]:
    """Cut a level into equal tiles that overlap; one tile if it is small enough.

    >>> tiles((640, 480))
    [Tile(x=0, y=0, width=640, height=480)]
    """
    across, down = _spans(size_wh[0]), _spans(size_wh[1])
    return [Tile(x, y, width, height) for y, height in down for x, width in across]


def _spans(length: int) -> list[tuple[int, int]]:
    count = 1 if length <= LARGEST_TILE else math.ceil((length - OVERLAP) / (LARGEST_TILE - OVERLAP))
    extent = math.ceil((length + (count - 1) * OVERLAP) / count)
    return [(min(index * (extent - OVERLAP), length - extent), extent) for index in range(count)]


def _on_canvas(part: Image) -> Image:
    """Pad to one of a few canvas sizes: each size costs a compilation of the network."""
    height, width = part.shape[:2]
    canvas_h, canvas_w = _canvas(height), _canvas(width)
    if (canvas_h, canvas_w) == (height, width):
        return part
    canvas = np.zeros((canvas_h, canvas_w, 3), dtype=np.uint8)
    canvas[:height, :width] = part
    return canvas


def _canvas(side: int) -> int:
    step = 32 if side <= 256 else 64 if side <= 640 else 128
    return -(-side // step) * step


def _resized(image: Image, size_wh: tuple[int, int], scale: float) -> Image:
    """The picture at `scale` times `size_wh`, made from any larger copy of it.

    Each level is made from the one before it, and area sampling, which costs seven times
    as much as bilinear, is kept for where bilinear would skip pixels.
    """
    wanted = (max(round(size_wh[0] * scale), 1), max(round(size_wh[1] * scale), 1))
    if wanted == (image.shape[1], image.shape[0]):
        return image
    shrink = wanted[0] / image.shape[1]
    resized: Image = cv2.resize(image, wanted, interpolation=cv2.INTER_AREA if shrink < 0.5 else cv2.INTER_LINEAR)
    return resized


def _moved(face: Face, x: float, y: float) -> Face:
    box = face.box
    return replace(
        face,
        box=Box(box.x1 + x, box.y1 + y, box.x2 + x, box.y2 + y),
        landmarks=face.landmarks + np.array([x, y], dtype=np.float32),
    )


def _scaled(face: Face, across: float, down: float) -> Face:
    box = face.box
    return replace(
        face,
        box=Box(box.x1 * across, box.y1 * down, box.x2 * across, box.y2 * down),
        landmarks=face.landmarks * np.array([across, down], dtype=np.float32),
    )


def _turned_back(face: Face, rotation: int, size_wh: tuple[int, int]) -> Face:
    box = face.box
    corners = rotate_back(np.array([(box.x1, box.y1), (box.x2, box.y2)]), rotation, size_wh)
    (x1, y1), (x2, y2) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    points = rotate_back(face.landmarks, rotation, size_wh)
    return Face(Box(x1, y1, x2, y2), points, face.score, rotation)  # type: ignore[arg-type]
