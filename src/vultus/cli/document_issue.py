"""`vultus document issue`: make a document photo that shows whether it was touched."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vultus.cli import options
from vultus.cli.document_asked import KeyOption, PassphraseFileOption, mark_key_for, read_file, signing_key
from vultus.cli.output import console, print_json, warn
from vultus.errors import ConflictError, InputError

if TYPE_CHECKING:
    from vultus.integrity.issuing import Issued

__all__ = ["add_to"]

FORMAT = "passport"
MARK = "block-mac"
OWN_FRAME = "none"


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("issue")(issue)


@options.choosing
def issue(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="A photograph of one person.")],
    key: KeyOption,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The document photo, a new PNG; its signature goes beside it.")
    ],
    mark_key: Annotated[
        Path | None, typer.Option("--mark-key", help="The mark key.", show_default="NAME.mark beside the private key")
    ] = None,
    doc_id: Annotated[str | None, typer.Option("--doc-id", help="Document number.", show_default="a new one")] = None,
    format: Annotated[
        str,
        typer.Option("--format", help="passport, passport-large, token, square; or none for the picture's own frame."),
    ] = FORMAT,
    convert: Annotated[
        bool, typer.Option("--convert", help="Take grey, transparent, 16-bit and CMYK pictures too, made RGB.")
    ] = False,
    days: Annotated[float | None, typer.Option("--days", help="The signature is good for so long.", min=0.001)] = None,
    mark: Annotated[
        str,
        typer.Option("--mark", help="block-mac (exact), deep or deep-seeing (which tell something of what was done)."),
    ] = MARK,
    no_mark: Annotated[bool, typer.Option("--no-mark", help="Leave the mark away.")] = False,
    no_manifest: Annotated[bool, typer.Option("--no-manifest", help="Leave the C2PA manifest away.")] = False,
    passphrase_file: PassphraseFileOption = None,
    json: options.JsonOption = False,
    chosen: options.Chosen = options.DEFAULTS,
) -> None:
    """Cut a photograph to a document's format, mark it, sign it.

    In this order: the crop, the fragile mark, the C2PA manifest in the PNG, the signature beside it
    (OUT.png.vsig). Refused, with status 2: no face or several, a picture that is marked with this key
    already, a name that is not of a PNG, files that are there.
    """
    from vultus import __version__, images
    from vultus.files import write_atomically
    from vultus.integrity import marks
    from vultus.integrity.crop import format_of
    from vultus.integrity.issuing import checked_target, refuse_marked, vsig_path
    from vultus.integrity.issuing import issue as made_of
    from vultus.integrity.keeping import read_key_file
    from vultus.integrity.pixels import decode

    checked_target(output)
    marks.load(mark)
    beside = vsig_path(output)
    for path in (output, beside):
        if path.exists():
            raise ConflictError(f"{path}: expected a new file; a photo that was issued is never replaced")
    wanted = None if format == OWN_FRAME else format_of(format)
    signer = signing_key(key, passphrase_file)
    marker = None if no_mark else mark_key_for(key, mark_key)
    data = read_file(image)
    given = vsig_path(image)
    old = read_key_file(given, "the signature", secret=False) if given.is_file() else None
    try:
        picture = decode(data, convert=convert)
        if marker is not None:
            refuse_marked(picture, data, old, marker, doc_id)
        now = datetime.now(UTC)
        made = made_of(
            images.read(data),
            chosen.analyzer(late=True),
            signer,
            version=__version__,
            mark_key=marker,
            mark=mark,
            doc_id=doc_id,
            format=wanted,
            manifest=not no_manifest,
            title=output.name,
            created=now,
            expires=None if days is None else now + timedelta(days=days),
        )
    except InputError as error:
        raise type(error)(f"{image}: {error}") from None
    write_atomically(beside, made.vsig)
    write_atomically(output, made.png)
    _tell(made, output, beside, signer.id, json=json)
    if not picture.lossless and not json:
        warn(f"{image} is {picture.format}: what it lost before is signed as it is now")


def _tell(made: Issued, output: Path, beside: Path, key_id: str, *, json: bool) -> None:
    cut = made.portrait
    height, width = made.image.shape[:2]
    if json:
        print_json(
            {
                "output": output,
                "vsig": beside,
                "doc_id": made.doc_id,
                "key_id": key_id,
                "width": width,
                "height": height,
                "format": None if cut is None else cut.format.name,
                "enlarged": None if cut is None else cut.enlarged,
                "turned": None if cut is None else cut.turned,
                "mark": made.mark,
                "manifest": made.manifest.label or None,
                "manifest_self_issued": made.manifest.self_issued,
            }
        )
        return
    console().print(
        f"[bold green]issued[/] {output} as document [bold]{made.doc_id}[/], {width} x {height}", soft_wrap=True
    )
    console().print(f"signature: {beside}, by the key {key_id}", soft_wrap=True)
    console().print(f"mark: {made.mark or 'none'}", soft_wrap=True)
    if made.manifest.state == "valid":
        trust = f", {made.manifest.issuer}" if made.manifest.self_issued else ""
        console().print(f"C2PA manifest: signed by {made.manifest.name}{trust}", soft_wrap=True)
    if cut is not None and cut.enlarged > 1.05:
        warn(f"the picture was enlarged {cut.enlarged:.2f} times for the format {cut.format.name}; use a larger one")
