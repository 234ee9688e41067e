"""Tables of what a model said beside what is true: classes, ages, risks, labels of pictures.

CSV with a header; the columns may stand in any order and others beside them. An empty prediction
is a picture without answer: counted, never left out. Errors name file, row and column.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vultus.datasets import layout
from vultus.datasets.layout import Row
from vultus.errors import InputError

__all__ = ["Ages", "Classes", "Clusters", "Labels", "Risks", "ages", "classes", "clusters", "labels", "risks"]

PROBABILITY = "p_"  # p_CLASS: probability of a class; p_TIME: of the event by a time

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Classes:
    """True and predicted classes."""

    names: tuple[str, ...]
    truth: NDArray[np.int64]  # (n,), places in names
    predicted: NDArray[np.int64]  # (n,), -1 where there is no answer
    people: tuple[str, ...] | None
    probabilities: Floats | None  # (n, names); None: not every class has a column
    caveats: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Ages:
    """True and estimated ages, years; NaN where there is no estimate."""

    truth: Floats
    estimate: Floats
    people: tuple[str, ...] | None
    groups: tuple[str, ...] | None


@dataclass(frozen=True, slots=True, eq=False)
class Risks:
    """How long each person was followed, how it ended, and the risk that was predicted."""

    time: Floats
    event: NDArray[np.bool_]
    risk: Floats
    people: tuple[str, ...] | None
    groups: tuple[str, ...] | None
    predicted: dict[float, Floats]  # by time: probability of the event by then


@dataclass(frozen=True, slots=True)
class Clusters:
    """The person and the group of each face; None: alone."""

    truth: tuple[str, ...]
    predicted: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Labels:
    """Labels of pictures."""

    pictures: tuple[Path, ...]
    labels: tuple[str, ...]
    people: tuple[str, ...] | None
    missing: tuple[Path, ...]  # rows of pictures that are not there are left out


def classes(file: Path) -> Classes:
    """Read `truth,predicted[,person][,p_CLASS,...]`.

    Refused: no such file (NotFoundError), an empty table, an empty truth, a probability that is no
    number, probabilities of some classes only (InputError).
    """
    rows = _rows(file, ("truth", "predicted"))
    truth = [row.text("truth") for row in rows]
    said = [row.values["predicted"] for row in rows]
    given = [name.removeprefix(PROBABILITY) for name in rows[0].values if name.startswith(PROBABILITY)]
    names = tuple(given) or tuple(sorted({*truth, *said} - {""}))
    if given and (others := sorted({*truth, *said} - {""} - set(given))):
        raise InputError(f"{file}: expected a column {PROBABILITY}{others[0]} beside the others, or none of them")
    place = {name: at for at, name in enumerate(names)}
    predicted = np.array([place.get(name, -1) for name in said], dtype=np.int64)
    probabilities, caveats = None, []
    if given:
        probabilities = np.stack([_numbers(rows, PROBABILITY + name, 0.0, 1.0) for name in names], axis=1)
        seen = ~np.isnan(probabilities).any(axis=1) & (predicted >= 0)
        other = int((probabilities[seen].argmax(axis=1) != predicted[seen]).sum())
        if other:
            caveats.append(f"{other:,} predictions are not the most probable class of their row")
    return Classes(
        names,
        np.array([place[name] for name in truth], dtype=np.int64),
        predicted,
        _texts(rows, "person"),
        probabilities,
        tuple(caveats),
    )


def ages(file: Path) -> Ages:
    """Read `truth,estimate[,person][,group]`. Refused: as `classes`, an age that is no number (InputError)."""
    rows = _rows(file, ("truth", "estimate"))
    return Ages(
        np.array([row.real("truth") for row in rows]),
        _numbers(rows, "estimate"),
        _texts(rows, "person"),
        _texts(rows, "group"),
    )


def risks(file: Path, *, risk: bool = True) -> Risks:
    """Read `time,event,risk[,person][,group][,p_TIME,...]`; event 1 seen, 0 censored.

    risk: False for a training set, of which only time and event are needed. Refused: as `classes`,
    a time, risk or probability that is no number, an event that is not 0 or 1 (InputError).
    """
    rows = _rows(file, ("time", "event", "risk") if risk else ("time", "event"))
    predicted = {}
    for name in rows[0].values:
        if name.startswith(PROBABILITY):
            try:
                at = float(name.removeprefix(PROBABILITY))
            except ValueError as error:
                raise InputError(f"{file}: expected a time behind p_, got the column {name!r}") from error
            predicted[at] = np.array([row.real(name) for row in rows])
    return Risks(
        np.array([row.real("time") for row in rows]),
        np.array([bool(row.whole("event", 0, 1)) for row in rows]),
        np.array([row.real("risk") for row in rows]) if risk else np.zeros(len(rows)),
        _texts(rows, "person"),
        _texts(rows, "group"),
        predicted,
    )


def clusters(file: Path) -> Clusters:
    """Read `truth,predicted`, an empty prediction for a face alone. Refused: as `classes`."""
    rows = _rows(file, ("truth", "predicted"))
    return Clusters(tuple(row.text("truth") for row in rows), tuple(row.values["predicted"] or None for row in rows))


def labels(file: Path, images: Path) -> Labels:
    """Read `source,label[,person]`, paths relative to a folder; without people a picture is one.

    Refused: as `classes`, no picture there at all, a picture twice (InputError).
    """
    rows = _rows(file, ("source", "label"))
    paths = [layout.inside(images, row, "source") for row in rows]
    seen: set[Path] = set()
    for row, path in zip(rows, paths, strict=True):
        if path in seen:
            raise row.refuse("source", "each picture once")
        seen.add(path)
    there = [at for at, path in enumerate(paths) if path.is_file()]
    if not there:
        raise InputError(f"{file}: expected its pictures in {images}, none of {len(paths)} is there")
    people = _texts(rows, "person")
    return Labels(
        tuple(paths[at] for at in there),
        tuple(rows[at].text("label") for at in there),
        None if people is None else tuple(people[at] for at in there),
        tuple(path for path in paths if not path.is_file()),
    )


def _rows(file: Path, columns: Sequence[str]) -> list[Row]:
    found = list(layout.rows(file, columns))
    if not found:
        raise InputError(f"{file}: expected rows of {', '.join(columns)} below the header, there are none")
    return found


def _texts(rows: Sequence[Row], column: str) -> tuple[str, ...] | None:
    return tuple(row.text(column) for row in rows) if column in rows[0].values else None


def _numbers(rows: Sequence[Row], column: str, low: float = -math.inf, high: float = math.inf) -> Floats:
    """A column of numbers, NaN where it is empty."""
    values = np.full(len(rows), np.nan)
    for at, row in enumerate(rows):
        if row.values[column].lower() in ("", "nan"):
            continue
        values[at] = row.real(column)
        if not low <= values[at] <= high:
            raise row.refuse(column, f"a number from {low:g} to {high:g}, or nothing")
    return values
