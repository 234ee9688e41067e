"""`vultus models`: what runs here, under which licences, and whether it is present."""

from __future__ import annotations

import importlib.util
from typing import Annotated

import typer

from vultus.cli import options
from vultus.cli.output import console, no, print_json, progress, table, warn
from vultus.errors import InputError
from vultus.types import ModelCard

__all__ = ["add_to"]

models_app = typer.Typer(no_args_is_help=True, help="The models: list, pull ahead of time, check.")


def add_to(app: typer.Typer) -> None:
    """Register the command group."""
    app.add_typer(models_app, name="models")


@models_app.command("list")
def show_list(
    task: Annotated[str | None, typer.Option("--task", help="Only this task: detect, embed, …")] = None,
    licence: Annotated[str | None, typer.Option("--licence", help="Only weights whose licence contains this.")] = None,
    json: options.JsonOption = False,
    models: options.ModelsOption = None,
) -> None:
    """Every model with its task, size, licences of code and of weights, source, and whether it is present."""
    from vultus import registry

    cards = [
        card for card in registry.cards(task) if licence is None or licence.lower() in card.weights_licence.lower()
    ]
    rows = []
    for card in cards:
        sources = registry.sources(card)
        inside = registry.packaged(card)
        present = _present(card, models)
        size = sum(source.size for source in sources) + (0 if inside is None else inside.size)
        origin = ", ".join(dict.fromkeys(f"{source.distribution}=={source.version}" for source in sources))
        if inside is not None:
            origin = "vultus"
        if json:
            print_json(
                {
                    "name": card.name,
                    "task": card.task,
                    "summary": card.summary,
                    "size": size,
                    "code_licence": card.code_licence,
                    "weights_licence": card.weights_licence,
                    "origin": card.origin,
                    "source": origin or None,
                    "sha256": [source.sha256 for source in sources] + ([] if inside is None else [inside.sha256]),
                    "packaged": inside is not None,
                    "dimension": card.dimension,
                    "present": present,
                    "measured": card.measured or None,
                }
            )
        rows.append(
            (
                card.name,
                card.task,
                f"{size / 1e6:.1f} MB",
                card.code_licence,
                card.weights_licence,
                origin,
                "yes" if present else "no",
            )
        )
    if not json:
        table(None, ("model", "task", "size#", "code", "weights", "source", "present"), rows)


@models_app.command("pull")
def pull(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME…]", help="Models; without names, the default ones.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every model of the registry.")] = False,
    json: options.JsonOption = False,
    models: options.ModelsOption = None,
) -> None:
    """Fetch model files ahead of time, for machines that will have no index; checks every hash."""
    from vultus import registry, weights

    default = ("yunet", "sface", "face-mesh", "eye-contours")
    cards = registry.cards() if everything else [registry.card(name) for name in names or default]
    files = [(card, source) for card in cards for source in registry.sources(card)]
    with progress("fetching models", len(files), quiet=json) as advance:
        for card, source in files:
            path = weights.fetch(source, models)
            advance()
            if json:
                print_json({"name": card.name, "path": path, "sha256": source.sha256})
            else:
                console().print(f"{card.name}: {path}", soft_wrap=True)


@models_app.command("check")
def check(json: options.JsonOption = False, models: options.ModelsOption = None) -> None:
    """Load each present model and say on which engine and at which precision it runs here.

    The SHA-256 of weights that come with the package is checked, too; a damaged one is status 1.
    """
    from vultus import registry
    from vultus.runtime import ENGINES, EngineOptions, engine_precision

    found = []
    for engine in ENGINES:
        if importlib.util.find_spec(engine) is None:  # the packages are called as the engines are
            continue
        try:
            found.append((engine, engine_precision(EngineOptions(engine=engine))))  # type: ignore[arg-type]
        except (ImportError, InputError):
            continue
    damaged = []
    for card in registry.cards():
        inside = registry.packaged(card)
        if inside is not None and not inside.sound:
            damaged.append(card.name)
            warn(f"{card.name}: {inside.name} is missing or damaged, its SHA-256 is another; install vultus again")
        if not _present(card, models):
            continue
        for engine, precision in found:
            registry.load(card.name, engine=EngineOptions(engine=engine), models=models)  # type: ignore[arg-type]
            if json:
                print_json({"name": card.name, "engine": engine, "precision": precision})
            else:
                console().print(f"{card.name}: loads with {engine} at {precision}", soft_wrap=True)
    no(bool(damaged))


def _present(card: ModelCard, models: object) -> bool:
    from vultus import registry, weights

    inside = registry.packaged(card)
    if inside is not None and not inside.sound:
        return False
    return all(weights.find(source, models) is not None for source in registry.sources(card))  # type: ignore[arg-type]
