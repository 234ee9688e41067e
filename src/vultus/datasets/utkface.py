"""UTKFace: crops of single faces, labelled by age, sex and group in the file's name.

Expected folder: age_gender_group_date.jpg (or .jpg.chip.jpg), in one folder or in sub-folders;
age in years, gender 0 male or 1 female, group 0 to 4 as the set defines. A picture a person:
who is who is not labelled, and a few people are there twice. The labels are those of the set,
by an algorithm and a glance, and not what people say of themselves. Source: Zhang, Song and Qi,
CVPR 2017; non-commercial research.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vultus.errors import InputError, NotFoundError

__all__ = ["GROUPS", "SEXES", "Labelled", "Listing", "labels_of", "read"]

SEXES = ("male", "female")
GROUPS = ("white", "black", "Asian", "Indian", "other")
OLDEST = 116

_SUFFIXES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True, slots=True)
class Labelled:
    """A picture with the labels in its name."""

    path: Path
    age: int  # years
    sex: str  # of SEXES
    group: str  # of GROUPS


@dataclass(frozen=True, slots=True)
class Listing:
    """The pictures of the folder by name, and those whose name lacks a label (the set has a few)."""

    pictures: tuple[Labelled, ...]
    unlabelled: tuple[Path, ...]


def read(folder: Path) -> Listing:
    """List the pictures of a folder and of its sub-folders, by name.

    Refused: no such folder (NotFoundError), no picture in it that is named as the set names them
    (InputError).
    """
    if not folder.is_dir():
        raise NotFoundError(f"expected a folder of UTKFace pictures, {folder} is none")
    pictures, unlabelled = [], []
    for path in sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES):
        try:
            pictures.append(labels_of(path))
        except InputError:
            unlabelled.append(path)
    if not pictures:
        found = f"{len(unlabelled)} others, first {unlabelled[0].name}" if unlabelled else "no picture at all"
        raise InputError(f"expected pictures named age_gender_group_date.jpg in {folder}, found {found}")
    return Listing(tuple(pictures), tuple(unlabelled))


def labels_of(path: Path) -> Labelled:
    """Read the labels in a file's name. Refused (InputError): a name without all three.

    >>> found = labels_of(Path("26_1_2_20170116174525125.jpg.chip.jpg"))
    >>> found.age, found.sex, found.group
    (26, 'female', 'Asian')
    """
    words = path.name.split("_")
    if len(words) != 4 or not all(word.isdecimal() for word in words[:3]):
        raise InputError(f"expected a name like age_gender_group_date.jpg, got {path.name}")
    age, sex, group = map(int, words[:3])
    if age > OLDEST or sex >= len(SEXES) or group >= len(GROUPS):
        raise InputError(f"expected age 0 to {OLDEST}, gender 0 or 1, group 0 to 4, got {path.name}")
    return Labelled(path, age, SEXES[sex], GROUPS[group])
