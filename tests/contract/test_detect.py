"""What every detector of the registry is held to."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from vultus import registry
from vultus.analyzer import detector
from vultus.errors import WeightsError
from vultus.models.detect import Agreeing, Detector
from vultus.types import Face, Image

pytestmark = pytest.mark.weights


@pytest.fixture(scope="module", params=[card.name for card in registry.cards("detect")])
def detect(request: pytest.FixtureRequest) -> Detector:
    try:
        return detector(request.param)
    except WeightsError as error:
        pytest.skip(str(error))


def key(faces: list[Face]) -> list[tuple[float, ...]]:
    return [(face.score, face.box.x1, face.box.y1, *face.landmarks.ravel().tolist()) for face in faces]


def test_no_pictures_and_no_face(detect: Detector) -> None:
    assert detect([]) == []
    assert detect([np.zeros((64, 64, 3), dtype=np.uint8), np.full((32, 200, 3), 255, dtype=np.uint8)]) == [[], []]


def test_the_face_is_found_where_it_is(detect: Detector, astronaut: Image) -> None:
    (faces,) = detect([astronaut])
    assert len(faces) == 1
    x1, y1, x2, y2 = faces[0].box.round()
    # The portrait's face, measured by eye: eyes at y 112, chin at y 175.
    assert 160 < x1 < 195
    assert 40 < y1 < 85
    assert 255 < x2 < 285
    assert 160 < y2 < 190
    assert 0.5 <= faces[0].score <= 1


def test_points_are_in_the_subjects_order(detect: Detector, astronaut: Image) -> None:
    right_eye, left_eye, nose, right_mouth, left_mouth = detect([astronaut])[0][0].landmarks
    assert right_eye[0] < nose[0] < left_eye[0]
    assert right_mouth[0] < left_mouth[0]
    assert max(right_eye[1], left_eye[1]) < nose[1] < min(right_mouth[1], left_mouth[1])


def test_a_mirrored_picture_mirrors_boxes_and_swaps_sides(detect: Detector, astronaut: Image) -> None:
    straight = detect([astronaut])[0][0]
    mirrored = detect([np.ascontiguousarray(astronaut[:, ::-1])])[0][0]
    width = astronaut.shape[1]
    swapped = mirrored.landmarks[[1, 0, 2, 4, 3]] * (-1, 1) + (width - 1, 0)
    assert np.abs(swapped - straight.landmarks).max() < 5


def test_the_same_answer_every_time_and_the_picture_untouched(detect: Detector, astronaut: Image) -> None:
    before = astronaut.copy()
    first, second = detect([astronaut])[0], detect([astronaut])[0]
    assert key(first) == key(second)
    assert (astronaut == before).all()


def test_a_batch_gives_what_single_pictures_give(detect: Detector, astronaut: Image) -> None:
    brighter = cv2.convertScaleAbs(astronaut, alpha=1.2, beta=10)
    small = cv2.resize(astronaut, (256, 256), interpolation=cv2.INTER_AREA)
    pictures = [astronaut, small, brighter]
    together = detect(pictures)
    alone = [detect([picture])[0] for picture in pictures]
    assert [len(faces) for faces in together] == [1, 1, 1]
    for batch, single in zip(together, alone, strict=True):
        np.testing.assert_allclose(key(batch), key(single), atol=1e-3)


def test_noise_holds_no_face(detect: Detector) -> None:
    rng = np.random.default_rng(7)
    noise = [rng.integers(0, 256, (240, 320, 3), dtype=np.uint8) for _ in range(20)]
    smooth = [cv2.normalize(cv2.GaussianBlur(picture, (0, 0), 5), None, 0, 255, cv2.NORM_MINMAX) for picture in noise]
    assert sum(len(faces) for faces in detect([*noise, *smooth])) == 0


@pytest.mark.parametrize("shape", [(1, 1), (1, 700), (33, 31)])
def test_odd_sizes_are_no_error(detect: Detector, shape: tuple[int, int]) -> None:
    assert detect([np.full((*shape, 3), 128, dtype=np.uint8)]) == [[]]


def test_finds_that_agree_are_the_same_faces(detect: Detector, astronaut: Image) -> None:
    if not isinstance(detect, Agreeing):
        pytest.skip("the detector cannot be asked to agree")
    half = cv2.resize(astronaut, (288, 288), interpolation=cv2.INTER_AREA)
    pictures = [astronaut, half, np.zeros((64, 64, 3), dtype=np.uint8), np.ascontiguousarray(half[:, ::-1])]
    together, plain = detect.agreed(pictures), detect(pictures)
    alone = [detect.agreed([picture])[0] for picture in pictures]
    assert [len(faces) for faces in together] == [1, 1, 0, 1]
    for batch, single, called in zip(together, alone, plain, strict=True):
        np.testing.assert_allclose(key(batch), key(single), atol=1e-3)
        assert [(face.box, face.score) for face in batch] == [(face.box, face.score) for face in called]
        across = [float(np.linalg.norm(face.landmarks[1] - face.landmarks[0])) for face in called]
        off = [float(np.abs(one.landmarks - two.landmarks).max()) for one, two in zip(batch, called, strict=True)]
        assert all(far < 0.2 * apart for far, apart in zip(off, across, strict=True))
    assert detect.agreed([]) == []
