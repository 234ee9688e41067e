"""What is known of one face over the frames in which it was followed."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vultus.types import Box, Reading, Vector

__all__ = ["Route", "Sighting", "Track"]

SLACK = 0.05  # of the face's side: how far a box that is left out may lie from the line between its neighbours
AHEAD = 30  # boxes looked at together before one is kept
KEPT = 1024  # boxes kept of a track, however long


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """A face in one frame."""

    frame: int
    time: float  # seconds
    reading: Reading

    @property
    def good(self) -> bool:
        """Whether the reading passes the analyzer's gate."""
        return not self.reading.refusals


@dataclass(slots=True)
class Route:
    """The boxes of a track, thinned so that straight lines between them tell the rest."""

    frames: list[int] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)
    _waiting: list[tuple[int, Box]] = field(default_factory=list)

    def add(self, frame: int, box: Box) -> None:
        """Take in the box of a later frame."""
        if not self.frames:
            self._keep(frame, box)
            return
        start = (self.frames[-1], self.boxes[-1])
        slack = SLACK * min(box.width, box.height)
        straight = all(_distance(_between(start, (frame, box), at), seen) <= slack for at, seen in self._waiting)
        if self._waiting and (not straight or len(self._waiting) >= AHEAD):
            self._keep(*self._waiting[-1])
            self._waiting.clear()
        self._waiting.append((frame, box))

    def at(self, frame: int) -> Box | None:
        """The box in a frame between the first and the last, None outside."""
        last = self._waiting[-1:]
        frames = self.frames + [at for at, _ in last]
        boxes = self.boxes + [box for _, box in last]
        if not frames or not frames[0] <= frame <= frames[-1]:
            return None
        after = int(np.searchsorted(frames, frame))
        if frames[after] == frame:
            return boxes[after]
        return _between((frames[after - 1], boxes[after - 1]), (frames[after], boxes[after]), frame)

    def parted(self, frame: int) -> tuple[Route, Route]:
        """The boxes before a frame, and those from it on."""
        every = [*zip(self.frames, self.boxes, strict=True), *self._waiting]
        parts = (Route(), Route())
        for at, box in every:
            parts[at >= frame].add(at, box)
        return parts

    def _keep(self, frame: int, box: Box) -> None:
        self.frames.append(frame)
        self.boxes.append(box)
        if len(self.frames) > KEPT:
            self.frames[:] = self.frames[::2]
            self.boxes[:] = self.boxes[::2]


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One face from its first to its last frame within one shot: one row of the answer.

    Begin and end are those frames in which the detector saw the face, so a face that walks
    in or out in the middle of a shot is off by less than the stride; cuts are exact.
    """

    id: int  # in the order of beginning
    shot: int  # number of the shot, from 0
    first: int  # frame
    last: int
    start: float  # seconds
    end: float
    seen: int  # frames in which the detector found it
    good: int  # of these, frames that pass the analyzer's gate
    best: Sighting  # the best by quality; among the good ones if there are any
    template: Vector | None  # pooled over the best good frames; None when no frame is good
    pooled: int  # frames behind the template
    route: Route
    open_since: int | None  # first frame of the oldest track that still goes on, when this one was given out

    @property
    def frames(self) -> int:
        """Length in frames, those between detections included."""
        return self.last - self.first + 1

    def box(self, frame: int) -> Box | None:
        """Where the face is in a frame of the track, None outside it."""
        return self.route.at(frame)

    def meets(self, other: Track) -> bool:
        """Whether the two share a moment: then they cannot be one person."""
        return self.first <= other.last and other.first <= self.last


def _between(start: tuple[int, Box], end: tuple[int, Box], frame: int) -> Box:
    share = (frame - start[0]) / (end[0] - start[0])
    first, last = _row(start[1]), _row(end[1])
    return Box(*(first + share * (last - first)).tolist())


def _distance(first: Box, second: Box) -> float:
    return float(np.abs(_row(first) - _row(second)).max())


def _row(box: Box) -> NDArray[np.float64]:
    return np.array([box.x1, box.y1, box.x2, box.y2])
