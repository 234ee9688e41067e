"""What commands print: JSON for programs, tables and progress bars for people."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from vultus.types import Box, Liveness, LivenessPoint, OperatingPoint, Quality, Rate, Refusal

__all__ = [
    "console",
    "counted",
    "error_console",
    "liveness_fields",
    "liveness_line",
    "no",
    "plain",
    "point_line",
    "print_json",
    "progress",
    "table",
    "warn",
]


def console() -> Console:
    """For results; made at each call, so that a redirected stream is the one that is used."""
    return Console(highlight=False)


def error_console() -> Console:
    """For everything that is not a result: progress, notes, warnings."""
    return Console(stderr=True, highlight=False)


def print_json(value: Any) -> None:
    """One JSON object on one line, flushed, so that a reader sees each as it comes."""
    sys.stdout.write(json.dumps(plain(value), ensure_ascii=False, allow_nan=False) + "\n")
    sys.stdout.flush()


def plain(value: Any) -> Any:
    """What JSON can hold: dataclasses as objects, boxes as whole pixels, NaN as null."""
    if isinstance(value, Box):
        return list(value.round())
    if isinstance(value, Rate):
        return {"value": plain(value.value), "low": value.low, "high": value.high, "k": value.k, "n": value.n}
    if isinstance(value, Refusal):
        return {"code": value.code, "value": plain(value.value), "limit": value.limit}
    if isinstance(value, Quality):
        return {item.name: plain(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: plain(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return round(value, 6) if np.isfinite(value) else None
    if isinstance(value, Path):
        return str(value)
    return value


def table(title: str | None, columns: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """A table for people. A column's name may end in a mark: # for numbers, ! for what is copied and so not broken."""
    grid = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        grid.add_column(
            column.rstrip("#!"),
            justify="right" if column.endswith("#") else "left",
            overflow="fold",
            no_wrap=column.endswith("!"),
        )
    for row in rows:
        grid.add_row(*row)
    console().print(grid)


def point_line(point: OperatingPoint) -> str:
    """A threshold in words, with the error rate that it stands for and on what data."""
    against = f" against {point.people} people" if point.task != "verify" else ""
    extrapolated = ", extrapolated beyond what the data can show" if point.extrapolated else ""
    return f"threshold {point.threshold:.3f}: {point.metric} {point.target:g}{against} ({point.data}{extrapolated})"


def liveness_fields(answer: Liveness) -> dict[str, Any]:
    """An answer of attack detection under the names that every command gives it."""
    return {
        "live": answer.live,
        "liveness_score": answer.score,
        "liveness_threshold": answer.point.threshold,
        "liveness_abstained": answer.abstained or None,
        "liveness_signals": answer.signals,
    }


def liveness_line(point: LivenessPoint) -> str:
    """A threshold of attack detection in words, with the error rates that it stands for and on what data."""
    rates = [f"{name} {rate.value:.2%}" for name, rate in (("APCER", point.apcer), ("BPCER", point.bpcer)) if rate]
    return f"threshold {point.threshold:.3f}: {', '.join([point.criterion, *rates])} ({point.data})"


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun.

    >>> counted(1, "face"), counted(2, "face"), counted(0, "person", "people")
    ('1 face', '2 faces', '0 people')
    """
    return f"{count} {noun if count == 1 else plural or noun + 's'}"


def warn(text: str) -> None:
    """A note on standard error."""
    error_console().print(f"[yellow]note:[/] {text}", soft_wrap=True)


def no(answer: bool) -> None:
    """End with exit status 1 when the answer is no."""
    if answer:
        raise typer.Exit(1)


@contextmanager
def progress(label: str, total: int | None, *, quiet: bool = False) -> Iterator[Any]:
    """A progress bar on standard error; yields `advance(done=1)` or `advance(to=n)`.

    Shown to people only: with `quiet`, or where standard error is no terminal, nothing is
    printed.
    """
    target = error_console()
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=target, transient=True, disable=quiet or not target.is_terminal) as bar:
        task = bar.add_task(label, total=total)

        def advance(done: int = 1, *, to: int | None = None, total: int | None = None) -> None:
            if total is not None:
                bar.update(task, total=total)
            if to is not None:
                bar.update(task, completed=to)
            else:
                bar.advance(task, done)

        yield advance
