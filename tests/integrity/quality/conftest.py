"""Portraits for the measures to look at: real ones where the data is, and NASA's everywhere."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from vultus.images import read
from vultus.models.landmark import Mesh
from vultus.models.landmark.measures import mean_face
from vultus.types import Image


@pytest.fixture(scope="session")
def large(astronaut: Image) -> Image:
    """Head and shoulders of the NASA portrait, twice as large: 87 pixels between the eyes."""
    return np.ascontiguousarray(cv2.resize(astronaut[:250, 90:360], None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC))


@pytest.fixture(scope="session")
def portraits(data: Path) -> tuple[Image, ...]:
    """Two neutral studio portraits, 900 pixels."""
    return tuple(read(data / "portraits" / f"{person}_neutral.jpg") for person in ("002", "003"))


@pytest.fixture(scope="session")
def placed() -> Callable[..., Mesh]:
    """Lays the mean face into a picture."""
    return _placed


def _placed(scale: float = 100.0, turn: float = 0.0, at: tuple[float, float] = (300.0, 300.0)) -> Mesh:
    """The mean face in a picture: eye distance in pixels, degrees clockwise, middle of the eyes."""
    cosine, sine = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    face = mean_face().points * scale
    eyes = face[[33, 133, 263, 362], :2].mean(axis=0)
    flat = (face[:, :2] - eyes) @ np.array([[cosine, sine], [-sine, cosine]]) + at
    return Mesh(np.column_stack([flat, face[:, 2]]).astype(np.float32), 1.0)
