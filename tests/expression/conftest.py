"""A reader and films whose answers are known beforehand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import av
import numpy as np
import pytest

from vultus import testing
from vultus.types import Expression, Face, Image, ModelCard
from vultus.video import Frame

CLASSES = ("happy", "sad", "neutral")
Film = Callable[..., Iterator[Frame]]


class Corner:
    """Reads the answer off the picture's corner: the redder, the happier; blue no answer."""

    card = ModelCard("corner", "expression", "for tests", "Apache-2.0", "none", "tests")
    classes = CLASSES
    model = "corner"
    accuracy = None
    tested_on = ""

    def __call__(self, image: Image, faces: Sequence[Face]) -> tuple[Expression, ...]:
        red, _, blue = image[:8, :8].reshape(-1, 3).mean(axis=0) / 255
        if blue > red + 0.3:
            return tuple(Expression(CLASSES, (), "corner", "it is blue") for _ in faces)
        share = float(np.clip(red, 0, 1))
        return tuple(Expression(CLASSES, (share, 0.75 * (1 - share), 0.25 * (1 - share)), "corner") for _ in faces)

    def read_crops(self, crops: Any) -> tuple[Expression, ...]:
        return tuple(Expression(CLASSES, (1.0, 0.0, 0.0), "corner") for _ in crops)


@pytest.fixture
def corner() -> Corner:
    return Corner()


@pytest.fixture
def film() -> Film:
    """Frames with people side by side, ten a second; `reds` gives the corner's red of each frame."""

    def frames(
        reds: Sequence[float | None],
        people: Sequence[str] | Callable[[int], Sequence[str]] = ("Ada",),
        rate: float = 10.0,
    ) -> Iterator[Frame]:
        for number, red in enumerate(reds):
            shown = people(number) if callable(people) else people
            image = testing.picture(*shown)
            image[:8, :8] = (0, 0, 255) if red is None else (round(255 * red), 0, 0)
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            yield Frame(number, number / rate, (image.shape[1], image.shape[0]), picture)

    return frames
