"""How far a face's pixels can be trusted, and the gate that refuses those that cannot."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError
from vultus.geometry import pose
from vultus.types import Face, Image, Quality, Refusal

__all__ = ["GATES", "Gate", "Level", "assess", "gate"]

Level = Literal["none", "low", "medium", "high"]

# Rows and columns of the aligned crop. Each region is held against skin that its own cover
# does not reach: the eyes against the cheeks and the nose, the mouth against the strips
# under the eyes and the bridge of the nose.
CHEEKS = ((slice(70, 80), slice(32, 44)), (slice(70, 80), slice(68, 80)), (slice(64, 74), slice(51, 61)))
UNDER_EYES = ((slice(61, 67), slice(32, 46)), (slice(61, 67), slice(66, 80)), (slice(48, 60), slice(52, 60)))
EYES = (slice(44, 60), slice(26, 86))
MOUTH = (slice(78, 110), slice(34, 78))


@dataclass(frozen=True, slots=True)
class Gate:
    """The least that each measure must reach.

    The medium column and the score are InsightFace Server's published registration policy;
    low and high are ours.
    """

    confidence: float
    side: float  # pixels
    sharpness: float
    brightness: tuple[float, float]
    angle: float  # degrees
    inside: float
    score: float


GATES: dict[str, Gate] = {
    "low": Gate(0.50, 24, 0.04, (0.04, 0.96), 60, 0.50, 0.0),
    "medium": Gate(0.50, 40, 0.08, (0.06, 0.94), 45, 0.80, 0.25),
    "high": Gate(0.80, 80, 0.20, (0.15, 0.85), 25, 0.95, 0.50),
}


def assess(face: Face, aligned: Image, size_wh: tuple[int, int]) -> Quality:
    """Measure one face.

    face: with box and points in pixels of a picture of `size_wh`. aligned: its (112, 112, 3)
    crop; sharpness and light are measured there, so that size does not leak in.
    """
    grey = cv2.cvtColor(aligned, cv2.COLOR_RGB2GRAY)
    visible = grey[aligned.any(axis=2)]  # what lies outside the picture is black and says nothing
    brightness = float(visible.mean()) / 255 if visible.size else 0.0
    contrast = float(visible.std()) / 255 if visible.size else 0.0
    sharpness = 1 - math.exp(-float(cv2.Laplacian(grey, cv2.CV_32F).var()) / 100)
    angles = pose(face.landmarks)
    side = min(face.box.width, face.box.height)
    inside = face.box.clip(size_wh).area / face.box.area if face.box.area > 0 else 0.0
    score = (
        0.35 * face.score
        + 0.25 * sharpness
        + 0.15 * (1 - abs(brightness - 0.5) / 0.5)
        + 0.15 * min(side / 80, 1.0)
        + 0.10 * max(1 - angles.largest / 90, 0.0)
    )
    eyes, mouth = _covered(aligned)
    return Quality(
        score=score,
        confidence=face.score,
        side=side,
        sharpness=sharpness,
        brightness=brightness,
        contrast=contrast,
        pose=angles,
        inside=inside,
        eyes_covered=eyes,
        mouth_covered=mouth,
    )


def gate(quality: Quality, level: Level) -> tuple[Refusal, ...]:
    """Why a face does not pass the level; empty when it does.

    The gate only filters: a match score is never changed by it. An unknown level is
    refused (InputError).
    """
    if level == "none":
        return ()
    if level not in GATES:
        raise InputError(f"expected a quality level out of none, {', '.join(GATES)}, got {level!r}")
    limits = GATES[level]
    dark, bright = limits.brightness
    lower_bounds = (
        ("LOW_CONFIDENCE", quality.confidence, limits.confidence),
        ("SMALL_BOUNDING_BOX", quality.side, limits.side),
        ("LOW_SHARPNESS", quality.sharpness, limits.sharpness),
        ("LOW_BRIGHTNESS", quality.brightness, dark),
        ("CUT_BY_FRAME", quality.inside, limits.inside),
        ("LOW_FACE_QUALITY", quality.score, limits.score),
    )
    upper_bounds = (
        ("HIGH_BRIGHTNESS", quality.brightness, bright),
        ("EXTREME_POSE", quality.pose.largest, limits.angle),
    )
    low = [Refusal(code, value, limit) for code, value, limit in lower_bounds if value < limit]
    high = [Refusal(code, value, limit) for code, value, limit in upper_bounds if value > limit]
    return tuple(low + high)


def _covered(aligned: Image) -> tuple[float, float]:
    """Hints that something covers the eyes or the mouth, by colour alone.

    The eye region of a bare face is mostly skin with a dark iris and brow; behind dark
    glasses most of it is far darker than the skin beside it. A mask or a hand makes the
    mouth and chin another colour than the reference skin, in most of their pixels.
    """
    lab = cv2.cvtColor(aligned, cv2.COLOR_RGB2LAB).astype(np.float32)
    eyes, mouth = lab[EYES].reshape(-1, 3), lab[MOUTH].reshape(-1, 3)
    dark = float((eyes[:, 0] < 0.55 * _skin(lab, CHEEKS)[0]).mean())
    unlike = float((_colour_distance(mouth, _skin(lab, UNDER_EYES)) > 22).mean())
    return _ramp(dark, 0.4, 0.75), _ramp(unlike, 0.4, 0.9)


def _skin(lab: NDArray[np.float32], patches: tuple[tuple[slice, slice], ...]) -> NDArray[np.float32]:
    """Median colour of some patches, (3,)."""
    pixels = np.concatenate([lab[rows, columns].reshape(-1, 3) for rows, columns in patches])
    return np.asarray(np.median(pixels, axis=0), dtype=np.float32)


def _colour_distance(pixels: NDArray[np.float32], skin: NDArray[np.float32]) -> NDArray[np.float32]:
    """Distance in Lab with lightness at a third of its weight: shade is not cover."""
    difference = (pixels - skin) * np.array([1 / 3, 1, 1], dtype=np.float32)
    return np.asarray(np.linalg.norm(difference, axis=1), dtype=np.float32)


def _ramp(value: float, low: float, high: float) -> float:
    return min(max((value - low) / (high - low), 0.0), 1.0)
