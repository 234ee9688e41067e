"""Which detection is which face of the frames before, by place and motion alone.

Two passes after ByteTrack (Zhang et al., ECCV 2022): confident detections first, then the
weak ones for faces that would otherwise be lost to blur or a turned head. Only confident
ones begin a track. No randomness: the same detections give the same tracks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vultus.geometry import box_array, iou
from vultus.types import Face

__all__ = ["Motion", "Tracker", "pair"]

Boxes = NDArray[np.float32]  # (n, 4)


@dataclass(slots=True)
class Motion:
    """Where a face was and how it moves: centre and size at constant velocity."""

    frame: int
    box: Boxes  # (4,)
    velocity: Boxes  # (4,), pixels a frame, of centre x, centre y, width, height

    @classmethod
    def begin(cls, frame: int, box: Boxes) -> Motion:
        return cls(frame, box, np.zeros(4, np.float32))

    def at(self, frame: int) -> Boxes:
        """The box expected at a later frame, (4,)."""
        moved = _centred(self.box) + self.velocity * np.float32(frame - self.frame)
        moved[2:] = np.maximum(moved[2:], 1)
        return _cornered(moved)

    def see(self, frame: int, box: Boxes) -> None:
        """Take a new box in; the velocity is a running mean, since boxes jitter by a few pixels."""
        step = (_centred(box) - _centred(self.box)) / np.float32(max(frame - self.frame, 1))
        step[2:] *= 0.5  # sizes jitter more than they change
        if self.velocity.any():
            step = (self.velocity + step) / np.float32(2)
        self.velocity = step
        self.frame, self.box = frame, box


class Tracker:
    """Tracks of one shot after another; numbers are never used twice."""

    def __init__(self, *, confident: float = 0.6, overlap: float = 0.3, gap: int = 10) -> None:
        """confident: detector score that may begin a track. overlap: least IoU of a pair.

        gap: frames that a face may be away before its track ends.
        """
        self.confident = confident
        self.overlap = overlap
        self.gap = gap
        self._next = 0
        self._live: dict[int, Motion] = {}

    @property
    def live(self) -> tuple[int, ...]:
        """Numbers of the tracks that have not ended, oldest first."""
        return tuple(self._live)

    def update(self, frame: int, faces: Sequence[Face]) -> list[int | None]:
        """The track of each face of a frame; None for a weak detection that continues nothing."""
        given: list[int | None] = [None] * len(faces)
        boxes = box_array(faces)
        strong = [index for index, face in enumerate(faces) if face.score >= self.confident]
        weak = [index for index, face in enumerate(faces) if face.score < self.confident]
        free = list(self._live)
        for group in (strong, weak):
            # Where it was going, or where it was: heads stop and turn within a few frames, and
            # at a stride of 3 to 5 the velocity alone splits three times as many tracks.
            going = np.array([self._live[track].at(frame) for track in free], np.float32).reshape(-1, 4)
            standing = np.array([self._live[track].box for track in free], np.float32).reshape(-1, 4)
            overlaps = np.maximum(iou(going, boxes[group]), iou(standing, boxes[group]))
            for row, column in pair(overlaps, self.overlap):
                given[group[column]] = free[row]
            taken = set(given)
            free = [track for track in free if track not in taken]
        for index in strong:
            if given[index] is None:
                given[index] = self._next
                self._next += 1
        for index, track in enumerate(given):
            if track is None:
                continue
            if track in self._live:
                self._live[track].see(frame, boxes[index])
            else:
                self._live[track] = Motion.begin(frame, boxes[index])
        return given

    def lost(self, frame: int) -> tuple[int, ...]:
        """End the tracks that were away for more than `gap` frames, and name them."""
        gone = tuple(track for track, motion in self._live.items() if frame - motion.frame > self.gap)
        for track in gone:
            del self._live[track]
        return gone

    def renumber(self, track: int) -> int:
        """Go on with a track under a new number, which is returned."""
        number, self._next = self._next, self._next + 1
        self._live[number] = self._live.pop(track)
        return number

    def close(self) -> tuple[int, ...]:
        """End all tracks, and name them."""
        gone = self.live
        self._live.clear()
        return gone


def pair(overlaps: NDArray[np.float32], least: float) -> list[tuple[int, int]]:
    """Rows with columns, the largest overlap first, each used once; equal ones by row, then column.

    >>> pair(np.array([[0.9, 0.8], [0.85, 0.1]], np.float32), 0.3)
    [(0, 0)]
    """
    rows, columns = np.nonzero(overlaps >= least)
    order = np.argsort(-overlaps[rows, columns], kind="stable")
    used_rows: set[int] = set()
    used_columns: set[int] = set()
    pairs = []
    for row, column in zip(rows[order].tolist(), columns[order].tolist(), strict=True):
        if row not in used_rows and column not in used_columns:
            used_rows.add(row)
            used_columns.add(column)
            pairs.append((row, column))
    return pairs


def _centred(box: Boxes) -> Boxes:
    x1, y1, x2, y2 = box.tolist()
    return np.array([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1], np.float32)


def _cornered(box: Boxes) -> Boxes:
    x, y, width, height = box.tolist()
    return np.array([x - width / 2, y - height / 2, x + width / 2, y + height / 2], np.float32)
