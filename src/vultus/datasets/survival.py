"""Tables of time-to-event data: any CSV or ARFF, and four reference sets by name.

Expected folder of the reference sets: rossi.csv (recidivism, Rossi, Berk and Lenihan 1980),
whas.csv (no header: event, days, risk score predicted on the Worcester Heart Attack Study;
Hosmer, Lemeshow and May 2008), gbsg2.arff (German Breast Cancer Study Group 2; Schumacher et
al., J Clin Oncol 12, 1994) and vet.arff (Veterans' Administration lung cancer trial;
Kalbfleisch and Prentice 2002). `problems` says what is missing or different.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError, NotFoundError

__all__ = ["Cohort", "Table", "gbsg2", "problems", "read_table", "rossi", "veteran", "whas500"]

MISSING = ("", "?", "NA", "NaN", "nan")
_ATTRIBUTE = re.compile(r"""@attribute\s+('[^']*'|"[^"]*"|\S+)\s+(.+)""", re.IGNORECASE)


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Columns by name: numbers where every value is one or missing (then NaN), else text."""

    source: str
    columns: dict[str, NDArray[Any]]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def column(self, name: str) -> NDArray[Any]:
        """A column as it is. Refused (NotFoundError): no such column; those there are listed."""
        if name not in self.columns:
            raise NotFoundError(f"{self.source}: expected a column {name!r}, it has {', '.join(self.columns)}")
        return self.columns[name]

    def numbers(self, name: str) -> NDArray[np.float64]:
        """A column of numbers. Refused (InputError): categories, which are listed; missing values."""
        values = self.column(name)
        if values.dtype.kind != "f":
            levels = sorted(set(values.tolist()))
            shown = ", ".join(levels[:10]) + (", ..." if len(levels) > 10 else "")
            raise InputError(f"{self.source}: expected numbers in {name}, got categories ({shown})")
        if np.isnan(values).any():
            row = int(np.argmax(np.isnan(values))) + 1
            raise InputError(
                f"{self.source}: expected a number in every row of {name}, {int(np.isnan(values).sum())} are missing, "
                f"first in row {row}"
            )
        return np.asarray(values, dtype=np.float64)

    def matrix(self, names: Sequence[str]) -> NDArray[np.float64]:
        """Columns of numbers side by side, (rows, names). Refused as `numbers`."""
        return np.stack([self.numbers(name) for name in names], axis=1)

    def flags(self, name: str, seen: str | None = None) -> NDArray[np.bool_]:
        """A column of two values as booleans; seen: the label that means yes, where it is text.

        Refused (InputError): more than two values, numbers other than 0 and 1, text without `seen`.
        """
        values = self.column(name)
        if values.dtype.kind == "f":
            marks = self.numbers(name)
            if not np.isin(marks, (0.0, 1.0)).all():
                raise InputError(
                    f"{self.source}: expected 0 and 1 in {name}, got {marks[~np.isin(marks, (0, 1))][0]:g}"
                )
            return np.asarray(marks == 1)
        levels = sorted(set(values.tolist()))
        if seen not in levels or len(levels) > 2:
            raise InputError(
                f"{self.source}: expected two labels in {name} and the one that means yes, got {', '.join(levels[:10])}"
            )
        return np.asarray(values == seen)


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    """A reference set: outcomes, and the table with everything else that is known."""

    time: NDArray[np.float64]
    event: NDArray[np.bool_]
    unit: str  # of time
    table: Table


@dataclass(frozen=True, slots=True)
class _Known:
    file: str
    rows: int
    events: int
    sha256: str


_ROSSI = _Known("rossi.csv", 432, 114, "0214400170e07f3015a285edca2014cac0dae8aac125fcbaad642490e05f892c")
_WHAS = _Known("whas.csv", 500, 215, "f844036bb270c490391325fffc16847d0981b555c7fa4a80fc7fed0809612e4b")
_GBSG2 = _Known("gbsg2.arff", 686, 299, "8c1ba1df4d80216b58695d6bbc9f51284664ab37124e101d56df089851645b04")
_VETERAN = _Known("vet.arff", 137, 128, "71dbc9e235f3cc2ed10b3a254e39f985c092346d1c845736ed21b13fbe263456")


def read_table(file: Path, *, names: Sequence[str] | None = None) -> Table:
    """Read a CSV or ARFF table; names: of the columns of a CSV without a header.

    Missing values are an empty field, ? or NA. Refused: no such file (NotFoundError), no
    rows, a row of another length, a column name twice, a nominal value that its ARFF header
    does not list, sparse ARFF (InputError).
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise NotFoundError(f"expected a table in CSV or ARFF at {file}: {error}") from error
    if file.suffix.lower() == ".arff":
        heads, levels, rows = _arff(file, text)
    else:
        rows = list(_rows(file, text.splitlines(), '"', 1))
        heads = [word.strip() for word in (names if names is not None else rows.pop(0)[1] if rows else ())]
        levels = {}
    if len(set(heads)) < len(heads):
        raise InputError(f"{file}: expected every column name once, got {', '.join(heads)}")
    if not rows or not heads:
        raise InputError(f"{file}: expected a header and at least one row, the table is empty")
    for number, row in rows:
        if len(row) != len(heads):
            raise InputError(f"{file}, line {number}: expected {len(heads)} values, got {len(row)}")
    columns = {}
    for at, name in enumerate(heads):
        values = [row[at].strip() for _, row in rows]
        if name in levels and (odd := set(values) - levels[name] - set(MISSING)):
            raise InputError(f"{file}: expected {name} to be one of {sorted(levels[name])}, got {min(odd)}")
        columns[name] = _column(values)
    return Table(file.name, columns)


def rossi(folder: Path) -> Cohort:
    """432 released prisoners followed for 52 weeks, 114 arrested again. Refused: as `problems` names it."""
    return _cohort(folder, _ROSSI, "week", "arrest", "weeks")


def whas500(folder: Path) -> Cohort:
    """500 heart attack patients with a predicted risk score (`risk`), 215 deaths; times in days."""
    return _cohort(folder, _WHAS, "days", "event", "days", names=("event", "days", "risk"))


def gbsg2(folder: Path) -> Cohort:
    """686 breast cancer patients with eight covariates, 299 events; times in days."""
    return _cohort(folder, _GBSG2, "time", "cens", "days")


def veteran(folder: Path) -> Cohort:
    """137 men with lung cancer, 128 deaths; times in days."""
    return _cohort(folder, _VETERAN, "Survival_in_days", "Status", "days", seen="dead")


def problems(folder: Path) -> tuple[str, ...]:
    """What is missing of the four reference sets, or not the published bytes; empty: nothing."""
    found = []
    for known in (_ROSSI, _WHAS, _GBSG2, _VETERAN):
        path = folder / known.file
        if not path.is_file():
            found.append(f"{known.file} is not in {folder}")
        elif hashlib.sha256(path.read_bytes()).hexdigest() != known.sha256:
            found.append(f"{known.file} is not the published table (SHA-256 expected {known.sha256[:16]}...)")
    return tuple(found)


def _cohort(
    folder: Path,
    known: _Known,
    time: str,
    event: str,
    unit: str,
    *,
    seen: str | None = None,
    names: Sequence[str] | None = None,
) -> Cohort:
    table = read_table(folder / known.file, names=names)
    cohort = Cohort(table.numbers(time), table.flags(event, seen), unit, table)
    if (len(table), int(cohort.event.sum())) != (known.rows, known.events):
        raise InputError(
            f"{known.file}: expected {known.rows} rows with {known.events} events, "
            f"got {len(table)} with {int(cohort.event.sum())}"
        )
    return cohort


def _rows(file: Path, lines: Iterable[str], quote: str, first: int) -> Iterable[tuple[int, list[str]]]:
    for number, line in enumerate(lines, first):
        if line.strip():
            try:
                yield number, next(csv.reader([line], quotechar=quote, skipinitialspace=True))
            except csv.Error as error:
                raise InputError(f"{file}, line {number}: expected values with commas between: {error}") from error


def _arff(file: Path, text: str) -> tuple[list[str], dict[str, set[str]], list[tuple[int, list[str]]]]:
    heads: list[str] = []
    levels: dict[str, set[str]] = {}
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        if found := _ATTRIBUTE.match(line.strip()):
            name, kind = found[1].strip("'\""), found[2].strip()
            heads.append(name)
            if kind.startswith("{"):
                listed = next(csv.reader([kind.strip("{} ")], quotechar="'", skipinitialspace=True))
                levels[name] = {level.strip() for level in listed}
        elif line.strip().lower() == "@data":
            body = ["" if line.lstrip().startswith("%") else line for line in lines[number:]]
            if any(line.lstrip().startswith("{") for line in body):
                raise InputError(f"{file}: expected a dense ARFF table, this one is sparse")
            return heads, levels, list(_rows(file, body, "'", number + 1))
    raise InputError(f"{file}: expected an ARFF table with @attribute and @data")


def _column(values: list[str]) -> NDArray[Any]:
    try:
        return np.array([np.nan if value in MISSING else float(value) for value in values])
    except ValueError:
        return np.array(values)
