"""What the gallery needs from the floors beside it, so that it need not import them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from vultus.types import EmbeddingContract, Face, Image, Liveness, OperatingPoint, Reading, Vector

__all__ = ["Analyzer", "Choice", "Choose", "Judge", "OperatingTable"]


class Analyzer(Protocol):
    """Pictures to faces with quality and embedding; `vultus.Analyzer` is one."""

    @property
    def contract(self) -> EmbeddingContract: ...

    def analyze(self, image: Image) -> tuple[Reading, ...]:
        """All faces, largest first, each with quality, embedding and aligned crop."""
        ...

    def embed(self, aligned: Sequence[Image]) -> Vector:
        """Aligned crops (112, 112, 3) to unit rows, (n, D)."""
        ...


@runtime_checkable
class Judge(Protocol):
    """An analyzer that also tells living faces from pictures, screens and masks; `vultus.Analyzer` is one."""

    def liveness(self, image: Image, faces: Sequence[Face]) -> tuple[Liveness, ...]:
        """One answer for each face of a picture, in their order."""
        ...


class OperatingTable(Protocol):
    """Error rates to thresholds, for one embedding contract."""

    def verify(self, fmr: float) -> OperatingPoint: ...

    def identify(self, fpir: float, templates: NDArray[np.int64]) -> OperatingPoint:
        """templates: number of templates of each person in the gallery, (people,)."""
        ...

    def track(self, fpir: float, templates: NDArray[np.int64]) -> OperatingPoint:
        """The same for a probe that is pooled from several frames."""
        ...


class Choice(Protocol):
    """Which of several faces is meant, and why."""

    @property
    def index(self) -> int: ...

    @property
    def reason(self) -> str: ...


# readings, size of the picture, policy: see `vultus.choice.choose`
Choose = Callable[[Sequence[Reading], tuple[int, int], str | int], Sequence[Choice]]
