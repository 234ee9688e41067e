"""What a report is made of: frozen values, checked when they are made."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, Self, runtime_checkable
from xml.etree import ElementTree

from vultus.errors import InputError

__all__ = [
    "Cell",
    "Column",
    "Counted",
    "Exhibit",
    "Figure",
    "Interval",
    "Origin",
    "Picture",
    "Records",
    "Section",
    "Share",
    "Table",
]


@runtime_checkable
class Interval(Protocol):
    """A value between its limits: `types.Rate`, `types.Estimate`, `metrics.age.Measure`."""

    @property
    def value(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...


@runtime_checkable
class Counted(Interval, Protocol):
    """An interval that knows on how many it rests."""

    @property
    def n(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Share:
    """An estimate between 0 and 1 that is written in per cent: ACER, UAR and the like."""

    value: float
    low: float
    high: float
    n: int

    @classmethod
    def of(cls, estimate: Counted) -> Self:
        """The same numbers, to be written in per cent."""
        return cls(estimate.value, estimate.low, estimate.high, estimate.n)


Cell = str | int | float | bool | None | Interval

_DRAWN = {"svg", "g", "defs", "path", "use", "text", "tspan", "clipPath", "rect", "circle", "line", "polygon", "image"}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the figures come from, printed at the head; what is empty is left out."""

    data: str
    command: str = ""
    model: str = ""
    version: str = ""  # of vultus
    date: str = ""  # none is made up: the same input gives the same file
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A small table, printed whole. A cell that is a rate carries its interval and counts."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""

    def __post_init__(self) -> None:
        _rectangular(self.columns, self.rows, self.caption)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a long table; a reader can pick one value of a "choice"."""

    name: str
    kind: Literal["text", "number", "choice"] = "text"
    digits: int = 4  # behind the point


@dataclass(frozen=True, slots=True)
class Records:
    """A long table, turned page by page, sorted and searched in the page. NaN and None are empty."""

    caption: str
    columns: tuple[Column, ...]
    rows: Sequence[tuple[str | float | None, ...]]
    note: str = ""

    def __post_init__(self) -> None:
        _rectangular(self.columns, self.rows, self.caption)


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawing (`plots.svg`) with a caption, and its content in words for who does not see it.

    Refused (InputError): what is not one well-formed <svg> of shapes and text, scripts, event
    handlers, references to anything outside, no words.
    """

    svg: str
    caption: str
    alt: str

    def __post_init__(self) -> None:
        if not self.alt.strip():
            raise InputError(f"expected words for what the figure {self.caption!r} shows, got none")
        if not self.svg.startswith("<svg"):
            raise InputError(f"expected a figure as <svg> element, got {self.svg[:40]!r}")
        try:
            root = ElementTree.fromstring(self.svg)
        except ElementTree.ParseError as error:
            raise InputError(f"expected a well-formed <svg>: {error}") from error
        for element in root.iter():
            name = element.tag.rpartition("}")[2]
            if name not in _DRAWN:
                raise InputError(f"expected shapes and text in an <svg>, got <{name}>")
            for key, value in element.items():
                outside = key.rpartition("}")[2] == "href" and not re.match(r"#|data:image/(png|jpeg);base64,", value)
                fetched = re.search(r"url\(\s*['\"]?(?!#|['\"])", value)
                if key.lower().startswith("on") or outside or fetched:
                    raise InputError(f"expected an <svg> that refers to nothing outside, got {key}={value[:60]!r}")


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG or PNG that the caller allows to be shown. Refused (InputError): other bytes, no words."""

    data: bytes
    alt: str

    def __post_init__(self) -> None:
        if not self.data.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")):
            raise InputError(f"expected a picture as JPEG or PNG, got {self.data[:8]!r}")
        if not self.alt.strip():
            raise InputError("expected words for what the picture shows, got none")

    @property
    def media(self) -> str:
        """Its media type."""
        return "image/jpeg" if self.data.startswith(b"\xff") else "image/png"


@dataclass(frozen=True, slots=True)
class Exhibit:
    """Pictures that belong together, a wrongly matched pair say."""

    pictures: tuple[Picture, ...]
    title: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """One part of a report, in the order in which it is read."""

    heading: str
    text: tuple[str, ...] = ()  # paragraphs
    tables: tuple[Table | Records, ...] = ()
    figures: tuple[Figure, ...] = ()
    pictures: tuple[Exhibit, ...] = ()
    caveats: tuple[str, ...] = ()


def _rectangular(columns: Sequence[object], rows: Sequence[Sequence[object]], caption: str) -> None:
    if not columns:
        raise InputError(f"expected columns of the table {caption!r}, got none")
    for at, row in enumerate(rows):
        if len(row) != len(columns):
            raise InputError(f"table {caption!r}: expected {len(columns)} cells, got {len(row)} in row {at}")
        if any(isinstance(cell, float) and math.isinf(cell) for cell in row):
            raise InputError(f"table {caption!r}: expected finite numbers, got infinity in row {at}; write it as text")
