"""`vultus audit-log`: the journal of a server, verified, exported, and its head to keep elsewhere."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vultus.cli import options
from vultus.cli.output import console, error_console, no, print_json
from vultus.errors import NotFoundError, StorageError

if TYPE_CHECKING:
    from vultus.server.journal import Journal

__all__ = ["add_to"]

audit_app = typer.Typer(no_args_is_help=True, help="Who did what to whom and why: verify it, export it, keep its head.")

JournalArgument = Annotated[
    Path,
    typer.Argument(metavar="PLACE", help="The journal's file, or the folder that is served (the one before .vultus)."),
]

_PLACES = ("journal.sqlite", ".vultus/journal.sqlite")


def add_to(app: typer.Typer) -> None:
    """Register the command group."""
    app.add_typer(audit_app, name="audit-log")


@audit_app.command("verify")
def verify(
    place: JournalArgument = Path("gallery"),
    head: Annotated[
        str | None, typer.Option("--head", help="A head that was kept, seq:hash; it must still be in the chain.")
    ] = None,
    lines: Annotated[bool, typer.Option("--lines", help="PLACE is a file of JSON lines that `export` wrote.")] = False,
    json: options.JsonOption = False,
) -> None:
    """Walk along the chain: status 1 when an entry was changed, put in, taken out, moved or cut off.

    A chain that was cut off at its end, or written anew, can be told only from a head that was kept
    elsewhere; see `head`.
    """
    from vultus.server.chain import Head, verify_lines

    kept = None if head is None else Head.of(head)
    if lines:
        try:
            with place.open(encoding="utf-8", errors="replace") as file:
                found = verify_lines(file, kept)
        except OSError as error:
            raise NotFoundError(f"{place} cannot be read ({error.strerror})") from error
    else:
        with _opened(place) as journal:
            found = journal.verify(kept)
    if json:
        print_json({"ok": found.ok, "entries": found.entries, "head": str(found.head), "findings": found.findings})
    else:
        for finding in found.findings:
            console().print(f"[red]tampered[/] {finding}", soft_wrap=True)
        checked = "against the head that was kept" if kept else "without a head, so not for a cut end"
        verdict = "[green]whole[/]" if found.ok else "[red]not whole[/]"
        console().print(f"{verdict}: {found.entries} entries, checked {checked}; head {found.head}", soft_wrap=True)
    no(not found.ok)


@audit_app.command("export")
def export(
    place: JournalArgument = Path("gallery"),
    after: Annotated[int, typer.Option("--after", help="Only entries after this number.", min=0)] = 0,
    out: Annotated[Path | None, typer.Option("--out", help="Write into this file; it must be new.")] = None,
) -> None:
    """Print every entry as one line of JSON with its hash, in the order of the chain."""
    with _opened(place) as journal:
        if out is None:
            for line in journal.lines(after=after):
                sys.stdout.write(line)
            sys.stdout.flush()
            return
        count = 0
        try:
            with out.open("x", encoding="utf-8") as file:
                for line in journal.lines(after=after):
                    file.write(line)
                    count += 1
        except OSError as error:
            raise StorageError(f"{out} could not be written ({error.strerror}); choose another place") from error
    error_console().print(f"wrote {count} entries to {out}", soft_wrap=True)


@audit_app.command("head")
def head(place: JournalArgument = Path("gallery"), json: options.JsonOption = False) -> None:
    """Print the chain's end, seq:hash, to be kept where the owner of the file cannot change it."""
    with _opened(place) as journal:
        found = journal.head
    if json:
        print_json({"seq": found.seq, "hash": found.hash})
    else:
        typer.echo(str(found))


def _opened(place: Path) -> Journal:
    from vultus.server.journal import Journal

    found = next((place / name for name in _PLACES if (place / name).is_file()), place)
    if found.is_dir():
        raise NotFoundError(f"expected a journal, {place} holds none; name its file")
    return Journal(found, read_only=True)
