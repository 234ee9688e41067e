from __future__ import annotations

import importlib
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest

from vultus.datasets import fer2013, fer2013_split, twins
from vultus.errors import InputError, NotFoundError

RECIPES = Path(__file__).parents[2] / "recipes"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """FER2013 in small: of each class one face is in the test too, one comes twice, and one angry face is blank."""
    rng, place = np.random.default_rng(3), tmp_path_factory.mktemp("fer2013")
    asked = []
    for name in fer2013.CLASSES:
        seen = rng.integers(0, 255, (50, 12, 12)).repeat(4, axis=1).repeat(4, axis=2).astype(np.uint8)
        seen[7] = seen[6]
        if name == "angry":
            seen[9] = 80
        PIL.Image.fromarray(np.hstack(list(seen))).save(place / f"train_{name}_50.jpg", quality=97)
        asked += [seen[0], 255 - seen[1]]
    labels = np.repeat(np.arange(7), 2).astype(np.uint8)
    np.savez(place / "public_test.npz", x=np.stack(asked), y=labels, classes=np.array(fer2013.CLASSES))
    return place


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        fer2013_split.validation(tmp_path)


def test_a_tenth_of_each_class_without_twins_of_the_test(root: Path) -> None:
    found = fer2013_split.validation(root)
    assert found.faces.shape == (len(found.labels), 48, 48)
    counts = np.bincount(found.labels, minlength=7)
    assert counts.min() >= 3
    assert counts.max() <= 5
    asked = fer2013.read(root)["public test"].images()
    assert not len(twins.across(asked, found.faces))
    assert not twins.blank(found.faces).any()


def test_twins_inside_train_stay_together(root: Path) -> None:
    held = fer2013.read(root)
    faces, labels = held["train"].images(), held["train"].labels
    validates, blank, between = fer2013_split.parted(faces, labels, held["public test"].images(), share=0.4)
    pairs = twins.within(faces)
    assert len(pairs) == 7
    assert (validates[pairs[:, 0]] == validates[pairs[:, 1]]).all()
    assert validates[pairs[:, 0]].any()
    assert np.flatnonzero(blank).tolist() == [9]
    assert between.tolist() == [[2 * label, 50 * label] for label in range(7)]
    with pytest.raises(InputError, match="between 0 and 1"):
        fer2013_split.parted(faces, labels, faces[:0], share=0.0)


def test_a_hash_finds_another_crop_of_a_test_face_too() -> None:
    """A face moved by a pixel: r is 0.99, the low frequencies are nearly the same."""
    rng = np.random.default_rng(5)
    faces = np.stack([cv2.resize(rng.integers(0, 255, (7, 7), dtype=np.uint8), (48, 48)) for _ in range(20)])
    asked = np.roll(faces[4:5], 1, axis=2)
    labels = np.zeros(20, np.int64)
    assert not len(fer2013_split.parted(faces, labels, asked, distance=None)[2])
    assert fer2013_split.parted(faces, labels, asked, distance=8)[2].tolist() == [[0, 4]]
    both = fer2013_split.parted(faces, labels, np.concatenate([asked, faces[4:5]]), distance=8)[2]
    assert both.tolist() == [[0, 4], [1, 4]]


def test_it_is_the_recipe_s_split(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    monkeypatch.syspath_prepend(str(RECIPES))
    part = importlib.import_module("expression_data").load("fer2013", root).validation
    found = fer2013_split.validation(root, distance=fer2013_split.NEAR)
    assert np.array_equal(part.labels, found.labels)
    assert np.array_equal(part.read(np.arange(len(part)), 48)[..., 0], found.faces)
