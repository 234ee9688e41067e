"""Which kind of manipulation left the revealed pattern as it is, with how much probability.

A small network (recipes/document_manipulations.py) sees what was revealed and how far it is from what
must be there. One of its answers is "nothing": a picture that shows no more of the mark than one that was
never marked. Where it says so, where no family is probable enough, or where it contradicts the mark's own
blocks, the kind is not determined.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from itertools import product

import numpy as np
from numpy.typing import NDArray

from vultus.errors import WeightsError
from vultus.integrity.manipulations import INTACT
from vultus.integrity.marks.revealed.networks import WINDOW, opened
from vultus.integrity.marks.revealed.pattern import Bits, Planes, spread

__all__ = [
    "CLASSES", "MOST", "NOTHING", "STEPS", "Facts", "by_family", "evenly", "facts", "inputs", "named", "scores",
    "settled",
]  # fmt: skip

NOTHING = "nothing"
CLASSES = (
    INTACT, "resize", "gaussian noise", "salt and pepper", "compression", "sharpen", "blur", "crop or rotate",
    "local edit", "morph", NOTHING,
)  # fmt: skip
_FAMILY = {"gaussian noise": "noise", "salt and pepper": "noise"}
STEPS = 31.0  # of the evened scale, for a revealed pattern that is kept in 8 bits
MOST = 4.0  # of the evened scale
LEAST = 32  # pixels a side
UNITS = {"blind": 10.0, "seeing": 12.0}


@dataclass(frozen=True, slots=True)
class Facts:
    """What the card of the classifier says; both were chosen on people who decide."""

    sure: float  # probability from which a family is named
    intact: float  # probability of "intact" below which no picture is, whatever its blocks say


@lru_cache(maxsize=1)
def facts() -> Facts:
    """The card. Refused (WeightsError): a damaged installation."""
    try:
        held = json.loads((files("vultus.integrity.marks") / "weights" / "families.json").read_text("utf-8"))
        return Facts(float(held["sure"]), float(held["intact"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"the card of the mark's classifier is damaged ({error}); install vultus again") from error


def scores(logits: Planes, bits: Bits, name: str) -> dict[str, float]:
    """Probability of each family and of nothing, of what a mark's network shows; empty under 32 pixels a side.

    Pictures too large for the network at once are read in windows, and their log-probabilities averaged.
    """
    seen = inputs(evenly(logits, name), bits)
    height, width = seen.shape[1:]
    if min(height, width) < LEAST:
        return {}
    network, found = opened("families.onnx"), []
    levels = np.rint(seen * STEPS + 128).clip(0, 255).astype(np.uint8)
    for top, left in product(_starts(height), _starts(width)):
        part = levels[:, top : top + WINDOW, left : left + WINDOW]
        two = part.reshape(2, 3, *part.shape[1:]).transpose(0, 2, 3, 1)
        found.append(np.log(np.maximum(network.run(np.ascontiguousarray(two))[0][0].astype(np.float64), 1e-12)))
    mean = np.exp(np.mean(found, axis=0))
    return by_family(mean / mean.sum())


def settled(found: Mapping[str, float], *, intact: bool) -> dict[str, float]:
    """The probabilities, given that the picture is intact or that it is not; the mark's own blocks know that."""
    if not found:
        return {}
    if intact:
        return {name: float(name == INTACT) for name in found}
    rest = 1 - found[INTACT]
    return {name: 0.0 if name == INTACT else value / max(rest, 1e-9) for name, value in found.items()}


def named(found: Mapping[str, float]) -> str:
    """The family that is probable enough to be named; empty where none is."""
    name, value = max(found.items(), key=lambda pair: pair[1], default=("", 0.0))
    return name if name not in ("", NOTHING) and value >= facts().sure else ""


def _starts(size: int) -> list[int]:
    """Where windows begin; the last one ends with the picture, so that none is a sliver."""
    return [*range(0, size - WINDOW, WINDOW), max(size - WINDOW, 0)]


def evenly(logits: Planes, name: str) -> Planes:
    """Logits of one mark on the scale that all marks share, within ±4."""
    return np.asarray(np.clip(logits / UNITS[name], -MOST, MOST), np.float32)


def inputs(even: Planes, bits: Bits) -> Planes:
    """What the network sees, (6, H, W): what was revealed, and how far it lies on the wrong side."""
    return np.concatenate([even, np.where(spread(bits), -even, even)]).astype(np.float32)


def by_family(probabilities: NDArray[np.float64]) -> dict[str, float]:
    """Probabilities of the classes to those of the families."""
    found: dict[str, float] = {}
    for name, value in zip(CLASSES, probabilities.tolist(), strict=True):
        family = _FAMILY.get(name, name)
        found[family] = found.get(family, 0.0) + value
    return found
