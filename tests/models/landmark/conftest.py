from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from vultus import images, registry
from vultus.analyzer import detector
from vultus.errors import WeightsError
from vultus.models.landmark.mesh import FaceMesh
from vultus.types import Face, Image


@pytest.fixture(scope="session")
def face_mesh() -> FaceMesh:
    try:
        model: FaceMesh = registry.load("face-mesh", "landmark")
    except WeightsError as error:
        pytest.skip(f"weights are not to be had: {error}")
    return model


@pytest.fixture(scope="session")
def largest() -> Callable[[Image], Face]:
    """The largest face of a picture."""
    from vultus.models.detect.pyramid import Pyramid

    try:
        pyramid = Pyramid(detector("yunet"), 48, rotations=False, again=False)
    except WeightsError as error:
        pytest.skip(f"weights are not to be had: {error}")
    return lambda image: pyramid(image)[0]


@pytest.fixture(scope="session")
def portraits(data: Path) -> list[Image]:
    """Twelve people who look straight ahead."""
    files = sorted((data / "portraits").glob("*_neutral.jpg"))[::4][:12]
    return [np.ascontiguousarray(images.read(file)) for file in files]
