from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
from vultus.types import EmbeddingContract, Face, Image, Liveness, LivenessPoint, Reading, Signal
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


@dataclass
class Judging:
    """An analyzer whose attack detector gives the answers that it is told, one a picture."""

    inner: Analyzer
    scores: list[float]
    abstained: str = ""
    asked: int = 0

    @property
    def contract(self) -> EmbeddingContract:
        return self.inner.contract

    def analyze(self, image: Image) -> tuple[Reading, ...]:
        return self.inner.analyze(image)

    def liveness(self, image: Image, faces: Sequence[Face]) -> tuple[Liveness, ...]:
        self.asked += 1
        point = LivenessPoint(0.5, "criterion", None, None, "data", "2026-11-24", "testing")
        signal = Signal("passive", 0.0, "P", "nothing", "seen")
        return tuple(Liveness(score, point, (signal,), self.abstained) for score in self.scores[: len(faces)])


def test_only_the_second_must_be_live(analyzer: Analyzer, astronaut: Image) -> None:
    table = table_for(analyzer.contract)
    judging = Judging(analyzer, [0.9])
    answer = verify(astronaut, astronaut, analyzer=judging, table=table, require_live=True)
    assert answer.status == "match"
    assert judging.asked == 1
    assert answer.sides[0].liveness is None
    assert answer.sides[1].liveness is not None
    assert answer.sides[1].liveness.live
    assert verify(astronaut, astronaut, analyzer=judging, table=table).sides[1].liveness is None
    assert judging.asked == 1


def test_an_attack_is_no_match_and_no_difference(analyzer: Analyzer, astronaut: Image) -> None:
    table = table_for(analyzer.contract)
    answer = verify(astronaut, astronaut, analyzer=Judging(analyzer, [0.1]), table=table, require_live=True)
    assert answer.status == "not_live"
    assert not answer.match
    assert answer.require() is answer
    assert answer.score > 0.9


def test_a_face_that_cannot_be_judged_is_no_decision(analyzer: Analyzer, astronaut: Image) -> None:
    table = table_for(analyzer.contract)
    judging = Judging(analyzer, [float("nan")], "the picture is grey")
    answer = verify(astronaut, astronaut, analyzer=judging, table=table, require_live=True)
    assert answer.status == "no_decision"
    with pytest.raises(FaceRefusedError, match="the picture is grey"):
        answer.require()


def test_a_poor_face_is_told_before_its_liveness(analyzer: Analyzer, astronaut: Image) -> None:
    table = table_for(analyzer.contract)
    blurred = cv2.GaussianBlur(astronaut, (0, 0), 4)
    answer = verify(astronaut, blurred, analyzer=Judging(analyzer, [0.1]), table=table, gate="high", require_live=True)
    assert answer.status == "no_decision"
    with pytest.raises(FaceRefusedError, match="LOW_SHARPNESS"):
        answer.require()


def test_what_cannot_be_judged_at_all_is_refused(analyzer: Analyzer, astronaut: Image) -> None:
    table = table_for(analyzer.contract)
    vector = analyzer.analyze(astronaut)[0].embedding
    assert vector is not None
    with pytest.raises(InputError, match="got an embedding"):
        verify(astronaut, vector, analyzer=Judging(analyzer, [0.9]), table=table, require_live=True)
    assert verify(vector, astronaut, analyzer=Judging(analyzer, [0.9]), table=table, require_live=True).match


def test_among_several_faces_a_live_one_counts(analyzer: Analyzer, photographs: dict[str, Path]) -> None:
    """The group picture shows six; the first by size is told to be the only live one."""
    table = table_for(analyzer.contract)
    scores = [0.9, 0.1, 0.1, 0.1, 0.1, 0.1]
    answer = verify(
        photographs["Barack Obama"], photographs["t1.jpg"],
        analyzer=Judging(analyzer, scores), table=table, faces="all", require_live=True,
    )  # fmt: skip
    assert answer.status == "different"
    assert answer.sides[1].liveness is not None
    assert answer.sides[1].liveness.score == 0.9
