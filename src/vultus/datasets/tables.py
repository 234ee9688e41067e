"""CSV files of numbers and names: a fixed header, columns a chunk at a time, errors with their place."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError, NotFoundError

__all__ = ["CHUNK", "Columns", "booleans", "chunks", "columns", "scores"]

CHUNK = 1 << 20  # rows held at once

Columns = dict[str, list[str]]


def chunks(file: Path, header: Sequence[str], rows: int = CHUNK) -> Iterator[tuple[int, Columns]]:
    """The file's columns, `rows` rows at a time, each with the line of its first row.

    The header must be as given, in that order. Empty lines at the end are let pass. Refused:
    no such file (NotFoundError), a missing or misordered column, a row of another length,
    what is no UTF-8 text (InputError); each names file, line and column.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.reader(lines, strict=True)
            first = [cell.strip() for cell in next(reader, [])]
            if not first:
                raise InputError(f"{file}: expected the header {','.join(header)}, the file is empty")
            _check_header(file, first, list(header))
            line = 2
            while block := list(itertools.islice(reader, rows)):
                full = block
                if any(len(row) != len(header) for row in block):
                    full = [row for row in block if row]
                    _check_lengths(file, block, line, len(header))
                if full:
                    yield line, dict(zip(header, map(list, zip(*full, strict=True)), strict=True))
                line += len(block)
    except OSError as error:
        raise NotFoundError(f"expected a CSV file at {file}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{file}: expected text in UTF-8: {error.reason} at byte {error.start}") from error
    except csv.Error as error:
        raise InputError(f"{file}: expected CSV: {error}") from error


def columns(file: Path, header: Sequence[str]) -> Columns:
    """The whole file's columns. Refused (InputError): as `chunks`, and a file without rows."""
    whole: Columns = {name: [] for name in header}
    for _, part in chunks(file, header):
        for name, cells in part.items():
            whole[name] += cells
    if not whole[header[0]]:
        raise InputError(f"{file}: expected rows below the header, got none")
    return whole


def scores(file: Path, cells: Sequence[str], column: str, line: int = 2) -> NDArray[np.float64]:
    """Numbers of a column whose first cell stands in `line`; `nan` where there is no score.

    Refused (InputError): an empty cell, what is no number, infinity.
    """
    try:
        values = np.array(cells, dtype=np.float64)
    except ValueError:
        values = np.array([_number(file, cell, column, line + at) for at, cell in enumerate(cells)])
    bad = np.flatnonzero(np.isinf(values))
    if bad.size:
        raise InputError(
            f"{file}, line {line + int(bad[0])}, column {column}: expected a finite number, "
            f"got {cells[int(bad[0])]!r}; write nan where there is no score"
        )
    return values


def booleans(file: Path, cells: Sequence[str], column: str, line: int = 2) -> NDArray[np.bool_]:
    """A column of 1 and 0. Refused (InputError): anything else."""
    values = np.array(cells)
    yes, no = values == "1", values == "0"
    bad = np.flatnonzero(~(yes | no))
    if bad.size:
        raise InputError(
            f"{file}, line {line + int(bad[0])}, column {column}: expected 1 or 0, got {cells[int(bad[0])]!r}"
        )
    return np.asarray(yes)


def _number(file: Path, cell: str, column: str, line: int) -> float:
    try:
        return float(cell)
    except ValueError as error:
        raise InputError(
            f"{file}, line {line}, column {column}: expected a number, got {cell!r}; write nan where there is no score"
        ) from error


def _check_header(file: Path, got: list[str], header: list[str]) -> None:
    if got == header:
        return
    if missing := [name for name in header if name not in got]:
        raise InputError(f"{file}, line 1: expected the columns {','.join(header)}; {missing[0]!r} is missing")
    at = next((at for at, name in enumerate(header) if got[at] != name), len(header))
    wrong = got[at] if at < len(got) else ""
    raise InputError(
        f"{file}, line 1, column {at + 1}: expected the columns {','.join(header)} in this order, got {wrong!r}"
    )


def _check_lengths(file: Path, block: list[list[str]], line: int, wanted: int) -> None:
    empty = False
    for at, row in enumerate(block):
        if row and (empty or len(row) != wanted):
            raise InputError(
                f"{file}, line {line + at}: expected {wanted} columns, got {len(row)}"
                + (" after an empty line" if empty else "")
            )
        empty = empty or not row
