"""What `vultus expression` says: lines for programs, a table for people, rows of CSV, marked pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from vultus.cli.drawings import Names
from vultus.cli.growing_csv import GrowingCsv
from vultus.cli.output import console, counted, error_console, print_json, table, warn
from vultus.draw import Bars, annotate_bars
from vultus.expression import Curve, Look, Shown
from vultus.images import write
from vultus.models.expression import ExpressionReader
from vultus.types import Box, Expression

__all__ = ["SHOWN", "Drawn", "Table", "Told", "measured"]

SHOWN = "the expression a face shows, never the emotion that is felt; a research estimate"


def measured(reader: ExpressionReader) -> str:
    """How often a reader was right on its test set, in words."""
    rate = reader.accuracy
    if rate is None:
        return "its card states no accuracy on a test set"
    shown = f"accuracy {rate.value:.1%} [{rate.low:.1%}, {rate.high:.1%}] ({rate.k}/{rate.n})"
    return f"{shown} on the test of {reader.tested_on}"


class Told:
    """Lines as they come for programs, one table at the end for people."""

    def __init__(self, reader: ExpressionReader, *, json: bool, table: Table | None) -> None:
        self.json = json
        self.measured = measured(reader)
        self.failed = 0
        self.empty: list[str] = []  # pictures and videos without a face
        self._reader = reader
        self._table = table
        self._rows: list[tuple[str, ...]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.json or not self._rows:
            return
        table(None, ("source", "face", "shows", "P#", "others"), self._rows)
        console().print(f"[dim]{SHOWN}[/]", soft_wrap=True)
        console().print(f"[dim]{self._reader.model}: {self.measured}[/]", soft_wrap=True)

    def picture(self, shown: Shown) -> None:
        """Every face of a picture."""
        if shown.error is not None:
            self.failed += 1
            warn(str(shown.error))
            return
        if not shown.faces:
            self._no_face(shown.name)
            return
        for number, (face, answer) in enumerate(zip(shown.faces, shown.expressions, strict=True), 1):
            if self._table is not None:
                self._table.row(shown.name, {"face": number}, face.box, answer, answer)
            if self.json:
                self._line(shown.name, face.box, answer, {"face": number, "note": shown.note or None})
            else:
                self._rows.append((Path(shown.name).name or shown.name, str(number), *_cells(answer)))

    def look(self, name: str, look: Look) -> None:
        """One face in one frame of a video."""
        when = {"track": look.track, "shot": look.shot, "frame": look.frame, "time": look.time}
        if self._table is not None:
            self._table.row(name, when, look.box, look.smoothed, look.seen)
        if self.json:
            self._line(name, look.box, look.smoothed, {"unsmoothed": look.seen.scores or None, **when})

    def watched(self, name: str, curves: Sequence[Curve]) -> None:
        """A video from its beginning to its end."""
        if not curves:
            self._no_face(name)
        if self.json:
            return
        for curve in curves:
            when = f"{curve.track}: {curve.start:.1f}-{curve.end:.1f} s"
            if (most := curve.most) is None:
                self._rows.append((Path(name).name or name, when, "[dim]no answer[/]", "", curve.reason))
                continue
            said = (f"[bold]{most[0]}[/]", f"{most[1]:.2f}", _others(curve.means, most[0]))
            self._rows.append((Path(name).name or name, when, *said))

    def _no_face(self, name: str) -> None:
        self.empty.append(name)
        if self.json:
            print_json({"source": name, "faces": [], "note": "no face was found"})
        else:
            self._rows.append((Path(name).name or name, "", "no face", "", ""))

    def _line(self, source: str, box: Box, answer: Expression, more: dict[str, Any]) -> None:
        print_json(
            {
                "source": source,
                "box": box,
                "label": answer.label,
                "probability": answer.probability,
                "probabilities": answer.scores or None,
                "abstained": answer.abstained or None,
                "model": answer.model,
                "accuracy": self._reader.accuracy,
                "tested_on": self._reader.tested_on or None,
                **more,
            }
        )


class Table(GrowingCsv):
    """A row a face.

    `probability` and p_CLASS are smoothed for videos, raw_CLASS are those of the frame alone.
    """

    def __init__(self, path: Path, reader: ExpressionReader) -> None:
        self._classes = reader.classes
        names = ["source", "face", "track", "shot", "frame", "time", "x1", "y1", "x2", "y2", "label", "probability"]
        names += [f"p_{name}" for name in self._classes] + [f"raw_{name}" for name in self._classes]
        super().__init__(path, [*names, "abstained", "model"])

    def row(self, source: str, where: dict[str, Any], box: Box, answer: Expression, raw: Expression) -> None:
        """One face; `where` holds face, or track, shot, frame and time."""
        place = [where.get(name, "") for name in ("face", "track", "shot", "frame")]
        time = f"{where['time']:.3f}" if "time" in where else ""
        shares = [
            f"{scores[name]:.6f}" if scores else "" for scores in (answer.scores, raw.scores) for name in self._classes
        ]
        said = f"{answer.probability:.6f}" if answer.label else ""
        cells = [*place, time, *box.round(), answer.label or "", said, *shares, answer.abstained, answer.model]
        self.write([source, *cells])


class Drawn:
    """Pictures with a frame and bars for every face, written into a folder; None: none."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._names = Names()
        self._pictures = 0

    def picture(self, shown: Shown) -> None:
        """Draw one picture."""
        if self.folder is None or shown.picture is None:
            return
        pairs = zip(shown.faces, shown.expressions, strict=True)
        bars = [Bars(face.box, answer.scores, answer.abstained) for face, answer in pairs]
        write(self.folder / self._names.free(shown.name, ".jpg"), annotate_bars(shown.picture.image, bars))
        self._pictures += 1

    def film(self, source: str) -> Path | None:
        """Where the annotated film of a source goes."""
        return None if self.folder is None else self.folder / self._names.free(source, ".mp4")

    def tell(self) -> None:
        """Say where the pictures are."""
        if self._pictures:
            error_console().print(f"wrote {counted(self._pictures, 'file')} to {self.folder}", soft_wrap=True)


def _cells(answer: Expression) -> tuple[str, str, str]:
    label = answer.label
    if label is None:
        return "[dim]no answer[/]", "", answer.abstained
    return f"[bold]{label}[/]", f"{answer.probability:.2f}", _others(answer.scores, label)


def _others(scores: dict[str, float], label: str) -> str:
    """Every other class, the most probable first."""
    rest = sorted(((value, name) for name, value in scores.items() if name != label), reverse=True)
    return ", ".join(f"{name} {value:.2f}" for value, name in rest)
