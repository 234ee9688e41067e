"""`vultus keys`: who may use a server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vultus.cli import options
from vultus.cli.output import console, print_json, table
from vultus.errors import MissingExtraError, NotFoundError

if TYPE_CHECKING:
    from vultus.server.journal import Journal
    from vultus.server.keys import Created, Key, Keys

__all__ = ["add_to"]

FolderOption = Annotated[Path, typer.Option("--gallery", "-g", help="The folder that is served.", show_default=True)]
KeyFileOption = Annotated[
    Path | None, typer.Option("--key-file", help="The server's own secret, if it is not in the folder.")
]
FOLDER = Path("galleries")

keys = typer.Typer(help="Keys of a server: who may do what in which galleries.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.add_typer(keys, name="keys")


@keys.command("create")
def create(
    role: Annotated[str, typer.Option("--role", help="viewer, operator, enroller, admin, auditor or monitor.")],
    only: Annotated[
        list[str] | None, typer.Option("--only", help="A gallery that the key is for; all, when none is named.")
    ] = None,
    label: Annotated[str, typer.Option("--label", help="What it is for, such as front-desk.")] = "",
    days: Annotated[float | None, typer.Option("--days", help="Until it expires.", min=0.001)] = None,
    kind: Annotated[
        str, typer.Option("--kind", help="api; aws (access key id and secret); or compreface (a UUID).")
    ] = "api",
    rate: Annotated[float | None, typer.Option("--rate", help="Requests a second, instead of the server's.")] = None,
    gallery: FolderOption = FOLDER,
    key_file: KeyFileOption = None,
    json: options.JsonOption = False,
) -> None:
    """Make a key. It is shown this once."""
    with _opened(gallery, key_file) as (known, journal):
        made = known.create(
            role,
            galleries=tuple(only) if only else ("*",),
            label=label,
            expires=None if days is None else datetime.now(UTC) + timedelta(days=days),
            kind=kind,  # type: ignore[arg-type]
            rate=rate,
        )
        journal.append(actor="command-line", action="key.create", target=made.key.id, evidence={"role": made.key.role})
    _show(made, json=json)


@keys.command("list")
def list_(gallery: FolderOption = FOLDER, key_file: KeyFileOption = None, json: options.JsonOption = False) -> None:
    """All keys, also those that are revoked; never their secrets."""
    with _opened(gallery, key_file) as (known, _):
        found = known.list()
    if json:
        for key in found:
            print_json(_fields(key))
        return
    now = datetime.now(UTC).isoformat(timespec="seconds")
    rows = (
        (
            key.id,
            key.role,
            ", ".join(key.galleries),
            key.label,
            key.created[:10],
            "revoked" if key.revoked else (key.expires or "")[:16] if key.live(now) else "expired",
            (key.last_used or "never")[:16],
        )
        for key in found
    )
    table(None, ("id!", "role", "galleries", "label", "created", "ends", "last used"), rows)


@keys.command("revoke")
def revoke(
    key: Annotated[str, typer.Argument(help="Id of the key.")],
    gallery: FolderOption = FOLDER,
    key_file: KeyFileOption = None,
    json: options.JsonOption = False,
) -> None:
    """Make a key worthless at once, also in a server that runs."""
    with _opened(gallery, key_file) as (known, journal):
        revoked = known.revoke(key)
        journal.append(actor="command-line", action="key.revoke", target=key)
    if json:
        print_json(_fields(revoked))
    else:
        console().print(f"{key} is revoked")


@keys.command("rotate")
def rotate(
    key: Annotated[str, typer.Argument(help="Id of the key.")],
    overlap_hours: Annotated[float, typer.Option("--overlap-hours", help="Both are good for so long.", min=0)] = 24.0,
    gallery: FolderOption = FOLDER,
    key_file: KeyFileOption = None,
    json: options.JsonOption = False,
) -> None:
    """A new key with the same rights; the old one ends after the overlap."""
    with _opened(gallery, key_file) as (known, journal):
        made = known.rotate(key, overlap=timedelta(hours=overlap_hours))
        journal.append(actor="command-line", action="key.rotate", target=key, evidence={"successor": made.key.id})
    _show(made, json=json)


@contextmanager
def _opened(folder: Path, key_file: Path | None) -> Iterator[tuple[Keys, Journal]]:
    try:
        import cryptography  # noqa: F401 - for keys that are kept sealed

        from vultus.server.journal import Journal
        from vultus.server.keys import Keys, server_secret
        from vultus.server.settings import Settings
    except ImportError as error:
        raise MissingExtraError(f"keys need {error.name}: pip install 'vultus[server]'") from error
    if not folder.is_dir():
        raise NotFoundError(f"{folder}: there is no such folder; give --gallery the folder that is served")
    state = Settings(folder).state
    known = Keys(state / "keys.sqlite", server_secret(key_file or state / "server.key"))
    try:
        with Journal(state / "journal.sqlite") as journal:
            yield known, journal
    finally:
        known.close()


def _show(made: Created, *, json: bool) -> None:
    if json:
        print_json({**_fields(made.key), "secret": made.secret})
        return
    name = "access key id" if made.key.kind == "aws" else "id"
    console().print(f"{name}: [bold]{made.key.id}[/] ({made.key.role})", soft_wrap=True)
    console().print(f"secret, shown this once: [bold]{made.secret}[/]", soft_wrap=True)


def _fields(key: Key) -> dict[str, Any]:
    return {
        "id": key.id,
        "role": key.role,
        "galleries": key.galleries,
        "kind": key.kind,
        "label": key.label,
        "created": key.created,
        "expires": key.expires,
        "last_used": key.last_used,
        "revoked": key.revoked,
        "rate": key.rate,
        "upload_bytes": key.upload_bytes,
    }
