"""`vultus document morph`: two faces in one picture, as material to test matchers with."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated

import typer

from vultus.cli import options
from vultus.cli.document_asked import read_file
from vultus.cli.output import console, print_json
from vultus.errors import InputError

__all__ = ["add_to"]

WORD = "morph"


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("morph")(morph)


@options.choosing
def morph(
    first: Annotated[Path, typer.Argument(metavar="A", help="A picture of one person.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="A picture of another.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="A PNG; .morph is put into its name where the word is not in it.")
    ],
    alpha: Annotated[float, typer.Option("--alpha", help="Weight of A.", min=0.0, max=1.0)] = 0.5,
    format: Annotated[
        str, typer.Option("--format", help="passport, passport-large, token, square; or none for pictures of one size.")
    ] = "passport",
    points: Annotated[str, typer.Option("--points", help="mesh (outlines of the face mesh), or five.")] = "mesh",
    clone: Annotated[
        bool, typer.Option("--clone/--no-clone", help="Put the face into A's surroundings without a seam.")
    ] = True,
    json: options.JsonOption = False,
    chosen: options.Chosen = options.DEFAULTS,
) -> None:
    """Morph two faces. The result says that it is test material: in its name, its metadata and its pixels."""
    from vultus import images
    from vultus.files import write_atomically
    from vultus.integrity import testmaterial
    from vultus.integrity.crop import format_of, head, one_face, portrait
    from vultus.integrity.issuing import checked_target
    from vultus.integrity.morphing import face_points
    from vultus.integrity.morphing import morph as morphed
    from vultus.integrity.pixels import encode

    if points not in ("mesh", "five"):
        raise InputError(f"expected points out of mesh, five, got {points!r}")
    checked_target(output)
    target = output if WORD in output.stem.lower() else output.with_name(f"{output.stem}.{WORD}{output.suffix}")
    analyzer = chosen.analyzer(late=True)
    wanted = None if format == "none" else format_of(format)
    pictures, places, digests = [], [], []
    for path in (first, second):
        data = read_file(path)
        try:
            image = images.read(data)
            if wanted is not None:
                image = portrait(image, head(image, one_face(image, analyzer), analyzer), wanted).image
            places.append(face_points(image, one_face(image, analyzer), analyzer if points == "mesh" else None))
        except InputError as error:
            raise type(error)(f"{path}: {error}") from None
        pictures.append(image)
        digests.append(hashlib.sha256(data).hexdigest())
    made = morphed(pictures[0], pictures[1], (places[0], places[1]), alpha, clone=clone)
    how = f"vultus document morph, alpha {alpha:g}, of pictures with SHA-256 {digests[0]} and {digests[1]}"
    write_atomically(target, encode(testmaterial.labelled(made.image), testmaterial.texts(how)))
    height, width = made.image.shape[:2]
    if json:
        used = len(made.points) - 8
        print_json(
            {
                "output": target,
                "alpha": alpha,
                "points": used,
                "triangles": len(made.triangles),
                "width": width,
                "height": height,
                "sha256": digests,
                "test_material": True,
            }
        )
        return
    console().print(f"{target}: {testmaterial.WORDS}; alpha {alpha:g}, {len(made.points) - 8} points", soft_wrap=True)
