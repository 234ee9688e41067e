"""The quality of many pictures, each with what was done to it on the way in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from PIL import Image as Pictures

from vultus import images
from vultus.analyzer import in_order
from vultus.errors import InputError
from vultus.images import Picture
from vultus.integrity.quality.assessing import Finder, assess
from vultus.integrity.quality.profile import Profile, profile
from vultus.integrity.quality.values import DocumentQuality

__all__ = ["Assessed", "assess_pictures"]


@dataclass(frozen=True, slots=True, eq=False)
class Assessed:
    """One picture with its quality, or why there is none."""

    name: str  # path or address as given
    picture: Picture | None
    quality: DocumentQuality | None
    error: InputError | None = None  # unreadable, or without a face
    notes: tuple[str, ...] = ()  # what the file holds that a document photo should not


def assess_pictures(
    names: Iterable[str],
    analyzer: Finder,
    asked: Profile | str = "icao",
) -> Iterator[Assessed]:
    """Each picture with its quality, in the order of the names, a core a picture.

    analyzer: arranged for throughput (`Analyzer.parallel`). A picture that cannot be read or shows
    no face comes with its error, and the rest goes on. A few are held at a time, however long the
    list. Refused (NotFoundError, InputError), before the first: an unknown or broken profile.
    """
    wanted = profile(asked) if isinstance(asked, str) else asked

    def one(name: str) -> Assessed:
        try:
            picture = images.load(name)
        except InputError as error:
            return Assessed(name, None, None, error)
        try:
            quality = assess(picture.image, analyzer, wanted)
        except InputError as error:
            return Assessed(name, picture, None, type(error)(f"{name}: {error}"), _notes(name))
        return Assessed(name, picture, quality, notes=_notes(name))

    return in_order(one, names)


def _notes(name: str) -> tuple[str, ...]:
    """What a file's header says of alpha, depth and colours."""
    try:
        with Pictures.open(name) as opened:
            bands, mode, info = opened.getbands(), opened.mode, opened.info
    except (OSError, ValueError, Pictures.DecompressionBombError):
        return ()  # an address, or a format that Pillow alone does not read
    found = []
    if "A" in bands or "transparency" in info:
        found.append("transparency was laid on white")
    if mode.startswith("I"):
        found.append("16 bits were brought to 8")
    if mode == "CMYK":
        found.append("printing colours (CMYK) were converted")
    return tuple(found)
