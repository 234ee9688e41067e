from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from vultus import registry
from vultus.errors import WeightsError
from vultus.models.landmark import Mesh
from vultus.models.landmark.eyes import Eyes
from vultus.models.landmark.mesh import FaceMesh
from vultus.types import Face, Image

pytestmark = pytest.mark.weights


@pytest.fixture(scope="module")
def eyes() -> Eyes:
    try:
        model: Eyes = registry.load("eye-contours", "eye")
    except WeightsError as error:
        pytest.skip(f"weights are not to be had: {error}")
    return model


def test_no_meshes_give_nothing_and_tiny_eyes_no_number(eyes: Eyes, astronaut: Image) -> None:
    assert eyes(astronaut, []) == ()
    assert np.isnan(eyes(astronaut, [Mesh(np.zeros((468, 3), np.float32), 1.0)])).all()


def test_open_eyes_of_portraits(
    eyes: Eyes, face_mesh: FaceMesh, portraits: list[Image], largest: Callable[[Image], Face]
) -> None:
    aspects = np.array([eyes(image, face_mesh(image, [largest(image)]))[0] for image in portraits])
    assert aspects.shape == (12, 2)
    assert aspects.min() > 0.2
    assert float(np.abs(aspects[:, 0] - aspects[:, 1]).mean()) < 0.06


def test_size_and_mirror_change_little(
    eyes: Eyes, face_mesh: FaceMesh, portraits: list[Image], largest: Callable[[Image], Face]
) -> None:
    off = []
    for image in portraits[:6]:
        (aspects,) = eyes(image, face_mesh(image, [largest(image)]))
        mirrored = np.ascontiguousarray(image[:, ::-1])
        (swapped,) = eyes(mirrored, face_mesh(mirrored, [largest(mirrored)]))
        small = cv2.resize(image, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA)
        (shrunk,) = eyes(small, face_mesh(small, [largest(small)]))
        off.append((aspects[0] - swapped[1], aspects[1] - swapped[0], aspects[0] - shrunk[0], aspects[1] - shrunk[1]))
    assert float(np.median(np.abs(off))) < 0.03
