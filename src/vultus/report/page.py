"""A report as one HTML file: no server, no network, nothing outside the file.

The page's own content policy lets nothing be fetched and no script run but the one whose hash
it names; what comes from data is escaped all the same. Without scripts everything can be read,
of long tables the first page.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import math
import os
import re
from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path

from vultus.errors import InputError
from vultus.files import write_atomically
from vultus.report.cells import count_of, escaped, interval_of, number, plain, value_of, written
from vultus.report.values import Cell, Exhibit, Figure, Interval, Origin, Records, Section, Table

__all__ = ["render", "write_report"]

PAGE = 25  # rows of a long table at first
_SIZES = (25, 100, 500)
_MOST_CHOICES = 40


def write_report(
    path: str | os.PathLike[str], title: str, sections: Sequence[Section], *, origin: Origin | None = None
) -> Path:
    """Write the report, whole or not at all; the same input gives the same bytes.

    Refused: no title or no section (InputError); a folder that cannot be written (StorageError).
    """
    target = Path(path)
    write_atomically(target, render(title, sections, origin=origin).encode("utf-8"))
    return target


def render(title: str, sections: Sequence[Section], *, origin: Origin | None = None) -> str:
    """The report as HTML text. Refused (InputError): no title, no section."""
    if not title.strip() or not sections:
        raise InputError(f"expected a title and sections of the report, got {title!r} and {len(sections)} sections")
    folder = resources.files("vultus.report")
    style = (folder / "page.css").read_text(encoding="utf-8")
    script = (folder / "records.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    policy += "; base-uri 'none'; form-action 'none'"
    contents = "".join(
        f'<li><a href="#section-{at}">{escaped(each.heading)}</a></li>' for at, each in enumerate(sections, 1)
    )
    body = _numbered("\n".join(_section(each, at) for at, each in enumerate(sections, 1)))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<meta name="robots" content="noindex">
<link rel="icon" href="data:,">
<title>{escaped(title)}</title>
<style>{style}</style>
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
<header>
<h1>{escaped(title)}</h1>
{_origin(origin)}{_private(sections)}
<nav class="contents" aria-label="Contents"><ol>{contents}</ol></nav>
</header>
<main id="content">
{body}
</main>
<footer>Made by vultus{f" {escaped(origin.version)}" if origin and origin.version else ""}. Intervals are 95 %.</footer>
<script>{script}</script>
</body>
</html>
"""


def _origin(origin: Origin | None) -> str:
    if origin is None:
        return ""
    entries = [
        ("Data", escaped(origin.data)),
        ("Command", f"<code>{escaped(origin.command)}</code>" if origin.command else ""),
        ("Model", escaped(origin.model)),
        ("Version", escaped(origin.version)),
        ("Date", escaped(origin.date)),
        ("Seed", "" if origin.seed is None else str(origin.seed)),
    ]
    return (
        '<dl class="origin">' + "".join(f"<dt>{name}</dt><dd>{text}</dd>" for name, text in entries if text) + "</dl>\n"
    )


def _private(sections: Sequence[Section]) -> str:
    holds = []
    if any(isinstance(table, Records) and table.rows for each in sections for table in each.tables):
        holds.append("single comparisons")
    if any(each.pictures for each in sections):
        holds.append("pictures of people")
    if not holds:
        return ""
    return f'<p class="private">This file holds {" and ".join(holds)}: treat it as personal data.</p>'


def _section(section: Section, at: int) -> str:
    key = f"section-{at}"
    parts = [f'<section id="{key}" aria-labelledby="{key}-heading">']
    parts.append(f'<h2 id="{key}-heading">{escaped(section.heading)}</h2>')
    parts += [f"<p>{escaped(paragraph)}</p>" for paragraph in section.text]
    if section.caveats:
        parts.append(
            '<ul class="caveats">' + "".join(f"<li>{escaped(each)}</li>" for each in section.caveats) + "</ul>"
        )
    parts += [_table(each) for each in section.tables if isinstance(each, Table)]
    if section.figures:
        parts.append('<div class="figures">' + "".join(map(_figure, section.figures)) + "</div>")
    if section.pictures:
        parts.append('<div class="exhibits">' + "".join(map(_exhibit, section.pictures)) + "</div>")
    parts += [
        _records(each, f"{key}-records-{place}")
        for place, each in enumerate(section.tables)
        if isinstance(each, Records)
    ]
    return "\n".join([*parts, "</section>"])


def _table(table: Table) -> str:
    """A table whose second column holds intervals gets columns for interval and counts; else they stay in the cell."""
    spread = len(table.columns) == 2 and any(isinstance(row[1], Interval) for row in table.rows)
    columns = [*table.columns, "95 % interval", "Counts"] if spread else list(table.columns)
    head = "".join(
        f'<th scope="col"{_class("number" if spread and at else "")}>{escaped(name)}</th>'
        for at, name in enumerate(columns)
    )
    lines = []
    for first, *others in table.rows:
        cells = [f'<th scope="row">{escaped(written(first))}</th>']
        if spread:
            kind = "number" if isinstance(others[0], Interval) else "right"
            texts = (value_of(others[0]), interval_of(others[0]), count_of(others[0]))
            cells += [f"<td{_class(kind)}>{escaped(text)}</td>" for text in texts]
        else:
            cells += [f"<td{_class(_kind(each))}>{escaped(written(each))}</td>" for each in others]
        lines.append(f"<tr>{''.join(cells)}</tr>")
    note = f'<p class="note">{escaped(table.note)}</p>' if table.note else ""
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{escaped(table.caption)}"><table>'
        f"<caption>{escaped(table.caption)}</caption><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody>"
        f"</table></div>{note}"
    )


def _kind(cell: Cell) -> str:
    return "number" if isinstance(cell, int | float) and not isinstance(cell, bool) else ""


def _class(name: str) -> str:
    return f' class="{name}"' if name else ""


def _figure(figure: Figure) -> str:
    drawing = figure.svg.replace("<svg", f'<svg role="img" aria-label="{escaped(figure.alt)}"', 1)
    caption = f"<figcaption>{escaped(figure.caption)}</figcaption>" if figure.caption else ""
    frame = f'<div class="scroll" role="region" tabindex="0" aria-label="{escaped(figure.caption or "Figure")}">'
    return f"<figure>{frame}{drawing}</div>{caption}</figure>"


def _numbered(body: str) -> str:
    """Ids within the drawings made different from each other's, in the order of the page."""
    order = itertools.count(1)

    def apart(found: re.Match[str]) -> str:
        return re.sub(r'( id="| href="#|url\(#)', rf"\g<1>figure-{next(order)}-", found[0])

    return re.sub(r"<svg\b.*?</svg>", apart, body, flags=re.DOTALL)


def _exhibit(exhibit: Exhibit) -> str:
    shown = "".join(
        f'<img alt="{escaped(each.alt)}" src="data:{each.media};base64,{base64.b64encode(each.data).decode()}">'
        for each in exhibit.pictures
    )
    text = f"<br>{escaped(exhibit.text)}" if exhibit.text else ""
    return (
        f'<figure class="exhibit"><div class="pair">{shown}</div>'
        f"<figcaption><b>{escaped(exhibit.title)}</b>{text}</figcaption></figure>"
    )


def _records(records: Records, key: str) -> str:
    kinds = [column.kind for column in records.columns]
    rows = [[_datum(cell, kind) for cell, kind in zip(row, kinds, strict=True)] for row in records.rows]
    columns = [{"name": plain(each.name), "kind": each.kind, "digits": each.digits} for each in records.columns]
    picks = "".join(
        f'<label>{escaped(column.name)}<select data-column="{at}"><option value="">all</option>{_options(rows, at)}'
        "</select></label>"
        for at, column in enumerate(records.columns)
        if column.kind == "choice"
    )
    head = "".join(
        f'<th scope="col" aria-sort="none"{_class("number" if each.kind == "number" else "")}>'
        f'<button type="button" disabled>{escaped(each.name)}</button></th>'
        for each in records.columns
    )
    first = "".join(
        "<tr>"
        + "".join(
            f"<td{_class('number' if column.kind == 'number' else '')}>{escaped(_shown(cell, column.digits))}</td>"
            for cell, column in zip(row, records.columns, strict=True)
        )
        + "</tr>"
        for row in rows[:PAGE]
    )
    sizes = "".join(f"<option>{size}</option>" for size in _SIZES)
    note = f'<p class="note">{escaped(records.note)}</p>' if records.note else ""
    part = f"Without scripts only the first {min(PAGE, len(rows))} of {number(len(rows))} rows are shown."
    data = _json({"columns": columns, "rows": rows})
    return f"""<div class="records" id="{key}">
<h3 id="{key}-name">{escaped(records.caption)}</h3>{note}
<div class="controls" hidden>
<label>Search<input type="search" autocomplete="off"></label>{picks}
<label>Rows a page<select class="size">{sizes}</select></label>
</div>
<p class="note unscripted">{part}</p>
<div class="scroll" role="region" tabindex="0" aria-labelledby="{key}-name">
<table aria-labelledby="{key}-name"><thead><tr>{head}</tr></thead><tbody>{first}</tbody></table>
</div>
<div class="pager" hidden>
<button type="button">Previous</button><p role="status">{number(len(rows))} rows</p><button type="button">Next</button>
</div>
<script type="application/json">{data}</script>
</div>"""


def _options(rows: Iterable[Sequence[str | float | None]], at: int) -> str:
    values = sorted({"–" if row[at] is None else str(row[at]) for row in rows})
    if len(values) > _MOST_CHOICES:
        raise InputError(
            f"expected a choice of at most {_MOST_CHOICES} values, got {len(values)}; make the column text"
        )
    return "".join(f'<option value="{escaped(value)}">{escaped(value)}</option>' for value in values)


def _datum(cell: str | float | None, kind: str) -> str | float | None:
    if isinstance(cell, str):
        return plain(cell)
    if cell is None or math.isnan(cell):
        return None
    return number(cell) if kind == "choice" else round(float(cell), 9)


def _shown(cell: str | float | None, digits: int) -> str:
    if cell is None:
        return "–"
    return cell if isinstance(cell, str) else f"{cell:.{digits}f}"


def _json(value: object) -> str:
    """JSON that cannot end the element it stands in, or begin another."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text
