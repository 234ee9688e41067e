"""What marking a photo does to its quality: hardly anything, with the points it had and with points found anew."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from vultus.analyzer import Analyzer
from vultus.images import read
from vultus.integrity.crop import format_of, head, mesh_of, one_face, portrait
from vultus.integrity.marks import load
from vultus.integrity.quality import DocumentQuality, assess
from vultus.integrity.secret import MarkKey
from vultus.models.landmark import Mesh
from vultus.types import Expression, Face, Image, Reading

pytestmark = pytest.mark.weights

KEY = MarkKey(bytes(range(32)))


class Known:
    """The faces and the mesh of one picture, for another that differs by a mark."""

    def __init__(self, analyzer: Analyzer, image: Image) -> None:
        self.analyzer = analyzer
        self.faces = analyzer.detect(image)
        self.mesh = mesh_of(image, self.faces[0], analyzer)

    def detect(self, image: Image) -> tuple[Face, ...]:
        return self.faces

    def meshes(self, image: Image, faces: Sequence[Face]) -> tuple[Mesh, ...]:
        return (self.mesh,)

    def read(self, image: Image, faces: Sequence[Face], *, embed: bool = True) -> tuple[Reading, ...]:
        return self.analyzer.read(image, faces, embed=embed)

    def eyes(self, image: Image, meshes: Sequence[Mesh]) -> tuple[tuple[float, float], ...]:
        return self.analyzer.eyes(image, meshes)

    def expressions(self, image: Image, faces: Sequence[Face]) -> tuple[Expression, ...]:
        return self.analyzer.expressions(image, faces)


def changes(before: DocumentQuality, after: DocumentQuality) -> dict[str, int]:
    """By how much each scalar moved."""
    pairs = zip(before.measures, after.measures, strict=True)
    return {one.name: other.scalar - one.scalar for one, other in pairs if one.scalar is not None is not other.scalar}


def check(plain: Image, analyzer: Analyzer) -> None:
    marked = load("block-mac").embed(plain, KEY, "TEST-0001")
    before = assess(plain, analyzer)
    for finder in (Known(analyzer, plain), analyzer):
        after = assess(marked, finder)
        moved = changes(before, after)
        assert len(moved) == 16
        assert {name: by for name, by in moved.items() if abs(by) > 1} == {}


def test_no_scalar_of_the_nasa_portrait_moves_by_more_than_one(astronaut: Image, analyzer: Analyzer) -> None:
    check(np.ascontiguousarray(astronaut[:250, 90:360].repeat(2, axis=0).repeat(2, axis=1)), analyzer)


@pytest.mark.slow
def test_no_scalar_of_a_hundred_portraits_moves_by_more_than_one(data: Path, analyzer: Analyzer) -> None:
    paths = sorted((data / "portraits").glob("*.jpg"))
    assert len(paths) == 100
    for path in paths:
        image = read(path)
        check(portrait(image, head(image, one_face(image, analyzer), analyzer), format_of("passport")).image, analyzer)
