r"""CASIA NIR-VIS 2.0: 725 people in near infra-red and in visible light, four sessions.

Expected folder (NIR-VIS-2.0): s1/NIR/00001/*, s1/VIS/00001/* to s4; protocols/ with
vis_gallery_1.txt, nir_probe_1.txt, vis_train_1.txt, nir_train_1.txt to 10 (View 2), and the
same four with `dev` (View 1); a line a picture, `s1\NIR\00001\001.jpg`, with either slash.
Where the lists and the pictures differ in their endings (jpg, bmp), the picture of that
name is taken. Pictures that have been cropped may lie in other folders: `missing` tells.
Source: S. Li et al., The CASIA NIR-VIS 2.0 face database, CVPR workshops 2013.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from vultus.datasets import layout
from vultus.datasets.layout import LabelledPicture, Missing, Part, Row
from vultus.errors import InputError
from vultus.images import IMAGE_SUFFIXES

__all__ = ["FOLDS", "CrossSpectral", "missing", "read"]

FOLDS: tuple[int | Literal["dev"], ...] = ("dev", *range(1, 11))
LISTS = {"gallery": ("vis",), "probe": ("nir",), "train": ("vis", "nir")}
ADVICE = "unpack NIR-VIS-2.0 with its protocols"


@dataclass(frozen=True, slots=True)
class CrossSpectral:
    """One fold: pictures to train with, visible ones to enrol, infra-red ones to search with."""

    fold: int | Literal["dev"]
    gallery: tuple[LabelledPicture, ...]  # VIS
    probes: tuple[LabelledPicture, ...]  # NIR
    train: tuple[LabelledPicture, ...]  # both; of other people


def missing(root: Path, folds: tuple[int | Literal["dev"], ...] = FOLDS) -> tuple[Missing, ...]:
    """What the folder lacks for these folds: lists first, then the pictures that they name."""
    names = [f"protocols/{light}_{use}_{fold}.txt" for fold in folds for use in LISTS for light in LISTS[use]]
    parts = [*(Part(name, ADVICE) for name in names), Part("s[1-4]/NIR*/*/*", ADVICE), Part("s[1-4]/VIS*/*/*", ADVICE)]
    if lacks := layout.missing(root, parts):
        return lacks
    found: dict[tuple[str, ...], Path] = {}
    return tuple(
        lack for name in names for lack in layout.listed((p.source for p in _list(root, name, found)), root, name)
    )


def read(root: Path, fold: int | Literal["dev"] = 1) -> CrossSpectral:
    """Read one fold; the subject is the name of the person's folder, the split the list's use.

    Refused: a folder that lacks something for it (NotFoundError), another fold, a line that
    cannot be read, a picture of the other light, people in training and in testing (InputError).
    """
    if fold not in FOLDS:
        raise InputError(f"expected the fold dev or 1 to 10, got {fold!r}")
    layout.require("CASIA NIR-VIS 2.0", root, missing(root, (fold,)))
    found: dict[tuple[str, ...], Path] = {}
    listed = partial(_list, root, found=found)
    parts = {
        use: tuple(picture for light in LISTS[use] for picture in listed(f"protocols/{light}_{use}_{fold}.txt"))
        for use in LISTS
    }
    tested = {picture.subject for use in ("gallery", "probe") for picture in parts[use]}
    if both := sorted(tested & {picture.subject for picture in parts["train"]}, key=str):
        raise InputError(
            f"{root}: expected other people in training than in testing, fold {fold} has {len(both)} in both, "
            f"first {both[0]}"
        )
    return CrossSpectral(fold, parts["gallery"], parts["probe"], parts["train"])


def _list(root: Path, name: str, found: dict[tuple[str, ...], Path]) -> list[LabelledPicture]:
    file, (light, use, _) = root / name, Path(name).stem.split("_")
    pictures = []
    for number, line in layout.lines(file):
        row = Row(file, number, {"picture": line.strip()})
        parts = tuple(line.strip().replace("\\", "/").split("/"))
        if len(parts) != 4 or not all(parts) or ".." in parts:
            raise row.refuse("picture", "session, light, person and picture, parted by slashes")
        if not parts[1].lower().startswith(light):
            raise row.refuse("picture", f"one of {light.upper()}, as the list is of these")
        if parts not in found:
            found[parts] = _on_disk(root.joinpath(*parts))
        pictures.append(LabelledPicture(found[parts], parts[2], None, use, light.upper()))
    if not pictures:
        raise InputError(f"{file}: expected a picture a line, it is empty")
    return pictures


def _on_disk(path: Path) -> Path:
    """The picture of that name, with whatever ending; the listed path where there is none."""
    if path.is_file():
        return path
    others = (path.with_suffix(suffix) for suffix in sorted(IMAGE_SUFFIXES))
    return next((other for other in others if other.is_file()), path)
