"""What the service asks of an analyzer, and what stays of a picture that it read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from vultus.integrity.quality import DocumentQuality
from vultus.models.landmark import Mesh
from vultus.server.problems import Problem
from vultus.types import EmbeddingContract, Expression, Face, Image, Liveness, Reading, Vector

__all__ = ["Analyzer", "Answer", "Picture", "Wanted", "liveness", "needed"]


class Analyzer(Protocol):
    """Pictures to faces with quality and embedding; `vultus.Analyzer` and `vultus.testing.Analyzer` are.

    One that has `detect_many(images)` too, the same as `detect` for each, is asked for several at once.
    One that detects attacks has `liveness(image, faces)` as well, one that follows heads
    `meshes(image, faces)`, one that reads expressions `expressions(image, faces)`: `vultus.Analyzer` has all.
    """

    @property
    def contract(self) -> EmbeddingContract: ...

    def detect(self, image: Image) -> tuple[Face, ...]: ...

    def read(self, image: Image, faces: Sequence[Face], *, embed: bool = True) -> tuple[Reading, ...]: ...

    def analyze(self, image: Image) -> tuple[Reading, ...]: ...

    def embed(self, aligned: Sequence[Image]) -> Vector: ...

    def parallel(self) -> Analyzer:
        """Arranged for throughput: as many calls at once as there are cores."""
        ...

    def for_video(self) -> Analyzer:
        """Arranged for following faces through many frames."""
        ...


@dataclass(frozen=True, slots=True)
class Picture:
    """What stays of a picture once its faces are read; the pixels are let go."""

    sha256: str  # of its bytes, hex
    size_wh: tuple[int, int]  # pixels, upright
    liveness: tuple[Liveness, ...] = ()  # one a reading, where that was asked for
    meshes: tuple[Mesh, ...] = ()  # the same
    expressions: tuple[Expression, ...] = ()  # the same
    eyes: tuple[tuple[float, float], ...] = ()  # aspects of the right and the left eye; the same
    document: DocumentQuality | None = None  # of its largest face, where that was asked for


Answer = tuple[Picture, tuple[Reading, ...]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is read from a picture beside its faces and their quality."""

    embed: bool = True  # embeddings
    live: bool = False  # whether each face is there in person
    mesh: bool = False  # its mesh, and how open its eyes are
    expression: bool = False  # which expression it shows
    document: str = ""  # how far it is fit for a document, by this profile


def liveness(analyzer: Analyzer, image: Image, faces: Sequence[Face]) -> tuple[Liveness, ...]:
    """Whether each face of a picture is there in person. Refused (Problem 501): an analyzer that cannot tell."""
    answers: tuple[Liveness, ...] = needed(analyzer, "liveness")(image, faces)
    return answers


def needed(analyzer: Analyzer, name: str) -> Any:
    """Something that not every analyzer can do. Refused (Problem 501): this one cannot."""
    found = getattr(analyzer, name, None)
    if found is None:
        raise Problem(501, "missing_extra", f"this server's models have no `{name}`; it cannot be asked for")
    return found
