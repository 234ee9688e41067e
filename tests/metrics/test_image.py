from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vultus.errors import InputError
from vultus.metrics.image import mse, psnr, ssim

metrics = pytest.importorskip("skimage.metrics", reason="scikit-image is the outside reference")


def test_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="7 pixels"):
        ssim(np.zeros((0, 0), np.uint8), np.zeros((0, 0), np.uint8))
    with pytest.raises(InputError, match="one shape"):
        psnr(np.zeros((8, 8), np.uint8), np.zeros((8, 9), np.uint8))


@given(st.integers(0, 2**32 - 1), st.sampled_from([(7, 7), (16, 9), (24, 31, 3)]), st.integers(0, 60))
@settings(max_examples=30, deadline=None)
def test_scikit_image_says_the_same(seed: int, shape: tuple[int, ...], noise: int) -> None:
    rng = np.random.default_rng(seed)
    first = rng.integers(0, 256, shape).astype(np.uint8)
    second = np.clip(first + rng.normal(0, noise + 1, shape), 0, 255).astype(np.uint8)
    axis = -1 if len(shape) == 3 else None
    assert mse(first, second) == pytest.approx(metrics.mean_squared_error(first, second), abs=1e-9)
    if not np.array_equal(first, second):
        assert psnr(first, second) == pytest.approx(metrics.peak_signal_noise_ratio(first, second), abs=1e-9)
    assert ssim(first, second) == pytest.approx(
        metrics.structural_similarity(first, second, channel_axis=axis), abs=1e-6
    )


def test_equal_pictures() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (20, 20, 3)).astype(np.uint8)
    assert (mse(picture, picture), psnr(picture, picture)) == (0.0, math.inf)
    assert ssim(picture, picture) == pytest.approx(1.0)
