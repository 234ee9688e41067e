"""A face before a camera that delivers depth and infrared beside the colour picture."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError
from vultus.models.liveness.mmda import MmdaSmall, Plane
from vultus.types import Box, Face, Image, Liveness

__all__ = ["check", "read_plane"]

REACH = 1.2  # side of the crop, in longer sides of the face's box


def read_plane(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Depth or infrared as the file holds it: (H, W) or (H, W, 3), uint8 or uint16.

    Refused (InputError): a file that is not there, is no picture or has an alpha channel.
    """
    try:
        data = np.frombuffer(Path(path).read_bytes(), np.uint8)
    except OSError as error:
        raise InputError(f"{path}: expected a depth or infrared picture, {error.strerror}") from error
    plane = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    if plane is None:
        raise InputError(f"{path}: expected a depth or infrared picture (PNG or TIFF), it cannot be decoded")
    if plane.ndim == 3 and plane.shape[2] != 3:
        raise InputError(f"{path}: expected one or three channels, got {plane.shape[2]}; write it without alpha")
    return np.asarray(plane)


def check(
    detector: MmdaSmall,
    rgb: Image,
    face: Face,
    *,
    depth: Plane | None = None,
    ir: Plane | None = None,
    depth_scale: float | None = None,
) -> Liveness:
    """The answer for one face of three pictures taken at one moment by registered cameras.

    The face was found in `rgb`, and the same square is cut from all. Without depth and
    infrared no answer is given. Refused (InputError): pictures whose sizes differ, and what
    `vultus.models.liveness.mmda.score` refuses of depth.
    """
    if depth is None and ir is None:
        return detector(rgb, [face])[0]
    for name, plane in (("depth", depth), ("infrared", ir)):
        if plane is not None and plane.shape[:2] != rgb.shape[:2]:
            raise InputError(
                f"expected {name} of the colour picture's size, {rgb.shape[1]} x {rgb.shape[0]}, got "
                f"{plane.shape[1]} x {plane.shape[0]}; register the cameras first"
            )
    return detector.score(
        _cut(rgb, face.box),
        None if depth is None else _cut(depth, face.box),
        None if ir is None else _cut(ir, face.box),
        depth_scale,
    )


def _cut(plane: NDArray[Any], box: Box) -> NDArray[Any]:
    height, width = plane.shape[:2]
    side = max(1, round(min(REACH * max(box.width, box.height), width, height)))
    left = min(max(round(box.centre[0] - side / 2), 0), width - side)
    top = min(max(round(box.centre[1] - side / 2), 0), height - side)
    return plane[top : top + side, left : left + side]
