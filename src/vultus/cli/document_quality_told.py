"""What `vultus document quality` says: lines for programs, tables for people, rows of CSV, drawn guides."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Self

from vultus.cli.drawings import Names
from vultus.cli.growing_csv import GrowingCsv
from vultus.cli.output import console, counted, error_console, print_json, table, warn
from vultus.draw import annotate_document
from vultus.images import write
from vultus.integrity.quality import Assessed, DocumentQuality, Limit, Measure, Profile
from vultus.integrity.quality.names import NAMES
from vultus.integrity.quality.scalars import MEASURES, NEEDS_MODEL
from vultus.integrity.quality.values import NOT_ASSESSED, NOTICE

__all__ = ["Drawn", "Table", "Told"]


class Told:
    """Lines as they come for programs; for people one table a picture, or a line each for several."""

    def __init__(self, profile: Profile, *, json: bool, table: Table | None, alone: bool) -> None:
        self.json = json
        self.failed = 0  # pictures that do not pass
        self.unread = 0  # pictures that could not be assessed
        self._profile = profile
        self._table = table
        self._alone = alone
        self._rows: list[tuple[str, ...]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.json or not self._rows:
            return
        table(None, ("source", "pass", "what to do"), self._rows)
        console().print(f"[dim]profile {self._profile.name}: {self._profile.title}. {NOTICE}[/]", soft_wrap=True)

    def picture(self, seen: Assessed) -> None:
        """One picture, or why it could not be assessed."""
        if self._table is not None:
            self._table.row(seen)
        if seen.quality is None:
            self.unread += 1
            warn(str(seen.error))
            if self.json:
                print_json({"source": seen.name, "passed": None, "error": str(seen.error), "notes": seen.notes})
            return
        self.failed += not seen.quality.passed
        if self.json:
            print_json(_line(seen, seen.quality))
        elif self._alone:
            _sheet(seen, seen.quality, self._profile)
        else:
            self._rows.append((Path(seen.name).name or seen.name, _word(seen.quality.passed), _todo(seen)))


def _line(seen: Assessed, quality: DocumentQuality) -> dict[str, object]:
    return {
        "source": seen.name,
        "passed": quality.passed,
        "profile": quality.profile,
        "faces": quality.faces,
        "box": quality.face.box,
        "size": quality.size_wh,
        "advice": quality.advice,
        "crop": quality.crop,
        "notes": seen.notes,
        "error": None,
        "measures": quality.measures,
    }


def _sheet(seen: Assessed, quality: DocumentQuality, profile: Profile) -> None:
    """Every row of one picture."""
    rows, said = [], set[str]()
    for row in quality.measures:
        if row.origin != NOT_ASSESSED:
            rows.append((*_cells(row), "as above" if row.advice in said else row.advice))
            said |= {row.advice} - {""}
    table(None, ("measure!", "raw#", "0-100#", "asked", "pass", "what to do"), rows)
    left = [row.name for row in quality.measures if row.origin == NOT_ASSESSED]
    out = console()
    verdict = "[bold green]passes[/]" if quality.passed else "[bold red]does not pass[/]"
    out.print(f"{seen.name}: {verdict} the profile {profile.name} ({profile.title})", soft_wrap=True)
    for note in seen.notes:
        out.print(f"note: {note}", soft_wrap=True)
    out.print(f"[dim]{NOT_ASSESSED}: {', '.join(left)}[/]", soft_wrap=True)
    out.print(f"[dim]{NOTICE}[/]", soft_wrap=True)


def _cells(row: Measure) -> tuple[str, ...]:
    raw = "" if math.isnan(row.raw) else f"{row.raw:.3f}"
    mapped = "" if row.scalar is None else str(row.scalar)
    asked = "" if row.limit is None else _asked(row.limit)
    return row.name, raw, mapped, asked, _word(row.passed)


def _asked(limit: Limit) -> str:
    """A limit in few signs; of the scalar where it says so."""
    of = "0-100 " if limit.of == "scalar" else ""
    if math.isinf(limit.high):
        return f"{of}≥ {limit.low:g}"
    return f"{of}≤ {limit.high:g}" if math.isinf(limit.low) else f"{of}{limit.low:g} … {limit.high:g}"


def _word(passed: bool | None) -> str:
    return {True: "[green]yes[/]", False: "[bold red]no[/]", None: ""}[passed]


def _todo(seen: Assessed) -> str:
    return "\n".join([*(() if seen.quality is None else seen.quality.advice), *seen.notes])


class Table(GrowingCsv):
    """A row a picture.

    Each measure has its raw value under its name, and beside it `.scalar` where it has one and
    `.passed` (yes, no, or empty where nothing is asked). Empty cells: not measured.
    """

    advice = "free some space or choose another place"

    def __init__(self, path: Path) -> None:
        columns = ["source", "passed", "profile", "faces", "advice", "notes", "error"]
        for name in NAMES:
            if name not in NEEDS_MODEL:
                columns += [name, *([f"{name}.scalar"] if name in MEASURES else []), f"{name}.passed"]
        super().__init__(path, columns)

    def row(self, seen: Assessed) -> None:
        """One picture; of one that could not be assessed only the reason."""
        quality = seen.quality
        error = "" if seen.error is None else str(seen.error)
        notes = "; ".join(seen.notes)
        if quality is None:
            self.write([seen.name, "", "", "", "", notes, error])
            return
        cells = [
            seen.name,
            _yes(quality.passed),
            quality.profile,
            quality.faces,
            "; ".join(quality.advice),
            notes,
            "",
        ]
        for measure in quality.measures:
            if measure.origin != NOT_ASSESSED:
                cells.append("" if math.isnan(measure.raw) else f"{measure.raw:.6f}")
                cells += [] if measure.scalar is None else [measure.scalar]
                cells.append(_yes(measure.passed))
        self.write(cells)


def _yes(passed: bool | None) -> str:
    return {True: "yes", False: "no", None: ""}[passed]


class Drawn:
    """The folder for annotated pictures; None where none are asked for."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._names = Names()
        self._written = 0

    def picture(self, seen: Assessed) -> None:
        """Draw the guides of one picture; one without a face is not written."""
        if self.folder is None or seen.picture is None or seen.quality is None:
            return
        path = self.folder / self._names.free(seen.name, ".jpg")
        write(path, annotate_document(seen.picture.image, seen.quality))
        self._written += 1

    def tell(self) -> None:
        """Say where the files are."""
        if self._written:
            error_console().print(f"wrote {counted(self._written, 'file')} to {self.folder}", soft_wrap=True)
