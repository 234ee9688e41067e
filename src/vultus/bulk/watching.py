"""Which faces of a video are there in person: every frame is judged, each track is answered once."""

from __future__ import annotations

import math
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from vultus import registry
from vultus.analyzer import Analyzer
from vultus.errors import InputError, WeightsError
from vultus.geometry import iou
from vultus.liveness import Skin, blink_signal, blinks, fuse, plane_signal, pulse, pulse_signal, skin
from vultus.models.landmark import Mesh
from vultus.types import Box, Face, Image, Liveness, LivenessPoint, Reading, Signal, Vector
from vultus.video import Following, Frame, Progress, Track, default_stride, open_video, tracks

if TYPE_CHECKING:
    from vultus.video import Live, Recording
    from vultus.video import Source as VideoSource

__all__ = ["TrackChecked", "Watch", "check_video"]

SAME = 0.5  # least IoU of a look with where the track says its face was
REMEMBERED = 3000  # looks of all tracks together, about 20 MB; for one face, five minutes at ten a second


_Lids = Callable[[Image, Sequence[Mesh]], Sequence[tuple[float, float]]]


@dataclass(frozen=True, slots=True, eq=False)
class TrackChecked:
    """One face of a video from its first to its last frame, and whether it is there in person."""

    track: Track
    liveness: Liveness


def check_video(
    analyzer: Analyzer,
    source: VideoSource | Recording | Live,
    *,
    following: Following | None = None,
    progress: Progress | None = None,
) -> Iterator[TrackChecked]:
    """Each track of a video with one answer of attack detection, when it ends.

    analyzer: arranged for it (`Analyzer.for_video`). The passive scores of the track's frames
    are fused (`vultus.liveness.fuse`); whether the face moves like a sheet, blinks and shows
    a pulse stands beside. Of a very long track the last minutes count. Where the network that
    watches the lids cannot be had, the signal "blink" says so and the rest goes on. Refused: as
    for `vultus.tracks`, and other weights that cannot be had (WeightsError).
    """
    watch = Watch(analyzer)
    for track in watch.tracks(source, following=following, progress=progress):
        yield TrackChecked(track, watch.liveness(track))


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """A face in one frame, as attack detection sees it; without pixels."""

    time: float
    box: Box
    passive: Liveness
    mesh: Mesh
    eyes: tuple[float, float]  # aspects of the right and the left; NaN where they cannot be told
    skin: Skin


class Watch:
    """Follows faces through a video, and remembers what attack detection saw of them.

    It stands between the video and an analyzer, which it asks for more than a place.
    """

    def __init__(self, analyzer: Analyzer, *, live: bool = True) -> None:
        """live: off, faces are only followed."""
        self._analyzer = analyzer
        self._live = live
        self._lock = threading.Lock()
        self._looks: dict[int, list[_Look]] = {}  # by frame
        self._point: LivenessPoint | None = None
        self._loading = threading.Lock()
        self._eyes: _Lids | None = None
        self._blind = ""  # why lids are not watched

    def tracks(
        self,
        source: VideoSource | Recording | Live,
        *,
        following: Following | None = None,
        progress: Progress | None = None,
    ) -> Iterator[Track]:
        """Each track when it ends, as `vultus.tracks`."""
        if not self._live:
            yield from tracks(source, self._analyzer, following=following, progress=progress)
            return
        if isinstance(source, str | int | os.PathLike):
            with open_video(source) as video:
                yield from self.tracks(video, following=following, progress=progress)
            return
        info, how = source.info, following or Following()
        how = replace(how, stride=how.stride or default_stride(info.rate))
        told: Progress | None = None
        if progress is not None:

            def told(done: int, _: int | None) -> None:
                progress(done, info.frames)

        workers = 1 if info.live else None
        yield from tracks(_timed(source), self, following=how, progress=told, workers=workers)

    def detect(self, image: Image) -> tuple[Face, ...]:
        """Faces of a frame."""
        return self._analyzer.detect(image.view(np.ndarray))

    def read(self, image: Image, faces: Sequence[Face], *, embed: bool = True) -> tuple[Reading, ...]:
        """Readings of the faces of a frame; what attack detection sees of them is remembered."""
        pixels = image.view(np.ndarray)
        if isinstance(image, _Timed) and faces:
            passive, meshes = self._analyzer.liveness(pixels, faces), self._analyzer.meshes(pixels, faces)
            looks = [
                _Look(image.time, face.box, answer, mesh, eyes, skin(pixels, mesh, image.time))
                for face, answer, mesh, eyes in zip(faces, passive, meshes, self._lids(pixels, meshes), strict=True)
            ]
            self._remember(image.frame, looks)
        return self._analyzer.read(pixels, faces, embed=embed)

    def embed(self, aligned: Sequence[Image]) -> Vector:
        """Embeddings of aligned crops."""
        return self._analyzer.embed(aligned)

    def liveness(self, track: Track) -> Liveness:
        """The answer for a track that was just given out; what no later track needs is forgotten.

        Refused (InputError): a track of another watch.
        """
        with self._lock:
            seen = [look for frame in sorted(self._looks) if (look := self._of(track, frame)) is not None]
            done = track.last + 1 if track.open_since is None else track.open_since
            for frame in [frame for frame in self._looks if frame < done]:
                del self._looks[frame]
            point = self._point
        if point is None:
            raise InputError("expected a track that this watch followed, got one of another")
        passive = [look.passive for look in seen]
        signals = (
            plane_signal([look.mesh for look in seen]),
            self._blink(seen),
            pulse_signal(pulse([look.skin for look in seen])),
        )
        return _reasoned(fuse(passive, point, signals), passive)

    def _lids(self, pixels: Image, meshes: Sequence[Mesh]) -> Sequence[tuple[float, float]]:
        """How open the eyes of each mesh are; NaN where the network for it cannot be had."""
        if not self._blind:
            try:
                return self._need_eyes()(pixels, meshes)
            except WeightsError as error:  # evidence beside the answer; the film can be judged without
                self._blind = f"the network that watches the lids cannot be had: {error}"
        return [(math.nan, math.nan)] * len(meshes)

    def _need_eyes(self) -> _Lids:
        """What measures how open eyes are: the analyzer's own, else the shipped network, loaded once.

        Refused: weights that cannot be had (WeightsError).
        """
        with self._loading:
            if self._eyes is None:
                own = getattr(self._analyzer, "eyes", None)
                self._eyes = own if own is not None else registry.load("eye-contours", "eye")
            return self._eyes

    def _blink(self, seen: Sequence[_Look]) -> Signal:
        if self._blind:
            return Signal("blink", math.nan, "blinks", "nothing", self._blind)
        if seen and not any(math.isfinite(sum(look.eyes)) for look in seen):
            return Signal("blink", math.nan, "blinks", "nothing", "the eyes are too small to see lids; come closer")
        return blink_signal(blinks([look.time for look in seen], [look.eyes for look in seen]))

    def _remember(self, frame: int, looks: list[_Look]) -> None:
        with self._lock:
            self._point = looks[0].passive.point
            self._looks[frame] = looks
            while sum(map(len, self._looks.values())) > REMEMBERED and len(self._looks) > 1:
                del self._looks[min(self._looks)]

    def _of(self, track: Track, frame: int) -> _Look | None:
        """The look at a track's face in a frame."""
        if (box := track.box(frame)) is None:
            return None
        looks = self._looks[frame]
        overlaps = iou(_rows([box]), _rows([look.box for look in looks]))[0]
        best = int(overlaps.argmax())
        return looks[best] if overlaps[best] >= SAME else None


def _reasoned(answer: Liveness, frames: Sequence[Liveness]) -> Liveness:
    """Where no answer is given because the frames have none, with the reason that most of them have."""
    reasons = Counter(frame.abstained for frame in frames if frame.abstained)
    if not answer.abstained or not reasons or np.isfinite(answer.score):
        return answer
    ((reason, _),) = reasons.most_common(1)
    return replace(answer, abstained=f"{answer.abstained}; in most others {reason}")


def _rows(boxes: Sequence[Box]) -> Any:
    return np.array([(box.x1, box.y1, box.x2, box.y2) for box in boxes], np.float32)


class _Timed(np.ndarray):
    """Pixels that know which frame they are of."""

    frame: int
    time: float


class _TimedFrame(Frame):
    """A frame whose pixels know it."""

    def image(self, longest: int | None = None) -> Image:
        pixels = super().image(longest).view(_Timed)
        pixels.frame, pixels.time = self.index, self.time
        return pixels


def _timed(frames: Iterable[Frame]) -> Iterator[Frame]:
    for frame in frames:
        yield _TimedFrame(frame.index, frame.time, frame.size_wh, frame.picture, frame.rotation, frame.joins)
