"""`vultus serve`: galleries over HTTP, with keys, roles, limits and a journal."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vultus.cli import options
from vultus.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from vultus.server.keys import Created

__all__ = ["add_to"]

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("serve")(serve)


@options.choosing
def serve(
    gallery: Annotated[
        Path, typer.Option("--gallery", "-g", help="A folder of galleries, or one gallery.", show_default=True)
    ] = Path("galleries"),
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="0 takes any free one.", min=0, max=65535)] = 8484,
    tls_cert: Annotated[Path | None, typer.Option("--tls-cert", help="Certificate chain, PEM.")] = None,
    tls_key: Annotated[Path | None, typer.Option("--tls-key", help="Its private key, PEM.")] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Serve beyond this machine without TLS: keys and faces pass in clear.")
    ] = False,
    master_key: Annotated[
        Path | None, typer.Option("--master-key", help="File of the key that seals galleries; see VULTUS_MASTER_KEY.")
    ] = None,
    key_file: Annotated[
        Path | None, typer.Option("--key-file", help="The server's own secret, outside the galleries' folder.")
    ] = None,
    cors: Annotated[
        list[str] | None, typer.Option("--cors", help="An origin whose pages may call, such as https://desk.example.")
    ] = None,
    require_live: Annotated[
        bool,
        typer.Option(
            "--require-live", help="Refuse faces that are not taken for living ones, in every gallery and every API."
        ),
    ] = False,
    expressions: Annotated[
        bool, typer.Option("--expressions/--no-expressions", help="Tell the expression that faces show, when asked.")
    ] = True,
    fetch_urls: Annotated[
        bool, typer.Option("--fetch-urls", help="Fetch pictures from public addresses that clients name.")
    ] = False,
    rate: Annotated[float, typer.Option("--rate", help="Requests a second of one key, in the long run.")] = 50.0,
    upload_mb: Annotated[int, typer.Option("--upload-mb", help="Megabytes of one picture.", min=1)] = 20,
    megapixels: Annotated[float, typer.Option("--megapixels", help="Of one picture.", min=0.1)] = 24.0,
    all_scores: Annotated[
        bool, typer.Option("--all-scores", help="Also tell similarities below the threshold, which helps attackers.")
    ] = False,
    probes: Annotated[
        int, typer.Option("--probes", help="Close calls about one person for one key an hour; 0: no bound.", min=0)
    ] = 100,
    idle: Annotated[
        int, typer.Option("--idle", help="Connections of one address without a request; 0: no bound.", min=0)
    ] = 100,
    proxy: Annotated[
        list[str] | None,
        typer.Option("--proxy", help="Address or network of a proxy, for which --idle does not hold; loopback is one."),
    ] = None,
    grace: Annotated[float, typer.Option("--grace", help="Seconds for what was accepted, when stopped.", min=0)] = 30.0,
    log_level: Annotated[str, typer.Option("--log-level", help="debug, info, warning or error.")] = "info",
    json: options.JsonOption = False,
    chosen: options.Chosen = options.DEFAULTS,
    smallest: options.SmallestOption = 16.0,
) -> None:
    """Serve the galleries of a folder: the page, the API, and the APIs that existing clients speak.

    Prints the address and, on the first start, one administrator's key, which is not shown
    again. Logs are lines of JSON on standard error.
    """
    try:
        from vultus.server import logs
        from vultus.server.run import serve as run
        from vultus.server.settings import LOOPBACK, MIB, Settings
    except ImportError as error:
        raise MissingExtraError(f"serving needs {error.name}: pip install 'vultus[server]'") from error

    if log_level not in LEVELS:
        raise InputError(f"expected --log-level {', '.join(LEVELS)}, got {log_level!r}")
    settings = Settings(
        gallery,
        host=host,
        port=port,
        tls_cert=tls_cert,
        tls_key=tls_key,
        insecure=insecure,
        master_key=master_key,
        key_file=key_file,
        cors=tuple(cors or ()),
        require_live=require_live,
        expressions=expressions,
        fetch_urls=fetch_urls,
        rate=rate,
        upload_bytes=upload_mb * MIB,
        request_bytes=max(64, upload_mb * 4) * MIB,
        pixels=round(megapixels * 1e6),
        score_floor=not all_scores,
        probes_per_person=probes,
        idle_per_address=idle,
        proxies=(*LOOPBACK, *(proxy or ())),
        grace_seconds=grace,
    )
    settings.check_exposure()
    analyzer = chosen.analyzer(smallest=smallest)
    logs.configure(LEVELS[log_level])
    run(settings, analyzer, started=lambda address, made: _tell(address, made, json=json))


def _tell(address: str, made: Created | None, *, json: bool) -> None:
    from vultus.cli.output import console, print_json

    if json:
        print_json({"address": address, "key": None if made is None else made.secret})
        return
    console().print(f"vultus serves at [bold]{address}[/]", soft_wrap=True)
    if made is not None:
        console().print(f"administrator's key, shown this once: [bold]{made.secret}[/]", soft_wrap=True)
