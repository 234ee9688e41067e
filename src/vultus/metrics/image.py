"""How alike two pictures are: mean squared error, PSNR and SSIM.

SSIM after Wang, Bovik, Sheikh and Simoncelli (IEEE TIP 2004) with a flat window of 7 x 7 and the
sample covariance, which is what scikit-image's `structural_similarity` does by default.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError
from vultus.types import Image

__all__ = ["mse", "psnr", "ssim"]

WINDOW = 7  # pixels
PEAK = 255.0


def mse(first: Image, second: Image) -> float:
    """Mean squared difference of two pictures of one shape, in squared levels; others are refused (InputError).

    >>> import numpy as np
    >>> mse(np.zeros((8, 8, 3), np.uint8), np.full((8, 8, 3), 2, np.uint8))
    4.0
    """
    _check(first, second)
    return float(np.mean((first.astype(np.float64) - second.astype(np.float64)) ** 2))


def psnr(first: Image, second: Image) -> float:
    """Peak signal to noise ratio in dB, peak 255; infinite for equal pictures. Refused as for `mse`.

    >>> import numpy as np
    >>> round(psnr(np.zeros((8, 8, 3), np.uint8), np.full((8, 8, 3), 255, np.uint8)), 6)
    0.0
    """
    error = mse(first, second)
    return math.inf if error == 0 else 10 * math.log10(PEAK**2 / error)


def ssim(first: Image, second: Image) -> float:
    """Mean structural similarity, 1 for equal pictures; of colour pictures the mean of the channels.

    first, second: (H, W) or (H, W, 3), uint8. Refused (InputError): other shapes, sides under 7 pixels.

    >>> import numpy as np
    >>> ssim(np.eye(8, dtype=np.uint8), np.eye(8, dtype=np.uint8))
    1.0
    """
    _check(first, second)
    if min(first.shape[:2]) < WINDOW:
        raise InputError(f"expected pictures of {WINDOW} pixels a side or more, got {first.shape}")
    planes = [(first, second)] if first.ndim == 2 else [(first[..., n], second[..., n]) for n in range(first.shape[2])]
    return float(np.mean([_ssim(one.astype(np.float64), other.astype(np.float64)) for one, other in planes]))


def _ssim(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    count = WINDOW * WINDOW
    mean_one, mean_other = _windows(one), _windows(other)
    sample = count / (count - 1)
    var_one = sample * (_windows(one * one) - mean_one**2)
    var_other = sample * (_windows(other * other) - mean_other**2)
    covariance = sample * (_windows(one * other) - mean_one * mean_other)
    light, contrast = (0.01 * PEAK) ** 2, (0.03 * PEAK) ** 2
    above = (2 * mean_one * mean_other + light) * (2 * covariance + contrast)
    below = (mean_one**2 + mean_other**2 + light) * (var_one + var_other + contrast)
    return float((above / below).mean())


def _windows(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of each whole window, by sums that run."""
    summed = np.pad(plane, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    low, high = summed[:-WINDOW], summed[WINDOW:]
    whole = high[:, WINDOW:] - low[:, WINDOW:] - high[:, :-WINDOW] + low[:, :-WINDOW]
    return np.asarray(whole / WINDOW**2, np.float64)


def _check(first: Image, second: Image) -> None:
    if first.shape != second.shape or first.ndim not in (2, 3):
        raise InputError(f"expected two pictures of one shape, got {first.shape} and {second.shape}")
