"""Pairs of pictures from a table of one's own.

Expected: a folder of pictures, in any order of sub-folders, and a CSV file with the header
`a,b,same`: two paths relative to the folder, and 1 for one person or 0 for two. The columns
`person_a,person_b` (names) and `fold` (from 0) may stand beside them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vultus.datasets import layout
from vultus.datasets.layout import Missing, Row
from vultus.datasets.lfw import Pair
from vultus.errors import InputError, NotFoundError

__all__ = ["Duplicate", "PairTable", "missing", "people_of", "read"]

COLUMNS = ("a", "b", "same")


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A row that says again what another has said, in whichever order of the two pictures."""

    row: int
    first_row: int


@dataclass(frozen=True, slots=True)
class PairTable:
    """The pairs of a table, each once, with what is wrong with it."""

    file: Path
    images: Path
    pairs: tuple[Pair, ...]  # those with missing pictures are among them
    missing: tuple[Path, ...]  # pictures that are not in the folder
    duplicates: tuple[Duplicate, ...]  # left out of `pairs`
    people_from: Literal["columns", "pairs"]  # "pairs": who is joined by `same` is one person

    @property
    def present(self) -> tuple[Pair, ...]:
        """The pairs both of whose pictures are there."""
        gone = set(self.missing)
        return tuple(pair for pair in self.pairs if pair.first not in gone and pair.second not in gone)


def missing(images: Path, file: Path) -> tuple[Missing, ...]:
    """What the folder lacks of the pictures that the table names."""
    if lacks := layout.missing(images, ()):
        return lacks
    return layout.listed((path for _, one, two, _ in _sides(file, images) for path in (one, two)), images, file.name)


def read(file: Path, images: Path) -> PairTable:
    """Read a table of pairs against a folder; missing pictures and duplicates are told, not hidden.

    Without columns of people, pictures that `same` joins, directly or through others, are one
    person, named by the picture that comes first. Refused: no folder, no such file
    (NotFoundError), another header, a row that cannot be read, a picture paired with itself,
    rows that contradict each other, no pairs (InputError).
    """
    if not images.is_dir():
        raise NotFoundError(f"expected the folder of the pictures of {file}, {images} is none")
    seen: dict[frozenset[Path], tuple[int, bool]] = {}
    kept: list[tuple[Row, Path, Path, bool]] = []
    duplicates = []
    for row, one, two, same in _sides(file, images):
        key = frozenset((one, two))
        if key not in seen:
            seen[key] = (row.line, same)
            kept.append((row, one, two, same))
        elif seen[key][1] == same:
            duplicates.append(Duplicate(row.line, seen[key][0]))
        else:
            raise row.refuse("same", f"{int(seen[key][1])}, as row {seen[key][0]} has it for these two pictures")
    if not kept:
        raise InputError(f"{file}: expected rows of {', '.join(COLUMNS)} below the header, there are none")
    named = {"person_a", "person_b"} <= kept[0][0].values.keys()
    joined = {} if named else people_of((row.text("a"), row.text("b")) for row, _, _, same in kept if same)
    pairs = []
    for row, one, two, same in kept:
        columns, wrong = ("person_a", "person_b"), "as the names of the people have it"
        people = (row.text(columns[0]), row.text(columns[1])) if named else (row.text("a"), row.text("b"))
        if not named:
            people, wrong = (
                (joined.get(people[0], people[0]), joined.get(people[1], people[1])),
                "as other rows join them",
            )
        if same != (people[0] == people[1]):
            raise row.refuse("same", f"{int(not same)}, {wrong}")
        pairs.append(Pair(one, two, people, same, row.whole("fold", 0) if "fold" in row.values else None))
    pictures = dict.fromkeys(path for pair in pairs for path in (pair.first, pair.second))
    absent = tuple(path for path in pictures if not path.is_file())
    return PairTable(file, images, tuple(pairs), absent, tuple(duplicates), "columns" if named else "pairs")


def people_of(mates: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The person of each picture, from pairs that show one person: the name of the picture that came first.

    >>> people_of([("a", "b"), ("c", "d"), ("d", "b")])
    {'a': 'a', 'b': 'a', 'c': 'a', 'd': 'a'}
    """
    above: dict[str, str] = {}
    place: dict[str, int] = {}

    def top(picture: str) -> str:
        above.setdefault(picture, picture)
        place.setdefault(picture, len(place))
        while above[picture] != picture:
            above[picture] = above[above[picture]]
            picture = above[picture]
        return picture

    for one, two in mates:
        first, second = sorted((top(one), top(two)), key=place.__getitem__)
        above[second] = first
    return {picture: top(picture) for picture in above}


def _sides(file: Path, images: Path) -> Iterator[tuple[Row, Path, Path, bool]]:
    for row in layout.rows(file, COLUMNS):
        one, two = layout.inside(images, row, "a"), layout.inside(images, row, "b")
        if one == two:
            raise row.refuse("b", "another picture than in column a")
        yield row, one, two, bool(row.whole("same", 0, 1))
