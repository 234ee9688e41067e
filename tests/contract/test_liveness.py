"""What every attack detector of the registry is held to that looks at one RGB picture."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from vultus import registry
from vultus.analyzer import detector
from vultus.errors import VultusError
from vultus.models.liveness import LivenessDetector
from vultus.runtime import EngineOptions
from vultus.types import Box, Face, Image

pytestmark = pytest.mark.weights

# A detector that wants further pictures beside the RGB one says so in its card.
CARDS = [card.name for card in registry.cards("liveness") if card.details.get("modalities", ("rgb",)) == ("rgb",)]


def load(name: str, engine: EngineOptions | None = None) -> LivenessDetector:
    try:
        model: LivenessDetector = registry.load(name, "liveness", engine=engine)
    except VultusError as error:
        pytest.skip(f"weights are not to be had: {error}")
    return model


@pytest.fixture(scope="module", params=CARDS)
def judge(request: pytest.FixtureRequest) -> LivenessDetector:
    return load(request.param)


@pytest.fixture(scope="module")
def face(astronaut: Image) -> Face:
    return detector("yunet")([astronaut])[0][0]


def at(face: Face, *, x: float = 0, y: float = 0, times: float = 1) -> Face:
    """The face elsewhere, or larger."""
    cx, cy = face.box.centre
    half_w, half_h = face.box.width * times / 2, face.box.height * times / 2
    box = Box(cx + x - half_w, cy + y - half_h, cx + x + half_w, cy + y + half_h)
    return Face(box, face.landmarks + np.float32([x, y]), face.score)


def test_there_is_one_that_takes_an_rgb_picture() -> None:
    assert "rgb" in CARDS


def test_no_face_gives_no_answer(judge: LivenessDetector, astronaut: Image) -> None:
    assert judge(astronaut, []) == ()


def test_a_score_is_a_probability_and_the_threshold_has_a_birth(
    judge: LivenessDetector, astronaut: Image, face: Face
) -> None:
    (answer,) = judge(astronaut, [face])
    assert answer.abstained == ""
    assert 0 <= answer.score <= 1
    assert answer.live is (answer.score >= answer.point.threshold)
    assert answer.point == judge.point
    assert 0 < judge.point.threshold < 1
    assert judge.point.criterion
    assert judge.point.data
    assert judge.point.date
    assert judge.point.model.startswith(judge.card.name)
    assert [signal.name for signal in answer.signals]
    assert {signal.says for signal in answer.signals} <= {"bona fide", "attack", "nothing"}
    assert all(signal.reason for signal in answer.signals)


def test_an_answer_does_not_depend_on_the_faces_beside_it(
    judge: LivenessDetector, astronaut: Image, face: Face
) -> None:
    faces = [at(face, x=step, y=step / 2) for step in (-12, -6, 0, 3, 9)] + [at(face, times=0.2)]
    together = judge(astronaut, faces)
    alone = [judge(astronaut, [one])[0] for one in faces]
    assert len(together) == len(faces)
    np.testing.assert_allclose([answer.score for answer in together], [answer.score for answer in alone], atol=1e-6)
    assert [answer.abstained for answer in together] == [answer.abstained for answer in alone]
    backwards = judge(astronaut, faces[::-1])
    np.testing.assert_allclose([a.score for a in backwards[::-1]], [a.score for a in together], atol=1e-6)


def test_the_same_answer_every_time_and_the_picture_untouched(
    judge: LivenessDetector, astronaut: Image, face: Face
) -> None:
    before = astronaut.copy()
    assert judge(astronaut, [face]) == judge(astronaut, [face])
    assert (astronaut == before).all()
    frozen = astronaut.copy()
    frozen.setflags(write=False)
    assert judge(frozen, [face]) == judge(astronaut, [face])


def abstains(judge: LivenessDetector, image: Image, face: Face, reason: str) -> None:
    (answer,) = judge(image, [face])
    assert reason in answer.abstained
    assert math.isnan(answer.score)
    assert answer.live is None
    assert {signal.says for signal in answer.signals} <= {"nothing"}


def test_a_tiny_face_is_not_guessed_at(judge: LivenessDetector, astronaut: Image, face: Face) -> None:
    small = cv2.resize(astronaut, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    quarter = Box(face.box.x1 / 4, face.box.y1 / 4, face.box.x2 / 4, face.box.y2 / 4)
    abstains(judge, small, Face(quarter, face.landmarks / 4, face.score), "pixels")


def test_a_face_over_the_border_is_not_guessed_at(judge: LivenessDetector, astronaut: Image, face: Face) -> None:
    for beyond in (at(face, x=-face.box.x1 - face.box.width / 2), at(face, y=astronaut.shape[0] - face.box.y1 - 30)):
        abstains(judge, astronaut, beyond, "edge")


def test_a_face_wholly_outside_is_not_guessed_at(judge: LivenessDetector, astronaut: Image, face: Face) -> None:
    abstains(judge, astronaut, at(face, x=5000), "edge")


def test_a_grey_picture_is_not_guessed_at(judge: LivenessDetector, astronaut: Image, face: Face) -> None:
    grey = cv2.cvtColor(cv2.cvtColor(astronaut, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    abstains(judge, np.ascontiguousarray(grey), face, "grey")


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", range(4))
def test_a_box_that_is_none_is_not_guessed_at(
    judge: LivenessDetector, astronaut: Image, face: Face, wrong: float, place: int
) -> None:
    edges = [face.box.x1, face.box.y1, face.box.x2, face.box.y2]
    edges[place] = wrong
    abstains(judge, astronaut, Face(Box(*edges), face.landmarks, face.score), "")


@pytest.mark.parametrize("box", [Box(100, 100, 100, 200), Box(200, 200, 100, 100)])
def test_a_box_without_extent_is_not_guessed_at(judge: LivenessDetector, astronaut: Image, box: Box) -> None:
    (answer,) = judge(astronaut, [Face(box, np.zeros((5, 2), np.float32), 0.9)])
    assert answer.live is None
    assert answer.abstained


@pytest.mark.parametrize("name", CARDS)
def test_both_engines_agree(name: str, astronaut: Image, face: Face) -> None:
    pytest.importorskip("onnxruntime")
    shifted = [at(face, x=step) for step in (-10, 0, 10)]
    darker = cv2.convertScaleAbs(astronaut, alpha=0.6)
    scores = []
    for engine in ("openvino", "onnxruntime"):
        model = load(name, EngineOptions(engine=engine, precision="fp32"))  # type: ignore[arg-type]
        scores.append([answer.score for image in (astronaut, darker) for answer in model(image, shifted)])
    np.testing.assert_allclose(scores[0], scores[1], atol=2e-3)


@pytest.mark.parametrize("name", CARDS)
def test_the_precision_of_this_machine_changes_little(name: str, astronaut: Image, face: Face) -> None:
    exact = load(name, EngineOptions(precision="fp32"))(astronaut, [face])[0].score
    assert load(name)(astronaut, [face])[0].score == pytest.approx(exact, abs=0.05)
