"""Numbers and text as they are written in a report."""

from __future__ import annotations

import html
import math
import re
from typing import Any

import numpy as np

from vultus.report.values import Cell, Counted, Interval, Share
from vultus.types import Rate

__all__ = ["count_of", "escaped", "interval_of", "number", "per_cent", "plain", "value_of", "written"]

# What HTML forbids, and what turns the text after it around.
_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)


def plain(text: str) -> str:
    r"""Text without characters that HTML forbids or that would turn what follows around.

    >>> plain("a\x00b\ud800")
    'a�b�'
    """
    return _FORBIDDEN.sub("\ufffd", text)


def escaped(text: str) -> str:
    """Text for HTML, inside and outside of quotes.

    >>> escaped('<b title="x">')
    '&lt;b title=&quot;x&quot;&gt;'
    """
    return html.escape(plain(text), quote=True)


def number(value: float | np.number[Any]) -> str:
    """A number with four significant digits; thousands of whole ones with a comma; NaN a dash.

    >>> number(12345), number(0.123456), number(float("nan"))
    ('12,345', '0.1235', '–')
    """
    if isinstance(value, int | np.integer):
        return f"{int(value):,}"
    return "–" if math.isnan(float(value)) else f"{value:.4g}"


def per_cent(value: float) -> str:
    """A share in per cent with three significant digits, a small one in powers of ten.

    >>> per_cent(0.0214), per_cent(0.000012), per_cent(1.0)
    ('2.14 %', '1.2e-05', '100 %')
    """
    if math.isnan(value):
        return "–"
    if 0 < value < 1e-4:
        return f"{value:.2g}"
    return f"{100 * value:.{4 if value > 0.99 else 3}g} %"


def value_of(cell: Cell) -> str:
    """The value of a cell without interval or counts."""
    if cell is None:
        return "–"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, str):
        return cell
    if isinstance(cell, int | float | np.number):
        return number(cell)
    return per_cent(cell.value) if isinstance(cell, Rate | Share) else number(cell.value)


def interval_of(cell: Cell) -> str:
    """Its 95 % interval, empty where it has none."""
    if not isinstance(cell, Interval) or math.isnan(cell.low) or math.isnan(cell.high):
        return ""
    write = per_cent if isinstance(cell, Rate | Share) else number
    return f"{write(cell.low)} to {write(cell.high)}"


def count_of(cell: Cell) -> str:
    """What it rests on: errors of trials, or how many."""
    if isinstance(cell, Rate):
        return f"{cell.k:,} of {cell.n:,}"
    return f"n = {cell.n:,}" if isinstance(cell, Counted) else ""


def written(cell: Cell) -> str:
    """A cell in one line: value, interval, counts."""
    interval, count = interval_of(cell), count_of(cell)
    return " ".join([value_of(cell), *([f"[{interval}]"] if interval else []), *([f"({count})"] if count else [])])
