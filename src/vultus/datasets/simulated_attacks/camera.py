"""What any camera does to any scene: exposure, colour, lens, noise, compression.

The same camera takes bona fide and attack pictures, with settings drawn from the same
ranges; otherwise a detector would learn the camera instead of the attack.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vultus.datasets.simulated_attacks.light import light_of, pixels_of
from vultus.types import Image

__all__ = ["Camera", "capture"]


@dataclass(frozen=True, slots=True)
class Camera:
    """Settings of one shot."""

    gain: float = 1.0  # exposure
    gamma: float = 1.0
    white: tuple[float, float, float] = (1.0, 1.0, 1.0)  # gain of red, green, blue
    blur: float = 0.0  # sigma of the lens, pixels
    smear: float = 0.0  # length of motion, pixels
    smear_angle: float = 0.0  # degrees
    shot: float = 0.0  # noise that grows with the root of light, share of full scale at white
    read: float = 0.0  # noise everywhere, share of full scale
    quality: int = 95  # of JPEG

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Camera:
        """Anything from a good telephone to a dim webcam."""
        return cls(
            gain=float(rng.uniform(0.65, 1.3)),
            gamma=float(np.exp(rng.normal(0.0, 0.15))),
            white=tuple(float(x) for x in np.exp(rng.normal(0.0, 0.06, 3))),  # type: ignore[arg-type]
            blur=float(rng.choice([0.0, rng.uniform(0.3, 1.6)])),
            smear=float(rng.uniform(2, 6)) if rng.random() < 0.15 else 0.0,
            smear_angle=float(rng.uniform(0, 180)),
            shot=float(rng.uniform(0.0, 0.04)),
            read=float(rng.uniform(0.0, 0.015)),
            quality=int(rng.integers(55, 98)),
        )


def capture(scene: Image, camera: Camera, rng: np.random.Generator) -> Image:
    """The scene as the camera stores it, same size.

    >>> grey = np.full((8, 8, 3), 128, np.uint8)
    >>> int(capture(grey, Camera(quality=100), np.random.default_rng(0)).mean())
    128
    """
    light = light_of(scene)
    light = np.power(np.clip(light * camera.gain * np.array(camera.white, np.float32), 0, 1), camera.gamma)
    if camera.blur:
        light = cv2.GaussianBlur(light, (0, 0), camera.blur)
    if camera.smear >= 2:
        light = cv2.filter2D(light, -1, _line(camera.smear, camera.smear_angle), borderType=cv2.BORDER_REPLICATE)
    if camera.shot or camera.read:
        spread = np.sqrt(camera.read**2 + camera.shot**2 * np.clip(light, 0, 1))
        light = light + rng.standard_normal(light.shape, dtype=np.float32) * spread
    picture = pixels_of(light)
    _, packed = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, camera.quality])
    stored = cv2.imdecode(packed, cv2.IMREAD_COLOR_RGB)
    assert stored is not None, "a picture that was just encoded decodes"
    return np.asarray(stored, np.uint8)


def _line(length: float, angle: float) -> NDArray[np.float32]:
    """Kernel of a straight motion."""
    size = int(np.ceil(length)) | 1
    kernel = np.zeros((size, size), np.float32)
    kernel[size // 2] = 1
    turn = cv2.getRotationMatrix2D((size / 2 - 0.5, size / 2 - 0.5), angle, 1.0)
    kernel = cv2.warpAffine(kernel, turn, (size, size))
    return np.asarray(kernel / kernel.sum(), np.float32)
