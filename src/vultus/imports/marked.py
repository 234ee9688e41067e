"""Faces that another program marked with names, and enrolling the very faces that were marked."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Protocol

import numpy as np

from vultus import images
from vultus.errors import ImageTooLargeError, InputError
from vultus.gallery import Enrolment, Gallery, Refused
from vultus.gallery.names import normal
from vultus.gallery.values import RefusalCode
from vultus.geometry import iou
from vultus.types import Box, Image, Reading

if TYPE_CHECKING:
    from vultus.models.quality import Level

__all__ = ["Marked", "Taken", "enroll_marked"]

_OVERLAP = 0.25  # boxes of two programs differ: around the head, around the features; neighbours stay below


@dataclass(frozen=True, slots=True)
class Marked:
    """Somebody in a picture.

    region: x1, y1, x2, y2 as shares of the upright picture's width and height; None: the picture
    shows one person, who is meant. also: the same region, if its writer counted from another corner.
    """

    name: str
    picture: str | bytes  # a path, or the bytes themselves
    source: str  # what it is called in answers
    region: Box | None = None
    also: Box | None = None

    def box(self, size_wh: tuple[int, int]) -> Box | None:
        """The region in pixels of the upright picture."""
        return _pixels(self.region, size_wh)


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one mark."""

    source: str
    name: str
    enrolment: Enrolment


class Analyzer(Protocol):
    """Pictures to faces with embeddings."""

    def analyze(self, image: Image) -> tuple[Reading, ...]: ...


def enroll_marked(
    gallery: Gallery, analyzer: Analyzer, marks: Iterable[Marked], *, gate: Level = "medium", force: bool = False
) -> Iterator[Taken]:
    """Enrol every marked face; each is durable when it is yielded, so the whole can be stopped and run again.

    A picture is read once for all marks of it that come together. The face is the one that overlaps
    the mark best (intersection over union of 0.25 or more); a mark that no face overlaps is refused.
    Refused in the answer, not raised: pictures that cannot be read, faces not good enough or that
    look like somebody else, as `Gallery.enroll` has them.
    """
    for _, group in groupby(marks, key=lambda mark: (mark.source, mark.picture)):
        ours, unnamed = _named(list(group))
        yield from unnamed
        if not ours:
            continue
        try:
            picture = images.load(ours[0].picture, allow_url=False)
        except InputError as error:
            code: RefusalCode = "too_large" if isinstance(error, ImageTooLargeError) else "unreadable"
            yield from (_refused(mark, code, str(error)) for mark in ours)
            continue
        wanted = [mark for mark in ours if not _known(gallery, picture.sha256, mark)]
        yield from (
            Taken(mark.source, mark.name, Enrolment(None, unchanged=(mark.source,)))
            for mark in ours
            if mark not in wanted
        )
        if not wanted:
            continue
        size_wh = (picture.image.shape[1], picture.image.shape[0])
        readings = analyzer.analyze(picture.image)
        for mark in wanted:
            which = _face(mark, readings, size_wh)
            if which is None:
                yield _refused(mark, "no_face", "no face was found where the other program marked one")
                continue
            done = gallery.enroll_readings(
                mark.name,
                readings,
                source=mark.source,
                sha256=picture.sha256,
                size_wh=size_wh,
                faces=which,
                gate=gate,
                force=force,
            )
            yield Taken(mark.source, mark.name, done)


def _named(marks: list[Marked]) -> tuple[list[Marked], list[Taken]]:
    """The marks whose names can be a person's, in their one spelling, and the refusals of the others."""
    good: list[Marked] = []
    bad: list[Taken] = []
    for mark in marks:
        try:
            good.append(replace(mark, name=normal(mark.name)))
        except InputError as error:
            bad.append(_refused(mark, "unreadable", str(error)))
    return good, bad


def _known(gallery: Gallery, sha256: str, mark: Marked) -> bool:
    """Somebody of that name was enrolled from this picture already; two marks of one name are one person's."""
    return gallery.known_source(sha256, mark.name)


def _face(mark: Marked, readings: Sequence[Reading], size_wh: tuple[int, int]) -> str | int | None:
    """Which face is meant, as `Gallery.enroll_readings` takes it: its number from 1, or by policy."""
    if mark.region is None:
        return "main"
    if not readings:
        return None
    found = np.array([_corners(reading.face.box) for reading in readings])
    for region in (mark.region, mark.also):
        box = _pixels(region, size_wh)
        if box is not None:
            overlaps = iou(np.array([_corners(box)]), found)[0]
            if overlaps.max() >= _OVERLAP:
                return int(overlaps.argmax()) + 1
    return None


def _pixels(region: Box | None, size_wh: tuple[int, int]) -> Box | None:
    if region is None:
        return None
    width, height = size_wh
    return Box(region.x1 * width, region.y1 * height, region.x2 * width, region.y2 * height)


def _corners(box: Box) -> tuple[float, float, float, float]:
    return box.x1, box.y1, box.x2, box.y2


def _refused(mark: Marked, code: RefusalCode, reason: str) -> Taken:
    text = reason.removeprefix(f"{os.fspath(mark.source)}: ")
    return Taken(mark.source, mark.name, Enrolment(None, refused=(Refused(mark.source, code, text),)))
