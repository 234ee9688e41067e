"""Replays: a picture on a screen, whose sub-pixel grid beats with the camera's own."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vultus.datasets.simulated_attacks.light import light_of, pixels_of
from vultus.types import Image

__all__ = ["banded", "displayed", "reflecting"]

FINE = 3  # samples a screen pixel along each side: one a sub-pixel stripe


def displayed(image: Image, rng: np.random.Generator, pitch: float) -> Image:
    """The picture as light of a screen, FINE times as large: stripes of red, green and blue with gaps.

    pitch: screen pixels a picture pixel (above 1: a fine screen). What a camera makes of
    it, moire included, follows when it is sampled again.
    """
    height, width = (round(side * pitch) for side in image.shape[:2])
    shown = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if pitch < 1 else cv2.INTER_LINEAR)
    light = light_of(shown)
    light = np.clip(light, 0, 1) ** rng.uniform(0.85, 1.2)
    light = rng.uniform(0.01, 0.08) + light * np.array([rng.uniform(0.85, 1), 1.0, rng.uniform(0.95, 1.15)], np.float32)
    big = np.repeat(np.repeat(light, FINE, axis=0), FINE, axis=1)
    grid = np.full((FINE, FINE, 3), 1.0, np.float32)
    depth = rng.uniform(0.25, 0.85)  # how much of each colour stays within its own stripe
    for stripe in range(3):
        grid[:, stripe] = 1 - depth
        grid[:, stripe, stripe] = 1 + 2 * depth
    gap = rng.uniform(0.0, 0.6)
    grid[FINE - 1] *= 1 - gap
    if rng.random() < 0.3:
        grid = grid.transpose(1, 0, 2)
    big *= np.tile(grid / grid.mean(), (height, width, 1))
    return pixels_of(big)


def banded(image: Image, rng: np.random.Generator) -> Image:
    """Bars of refresh or dimming that a rolling shutter catches."""
    height = image.shape[0]
    rows = np.arange(height, dtype=np.float32)
    wave = np.sin(2 * np.pi * rows / (height * rng.uniform(0.12, 0.8)) + rng.uniform(0, 2 * np.pi))
    if rng.random() < 0.5:
        wave = np.tanh(wave * 3)
    bars = 1 + rng.uniform(0.02, 0.12) * wave
    return pixels_of(light_of(image) * bars[:, None, None])


def reflecting(image: Image, room: Image, rng: np.random.Generator) -> Image:
    """The room mirrored in the glass, and perhaps a window as a bright quadrilateral."""
    height, width = image.shape[:2]
    light = light_of(image)
    mirrored = cv2.GaussianBlur(cv2.resize(room, (width, height))[:, ::-1], (0, 0), max(width, height) / 60)
    light = light + rng.uniform(0.0, 0.12) * light_of(mirrored)
    if rng.random() < 0.5:
        window: NDArray[np.float32] = np.zeros((height, width), np.float32)
        centre = rng.uniform(0.1, 0.9, 2) * (width, height)
        corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * rng.uniform(0.06, 0.25, (4, 1)) * (width, height)
        cv2.fillConvexPoly(window, (centre + corners).astype(np.int32), 1.0)
        window = cv2.GaussianBlur(window, (0, 0), max(width, height) / rng.uniform(40, 150))
        light = light + (window * rng.uniform(0.15, 0.8))[..., None] * (1 - np.clip(light, 0, 1))
    return pixels_of(light)
