"""`vultus expression`: what the faces in pictures and videos show."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vultus.cli import options
from vultus.cli.output import counted, error_console, no, progress, warn
from vultus.errors import InputError

if TYPE_CHECKING:
    from vultus.analyzer import Analyzer
    from vultus.cli.expression_told import Drawn, Told
    from vultus.expression import Curves, Look
    from vultus.models.expression import ExpressionReader

__all__ = ["add_to"]

CsvOption = Annotated[
    Path | None, typer.Option("--csv", help="Write a row a face (of a video, a row a face and look) into this table.")
]
HtmlOption = Annotated[
    Path | None,
    typer.Option("--html", help="Video: write a plot over time for each tracked face into this page."),
]


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("expression")(expression)


@options.choosing
def expression(
    sources: Annotated[
        list[str],
        typer.Argument(metavar="SOURCE…", help="Pictures, folders, videos, web addresses, rtsp://…, or camera:0."),
    ],
    model: Annotated[
        str, typer.Option("--model", help="Expression reader, see `vultus models list`; or an own .onnx with its card.")
    ] = "fer2013",
    json: options.JsonOption = False,
    csv: CsvOption = None,
    html: HtmlOption = None,
    draw: options.DrawOption = None,
    require_face: Annotated[
        bool, typer.Option("--require-face", help="End with status 2 where a picture or video shows no face.")
    ] = False,
    every: Annotated[
        int | None,
        typer.Option("--every", help="Video: look at every so manieth frame; else ten times a second.", min=1),
    ] = None,
    smooth: Annotated[
        float, typer.Option("--smooth", help="Video: seconds over which a track is smoothed; 0: not.", min=0.0)
    ] = 0.5,
    look_ahead: Annotated[
        float,
        typer.Option("--look-ahead", help="Video: seconds of what comes later that may count in a moment.", min=0.0),
    ] = 0.0,
    smallest: options.SmallestOption = 16.0,
    chosen: options.Chosen = options.DEFAULTS,
) -> None:
    """Say of every face which expression it shows: angry, disgust, fear, happy, sad, surprise, neutral.

    A line a face, with a probability for each class. What is told is the expression that is
    *shown*, never the emotion that is felt; it is a research estimate, whose accuracy stands
    below the table. A face that is too small, turned or cut off gets no answer instead of a
    guess. Of a video each face is followed through a shot; its line says what it shows most,
    `--json`, `--csv` and `--html` have it over time. Ends with status 1 when something could
    not be read, 2 when nothing could.
    """
    from vultus.bulk import is_video, pictures
    from vultus.cli.expression_told import Drawn, Table, Told
    from vultus.cli.watching import camera
    from vultus.expression import Curves
    from vultus.video import is_stream

    names = list(pictures(sources, videos=True))
    if not names:
        raise InputError(f"no picture or video found in {', '.join(sources)}")
    films = [name for name in names if is_video(name)]
    if html is not None and not films:
        raise InputError("--html draws expressions over time: expected a video, got pictures only")
    if draw is not None and (live := [name for name in films if is_stream(camera(name))]):
        raise InputError(f"{live[0]}: a live stream cannot be read twice and drawn; record it first")
    reader = _reader(model, chosen)
    analyzer = chosen.analyzer(smallest=smallest, late=True)
    curves, drawn = Curves(), Drawn(draw)
    with ExitStack() as stack:
        table = stack.enter_context(Table(csv, reader)) if csv is not None else None
        told = stack.enter_context(Told(reader, json=json, table=table))
        if html is not None:  # on leaving, so that what was seen of a camera is kept when it is stopped
            stack.callback(_page, html, curves, reader, told.measured)
        if stills := [name for name in names if not is_video(name)]:
            _pictures(analyzer, reader, stills, told, drawn)
        for name in films:
            looks = _looks(analyzer, reader, name, told, (every, smooth, look_ahead), quiet=json)
            _video(name, looks, told, curves, drawn, quiet=json)
    if told.failed == len(names):
        raise InputError("nothing could be read; the reasons stand above")
    if require_face and told.empty:
        raise InputError(
            f"no face in {counted(len(told.empty), 'picture or video', 'pictures and videos')} "
            f"({', '.join(told.empty[:3])}{', …' if len(told.empty) > 3 else ''}), and --require-face asks for one"
        )
    no(told.failed > 0)


def _reader(model: str, chosen: options.Chosen) -> ExpressionReader:
    """The reader, arranged for several faces at the same time."""
    from vultus.expression import expression_reader
    from vultus.runtime import cores

    engine = options.engine_options(chosen.engine, chosen.precision)
    engine = dataclasses.replace(engine, threads=cores(), streams=cores())
    return expression_reader(model, engine=engine, models=chosen.models)


def _pictures(analyzer: Analyzer, reader: ExpressionReader, names: list[str], told: Told, drawn: Drawn) -> None:
    from vultus.expression import read_pictures

    with progress("reading expressions", len(names), quiet=told.json) as advance:
        for shown in read_pictures(names, analyzer.parallel(), reader):
            advance()
            told.picture(shown)
            drawn.picture(shown)
    drawn.tell()


def _looks(
    analyzer: Analyzer,
    reader: ExpressionReader,
    name: str,
    told: Told,
    how: tuple[int | None, float, float],
    *,
    quiet: bool,
) -> Iterator[Look]:
    """The looks of a video; one that breaks is told, and what came before it counts."""
    from vultus.cli.watching import camera
    from vultus.expression import read_video

    every, smooth, look_ahead = how
    try:
        with progress(f"watching {name}", None, quiet=quiet) as advance:
            yield from read_video(
                camera(name),
                analyzer.for_video(),
                reader,
                every=every,
                smooth=smooth,
                look_ahead=look_ahead,
                progress=lambda done, total: advance(to=done, total=total),
            )
    except InputError as error:
        told.failed += 1
        warn(str(error))


def _video(name: str, looks: Iterator[Look], told: Told, curves: Curves, drawn: Drawn, *, quiet: bool) -> None:
    """Tell the looks as they come; what is drawn needs a second reading, so they are laid down meanwhile."""
    from vultus.cli.expression_film import Kept, draw_film

    failed = told.failed
    with ExitStack() as stack:
        kept = stack.enter_context(Kept()) if drawn.folder is not None else None
        for look in looks:
            curves.add(name, look)
            told.look(name, look)
            if kept is not None:
                kept.add(look)
        found = [curve for curve in curves.all() if curve.source == name]
        if found or told.failed == failed:
            told.watched(name, found)
        if kept is not None and kept.count and (path := drawn.film(name)) is not None:
            draw_film(name, kept, path, quiet=quiet)


def _page(html: Path, curves: Curves, reader: ExpressionReader, measured: str) -> None:
    from vultus.expression import write_page

    found = curves.all()
    if not found:
        warn(f"no face was found over time: {html} was not written")
        return
    write_page(html, found, model=reader.model, measured=measured)
    error_console().print(f"wrote {html}", soft_wrap=True)
