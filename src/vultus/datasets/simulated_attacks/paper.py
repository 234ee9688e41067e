"""Prints: ink on paper that bends, is lit from one side, and is held before the camera."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vultus.datasets.simulated_attacks.light import light_of, pixels_of
from vultus.types import Image

__all__ = ["PERIODS", "bend", "curl", "inked", "lit"]

Plane = NDArray[np.float32]  # (H, W), or (H, W, 3), 0 to 1

PERIODS = (1.0, 3.2)  # pixels from dot to dot: a page before a webcam to a passport photo close up
ANGLES = (15.0, 75.0, 0.0, 45.0)  # of the screens of cyan, magenta, yellow and black, degrees
INKS = ((0.0, 1.0, 1.0), (1.0, 0.0, 1.0), (1.0, 1.0, 0.0), (0.0, 0.0, 0.0))  # what each lets through, RGB


def inked(image: Image, rng: np.random.Generator, *, period: float | None) -> Image:
    """The picture as a printer puts it on paper, same size.

    period: pixels from dot to dot of four inks on turned screens (office laser, newspaper);
    None: continuous tone (photo print). Both narrow the gamut: ink is not black, paper is not white.
    """
    light = light_of(image)
    grey = light.mean(axis=2, keepdims=True)
    light = grey + (light - grey) * np.float32(rng.uniform(0.6, 1.05))
    light = np.clip(light, 0, 1) ** np.float32(rng.uniform(0.85, 1.25))
    if period is not None:
        light = _screened(light, period, float(rng.uniform(0.2, 0.8)), rng)
    ink = np.float32(rng.uniform(0.04, 0.2))
    paper = (rng.uniform(0.82, 0.98) * np.exp(rng.normal(0, 0.02, 3))).astype(np.float32)
    light = ink + light * (paper - ink)
    grain = cv2.GaussianBlur(rng.standard_normal(light.shape[:2], dtype=np.float32), (0, 0), rng.uniform(0.6, 1.5))
    light = light + (grain * rng.uniform(0.0, 0.02))[..., None]
    return pixels_of(light)


def _screened(light: Plane, period: float, hardness: float, rng: np.random.Generator) -> Plane:
    """Amplitude-modulated dots of four inks; period in pixels, hardness 0 (none) to 1 (bare dots)."""
    height, width = light.shape[:2]
    fine = 2  # dots are drawn finer than the picture and then averaged
    big = cv2.resize(light, (width * fine, height * fine), interpolation=cv2.INTER_LINEAR)
    y, x = np.mgrid[: height * fine, : width * fine].astype(np.float32)
    black = (1 - big.max(axis=2)) * 0.8
    amounts = [np.clip(1 - big[..., i] - black, 0, 1) for i in range(3)] + [black]
    out = np.ones_like(big)
    phase = rng.uniform(0, 2 * np.pi, 2)
    for amount, angle, ink in zip(amounts, ANGLES, INKS, strict=True):
        turn = np.deg2rad(angle + rng.normal(0, 1.0))
        step = 2 * np.pi / (period * fine)
        u = (x * np.cos(turn) + y * np.sin(turn)) * step + phase[0]
        v = (-x * np.sin(turn) + y * np.cos(turn)) * step + phase[1]
        screen = (np.cos(u) + np.cos(v) + 2) / 4
        dots = np.clip((amount - screen) * 6 + 0.5, 0, 1)
        cover = (hardness * dots + (1 - hardness) * amount)[..., None]
        out *= 1 - cover * (1 - np.array(ink, np.float32))
    return np.asarray(cv2.resize(out, (width, height), interpolation=cv2.INTER_AREA), np.float32)


def curl(size_wh: tuple[int, int], rng: np.random.Generator) -> tuple[Plane, Plane]:
    """Where each pixel of a bent sheet comes from, as map_x, map_y in pixels of the flat one.

    The sheet is a cylinder about an axis of random direction, up to a third of the width deep.
    """
    width, height = size_wh
    y, x = np.mgrid[:height, :width].astype(np.float32)
    angle, reach = rng.uniform(-0.5, 0.5) + rng.choice([0.0, np.pi / 2]), max(width, height) / 2
    across = ((x - width / 2) * np.cos(angle) + (y - height / 2) * np.sin(angle)) / reach
    centre, depth = rng.uniform(-0.6, 0.6), rng.uniform(0.08, 0.35) * rng.choice([-1.0, 1.0])
    push = depth * ((across - centre) ** 2 - 0.3) * reach * 0.35
    map_x = x + push * np.cos(angle + np.pi / 2)
    map_y = y + push * np.sin(angle + np.pi / 2)
    squeeze = 1 + 0.25 * depth * across
    map_x = width / 2 + (map_x - width / 2) * squeeze
    return map_x.astype(np.float32), map_y.astype(np.float32)


def bend(image: Image, maps: tuple[Plane, Plane]) -> Image:
    """The flat sheet bent by the maps of `curl`."""
    bent: Image = cv2.remap(image, maps[0], maps[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return bent


def lit(image: Image, rng: np.random.Generator, *, gloss: float) -> Image:
    """Light from one side, and with gloss (0 to 1) a soft bright patch where the sheet shines."""
    height, width = image.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    across = ((x / width - 0.5) * np.cos(angle) + (y / height - 0.5) * np.sin(angle)) * 2
    light = light_of(image) * (1 + rng.uniform(0.0, 0.3) * across)[..., None]
    if gloss > 0 and rng.random() < 0.6:
        at, spread = rng.uniform(0.1, 0.9, 2), rng.uniform(0.1, 0.4, 2)
        patch = np.exp(-(((x / width - at[0]) / spread[0]) ** 2) - ((y / height - at[1]) / spread[1]) ** 2)
        shine = (patch * gloss * rng.uniform(0.1, 0.6))[..., None]
        light = light + shine * (1 - np.clip(light, 0, 1))
    return pixels_of(light)
