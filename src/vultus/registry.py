"""One new file under `vultus.models` adds a model: its card registers it everywhere.

The command line, the docs table and the contract tests all walk `cards()`. Modules are
imported by name at first use, so that no import cycle arises and listing costs nothing
heavy. Other distributions add models through the entry point group `vultus.models`.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from importlib.resources import files
from typing import Any, TypeVar

from vultus.errors import NotFoundError, VultusError
from vultus.types import ModelCard, WeightsSource

__all__ = ["Packaged", "card", "cards", "load", "packaged", "register", "sources"]

Factory = TypeVar("Factory", bound=Callable[..., Any])

_registered: dict[str, tuple[ModelCard, Callable[..., Any]]] = {}


def register(card: ModelCard) -> Callable[[Factory], Factory]:
    """Class decorator that makes a model known under its card's name.

    The class is called with the card and keyword options. Two models of one name are a
    programming error and raise at once.
    """

    def add(factory: Factory) -> Factory:
        if card.name in _registered:
            raise VultusError(f"expected unique model names, {card.name!r} is registered twice")
        _registered[card.name] = (card, factory)
        return factory

    return add


def cards(task: str | None = None) -> tuple[ModelCard, ...]:
    """All model cards, of one task if it is named, in the order of their names.

    >>> [card.name for card in cards("detect")]
    ['yunet']
    """
    _discover()
    found = sorted((card for card, _ in _registered.values()), key=lambda card: (card.task, card.name))
    return tuple(card for card in found if task is None or card.task == task)


def card(name: str, task: str | None = None) -> ModelCard:
    """The card of one model; an unknown name lists the known ones (NotFoundError)."""
    _discover()
    known = [card.name for card in cards(task)]
    if name not in known:
        what = f"{task} model" if task else "model"
        raise NotFoundError(f"expected a {what} out of {', '.join(known)}, got {name!r}")
    return _registered[name][0]


def load(name: str, task: str | None = None, **options: Any) -> Any:
    """Make the model of that name; typed access is `vultus.analyzer.detector` and its like."""
    found = card(name, task)
    return _registered[found.name][1](found, **options)


def sources(card: ModelCard) -> tuple[WeightsSource, ...]:
    """Every file that a model needs: its own, and those of the models it is made of."""
    own = () if card.source is None else (card.source,)
    parts = (source for name in card.parts for source in sources(_registered[name][0]))
    return (*own, *parts)


@dataclass(frozen=True, slots=True)
class Packaged:
    """Weights that lie inside the package."""

    name: str  # of the file
    size: int  # bytes
    sha256: str  # as stated beside it
    sound: bool  # False: the file is missing or is another than the stated one


def packaged(card: ModelCard) -> Packaged | None:
    """The weights that come with the package; None for a model that has none there."""
    if card.packaged is None:
        return None
    where = files("vultus").joinpath(card.packaged)
    beside = files("vultus").joinpath(card.packaged.rpartition(".")[0] + ".json")
    try:
        data, stated = where.read_bytes(), str(json.loads(beside.read_text(encoding="utf-8"))["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return Packaged(where.name, 0, "", sound=False)
    return Packaged(where.name, len(data), stated, sound=hashlib.sha256(data).hexdigest() == stated)


@cache
def _discover() -> None:
    package = importlib.import_module("vultus.models")
    for module in pkgutil.walk_packages(package.__path__, "vultus.models."):
        importlib.import_module(module.name)
    for entry in entry_points(group="vultus.models"):
        entry.load()
