"""`vultus evaluate`: the biometric figures, from pictures or from scores alone; one file a question."""

from __future__ import annotations

import typer

from vultus.cli.evaluate import (
    age,
    clustering,
    cohort,
    detection,
    expression,
    groups,
    identification,
    liveness,
    survival,
    verification,
    vulnerability,
)

__all__ = ["add_to"]

PARTS = (
    verification,
    identification,
    liveness,
    vulnerability,
    expression,
    age,
    survival,
    clustering,
    cohort,
    detection,
    groups,
)

evaluate_app = typer.Typer(no_args_is_help=True, help="Measure error rates, on pictures or on scores alone.")


def add_to(app: typer.Typer) -> None:
    """Register the command group."""
    app.add_typer(evaluate_app, name="evaluate")


for _part in PARTS:
    _part.add_to(evaluate_app)
