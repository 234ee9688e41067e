"""Who is in these pictures, and who is in this video."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vultus.analyzer import Analyzer
from vultus.bulk.reading import Seen, read_pictures
from vultus.gallery import Gallery, Identification
from vultus.video import Following, Progress, Track, named, tracks

if TYPE_CHECKING:
    from vultus.gallery.normalising import Cohort, Normalise
    from vultus.models.quality import Level
    from vultus.video import Live, Recording
    from vultus.video import Source as VideoSource

__all__ = ["Found", "TrackFound", "identify_pictures", "identify_video"]


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """One picture with who is on it; `seen.error` where it could not be read."""

    seen: Seen
    people: tuple[Identification, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class TrackFound:
    """One face of a video from its first to its last frame, with one name or none."""

    track: Track
    person: Identification


def identify_pictures(
    gallery: Gallery,
    analyzer: Analyzer,
    names: Sequence[str],
    *,
    fpir: float = 0.01,
    candidates: int = 5,
    faces: str | int = "all",
    gate: Level = "low",
    allow_repeat: bool = False,
    normalise: Normalise = "none",
    cohort: Cohort | None = None,
) -> Iterator[Found]:
    """Identify every face of many pictures, in the order of the names; options as for `Gallery.identify`."""
    for seen in read_pictures(names, analyzer):
        if seen.picture is None:
            yield Found(seen)
            continue
        if not seen.readings:
            yield Found(seen)
            continue
        people = gallery.identify_readings(
            seen.readings,
            fpir=fpir,
            candidates=candidates,
            faces=faces,
            gate=gate,
            allow_repeat=allow_repeat,
            normalise=normalise,
            cohort=cohort,
            sha256=seen.picture.sha256,
            size_wh=seen.size_wh,
        )
        yield Found(seen, people)


def identify_video(
    gallery: Gallery,
    analyzer: Analyzer,
    source: VideoSource | Recording | Live,
    *,
    fpir: float = 0.01,
    candidates: int = 5,
    following: Following | None = None,
    progress: Progress | None = None,
) -> Iterator[TrackFound]:
    """Each track of a video with its name, decided once from its best frames.

    analyzer: arranged for it (`Analyzer.for_video`). A track without a good frame is "rejected". Two
    tracks that overlap in time never bear one name: the weaker is a "conflict".
    """

    def answer(track: Track) -> Identification:
        return gallery.identify_track(track.template, reading=track.best.reading, fpir=fpir, candidates=candidates)

    followed = tracks(source, analyzer, following=following, progress=progress)
    for track, person in named(followed, answer):
        yield TrackFound(track, person)
