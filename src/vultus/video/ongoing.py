"""A track while it goes on: its best frames, and whether it is still the same face.

Place and motion alone would follow one face into another through a dissolve or where two
people cross. So twice a second the best crop is embedded, and a track whose new crops
agree with each other but not with the old ones is split there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError
from vultus.types import Image, Vector
from vultus.video.identity import choose, pooled
from vultus.video.shot import CUT
from vultus.video.track import Route, Sighting, Track

__all__ = ["Embed", "Following", "Ongoing", "crop", "is_another_face"]

Embed = Callable[[Sequence[Image]], Vector]  # aligned crops -> (n, D) unit rows

PERIOD = 0.5  # seconds from one crop that is embedded on the way to the next
AT_FIRST = 3  # good frames after which the first one is embedded
REMEMBERED = 8  # crops that a new one is held against
SURE = 2  # crops on either side of a change of face
# Measured on the supplied clips, crops half a second apart: one face .30 to .93, mean of a
# track never under .54; another face in its place .09 to .30, mean .18.
UNLIKE = 0.22
ALIKE = 0.40


@dataclass(frozen=True, slots=True)
class Following:
    """How faces are followed; the defaults are those of the documentation's figures."""

    stride: int | None = None  # detect on every so manieth frame; None: ten times a second
    cut: float | None = CUT  # grey difference that ends a shot; None: never (for experiments)
    confident: float = 0.6  # detector score that may begin a track
    overlap: float = 0.3  # least IoU of a face with where it was expected
    gap: int = 10  # frames that a face may be away; two strides at least
    pool: int = 10  # best frames behind a template
    apart: int = 5  # frames between them where possible
    split: bool = True  # end a track where another face takes its place (False: for experiments)

    def __post_init__(self) -> None:
        least = min(self.stride or 1, self.gap, self.pool, self.apart)
        if least < 1 or (self.stride is not None and self.stride < 1):
            raise InputError("expected stride, gap, pool and apart of at least 1")


@dataclass(frozen=True, slots=True, eq=False)
class _Crop:
    """The best good frame of half a second, embedded."""

    begins: Sighting  # the first of its half second, without pixels
    before: Sighting  # the last before it
    seen: int  # of the track, before it
    good: int
    vector: Vector


@dataclass(slots=True)
class Ongoing:
    """A track that has not ended."""

    id: int
    shot: int
    how: Following
    first: Sighting  # without pixels
    last: Sighting  # without pixels
    best: Sighting
    seen: int = 0
    good: int = 0
    pool: list[Sighting] = field(default_factory=list)
    route: Route = field(default_factory=Route)
    crops: list[_Crop] = field(default_factory=list)
    _period: Sighting | None = None  # first of the current half second
    _counts: tuple[Sighting, int, int] | None = None  # last, seen and good before it
    _fresh: Sighting | None = None  # its best good frame

    @classmethod
    def begin(cls, number: int, shot: int, sighting: Sighting, how: Following) -> Ongoing:
        bare = _bare(sighting)
        return cls(number, shot, how, bare, bare, sighting)

    def see(self, sighting: Sighting) -> None:
        """Take in the face of another frame."""
        if self._period is None:
            self._period, self._counts = _bare(sighting), (self.last, self.seen, self.good)
        self.last = _bare(sighting)
        self.seen += 1
        self.good += sighting.good
        self.route.add(sighting.frame, sighting.reading.face.box)
        if _worth(sighting) > _worth(self.best):
            self.best = sighting
        if sighting.good:
            if self._fresh is None or _worth(sighting) > _worth(self._fresh):
                self._fresh = sighting
            # Twice as many as needed are kept, so that the spacing can still be mended at the end.
            self.pool = choose([*self.pool, sighting], 2 * self.how.pool, self.how.apart)

    @property
    def due(self) -> Sighting | None:
        """The frame to embed now, if it is time."""
        if self._fresh is None or self._period is None:
            return None
        waited = self.last.time - self._period.time >= PERIOD - 1e-6
        return self._fresh if waited or (not self.crops and self.good >= AT_FIRST) else None

    def learn(self, vector: Vector) -> int | None:
        """Take in the embedding of `due`; the frame from which on it is another face, if so."""
        if self._period is None or self._counts is None:
            raise InputError("expected an embedding only when one is due")
        before, seen, good = self._counts
        self.crops.append(_Crop(self._period, before, seen, good, vector))
        del self.crops[: -REMEMBERED - SURE]
        self._period = self._counts = self._fresh = None
        if self.how.split and is_another_face(np.stack([one.vector for one in self.crops])):
            return self.crops[-SURE].begins.frame
        return None

    def split(self, number: int) -> Ongoing:
        """Leave the last crops' half seconds to a new track of that number, and return it."""
        change = self.crops[-SURE]
        frame = change.begins.frame
        later = [sighting for sighting in self.pool if sighting.frame >= frame]
        following = Ongoing(
            id=number,
            shot=self.shot,
            how=self.how,
            first=change.begins,
            last=self.last,
            best=max([*later, *([self.best] if self.best.frame >= frame else [])], key=_worth, default=change.begins),
            seen=self.seen - change.seen,
            good=self.good - change.good,
            pool=later,
            crops=self.crops[-SURE:],
        )
        self.route, following.route = self.route.parted(frame)
        self.pool = [sighting for sighting in self.pool if sighting.frame < frame]
        if self.best.frame >= frame:
            self.best = max(self.pool, key=_worth, default=change.before)
        self.last, self.seen, self.good = change.before, change.seen, change.good
        self.crops = self.crops[:-SURE]
        return following

    @property
    def template(self) -> Vector | None:
        """What is known of the face so far, from the crops that were embedded on the way."""
        return pooled(np.stack([one.vector for one in self.crops]))[0] if self.crops else None

    def finished(self, embed: Embed, open_since: int | None) -> Track:
        """The track as it is given out; embeds its best frames."""
        template, used = None, 0
        if self.pool:
            kept = choose(self.pool, self.how.pool, self.how.apart)
            template, inliers = pooled(embed([crop(sighting) for sighting in kept]))
            used = int(np.count_nonzero(inliers))
        return Track(
            id=self.id,
            shot=self.shot,
            first=self.first.frame,
            last=self.last.frame,
            start=self.first.time,
            end=self.last.time,
            seen=self.seen,
            good=self.good,
            best=self.best,
            template=template,
            pooled=used,
            route=self.route,
            open_since=open_since,
        )


def is_another_face(vectors: NDArray[np.float32]) -> bool:
    """Whether the last two crops of a track show another face than those before.

    vectors: (n, D), unit rows in the order of time. True when the two agree with each other
    and those before among themselves, but not one group with the other; two crops on
    either side are the least that can say so.
    """
    old, new = vectors[:-SURE], vectors[-SURE:]
    if len(old) < SURE:
        return False
    return bool((old @ new.T).mean() < UNLIKE and _agreement(old) >= ALIKE and _agreement(new) >= ALIKE)


def crop(sighting: Sighting) -> Image:
    """The aligned crop of a sighting that kept its pixels."""
    if sighting.reading.aligned is None:
        raise InputError("expected the analyzer to give aligned crops with its readings")
    return sighting.reading.aligned


def _agreement(vectors: NDArray[np.float32]) -> float:
    """Mean cosine over the pairs of some rows."""
    count = len(vectors)
    return float((np.sum(vectors @ vectors.T) - count) / (count * (count - 1)))


def _worth(sighting: Sighting) -> tuple[bool, float]:
    return sighting.good, sighting.reading.quality.score


def _bare(sighting: Sighting) -> Sighting:
    """Without pixels, so that what is only remembered for its place costs nothing."""
    return replace(sighting, reading=replace(sighting.reading, aligned=None))
