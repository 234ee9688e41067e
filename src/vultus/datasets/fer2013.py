"""FER2013: 35,887 grey faces of 48x48 pixels in seven classes, in three parts.

Expected: the original fer2013.csv with the header `emotion,pixels,Usage`, emotion 0 to 6,
2,304 grey levels parted by blanks, Usage Training, PublicTest or PrivateTest. Or a folder of
train_<class>_<count>.jpg, a sheet of 48x48 tiles, 50 a row, row by row, and
public_test.npz with x (n, 48, 48) uint8, y (n,) and classes. A few faces are blank (11 in
training, 1 in the public test), and some come twice; they are kept, as figures of others have them.
Source: I. Goodfellow et al., Challenges in representation learning, ICONIP 2013.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vultus import images
from vultus.datasets import layout
from vultus.datasets.layout import LabelledFaces, Missing, Part, Row
from vultus.errors import InputError

__all__ = ["CLASSES", "missing", "read", "read_csv"]

CLASSES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
SPLITS = {"Training": "train", "PublicTest": "public test", "PrivateTest": "private test"}
SIDE, ACROSS = 48, 50  # pixels, tiles a row
BLOCK = 4096  # faces that are read at a time from the table
SHEET = re.compile(r"train_([a-z]+)_(\d+)\.jpg")
PARTS = (
    *(Part(f"train_{name}_[0-9]*.jpg", f"lay the sheet of {name} tiles here") for name in CLASSES),
    Part("public_test.npz", "lay the archive of the public test here"),
)


def missing(root: Path) -> tuple[Missing, ...]:
    """What a folder lacks: nothing where it holds fer2013.csv, else sheets and the archive."""
    return () if (root / "fer2013.csv").is_file() else layout.missing(root, PARTS)


def read(root: Path) -> dict[str, LabelledFaces]:
    """The parts of the set by split: "train", "public test" and, from the table, "private test".

    Sheets are opened when their faces are asked for, a class a block. Refused: a folder that
    lacks something (NotFoundError), an archive or a table that cannot be read, two sheets of a
    class (InputError); a sheet of another size, when it is opened (InputError).
    """
    if (root / "fer2013.csv").is_file():
        return read_csv(root / "fer2013.csv")
    layout.require("FER2013", root, missing(root))
    sheets: dict[str, tuple[Path, int]] = {}
    for path in sorted(root.glob("train_*.jpg")):
        if not (match := SHEET.fullmatch(path.name)) or match[1] not in CLASSES:
            raise InputError(f"{path}: expected train_<class>_<count>.jpg, the class out of {', '.join(CLASSES)}")
        if match[1] in sheets:
            raise InputError(f"{path}: expected one sheet of {match[1]}, {sheets[match[1]][0].name} is one already")
        sheets[match[1]] = (path, int(match[2]))
    ordered = [sheets[name] for name in CLASSES]
    labels = np.repeat(np.arange(len(CLASSES), dtype=np.int64), [count for _, count in ordered])
    return {
        "train": LabelledFaces(root, "train", CLASSES, labels, None, partial(_sheets, ordered)),
        "public test": _archive(root / "public_test.npz"),
    }


def read_csv(file: Path) -> dict[str, LabelledFaces]:
    """The parts of the original table by split; pixels are read again when they are asked for.

    Refused: no such file (NotFoundError), another header, a row that cannot be read (InputError,
    that of its pixels when they are asked for).
    """
    labels: dict[str, list[int]] = {}
    for row in layout.rows(file, ("emotion", "pixels", "Usage")):
        if row.text("Usage") not in SPLITS:
            raise row.refuse("Usage", " or ".join(SPLITS))
        labels.setdefault(row.values["Usage"], []).append(row.whole("emotion", 0, len(CLASSES) - 1))
    if not labels:
        raise InputError(f"{file}: expected rows below the header, there are none")
    return {
        split: LabelledFaces(file, split, CLASSES, np.array(labels[usage]), None, partial(_rows, file, usage))
        for usage, split in SPLITS.items()
        if usage in labels
    }


def _archive(file: Path) -> LabelledFaces:
    labels, classes = layout.arrays(file, ("y", "classes"))
    if tuple(classes.tolist()) != CLASSES:
        raise InputError(f"{file}: expected the classes {', '.join(CLASSES)}, got {classes.tolist()}")
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or (labels.size and not 0 <= labels.min() <= labels.max() < 7):
        raise InputError(f"{file}, array y: expected whole numbers (n,) from 0 to 6, got {labels.dtype} {labels.shape}")
    return LabelledFaces(file, "public test", CLASSES, labels.astype(np.int64), None, partial(_pixels, file))


def _pixels(file: Path) -> Iterator[NDArray[np.uint8]]:
    (found,) = layout.arrays(file, ("x",))
    if found.dtype != np.uint8 or found.shape[1:] != (SIDE, SIDE):
        raise InputError(f"{file}, array x: expected uint8 (n, 48, 48), got {found.dtype} {found.shape}")
    yield found


def _sheets(sheets: list[tuple[Path, int]]) -> Iterator[NDArray[np.uint8]]:
    for path, count in sheets:
        sheet = images.read(path)[:, :, 0]
        down = -(-count // ACROSS)
        if sheet.shape != (down * SIDE, ACROSS * SIDE):
            raise InputError(
                f"{path}: expected {ACROSS * SIDE}x{down * SIDE} pixels for {count} tiles, "
                f"got {sheet.shape[1]}x{sheet.shape[0]}"
            )
        tiles = sheet.reshape(down, SIDE, ACROSS, SIDE).swapaxes(1, 2).reshape(-1, SIDE, SIDE)
        yield np.ascontiguousarray(tiles[:count])


def _rows(file: Path, usage: str) -> Iterator[NDArray[np.uint8]]:
    block: list[NDArray[np.uint8]] = []
    for row in layout.rows(file, ("emotion", "pixels", "Usage")):
        if row.values["Usage"] != usage:
            continue
        words = row.values["pixels"].split()
        try:
            levels = np.array(words, dtype=np.int64)
        except (ValueError, OverflowError):
            levels = np.array([-1])
        if levels.size != SIDE * SIDE or levels.min() < 0 or levels.max() > 255:
            told = Row(row.file, row.line, {"pixels": f"{len(words)} of {' '.join(words)[:40]}"})
            raise told.refuse("pixels", f"{SIDE * SIDE} whole numbers from 0 to 255")
        block.append(levels.astype(np.uint8).reshape(SIDE, SIDE))
        if len(block) == BLOCK:
            yield np.stack(block)
            block = []
    if block:
        yield np.stack(block)
