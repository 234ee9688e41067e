"""Face detectors: a picture in, faces out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from vultus.types import Face, Image, ModelCard

__all__ = ["Agreeing", "Detector"]


class Detector(Protocol):
    """Finds faces at one scale; pyramid and tiles are the analyzer's.

    Contract (held to by tests/contract/test_detect.py): boxes and points in pixels of the
    picture given, strongest first; no face gives an empty list; the same picture gives
    the same answer, alone or in a batch; the picture is left as it was.
    """

    card: ModelCard
    smallest: int  # pixels: the face side that is found reliably at this scale
    largest: int  # pixels: above this the picture should be shrunk first

    def __call__(self, pictures: Sequence[Image]) -> list[list[Face]]:
        """Faces of each picture; pictures of one size run as one batch."""
        ...


@runtime_checkable
class Agreeing(Protocol):
    """A detector whose single finds can be asked to agree, for points that are steadier."""

    def agreed(self, pictures: Sequence[Image]) -> list[list[Face]]:
        """As calling it, each face's points the weighted mean of all finds that are this face."""
        ...
