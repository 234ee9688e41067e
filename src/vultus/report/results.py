"""Any result as sections: its fields as tables, its caveats as caveats, figures beside."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeGuard

import numpy as np

from vultus.errors import InputError
from vultus.report.cells import written
from vultus.report.values import Cell, Column, Exhibit, Figure, Interval, Records, Section, Share, Table
from vultus.types import Estimate

__all__ = ["report_results", "titled"]

# fmt: off
_SHORT = {
    "acer", "apcer", "apnrr", "auc", "aue", "bpcer", "bpnrr", "eer", "far", "fmr", "fnir", "fnmr", "fpir",
    "frr", "fta", "fte", "hter", "iapar", "iapmr", "iou", "mae", "riapar", "rmse", "uar", "ece", "mce", "f1",
}
# fmt: on
_SHARES = {
    "acer",
    "hter",
    "eer",
    "uar",
    "macro_f1",
    "precision",
    "recall",
    "f",
    "average_precision",
}  # estimates between 0 and 1
_WORDS = {
    "dev": "Development data",
    "eval": "Evaluation data",
    "eval_by_subjects": "Evaluation data, intervals by resampling people",
    "at_own_eer": "At the evaluation data's own equal errors (flatters)",
    "at_dev_eer": "At the development data's equal errors (the honest convention)",
    "flattered": "HTER, the honest convention less the field's",
    "n": "n",
}
_LONG = 60  # rows from which a table is turned page by page
_CAVEATS = {"caveats", "warnings"}


def report_results(
    result: object,
    heading: str,
    *,
    text: Sequence[str] = (),
    figures: Sequence[Figure] = (),
    pictures: Sequence[Exhibit] = (),
    not_shown: Sequence[str] = (),
    without: Collection[str] = (),
) -> tuple[Section, ...]:
    """Sections on a frozen result: figures in one table, its parts in others, caveats.

    Rates and estimates keep their intervals and counts; arrays, which are what plots are for,
    are left out. not_shown: what the result does not say, as a last section. without: fields of
    the result not to be written. Refused
    (InputError): what is no dataclass, a result without a figure in it.

    >>> from vultus.metrics.classification import mcnemar
    >>> report_results(mcnemar([0] * 3, [0] * 3, [1] * 3), "Two models")[0].tables[0].rows[0]
    ('First only', 3)
    """
    if not dataclasses.is_dataclass(result) or isinstance(result, type):
        raise InputError(f"expected a result of vultus (a dataclass), got {type(result).__name__}")
    tables = list(_tables(result, "Figures", without))
    if not tables:
        raise InputError(f"expected figures in the result, {type(result).__name__} holds none")
    sections = [Section(heading, tuple(text), tuple(tables), tuple(figures), tuple(pictures), _caveats(result))]
    if not_shown:
        sections.append(Section("What this does not show", caveats=tuple(not_shown)))
    return tuple(sections)


def titled(name: str) -> str:
    """A field's name as people read it.

    >>> titled("bpcer_at"), titled("macro_f1"), titled("no_decision")
    ('BPCER at', 'Macro F1', 'No decision')
    """
    if name in _WORDS:
        return _WORDS[name]
    words = [word.upper() if word in _SHORT else word for word in name.split("_")]
    return words[0][:1].upper() + words[0][1:] + "".join(f" {word}" for word in words[1:])


def _tables(result: object, caption: str, without: Collection[str] = ()) -> Iterator[Table | Records]:
    """The plain fields in one table, then a table for each part."""
    rows: list[tuple[Cell, ...]] = []
    parts: list[Table | Records] = []
    for name, value in _fields(result):
        if name in without:
            continue
        title = titled(name)
        if _is_cell(value):
            rows.append((title, _cell(name, value)))
        elif isinstance(value, Mapping):
            rows += [(f"{title}: {_key(key)}", _cell(name, each)) for key, each in value.items() if _is_cell(each)]
            inner = {_key(key): each for key, each in value.items() if dataclasses.is_dataclass(each)}
            parts += [
                part for key, each in inner.items() if not _is_cell(each) for part in _tables(each, f"{title}: {key}")
            ]
        elif dataclasses.is_dataclass(value):
            parts += _tables(value, title)
        elif isinstance(value, tuple) and value and all(map(dataclasses.is_dataclass, value)):
            parts += _list(value, title)
        elif isinstance(value, tuple) and value and all(isinstance(each, Path) for each in value):
            rows.append((title, f"{len(value):,}, the first {value[0]}"))
        elif name not in _CAVEATS and _is_short(value):
            rows.append((title, ", ".join(f"{each:g}" if isinstance(each, float) else str(each) for each in value)))
    if rows:
        yield Table(caption, ("Figure", "Value"), tuple(rows))
    yield from parts


def _list(values: tuple[object, ...], caption: str) -> Iterator[Table | Records]:
    """Parts of one kind, a row each, under the fields that are single figures."""
    if all(map(_is_cell, values)):  # counts or rates by place, as of bins: plots show them
        return
    names = [name for name, value in _fields(values[0]) if _is_cell(value)]
    rows = tuple(tuple(_cell(name, value) for name, value in _fields(each) if name in names) for each in values)
    if names and len(rows) > _LONG:
        texts = tuple(tuple(written(cell) for cell in row) for row in rows)
        yield Records(caption, tuple(Column(titled(name)) for name in names), texts)
    elif names:
        yield Table(caption, tuple(map(titled, names)), rows)


def _fields(result: object) -> list[tuple[str, object]]:
    if not dataclasses.is_dataclass(result):
        return []
    return [(field.name, getattr(result, field.name)) for field in dataclasses.fields(result)]


def _is_cell(value: object) -> bool:
    return value is None or isinstance(value, str | int | float | np.number | Path | Interval)


def _is_short(value: object) -> TypeGuard[tuple[str | float, ...]]:
    """A few plain values, a criterion say, and not a list."""
    return (
        isinstance(value, tuple) and 0 < len(value) <= 4 and all(isinstance(each, str | int | float) for each in value)
    )


def _cell(name: str, value: object) -> Cell:
    if isinstance(value, Estimate) and name in _SHARES:
        return Share(value.value, value.low, value.high, value.n)
    if isinstance(value, bool | str | Interval) or value is None:
        return value
    if isinstance(value, int | np.integer):
        return int(value)
    return _finite(float(value)) if isinstance(value, float | np.floating) else str(value)


def _finite(value: float) -> Cell:
    return str(value) if np.isinf(value) else value


def _key(key: object) -> str:
    return " and ".join(map(str, key)) if isinstance(key, tuple) else f"{key:g}" if isinstance(key, float) else str(key)


def _caveats(result: object) -> tuple[str, ...]:
    found: list[str] = []
    for name, value in _fields(result):
        if name in _CAVEATS and isinstance(value, tuple):
            found += [str(each) for each in value]
        elif dataclasses.is_dataclass(value):
            found += _caveats(value)
    return tuple(dict.fromkeys(found))
