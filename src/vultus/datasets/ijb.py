"""IARPA Janus Benchmarks B and C: templates, each some pictures and frames of one person.

Expected folder, as the authors have it: images/img/*.jpg and images/frames/*; protocols/
(protocol/ in IJB-B) with ijbc_1N_gallery_G1.csv, ijbc_1N_gallery_G2.csv,
ijbc_1N_probe_mixed.csv (ijbb_1N_gallery_S1.csv, S2 in IJB-B), a row a picture of a template
under the header TEMPLATE_ID,SUBJECT_ID,FILENAME,SIGHTING_ID,FACE_X,FACE_Y,FACE_WIDTH,
FACE_HEIGHT,...; and ijbc_11_G1_G2_matches.csv (ijbb_11_S1_S2_matches.csv), two template
numbers a row without a header. The names of IJB-B and that SIGHTING_ID tells media apart are
(unverified); `Columns` and the file arguments take others.
Or the short lists that evaluations of others use: meta/ijbc_face_tid_mid.txt with
`picture template media` a line, meta/ijbc_template_pair_label.txt with
`template template same` a line, and loose_crop/ with the pictures.
Source: B. Maze et al., IARPA Janus Benchmark-C, ICB 2018; C. Whitelam et al., IJB-B, CVPR workshops 2017.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vultus.datasets import layout
from vultus.datasets.layout import Missing, Part, Row
from vultus.errors import InputError, NotFoundError
from vultus.types import Box

__all__ = [
    "Columns",
    "Sighting",
    "Template",
    "TemplatePairs",
    "matches",
    "media_templates",
    "missing",
    "missing_pictures",
    "pair_labels",
    "templates",
]

Set = Literal["ijbb", "ijbc"]

PARTITIONS = {"ijbb": ("S1", "S2"), "ijbc": ("G1", "G2")}
ADVICE = "unpack the archive of the benchmark whole"


@dataclass(frozen=True, slots=True)
class Columns:
    """What the columns of a table of templates are called."""

    template: str = "TEMPLATE_ID"
    subject: str = "SUBJECT_ID"
    file: str = "FILENAME"
    media: str | None = "SIGHTING_ID"  # None: each file is a medium of its own
    box: tuple[str, str, str, str] | None = ("FACE_X", "FACE_Y", "FACE_WIDTH", "FACE_HEIGHT")  # None: whole pictures


@dataclass(frozen=True, slots=True)
class Sighting:
    """One picture or frame of a template."""

    source: Path
    media: str  # frames of one video share it
    box: Box | None  # None: the picture is a crop, or the table has no box for it


@dataclass(frozen=True, slots=True)
class Template:
    """The pictures that are enrolled or searched with as one."""

    id: int
    subject: str | None  # None: the list does not say
    sightings: tuple[Sighting, ...]

    @property
    def media(self) -> tuple[str, ...]:
        """The media of the template, each once; features are averaged a medium first."""
        return tuple(dict.fromkeys(sighting.media for sighting in self.sightings))


@dataclass(frozen=True, slots=True, eq=False)
class TemplatePairs:
    """Comparisons of the 1:1 protocol, millions of them, as arrays."""

    first: NDArray[np.int64]  # (n,) template numbers
    second: NDArray[np.int64]  # (n,)
    same: NDArray[np.bool_]  # (n,)

    def __len__(self) -> int:
        return len(self.same)


def missing(root: Path, benchmark: Set = "ijbc") -> tuple[Missing, ...]:
    """What the folder of the authors' layout lacks; pictures of the lists: `missing_pictures`."""
    one, two = _partitions(benchmark)
    names = (f"1N_gallery_{one}", f"1N_gallery_{two}", "1N_probe_mixed", f"11_{one}_{two}_matches")
    parts = [Part(f"protocols/{benchmark}_{name}.csv or protocol/{benchmark}_{name}.csv", ADVICE) for name in names]
    return layout.missing(root, [*parts, Part("images/*/* or images/*", ADVICE)])


def missing_pictures(found: Mapping[int, Template], root: Path, source: str) -> tuple[Missing, ...]:
    """What is absent of the pictures of some templates; reads folders, so it takes its time."""
    paths = (sighting.source for template in found.values() for sighting in template.sightings)
    return layout.listed(paths, root, source)


def templates(file: Path, images: Path, columns: Columns | None = None) -> dict[int, Template]:
    """The templates of a gallery or of the probes, by number, in the order of the table.

    Boxes are x, y, width, height in the table; one without numbers is None. Pictures need not
    be there: ask `missing_pictures`. Refused: no such file (NotFoundError), another header, a
    row that cannot be read, a template of two people, no rows (InputError).
    """
    names = columns or Columns()
    wanted = [names.template, names.subject, names.file, *([names.media] if names.media else []), *(names.box or ())]
    people: dict[int, str] = {}
    sightings: dict[int, list[Sighting]] = {}
    for row in layout.rows(file, wanted):
        number, subject = row.whole(names.template), row.text(names.subject)
        if people.setdefault(number, subject) != subject:
            raise row.refuse(names.subject, f"{people[number]}, as rows above have it for template {number}")
        media = row.text(names.media) if names.media else row.text(names.file)
        source = layout.inside(images, row, names.file)
        sightings.setdefault(number, []).append(Sighting(source, media, _box(row, names.box)))
    if not people:
        raise InputError(f"{file}: expected rows of {', '.join(wanted)} below the header, there are none")
    return {number: Template(number, people[number], tuple(found)) for number, found in sightings.items()}


def matches(file: Path, *sides: Mapping[int, Template]) -> TemplatePairs:
    """The comparisons of the authors' 1:1 protocol; the people of `sides` say which are of one person.

    Refused: no such file (NotFoundError), a row that cannot be read, a template that is in no
    side, or whose person is not known (InputError).
    """
    numbers = layout.whole_numbers(file, ("first", "second"), delimiter=",")
    people = {number: template.subject for side in sides for number, template in side.items()}
    known = np.array(sorted(number for number, subject in people.items() if subject is not None), dtype=np.int64)
    if strange := np.flatnonzero(~np.isin(numbers, known).all(axis=1)).tolist():
        raise InputError(
            f"{file}: expected templates of the tables, {len(strange)} pairs name others, "
            f"the first is {numbers[strange[0]].tolist()}"
        )
    codes = np.unique([people[number] or "" for number in known.tolist()], return_inverse=True)[1]
    first, second = (codes[np.searchsorted(known, numbers[:, side])] for side in (0, 1))
    return TemplatePairs(numbers[:, 0], numbers[:, 1], first == second)


def media_templates(file: Path, images: Path) -> dict[int, Template]:
    """The templates of a list `picture template media`; it does not say whose they are.

    Refused: no such file (NotFoundError), a row that cannot be read (InputError).
    """
    sightings: dict[int, list[Sighting]] = {}
    for row in layout.rows(file, ("picture", "template", "media"), header=False, delimiter=None):
        source = layout.inside(images, row, "picture")
        sightings.setdefault(row.whole("template"), []).append(Sighting(source, row.text("media"), None))
    return {number: Template(number, None, tuple(found)) for number, found in sightings.items()}


def pair_labels(file: Path) -> TemplatePairs:
    """The comparisons of a list `template template same`, same 1 or 0.

    Refused: no such file (NotFoundError), a row that cannot be read (InputError).
    """
    numbers = layout.whole_numbers(file, ("first", "second", "same"))
    if wrong := np.flatnonzero((numbers[:, 2] != 0) & (numbers[:, 2] != 1)).tolist():
        raise InputError(f"{file}, column same: expected 1 or 0, pair {wrong[0] + 1} has {numbers[wrong[0], 2]}")
    return TemplatePairs(numbers[:, 0], numbers[:, 1], numbers[:, 2] == 1)


def _partitions(benchmark: str) -> tuple[str, str]:
    if benchmark not in PARTITIONS:
        raise NotFoundError(f"expected a benchmark out of {', '.join(PARTITIONS)}, got {benchmark!r}")
    return PARTITIONS[benchmark]


def _box(row: Row, columns: tuple[str, str, str, str] | None) -> Box | None:
    if columns is None or not any(row.values[column] for column in columns):
        return None
    x, y, width, height = (row.real(column) for column in columns)
    for side, column in ((width, columns[2]), (height, columns[3])):
        if side < 0:
            raise row.refuse(column, "a length, not below zero")
    return Box(x, y, x + width, y + height)
