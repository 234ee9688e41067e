"""What every expression reader of the registry is held to."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from vultus import registry
from vultus.analyzer import detector
from vultus.errors import InputError
from vultus.models.expression import CLASSES, ExpressionReader
from vultus.runtime import EngineOptions
from vultus.types import Box, Face, Image

pytestmark = pytest.mark.weights

CARDS = [card.name for card in registry.cards("expression")]


def load(name: str, engine: EngineOptions | None = None) -> ExpressionReader:
    model: ExpressionReader = registry.load(name, "expression", engine=engine)
    return model


@pytest.fixture(scope="module", params=CARDS)
def reader(request: pytest.FixtureRequest) -> ExpressionReader:
    return load(request.param)


@pytest.fixture(scope="module")
def face(astronaut: Image) -> Face:
    return detector("yunet")([astronaut])[0][0]


def moved(face: Face, x: float, y: float, times: float = 1) -> Face:
    """The face elsewhere, or larger, so that other pixels are read."""
    middle = np.float32(face.box.centre)
    points = (face.landmarks - middle) * np.float32(times) + middle + np.float32([x, y])
    half_w, half_h = face.box.width * times / 2, face.box.height * times / 2
    cx, cy = face.box.centre[0] + x, face.box.centre[1] + y
    return Face(Box(cx - half_w, cy - half_h, cx + half_w, cy + half_h), points, face.score)


def test_there_is_one() -> None:
    assert "fer2013" in CARDS


def test_no_face_gives_no_answer(reader: ExpressionReader, astronaut: Image) -> None:
    assert reader(astronaut, []) == ()


def test_an_answer_is_a_distribution_over_the_packages_classes(
    reader: ExpressionReader, astronaut: Image, face: Face
) -> None:
    (answer,) = reader(astronaut, [face])
    assert answer.abstained == ""
    assert answer.classes == reader.classes
    assert list(answer.classes) == [name for name in CLASSES if name in answer.classes]
    assert all(0 <= p <= 1 for p in answer.probabilities)
    assert math.isclose(sum(answer.probabilities), 1, abs_tol=1e-9)
    assert answer.scores[str(answer.label)] == answer.probability == max(answer.probabilities)
    assert answer.model == reader.model
    assert reader.model.startswith(reader.card.name)


def test_a_broad_smile_is_happy(reader: ExpressionReader, astronaut: Image, face: Face) -> None:
    assert reader(astronaut, [face])[0].label == "happy"


def test_grey_and_colour_give_the_same(reader: ExpressionReader, astronaut: Image, face: Face) -> None:
    grey = cv2.cvtColor(cv2.cvtColor(astronaut, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    np.testing.assert_allclose(
        reader(grey, [face])[0].probabilities, reader(astronaut, [face])[0].probabilities, atol=0.02
    )


def test_the_picture_is_left_as_it_was_and_answers_repeat(
    reader: ExpressionReader, astronaut: Image, face: Face
) -> None:
    frozen = astronaut.copy()
    frozen.setflags(write=False)
    assert reader(frozen, [face]) == reader(astronaut, [face])
    assert (frozen == astronaut).all()


def abstains(reader: ExpressionReader, image: Image, face: Face, said: str) -> None:
    (answer,) = reader(image, [face])
    assert said in answer.abstained
    assert (answer.label, answer.probabilities, answer.scores) == (None, (), {})
    assert math.isnan(answer.probability)


def test_a_tiny_face_is_not_guessed_at(reader: ExpressionReader, astronaut: Image, face: Face) -> None:
    small = cv2.resize(astronaut, None, fx=0.15, fy=0.15, interpolation=cv2.INTER_AREA)
    box = face.box
    tiny = Face(Box(box.x1 * 0.15, box.y1 * 0.15, box.x2 * 0.15, box.y2 * 0.15), face.landmarks * 0.15, face.score)
    abstains(reader, small, tiny, "pixels wide")


def test_a_face_over_the_border_is_not_guessed_at(reader: ExpressionReader, astronaut: Image, face: Face) -> None:
    abstains(reader, astronaut, moved(face, -face.box.x1 - face.box.width / 2, 0), "outside the picture")
    abstains(reader, astronaut, moved(face, 5000, 0), "outside the picture")


def test_a_turned_face_is_not_guessed_at(reader: ExpressionReader, astronaut: Image, face: Face) -> None:
    points = face.landmarks.copy()
    points[2, 0] = points[1, 0] + 6  # the nose beyond an eye
    abstains(reader, astronaut, Face(face.box, points, face.score), "turned aside")


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_points_that_are_none_are_not_guessed_at(
    reader: ExpressionReader, astronaut: Image, face: Face, wrong: float
) -> None:
    points = face.landmarks.copy()
    points[3, 1] = wrong
    abstains(reader, astronaut, Face(face.box, points, face.score), "missing")


def test_a_blank_face_is_not_guessed_at(reader: ExpressionReader, face: Face) -> None:
    abstains(reader, np.full((512, 512, 3), 128, np.uint8), face, "blank")


def test_a_covered_face_gets_less_certain_or_no_answer(reader: ExpressionReader, astronaut: Image, face: Face) -> None:
    covered = astronaut.copy()
    x1, y1, x2, y2 = face.box.round()
    covered[y1 + (y2 - y1) // 2 : y2 + 20, x1 - 10 : x2 + 10] = 60
    (answer,) = reader(covered, [face])
    assert answer.abstained or answer.probability < reader(astronaut, [face])[0].probability


def test_crops_of_another_kind_are_refused(reader: ExpressionReader) -> None:
    with pytest.raises(InputError, match="expected crops"):
        reader.read_crops(np.zeros((1, 50, 50, 3), np.uint8))
    with pytest.raises(InputError, match="NaN"):
        reader.read_crops(np.full((1, 48, 48, 3), np.nan))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", CARDS)
def test_both_engines_agree(name: str, astronaut: Image, face: Face) -> None:
    pytest.importorskip("onnxruntime")
    faces = [moved(face, step, 0) for step in (-6, 0, 6)]
    shares = [
        [answer.probabilities for answer in load(name, EngineOptions(engine=engine))(astronaut, faces)]  # type: ignore[arg-type]
        for engine in ("openvino", "onnxruntime")
    ]
    np.testing.assert_allclose(shares[0], shares[1], atol=1e-4)


@pytest.mark.parametrize("name", CARDS)
def test_the_answer_is_that_of_fp32_unless_another_is_named(name: str, astronaut: Image, face: Face) -> None:
    assert load(name)(astronaut, [face]) == load(name, EngineOptions(precision="fp32"))(astronaut, [face])
