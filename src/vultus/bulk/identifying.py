"""Who is in these pictures, and who is in this video."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vultus.analyzer import Analyzer
from vultus.bulk.reading import Seen, read_pictures
from vultus.bulk.watching import Watch
from vultus.gallery import Gallery, Identification
from vultus.types import Liveness
from vultus.video import Following, Progress, Track, named

if TYPE_CHECKING:
    from vultus.gallery.normalising import Cohort, Normalise
    from vultus.models.quality import Level
    from vultus.video import Live, Recording
    from vultus.video import Source as VideoSource

__all__ = ["Found", "TrackFound", "identify_pictures", "identify_video"]


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """One picture with who is on it; `seen.error` where it could not be read.

    `seen.liveness[person.ordinal]` is the answer of attack detection where that was asked for.
    """

    seen: Seen
    people: tuple[Identification, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class TrackFound:
    """One face of a video from its first to its last frame, with one name or none."""

    track: Track
    person: Identification
    liveness: Liveness | None = None  # None: not asked for


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
    require_live: bool = False,
) -> Iterator[Found]:
    """Identify every face of many pictures, in the order of the names; options as for `Gallery.identify`.

    require_live: a face that is not taken for a living one is "rejected" with that reason and
    is not searched, so that it takes nobody's name away either.
    """
    for seen in read_pictures(names, analyzer, live=require_live):
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
            liveness=seen.liveness if require_live else None,
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
    require_live: bool = False,
) -> Iterator[TrackFound]:
    """Each track of a video with its name, decided once from its best frames.

    analyzer: arranged for it (`Analyzer.for_video`). A track without a good frame is "rejected". Two
    tracks that overlap in time never bear one name: the weaker is a "conflict". require_live:
    a track that is not taken for a living face is "rejected" with that reason.
    """
    watch = Watch(analyzer, live=require_live)
    answers: dict[int, Liveness] = {}

    def answer(track: Track) -> Identification:
        if require_live:
            answers[track.id] = watch.liveness(track)
        return gallery.identify_track(
            track.template,
            reading=track.best.reading,
            fpir=fpir,
            candidates=candidates,
            liveness=answers.get(track.id),
        )

    followed = watch.tracks(source, following=following, progress=progress)
    for track, person in named(followed, answer):
        yield TrackFound(track, person, answers.pop(track.id, None))
