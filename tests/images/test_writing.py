"""Pictures onto the disk: what comes back, and what happens when the disk says no."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from vultus.errors import InputError, StorageError
from vultus.images import read, write

PIXELS = np.random.default_rng(5).integers(0, 256, (12, 16, 3)).astype(np.uint8)
FLAT = np.full((24, 32, 3), (200, 100, 50), np.uint8)


@pytest.mark.parametrize("shape", [(0, 5, 3), (5, 0, 3), (5, 5), (5, 5, 1), (5, 5, 4)])
def test_empty_pictures_and_other_shapes_are_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="expected RGB uint8"):
        write(tmp_path / "a.png", np.zeros(shape, np.uint8))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "kind"), [("a.png", "PNG"), ("a.JPG", "JPEG"), ("a.jpeg", "JPEG"), ("a.webp", "WEBP")]
)
def test_the_suffix_decides_and_the_pixels_come_back(tmp_path: Path, name: str, kind: str) -> None:
    path = write(tmp_path / "new" / "folders" / name, FLAT)
    assert path == tmp_path / "new" / "folders" / name
    assert [each.name for each in path.parent.iterdir()] == [name]
    with PIL.Image.open(path) as picture:
        assert picture.format == kind
    assert np.abs(read(path).astype(int) - FLAT).max() <= (0 if kind == "PNG" else 3)


def test_png_loses_nothing_and_views_are_written(tmp_path: Path) -> None:
    assert np.array_equal(read(write(str(tmp_path / "a.png"), PIXELS)), PIXELS)
    assert np.array_equal(read(write(tmp_path / "b.png", PIXELS[::-2, ::-1])), PIXELS[::-2, ::-1])


def test_quality(tmp_path: Path) -> None:
    sizes = [write(tmp_path / f"{quality}.jpg", PIXELS, quality).stat().st_size for quality in (1, 50, 95, 100)]
    assert sizes == sorted(set(sizes))
    for wrong in (0, 101):
        with pytest.raises(InputError, match="quality"):
            write(tmp_path / "a.jpg", PIXELS, wrong)


def test_an_existing_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"x" * 10_000)
    write(path, PIXELS)
    assert np.array_equal(read(path), PIXELS)


@pytest.mark.parametrize("name", ["a", "a.bmp", "a.exe"])
def test_other_suffixes_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"expected a name ending in \.jpg"):
        write(tmp_path / name, PIXELS)


def test_floats_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="float64"):
        write(tmp_path / "a.png", PIXELS / 255)


@pytest.mark.parametrize("name", ["a.jpg", "a.webp"])
def test_a_picture_too_wide_for_the_format_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="cannot be saved"):
        write(tmp_path / name, np.zeros((1, 70_000, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []


def test_folders_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="could not write"):
        write(tmp_path / "file" / "a.png", PIXELS)
    (tmp_path / "a.png").mkdir()
    with pytest.raises(StorageError):
        write(tmp_path / "a.png", PIXELS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "file"]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs Linux' /proc, where nobody may make files")
def test_a_file_system_that_takes_nothing() -> None:
    with pytest.raises(StorageError):
        write("/proc/a.png", PIXELS)


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX resource limits")
def test_a_disk_that_is_full_leaves_the_old_file_and_no_half_one(tmp_path: Path) -> None:
    path = write(tmp_path / "a.png", FLAT)
    code = f"""
import resource, signal, numpy as np
from vultus.errors import StorageError
from vultus.images import write
noise = np.random.default_rng(0).integers(0, 256, (100, 100, 3)).astype(np.uint8)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    write({str(path)!r}, noise)
except StorageError as error:
    print("refused", error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"refused could not write {path}")
    assert [each.name for each in tmp_path.iterdir()] == ["a.png"]
    assert np.array_equal(read(path), FLAT)
