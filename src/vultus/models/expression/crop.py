"""The part of a picture that an expression reader looks at, framed as the faces it learned from.

FER2013's faces are 48 x 48 tiles cut tight, without forehead and neck. Where the five points
lie in them was measured; every face is turned upright and scaled so that its points lie there. Their
grey levels are equalised (mean 128, deviation 74 in the middle tile, 256 levels in use, in the
training tiles and in the public test alike), so those of a crop are, too.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from vultus.geometry import pose, similarity
from vultus.types import Face, Image, Landmarks

__all__ = ["POINTS", "TILE", "blank", "crop", "levelled", "unreadable"]

TILE = 48  # pixels, side of FER2013's faces

# Median places of right eye, left eye, nose, right and left mouth corner in 1,993 training tiles
# of FER2013 (300 of each class; a face was found in 95 %), by the detector that ships:
#   python benchmarks/expression_crop.py --data ../shared/data/fer2013
# A point of a single tile lies within about 3 pixels of its median (two tiles in three).
POINTS: Landmarks = np.array(
    [(14.25, 18.16), (32.44, 17.88), (22.96, 27.94), (16.09, 36.06), (31.38, 35.94)], dtype=np.float32
)

SMALLEST = 28.0  # source pixels across the crop: there 90 % of the accuracy is left, benchmarks/expression_size.py
TURNED = 45.0  # degrees of yaw and pitch from five points; a choice, where one half of the face is all but hidden
UNSURE = 0.5  # detector score, as the gate "low" of quality has it
INSIDE = 0.8  # share of the face's box within the picture; a choice
MISFIT = 6.0  # pixels of 48: how far the points may lie from those of a face, root mean square; a choice
FLAT = 8.0  # grey levels, deviation, before levelling: below, noise would be spread over all levels; a choice
UNLIKE = "the five points do not lie as those of a face"
FINEST = 32  # samples across a pixel of the crop; bounds the work on faces of thousands of pixels


def crop(image: Image, landmarks: Landmarks, side: int = TILE) -> Image:
    """The face upright, in grey in all three channels, (side, side, 3).

    image: (H, W, 3), or (H, W) where it is in grey already. landmarks: (5, 2). What lies
    outside the picture repeats its edge.
    """
    matrix = similarity(landmarks, _points(side))
    # A face larger than the crop is sampled once a source pixel and averaged, or it would alias.
    fine = min(max(math.ceil(1 / max(math.hypot(matrix[0, 0], matrix[1, 0]), 1e-6)), 1), FINEST)
    finer = matrix * fine
    finer[:, 2] += (fine - 1) / 2  # centre of a pixel of the crop
    grey = image if image.ndim == 2 else cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
    size = (side * fine, side * fine)
    found = cv2.warpAffine(grey, finer, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if fine > 1:
        found = cv2.resize(found, (side, side), interpolation=cv2.INTER_AREA)
    return np.repeat(np.asarray(found, np.uint8)[:, :, None], 3, axis=2)


def unreadable(image: Image, face: Face) -> str:
    """Why the expression of a face of a picture cannot be told; empty where it can."""
    height, width = image.shape[:2]
    box, points = face.box, np.asarray(face.landmarks, np.float64)
    if not math.isfinite(box.area) or box.area <= 0:
        return "the face has no extent"
    if points.shape != (5, 2) or not np.isfinite(points).all():
        return "the five points of the face are missing"
    if (points < 0).any() or (points > (width - 1, height - 1)).any():
        return "points of the face lie outside the picture; move into the middle"
    if box.clip((width, height)).area / box.area < INSIDE:
        return "the face reaches beyond the picture's edge; move into the middle"
    if float(np.ptp(points, axis=0).max()) < 1:
        return UNLIKE
    matrix = similarity(points, POINTS)
    scale = math.hypot(matrix[0, 0], matrix[1, 0])
    across = TILE / scale if scale > 0 else 0.0
    if across < SMALLEST:
        return f"the face is {across:.0f} pixels wide, {SMALLEST:.0f} are needed; come closer"
    angles = pose(face.landmarks)
    if abs(angles.yaw) > TURNED:
        return f"the face is turned aside by about {abs(angles.yaw):.0f} degrees; look at the camera"
    if abs(angles.pitch) > TURNED:
        return f"the face looks up or down by about {abs(angles.pitch):.0f} degrees; look at the camera"
    misfit = points @ matrix[:, :2].T + matrix[:, 2] - POINTS
    if math.sqrt(float((misfit**2).sum(axis=1).mean())) > MISFIT:
        return UNLIKE
    if face.score < UNSURE:
        return "the detector is hardly sure that this is a face"
    return ""


def blank(crop: Image) -> bool:
    """Whether next to nothing can be seen in a crop, as it was before levelling."""
    return float(crop[:, :, 0].std()) < FLAT


def levelled(crop: Image) -> Image:
    """A grey crop (S, S, 3) with its histogram equalised, as FER2013's tiles are."""
    return np.repeat(np.asarray(cv2.equalizeHist(np.ascontiguousarray(crop[:, :, 0])), np.uint8)[:, :, None], 3, axis=2)


def _points(side: int) -> Landmarks:
    """The points in a crop of another side; centres of pixels lie at whole numbers."""
    return np.asarray((POINTS + 0.5) * (side / TILE) - 0.5, np.float32)
