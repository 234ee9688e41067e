"""`vultus document check`: is this the photo that was issued, and if not, where was it touched."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from vultus.cli import options
from vultus.cli.document_asked import DocIdOption, MarkKeyOption, PubOption, TrustOption, VsigOption, checked
from vultus.cli.output import console, no, print_json, warn
from vultus.errors import InputError

if TYPE_CHECKING:
    from vultus.integrity.checking import Checked

__all__ = ["add_to", "check_fields", "print_check"]


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("check")(check)


def check(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="The photo.")],
    pub: PubOption = None,
    trust: TrustOption = None,
    key: MarkKeyOption = None,
    vsig: VsigOption = None,
    doc_id: DocIdOption = None,
    mark: Annotated[
        str | None,
        typer.Option(
            "--mark",
            help="Mark to look for where no signature names one: block-mac, deep or deep-seeing.",
            show_default="whichever is found",
        ),
    ] = None,
    map: Annotated[
        Path | None, typer.Option("--map", help="Write the photo with the touched blocks in red into this PNG.")
    ] = None,
    revealed: Annotated[
        Path | None, typer.Option("--revealed", help="Write what a deep mark reveals into this PNG.")
    ] = None,
    json: options.JsonOption = False,
) -> None:
    """Say whether a document photo is the one that was issued, and on what evidence.

    The signature comes first, then the manifest, then the mark. Ends with status 0 when the photo is
    intact (a file that was only written anew, pixel for pixel, is), 1 when it is not or nothing vouches
    for it, 2 when it cannot be read.
    """
    from vultus.images import write
    from vultus.integrity import marks
    from vultus.integrity.touched import touched_map

    for path, what in ((map, "map"), (revealed, "revealed picture")):
        if path is not None and path.suffix.lower() != ".png":
            raise InputError(f"{path}: expected a name ending in .png for the {what}")
    if mark is not None:
        marks.load(mark)
    found = checked(image, pub, trust, vsig, key, doc_id, mark)
    if map is not None:
        if found.mark is None or found.mark.state == "absent":
            warn("no map was written: " + ("the mark was not looked for" if found.mark is None else "no block fits"))
        else:
            write(map, touched_map(found.picture.image, found.mark))
    if revealed is not None:
        if found.mark is None or found.mark.revealed is None:
            why = "the mark was not looked for" if found.mark is None else f"{found.mark.mark} hides no picture"
            warn(f"no revealed picture was written: {why}")
        else:
            write(revealed, found.mark.revealed)
    if json:
        print_json({"source": image, **check_fields(found)})
    else:
        print_check(found)
    no(not found.intact)


def check_fields(found: Checked) -> dict[str, Any]:
    """What was found, under the names that every command gives it."""
    from vultus.integrity.touched import regions

    signed, mark, statement = found.signed, found.mark, None if found.signed is None else found.signed.statement
    return {
        "intact": found.intact,
        "verdict": found.verdict,
        "level": None if signed is None else signed.level,
        "problems": [] if signed is None else signed.problems,
        "doc_id": found.doc_id or None,
        "key_id": None if statement is None else statement.key_id,
        "created": None if statement is None else statement.created,
        "look_distance": None if signed is None else signed.distance,
        "manifest": found.manifest.state,
        "manifest_issued": None if statement is None else statement.manifest is not None,
        "manifest_self_issued": found.manifest.self_issued,
        "mark": None if mark is None else mark.state,
        "mark_name": None if mark is None else mark.mark,
        "bits_read": None if mark is None else mark.bits,
        "bits_by_chance": None if mark is None or mark.bits is None else mark.luck,
        "blocks": None if mark is None else mark.blocks,
        "touched": None if mark is None else mark.wrong,
        "regions": [] if mark is None or mark.state != "touched" else regions(mark),
        "outside": None if mark is None else mark.outside,
        "manipulation": found.manipulation,
        "manipulation_probability": found.manipulation_probability,
        "manipulations": {} if mark is None else mark.scores,
        "test_material": found.test_material,
        "evidence": found.evidence,
    }


def print_check(found: Checked) -> None:
    """The verdict in one line, and what it rests on."""
    colour = "green" if found.intact else "red"
    console().print(f"[bold {colour}]{escape(found.verdict)}[/]", soft_wrap=True)
    for line in found.evidence:
        console().print(f"  {escape(line)}", soft_wrap=True)
