from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from vultus import images, registry
from vultus.analyzer import detector
from vultus.errors import WeightsError
from vultus.models.detect.pyramid import Pyramid
from vultus.models.landmark import LandmarkModel, Mesh
from vultus.models.landmark.eyes import Eyes
from vultus.types import Face, Image


@pytest.fixture(scope="session")
def faces() -> Callable[[Image], list[Face]]:
    try:
        return Pyramid(detector("yunet"), 48, rotations=False)
    except WeightsError as error:
        pytest.skip(f"weights are not to be had: {error}")


@pytest.fixture(scope="session")
def face_mesh() -> LandmarkModel:
    try:
        model: LandmarkModel = registry.load("face-mesh", "landmark")
    except WeightsError as error:
        pytest.skip(f"weights are not to be had: {error}")
    return model


@pytest.fixture(scope="session")
def eyes() -> Eyes:
    try:
        model: Eyes = registry.load("eye-contours", "eye")
    except WeightsError as error:
        pytest.skip(f"weights are not to be had: {error}")
    return model


@pytest.fixture(scope="session")
def meshes(face_mesh: LandmarkModel, faces: Callable[[Image], list[Face]]) -> Callable[[Iterable[Image]], list[Mesh]]:
    """The mesh of the largest face of each picture that holds one."""

    def read(pictures: Iterable[Image]) -> list[Mesh]:
        found = ((picture, faces(picture)) for picture in pictures)
        return [face_mesh(picture, few[:1])[0] for picture, few in found if few]

    return read


@pytest.fixture(scope="session")
def portraits(data: Path) -> list[Image]:
    """Three people who look straight ahead, (480, 480, 3)."""
    import cv2

    files = sorted((data / "portraits").glob("*_neutral.jpg"))[::17]
    return [cv2.resize(images.read(file), (480, 480), interpolation=cv2.INTER_AREA) for file in files]
