"""`vultus gallery`: the people who are known, and everything that is done to them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vultus.cli import options
from vultus.cli.output import console, counted, error_console, no, plain, point_line, print_json, progress, table
from vultus.cli.vault import add_to_gallery
from vultus.errors import InputError

if TYPE_CHECKING:
    from vultus.gallery import Gallery

__all__ = ["add_to"]

gallery_app = typer.Typer(no_args_is_help=True, help="The people who are known: look, correct, move, erase.")

PassphraseOption = Annotated[
    Path | None, typer.Option("--passphrase-file", help="File whose first line is the passphrase of a sealed export.")
]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="A person's name or id.")]


def add_to(app: typer.Typer) -> None:
    """Register the command group."""
    add_to_gallery(gallery_app)
    app.add_typer(gallery_app, name="gallery")


def _open(folder: Path, **settings: Any) -> Gallery:
    from vultus.gallery import Gallery

    return Gallery.open(folder, **{"create": False, **settings})


@gallery_app.command("list")
def show_list(gallery: options.GalleryOption = Path("gallery"), json: options.JsonOption = False) -> None:
    """Everybody, by name, with the number of enrolled faces."""
    with _open(gallery) as known:
        people = known.people()
    if json:
        for person in people:
            print_json(person)
        return
    table(
        None,
        ("person", "faces#", "since", "also known as"),
        ((person.name, str(person.templates), person.created[:10], ", ".join(person.aliases)) for person in people),
    )


@gallery_app.command("show")
def show(
    name: NameArgument,
    gallery: options.GalleryOption = Path("gallery"),
    json: options.JsonOption = False,
    draw: options.DrawOption = None,
) -> None:
    """One person with all enrolled faces; `--draw DIR` writes a contact sheet of the kept crops."""
    with _open(gallery) as known:
        person = known.person(name)
        faces = known.faces(name)
        if draw is not None:
            from vultus.cli.drawings import file_name
            from vultus.draw import sheet
            from vultus.images import write

            crops = [(crop, face.id[:8]) for face in faces if (crop := known.crop(face.id)) is not None]
            if not crops:
                raise InputError(
                    f"no crop was kept of {person.name}; the gallery keeps none, so there is nothing to draw"
                )
            path = write(draw / f"{file_name(person.name)}.jpg", sheet([c for c, _ in crops], [i for _, i in crops]))
            error_console().print(f"wrote {path}", soft_wrap=True)
    if json:
        print_json({**plain(person), "faces": faces})
        return
    rows = (
        (
            face.id[:8],
            face.source or "a vector",
            "" if face.quality is None else f"{face.quality:.2f}",
            face.created[:10],
        )
        for face in faces
    )
    table(f"{person.name}, id {person.id}", ("face", "from", "quality#", "enrolled"), rows)


@gallery_app.command("rename")
def rename(
    name: NameArgument,
    new_name: Annotated[str, typer.Argument(metavar="NEW")],
    gallery: options.GalleryOption = Path("gallery"),
    json: options.JsonOption = False,
) -> None:
    """Give a person another name."""
    with _open(gallery) as known:
        _done(known.rename(name, new_name), "renamed", json)


@gallery_app.command("merge")
def merge(
    names: Annotated[list[str], typer.Argument(metavar="NAME…", help="People to be merged into one.")],
    into: Annotated[str, typer.Option("--into", help="The person who keeps the name.")],
    gallery: options.GalleryOption = Path("gallery"),
    json: options.JsonOption = False,
) -> None:
    """Make people one who were enrolled as several; the other names are kept as aliases."""
    with _open(gallery) as known:
        _done(known.merge([name for name in names if name != into], into), "merged", json)


@gallery_app.command("split")
def split(
    name: NameArgument,
    faces: Annotated[list[str], typer.Argument(metavar="FACE…", help="Ids of faces, as `gallery show` gives them.")],
    to: Annotated[str, typer.Option("--to", help="The new person's name.")],
    gallery: options.GalleryOption = Path("gallery"),
    json: options.JsonOption = False,
) -> None:
    """Make some faces of a person a new person."""
    with _open(gallery) as known:
        _done(known.split(name, [_face(known, name, face) for face in faces], to), "split off", json)


@gallery_app.command("remove")
def remove(
    name: NameArgument,
    face: Annotated[str | None, typer.Option("--face", help="Only this face of theirs.")] = None,
    gallery: options.GalleryOption = Path("gallery"),
    json: options.JsonOption = False,
) -> None:
    """Take a person, or one face, out: no search finds them any more. `erase` shows that nothing is left."""
    with _open(gallery) as known:
        person = known.remove(name) if face is None else known.remove_face(_face(known, name, face))
        _done(person, "removed" if face is None else "kept without that face", json)


@gallery_app.command("move")
def move(
    name: NameArgument,
    faces: Annotated[list[str], typer.Argument(metavar="FACE…", help="Ids of faces, as `gallery show` gives them.")],
    to: Annotated[str, typer.Option("--to", help="The person who gets them.")],
    gallery: options.GalleryOption = Path("gallery"),
    json: options.JsonOption = False,
) -> None:
    """Give faces of one person to another person who is known already."""
    with _open(gallery) as known:
        _done(known.move_faces([_face(known, name, face) for face in faces], to), "moved", json)


@gallery_app.command("erase")
def erase(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="A person's name or id; without it, finish what is pending.")
    ] = None,
    proof: Annotated[Path | None, typer.Option("--proof", help="Write the receipt as JSON into this file.")] = None,
    gallery: options.GalleryOption = Path("gallery"),
    json: options.JsonOption = False,
) -> None:
    """Remove a person and search every byte of the gallery's folder for what may be left of them.

    Ends with status 1 when traces were found or the erasure is still pending.
    """
    from vultus.files import write_atomically

    with _open(gallery) as known:
        receipts = known.finish_erasures() if name is None else (known.erase(name),)
    if proof is not None:
        import json as encoder

        lines = "".join(encoder.dumps(plain(receipt)) + "\n" for receipt in receipts)
        write_atomically(proof, lines.encode())
    for receipt in receipts:
        if json:
            print_json(receipt)
            continue
        found = sum(count for _, count in receipt.hits)
        console().print(
            f"{receipt.status}: {receipt.templates} faces, {receipt.crops} crops; searched {len(receipt.files)} files, "
            f"{receipt.bytes} bytes, for {receipt.needles} patterns: {found} found. "
            "Not covered: copies, exports and backups made before.",
            soft_wrap=True,
        )
    if not receipts:
        console().print("no erasure is pending")
    no(any(receipt.status != "erased" for receipt in receipts))


@gallery_app.command("reject")
def reject(
    face: Annotated[str, typer.Argument(metavar="FACE", help="A picture, its SHA-256, or the id of an enrolled face.")],
    name: NameArgument,
    number: Annotated[int | None, typer.Option("--face", help="Which face of the picture, from 1.", min=1)] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Forget what was said.")] = False,
    gallery: options.GalleryOption = Path("gallery"),
) -> None:
    """Remember that a face is not that person: they are left out before it is ranked."""
    from vultus.images import digest

    meant = digest(face) if Path(face).is_file() else face
    with _open(gallery) as known:
        known.reject(meant, name, ordinal=None if number is None else number - 1, undo=undo)
    console().print(f"{'forgotten' if undo else 'remembered'}: {face} is not {name}", soft_wrap=True)


@gallery_app.command("export")
def export(
    path: Annotated[Path, typer.Argument(metavar="FILE")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")] = False,
    passphrase_file: PassphraseOption = None,
    clear: Annotated[bool, typer.Option("--clear", help="Write a sealed gallery's export in the clear.")] = False,
    gallery: options.GalleryOption = Path("gallery"),
    json: options.JsonOption = False,
) -> None:
    """Write everything into one file: sealed by a passphrase, or in the clear, to be kept as you keep the gallery."""
    with _open(gallery) as known, progress("exporting", None, quiet=json) as advance:
        done = known.export(
            path,
            overwrite=overwrite,
            passphrase=_passphrase(passphrase_file),
            clear=clear,
            progress=lambda at, of: advance(to=at, total=of),
        )
    _counts(done, json)


@gallery_app.command("import")
def import_(
    path: Annotated[Path, typer.Argument(metavar="FILE")],
    merge: Annotated[bool, typer.Option("--merge", help="Add to people whose names are taken.")] = False,
    passphrase_file: PassphraseOption = None,
    gallery: options.GalleryOption = Path("gallery"),
    json: options.JsonOption = False,
) -> None:
    """Take in the people of an exported file: all of them or, when anything is wrong, none."""
    with _open(gallery, create=True) as known, progress("importing", None, quiet=json) as advance:
        done = known.import_(
            path,
            on_conflict="merge" if merge else "refuse",
            passphrase=_passphrase(passphrase_file),
            progress=lambda at, of: advance(to=at, total=of),
        )
    _counts(done, json)


@gallery_app.command("migrate")
def migrate(
    gallery: options.GalleryOption = Path("gallery"),
    embedder: options.EmbedderOption = None,
    profile: options.ProfileOption = "default",
    accept_losses: Annotated[
        bool, typer.Option("--accept-losses", help="Go on although people without kept crops are lost.")
    ] = False,
    keep_old: Annotated[bool, typer.Option("--keep-old", help="Keep the old embeddings, to go back quickly.")] = False,
    json: options.JsonOption = False,
    models: options.ModelsOption = None,
    engine: options.EngineOption = "openvino",
    precision: options.PrecisionOption = "auto",
) -> None:
    """Embed everybody anew with another recogniser, from the kept crops; can be stopped and run again."""
    analyzer = options.make_analyzer(
        embedder=embedder, profile=profile, models=models, engine=engine, precision=precision
    )
    with _open(gallery) as known, progress("migrating", None, quiet=json) as advance:
        done = known.migrate(
            analyzer,
            accept_losses=accept_losses,
            keep_old=keep_old,
            progress=lambda at, of: advance(to=at, total=of),
        )
    _counts(done, json)


@gallery_app.command("check")
def check(
    repair: Annotated[
        bool, typer.Option("--repair", help="First finish erasures that a crash or another process cut off.")
    ] = False,
    gallery: options.GalleryOption = Path("gallery"),
    json: options.JsonOption = False,
) -> None:
    """Look at everything: tables, vectors, crops, and people who look like one. Status 1 when something is broken."""
    with _open(gallery) as known:
        for receipt in known.finish_erasures() if repair else ():
            error_console().print(f"erasure of {receipt.person}: {receipt.status}", soft_wrap=True)
        report = known.check()
    if json:
        print_json({"ok": report.ok, **plain(report)})
    else:
        for finding in report.findings:
            mark = "[red]broken[/]" if finding.broken else "[yellow]note[/]"
            console().print(f"{mark} {finding.code}: {finding.detail}", soft_wrap=True)
        if report.doubles:
            rows = ((item.first, item.second, f"{item.score:.3f}", f"{item.threshold:.3f}") for item in report.doubles)
            table("may be one person", ("one", "other", "score#", "threshold#"), rows)
        broken = {finding.code for finding in report.findings if finding.broken}
        verdict = "[green]all is well[/]" if report.ok else "[red]damaged[/]: restore from an export or a backup"
        if broken == {"erasure_pending"}:
            verdict = "[red]an erasure is unfinished[/]: `vultus gallery check --repair` finishes it"
        console().print(
            f"{report.people} people, {report.templates} faces, {report.crops} crops: {verdict}", soft_wrap=True
        )
    no(not report.ok)


@gallery_app.command("stats")
def stats(gallery: options.GalleryOption = Path("gallery"), json: options.JsonOption = False) -> None:
    """The gallery in numbers, with the threshold at which it is searched."""
    with _open(gallery) as known:
        numbers = known.stats()
    if json:
        print_json(numbers)
        return
    model = "nothing enrolled yet" if numbers.contract is None else numbers.contract.model
    console().print(
        f"{numbers.people} people, {numbers.templates} faces, {numbers.crops} crops, {numbers.bytes / 1e6:.1f} MB, "
        f"revision {numbers.revision}; model {model}; keeps crops: {numbers.keep}",
        soft_wrap=True,
    )
    if numbers.operating is not None:
        console().print(f"[dim]{point_line(numbers.operating)}[/]", soft_wrap=True)


def _passphrase(file: Path | None) -> str | None:
    """The first line of the file: a passphrase on the command line would stay in the shell's history."""
    if file is None:
        return None
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"could not read the passphrase in {file}: {error}") from error
    if not lines or not lines[0]:
        raise InputError(f"expected a passphrase in the first line of {file}, it is empty")
    return lines[0]


def _face(known: Gallery, name: str, short: str) -> str:
    """The whole id of a person's face from its beginning."""
    found = [face.id for face in known.faces(name) if face.id.startswith(short)]
    if len(found) != 1:
        raise InputError(f"expected the id of one face of {name}, {short!r} fits {len(found)}; see vultus gallery show")
    return found[0]


def _done(person: Any, verb: str, json: bool) -> None:
    if json:
        print_json(person)
    else:
        console().print(f"{verb}: {person.name}, {counted(person.templates, 'face')}", soft_wrap=True)


def _counts(done: Any, json: bool) -> None:
    if json:
        print_json(done)
        return
    numbers = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in plain(done).items())
    console().print(numbers, soft_wrap=True)
