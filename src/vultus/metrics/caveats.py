"""What must be said beside a figure, and what is refused before one is made.

A caveat is a sentence for the reader of a result; results carry them as `caveats`. NaN stands
for a comparison or presentation that gave no score.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError

__all__ = [
    "FEW",
    "ascending",
    "constant",
    "duplicates",
    "failed",
    "inverted",
    "of_scores",
    "refuse_distances",
    "scarce",
]

FEW = 30  # below so many an interval covers most of what could be

Values = NDArray[np.floating[Any]] | Sequence[float]


def ascending(scores: Values, what: str) -> tuple[NDArray[np.float64], int]:
    """The scores that exist, sorted, and how many were NaN.

    Refused (InputError): another shape than (n,), infinity, what is no number.

    >>> ascending([0.5, float("nan"), 0.1], "genuine")
    (array([0.1, 0.5]), 1)
    """
    try:
        values = np.array(scores, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"expected {what} scores to be numbers: {error}") from error
    if values.ndim != 1:
        raise InputError(f"expected {what} scores of shape (n,), got {values.shape}")
    missing = np.isnan(values)
    found = values[~missing]
    found.sort()
    if found.size and not np.isfinite(found[[0, -1]]).all():
        raise InputError(f"expected finite {what} scores, got infinity; write NaN for a comparison without score")
    return found, int(missing.sum())


def of_scores(groups: Mapping[str, NDArray[np.float64]], missing: Mapping[str, int]) -> tuple[str, ...]:
    """Caveats about groups of scores (ascending, NaN taken out) by what they are."""
    said = [sentence for name, count in missing.items() for sentence in failed(count, groups[name].size + count, name)]
    said += [sentence for name, values in groups.items() for sentence in scarce(values.size, name)]
    return (*said, *constant(groups))


def failed(count: int, n: int, what: str) -> tuple[str, ...]:
    """That some gave no score. Empty when all did."""
    return (f"{count:,} of {n:,} {what} scores are missing (NaN) and counted as failures",) if count else ()


def scarce(n: int, what: str, few: int = FEW) -> tuple[str, ...]:
    """That there are too few for a figure to mean much. Empty from `few` on.

    >>> scarce(3, "genuine")
    ('3 genuine scores only: below 30 the interval, not the figure, is the result',)
    """
    return (f"{n} {what} scores only: below {few} the interval, not the figure, is the result",) if n < few else ()


def constant(groups: Mapping[str, NDArray[np.float64]]) -> tuple[str, ...]:
    """That all scores are one number, which no threshold can part, or one group's are."""
    present = {name: values for name, values in groups.items() if values.size > 1}
    flat = [name for name, values in present.items() if values[0] == values[-1]]
    lowest = min((values[0] for values in groups.values() if values.size), default=0.0)
    highest = max((values[-1] for values in groups.values() if values.size), default=1.0)
    if lowest == highest and present:
        return (f"every score is {lowest:g}: no threshold tells one kind from the other",)
    return tuple(f"every {name} score is {present[name][0]:g}" for name in flat)


def inverted(genuine: NDArray[np.float64], impostor: NDArray[np.float64]) -> bool:
    """Whether the genuine scores lie below the impostors' on average, as distances do."""
    return bool(genuine.size and impostor.size and genuine.mean() < impostor.mean())


def refuse_distances(genuine: NDArray[np.float64], impostor: NDArray[np.float64], where: str = "scores") -> None:
    """Refuse (InputError) scores that look like distances, and say how to flip them."""
    if inverted(genuine, impostor):
        raise InputError(
            f"{where}: expected a higher score for the more alike, but the genuine mean {genuine.mean():.4g} lies "
            f"below the impostor mean {impostor.mean():.4g}; these look like distances: flip them with negate=True "
            "(--negate)"
        )


def duplicates(first: Sequence[str] | NDArray[Any], second: Sequence[str] | NDArray[Any]) -> int:
    """How many pairs come again, the sides in either order.

    Refused (InputError): sides of different length.

    >>> duplicates(["a", "b", "c"], ["b", "a", "a"])
    1
    """
    left, right = np.asarray(first), np.asarray(second)
    if left.ndim != 1 or left.shape != right.shape:
        raise InputError(f"expected two sides of one length, got {left.shape} and {right.shape}")
    if not left.size:
        return 0
    names, codes = np.unique(np.concatenate([left, right]), return_inverse=True)
    low, high = np.sort(codes.reshape(2, -1), axis=0).astype(np.int64)
    return int(left.size - np.unique(low * len(names) + high).size)
