"""What every landmark model of the registry is held to."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from vultus import registry
from vultus.analyzer import detector
from vultus.errors import WeightsError
from vultus.models.landmark import POINTS, LandmarkModel
from vultus.types import Face, Image

pytestmark = pytest.mark.weights


@pytest.fixture(scope="module", params=[card.name for card in registry.cards("landmark")])
def landmarks(request: pytest.FixtureRequest) -> LandmarkModel:
    try:
        model: LandmarkModel = registry.load(request.param, "landmark")
    except WeightsError as error:
        pytest.skip(str(error))
    return model


@pytest.fixture(scope="module")
def face(astronaut: Image) -> Face:
    return detector("yunet")([astronaut])[0][0]


def test_no_faces_give_no_meshes(landmarks: LandmarkModel, astronaut: Image) -> None:
    assert landmarks(astronaut, []) == ()


def test_a_mesh_lies_on_its_face(landmarks: LandmarkModel, astronaut: Image, face: Face) -> None:
    (mesh,) = landmarks(astronaut, [face])
    assert mesh.points.shape == (POINTS, 3)
    assert mesh.points.dtype == np.float32
    assert mesh.presence > 0.9
    across = float(np.linalg.norm(face.landmarks[1] - face.landmarks[0]))
    eyes = np.stack([mesh.points[[33, 133], :2].mean(axis=0), mesh.points[[263, 362], :2].mean(axis=0)])
    assert np.linalg.norm(eyes - face.landmarks[:2], axis=1).max() < 0.2 * across
    x1, y1, x2, y2 = face.box.round()
    inside = (mesh.points[:, 0] > x1 - 20) & (mesh.points[:, 0] < x2 + 20)
    inside &= (mesh.points[:, 1] > y1 - 20) & (mesh.points[:, 1] < y2 + 20)
    assert inside.mean() > 0.95


def test_a_batch_gives_what_single_calls_give(landmarks: LandmarkModel, astronaut: Image, face: Face) -> None:
    faces = [Face(face.box, face.landmarks + np.float32(step), face.score) for step in (-3, -1, 0, 1, 2, 4, 5)]
    together = landmarks(astronaut, faces)
    alone = [landmarks(astronaut, [one])[0] for one in faces]
    assert len(together) == len(faces)
    np.testing.assert_allclose([m.points for m in together], [m.points for m in alone], atol=1e-2)
    np.testing.assert_allclose([m.presence for m in together], [m.presence for m in alone], atol=1e-4)


def test_the_same_answer_every_time_and_the_picture_untouched(
    landmarks: LandmarkModel, astronaut: Image, face: Face
) -> None:
    before = astronaut.copy()
    first, second = landmarks(astronaut, [face])[0], landmarks(astronaut, [face])[0]
    assert (first.points == second.points).all()
    assert (astronaut == before).all()


def test_size_and_turn_of_the_picture_go_with_the_mesh(landmarks: LandmarkModel, astronaut: Image, face: Face) -> None:
    mesh = landmarks(astronaut, [face])[0].points[:, :2]
    across = float(np.linalg.norm(face.landmarks[1] - face.landmarks[0]))
    for angle, scale in ((0, 3.0), (35, 1.0), (-160, 1.5)):
        matrix = cv2.getRotationMatrix2D(face.box.centre, angle, scale)
        turned = cv2.warpAffine(astronaut, matrix, (512, 512), flags=cv2.INTER_LINEAR)
        points = (face.landmarks @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
        moved = landmarks(turned, [Face(face.box, points, face.score)])[0].points[:, :2]
        expected = mesh @ matrix[:, :2].T + matrix[:, 2]
        assert np.linalg.norm(moved - expected, axis=1).mean() < 0.05 * across * scale


@pytest.mark.parametrize("corner", [(0.0, 0.0), (512.0, 300.0), (-400.0, 900.0)])
def test_a_face_beyond_the_edge_gives_a_mesh_all_the_same(
    landmarks: LandmarkModel, astronaut: Image, face: Face, corner: tuple[float, float]
) -> None:
    moved = face.landmarks - face.landmarks.mean(axis=0) + np.array(corner, dtype=np.float32)
    for points in (moved, moved * np.float32(8)):
        (mesh,) = landmarks(astronaut, [Face(face.box, points, face.score)])
        assert np.isfinite(mesh.points).all()
        assert 0 <= mesh.presence <= 1


def test_points_that_are_one_are_no_error(landmarks: LandmarkModel, astronaut: Image, face: Face) -> None:
    (mesh,) = landmarks(astronaut, [Face(face.box, np.full((5, 2), 100, np.float32), 0.5)])
    assert np.isfinite(mesh.points).all()
