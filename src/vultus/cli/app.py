"""The commands together, and how they end: 0 done, 1 the answer is no, 2 bad input, 3 our fault."""

from __future__ import annotations

import importlib
import logging
import os
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from typer.exceptions import TyperException

from vultus.errors import InputError, VultusError

__all__ = ["app", "main"]

app = typer.Typer(
    name="vultus",
    help="Find, compare and recognise faces, offline, and say how sure each answer is.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

INTERRUPTED = 130  # 128 + SIGINT, as shells have it

COMMANDS = (
    "detect",
    "verify",
    "enroll",
    "identify",
    "cluster",
    "liveness",
    "expression",
    "document",
    "gallery",
    "models",
    "calibrate",
    "thresholds",
    "evaluate",
    "serve",
    "keys",
    "audit_log",
    "demo",
)


def _version(asked: bool) -> None:
    if asked:
        from vultus import __version__

        typer.echo(f"vultus {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Tell on standard error what is being done.")] = False,
) -> None:
    if verbose:
        logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)


for _name in COMMANDS:
    importlib.import_module(f"vultus.cli.{_name}").add_to(app)


def main() -> None:
    """Run the command line and end the process with the contract's exit status."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command line; the exit status, with errors told in one line on standard error."""
    try:
        status = app(arguments, standalone_mode=False)
    except TyperException as error:
        message = error.format_message()  # empty when the help was shown instead
        return _complain(message, 2) if message else 2
    except (InputError, VultusError) as error:
        return _complain(str(error), 2)
    except (KeyboardInterrupt, typer.Abort):
        return _complain("stopped; what was done so far is kept", INTERRUPTED)
    except BrokenPipeError:
        # The reader went away (`vultus … | head`): nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if "--verbose" in arguments:
            raise
        where = f"{type(error).__name__}: {error}".splitlines()[0]
        return _complain(f"internal error, please report it ({where}); --verbose shows where", 3)
    if status == INTERRUPTED:
        return _complain("stopped; what was done so far is kept", INTERRUPTED)
    return status if isinstance(status, int) else 0


def _complain(message: str, status: int) -> int:
    line = " ".join(message.split())
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"[bold red]vultus:[/] {escape(line)}")
    return status
