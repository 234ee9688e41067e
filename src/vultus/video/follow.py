"""Follow every face through a video: detect now and then, keep the best, embed at the end."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Protocol

from vultus.errors import VideoError
from vultus.runtime import cores
from vultus.types import Box, Face, Image, Reading, Vector
from vultus.video.frame import Frame, Recording
from vultus.video.live import Live
from vultus.video.ongoing import Following, Ongoing, crop
from vultus.video.shot import shots
from vultus.video.sources import Source, open_video
from vultus.video.track import Sighting, Track
from vultus.video.tracking import Tracker

__all__ = ["Analyzer", "Glimpse", "Progress", "default_stride", "tracks"]

Progress = Callable[[int, int | None], None]  # frames done, frames in all where known
AHEAD = 2  # frames that wait for each worker


class Analyzer(Protocol):
    """Whoever finds and reads faces, from several threads at once; `vultus.Analyzer` does."""

    def detect(self, image: Image) -> tuple[Face, ...]: ...

    def read(self, image: Image, faces: Sequence[Face], *, embed: bool = True) -> tuple[Reading, ...]: ...

    def embed(self, aligned: Sequence[Image]) -> Vector: ...


@dataclass(frozen=True, slots=True, eq=False)
class Glimpse:
    """What is known of a track that still goes on."""

    track: int  # Track.id
    frame: int
    time: float  # seconds
    box: Box
    good: int  # good frames so far
    template: Vector


def default_stride(rate: float | None) -> int:
    """Frames from one detection to the next: a tenth of a second.

    >>> default_stride(25), default_stride(29.97), default_stride(60), default_stride(None)
    (2, 3, 6, 3)
    """
    return min(max(round((rate or 30.0) / 10), 1), 6)


def tracks(
    source: Source | Recording | Live | Iterable[Frame],
    analyzer: Analyzer,
    *,
    following: Following | None = None,
    progress: Progress | None = None,
    glimpse: Callable[[Glimpse], None] | None = None,
    workers: int | None = None,
) -> Iterator[Track]:
    """Each track when it ends, in constant memory however long the video is.

    Detection runs on the first and the last frame of each shot and on every `stride` frames
    between; other frames are only looked at for cuts. glimpse: called about twice a second
    for each track that goes on, once it has three good frames. workers: frames that are
    searched at the same time, by default one a core (with an analyzer arranged for
    throughput that is fastest), and one for a live source; the result does not depend on it.

    If the video breaks, the tracks up to there are given out, then VideoError is raised.
    """
    if isinstance(source, str | int | os.PathLike):
        with open_video(source) as video:
            yield from tracks(video, analyzer, following=following, progress=progress, glimpse=glimpse, workers=workers)
        return
    info = source.info if isinstance(source, Recording | Live) else None
    how = following or Following()
    stride = how.stride or default_stride(info.rate if info else None)
    how = replace(how, gap=max(how.gap, 2 * stride))
    if workers is None:
        workers = 1 if info is not None and info.live else cores()
    follower = _Follower(analyzer, how, glimpse)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="vultus-frame")
    waiting: deque[Future[_Seen]] = deque()
    broken: VideoError | None = None
    try:
        for moment in _moments(source, how.cut, stride):
            if isinstance(moment, VideoError):
                broken = moment
                break
            if moment.look:
                waiting.append(pool.submit(_read, analyzer, moment))
            while waiting and (len(waiting) > (AHEAD * workers if workers > 1 else 0) or waiting[0].done()):
                yield from follower.take(waiting.popleft().result())
            if progress is not None and not moment.again:
                progress(moment.frame.index + 1, info.frames if info else None)
        while waiting:
            yield from follower.take(waiting.popleft().result())
        yield from follower.end_shot()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    if broken is not None:
        raise broken


@dataclass(frozen=True, slots=True)
class _Moment:
    """A frame, and what is to be done with it."""

    frame: Frame
    look: bool = False  # search it for faces
    begins: bool = False  # it is the first of a shot
    again: bool = False  # it came before, as a frame that was passed over


@dataclass(frozen=True, slots=True)
class _Seen:
    moment: _Moment
    readings: tuple[Reading, ...]


def _moments(source: Iterable[Frame], cut: float | None, stride: int) -> Iterator[_Moment | VideoError]:
    """Every frame, those to be searched marked; a break comes last, as a value."""
    previous: Frame | None = None
    looked = -1
    broken: VideoError | None = None
    try:
        for frame, begins in shots(source, cut):
            if begins and previous is not None and looked != previous.index:
                yield _Moment(previous, look=True, again=True)
            look = begins or frame.index - looked >= stride
            looked = frame.index if look else looked
            previous = frame
            yield _Moment(frame, look, begins)
    except VideoError as error:
        broken = error
    if previous is not None and looked != previous.index:
        yield _Moment(previous, look=True, again=True)
    if broken is not None:
        yield broken


def _read(analyzer: Analyzer, moment: _Moment) -> _Seen:
    image = moment.frame.image()
    faces = analyzer.detect(image)
    readings = analyzer.read(image, faces, embed=False) if faces else ()
    return _Seen(replace(moment, frame=replace(moment.frame, picture=None)), readings)


class _Follower:
    """The state between frames that were searched."""

    def __init__(self, analyzer: Analyzer, how: Following, glimpse: Callable[[Glimpse], None] | None) -> None:
        self._embed = analyzer.embed
        self._how = how
        self._glimpse = glimpse
        self._tracker = Tracker(confident=how.confident, overlap=how.overlap, gap=how.gap)
        self._live: dict[int, Ongoing] = {}
        self._shot = -1

    def take(self, seen: _Seen) -> Iterator[Track]:
        """Associate the faces of one frame; the tracks that it shows to have ended."""
        frame = seen.moment.frame
        if seen.moment.begins:
            yield from self.end_shot()
            self._shot += 1
        given = self._tracker.update(frame.index, [reading.face for reading in seen.readings])
        for number, reading in zip(given, seen.readings, strict=True):
            if number is None:
                continue
            sighting = Sighting(frame.index, frame.time, reading)
            if number not in self._live:
                self._live[number] = Ongoing.begin(number, self._shot, sighting, self._how)
            self._live[number].see(sighting)
        ended = [self._live.pop(number) for number in self._tracker.lost(frame.index)]
        yield from self._given_out(ended + self._checked())

    def end_shot(self) -> Iterator[Track]:
        """End everything."""
        ended = [self._live.pop(number) for number in self._tracker.close()]
        yield from self._given_out(ended)

    def _checked(self) -> list[Ongoing]:
        """Embed what is due; tracks that another face took over."""
        due = [(track, sighting) for track in self._live.values() if (sighting := track.due) is not None]
        if not due:
            return []
        ended = []
        vectors = self._embed([crop(sighting) for _, sighting in due])
        for (track, _), vector in zip(due, vectors, strict=True):
            if track.learn(vector) is not None:
                number = self._tracker.renumber(track.id)
                del self._live[track.id]
                self._live[number] = track.split(number)
                ended.append(track)
        for track, _ in due:
            if self._glimpse is not None and track.id in self._live and (template := track.template) is not None:
                last = track.last
                self._glimpse(Glimpse(track.id, last.frame, last.time, last.reading.face.box, track.good, template))
        return ended

    def _given_out(self, ended: Sequence[Ongoing]) -> Iterator[Track]:
        live = [track.first.frame for track in self._live.values()]
        for index, track in enumerate(ended):
            still = live + [other.first.frame for other in ended[index + 1 :]]
            yield track.finished(self._embed, min(still, default=None))
