"""Infrared as three planes, grey, HOG and PLGF, as DADM's recipe has it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["gradients", "gravity", "infrared"]

Grey = NDArray[np.uint8]  # (H, W)


def infrared(grey: Grey) -> NDArray[np.uint8]:
    """(H, W) to (H, W, 3): the picture, its oriented gradients and its local gravity."""
    return np.stack([grey, gradients(grey), gravity(grey)], axis=-1)


def gradients(grey: Grey, *, cell: int = 8, bins: int = 9) -> Grey:
    """Where the edges run as the rest of their cell does.

    Each pixel holds its cell's share of the pixel's own direction (0 to 180 degrees in
    `bins`, weighted by magnitude, L2 over the cell). How DADM draws its HOG plane is not
    told (choice).
    """
    values = grey.astype(np.float32)
    across, down = cv2.Sobel(values, cv2.CV_32F, 1, 0), cv2.Sobel(values, cv2.CV_32F, 0, 1)
    magnitude = np.hypot(across, down)
    place = np.minimum((np.arctan2(down, across) % np.pi * bins / np.pi).astype(int), bins - 1)
    rows, columns = np.indices(grey.shape) // cell
    histogram = np.zeros((rows.max() + 1, columns.max() + 1, bins))
    np.add.at(histogram, (rows, columns, place), magnitude)
    histogram /= np.sqrt((histogram**2).sum(axis=2, keepdims=True)) + 1e-6
    return np.asarray(np.rint(255 * histogram[rows, columns, place]), np.uint8)


def gravity(grey: Grey, *, radius: int = 2) -> Grey:
    """Pattern of the local gravitational force: each neighbour pulls as its level by the square of its distance.

    atan of the force over the pixel's own level, 0 to pi/2 as 0 to 255. Source: Bhattacharjee
    and Roy, Pattern of local gravitational force, TPAMI 2021.
    """
    values = grey.astype(np.float32)
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1].astype(np.float32)
    distance = np.hypot(x, y)
    distance[radius, radius] = np.inf
    across = cv2.filter2D(values, cv2.CV_32F, x / distance**3, borderType=cv2.BORDER_REFLECT)
    down = cv2.filter2D(values, cv2.CV_32F, y / distance**3, borderType=cv2.BORDER_REFLECT)
    force = np.hypot(across, down) / (values + 1)
    return np.asarray(np.rint(np.arctan(force) * (2 * 255 / np.pi)), np.uint8)
