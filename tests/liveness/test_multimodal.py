from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from vultus import registry
from vultus.errors import InputError
from vultus.liveness.multimodal import check, read_plane
from vultus.models.liveness.mmda import MmdaSmall, score
from vultus.types import Box, Face, Image

FACE = Face(Box(60, 50, 120, 130), np.zeros((5, 2), np.float32), 0.9)


@pytest.fixture(scope="module")
def judge() -> MmdaSmall:
    loaded: MmdaSmall = registry.load("mmda-small", "liveness")
    return loaded


@pytest.fixture(scope="module")
def scene() -> tuple[Image, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:180, :200]
    bump = np.exp(-(((x - 90) / 35) ** 2) - ((y - 90) / 45) ** 2)
    rgb = rng.integers(60, 200, (180, 200, 3), dtype=np.uint8)
    return rgb, (40 + 180 * bump).astype(np.uint8), (30 + 150 * bump).astype(np.uint8)


def test_colour_alone_gives_no_answer(judge: MmdaSmall, scene: tuple[Image, np.ndarray, np.ndarray]) -> None:
    answer = check(judge, scene[0], FACE)
    assert answer.live is None
    assert "no depth" in answer.abstained


def test_the_same_square_is_cut_from_all(judge: MmdaSmall, scene: tuple[Image, np.ndarray, np.ndarray]) -> None:
    rgb, depth, ir = scene
    found = check(judge, rgb, FACE, depth=depth, ir=ir)
    side = 96  # 1.2 times the longer side of the box
    cut = (slice(90 - side // 2, 90 + side // 2), slice(90 - side // 2, 90 + side // 2))
    assert found.score == pytest.approx(score(rgb[cut], depth[cut], ir[cut]).score, abs=1e-6)
    assert "not for access control" in found.signals[0].reason
    moved = check(judge, rgb, FACE, depth=np.roll(depth, 60, axis=1), ir=ir)
    assert moved.score != pytest.approx(found.score, abs=1e-4)


def test_pictures_of_other_sizes_are_refused(judge: MmdaSmall, scene: tuple[Image, np.ndarray, np.ndarray]) -> None:
    with pytest.raises(InputError, match="depth of the colour picture's size, 200 x 180, got 100 x 90"):
        check(judge, scene[0], FACE, depth=scene[1][::2, ::2])


def test_planes_keep_their_depth(tmp_path: Path) -> None:
    deep = np.arange(200, dtype=np.uint16).reshape(10, 20) * 300
    cv2.imwrite(str(tmp_path / "d.png"), deep)
    assert np.array_equal(read_plane(tmp_path / "d.png"), deep)
    (tmp_path / "no.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match="cannot be decoded"):
        read_plane(tmp_path / "no.png")
    with pytest.raises(InputError, match="No such file"):
        read_plane(tmp_path / "absent.png")
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((4, 4, 4), np.uint8))
    with pytest.raises(InputError, match="alpha"):
        read_plane(tmp_path / "a.png")
