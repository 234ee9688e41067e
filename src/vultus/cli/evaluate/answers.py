"""What the evaluating commands print and write: exact JSON, notes, and the report to read."""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from rich.markup import escape

from vultus.cli.output import error_console, warn
from vultus.errors import InputError, OperatingPointError
from vultus.types import Box, Rate

if TYPE_CHECKING:
    from vultus.operating import OperatingTable
    from vultus.report import Section

__all__ = [
    "HtmlOption",
    "ImagesOption",
    "NegateOption",
    "SeedOption",
    "absent",
    "by_rate",
    "exact",
    "notes",
    "prepare_html",
    "print_report",
    "table_of",
    "told",
    "without",
    "write_html",
]

HtmlOption = Annotated[
    Path | None, typer.Option("--html", help="Also write a report to read: one file, needs the extra plots.")
]
ImagesOption = Annotated[Path | None, typer.Option("--images", help="Folder of pictures.")]
NegateOption = Annotated[bool, typer.Option("--negate", help="The file holds distances: flip their sign.")]
SeedOption = Annotated[int, typer.Option("--seed", help="Of everything that is drawn at random.")]

_MOST_LISTED = 10


def exact(value: Any) -> Any:
    """What JSON can hold, with every digit: rates with their counts, NaN and infinity as null."""
    if isinstance(value, Rate):
        return {"value": exact(value.value), "low": value.low, "high": value.high, "k": value.k, "n": value.n}
    if isinstance(value, Box):
        return list(value.round())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: exact(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {_key(key): exact(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return exact(value.tolist())
    if isinstance(value, list | tuple | set | frozenset):
        return [exact(item) for item in value]
    if isinstance(value, np.generic):
        return exact(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value) if isinstance(value, Path) else value


def print_report(value: Any) -> None:
    """One JSON object on one line."""
    sys.stdout.write(json.dumps(exact(value), ensure_ascii=False, allow_nan=False) + "\n")
    sys.stdout.flush()


def told(value: Any) -> str:
    """A rate or an estimate in one line; a dash where there is none, and no interval where none was to be had."""
    if math.isnan(value.value):
        return "–"
    return f"{value.value:.4g}, no interval (n = {value.n})" if math.isnan(value.low) else str(value)


def by_rate(values: Mapping[float, Any]) -> dict[str, Any]:
    """The same by the rate's short name, as JSON has it: 0.001, 1e-05."""
    return {f"{rate:g}": value for rate, value in values.items()}


def without(value: Any, *names: str) -> dict[str, Any]:
    """A result's fields but these."""
    return {item.name: getattr(value, item.name) for item in dataclasses.fields(value) if item.name not in names}


def notes(caveats: Iterable[str]) -> None:
    """What must be said beside the figures, on standard error."""
    for caveat in caveats:
        warn(escape(caveat))


def absent(paths: Sequence[Path], what: str) -> None:
    """List pictures that are not there or cannot be used, the first of them by name; what: "pictures are missing"."""
    if not paths:
        return
    warn(escape(f"{what}, {len(paths)}:"))
    for path in paths[:_MOST_LISTED]:
        error_console().print(f"  {escape(str(path))}", soft_wrap=True)
    if len(paths) > _MOST_LISTED:
        error_console().print(f"  … and {len(paths) - _MOST_LISTED} more (--json lists all)")


def table_of(analyzer: Any) -> OperatingTable | None:
    """The thresholds of the analyzer's model, or None where nobody measured any."""
    from vultus.operating import table_for

    try:
        return table_for(analyzer.contract)
    except OperatingPointError:
        return None


def prepare_html(path: Path | None) -> None:
    """Refuse (InputError) a report that could not be written, before the long work begins."""
    if path is None:
        return
    if not path.parent.is_dir() or path.is_dir():
        raise InputError(f"expected a file in a folder that is there for --html, got {path}")
    import vultus.plots  # noqa: F401 - says which extra is missing


def write_html(
    path: Path | None,
    title: str,
    sections: Callable[[], Sequence[Section]],
    *,
    data: str,
    command: str,
    model: str = "",
    seed: int | None = None,
) -> None:
    """Write the report where one was asked for."""
    if path is None:
        return
    from vultus import __version__
    from vultus.report import Origin, write_report

    origin = Origin(data=data, command=command, model=model, version=__version__, seed=seed)
    write_report(path, title, sections(), origin=origin)
    error_console().print(f"wrote {path}", soft_wrap=True)


def _key(key: Any) -> str:
    return " / ".join(map(str, key)) if isinstance(key, tuple) else f"{key:g}" if isinstance(key, float) else str(key)
