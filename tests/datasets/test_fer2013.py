from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

from vultus.datasets.fer2013 import CLASSES, missing, read, read_csv
from vultus.errors import InputError, NotFoundError

COUNTS = (3, 1, 51, 2, 100, 4, 5)


def faces(count: int, first: int) -> NDArray[np.uint8]:
    """Flat tiles, each of its own grey, so that order can be seen behind JPEG."""
    return np.repeat(np.arange(first, first + count, dtype=np.uint8), 48 * 48).reshape(count, 48, 48)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, count in zip(CLASSES, COUNTS, strict=True):
        down = -(-count // 50)
        tiles = np.zeros((down * 50, 48, 48), np.uint8)
        tiles[:count] = faces(count, 20)
        sheet = tiles.reshape(down, 50, 48, 48).swapaxes(1, 2).reshape(down * 48, 50 * 48)
        PIL.Image.fromarray(sheet).save(tmp_path / f"train_{name}_{count}.jpg", quality=95)
    np.savez(tmp_path / "public_test.npz", x=faces(7, 0), y=np.arange(7, dtype=np.uint8), classes=np.array(CLASSES))
    return tmp_path


def listed(tmp_path: Path, *rows: tuple[object, str, str]) -> Path:
    file = tmp_path / "fer2013.csv"
    file.write_text("emotion,pixels,Usage\n" + "".join(f"{a},{b},{c}\n" for a, b, c in rows))
    return file


def level(value: int) -> str:
    return " ".join([str(value)] * 2304)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    assert len(missing(tmp_path)) == 8
    with pytest.raises(NotFoundError, match=r"expected FER2013 in .*8 parts are missing: train_angry_\[0-9\]\*\.jpg"):
        read(tmp_path)
    (tmp_path / "fer2013.csv").touch()
    with pytest.raises(InputError, match="it is empty"):
        read(tmp_path)


def test_sheets_and_archive(root: Path) -> None:
    assert missing(root) == ()
    found = read(root)
    train, test = found["train"], found["public test"]
    assert np.bincount(train.labels).tolist() == list(COUNTS)
    pixels = train.images()
    assert pixels.shape == (sum(COUNTS), 48, 48)
    start = np.repeat(np.cumsum((0, *COUNTS[:-1])), COUNTS)
    expected = np.arange(sum(COUNTS)) - start + 20
    assert np.abs(pixels[:, 24, 24].astype(int) - expected).max() <= 2
    assert [len(block) for block in train.blocks()] == list(COUNTS)
    assert test.images()[:, 0, 0].tolist() == test.labels.tolist() == list(range(7))


def test_listing_opens_no_sheet(root: Path) -> None:
    (root / "train_sad_100.jpg").write_bytes(b"no picture")
    found = read(root)["train"]
    assert len(found) == sum(COUNTS)
    with pytest.raises(InputError, match="train_sad_100"):
        found.images()


def test_a_sheet_of_another_size_is_refused(root: Path) -> None:
    (root / "train_fear_51.jpg").rename(root / "train_fear_49.jpg")
    with pytest.raises(InputError, match="expected 2400x48 pixels for 49 tiles, got 2400x96"):
        read(root)["train"].images()
    (root / "train_fear_50.jpg").touch()
    with pytest.raises(InputError, match="expected one sheet of fear"):
        read(root)
    (root / "train_fear_50.jpg").rename(root / "train_bored_50.jpg")
    with pytest.raises(InputError, match="the class out of angry"):
        read(root)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": faces(2, 0), "y": np.array([0, 7]), "classes": np.array(CLASSES)}, "array y: expected whole numbers"),
        ({"x": faces(2, 0), "y": np.array([0.0, 1.0]), "classes": np.array(CLASSES)}, "array y"),
        ({"x": faces(2, 0), "y": np.array([0, 1]), "classes": np.array(CLASSES[::-1])}, "expected the classes angry"),
        ({"x": faces(2, 0), "y": np.array([0, 1])}, "classes missing of x, y"),
        ({"x": faces(2, 0)[:, :40], "y": np.array([0, 1]), "classes": np.array(CLASSES)}, "array x: expected uint8"),
        ({"x": faces(3, 0), "y": np.array([0, 1]), "classes": np.array(CLASSES)}, "expected 2 faces .* found 3"),
    ],
)
def test_archives_that_are_none_are_refused(root: Path, arrays: dict[str, NDArray[np.generic]], message: str) -> None:
    np.savez(root / "public_test.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=message):
        read(root)["public test"].images()


def test_the_original_table(tmp_path: Path) -> None:
    file = listed(
        tmp_path,
        (3, level(9), "Training"),
        (0, level(8), "PrivateTest"),
        (6, level(7), "Training"),
        (1, level(6), "PublicTest"),
    )
    found = read(tmp_path)
    assert {split: part.labels.tolist() for split, part in found.items()} == {
        "train": [3, 6],
        "public test": [1],
        "private test": [0],
    }
    assert found["train"].images()[:, 0, 0].tolist() == [9, 7]
    assert read_csv(file)["private test"].images().shape == (1, 48, 48)
    assert missing(tmp_path) == ()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ((7, level(1), "Training"), "row 3, column emotion: expected a whole number from 0 to 6, got '7'"),
        ((1, level(1), "Test"), "row 3, column Usage: expected Training or PublicTest or PrivateTest"),
        ((1, "1 2 3", "Training"), "row 3, column pixels: expected 2304 whole numbers from 0 to 255, got '3 of 1 2 3'"),
        ((1, level(256), "Training"), "row 3, column pixels"),
        ((1, level(1)[:-1] + "x", "Training"), "row 3, column pixels"),
        ((1, "", "Training"), "row 3, column pixels: .* got '0 of '"),
    ],
)
def test_rows_that_are_none_are_refused(tmp_path: Path, row: tuple[object, str, str], message: str) -> None:
    file = listed(tmp_path, (0, level(1), "Training"), row)
    with pytest.raises(InputError, match=message):
        read_csv(file)["train"].images()


def test_another_header_is_refused(tmp_path: Path) -> None:
    (tmp_path / "fer2013.csv").write_text("label,pixels\n")
    with pytest.raises(InputError, match="row 1: expected a header with emotion, pixels, Usage"):
        read(tmp_path)
    with pytest.raises(InputError, match="below the header"):
        read_csv(listed(tmp_path))


@pytest.mark.data
def test_the_development_set(data: Path) -> None:
    found = read(data / "fer2013")
    assert np.bincount(found["train"].labels).tolist() == [3995, 436, 4097, 7215, 4830, 3171, 4965]
    assert len(found["train"]) == 28_709
    assert np.bincount(found["public test"].labels).tolist() == [467, 56, 496, 895, 653, 415, 607]
    blocks = found["train"].blocks()
    first = next(blocks)
    assert first.shape == (3995, 48, 48)
    assert (first.std(axis=(1, 2)) == 0).sum() == 7  # blank faces of the set itself; padding would be more
    assert first[-1].std() > 70
    assert found["public test"].images().shape == (3589, 48, 48)
