"""Manipulations of a picture, by family, kind and strength, to learn them from and to test by.

The strengths to test by lie between those to learn from, and none stands on both sides. The list is that
of Ghiani et al. (arXiv 2504.13759), with crops, turns and local edits added; their sharpening by .001,
which no 8-bit picture can tell from 0, is left out. "intact" is what a lossless copy does to pixels: nothing.

Every manipulation is a function of the picture, the strength and a seeded generator alone, keeps the size,
and changes something.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import PIL.Image
from PIL import JpegImagePlugin, WebPImagePlugin

from vultus.errors import InputError
from vultus.integrity.morphing import Points, morph
from vultus.types import Image

__all__ = ["FAMILIES", "INTACT", "LEARNED", "LOCAL", "TESTED", "Manipulation", "Partner", "family_of", "manipulated"]

INTACT = "intact"
LOCAL = "local edit"
FAMILIES = (INTACT, "resize", "noise", "compression", "sharpen", "blur", "crop or rotate", LOCAL, "morph")

Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class Manipulation:
    """One manipulation at one strength.

    >>> Manipulation("jpeg", 90).family
    'compression'
    """

    kind: str
    strength: float | tuple[float, float]

    @property
    def family(self) -> str:
        return family_of(self.kind)

    def __str__(self) -> str:
        values = self.strength if isinstance(self.strength, tuple) else (self.strength,)
        return f"{self.kind} {', '.join(f'{value:g}' for value in values)}"


@dataclass(frozen=True, slots=True, eq=False)
class Partner:
    """Another person's picture, of the same size, to morph with."""

    image: Image  # (H, W, 3)
    points: Points  # of the face in it, (n, 2)
    ours: Points  # of the face in the picture that is manipulated


_OF = {
    INTACT: INTACT,
    "resize": "resize",
    "gaussian noise": "noise",
    "salt and pepper": "noise",
    "jpeg": "compression",
    "webp": "compression",
    "sharpen": "sharpen",
    "gaussian blur": "blur",
    "median": "blur",
    "crop": "crop or rotate",
    "rotate": "crop or rotate",
    "patch copied": LOCAL,
    "patch blurred": LOCAL,
    "patch painted": LOCAL,
    "morph": "morph",
}


def family_of(kind: str) -> str:
    """The family of a kind. Refused (InputError): a kind that is none."""
    if kind not in _OF:
        raise InputError(f"expected a manipulation out of {', '.join(_OF)}, got {kind!r:.40}")
    return _OF[kind]


def _all(kind: str, *strengths: float | tuple[float, float]) -> tuple[Manipulation, ...]:
    return tuple(Manipulation(kind, each) for each in strengths)


LEARNED = (
    *_all(INTACT, 0),
    *_all("resize", 0.999, 0.95, 0.85, 0.65, 0.5),
    *_all("gaussian noise", 2, 4, 8, 16, 32),
    *_all("salt and pepper", (0.01, 0.01), (0.01, 0.3), (0.03, 0.03), (0.1, 0.03), (0.3, 0.3)),
    *_all("jpeg", 100, 95, 90, 80),
    *_all("webp", 100, 90, 80),
    *_all("sharpen", 0, 0.05, 0.5, 1),
    *_all("gaussian blur", 0.8, 1.1, 1.7),
    *_all("median", 3, 5, 9),
    *_all("crop", 0.02, 0.05, 0.1),
    *_all("rotate", 0.5, 1, 3, 5),
    *_all("patch copied", 0.08, 0.15, 0.3),
    *_all("patch blurred", 0.08, 0.15, 0.3),
    *_all("patch painted", 0.08, 0.15, 0.3),
    *_all("morph", 0.3, 0.5, 0.7, 0.9),
)
"""To learn from."""

TESTED = (
    *_all(INTACT, 0),
    *_all("resize", 0.975, 0.9, 0.75, 0.6),
    *_all("gaussian noise", 3, 6, 12, 25),
    *_all("salt and pepper", (0.02, 0.02), (0.05, 0.02), (0.1, 0.1)),
    *_all("jpeg", 98, 93, 85),
    *_all("webp", 95, 85),
    *_all("sharpen", 0.01, 0.1, 0.75),
    *_all("gaussian blur", 0.95, 1.4),
    *_all("median", 7),
    *_all("crop", 0.035, 0.08),
    *_all("rotate", 0.75, 2, 4),
    *_all("patch copied", 0.11, 0.22),
    *_all("patch blurred", 0.11, 0.22),
    *_all("patch painted", 0.11, 0.22),
    *_all("morph", 0.4, 0.6, 0.8),
)
"""To test by: between those to learn from."""


def manipulated(image: Image, how: Manipulation, rng: Rng, partner: Partner | None = None) -> Image:
    """The picture (H, W, 3) manipulated; the given one is left as it is.

    Refused (InputError): a kind that is none, a morph without a partner, a picture under 32 pixels a side.
    """
    if min(image.shape[:2]) < 32:
        raise InputError(f"expected a picture of 32 pixels a side or more, got {image.shape[1]} x {image.shape[0]}")
    family_of(how.kind)
    if how.kind == "morph":
        if partner is None:
            raise InputError("expected a second person's picture to morph with")
        return morph(image, partner.image, (partner.ours, partner.points), _one(how)).image
    made = _MAKE[how.kind](image, how, rng)
    return np.ascontiguousarray(made)


def _one(how: Manipulation) -> float:
    if isinstance(how.strength, tuple):
        raise InputError(f"expected one strength for {how.kind}, got {how.strength}")
    return how.strength


def _intact(image: Image, how: Manipulation, rng: Rng) -> Image:
    return image.copy()


def _resize(image: Image, how: Manipulation, rng: Rng) -> Image:
    """Smaller by a factor, by one pixel at least, and back, by Lanczos' kernel."""
    height, width = image.shape[:2]
    small_wh = (min(round(width * _one(how)), width - 1), min(round(height * _one(how)), height - 1))
    kernel = PIL.Image.Resampling.LANCZOS
    return np.array(PIL.Image.fromarray(image).resize(small_wh, kernel).resize((width, height), kernel))


def _gaussian_noise(image: Image, how: Manipulation, rng: Rng) -> Image:
    return _rounded(image + rng.normal(0, _one(how), image.shape))


def _salt_and_pepper(image: Image, how: Manipulation, rng: Rng) -> Image:
    """Shares of pixels made white and black."""
    if not isinstance(how.strength, tuple):
        raise InputError(f"expected shares of white and of black pixels, got {how.strength}")
    salt, pepper = how.strength
    chosen, changed = rng.random(image.shape[:2]), image.copy()
    changed[chosen < salt] = 255
    changed[chosen > 1 - pepper] = 0
    return changed


def _jpeg(image: Image, how: Manipulation, rng: Rng) -> Image:
    made = io.BytesIO()
    PIL.Image.fromarray(image).save(made, "JPEG", quality=int(_one(how)))
    made.seek(0)
    return np.array(JpegImagePlugin.JpegImageFile(made))


def _webp(image: Image, how: Manipulation, rng: Rng) -> Image:
    made = io.BytesIO()
    PIL.Image.fromarray(image).save(made, "WEBP", quality=int(_one(how)))
    made.seek(0)
    return np.array(WebPImagePlugin.WebPImageFile(made).convert("RGB"))


def _sharpen(image: Image, how: Manipulation, rng: Rng) -> Image:
    kernel = np.array([[0, -1, 0], [-1, 5 + _one(how), -1], [0, -1, 0]], np.float32)
    return np.asarray(cv2.filter2D(image, -1, kernel), np.uint8)


def _gaussian_blur(image: Image, how: Manipulation, rng: Rng) -> Image:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), _one(how)), np.uint8)


def _median(image: Image, how: Manipulation, rng: Rng) -> Image:
    return np.asarray(cv2.medianBlur(image, int(_one(how))), np.uint8)


def _crop(image: Image, how: Manipulation, rng: Rng) -> Image:
    """A share of each side cut away, unevenly, and enlarged to the old size."""
    height, width = image.shape[:2]
    away = (max(round(width * _one(how)), 1), max(round(height * _one(how)), 1))
    left, top = (int(rng.integers(0, each + 1)) for each in away)
    cut = image[top : top + height - away[1], left : left + width - away[0]]
    return np.asarray(cv2.resize(cut, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def _rotate(image: Image, how: Manipulation, rng: Rng) -> Image:
    """Degrees, either way round."""
    height, width = image.shape[:2]
    degrees = _one(how) * (1 if rng.random() < 0.5 else -1)
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
    mode = cv2.BORDER_REPLICATE
    return np.asarray(cv2.warpAffine(image, turn, (width, height), flags=cv2.INTER_LINEAR, borderMode=mode), np.uint8)


def _place(image: Image, how: Manipulation, rng: Rng) -> tuple[slice, slice]:
    """Where an edit lies; strength is its side as a share of the picture's shorter one."""
    side = max(round(min(image.shape[:2]) * _one(how)), 8)
    top, left = (int(rng.integers(0, size - side + 1)) for size in image.shape[:2])
    return slice(top, top + side), slice(left, left + side)


def _patch_copied(image: Image, how: Manipulation, rng: Rng) -> Image:
    """A square of the same picture, mirrored, so that it is no copy of its own place."""
    place, changed = _place(image, how, rng), image.copy()
    changed[place] = image[_place(image, how, rng)][:, ::-1]
    return changed


def _patch_blurred(image: Image, how: Manipulation, rng: Rng) -> Image:
    """A retouched square: smoothed, as a blemish is taken away."""
    place, changed = _place(image, how, rng), image.copy()
    changed[place] = cv2.GaussianBlur(image, (0, 0), 3.0)[place]
    return changed


def _patch_painted(image: Image, how: Manipulation, rng: Rng) -> Image:
    """A square in one colour, that of a place nearby, with a soft grain."""
    place, changed = _place(image, how, rng), image.copy()
    there = image[place]
    colour = there.reshape(-1, 3)[int(rng.integers(0, there.shape[0] * there.shape[1]))].astype(np.float64)
    changed[place] = _rounded(255 - colour + rng.normal(0, 1, there.shape))
    return changed


def _rounded(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Image:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


_MAKE: dict[str, Callable[[Image, Manipulation, Rng], Image]] = {
    INTACT: _intact,
    "resize": _resize,
    "gaussian noise": _gaussian_noise,
    "salt and pepper": _salt_and_pepper,
    "jpeg": _jpeg,
    "webp": _webp,
    "sharpen": _sharpen,
    "gaussian blur": _gaussian_blur,
    "median": _median,
    "crop": _crop,
    "rotate": _rotate,
    "patch copied": _patch_copied,
    "patch blurred": _patch_blurred,
    "patch painted": _patch_painted,
}
