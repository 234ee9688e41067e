"""Document photos: their quality by faces that were found already, and without expressions where none may be read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from vultus.integrity.quality import DocumentQuality, assess, profile
from vultus.models.landmark import Mesh
from vultus.server.reading import Analyzer, needed
from vultus.types import Expression, Face, Image, Reading

__all__ = ["Known", "assessed"]

_NEUTRAL = "own: neutral expression"
_UNREAD = "this server reads no expressions; whoever runs it decided so"


@dataclass(frozen=True, slots=True)
class Known:
    """The analyzer of one picture whose faces are known: nothing is searched for twice.

    eyes: what measures how open they are. reads: expressions may be read.
    """

    analyzer: Analyzer
    faces: Sequence[Face]
    eyes: Callable[[Image, Sequence[Mesh]], tuple[tuple[float, float], ...]]
    reads: bool = True

    def detect(self, image: Image) -> tuple[Face, ...]:
        """The faces that are known."""
        return tuple(self.faces)

    def read(self, image: Image, faces: Sequence[Face], *, embed: bool = True) -> tuple[Reading, ...]:
        """As the analyzer does."""
        return self.analyzer.read(image, faces, embed=embed)

    def meshes(self, image: Image, faces: Sequence[Face]) -> tuple[Mesh, ...]:
        """As the analyzer does; refused (Problem 501): it has none."""
        found: tuple[Mesh, ...] = needed(self.analyzer, "meshes")(image, faces)
        return found

    def expressions(self, image: Image, faces: Sequence[Face]) -> tuple[Expression, ...]:
        """As the analyzer does, or no answer; refused (Problem 501): it has none."""
        if not self.reads:
            return tuple(Expression((), (), "", _UNREAD) for _ in faces)
        found: tuple[Expression, ...] = needed(self.analyzer, "expressions")(image, faces)
        return found


def assessed(image: Image, known: Known, asked: str) -> DocumentQuality:
    """The quality of a picture against a shipped profile, which asks for no expression where none may be read.

    Refused as by `vultus.integrity.quality.assess`.
    """
    wanted = profile(asked)
    if known.reads:
        return assess(image, known, wanted)
    limits = {name: limit for name, limit in wanted.limits.items() if name != _NEUTRAL}
    quality = assess(image, known, replace(wanted, limits=limits))
    rows = tuple(replace(row, note=_UNREAD) if row.name == _NEUTRAL else row for row in quality.measures)
    return replace(quality, measures=rows)
