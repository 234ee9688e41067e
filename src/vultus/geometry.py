"""Boxes, points and the alignment that a recogniser expects."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vultus.types import Face, Image, Landmarks, Pose

__all__ = ["ALIGNED_SIZE", "TEMPLATE", "align", "box_array", "iou", "merge", "nms", "pose", "rotate_back", "similarity"]

ALIGNED_SIZE = 112  # pixels, both sides

# Where the five points lie in the aligned crop (the ArcFace template, published with the
# recognisers trained on it): right eye, left eye, nose, right and left mouth corner.
TEMPLATE: Landmarks = np.array(
    [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)],
    dtype=np.float32,
)

Array = NDArray[np.floating[Any]]


def box_array(faces: Sequence[Face]) -> NDArray[np.float32]:
    """The boxes of some faces as one array, shape (n, 4)."""
    rows = [(face.box.x1, face.box.y1, face.box.x2, face.box.y2) for face in faces]
    return np.array(rows, dtype=np.float32).reshape(-1, 4)


def iou(first: Array, second: Array) -> NDArray[np.float32]:
    """Intersection over union of boxes (n, 4) with boxes (m, 4), shape (n, m).

    >>> iou(np.array([[0., 0, 2, 2]]), np.array([[1., 0, 3, 2], [5, 5, 6, 6]])).round(3).tolist()
    [[0.3330000042915344, 0.0]]
    """
    overlap = _overlap(first, second)
    union = _areas(first)[:, None] + _areas(second)[None, :] - overlap
    return np.asarray(overlap / np.maximum(union, np.finfo(np.float32).tiny), dtype=np.float32)


def nms(boxes: Array, scores: Array, limit: float) -> list[int]:
    """Indices of the boxes that stay when each suppresses weaker ones over `limit` IoU.

    boxes: (n, 4). scores: (n,), higher = better; equal scores keep their order.
    """
    order = np.argsort(-np.asarray(scores), kind="stable")
    overlap = iou(boxes, boxes)
    kept: list[int] = []
    for index in order.tolist():
        if not kept or float(overlap[index, kept].max()) <= limit:
            kept.append(index)
    return kept


def merge(faces: Sequence[Face], limit: float = 0.3, rank: Sequence[float] | None = None) -> list[Face]:
    """One face for each person when several passes or tiles found it more than once.

    rank: what "stronger" goes by, the score where it is not given.

    The strongest find stays. A weaker one goes when it overlaps a kept one by more than
    `limit` IoU; when it lies inside a kept one (a detector run at too fine a scale calls
    an eye or a mouth a face); or when a kept one lies inside it and their points agree (a
    face that a tile cut).
    """
    if len(faces) < 2:
        return list(faces)
    strength = [face.score for face in faces] if rank is None else rank
    ranked = [faces[index] for index in sorted(range(len(faces)), key=lambda index: -strength[index])]
    boxes = box_array(ranked)
    points = np.stack([face.landmarks for face in ranked])  # (n, 5, 2)
    overlap = iou(boxes, boxes)
    inside = _overlap(boxes, boxes) / np.maximum(np.minimum(_areas(boxes)[:, None], _areas(boxes)[None, :]), 1e-6)
    side = np.sqrt(np.maximum(_areas(boxes), 1e-6))
    kept: list[int] = []
    for index in range(len(ranked)):
        for other in kept:
            far = float(np.linalg.norm(points[index] - points[other], axis=1).mean())
            agree = far < 0.25 * max(side[index], side[other])
            if overlap[index, other] > limit:
                break
            if inside[index, other] > 0.7 and (agree or side[index] < side[other]):
                break
        else:
            kept.append(index)
    return [ranked[index] for index in kept]


def similarity(source: Array, target: Array) -> NDArray[np.float64]:
    """The rotation, scale and shift that bring points `source` nearest to `target`.

    source, target: (n, 2). Returns M, shape (2, 3), with target ≈ source @ M[:, :2].T + M[:, 2].
    Least squares after Umeyama, IEEE PAMI 13(4), 1991; a mirror image is never returned.

    >>> matrix = similarity(np.array([[0., 0], [1, 0], [0, 1]]), np.array([[1., 1], [3, 1], [1, 3]]))
    >>> bool(np.allclose(matrix, [[2, 0, 1], [0, 2, 1]]))
    True
    """
    x = np.asarray(source, dtype=np.float64)
    y = np.asarray(target, dtype=np.float64)
    x_mean, y_mean = x.mean(axis=0), y.mean(axis=0)
    x_centred, y_centred = x - x_mean, y - y_mean
    u, d, vt = np.linalg.svd(y_centred.T @ x_centred / len(x))
    sign = np.array([1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt)) or 1.0])
    rotation = u @ np.diag(sign) @ vt
    variance = (x_centred**2).sum() / len(x)
    scale = float((d * sign).sum() / variance) if variance > 0 else 1.0
    shift = y_mean - scale * rotation @ x_mean
    return np.hstack([scale * rotation, shift[:, None]])


def align(image: Image, landmarks: Landmarks) -> Image:
    """The face turned and scaled so that its five points lie on the template.

    image: (H, W, 3). Returns (112, 112, 3); what lies outside the picture is black.
    """
    matrix = similarity(landmarks, TEMPLATE)
    # A face far larger than the crop would alias under bilinear sampling; halving first is
    # an exact 2 x 2 mean and keeps the result at one sample a pixel or coarser.
    scale = math.hypot(matrix[0, 0], matrix[1, 0])
    halvings = math.floor(math.log2(1 / scale)) if 0 < scale < 0.5 else 0
    if halvings:
        image, matrix = _halved_around(image, landmarks, matrix, halvings)
    crop: Image = cv2.warpAffine(image, matrix, (ALIGNED_SIZE, ALIGNED_SIZE), flags=cv2.INTER_LINEAR)
    return crop


def _halved_around(
    image: Image, landmarks: Landmarks, matrix: NDArray[np.float64], halvings: int
) -> tuple[Image, NDArray[np.float64]]:
    """The part of the picture that the crop samples, shrunk by 2**halvings, and its matrix."""
    factor = 2**halvings
    corners = np.array([(0, 0), (ALIGNED_SIZE, 0), (0, ALIGNED_SIZE), (ALIGNED_SIZE, ALIGNED_SIZE)], dtype=np.float64)
    inverse = np.linalg.inv(matrix[:, :2])
    sampled = (corners - matrix[:, 2]) @ inverse.T
    height, width = image.shape[:2]
    low = np.floor(sampled.min(axis=0) / factor).astype(int) * factor - factor
    high = np.ceil(sampled.max(axis=0) / factor).astype(int) * factor + factor
    x1, y1 = np.clip(low, 0, (width, height)).tolist()
    x2, y2 = np.clip(high, 0, (width, height)).tolist()
    size_wh = ((x2 - x1) // factor, (y2 - y1) // factor)
    if min(size_wh) < 1:
        return image, matrix
    part = image[y1 : y1 + size_wh[1] * factor, x1 : x1 + size_wh[0] * factor]
    small = cv2.resize(part, size_wh, interpolation=cv2.INTER_AREA)
    # Pixel i of the small picture is the mean of pixels factor*i .. factor*i + factor-1.
    centre = (factor - 1) / 2
    shifted = matrix.copy()
    shifted[:, 2] = matrix[:, :2] @ np.array([x1 + centre, y1 + centre]) + matrix[:, 2]
    shifted[:, :2] = matrix[:, :2] * factor
    return small, shifted


def pose(landmarks: Landmarks) -> Pose:
    """Coarse angles of the head from the five points, in degrees.

    The formulas of InsightFace Server's quality policy: good enough to refuse a profile,
    not to measure one. The points are turned upright first, so that roll does not leak
    into yaw and pitch.
    """
    right_eye, left_eye, *_ = landmarks.astype(np.float64)
    across = left_eye - right_eye
    roll = math.degrees(math.atan2(across[1], across[0]))
    cosine, sine = math.cos(math.radians(-roll)), math.sin(math.radians(-roll))
    upright = landmarks.astype(np.float64) @ np.array([[cosine, sine], [-sine, cosine]])
    eyes, mouth, nose = upright[:2].mean(axis=0), upright[3:].mean(axis=0), upright[2]
    distance = max(float(np.hypot(*across)), 1e-6)
    drop = mouth[1] - eyes[1]
    yaw = 90.0 * (nose[0] - eyes[0]) / distance
    pitch = 90.0 * ((nose[1] - eyes[1]) / drop - 0.45) if abs(drop) > 1e-6 else 90.0
    return Pose(yaw=float(np.clip(yaw, -90, 90)), pitch=float(np.clip(pitch, -90, 90)), roll=roll)


def rotate_back(points: Array, rotation: int, size_wh: tuple[int, int]) -> NDArray[np.float32]:
    """Bring points found in a picture turned clockwise by `rotation` back to the original.

    points: (n, 2). size_wh: of the original picture. rotation: 0, 90, 180 or 270 degrees.

    >>> rotate_back(np.array([[9., 0.]]), 90, (20, 10)).tolist()
    [[0.0, 1.0]]
    """
    width, height = size_wh
    x, y = np.asarray(points, dtype=np.float32).T
    turned = {
        0: (x, y),
        90: (y, height - x),
        180: (width - x, height - y),
        270: (width - y, x),
    }
    return np.stack(turned[rotation], axis=1).astype(np.float32)


def _areas(boxes: Array) -> NDArray[np.float32]:
    extent = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    return np.asarray(extent[:, 0] * extent[:, 1], dtype=np.float32)


def _overlap(first: Array, second: Array) -> NDArray[np.float32]:
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    extent = np.maximum(high - low, 0)
    return np.asarray(extent[..., 0] * extent[..., 1], dtype=np.float32)
