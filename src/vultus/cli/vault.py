"""`vultus gallery`, the commands that keep it: seal, unseal, rotate-key, backup, restore, import-from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vultus.cli import options
from vultus.cli.output import console, error_console, no, plain, print_json, progress
from vultus.errors import InputError

if TYPE_CHECKING:
    from vultus.gallery import Gallery, MasterKey

__all__ = ["add_to_gallery"]

MasterKeyOption = Annotated[
    Path | None,
    typer.Option("--master-key", help="File with the master key; else VULTUS_MASTER_KEY_FILE, VULTUS_MASTER_KEY."),
]
KeyFileOption = Annotated[
    Path | None, typer.Option("--key-file", help="Where the data keys lie; else keys.sqlite in the gallery's folder.")
]


def add_to_gallery(gallery_app: typer.Typer) -> None:
    """Register the commands with the group `vultus gallery`."""
    for name, command in (
        ("seal", seal),
        ("unseal", unseal),
        ("rotate-key", rotate_key),
        ("backup", backup),
        ("restore", restore),
        ("import-from", import_from),
    ):
        gallery_app.command(name)(command)


def seal(
    gallery: options.GalleryOption = Path("gallery"),
    master_key: MasterKeyOption = None,
    new_key: Annotated[
        Path | None, typer.Option("--new-key", help="Make a master key and write it into this new file.")
    ] = None,
    key_file: KeyFileOption = None,
    json: options.JsonOption = False,
) -> None:
    """Encrypt a gallery at rest: vectors, crops, names, paths. Keep the master key apart from it, and a copy of it.

    Ends with status 1 when traces of the clear were found afterwards. In memory vectors are in the clear.
    """
    from vultus.gallery import find_master_key, new_master_key, read_master_key

    if new_key is not None and master_key is not None:
        raise InputError("expected a master key or a new one, got both --master-key and --new-key")
    with _open(gallery) as known, progress("sealing", None, quiet=json) as advance:
        if known.sealed:
            raise InputError(f"{gallery} is sealed already; see vultus gallery rotate-key")
        if new_key is not None:
            key: MasterKey | None = new_master_key(new_key)
        else:
            key = find_master_key() if master_key is None else read_master_key(master_key)
        if key is None:
            raise InputError("no master key is set; name one with --master-key, or make one with --new-key FILE")
        done = known.seal(key, key_file=key_file, progress=lambda at, of: advance(to=at, total=of))
    _tell_sealing(done, json, "sealed")


def unseal(
    gallery: options.GalleryOption = Path("gallery"),
    master_key: MasterKeyOption = None,
    json: options.JsonOption = False,
) -> None:
    """Write everything in the clear again and destroy the keys."""
    with _open(gallery, master_key) as known, progress("unsealing", None, quiet=json) as advance:
        done = known.unseal(progress=lambda at, of: advance(to=at, total=of))
    _tell_sealing(done, json, "in the clear")


def rotate_key(
    gallery: options.GalleryOption = Path("gallery"),
    master_key: MasterKeyOption = None,
    to: Annotated[
        Path | None, typer.Option("--to", help="File with the new master key; it is made if it is not there.")
    ] = None,
    data_keys: Annotated[
        bool, typer.Option("--data-keys", help="Give every person a new data key and encrypt everything anew.")
    ] = False,
    json: options.JsonOption = False,
) -> None:
    """Wrap the data keys by another master key (--to), or make new data keys (--data-keys); both may be asked for."""
    from vultus.gallery import new_master_key, read_master_key

    if to is None and not data_keys:
        raise InputError("expected a new master key with --to FILE, or --data-keys, or both")
    wrapped = people = 0
    with _open(gallery, master_key) as known, progress("sealing anew", None, quiet=json) as advance:
        if not known.sealed:
            raise InputError(f"{gallery} is not sealed; see vultus gallery seal")
        if data_keys:
            people = known.rotate_data_keys(progress=lambda at, of: advance(to=at, total=of))
        if to is not None:
            wrapped = known.rotate_master_key(read_master_key(to) if to.exists() else new_master_key(to))
    if json:
        print_json({"wrapped": wrapped, "people": people})
        return
    if data_keys:
        console().print(f"{people} people have new data keys; older backups without their keys cannot be read any more")
    if to is not None:
        console().print(
            f"{wrapped} keys are wrapped by the master key in {to}; use it from now on. Copies of the key file that "
            "were made before still open with the old one.",
            soft_wrap=True,
        )


def backup(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new folder for the backup.")],
    with_keys: Annotated[
        bool, typer.Option("--with-keys", help="Put the key file in as well: then erasures do not reach the backup.")
    ] = False,
    gallery: options.GalleryOption = Path("gallery"),
    master_key: MasterKeyOption = None,
    json: options.JsonOption = False,
) -> None:
    """Copy the gallery while it is in use. A sealed one stays sealed, and its key file stays out of the backup."""
    with _open(gallery, master_key) as known, progress("copying", None, quiet=json) as advance:
        done = known.backup(folder, with_keys=with_keys, progress=lambda at, of: advance(to=at, total=of))
    if json:
        print_json(done)
        return
    console().print(
        f"{done.people} people, {done.templates} faces, {done.bytes / 1e6:.1f} MB, revision {done.revision}: {folder}",
        soft_wrap=True,
    )
    if not done.sealed:
        error_console().print("[yellow]note:[/] it holds biometric templates in the clear: keep it as the gallery")


def restore(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A backup.")],
    gallery: options.GalleryOption = Path("gallery"),
    key_file: Annotated[
        Path | None, typer.Option("--key-file", help="The key file in use, for a sealed backup without keys.")
    ] = None,
    master_key: MasterKeyOption = None,
    json: options.JsonOption = False,
) -> None:
    """Make a gallery of a backup, in a new folder. Whoever was erased after the backup stays erased."""
    from vultus.gallery import read_master_key
    from vultus.gallery import restore as restore_

    key = None if master_key is None else read_master_key(master_key)
    done = restore_(folder, gallery, key_file=key_file, master_key=key)
    if json:
        print_json(done)
        return
    erased = f"; {done.erased_since} who were erased since stay erased" if done.erased_since else ""
    console().print(
        f"{done.people} people, {done.templates} faces, revision {done.revision}: {gallery}{erased}", soft_wrap=True
    )


def import_from(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="xmp, deepface or compreface.")],
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="Folder or file of the other program.")],
    gallery: options.GalleryOption = Path("gallery"),
    force: Annotated[bool, typer.Option("--force", help="Enrol faces that look like somebody else.")] = False,
    gate: options.GateOption = "medium",
    json: options.JsonOption = False,
    embedder: options.EmbedderOption = None,
    profile: options.ProfileOption = "default",
    models: options.ModelsOption = None,
) -> None:
    """Enrol the people of another program: face regions in XMP, DeepFace's folders and lists, CompreFace's dumps.

    The pictures are read again with this gallery's model; embeddings of other models are not used.
    Ends with status 1 when pictures were refused.
    """
    from vultus.gallery import Gallery
    from vultus.imports import enroll_marked, read_marked

    marks = read_marked(kind, source)
    analyzer = options.make_analyzer(embedder=embedder, profile=profile, models=models)
    enrolled, refused, people = 0, [], set()
    with Gallery.open(gallery, analyzer=analyzer) as known, progress("enrolling", None, quiet=json) as advance:
        for taken in enroll_marked(known, analyzer, marks, gate=gate, force=force):  # type: ignore[arg-type]
            advance()
            enrolled += len(taken.enrolment.added)
            if taken.enrolment.added or taken.enrolment.unchanged:
                people.add(taken.name)
            refused += [
                {"source": item.source, "name": taken.name, "reason": item.reason} for item in taken.enrolment.refused
            ]
    if json:
        print_json({"enrolled": enrolled, "people": len(people), "refused": refused})
    else:
        for item in refused:
            error_console().print(f"[yellow]refused[/] {item['source']} ({item['name']}): {item['reason']}")
        console().print(f"enrolled {enrolled} faces of {len(people)} people, refused {len(refused)}", soft_wrap=True)
    no(bool(refused))


def _open(folder: Path, master_key: Path | None = None) -> Gallery:
    from vultus.gallery import Gallery, read_master_key

    key = None if master_key is None else read_master_key(master_key)
    return Gallery.open(folder, create=False, master_key=key)


def _tell_sealing(done: Any, json: bool, word: str) -> None:
    found = sum(count for _, count in done.hits)
    if json:
        print_json({**plain(done), "found": found})
    else:
        console().print(
            f"{word}: {done.people} people, {done.templates} faces, {done.crops} crops; searched {len(done.files)} "
            f"files, {done.bytes} bytes, for {done.needles} patterns of the clear: {found} found",
            soft_wrap=True,
        )
    no(bool(found))
