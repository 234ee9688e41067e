"""Thresholds of normalised scores, measured at some gallery sizes, and what lies between.

Normalised scores (`vultus.metrics.cohort`) are standard deviations, not cosines. How high they
come for strangers depends on the gallery: with few people to compare with the deviation itself is
uncertain, with many the best of them is high. Nothing is claimed beyond the sizes that were tried.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from vultus.errors import OperatingPointError
from vultus.types import Rate

__all__ = ["FUSION", "Normalisation", "NormalisedPoint", "NormalisedThreshold", "interpolate"]

Normalisation = Literal["t", "s"]  # the gallery's own T-norm, adaptive S-norm

# How several templates of a person become one normalised score, for `OperatingPoint.fusion`.
FUSION: dict[Normalisation, str] = {"t": "t-norm of max", "s": "max of adaptive s-norm"}

_ADVICE = "search without normalisation, or calibrate on more people"


@dataclass(frozen=True, slots=True)
class NormalisedPoint:
    """A threshold read off simulated galleries of development people, searched by the others."""

    method: Normalisation
    people: int  # in each gallery
    templates: int  # a person
    target: float  # FPIR
    threshold: float  # standard deviations above the mean
    observed: Rate  # searches of strangers at or above it; no surer than one gallery
    galleries: int
    spread: float  # standard deviation of the threshold from seed to seed
    cohort: int = 0  # other people, a picture each; the gallery is its own cohort for "t"
    top: int = 0  # of them, nearest to each side


@dataclass(frozen=True, slots=True)
class NormalisedThreshold:
    """A threshold for one gallery."""

    threshold: float
    observed: Rate | None  # None: it lies between measured points
    extrapolated: bool  # so many templates were measured in smaller galleries only


def interpolate(
    points: Sequence[NormalisedPoint], method: Normalisation, fpir: float, people: int, templates: float
) -> NormalisedThreshold:
    """The threshold at `fpir` for a gallery of people with so many templates each, on average.

    Between measured rates, sizes and templates it runs straight along the logarithms. What more
    templates add is taken from the nearest gallery that had them, and marked as extrapolated.
    Refused (OperatingPointError): a method that was not measured; a rate, a gallery or templates
    beyond what was.

    >>> points = [NormalisedPoint("t", n, 1, 0.01, x, Rate(30, 3000, 0, 1), 9, 0.1) for n, x in ((10, 5.0), (100, 4.0))]
    >>> round(interpolate(points, "t", 0.01, 50, 1).threshold, 3)
    4.301
    """
    measured = {(point.target, point.templates, point.people): point for point in points if point.method == method}
    if not measured:
        raise OperatingPointError(f"no thresholds were measured for {FUSION[method]}; {_ADVICE}")
    if exact := measured.get((fpir, int(templates) if templates == int(templates) else -1, people)):
        return NormalisedThreshold(exact.threshold, exact.observed, False)

    def sizes(target: float, each: float) -> list[float]:
        return sorted(size for rate, count, size in measured if rate == target and count == each)

    def at(target: float, each: float, size: float) -> float:
        return measured[target, int(each), int(size)].threshold

    extrapolated = False

    def at_size(target: float, each: float) -> float:
        """At one measured rate and number of templates, for this gallery."""
        nonlocal extrapolated
        least = min(count for rate, count, _ in measured if rate == target)
        said = f"a gallery for FPIR {target:g}"
        base = _along(sizes(target, least), people, lambda size: at(target, least, size), said, "people")
        if each == least:
            return base
        there = sizes(target, each)
        nearest = min(max(people, there[0]), there[-1])
        extrapolated |= nearest != people
        own = _along(there, nearest, lambda size: at(target, each, size), said, "people")
        return base + own - _along(sizes(target, least), nearest, lambda size: at(target, least, size), said, "people")

    def at_rate(target: float) -> float:
        counts = sorted({float(count) for rate, count, _ in measured if rate == target})
        return _along(counts, templates, lambda each: at_size(target, each), "a gallery", "templates a person")

    threshold = _along(sorted({rate for rate, _, _ in measured}), fpir, at_rate, "an FPIR", "")
    return NormalisedThreshold(threshold, None, extrapolated)


def _along(known: Sequence[float], wanted: float, value: Callable[[float], float], what: str, of: str) -> float:
    """Between the two known places around `wanted`, along its logarithm; refused beyond them."""
    if not known[0] <= wanted <= known[-1]:
        raise OperatingPointError(
            f"expected {what} of {known[0]:g} to {known[-1]:g} {of}".rstrip()
            + f", where normalised scores were measured, got {wanted:.4g}; {_ADVICE}"
        )
    above = next(place for place in known if place >= wanted)
    if above == wanted:
        return value(above)
    below = max(place for place in known if place < wanted)
    share = math.log(wanted / below) / math.log(above / below)
    return (1 - share) * value(below) + share * value(above)
