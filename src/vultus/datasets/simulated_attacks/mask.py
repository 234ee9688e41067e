"""Paper masks: a printed face cut out, with or without holes for the eyes, before another face."""

from __future__ import annotations

import cv2
import numpy as np

from vultus.datasets.simulated_attacks.light import pixels_of
from vultus.geometry import similarity
from vultus.types import Face, Image

__all__ = ["worn"]


def worn(sheet: Image, face: Face, wearer: Image, wearer_face: Face, rng: np.random.Generator) -> Image:
    """The wearer's picture with the printed face over their own; the shape of `wearer`.

    sheet: the printed picture that holds `face`. The cut follows an oval about the five
    points; holes for the eyes show the wearer's own eyes in half of the masks.
    """
    height, width = wearer.shape[:2]
    move = similarity(face.landmarks, wearer_face.landmarks)
    laid = cv2.warpAffine(sheet, move, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    points = wearer_face.landmarks.astype(np.float64)
    eyes, mouth = points[:2].mean(axis=0), points[3:].mean(axis=0)
    centre, down = (eyes + mouth) / 2, mouth - eyes
    reach = float(np.hypot(*down))
    angle = float(np.rad2deg(np.arctan2(down[1], down[0])))
    axes = (reach * rng.uniform(1.25, 1.6), reach * rng.uniform(0.95, 1.2))
    cut = np.zeros((height, width), np.float32)
    oval = ((float(centre[0]), float(centre[1])), (2 * axes[0], 2 * axes[1]), angle)
    cv2.ellipse(cut, oval, 1.0, -1)
    if rng.random() < 0.5:
        for eye in points[:2]:
            hole = ((float(eye[0]), float(eye[1])), (reach * 0.5, reach * 0.28), angle - 90)
            cv2.ellipse(cut, hole, 0.0, -1)
    share = cv2.GaussianBlur(cut, (0, 0), float(rng.uniform(0.4, 0.9)))[..., None]
    shadow = 1 - 0.5 * cv2.GaussianBlur(cut, (0, 0), reach * float(rng.uniform(0.03, 0.1)))[..., None]
    behind = wearer.astype(np.float32) * np.where(share > 0.99, 1.0, shadow)
    edge = np.abs(cv2.Laplacian(cut, cv2.CV_32F)) > 0
    mixed = laid.astype(np.float32) * share + behind * (1 - share)
    mixed[edge] = mixed[edge] * 0.5 + 255 * 0.5 * float(rng.uniform(0.6, 1.0))  # the paper's cut edge is white
    return pixels_of(mixed / 255)
