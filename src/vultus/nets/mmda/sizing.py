"""Ablations and baselines of one size: the smaller ones get wider adapters."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from vultus.errors import InputError
from vultus.nets.mmda.network import MMDA, trainable
from vultus.nets.mmda.options import Options
from vultus.nets.mmda.tower import Tower

__all__ = ["TOLERANCE", "matched"]

TOLERANCE = 0.02


def matched(options: Options, target: int, tower: Tower, prompts: Tensor) -> Options:
    """The options with adapters so wide that `target` numbers are trained, within 2 %.

    Refused (InputError): a variant that is too large with adapters of width 1, or whose steps
    are too coarse.
    """
    sets = 3 if options.adapters == "own" else 1
    step = sets * (2 * tower.width + 1)  # one more unit in one layer
    spare = target - trainable(MMDA(options, tower, prompts))
    units = round(spare / step)
    base, extra = divmod(sum(options.adapter_widths) + units, tower.layers)
    if base < 1:
        raise InputError(f"expected a variant of at most {target} trained numbers, it has {target - spare}")
    found = replace(options, adapter_widths=tuple(base + (place < extra) for place in range(tower.layers)))
    size = trainable(MMDA(found, tower, prompts))
    if abs(size - target) > TOLERANCE * target:
        raise InputError(f"expected {target} trained numbers within 2 %, the nearest size is {size}")
    return found
