from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from vultus import images
from vultus.analyzer import Analyzer
from vultus.evaluation.extraction import embed_pictures
from vultus.types import EmbeddingContract, Image, Reading


def test_no_pictures(contract: EmbeddingContract) -> None:
    class Nothing:
        def __init__(self) -> None:
            self.contract = contract

        def analyze(self, image: Image) -> Sequence[Reading]:
            raise AssertionError("there is nothing to read")

    found = embed_pictures([], Nothing())
    assert found.vectors.shape == (0, contract.dimension)
    assert found.failures == ()


@pytest.mark.weights
def test_each_picture_gives_a_row_or_a_reason(analyzer: Analyzer, astronaut: Image, tmp_path: Path) -> None:
    face, wall, text = tmp_path / "face.png", tmp_path / "wall.png", tmp_path / "text.jpg"
    images.write(face, astronaut)
    images.write(wall, np.full((120, 160, 3), 127, dtype=np.uint8))
    text.write_text("not a picture")
    seen: list[tuple[int, int]] = []
    found = embed_pictures([wall, face, text, face], analyzer, lambda *at: seen.append(at))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert found.present.tolist() == [False, True, False, True]
    assert [failure.path for failure in found.failures] == [wall, text]
    assert "found none" in found.failures[0].reason
    np.testing.assert_array_equal(found.vectors[1], found.vectors[3])
    np.testing.assert_allclose(found.vectors[1], analyzer.analyze(astronaut)[0].embedding, atol=1e-6)


@pytest.mark.weights
def test_the_face_nearest_the_centre_counts(analyzer: Analyzer, astronaut: Image, tmp_path: Path) -> None:
    """The portrait large at the left edge, small in the middle: the small one is meant."""
    import cv2

    canvas = np.full((600, 1400, 3), 90, dtype=np.uint8)
    canvas[60:572, :512] = cv2.flip(astronaut, 1)
    canvas[200:456, 600:856] = cv2.resize(astronaut, (256, 256), interpolation=cv2.INTER_AREA)
    path = images.write(tmp_path / "two.png", canvas)
    readings = analyzer.analyze(canvas)
    assert len(readings) == 2
    found = embed_pictures([path], analyzer)
    np.testing.assert_allclose(found.vectors[0], readings[1].embedding, atol=1e-6)
    assert readings[1].face.box.area < readings[0].face.box.area
