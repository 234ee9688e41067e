"""Packages of the extra `document`, asked for when they are needed."""

from __future__ import annotations

import importlib
from types import ModuleType

from vultus.errors import MissingExtraError

__all__ = ["need"]


def need(name: str) -> ModuleType:
    """A module of an optional package; where it is not installed, MissingExtraError says how to get it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise MissingExtraError(f"signatures need {package}: pip install 'vultus[document]'") from error
