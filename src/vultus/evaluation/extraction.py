"""From pictures of one person each to one embedding each, failures counted and named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vultus import images
from vultus.analyzer import in_order
from vultus.choice import choose
from vultus.errors import InputError
from vultus.types import EmbeddingContract, Image, Reading, Vector

__all__ = ["Extracted", "Failure", "Progress", "Reader", "embed_pictures"]

Progress = Callable[[int, int], None]  # pictures done, pictures in all


class Reader(Protocol):
    """What turns pictures into readings; `vultus.analyzer.Analyzer` is one."""

    @property
    def contract(self) -> EmbeddingContract:
        """What the embeddings may be compared with."""
        ...

    def analyze(self, image: Image) -> Sequence[Reading]:
        """Every face of a picture with its embedding; called from several threads."""
        ...


@dataclass(frozen=True, slots=True)
class Failure:
    """A picture that gave no embedding, and why."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Extracted:
    """Embeddings in the order of the pictures."""

    vectors: NDArray[np.float32]  # (n, D), unit rows; NaN where there is none
    failures: tuple[Failure, ...]

    @property
    def present(self) -> NDArray[np.bool_]:
        """Which pictures gave an embedding, (n,)."""
        return np.asarray(~np.isnan(self.vectors).any(axis=1))


def embed_pictures(paths: Sequence[Path], reader: Reader, progress: Progress | None = None) -> Extracted:
    """Embed the face nearest the centre of each picture, as LFW's crops mean it.

    A picture that cannot be read or shows no face becomes a failure and a row of NaN; no
    quality gate is applied, since a gate would hide the hard pictures from the figures.
    One picture is read on each core: `Analyzer.parallel()` is the reader that goes fastest.
    """

    def embed(path: Path) -> Vector | Failure:
        try:
            picture = images.read(path)
            readings = reader.analyze(picture)
            centre = readings[choose(readings, (picture.shape[1], picture.shape[0]), "centre")[0].index]
        except InputError as error:
            return Failure(path, str(error))
        return Failure(path, "the reader made no embedding") if centre.embedding is None else centre.embedding

    vectors = np.full((len(paths), reader.contract.dimension), np.nan, dtype=np.float32)
    failures = []
    for row, answer in enumerate(in_order(embed, paths)):
        if isinstance(answer, Failure):
            failures.append(answer)
        else:
            vectors[row] = answer
        if progress is not None:
            progress(row + 1, len(paths))
    return Extracted(vectors, tuple(failures))
