"""Films made on the fly, and someone who finds coloured squares in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from vultus.geometry import TEMPLATE, align
from vultus.models.quality import assess
from vultus.types import Box, Face, Image, Reading, Refusal

MakeFilm = Callable[..., Path]


@pytest.fixture
def film(tmp_path: Path) -> MakeFilm:
    """Write RGB pictures as a video; `times` in milliseconds make the frame rate vary."""

    def make(
        name: str,
        pictures: Iterable[Image],
        *,
        codec: str = "libx264",
        rate: int = 30,
        times: Sequence[int] | None = None,
        aspect: Fraction | None = None,
        options: dict[str, str] | None = None,
        container_options: dict[str, str] | None = None,
    ) -> Path:
        path = tmp_path / name
        with av.open(str(path), "w", options=container_options or {}) as container:
            stream: Any = None
            for index, picture in enumerate(pictures):
                if stream is None:
                    stream = container.add_stream(codec, rate=rate, options={"g": "12", **(options or {})})
                    stream.height, stream.width = picture.shape[:2]
                    stream.pix_fmt = "yuv420p"
                    if aspect is not None:
                        stream.codec_context.sample_aspect_ratio = aspect
                    if times is not None:
                        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                if times is not None:
                    frame.pts, frame.time_base = times[index], Fraction(1, 1000)
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path

    return make


@dataclass
class Squares:
    """Finds saturated squares on a grey ground; the colour is the identity.

    It implements what `vultus.video` asks of an analyzer, on pixels, without any weights:
    the embedding is the mean colour of the crop, turned so that colours are far apart.
    """

    refuse: Callable[[Face], bool] = lambda face: False
    score: Callable[[Face], float] = lambda face: 0.9
    searched: list[float] = field(default_factory=list)  # mean grey of each picture that was searched
    embedded: int = 0

    def detect(self, image: Image) -> tuple[Face, ...]:
        self.searched.append(float(image.mean()))
        wide = image.astype(np.int16)
        mask = (wide.max(axis=2) - wide.min(axis=2) > 90).astype(np.uint8)
        count, _, stats, _ = cv2.connectedComponentsWithStats(mask)
        faces = []
        for x, y, width, height, area in stats[1:count].tolist():
            if area < 60:
                continue
            points = TEMPLATE / 112 * np.float32([width, height]) + np.float32([x, y])
            face = Face(Box(x, y, x + width, y + height), points.astype(np.float32), 0.9)
            faces.append(Face(face.box, face.landmarks, self.score(face)))
        return tuple(sorted(faces, key=lambda face: (-face.box.area, face.box.x1)))

    def read(self, image: Image, faces: Sequence[Face], *, embed: bool = True) -> tuple[Reading, ...]:
        assert not embed, "a track embeds its best crops only"
        size_wh = (image.shape[1], image.shape[0])
        readings = []
        for face in faces:
            crop = align(image, face.landmarks)
            refusals = (Refusal("LOW_SHARPNESS", 0.0, 0.04),) if self.refuse(face) else ()
            readings.append(Reading(face, assess(face, crop, size_wh), None, crop, refusals))
        return tuple(readings)

    def embed(self, aligned: Sequence[Image]) -> np.ndarray:
        self.embedded += len(aligned)
        means = np.stack([crop[30:82, 30:82].reshape(-1, 3).mean(axis=0) for crop in aligned]) - 100
        return (means / np.linalg.norm(means, axis=1, keepdims=True)).astype(np.float32)


RED, GREEN, BLUE = (230, 30, 30), (30, 200, 30), (40, 40, 240)


def scene(squares: Sequence[tuple[tuple[int, int, int], int, int, int]], ground: int = 90) -> Image:
    """A grey picture of 320 x 240 with (colour, x, y, side) squares."""
    picture = np.full((240, 320, 3), ground, np.uint8)
    for colour, x, y, side in squares:
        picture[max(y, 0) : y + side, max(x, 0) : x + side] = colour
    return picture


@pytest.fixture
def draw() -> Callable[..., Image]:
    return scene


@pytest.fixture
def squares() -> type[Squares]:
    return Squares


@pytest.fixture
def colours() -> dict[str, tuple[int, int, int]]:
    return {"red": RED, "green": GREEN, "blue": BLUE}
