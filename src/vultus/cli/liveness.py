"""`vultus liveness`: are the faces in pictures and videos there in person."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vultus.cli import options
from vultus.cli.output import console, liveness_line, no, print_json, progress, table, warn
from vultus.errors import InputError

if TYPE_CHECKING:
    from vultus.analyzer import Analyzer
    from vultus.bulk import Seen, TrackChecked
    from vultus.cli.drawings import Drawings
    from vultus.types import Box, Liveness

__all__ = ["add_to"]

MULTIMODAL = "mmda-small"


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("liveness")(liveness)


@options.choosing
def liveness(
    sources: Annotated[
        list[str],
        typer.Argument(metavar="SOURCE…", help="Pictures, folders, videos, web addresses, rtsp://…, or camera:0."),
    ],
    model: Annotated[
        str | None, typer.Option("--model", help="Attack detector; see `vultus models list`.", show_default="rgb")
    ] = None,
    depth: Annotated[
        Path | None, typer.Option("--depth", help="Depth beside one picture, registered to it: PNG or TIFF.")
    ] = None,
    ir: Annotated[Path | None, typer.Option("--ir", help="Infrared beside one picture, registered to it.")] = None,
    depth_scale: Annotated[
        float | None, typer.Option("--depth-scale", help="Metres a unit of a 16-bit depth picture.", min=0.0)
    ] = None,
    json: options.JsonOption = False,
    draw: options.DrawOption = None,
    stride: Annotated[
        int | None, typer.Option("--stride", help="Video: frames from one detection to the next.", min=1)
    ] = None,
    smallest: options.SmallestOption = 16.0,
    chosen: options.Chosen = options.DEFAULTS,
) -> None:
    """Say of every face whether it is there in person, or a print, a screen or a paper mask.

    A line a face for pictures, a line a track for video, with P(bona fide), the signals behind
    it and the threshold. It is evidence, not proof: silicone masks, make-up and pictures fed
    into the camera's cable are not covered. Ends with status 0 when every face that could be
    judged is live, 1 when one is not or when none could be judged.
    """
    from vultus.bulk import is_video, pictures
    from vultus.cli.drawings import Drawings

    names = list(pictures(sources, videos=True))
    if not names:
        raise InputError(f"no picture or video found in {', '.join(sources)}")
    multimodal = depth is not None or ir is not None
    name = model or (MULTIMODAL if multimodal else "rgb")
    if multimodal and (len(names) != 1 or is_video(names[0]) or name != MULTIMODAL):
        raise InputError(f"--depth and --ir go with one picture and --model {MULTIMODAL}; give the pictures one by one")
    # In films the recogniser tells when one face gives way to another.
    late = not any(map(is_video, names))
    analyzer = chosen.analyzer(smallest=smallest, late=late).with_liveness(name)
    printer, drawings = _Printer(json), Drawings(draw, None)
    if multimodal:
        _beside(analyzer, names[0], (depth, ir, depth_scale), printer, chosen)
        names = []
    stills = [name for name in names if not is_video(name)]
    try:
        if stills:
            _pictures(analyzer, stills, printer, drawings)
        for name in names:
            if is_video(name):
                _video(analyzer, name, printer, drawings, stride)
    finally:
        printer.finish()
    if names and printer.failed == len(names):
        raise InputError("nothing could be read; the reasons stand above")
    if not json and not printer.judged:
        warn(printer.nothing())
    no(printer.attacks > 0 or not printer.judged)


def _beside(
    analyzer: Analyzer,
    source: str,
    beside: tuple[Path | None, Path | None, float | None],
    printer: _Printer,
    chosen: options.Chosen,
) -> None:
    """One picture with depth and infrared beside it."""
    from vultus import images, registry
    from vultus.liveness.multimodal import check, read_plane

    depth, ir, scale = beside
    picture = images.read(source)
    planes = {"depth": None if depth is None else read_plane(depth), "ir": None if ir is None else read_plane(ir)}
    engine = options.engine_options(chosen.engine, chosen.precision)
    judge = registry.load(MULTIMODAL, "liveness", engine=engine)
    for number, face in enumerate(analyzer.detect(picture), 1):
        answer = check(judge, picture, face, depth_scale=scale, **planes)
        printer.answer(source, face.box, answer, {"face": number}, str(number))


def _pictures(analyzer: Analyzer, names: list[str], printer: _Printer, drawings: Drawings) -> None:
    from vultus.bulk import read_pictures

    with progress("checking", len(names), quiet=printer.json) as advance:
        for seen in read_pictures(names, analyzer.parallel(), embed=False, live=True):
            advance()
            printer.picture(seen)
            if seen.picture is not None:
                drawings.checked(seen)
    drawings.tell()


def _video(analyzer: Analyzer, name: str, printer: _Printer, drawings: Drawings, stride: int | None) -> None:
    from vultus.bulk import check_video
    from vultus.cli.watching import annotate_video, camera, mark_checked
    from vultus.video import Following

    marks = []
    try:
        with progress(f"watching {name}", None, quiet=printer.json) as advance:
            work = check_video(
                analyzer.for_video(),
                camera(name),
                following=Following(stride=stride),
                progress=lambda done, total: advance(to=done, total=total),
            )
            for found in work:
                printer.track(name, found)
                if drawings.pictures is not None:
                    marks.append(mark_checked(found))
    except InputError as error:
        printer.failed += 1
        warn(str(error))
    if marks and (path := drawings.film(name)) is not None:
        annotate_video(camera(name), marks, path, quiet=printer.json)


class _Printer:
    """Lines as they come for programs, one table at the end for people."""

    def __init__(self, json: bool) -> None:
        self.json = json
        self.faces = 0
        self.judged = 0
        self.attacks = 0
        self.failed = 0
        self._rows: list[tuple[str, ...]] = []
        self._points: dict[str, None] = {}

    def picture(self, seen: Seen) -> None:
        if seen.error is not None:
            self.failed += 1
            warn(str(seen.error))
            return
        if not seen.readings:
            self._row(Path(seen.name).name, "", "no face", "", "")
        for number, (reading, answer) in enumerate(zip(seen.readings, seen.liveness, strict=True), 1):
            self.answer(seen.name, reading.face.box, answer, {"face": number}, str(number))

    def track(self, name: str, found: TrackChecked) -> None:
        track = found.track
        when = {"track": track.id, "start": track.start, "end": track.end, "frames": track.frames}
        box = track.best.reading.face.box
        self.answer(name, box, found.liveness, when, f"{track.start:.1f}-{track.end:.1f} s")

    def nothing(self) -> str:
        """Why there is no answer at all."""
        return "no face could be judged" if self.faces else "no face was found"

    def finish(self) -> None:
        if self.json or not self._rows:
            return
        table(None, ("source", "face", "live", "P#", "what speaks for it"), self._rows)
        for line in self._points:
            console().print(f"[dim]{line}[/]", soft_wrap=True)

    def answer(self, source: str, box: Box, answer: Liveness, where: dict[str, Any], label: str) -> None:
        self.faces += 1
        self.judged += answer.live is not None
        self.attacks += answer.live is False
        self._points[liveness_line(answer.point)] = None
        point = answer.point
        if self.json:
            print_json(
                {
                    "source": source,
                    "box": box,
                    "live": answer.live,
                    "score": answer.score,
                    "threshold": point.threshold,
                    "criterion": point.criterion,
                    "apcer": point.apcer,
                    "bpcer": point.bpcer,
                    "abstained": answer.abstained or None,
                    "signals": answer.signals,
                    "model": point.model,
                    "data": point.data,
                    **where,
                }
            )
            return
        word = {True: "[bold green]live[/]", False: "[bold red]attack[/]", None: "[dim]no answer[/]"}[answer.live]
        score = "" if answer.score != answer.score else f"{answer.score:.3f}"
        self._row(Path(source).name or source, label, word, score, answer.abstained or _evidence(answer))

    def _row(self, *cells: str) -> None:
        if not self.json:
            self._rows.append(cells)


def _evidence(answer: Liveness) -> str:
    """What the signals say; the silent ones are left out."""
    spoken = [signal for signal in answer.signals if signal.says != "nothing"]
    if len(answer.signals) == 1:
        return "".join(signal.reason for signal in spoken)
    return "\n".join(f"{signal.name}: {signal.reason}" for signal in spoken)
