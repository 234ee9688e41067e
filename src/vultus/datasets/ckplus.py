"""CK+, the extended Cohn-Kanade set: sequences from neutral to the peak of an expression.

Expected: the original folder with cohn-kanade-images/S005/001/S005_001_00000001.png (or
extended-cohn-kanade-images/cohn-kanade-images/...) and Emotion/S005/001/*_emotion.txt (or
Emotion_labels/Emotion/...), one number a file: 0 neutral, 1 anger, 2 contempt, 3 disgust,
4 fear, 5 happy, 6 sadness, 7 surprise; 327 of 593 sequences have one. Or an archive
ckplus48.npz of the last three frames: x (n, 48, 48) uint8, y (n,), subject (n,), classes.
Source: P. Lucey et al., The extended Cohn-Kanade dataset (CK+), CVPR workshops 2010.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vultus.datasets import layout
from vultus.datasets.layout import LabelledFaces, LabelledPicture, Missing, Part
from vultus.errors import InputError

__all__ = ["CLASSES", "missing", "pictures", "read"]

CLASSES = ("anger", "contempt", "disgust", "fear", "happy", "sadness", "surprise")  # of the archive
CODES = ("neutral", *CLASSES)  # of the original labels
IMAGES = ("cohn-kanade-images", "extended-cohn-kanade-images/cohn-kanade-images")
LABELS = ("Emotion", "Emotion_labels/Emotion")
PARTS = (
    Part(" or ".join(f"{folder}/S*/*/S*.png" for folder in IMAGES), "unpack extended-cohn-kanade-images.zip"),
    Part(" or ".join(f"{folder}/S*/*/*_emotion.txt" for folder in LABELS), "unpack Emotion_labels.zip"),
)


def missing(root: Path) -> tuple[Missing, ...]:
    """What a folder lacks: nothing where it holds ckplus48.npz, else pictures and labels."""
    return () if (root / "ckplus48.npz").is_file() else layout.missing(root, PARTS)


def pictures(root: Path, *, peak: int = 3, neutral: bool = False) -> tuple[LabelledPicture, ...]:
    """The last `peak` frames of each labelled sequence, and its first frame as neutral if asked.

    Refused: a folder that lacks something, a label without its sequence (NotFoundError), a
    label that cannot be read, a sequence too short for `peak` and neutral (InputError).
    """
    if peak < 1:
        raise InputError(f"expected at least one frame a sequence, got peak={peak}")
    layout.require("CK+", root, layout.missing(root, PARTS))
    images, labels = (next(root / f for f in folders if (root / f).is_dir()) for folders in (IMAGES, LABELS))
    found = []
    for file in sorted(labels.glob("S*/*/*_emotion.txt")):
        code = _code(file)
        folder = images / file.parent.relative_to(labels)
        frames = sorted(path for path in folder.glob("*.png") if not path.name.startswith("."))
        need = peak + neutral
        if len(frames) < need:
            lack = Missing(
                f"{folder.relative_to(root).as_posix()}/*.png", len(frames), need, "unpack the sequence again"
            )
            layout.require("the sequence of each label", root, (lack,))
        subject = file.parent.parent.name
        if neutral:
            found.append(LabelledPicture(frames[0], subject, "neutral", None, "VIS"))
        found += [LabelledPicture(path, subject, CODES[code], None, "VIS") for path in frames[-peak:]]
    return tuple(found)


def read(file: Path) -> LabelledFaces:
    """The faces of the archive; a folder is the one that holds ckplus48.npz.

    Refused: no such file (NotFoundError), arrays that are not as expected (InputError).
    """
    path = file / "ckplus48.npz" if file.is_dir() else file
    labels, subjects, classes = layout.arrays(path, ("y", "subject", "classes"))
    if tuple(classes.tolist()) != CLASSES:
        raise InputError(f"{path}: expected the classes {', '.join(CLASSES)}, got {classes.tolist()}")
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or (labels.size and not 0 <= labels.min() <= labels.max() < 7):
        raise InputError(f"{path}, array y: expected whole numbers (n,) from 0 to 6, got {labels.dtype} {labels.shape}")
    if subjects.shape != labels.shape or subjects.dtype.kind != "U":
        raise InputError(f"{path}, array subject: expected {len(labels)} names, got {subjects.dtype} {subjects.shape}")
    people = tuple(subjects.tolist())
    return LabelledFaces(path, "all", CLASSES, labels.astype(np.int64), people, partial(_pixels, path))


def _code(file: Path) -> int:
    found = list(layout.rows(file, ("emotion",), header=False, delimiter=None))
    value = found[0].real("emotion")
    if len(found) != 1 or not value.is_integer() or not 0 <= value < len(CODES):
        raise found[-1].refuse("emotion", f"one whole number from 0 to {len(CODES) - 1}")
    return int(value)


def _pixels(file: Path) -> Iterator[NDArray[np.uint8]]:
    (found,) = layout.arrays(file, ("x",))
    if found.dtype != np.uint8 or found.ndim != 3:
        raise InputError(f"{file}, array x: expected uint8 (n, H, W), got {found.dtype} {found.shape}")
    yield found
