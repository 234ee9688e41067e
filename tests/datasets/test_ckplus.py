from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

from vultus.datasets.ckplus import CLASSES, missing, pictures, read
from vultus.errors import InputError, NotFoundError

GOOD: dict[str, NDArray[np.generic]] = {
    "x": np.zeros((3, 48, 48), np.uint8),
    "y": np.array([0, 6, 1]),
    "subject": np.array(["S010", "S010", "S011"]),
    "classes": np.array(CLASSES),
}


@pytest.fixture(
    params=[
        ("cohn-kanade-images", "Emotion"),
        ("extended-cohn-kanade-images/cohn-kanade-images", "Emotion_labels/Emotion"),
    ]
)
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Two people, three sequences, two of them labelled."""
    images, labels = (tmp_path / name for name in request.param)
    for sequence, frames, code in (
        ("S005/001", 5, "   3.0000000e+00\n"),
        ("S005/002", 4, None),
        ("S010/001", 4, "7.0"),
    ):
        name = sequence.replace("/", "_")
        (images / sequence).mkdir(parents=True)
        for number in range(1, frames + 1):
            PIL.Image.new("L", (8, 8), 99).save(images / sequence / f"{name}_{number:08}.png")
        (labels / sequence).mkdir(parents=True)
        if code is not None:
            (labels / sequence / f"{name}_{frames:08}_emotion.txt").write_text(code)
    return tmp_path


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    assert [lack.expected.split("/")[0] for lack in missing(tmp_path)] == ["cohn-kanade-images", "Emotion"]
    with pytest.raises(NotFoundError, match="2 parts are missing"):
        pictures(tmp_path)
    with pytest.raises(NotFoundError, match="no such file"):
        read(tmp_path)


def test_the_last_frames_are_the_peak(root: Path) -> None:
    assert missing(root) == ()
    found = pictures(root)
    assert [(p.subject, p.label, p.source.stem[-2:]) for p in found] == [
        ("S005", "disgust", "03"),
        ("S005", "disgust", "04"),
        ("S005", "disgust", "05"),
        ("S010", "surprise", "02"),
        ("S010", "surprise", "03"),
        ("S010", "surprise", "04"),
    ]
    found = pictures(root, peak=1, neutral=True)
    assert [(p.label, p.source.stem[-2:]) for p in found] == [
        ("neutral", "01"),
        ("disgust", "05"),
        ("neutral", "01"),
        ("surprise", "04"),
    ]
    with pytest.raises(InputError, match="at least one frame"):
        pictures(root, peak=0)
    with pytest.raises(NotFoundError, match=r"S010/001/\*\.png: expected at least 5, found 4"):
        pictures(root, peak=5)


@pytest.mark.parametrize("text", ["8", "1.5", "-1", "glad", "1 2", "1\n2\n", ""])
def test_labels_that_are_none_are_refused(root: Path, text: str) -> None:
    file = next(root.rglob("S010_*_emotion.txt"))
    file.write_text(text)
    with pytest.raises(InputError, match=r"S010_001_00000004_emotion\.txt"):
        pictures(root)


def test_the_archive(tmp_path: Path) -> None:
    np.savez(tmp_path / "ckplus48.npz", **GOOD)  # type: ignore[arg-type]
    assert missing(tmp_path) == ()
    found = read(tmp_path)
    assert (found.labels.tolist(), found.subjects) == ([0, 6, 1], ("S010", "S010", "S011"))
    assert found.images().shape == (3, 48, 48)
    assert read(tmp_path / "ckplus48.npz").classes == CLASSES


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("y", np.array([0, 7, 1]), "array y: expected whole numbers"),
        ("y", np.array([[0], [6], [1]]), "array y"),
        ("subject", np.array(["S010"]), "array subject: expected 3 names"),
        ("subject", np.arange(3), "array subject: expected 3 names"),
        ("classes", np.array(CLASSES[1:]), "expected the classes anger"),
        ("x", np.zeros((3, 48, 48)), "array x: expected uint8"),
        ("x", np.zeros((2, 48, 48), np.uint8), "expected 3 faces by its labels, found 2"),
    ],
)
def test_archives_that_are_none_are_refused(
    tmp_path: Path, name: str, array: NDArray[np.generic], message: str
) -> None:
    np.savez(tmp_path / "ckplus48.npz", **(GOOD | {name: array}))  # type: ignore[arg-type]
    with pytest.raises(InputError, match=message):
        read(tmp_path).images()


@pytest.mark.data
def test_the_development_set(data: Path) -> None:
    """981 pictures are the last three frames of 327 labelled sequences of 118 people."""
    found = read(data / "ckplus48.npz")
    assert np.bincount(found.labels).tolist() == [135, 54, 177, 75, 207, 84, 249]
    assert len(found) == 981
    assert found.subjects is not None
    assert len(set(found.subjects)) == 118
    assert found.images().shape == (981, 48, 48)
