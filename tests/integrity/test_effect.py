"""What the mark does to recognition: nothing that could be measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vultus.analyzer import Analyzer
from vultus.geometry import align
from vultus.images import read
from vultus.integrity.crop import format_of, head, one_face, portrait
from vultus.integrity.marks import load
from vultus.integrity.secret import MarkKey
from vultus.operating import table_for
from vultus.types import Image


def test_the_nasa_portrait(astronaut: Image, analyzer: Analyzer, mark_key: MarkKey) -> None:
    marked = load().embed(astronaut, mark_key, "TEST-0001")
    face = one_face(astronaut, analyzer)
    plain, with_mark = analyzer.embed([align(image, face.landmarks) for image in (astronaut, marked)])
    assert float(plain @ with_mark) > 0.998
    again = one_face(marked, analyzer)
    assert np.abs(again.landmarks - face.landmarks).max() < 1.0


def test_portraits(data: Path, analyzer: Analyzer, mark_key: MarkKey) -> None:
    """Marked photos are matched with the same people smiling as well as plain ones."""
    before, after = [], []
    for path in sorted((data / "portraits").glob("*_neutral.jpg"))[:6]:
        image = read(path)
        plain = portrait(image, head(image, one_face(image, analyzer), analyzer), format_of("passport")).image
        marked = load().embed(plain, mark_key, "TEST-0001")
        (probe,) = analyzer.analyze(read(path.with_name(path.name.replace("neutral", "smiling"))))
        for side, scores in ((plain, before), (marked, after)):
            (reading,) = analyzer.analyze(side)
            assert reading.embedding is not None
            assert probe.embedding is not None
            scores.append(float(reading.embedding @ probe.embedding))
    threshold = table_for(analyzer.contract).verify(1e-3).threshold
    assert len(before) == 6
    assert min(after) >= threshold
    assert np.mean(after) == pytest.approx(np.mean(before), abs=0.01)
