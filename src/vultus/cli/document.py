"""`vultus document`: document photos, one file a command."""

from __future__ import annotations

import importlib

import typer

__all__ = ["add_to"]

PARTS = (
    "document_quality",
    "document_issue",
    "document_check",
    "document_sign",
    "document_holder",
    "document_morph",
    "document_key",
)

document_app = typer.Typer(no_args_is_help=True, help="Document photos: is one fit, and is it the one that was issued.")


def add_to(app: typer.Typer) -> None:
    """Register the command group."""
    app.add_typer(document_app, name="document")


for _part in PARTS:
    importlib.import_module(f"vultus.cli.{_part}").add_to(document_app)
