"""What is asked of a document photo, as data: one JSON file a profile, every limit with its source."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from vultus.errors import InputError, NotFoundError
from vultus.integrity.quality.names import NAMES
from vultus.integrity.quality.scalars import MEASURES, NEEDS_MODEL
from vultus.integrity.quality.values import Limit

__all__ = ["PROFILES", "Profile", "profile"]

PROFILES = ("icao", "capture")
BASES = ("published", "secondary", "choice")


@dataclass(frozen=True, slots=True)
class Profile:
    """The limits of one purpose; a measure without one is told and has no say."""

    name: str
    title: str
    limits: Mapping[str, Limit]


def profile(name: str) -> Profile:
    """A profile by its name, or from an own file whose name ends in .json.

    Refused: an unknown name, a file that is not there (NotFoundError), one that is no profile (InputError).

    >>> profile("icao").limits["own: yaw"].high
    5.0
    """
    if name in PROFILES:
        return _shipped(name)
    if not name.endswith(".json"):
        raise NotFoundError(f"expected a profile out of {', '.join(PROFILES)}, or a .json file, got {name!r}")
    try:
        text = Path(name).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise NotFoundError(f"{name}: there is no such profile; check the path") from error
    except (OSError, ValueError) as error:  # ValueError: not UTF-8
        raise InputError(f"{name}: the profile cannot be read ({error})") from error
    return _parsed(text, name)


@cache
def _shipped(name: str) -> Profile:
    place = resources.files("vultus.integrity.quality") / "profiles" / f"{name}.json"
    return _parsed(place.read_text(encoding="utf-8"), name)


def _parsed(text: str, where: str) -> Profile:
    try:
        held = json.loads(text)
        rows = [_limit(row) for row in held["limits"]]
        name, title = str(held["name"]), str(held["title"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{where}: expected a profile with name, title and limits of measure, of, low, high, basis, why; "
            f"got {type(error).__name__}: {error}"
        ) from error
    limits = {row.measure: row for row in rows}
    if len(limits) != len(rows):
        raise InputError(f"{where}: expected one limit a measure, one has several")
    return Profile(name, title, limits)


def _limit(row: dict[str, Any]) -> Limit:
    measure, of, basis = row["measure"], row["of"], row["basis"]
    if measure not in NAMES:
        raise ValueError(f"no measure is called {measure!r}")
    if measure in NEEDS_MODEL:
        raise ValueError(f"{measure} needs an OFIQ model and is not assessed, so nothing can be asked of it")
    if of not in ("raw", "scalar") or (of == "scalar" and measure not in MEASURES):
        raise ValueError(f"{measure}: `of` is raw, or scalar for OFIQ's measures, not {of!r}")
    if basis not in BASES:
        raise ValueError(f"{measure}: `basis` is one of {', '.join(BASES)}, not {basis!r}")
    low = -math.inf if row["low"] is None else float(row["low"])
    high = math.inf if row["high"] is None else float(row["high"])
    if not low <= high or (math.isinf(low) and math.isinf(high)):
        raise ValueError(
            f"{measure}: expected low <= high and one of them a number, got {row['low']} and {row['high']}"
        )
    return Limit(measure, of, low, high, basis, str(row["why"]))
