"""What a benchmark's folder must hold, how its lists are read, and the values that come out.

Every reader beside this file has a `missing(root)` that names each absent part; the other
functions of a reader refuse such a folder with the same words. Listing opens lists only:
no picture is read before somebody asks for its pixels.
"""

from __future__ import annotations

import csv
import importlib
import math
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError, NotFoundError

__all__ = [
    "BONA_FIDE",
    "READERS",
    "LabelledFaces",
    "LabelledPicture",
    "Missing",
    "Part",
    "Row",
    "arrays",
    "check",
    "inside",
    "lines",
    "listed",
    "missing",
    "require",
    "rows",
    "whole_numbers",
]

BONA_FIDE = "bona fide"  # the label of a live face in every liveness set; attacks carry their species
READERS = (
    "agedb", "casia_nirvis", "cfp", "ckplus", "fer2013", "folders", "ijb", "lfw", "mmdg", "nuaa",
    "portraits", "utkface", "wmca",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that a folder must hold."""

    pattern: str  # relative, as glob has it; alternatives are parted by " or "
    advice: str  # what to do where it is absent
    at_least: int = 1


PLACES = {  # of the readers whose lists are files that the user names, or that have no list
    "lfw": Part("images/*/*_[0-9][0-9][0-9][0-9].jpg", "unpack LFW's pictures into images/"),
    "utkface": Part(
        "[0-9]*_[01]_[0-4]_* or */[0-9]*_[01]_[0-4]_*", "unpack UTKFace here; names are age_gender_group_date.jpg"
    ),
}


@dataclass(frozen=True, slots=True)
class Missing:
    """One thing that a folder lacks.

    >>> str(Missing("Protocol/Pair_list_F.txt", 0, 1, "unpack the archive whole"))
    'Protocol/Pair_list_F.txt: expected at least 1, found 0; unpack the archive whole'
    """

    expected: str  # path or pattern, relative to the folder
    found: int
    needed: int
    advice: str

    def __str__(self) -> str:
        return f"{self.expected}: expected at least {self.needed}, found {self.found}; {self.advice}"


@dataclass(frozen=True, slots=True)
class LabelledPicture:
    """A picture file and what the benchmark says of it."""

    source: Path
    subject: str | None  # None: the benchmark does not say
    label: str | None  # class, species or view; None: only the person counts
    split: str | None
    modality: str  # "VIS", "NIR" or as the benchmark names it


@dataclass(frozen=True, slots=True, eq=False)
class LabelledFaces:
    """Faces that lie in an array or a sheet; the pixels are read when they are asked for."""

    source: Path
    split: str
    classes: tuple[str, ...]
    labels: NDArray[np.int64]  # (n,), places in `classes`
    subjects: tuple[str, ...] | None  # (n,)
    read: Callable[[], Iterator[NDArray[np.uint8]]] = field(repr=False)

    def __len__(self) -> int:
        return len(self.labels)

    def blocks(self) -> Iterator[NDArray[np.uint8]]:
        """Grey faces (k, H, W) a block at a time, in the order of the labels."""
        return self.read()

    def images(self) -> NDArray[np.uint8]:
        """All grey faces (n, H, W). Refused (InputError): more or fewer than there are labels."""
        found = list(self.read())
        count = sum(map(len, found))
        if count != len(self.labels):
            raise InputError(f"{self.source}: expected {len(self.labels)} faces by its labels, found {count}")
        return np.concatenate(found) if found else np.zeros((0, 0, 0), np.uint8)


def missing(root: Path, parts: Iterable[Part]) -> tuple[Missing, ...]:
    """The parts that the folder lacks; one entry for the folder itself where there is none."""
    if not root.is_dir():
        return (Missing(".", 0, 1, f"{root} is no folder: give the one that holds the benchmark"),)
    found = []
    for part in parts:
        count = max(sum(1 for _ in root.glob(pattern)) for pattern in part.pattern.split(" or "))
        if count < part.at_least:
            found.append(Missing(part.pattern, count, part.at_least, part.advice))
    return tuple(found)


def listed(paths: Iterable[Path], root: Path, source: str) -> tuple[Missing, ...]:
    """What is absent of the files that a list names: nothing, or one entry that counts them."""
    wanted = list(dict.fromkeys(paths))
    absent = [path for path in wanted if not path.is_file()]
    if not absent:
        return ()
    first = absent[0].relative_to(root) if absent[0].is_relative_to(root) else absent[0]
    advice = f"first missing {first.as_posix()}: unpack the pictures again or correct the list"
    return (Missing(f"pictures of {source}", len(wanted) - len(absent), len(wanted), advice),)


def require(what: str, root: Path, lacks: Sequence[Missing]) -> None:
    """Refuse (NotFoundError) a folder that lacks something, saying all that it lacks."""
    if lacks:
        count = "1 part is" if len(lacks) == 1 else f"{len(lacks)} parts are"
        raise NotFoundError(f"expected {what} in {root}, {count} missing: " + " | ".join(map(str, lacks)))


def check(reader: str, root: Path) -> tuple[Missing, ...]:
    """What a benchmark's folder lacks, by the name of its reader.

    Refused (NotFoundError): a name that is not in READERS.
    """
    if reader not in READERS:
        raise NotFoundError(f"expected a benchmark out of {', '.join(READERS)}, got {reader!r}")
    if reader in PLACES:
        return missing(root, (PLACES[reader],))
    found: tuple[Missing, ...] = importlib.import_module(f"vultus.datasets.{reader}").missing(root)
    return found


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a list, which knows where it stands."""

    file: Path
    line: int  # from 1
    values: dict[str, str] = field(hash=False)

    def refuse(self, column: str, expected: str) -> InputError:
        """The error for a value that is not what it should be."""
        return InputError(
            f"{self.file}, row {self.line}, column {column}: expected {expected}, got {self.values.get(column, '')!r}"
        )

    def text(self, column: str) -> str:
        """The value, which must not be empty (InputError)."""
        if not (value := self.values[column]):
            raise self.refuse(column, "a value")
        return value

    def whole(self, column: str, low: int | None = None, high: int | None = None) -> int:
        """The value as a whole number within low and high, both included (InputError)."""
        try:
            value = int(self.values[column])
        except ValueError:
            raise self.refuse(column, "a whole number") from None
        if (low is not None and value < low) or (high is not None and value > high):
            raise self.refuse(column, f"a whole number {_range(low, high)}")
        return value

    def real(self, column: str) -> float:
        """The value as a finite number (InputError)."""
        try:
            value = float(self.values[column])
        except ValueError:
            raise self.refuse(column, "a number") from None
        if not math.isfinite(value):
            raise self.refuse(column, "a finite number")
        return value


def lines(file: Path) -> Iterator[tuple[int, str]]:
    """The lines of a list that are not blank, with their numbers from 1.

    Refused: no such file (NotFoundError), one that is no UTF-8 text (InputError).
    """
    try:
        with file.open(encoding="utf-8-sig") as opened:
            for number, line in enumerate(opened, 1):
                if line.strip():
                    yield number, line.rstrip("\r\n")
    except FileNotFoundError as error:
        raise NotFoundError(f"{file}: there is no such file; check the path") from error
    except UnicodeDecodeError as error:
        raise InputError(
            f"{file}: expected text in UTF-8, byte {error.start} of a block is not; save it anew"
        ) from error
    except OSError as error:
        raise InputError(f"{file}: the file cannot be read ({error.strerror or error})") from error


def rows(file: Path, columns: Sequence[str], *, header: bool = True, delimiter: str | None = ",") -> Iterator[Row]:
    """The rows of a table, one at a time.

    columns: those that must be in the header, which may hold more; without a header, all
    there are, in order. delimiter: None is blank space. Refused (InputError): an empty file,
    another header, a row with more or fewer values.
    """
    names = list(columns)
    waiting, seen = header, False
    for number, line in lines(file):
        seen = True
        values = [value.strip() for value in _split(file, number, line, delimiter)]
        if waiting:
            names, waiting = _header(file, number, values, columns), False
            continue
        if len(values) != len(names):
            raise InputError(
                f"{file}, row {number}: expected {len(names)} values ({', '.join(names)}), got {len(values)}"
            )
        yield Row(file, number, dict(zip(names, values, strict=True)))
    if not seen:
        raise InputError(
            f"{file}: expected {'a header and ' if header else ''}rows of {', '.join(columns)}, it is empty"
        )


def whole_numbers(file: Path, columns: Sequence[str], delimiter: str | None = None) -> NDArray[np.int64]:
    """A table of whole numbers without a header, (n, columns); millions of rows are read in seconds.

    Refused (InputError) as in `rows`.
    """
    next(rows(file, columns, header=False, delimiter=delimiter))  # an empty or absent file, the first row's width
    try:
        found = np.loadtxt(file, dtype=np.int64, delimiter=delimiter, comments=None, ndmin=2, encoding="utf-8-sig")
    except ValueError:
        for row in rows(file, columns, header=False, delimiter=delimiter):  # again and slowly, to name the place
            for column in columns:
                row.whole(column)
        raise
    return found


def inside(root: Path, row: Row, column: str) -> Path:
    """The file that a row names, relative to `root`. Refused (InputError): a path that leads out of it."""
    named = PurePosixPath(row.text(column))
    if named.is_absolute() or ".." in named.parts:
        raise row.refuse(column, f"a path inside {root}")
    return root / named


def arrays(file: Path, names: Sequence[str]) -> tuple[NDArray[Any], ...]:
    """Named arrays of an .npz archive; the others in it are not read.

    Refused: no such file (NotFoundError), no such archive or array, pickled objects (InputError).
    """
    try:
        with file.open("rb") as opened:
            archive = np.load(opened, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise InputError(f"{file}: expected an .npz archive of {', '.join(names)}, got a single array")
            if absent := [name for name in names if name not in archive.files]:
                held = ", ".join(archive.files) or "nothing"
                raise InputError(
                    f"{file}: expected the arrays {', '.join(names)}, {', '.join(absent)} missing of {held}"
                )
            return tuple(archive[name] for name in names)
    except FileNotFoundError as error:
        raise NotFoundError(f"{file}: there is no such file; check the path") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{file}: expected an .npz archive of {', '.join(names)} ({error})") from error


def _range(low: int | None, high: int | None) -> str:
    if low is None or high is None:
        return f"of at least {low}" if high is None else f"of at most {high}"
    return f"from {low} to {high}"


def _split(file: Path, number: int, line: str, delimiter: str | None) -> list[str]:
    if delimiter is None:
        return line.split()
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise InputError(f"{file}, row {number}: expected values parted by {delimiter!r} ({error})") from error


def _header(file: Path, number: int, names: list[str], columns: Sequence[str]) -> list[str]:
    if absent := [column for column in columns if column not in names]:
        raise InputError(
            f"{file}, row {number}: expected a header with {', '.join(columns)}, "
            f"{', '.join(absent)} missing of {', '.join(names)}"
        )
    if len(set(names)) != len(names):
        raise InputError(f"{file}, row {number}: expected each column once, got {', '.join(names)}")
    return names
