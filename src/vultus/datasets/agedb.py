"""AgeDB: pictures of one person over the years, and the AgeDB-30 pairs thirty years apart.

Expected folder: n_Name_age_gender.jpg, all in one folder or in AgeDB/ inside it; n counts
the pictures, gender is f or m; the Name may hold underscores and apostrophes.
The pairs of AgeDB-30 are published apart, and as a pickle, which is not read here. The
common text form (unverified: it is a copy of others, not of the authors) has a line a pair
`first second same`, paths relative to a folder of aligned pictures, ten equal folds in order.
Source: S. Moschoglou et al., AgeDB: the first manually collected, in-the-wild age database,
CVPR workshops 2017.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from vultus.datasets import layout
from vultus.datasets.layout import LabelledPicture, Missing, Part
from vultus.datasets.lfw import Pair
from vultus.datasets.pairs import people_of
from vultus.errors import InputError

__all__ = ["AgedPicture", "missing", "pairs", "pictures"]

NAME = re.compile(r"(\d+)_(.+)_(\d{1,3})_([fmFM])\.jpe?g", re.IGNORECASE)
FOLDS = 10
PARTS = (Part("[0-9]*_*_*_[fm].jpg or AgeDB/[0-9]*_*_*_[fm].jpg", "unpack AgeDB.zip; names are n_Name_age_gender.jpg"),)


@dataclass(frozen=True, slots=True)
class AgedPicture(LabelledPicture):
    """A picture with the age that the person has in it."""

    number: int
    age: int  # years
    gender: str  # "f" or "m", as the file says


def missing(root: Path) -> tuple[Missing, ...]:
    """What the folder lacks."""
    return layout.missing(root, PARTS)


def pictures(root: Path) -> tuple[AgedPicture, ...]:
    """All pictures in the order of their numbers; the label is the age in digits.

    Refused: a folder without them (NotFoundError), a .jpg with another name (InputError).
    """
    layout.require("AgeDB", root, missing(root))
    folder = root / "AgeDB" if (root / "AgeDB").is_dir() else root
    found = []
    for path in folder.iterdir():
        if path.suffix.lower() not in (".jpg", ".jpeg") or path.name.startswith("."):
            continue
        if not (match := NAME.fullmatch(path.name)):
            raise InputError(f"{path}: expected a name like 12_Ada_Lovelace_35_f.jpg; rename or remove it")
        number, name, age, gender = match.groups()
        found.append(AgedPicture(path, name, str(int(age)), None, "VIS", int(number), int(age), gender.lower()))
    return tuple(sorted(found, key=lambda picture: (picture.number, picture.source.name)))


def pairs(file: Path, images: Path, *, folds: int = FOLDS) -> tuple[Pair, ...]:
    """The pairs of a text list, in equal folds.

    People come from names as above; where any picture is not so named, who is joined by
    `same` is one person. Refused: no such file, pictures that are not in the folder
    (NotFoundError), a row that cannot be read, `same` against the people, a count that does not divide (InputError).
    """
    listed = []
    for row in layout.rows(file, ("first", "second", "same"), header=False, delimiter=None):
        sides = layout.inside(images, row, "first"), layout.inside(images, row, "second")
        listed.append((row, sides, bool(row.whole("same", 0, 1))))
    if folds < 1 or len(listed) % folds:
        raise InputError(f"{file}: expected pairs in {folds} equal folds, got {len(listed)}")
    layout.require(
        "AgeDB-30", images, layout.listed((path for _, sides, _ in listed for path in sides), images, file.name)
    )
    matches = {path: NAME.fullmatch(path.name) for _, sides, _ in listed for path in sides}
    names = {path: match.group(2) for path, match in matches.items() if match}
    if len(names) < len(matches):
        joined = people_of((row.text("first"), row.text("second")) for row, _, same in listed if same)
        names = {path: joined.get(key := path.relative_to(images).as_posix(), key) for path in matches}
    found = []
    for place, (row, (one, two), same) in enumerate(listed):
        people = (names[one], names[two])
        if same != (people[0] == people[1]):
            raise row.refuse("same", f"{int(not same)}, as the names or the other rows have it")
        found.append(Pair(one, two, people, same, place * folds // len(listed)))
    return tuple(found)
