"""`vultus document quality`: is a picture fit for a passport."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from vultus.cli import options
from vultus.cli.output import no, progress
from vultus.errors import InputError

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("quality")(quality)


def quality(
    sources: Annotated[list[str], typer.Argument(metavar="IMAGE…", help="Pictures, folders or web addresses.")],
    profile: Annotated[
        str,
        typer.Option("--profile", help="What is asked: icao (a finished photo), capture (before the cut), or a .json."),
    ] = "icao",
    json: options.JsonOption = False,
    csv: Annotated[Path | None, typer.Option("--csv", help="Write a row a picture into this table.")] = None,
    draw: options.DrawOption = None,
    models: options.ModelsOption = None,
    engine: options.EngineOption = "openvino",
) -> None:
    """Measure whether a picture is fit for a passport, and say what to do where it is not.

    The measures of ISO/IEC 29794-5 by OFIQ's names: its mapping to 0 to 100 over raw values from
    our own landmarks and pixels, with own measures beside them. What only OFIQ's networks can
    tell is named and not assessed. It is a research estimate that helps to take a better
    picture; whether a photo is accepted, the issuing authority decides. Ends with status 0 when
    all pictures pass, 1 when one does not, 2 when nothing could be assessed.
    """
    from vultus.bulk import pictures
    from vultus.cli.document_quality_told import Drawn, Table, Told
    from vultus.integrity.quality import assess_pictures
    from vultus.integrity.quality import profile as named

    wanted = named(profile)
    names = list(pictures(sources))
    if not names:
        raise InputError(f"no picture found in {', '.join(sources)}")
    analyzer = options.make_analyzer(models=models, engine=engine, late=True)
    drawn = Drawn(draw)
    with ExitStack() as stack:
        table = stack.enter_context(Table(csv)) if csv is not None else None
        told = stack.enter_context(Told(wanted, json=json, table=table, alone=len(names) == 1))
        with progress("measuring", len(names), quiet=json) as advance:
            found = assess_pictures(names, analyzer.parallel() if len(names) > 1 else analyzer, wanted)
            for each in found:
                advance()
                told.picture(each)
                drawn.picture(each)
    drawn.tell()
    if told.unread == len(names):
        raise InputError("nothing could be assessed; the reasons stand above")
    no(told.failed > 0 or told.unread > 0)
