"""`vultus document verify-holder`: does this document photo, as issued, show who stands here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vultus.cli import options
from vultus.cli.document_asked import DocIdOption, MarkKeyOption, PubOption, TrustOption, VsigOption, checked
from vultus.cli.document_check import check_fields, print_check
from vultus.cli.output import console, liveness_fields, no, point_line, print_json

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("verify-holder")(verify_holder)


@options.choosing
def verify_holder(
    document: Annotated[Path, typer.Argument(metavar="DOCUMENT", help="The document photo.")],
    live: Annotated[Path, typer.Argument(metavar="LIVE", help="A picture of the holder, taken now.")],
    pub: PubOption = None,
    trust: TrustOption = None,
    key: MarkKeyOption = None,
    vsig: VsigOption = None,
    doc_id: DocIdOption = None,
    fmr: Annotated[
        float, typer.Option("--fmr", help="Share of pairs of different people that may pass; sets the threshold.")
    ] = 1e-3,
    gate: options.GateOption = "low",
    require_live: Annotated[
        bool, typer.Option("--require-live", help="The person in LIVE must be there, and not a print or a screen.")
    ] = False,
    json: options.JsonOption = False,
    chosen: options.Chosen = options.DEFAULTS,
) -> None:
    """Check a document photo, and then compare its face with the holder's.

    A photo that is not as it was issued is not compared: whom it shows then says nothing. Ends with status
    0 when the photo is intact and both show one person, 1 otherwise, 2 where no decision can be taken.
    """
    from vultus.operating import table_for
    from vultus.verification import verify

    found = checked(document, pub, trust, vsig, key, doc_id)
    if not found.intact:
        if json:
            print_json({"match": None, "status": "document_not_intact", **check_fields(found)})
        else:
            print_check(found)
            console().print("not compared: the photo is not as it was issued", soft_wrap=True)
        no(True)
    analyzer = chosen.analyzer()
    answer = verify(
        found.picture.image,
        str(live),
        analyzer=analyzer,
        table=table_for(analyzer.contract),
        fmr=fmr,
        faces="one",
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
                "model": analyzer.contract.model,
                **({} if probe is None else liveness_fields(probe)),
                **check_fields(found),
            }
        )
        answer.require()
    else:
        print_check(found)
        answer.require()
        words = {"match": "HOLDER", "different": "NOT THE HOLDER", "not_live": "NOT LIVE"}
        colour = "green" if answer.match else "red"
        said = "" if answer.status == "not_live" else f" {answer.score:.3f}"
        console().print(f"[bold {colour}]{words[answer.status]}[/]{said}", soft_wrap=True)
        console().print(f"[dim]{point_line(answer.operating)}[/]", soft_wrap=True)
    no(not answer.match)
