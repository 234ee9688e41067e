"""NUAA photograph imposters: people before a webcam, and their printed photographs.

Expected folder: live/ and print/ with 0001_00_00_01_130.jpg, the fields of a name being
subject, glasses, place, sitting and frame; or the original raw/ClientRaw/0001/*.jpg and
raw/ImposterRaw/0001/*.jpg with client_train_raw.txt, client_test_raw.txt,
imposter_train_raw.txt and imposter_test_raw.txt beside them, a line a picture whose last
two parts are its folder and name, with either slash. The sets of training and of testing
share people; split by subject for figures of new people.
Source: X. Tan et al., Face liveness detection from a single image with sparse low rank
bilinear discriminative model, ECCV 2010.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vultus.datasets import layout
from vultus.datasets.layout import BONA_FIDE, LabelledPicture, Missing, Part, Row
from vultus.errors import InputError

__all__ = ["PRINT", "Frame", "missing", "read"]

PRINT = "print"
NAME = re.compile(r"(\d{4})_(\d+)_(\d+)_(\d+)_(\d+)\.(?:jpg|jpeg|png|bmp)", re.IGNORECASE)
FOLDERS = {BONA_FIDE: "live", PRINT: "print"}
RAW = {BONA_FIDE: ("ClientRaw", "client"), PRINT: ("ImposterRaw", "imposter")}
PARTS = tuple(
    Part(f"{folder}/[0-9]*_*_*_*_*.jpg", f"lay the frames of {label} here: subject_glasses_place_sitting_frame.jpg")
    for label, folder in FOLDERS.items()
)


@dataclass(frozen=True, slots=True)
class Frame(LabelledPicture):
    """A frame of the webcam; what the codes of glasses and place mean is not published with them."""

    glasses: str
    place: str
    sitting: str  # 01 and 02 are for training, 03 for testing
    frame: int


def missing(root: Path) -> tuple[Missing, ...]:
    """What the folder lacks, in the layout that it seems to have."""
    raw = _raw(root)
    if raw is None:
        return layout.missing(root, PARTS)
    advice = "unpack raw.rar of NUAA whole"
    parts = [Part(f"{folder}/*/*.jpg", advice) for folder, _ in RAW.values()]
    parts += [Part(f"{who}_{split}_raw.txt", advice) for _, who in RAW.values() for split in ("train", "test")]
    if lacks := layout.missing(raw, parts):
        return lacks
    return tuple(
        lack
        for label, (_, who) in RAW.items()
        for split in ("train", "test")
        for lack in layout.listed((f.source for f in _listed(raw, label, split)), raw, f"{who}_{split}_raw.txt")
    )


def read(root: Path) -> tuple[Frame, ...]:
    """All frames; the label is "bona fide" or "print", the split None where there are no lists.

    Refused: a folder that lacks something (NotFoundError), a name of another form (InputError).
    """
    layout.require("NUAA", root, missing(root))
    if raw := _raw(root):
        return tuple(frame for label in RAW for split in ("train", "test") for frame in _listed(raw, label, split))
    return tuple(
        _frame(path, label, None)
        for label, folder in FOLDERS.items()
        for path in sorted((root / folder).iterdir())
        if not path.name.startswith(".")
    )


def _raw(root: Path) -> Path | None:
    here = (folder for folder in (root, root / "raw") for name, _ in RAW.values() if (folder / name).is_dir())
    return next(here, None)


def _listed(raw: Path, label: str, split: str) -> Iterator[Frame]:
    folder, who = RAW[label]
    file = raw / f"{who}_{split}_raw.txt"
    for number, line in layout.lines(file):
        parts = line.strip().replace("\\", "/").split("/")
        if len(parts) < 2 or ".." in parts or not NAME.fullmatch(parts[-1]) or parts[-2] != parts[-1][:4]:
            expected = "0001/0001_00_00_01_130.jpg, or the like of another person"
            raise Row(file, number, {"picture": line}).refuse("picture", expected)
        yield _frame(raw / folder / parts[-2] / parts[-1], label, split)


def _frame(path: Path, label: str, split: str | None) -> Frame:
    if not (match := NAME.fullmatch(path.name)):
        raise InputError(f"{path}: expected a name of subject_glasses_place_sitting_frame.jpg; rename or remove it")
    subject, glasses, place, sitting, frame = match.groups()
    return Frame(path, subject, label, split, "VIS", glasses, place, sitting, int(frame))
