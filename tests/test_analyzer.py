from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import cv2
import numpy as np
import pytest

from vultus import registry
from vultus.analyzer import Analyzer, in_order, not_live, why_not_live
from vultus.errors import NotFoundError
from vultus.types import Image, Liveness, LivenessPoint, Signal


def test_nothing_in_order() -> None:
    assert list(in_order(abs, [])) == []


def test_order_holds_whoever_finishes_first() -> None:
    def slow_first(value: int) -> int:
        time.sleep(0.02 if value % 3 == 0 else 0)
        return value

    assert list(in_order(slow_first, range(20))) == list(range(20))


def test_only_a_few_are_taken_in_advance() -> None:
    taken: list[int] = []

    def source() -> object:
        for value in range(1000):
            taken.append(value)
            yield value

    results = in_order(lambda value: value, source())  # type: ignore[arg-type, var-annotated]
    assert next(results) == 0
    assert len(taken) < 100
    results.close()  # type: ignore[attr-defined]


def test_an_error_appears_at_its_place() -> None:
    results = in_order(lambda value: 1 // value, [2, 1, 0, 3])
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_an_unknown_model_is_named_before_anything_is_fetched() -> None:
    with pytest.raises(NotFoundError, match="yunet"):
        Analyzer(detector="retinaface")
    with pytest.raises(NotFoundError, match="sface"):
        Analyzer(embedder="facenet")
    with pytest.raises(NotFoundError, match="rgb"):
        Analyzer(liveness="oracle")
    with pytest.raises(NotFoundError, match="face-mesh"):
        Analyzer(mesh="wireframe")


@pytest.mark.weights
def test_no_face_gives_no_reading(analyzer: Analyzer) -> None:
    assert analyzer.analyze(np.zeros((100, 100, 3), dtype=np.uint8)) == ()


@pytest.mark.weights
def test_a_face_comes_with_all_its_readings(analyzer: Analyzer, astronaut: Image) -> None:
    (reading,) = analyzer.analyze(astronaut)
    assert reading.embedding is not None
    assert reading.embedding.shape == (analyzer.contract.dimension,)
    assert reading.aligned is not None
    assert reading.aligned.shape == (112, 112, 3)
    assert reading.refusals == ()
    assert 0.5 < reading.quality.score <= 1
    assert reading.quality.inside == 1.0
    (bare,) = analyzer.read(astronaut, analyzer.detect(astronaut), embed=False)
    assert bare.embedding is None


@pytest.mark.weights
def test_a_folder_gives_what_single_pictures_give(analyzer: Analyzer, astronaut: Image) -> None:
    pictures = [cv2.convertScaleAbs(astronaut, alpha=0.6 + index / 20) for index in range(12)]
    together = [reading.embedding for readings in analyzer.analyze_many(pictures) for reading in readings]
    alone = [reading.embedding for picture in pictures for reading in analyzer.analyze(picture)]
    assert len(together) == len(alone) == 12
    np.testing.assert_allclose(np.stack(together), np.stack(alone), atol=1e-5)  # type: ignore[arg-type]


POINT = LivenessPoint(0.5, "BPCER at most 1 %", None, None, "testing", "2026-11-24", "testing")


def answer(score: float, abstained: str = "") -> Liveness:
    says = "bona fide" if score >= POINT.threshold else "attack"
    return Liveness(score, POINT, (Signal("passive", score, "P", says, "looks like paper"),), abstained)  # type: ignore[arg-type]


def test_live_is_no_reason_to_refuse() -> None:
    assert not_live(answer(0.5)) is None
    assert why_not_live(answer(0.5)) == ""


def test_an_attack_and_no_answer_are_refused_for_different_reasons() -> None:
    refusal = not_live(answer(0.2))
    assert refusal is not None
    assert (refusal.code, refusal.value, refusal.limit) == ("NOT_LIVE", 0.2, 0.5)
    assert why_not_live(answer(0.2)) == "not taken for a living face: P 0.200 < 0.500 (looks like paper)"
    unknown = not_live(answer(0.9, "the face is 12 pixels wide"))
    assert unknown is not None
    assert unknown.code == "LIVENESS_UNKNOWN"
    assert "12 pixels" in why_not_live(answer(0.9, "the face is 12 pixels wide"))


class Judge:
    """A detector that counts how often it is loaded and called."""

    loaded = 0

    def __init__(self, card: object, **options: object) -> None:
        type(self).loaded += 1
        self.card, self.point = card, POINT

    def __call__(self, image: Image, faces: object) -> tuple[Liveness, ...]:
        return tuple(answer(0.75) for _ in faces)  # type: ignore[attr-defined]


@pytest.mark.weights
def test_the_attack_detector_is_loaded_late_and_once(
    analyzer: Analyzer, astronaut: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = registry.card("rgb")
    monkeypatch.setitem(registry._registered, "other", (replace(card, name="other"), Judge))
    Judge.loaded = 0
    judging = analyzer.with_liveness("other")
    assert judging.contract == analyzer.contract
    assert judging.liveness(np.zeros((60, 60, 3), np.uint8)) == ()
    assert judging.liveness(astronaut, []) == ()
    assert Judge.loaded == 0
    faces = judging.detect(astronaut)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: judging.liveness(astronaut, faces), range(8)))
    assert [len(one) for one in answers] == [1] * 8
    assert judging.liveness(astronaut)[0].score == 0.75
    assert Judge.loaded == 1
    assert judging.with_liveness("other") is judging
    for arranged in (judging.parallel(), judging.for_video()):
        assert arranged.liveness(astronaut)[0].score == 0.75
    assert Judge.loaded == 3
    with pytest.raises(NotFoundError, match="other"):
        analyzer.with_liveness("oracle")


@pytest.mark.weights
def test_meshes_come_one_a_face(analyzer: Analyzer, astronaut: Image) -> None:
    assert analyzer.meshes(astronaut, []) == ()
    faces = analyzer.detect(astronaut)
    (mesh,) = analyzer.meshes(astronaut, faces)
    assert mesh.presence > 0.9


@pytest.mark.weights
def test_the_golden_embedding(analyzer: Analyzer, astronaut: Image) -> None:
    """Accuracy alone does not catch swapped channels (.989 for .993); this does.

    Made by opencv-python 5.0 on the same folded weights: FaceDetectorYN at the picture's
    own size, cv2's FaceRecognizerSF.alignCrop and feature, the first sixteen numbers of the
    normalised vector.
    """
    (reading,) = analyzer.analyze(astronaut)
    assert reading.embedding is not None
    golden = np.array(GOLDEN, dtype=np.float32)
    np.testing.assert_allclose(reading.embedding[:16], golden, atol=0.01)
    assert reading.aligned is not None
    swapped = analyzer.embed([np.ascontiguousarray(reading.aligned[..., ::-1])])[0]
    assert np.abs(swapped[:16] - golden).max() > 0.02


GOLDEN = [
    0.0267, -0.1417, 0.1137, 0.1628, 0.0109, -0.0064, 0.0820, 0.0365,
    0.0011, 0.0847, -0.0643, 0.0902, -0.0398, 0.0194, -0.0079, 0.0001,
]  # fmt: skip
