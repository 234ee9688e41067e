"""One attack from one bona fide picture: the sheet, screen or mask is made, held, and seen again."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vultus.datasets.simulated_attacks import paper, screen
from vultus.datasets.simulated_attacks.mask import worn
from vultus.errors import InputError
from vultus.types import Box, Face, Image

__all__ = ["KINDS", "Presentation", "simulate", "species"]

KINDS = ("print-halftone", "print-photo", "print-curl", "print-held", "replay-close", "replay-device", "mask-paper")


@dataclass(frozen=True, slots=True, eq=False)
class Presentation:
    """The scene before the camera, not yet captured, and where the face lies in it."""

    scene: Image
    box: Box
    kind: str


def species(kind: str) -> str:
    """The attack instrument species of a kind, as ISO/IEC 30107-3 counts them.

    >>> species("replay-close")
    'replay'
    """
    return kind.partition("-")[0]


def simulate(
    image: Image,
    face: Face,
    kind: str,
    rng: np.random.Generator,
    *,
    room: Image,
    victim: tuple[Image, Face] | None = None,
) -> Presentation:
    """A presentation of `face` of a bona fide picture.

    room: a picture that stands for what lies around and behind the sheet or screen. victim:
    for "mask-paper", the picture and face of whoever wears the mask. Refused (InputError):
    an unknown kind, a mask without a wearer.
    """
    if kind not in KINDS:
        raise InputError(f"expected a kind of attack out of {', '.join(KINDS)}, got {kind!r}")
    if kind == "mask-paper":
        if victim is None:
            raise InputError("expected the picture of somebody who wears the mask, got none")
        sheet = paper.lit(paper.inked(image, rng, period=_dots(rng, 0.5)), rng, gloss=0.2)
        return Presentation(worn(sheet, face, *victim, rng), victim[1].box, kind)
    if species(kind) == "print":
        sheet = paper.inked(image, rng, period=_dots(rng, 1.0 if kind == "print-halftone" else 0.4))
        maps = paper.curl((sheet.shape[1], sheet.shape[0]), rng) if kind == "print-curl" else None
        if maps is not None:
            sheet = paper.bend(sheet, maps)
        sheet = paper.lit(sheet, rng, gloss=float(rng.uniform(0, 1)) if kind == "print-photo" else 0.15)
        return _held(sheet, 1.0, face.box, kind, rng, room, edges=kind == "print-held", margin=(0.0, 0.12), light=1.0)
    shown = screen.displayed(image, rng, pitch=float(rng.uniform(0.8, 1.6)))
    shown = screen.banded(shown, rng) if rng.random() < 0.5 else shown
    shown = screen.reflecting(shown, room, rng)
    scale = shown.shape[1] / image.shape[1]
    bezel = (-rng.uniform(0.02, 0.12), 0.0)
    return _held(shown, scale, face.box, kind, rng, room, edges=kind == "replay-device", margin=bezel, light=1.15)


def _dots(rng: np.random.Generator, share: float) -> float | None:
    """The period of the dots in that share of prints, None in the others."""
    shortest, longest = paper.PERIODS
    return float(np.exp(rng.uniform(np.log(shortest), np.log(longest)))) if rng.random() < share else None


def _held(
    surface: Image,
    scale: float,
    box: Box,
    kind: str,
    rng: np.random.Generator,
    room: Image,
    *,
    edges: bool,
    margin: tuple[float, float],
    light: float,
) -> Presentation:
    """The surface turned in space and seen by the camera, alone or with its edges and the room behind.

    scale: surface pixels a pixel of the original picture, in which `box` is given. margin: a
    border around the picture, as shares of its side: below 0 a dark bezel, above 0 white paper.
    """
    height, width = round(surface.shape[0] / scale), round(surface.shape[1] / scale)
    if edges:
        border = float(rng.uniform(min(margin), max(margin)))
        pixels = round(abs(border) * surface.shape[1])
        colour = [int(rng.integers(5, 45))] * 3 if border < 0 else [int(rng.integers(215, 250))] * 3
        surface = cv2.copyMakeBorder(surface, pixels, pixels, pixels, pixels, cv2.BORDER_CONSTANT, value=colour)
    else:
        pixels = 0
    rows, columns = surface.shape[:2]
    corners = np.array([[0, 0], [columns, 0], [columns, rows], [0, rows]], np.float32)
    span = float(rng.uniform(0.62, 0.92)) if edges else float(rng.uniform(1.0, 1.25))
    target = (corners / (columns, rows) - 0.5) * (width * span, height * span)
    tilt = np.deg2rad(rng.normal(0, 4.0))
    target = target @ np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]])
    target = target + rng.normal(0, 0.02, (4, 2)) * (width, height) + (width / 2, height / 2)
    focus = np.array(box.centre) / (width, height) - 0.5
    target = target - (focus * (span - 1) * (width, height) if not edges else 0)
    move = cv2.getPerspectiveTransform(corners, target.astype(np.float32))
    shrink = scale / span
    lens = float(rng.uniform(0.2, 0.6)) * max(shrink, 0.5)  # light spreads before it is sampled
    seen = cv2.warpPerspective(
        cv2.GaussianBlur(surface, (0, 0), max(lens, 0.25)), move, (width, height), flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT if edges else cv2.BORDER_REFLECT,
    )  # fmt: skip
    if edges:
        cover = cv2.warpPerspective(np.full(surface.shape[:2], 255, np.uint8), move, (width, height))
        share = cv2.GaussianBlur(cover, (0, 0), 0.7)[..., None].astype(np.float32) / 255
        behind = _room(room, (width, height), rng)
        seen = (np.clip(seen * light, 0, 255) * share + behind * (1 - share)).astype(np.uint8)
    found = _moved(box, move, scale, pixels)
    return Presentation(np.ascontiguousarray(seen), found, kind)


def _room(room: Image, size_wh: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    """A piece of the room, out of focus, to fill the frame."""
    height, width = room.shape[:2]
    share = float(rng.uniform(0.3, 0.8))
    rows, columns = max(int(height * share), 2), max(int(width * share), 2)
    top, left = int(rng.integers(0, height - rows + 1)), int(rng.integers(0, width - columns + 1))
    piece = cv2.resize(room[top : top + rows, left : left + columns], size_wh, interpolation=cv2.INTER_LINEAR)
    blurred = cv2.GaussianBlur(piece, (0, 0), float(rng.uniform(0.5, 6.0)))
    return np.asarray(blurred, np.float32)


def _moved(box: Box, move: NDArray[np.float64], scale: float, border: int) -> Box:
    """Where the box lies after the surface was moved."""
    points = np.array([[box.x1, box.y1], [box.x2, box.y1], [box.x2, box.y2], [box.x1, box.y2]], np.float64)
    moved = cv2.perspectiveTransform((points * scale + border)[None], move)[0]
    centre, side = moved.mean(axis=0), np.sqrt(abs(cv2.contourArea(moved.astype(np.float32))) / max(box.area, 1e-6))
    half = np.array([box.width, box.height]) * side / 2
    return Box(*(float(v) for v in (*(centre - half), *(centre + half))))
