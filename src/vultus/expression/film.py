"""The expressions of every face of a video, a row a face and look, as they come.

Faces are followed by place and motion within a shot (`vultus.video.tracking`), without
recognition: what was said of a moment never changes by what is seen later.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from vultus.analyzer import in_order
from vultus.errors import InputError, VideoError
from vultus.expression.smoothing import Smoother
from vultus.models.expression import ExpressionReader
from vultus.types import Box, Expression, Face, Image
from vultus.video import Following, Frame, Live, Progress, Recording, Source, default_stride, open_video, shots
from vultus.video.tracking import Tracker

__all__ = ["SMOOTH", "Finder", "Look", "read_video"]

SMOOTH = 0.5  # seconds; a choice: expressions last from half a second to four (Ekman 2003)


class Finder(Protocol):
    """Whoever finds faces, from several threads at once; `vultus.Analyzer` does."""

    def detect(self, image: Image) -> tuple[Face, ...]: ...


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """One face in one frame of a video."""

    track: int  # a face followed through one shot; numbers are never used twice in a video
    shot: int  # from 0
    frame: int
    time: float  # seconds from the beginning
    box: Box
    seen: Expression  # of this frame alone
    smoothed: Expression  # with what came before it in the track


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    frame: Frame  # without its picture
    begins: bool
    faces: tuple[Face, ...]
    answers: tuple[Expression, ...]


def read_video(
    source: Source | Recording | Live | Iterable[Frame],
    finder: Finder,
    reader: ExpressionReader,
    *,
    every: int | None = None,
    smooth: float = SMOOTH,
    look_ahead: float = 0.0,
    following: Following | None = None,
    progress: Progress | None = None,
) -> Iterator[Look]:
    """A look a face for every `every`-th frame, in the order of frames, then of tracks.

    finder, reader: arranged for several threads (`Analyzer.for_video`). every: None looks ten
    times a second. smooth: time constant in seconds of each track's mean, 0 for none.
    look_ahead: seconds of what comes later that may count, too; looks are then given out that
    much later. Memory does not grow with the length of the video. If it breaks, the looks up to
    there are given out, then VideoError is raised. Refused (InputError): every below 1,
    negative seconds.
    """
    if every is not None and every < 1:
        raise InputError(f"expected every frame (1) or every so manieth, got {every}")
    Smoother[int](smooth, look_ahead)
    if isinstance(source, str | int | os.PathLike):
        with open_video(source) as video:
            yield from read_video(
                video, finder, reader, every=every, smooth=smooth, look_ahead=look_ahead, following=following,
                progress=progress,
            )  # fmt: skip
        return
    info = source.info if isinstance(source, Recording | Live) else None
    stride = every or default_stride(info.rate if info else None)
    broken: list[VideoError] = []
    chosen = _chosen(source, (following or Following()).cut, stride, progress, info.frames if info else None, broken)

    def work(item: tuple[Frame, bool]) -> _Seen:
        frame, begins = item
        image = frame.image()
        faces = finder.detect(image)
        return _Seen(replace(frame, picture=None), begins, faces, reader(image, faces) if faces else ())

    seen = map(work, chosen) if info is not None and info.live else in_order(work, chosen)
    yield from _Tracks(smooth, look_ahead, following or Following(), stride).looks(seen)
    if broken:
        raise broken[0]


def _chosen(
    source: Iterable[Frame],
    cut: float | None,
    stride: int,
    progress: Progress | None,
    frames: int | None,
    broken: list[VideoError],
) -> Iterator[tuple[Frame, bool]]:
    """The first frame of each shot and every `stride`-th after it; a break is laid into `broken`."""
    looked = 0
    try:
        for frame, begins in shots(source, cut):
            if begins or frame.index - looked >= stride:
                looked = frame.index
                yield frame, begins
            if progress is not None:
                progress(frame.index + 1, frames)
    except VideoError as error:
        broken.append(error)


@dataclass(slots=True)
class _Row:
    """A look that may still wait for its smoothed answer."""

    look: Look
    settled: bool = False


class _Tracks:
    """Which face is which, and what each has shown; rows leave in the order in which they came."""

    def __init__(self, smooth: float, look_ahead: float, how: Following, stride: int) -> None:
        self._smooth, self._look_ahead = smooth, look_ahead
        self._tracker = Tracker(confident=how.confident, overlap=how.overlap, gap=max(how.gap, 2 * stride))
        self._smoothers: dict[int, Smoother[_Row]] = {}
        self._rows: deque[_Row] = deque()
        self._shot = -1

    def looks(self, seen: Iterable[_Seen]) -> Iterator[Look]:
        for each in seen:
            if each.begins:
                self._end(self._tracker.close())
                self._shot += 1
            self._take(each)
            self._end(self._tracker.lost(each.frame.index))
            for smoother in self._smoothers.values():
                _settle(smoother.until(each.frame.time))
            yield from self._ready()
        self._end(self._tracker.close())
        yield from self._ready()

    def _take(self, seen: _Seen) -> None:
        given = self._tracker.update(seen.frame.index, seen.faces)
        rows = [
            (number, face.box, answer)
            for number, face, answer in zip(given, seen.faces, seen.answers, strict=True)
            if number is not None
        ]
        for number, box, answer in sorted(rows, key=lambda row: row[0]):
            frame = seen.frame
            row = _Row(Look(number, self._shot, frame.index, frame.time, box, answer, answer))
            self._rows.append(row)
            if number not in self._smoothers:
                self._smoothers[number] = Smoother(self._smooth, self._look_ahead)
            _settle(self._smoothers[number].see(row, frame.time, answer))

    def _end(self, tracks: Iterable[int]) -> None:
        for number in tracks:
            if (smoother := self._smoothers.pop(number, None)) is not None:
                _settle(smoother.end())

    def _ready(self) -> Iterator[Look]:
        while self._rows and self._rows[0].settled:
            yield self._rows.popleft().look


def _settle(found: Iterable[tuple[_Row, Expression]]) -> None:
    for row, smoothed in found:
        row.look, row.settled = replace(row.look, smoothed=smoothed), True
