"""Pictures by the thousand: named, read and analysed, one after the other in their order."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from vultus import images
from vultus.analyzer import Analyzer, in_order
from vultus.errors import InputError
from vultus.images import IMAGE_SUFFIXES, VIDEO_SUFFIXES, Picture
from vultus.types import Liveness, Reading
from vultus.video import is_stream

__all__ = ["Seen", "is_video", "pictures", "read_picture", "read_pictures"]


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """One picture with its faces, or why it could not be read."""

    name: str  # path or address as given
    picture: Picture | None
    readings: tuple[Reading, ...] = ()
    error: InputError | None = None
    liveness: tuple[Liveness, ...] = ()  # one a reading where it was asked for, else none

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height in pixels; (0, 0) for a picture that could not be read."""
        if self.picture is None:
            return 0, 0
        height, width = self.picture.image.shape[:2]
        return width, height


def pictures(sources: Iterable[str | os.PathLike[str]], *, videos: bool = False) -> Iterator[str]:
    """The files behind names, folders and addresses, in a fixed order.

    Addresses are passed on as they are, folders are walked. videos: count them in.
    """
    suffixes = IMAGE_SUFFIXES | VIDEO_SUFFIXES if videos else IMAGE_SUFFIXES
    for source in sources:
        if isinstance(source, str) and ("://" in source or is_video(source)):
            yield source
        else:
            yield from (str(path) for path in images.walk([source], suffixes=suffixes))


def is_video(name: str) -> bool:
    """Whether a name means a video file, a camera or a stream rather than a picture.

    >>> [is_video(name) for name in ("a.mp4", "rtsp://host/door", "a.jpg", "https://host/a.jpg")]
    [True, True, False, False]
    """
    scheme, separator, _ = name.partition("://")
    if separator and scheme.lower() not in ("http", "https"):
        return True
    if name.startswith("camera:") or (not separator and is_stream(name)):
        return True
    return Path(name.partition("?")[0]).suffix.lower() in VIDEO_SUFFIXES


def read_pictures(
    names: Iterable[str], analyzer: Analyzer, *, embed: bool = True, live: bool = False
) -> Iterator[Seen]:
    """Each picture with its faces, in the order of the names, a core a picture.

    analyzer: arranged for throughput (`Analyzer.parallel`). live: say of each face whether it
    is there in person. A picture that cannot be read comes with its error and the rest goes
    on. A few pictures are held at a time, however long the list.
    """
    yield from in_order(lambda name: read_picture(name, analyzer, embed=embed, live=live), names)


def read_picture(name: str, analyzer: Analyzer, *, embed: bool = True, live: bool = False) -> Seen:
    """One picture with its faces, or with the error of one that cannot be read."""
    try:
        picture = images.load(name)
    except InputError as error:
        return Seen(name, None, error=error)
    faces = analyzer.detect(picture.image)
    readings = analyzer.read(picture.image, faces, embed=embed)
    answers = analyzer.liveness(picture.image, faces) if live else ()
    return Seen(name, picture, readings, liveness=answers)
