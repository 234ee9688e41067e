"""The testing analyzer with eyes for attacks and heads: what it sees is written into a picture's first pixels."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from vultus.liveness import Challenge
from vultus.models.landmark import Mesh
from vultus.models.landmark.measures import LIPS, MOUTH_CORNERS, mean_face
from vultus.testing import Analyzer, picture
from vultus.types import Face, Image, Liveness, LivenessPoint, Pose, Signal

LIVE, ATTACK, UNKNOWN = 128, 0, 255
POINT = LivenessPoint(0.5, "a grey level", None, None, "drawings", "2026-11-24", "judging")
NEUTRAL = Pose(0.0, 0.0, 0.0)
EYES = 0.28


class Judging(Analyzer):
    """Says of each face what the first pixel says, and sees the head that the next two pixels tell."""

    def liveness(self, image: Image, faces: Sequence[Face]) -> tuple[Liveness, ...]:
        grey = int(image[:4, :4].mean())
        score, why = (math.nan, "the pixel is white") if grey > 200 else (0.1 if grey < 60 else 0.9, "")
        says = "nothing" if why else ("attack" if score < 0.5 else "bona fide")
        signal = Signal("passive", score, "P(bona fide)", says, why or "a grey level")  # type: ignore[arg-type]
        return tuple(Liveness(score, POINT, (signal,), why) for _ in faces)

    def meshes(self, image: Image, faces: Sequence[Face]) -> tuple[Mesh, ...]:
        yaw, pitch, mouth = (float(value) for value in image[0, 5])
        return tuple(mesh_of(image, (yaw - 128) / 2, (pitch - 128) / 2, mouth / 200) for _ in faces)

    def eyes(self, image: Image, meshes: Sequence[Mesh]) -> tuple[tuple[float, float], ...]:
        wide = float(image[0, 6, 0]) / 400
        return tuple((wide, wide) for _ in meshes)


def mesh_of(image: Image, yaw: float, pitch: float, mouth: float) -> Mesh:
    """The mean face turned by angles, as a camera sees it."""
    height, width = image.shape[:2]
    focal = float(max(width, height))
    points = mean_face().points.copy()
    across = float(np.linalg.norm(points[MOUTH_CORNERS[0]] - points[MOUTH_CORNERS[1]]))
    for upper, lower in LIPS:
        points[lower] = points[upper] + np.array([0, mouth * across, 0])
    away = focal / 60
    around = cv2.Rodrigues(np.array([math.radians(pitch), 0.0, 0.0]))[0]
    aside = cv2.Rodrigues(np.array([0.0, -math.radians(yaw), 0.0]))[0]
    turned = points @ (aside @ around).T
    scale = focal / (turned[:, 2] + away)
    flat = turned[:, :2] * scale[:, None] + np.array([(width - 1) / 2, (height - 1) / 2])
    return Mesh(np.column_stack([flat, turned[:, 2] * 60]).astype(np.float32), 1.0)


def shown(
    *people: str, grey: int = LIVE, pose: Pose = NEUTRAL, mouth: float = 0.03, eyes: float = EYES, seed: int = 0
) -> bytes:
    """A drawn picture of people that tells the analyzer what to see, as a file."""
    image = picture(*people, noise=8, seed=seed)
    image[:4, :4] = grey
    levels = (128 + 2 * pose.yaw, 128 + 2 * pose.pitch, 200 * mouth)
    image[0, 5] = np.clip(np.rint(levels), 0, 255)
    image[0, 6] = round(400 * eyes)
    return bytes(cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes())


Show = Callable[..., bytes]


def answer(
    challenge: Challenge, *people: str, fps: float = 12, show: Show = shown, **options: int
) -> tuple[list[float], list[bytes]]:
    """Frames of a person who does what is asked half a second after it is asked for, and their times."""
    times = np.arange(0, challenge.seconds + 0.2, 1 / fps)
    frames = []
    for at in times.tolist():
        yaw, pitch, mouth, eyes = moves(challenge, at)
        frames.append(show(*people, pose=replace(NEUTRAL, yaw=yaw, pitch=pitch), mouth=mouth, eyes=eyes, **options))
    return [round(one, 4) for one in times.tolist()], frames


def moves(challenge: Challenge, at: float, delay: float = 0.4) -> tuple[float, float, float, float]:
    """Yaw, pitch, mouth and eyes of somebody who does what is asked, at a time."""
    yaw, pitch, mouth, eyes = 0.0, 0.0, 0.03, EYES
    for step in challenge.steps:
        held = float(np.clip((at - step.start - delay) / 0.3, 0, 1) * np.clip((step.end + 0.2 - at) / 0.3, 0, 1))
        yaw += 24 * held * ((step.action == "turn left") - (step.action == "turn right"))
        pitch -= 17 * held * (step.action == "look up")
        mouth += 0.5 * held * (step.action == "open mouth")
        for lids in (step.start + 0.6, step.start + 1.3) if step.action == "blink" else ():
            eyes *= 1 - 0.6 * max(0.0, 1 - abs(at - lids) / 0.16)
    if challenge.dot:
        path: NDArray[np.float64] = np.array([(dot.time, dot.x, dot.y) for dot in challenge.dot])
        yaw -= 13 * float(np.interp(at - delay, path[:, 0], path[:, 1]))
        pitch += 8 * float(np.interp(at - delay, path[:, 0], path[:, 2]))
    return yaw, pitch, mouth, eyes
