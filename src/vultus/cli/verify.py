"""`vultus verify`: are these two pictures of one person."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vultus.cli import options
from vultus.cli.output import console, liveness_fields, liveness_line, no, point_line, print_json, warn
from vultus.metrics.evidence import CAVEAT, Evidence

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("verify")(verify)


@options.choosing
def verify(
    first: Annotated[str, typer.Argument(metavar="A", help="A picture: path or web address.")],
    second: Annotated[str, typer.Argument(metavar="B", help="Another picture.")],
    fmr: Annotated[
        float, typer.Option("--fmr", help="Share of pairs of different people that may pass; sets the threshold.")
    ] = 1e-3,
    faces: options.FacesOption = "main",
    gate: options.GateOption = "low",
    require_live: Annotated[
        bool,
        typer.Option(
            "--require-live",
            help="B is who stands before the camera and must be there in person; A, the reference, may be a print (a "
            "passport). Status 1 where B is taken for an attack, 2 where that cannot be judged.",
        ),
    ] = False,
    json: options.JsonOption = False,
    draw: options.DrawOption = None,
    chosen: options.Chosen = options.DEFAULTS,
) -> None:
    """Compare two faces: SAME or DIFFERENT, with the score, the threshold and what it stands for.

    Ends with status 0 for a match, 1 for none, 2 where no decision can be taken. With
    --require-live an attack is status 1 and says nothing of whom it shows.
    """
    from vultus.analyzer import why_not_live
    from vultus.operating import table_for
    from vultus.verification import verify as compare

    analyzer = chosen.analyzer()
    table = table_for(analyzer.contract)
    answer = compare(
        first,
        second,
        analyzer=analyzer,
        table=table,
        fmr=fmr,
        faces=faces,
        gate=gate,  # type: ignore[arg-type]
        require_live=require_live,
    )
    probe = answer.sides[1].liveness
    if json:
        print_json(
            {
                "match": answer.match if answer.status in ("match", "different") else None,
                "status": answer.status,
                "score": answer.score,
                "threshold": answer.operating.threshold,
                "fmr": answer.operating.target,
                "fmr_at_score": answer.fmr,
                "llr": None if answer.evidence is None else answer.evidence.llr,
                "llr_low": None if answer.evidence is None else answer.evidence.low,
                "llr_high": None if answer.evidence is None else answer.evidence.high,
                "model": analyzer.contract.model,
                "measured": answer.operating.measured,
                "extrapolated": answer.operating.extrapolated,
                "data": answer.operating.data,
                "faces": [
                    {
                        "source": side.name,
                        "box": None if side.reading is None else side.reading.face.box,
                        "of": side.faces,
                        "chosen": side.note or None,
                        "quality": None if side.reading is None else side.reading.quality.score,
                        "refusals": side.refusals,
                    }
                    for side in answer.sides
                ],
                **({} if probe is None else liveness_fields(probe)),
            }
        )
    for side in answer.sides:
        if side.note:
            warn(f"{side.name}: {side.note}")
    if draw is not None:
        _draw(draw, answer.sides)
    answer.require()
    if answer.status == "not_live" and probe is not None:
        if not json:
            console().print(f"[bold red]NOT LIVE[/] {second}: {why_not_live(probe)}", soft_wrap=True)
            console().print(f"[dim]{liveness_line(probe.point)}[/]", soft_wrap=True)
        no(True)
    if not json:
        word, sign, colour = ("SAME", ">=", "green") if answer.match else ("DIFFERENT", "<", "red")
        console().print(
            f"[bold {colour}]{word}[/] {answer.score:.3f} {sign} {answer.operating.threshold:.3f}  "
            f"({analyzer.contract.model}; at most {answer.fmr:.2g} of pairs of different people score this high)",
            soft_wrap=True,
        )
        console().print(f"[dim]{point_line(answer.operating)}[/]", soft_wrap=True)
        if answer.evidence is not None:
            console().print(f"[dim]this score {_worth(answer.evidence)}. {CAVEAT}[/]", soft_wrap=True)
        if probe is not None:
            console().print(f"[dim]{second} is taken for a living face: P {probe.score:.3f}[/]", soft_wrap=True)
            console().print(f"[dim]{liveness_line(probe.point)}[/]", soft_wrap=True)
    no(not answer.match)


def _worth(evidence: Evidence) -> str:
    words = str(evidence)
    return words if words.startswith("says") else f"is {words}"


def _draw(folder: Path, sides: object) -> None:
    """Both pictures with the face that was compared."""
    from vultus.cli.drawings import Names
    from vultus.draw import Mark, annotate
    from vultus.images import read, write
    from vultus.verification import Side

    names = Names()
    for side in sides:  # type: ignore[attr-defined]
        assert isinstance(side, Side)
        if side.reading is not None:
            mark = Mark(side.reading.face.box, "compared", "face", None, side.reading.face.landmarks)
            write(folder / names.free(side.name, ".jpg"), annotate(read(side.name), [mark]))
