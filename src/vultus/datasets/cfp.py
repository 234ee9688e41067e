"""Celebrities in Frontal-Profile: ten frontal and four profile pictures of 500 people.

Expected folder (cfp-dataset): Data/Images/001/frontal/01.jpg ... 10.jpg,
Data/Images/001/profile/01.jpg ... 04.jpg; Protocol/Pair_list_F.txt and Pair_list_P.txt, a
line a picture `number path`, the path relative to Protocol/; Protocol/Split/FF/01/same.txt
and diff.txt to FF/10 (frontal against frontal) and FP/01 to FP/10 (frontal against profile),
a line a pair `number,number`, 350 of each kind a fold.
Source: S. Sengupta et al., Frontal to profile face verification in the wild, WACV 2016.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Literal

from vultus.datasets import layout
from vultus.datasets.layout import LabelledPicture, Missing, Part
from vultus.datasets.lfw import Pair
from vultus.errors import InputError

__all__ = ["missing", "pairs", "pictures"]

Protocol = Literal["FF", "FP"]

FOLDS = 10
LISTS = {"frontal": "Protocol/Pair_list_F.txt", "profile": "Protocol/Pair_list_P.txt"}
SIDES = {"FF": ("frontal", "frontal"), "FP": ("frontal", "profile")}
ADVICE = "unpack cfp-dataset.zip whole"
PARTS = (
    *(Part(name, ADVICE) for name in LISTS.values()),
    *(
        Part(f"Protocol/Split/{name}/[0-9][0-9]/{kind}.txt", ADVICE, FOLDS)
        for name in SIDES
        for kind in ("same", "diff")
    ),
    Part("Data/Images/*/frontal/*.jpg", ADVICE),
    Part("Data/Images/*/profile/*.jpg", ADVICE),
)


def missing(root: Path) -> tuple[Missing, ...]:
    """What the folder lacks: lists, folds, then the pictures that the lists name."""
    if lacks := layout.missing(root, PARTS):
        return lacks
    return tuple(lack for view, name in LISTS.items() for lack in layout.listed(_list(root, view).values(), root, name))


def pictures(root: Path) -> tuple[LabelledPicture, ...]:
    """All pictures of both lists; the label is the view, "frontal" or "profile".

    Refused: a folder that lacks something (NotFoundError), a list that cannot be read (InputError).
    """
    layout.require("CFP", root, missing(root))
    return tuple(
        LabelledPicture(path, _person(path), view, None, "VIS") for view in LISTS for path in _list(root, view).values()
    )


def pairs(root: Path, protocol: Protocol = "FP") -> tuple[Pair, ...]:
    """The pairs of a protocol in its ten folds, those of one person before those of two.

    Refused: a folder that lacks something (NotFoundError), another protocol, a pair that cannot
    be read, a `same` of two people or a `diff` of one (InputError).
    """
    if protocol not in SIDES:
        raise InputError(f"expected the protocol {' or '.join(SIDES)}, got {protocol!r}")
    layout.require("CFP", root, missing(root))
    return tuple(_pairs(root, protocol))


def _pairs(root: Path, protocol: Protocol) -> Iterator[Pair]:
    first, second = (_list(root, view) for view in SIDES[protocol])
    for fold in range(FOLDS):
        for kind in ("same", "diff"):
            file = root / "Protocol" / "Split" / protocol / f"{fold + 1:02}" / f"{kind}.txt"
            for row in layout.rows(file, ("first", "second"), header=False):
                one, two = row.whole("first"), row.whole("second")
                if one not in first:
                    raise row.refuse("first", f"a number of {LISTS[SIDES[protocol][0]]}")
                if two not in second:
                    raise row.refuse("second", f"a number of {LISTS[SIDES[protocol][1]]}")
                people = (_person(first[one]), _person(second[two]))
                if (people[0] == people[1]) != (kind == "same"):
                    raise row.refuse("second", f"a picture of {'the same' if kind == 'same' else 'another'} person")
                yield Pair(first[one], second[two], people, kind == "same", fold)


def _list(root: Path, view: str) -> dict[int, Path]:
    found: dict[int, Path] = {}
    for row in layout.rows(root / LISTS[view], ("number", "path"), header=False, delimiter=None):
        number, parts = row.whole("number", 1), PurePosixPath(row.text("path")).parts
        if number in found:
            raise row.refuse("number", "each number once")
        named = parts[1:] if parts[0] == ".." else parts
        if len(named) != 5 or named[:2] != ("Data", "Images") or named[3] != view or ".." in named:
            raise row.refuse("path", f"../Data/Images/person/{view}/picture")
        found[number] = root.joinpath(*named)
    return found


def _person(path: Path) -> str:
    return path.parent.parent.name
