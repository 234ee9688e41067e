"""Annotated pictures and cut-out faces, written where the user asked for them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from vultus.bulk import Seen
from vultus.cli.output import counted, error_console
from vultus.draw import Mark, annotate
from vultus.gallery import Identification
from vultus.images import write
from vultus.types import Box, Liveness

__all__ = ["Drawings", "Names", "file_name", "live_mark", "mark_of"]


def file_name(source: str) -> str:
    """A name for files made from a picture: its path's last parts, flat and safe.

    >>> file_name("holiday/day 1/a.jpg"), file_name("https://host/b.png?x=1")
    ('holiday_day_1_a', 'host_b')
    """
    bare = re.sub(r"^[a-z]+://", "", source.partition("?")[0])
    path = PurePosixPath(bare.replace("\\", "/"))
    parts = (path.with_suffix("") if path.name else path).parts[-3:]
    return (
        re.sub(r"[^\w.-]+", "_", "_".join(part for part in parts if part not in ("/", "..", "."))).strip("._")
        or "picture"
    )


class Names:
    """The one rule by which commands name what they write: `file_name`, and no name twice in a call.

    >>> names = Names()
    >>> [names.free(source, ".jpg") for source in ("a/x/1/me.png", "b/x/1/me.png", "b/x/1/Me.tif")]
    ['x_1_me.jpg', 'x_1_me-2.jpg', 'x_1_Me-3.jpg']
    """

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def free(self, source: str, suffix: str = "") -> str:
        """A file name for a source that no other source has; the second of a name ends in -2."""
        base = file_name(source)
        name, number = f"{base}{suffix}", 2
        while name.casefold() in self._taken:  # some file systems do not tell case
            name, number = f"{base}-{number}{suffix}", number + 1
        self._taken.add(name.casefold())
        return name


def mark_of(person: Identification, *, landmarks: bool = False) -> Mark | None:
    """What is drawn for one answer: a name only for a match."""
    if person.face is None:
        return None
    points = person.face.landmarks if landmarks else None
    if person.status == "match":
        return Mark(person.face.box, person.person or "", "match", person.score, points)
    if person.status == "rejected":
        attack = any(refusal.code == "NOT_LIVE" for refusal in person.refusals)
        return Mark(
            person.face.box, "attack" if attack else "not usable", "attack" if attack else "rejected", None, points
        )
    return Mark(person.face.box, person.status, "unknown", None, points)


def live_mark(box: Box, answer: Liveness) -> Mark:
    """What is drawn for one answer of attack detection, with P(bona fide)."""
    if answer.abstained:
        return Mark(box, "cannot be judged", "rejected")
    return Mark(box, "live" if answer.live else "attack", "live" if answer.live else "attack", answer.score)


class Drawings:
    """The folders for annotated pictures and films and for faces; None for those not asked for."""

    def __init__(self, pictures: Path | None, faces: Path | None) -> None:
        self.pictures = pictures
        self.crops = faces
        self.written = 0
        self.names = Names()

    def faces(self, seen: Seen) -> None:
        """Draw and cut out what was found, without names."""
        marks = [
            Mark(reading.face.box, "", "face", reading.face.score, reading.face.landmarks) for reading in seen.readings
        ]
        self._write(seen, marks)

    def people(self, seen: Seen, people: Sequence[Identification], name: str | None = None) -> None:
        """Draw and cut out who was found. name: of the files, without a suffix; else from the source."""
        marks = [mark for person in people if (mark := mark_of(person)) is not None]
        self._write(seen, marks, name)

    def checked(self, seen: Seen) -> None:
        """Draw what attack detection said of each face."""
        pairs = zip(seen.readings, seen.liveness, strict=True)
        self._write(seen, [live_mark(reading.face.box, answer) for reading, answer in pairs])

    def film(self, source: str) -> Path | None:
        """Where the annotated film of a source goes."""
        return None if self.pictures is None else self.pictures / self.names.free(source, ".mp4")

    def tell(self) -> None:
        """Say where the files are."""
        places = [str(folder) for folder in (self.pictures, self.crops) if folder is not None]
        if self.written and places:
            error_console().print(f"wrote {counted(self.written, 'file')} to {' and '.join(places)}", soft_wrap=True)

    def _write(self, seen: Seen, marks: Sequence[Mark], name: str | None = None) -> None:
        if seen.picture is None or (self.pictures is None and self.crops is None):
            return
        name = self.names.free(seen.name if name is None else name)
        if self.pictures is not None:
            write(self.pictures / f"{name}.jpg", annotate(seen.picture.image, marks))
            self.written += 1
        if self.crops is not None:
            for number, reading in enumerate(seen.readings, 1):
                if reading.aligned is not None:
                    write(self.crops / f"{name}.face{number}.png", reading.aligned)
                    self.written += 1
