"""Face Research Lab London Set: portraits of adults, neutral and smiling, seen from the front.

Expected folder: 001_neutral.jpg and 001_smiling.jpg, a pair a person, and london_info.csv
with the header `face_id,face_age,face_gender,face_eth`, NA where it is not known. The table
may hold people whose pictures are not there. The archive of the authors names its pictures
otherwise; rename them so.
Source: L. DeBruine and B. Jones, Face Research Lab London Set, figshare 2017, CC-BY 4.0.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from vultus.datasets import layout
from vultus.datasets.layout import LabelledPicture, Missing, Part
from vultus.errors import InputError

__all__ = ["EXPRESSIONS", "Portrait", "missing", "read"]

EXPRESSIONS = ("neutral", "smiling")
COLUMNS = ("face_id", "face_age", "face_gender", "face_eth")
NAME = re.compile(r"(\d{3})_(neutral|smiling)\.jpg")
PARTS = (
    Part("london_info.csv", "lay the table of the people here"),
    *(Part(f"[0-9][0-9][0-9]_{name}.jpg", f"lay the {name} portraits here") for name in EXPRESSIONS),
)


@dataclass(frozen=True, slots=True)
class Portrait(LabelledPicture):
    """A portrait and what the person has told."""

    age: float | None  # years
    gender: str | None
    ethnicity: str | None


def missing(root: Path) -> tuple[Missing, ...]:
    """What the folder lacks; people with one expression only are counted."""
    if lacks := layout.missing(root, PARTS):
        return lacks
    people = {match[1] for path in root.iterdir() if (match := NAME.fullmatch(path.name))}
    wanted = (root / f"{person}_{name}.jpg" for person in sorted(people) for name in EXPRESSIONS)
    return layout.listed(wanted, root, "both expressions")


def read(root: Path) -> tuple[Portrait, ...]:
    """All portraits by person; the label is the expression.

    Refused: a folder that lacks something (NotFoundError), a table that cannot be read, a
    person twice in it or not in it (InputError).
    """
    layout.require("the London Set", root, missing(root))
    table = root / "london_info.csv"
    known: dict[str, tuple[float | None, str | None, str | None]] = {}
    for row in layout.rows(table, COLUMNS):
        person = row.text("face_id")
        if person in known:
            raise row.refuse("face_id", "each person once")
        age = None if row.values["face_age"] in ("", "NA") else row.real("face_age")
        gender, ethnicity = (None if row.values[name] in ("", "NA") else row.values[name] for name in COLUMNS[2:])
        known[person] = (age, gender, ethnicity)
    found = []
    for path in sorted(root.glob("*.jpg")):
        if not (match := NAME.fullmatch(path.name)):
            raise InputError(f"{path}: expected a name like 001_neutral.jpg or 001_smiling.jpg; rename or remove it")
        if match[1] not in known:
            raise InputError(f"{table}, column face_id: expected a row of person {match[1]}, whose portraits are here")
        found.append(Portrait(path, match[1], match[2], None, "VIS", *known[match[1]]))
    return tuple(found)
