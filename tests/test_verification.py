from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

import vultus
from vultus.analyzer import Analyzer
from vultus.errors import (
    ContractMismatchError,
    FaceRefusedError,
    InputError,
    InvalidVectorError,
    NoFaceError,
    OperatingPointError,
    TooManyFacesError,
)
from vultus.operating import table_for
from vultus.types import EmbeddingContract, Image
from vultus.verification import verify

pytestmark = pytest.mark.weights


def test_no_face_is_an_error_and_never_different(analyzer: Analyzer, astronaut: Image) -> None:
    table = table_for(analyzer.contract)
    with pytest.raises(NoFaceError, match="<array>"):
        verify(astronaut, np.zeros((60, 60, 3), dtype=np.uint8), analyzer=analyzer, table=table)


def test_pictures_and_embeddings_give_one_answer(analyzer: Analyzer, astronaut: Image) -> None:
    table = table_for(analyzer.contract)
    mirrored = np.ascontiguousarray(astronaut[:, ::-1])
    by_picture = verify(astronaut, mirrored, analyzer=analyzer, table=table)
    vectors = [analyzer.analyze(picture)[0].embedding for picture in (astronaut, mirrored)]
    assert vectors[0] is not None
    assert vectors[1] is not None
    by_vector = verify(vectors[0], vectors[1], analyzer=analyzer, table=table)
    assert by_picture.score == pytest.approx(float(vectors[0] @ vectors[1]), abs=1e-6)
    assert by_vector.score == pytest.approx(by_picture.score, abs=1e-6)
    assert by_picture.match
    assert by_vector.sides[0].name == "<embedding>"


def test_the_order_does_not_matter(analyzer: Analyzer, photographs: dict[str, Path]) -> None:
    table = table_for(analyzer.contract)
    pair = photographs["Barack Obama"], photographs["obama2.jpg"]
    assert verify(*pair, analyzer=analyzer, table=table).score == pytest.approx(
        verify(*pair[::-1], analyzer=analyzer, table=table).score, abs=1e-6
    )


def test_a_poor_face_is_no_decision(analyzer: Analyzer, astronaut: Image) -> None:
    table = table_for(analyzer.contract)
    blurred = cv2.GaussianBlur(astronaut, (0, 0), 4)
    answer = verify(astronaut, blurred, analyzer=analyzer, table=table, gate="high")
    assert answer.status == "no_decision"
    assert not answer.match
    with pytest.raises(FaceRefusedError, match="LOW_SHARPNESS"):
        answer.require()


def test_what_cannot_be_compared_is_refused(analyzer: Analyzer, astronaut: Image, photographs: dict[str, Path]) -> None:
    table = table_for(analyzer.contract)
    with pytest.raises(InvalidVectorError, match="dimension 128, got 64"):
        verify(astronaut, np.ones(64), analyzer=analyzer, table=table)
    with pytest.raises(InvalidVectorError, match="NaN"):
        verify(astronaut, np.full(128, np.nan), analyzer=analyzer, table=table)
    with pytest.raises(OperatingPointError):
        verify(astronaut, astronaut, analyzer=analyzer, table=table, fmr=0)
    with pytest.raises(TooManyFacesError, match="found 6"):
        verify(astronaut, photographs["t1.jpg"], analyzer=analyzer, table=table, faces="one")
    with pytest.raises(InputError, match="expected faces"):
        verify(astronaut, astronaut, analyzer=analyzer, table=table, faces="everyone")


def test_thresholds_of_another_model_are_refused(analyzer: Analyzer, astronaut: Image) -> None:
    class Other:
        contract = EmbeddingContract("other", "0" * 64, 128)
        analyze = analyzer.analyze

    with pytest.raises(ContractMismatchError, match="vultus calibrate"):
        verify(astronaut, astronaut, analyzer=Other(), table=table_for(analyzer.contract))


def test_the_public_calls_need_no_set_up(portrait_file: Path, photographs: dict[str, Path]) -> None:
    assert vultus.verify(portrait_file, photographs["Joe Biden"]).status == "different"
    (reading,) = vultus.analyze(portrait_file.read_bytes())
    assert reading.quality.score > 0.5
