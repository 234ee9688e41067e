"""`vultus document sign`: a signature beside any picture file, such as the small JPEG for a chip."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from vultus.cli import options
from vultus.cli.document_asked import KeyOption, PassphraseFileOption, read_file, signing_key
from vultus.cli.output import console, print_json
from vultus.errors import ConflictError, InputError

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("sign")(sign)


def sign(
    image: Annotated[
        Path, typer.Argument(metavar="IMAGE", help="PNG, JPEG, JPEG 2000, WebP, TIFF or BMP; it stays as it is.")
    ],
    key: KeyOption,
    doc_id: Annotated[str | None, typer.Option("--doc-id", help="Document number.", show_default="a new one")] = None,
    days: Annotated[float | None, typer.Option("--days", help="The signature is good for so long.", min=0.001)] = None,
    passphrase_file: PassphraseFileOption = None,
    json: options.JsonOption = False,
) -> None:
    """Sign a picture file as it is, without crop, mark or manifest; IMAGE.vsig is written beside it.

    For copies that must lose pixels, such as the 15 to 20 kB of a passport's chip: no mark survives there, and
    the signature of that very file is what can be checked.
    """
    from vultus.files import write_atomically
    from vultus.integrity.issuing import vsig_path
    from vultus.integrity.pixels import decode
    from vultus.integrity.secret import new_doc_id
    from vultus.integrity.signing import sign as signed
    from vultus.integrity.testmaterial import is_test_material

    target = vsig_path(image)
    if target.exists():
        raise ConflictError(f"{target}: expected a new file; a signature is never replaced")
    signer = signing_key(key, passphrase_file)
    now = datetime.now(UTC)
    number = doc_id or new_doc_id()
    data = read_file(image)
    try:
        picture = decode(data, convert=True)
        if is_test_material(picture):
            raise InputError("expected a photograph, got a morph that vultus made as test material")
        expires = None if days is None else now + timedelta(days=days)
        vsig = signed(picture, signer, number, created=now, expires=expires)
    except InputError as error:
        raise type(error)(f"{image}: {error}") from None
    write_atomically(target, vsig)
    if json:
        print_json(
            {"vsig": target, "doc_id": number, "key_id": signer.id, "format": picture.format, "mode": picture.mode}
        )
        return
    console().print(
        f"[bold green]signed[/] {image} as document [bold]{number}[/], by the key {signer.id}", soft_wrap=True
    )
    console().print(f"signature: {target}", soft_wrap=True)
