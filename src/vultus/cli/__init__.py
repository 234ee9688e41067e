"""The command line: `vultus COMMAND …`; one file a command group, nothing but words here."""

from vultus.cli.app import main

__all__ = ["main"]
