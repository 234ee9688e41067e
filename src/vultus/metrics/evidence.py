"""What a score is worth as evidence: a frozen likelihood-ratio model, its bounds and its words.

`vultus.metrics.calibration` makes one from development comparisons. It speaks of strangers like
theirs, taken at random (`CAVEAT`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any, Self

import numpy as np

from vultus.errors import InputError

__all__ = ["CAVEAT", "Evidence", "LikelihoodRatio"]

CAVEAT = (
    "Compared with strangers taken at random from people like those of the development data; relatives, "
    "look-alikes and small children resemble each other far more often."
)

_WORTH_SAYING = math.log(2)  # of the interval's nearer end


@dataclass(frozen=True, slots=True)
class Evidence:
    """An LLR (natural logarithm) with its 95 % interval; str() says it in words.

    >>> print(Evidence(5.8, 4.9, 6.3, False))
    about 300 times more likely if it is the same person (at least 100)
    """

    llr: float
    low: float
    high: float
    bounded: bool  # the data cannot show more than this

    @property
    def ratio(self) -> float:
        """Likelihood if it is one person over likelihood if they are two."""
        return math.exp(self.llr)

    def __str__(self) -> str:
        least = self.low if self.llr > 0 else -self.high
        if least < _WORTH_SAYING:
            return "says little either way"
        whom = "it is the same person" if self.llr > 0 else "they are two people"
        if self.bounded:
            return f"at least {_spoken(least, down=True)} times more likely if {whom}"
        spoken, floor = _spoken(abs(self.llr)), _spoken(least, down=True)
        return f"about {spoken} times more likely if {whom} (at least {floor})"


@dataclass(frozen=True, slots=True)
class LikelihoodRatio:
    """From score to LLR: a rising table, straight between its scores and flat beyond them.

    Bounded at ln(n / 3), by the rule of three for nothing in n: where no stranger was seen the
    data do not rule out a rate of 3 / n. n are `independent` comparisons, as many as would make
    a rate as sure as these are, whose people meet each other again and again. Refused
    (InputError): a table that falls or is out of its bounds.
    """

    method: str
    scores: tuple[float, ...]  # rising
    llrs: tuple[float, ...]  # natural logarithm, never falling
    low: tuple[float, ...]  # 95 % interval by resampling people
    high: tuple[float, ...]
    people: int
    genuine: int  # comparisons of one person
    impostors: int  # comparisons of two
    independent_genuine: float
    independent_impostors: float
    data: str
    date: str

    def __post_init__(self) -> None:
        columns = (self.scores, self.llrs, self.low, self.high)
        rising = all(a < b for a, b in pairwise(self.scores))
        never_falling = all(a <= b for column in columns[1:] for a, b in pairwise(column))
        if not self.scores or len(set(map(len, columns))) > 1 or not rising or not never_falling:
            raise InputError("expected a table of rising scores with LLRs and intervals that do not fall")
        ordered = all(a <= b <= c for a, b, c in zip(self.low, self.llrs, self.high, strict=True))
        if not ordered or self.low[0] < self.least or self.high[-1] > self.most:
            raise InputError(f"expected LLRs within their intervals and between {self.least:.2f} and {self.most:.2f}")

    @property
    def least(self) -> float:
        """The lowest LLR that the data can show."""
        return -math.log(max(self.independent_genuine / 3, 1.0))

    @property
    def most(self) -> float:
        """The highest."""
        return math.log(max(self.independent_impostors / 3, 1.0))

    def llr(self, score: float) -> float:
        """LLR of a score, natural logarithm; 0 for NaN, which says nothing."""
        return 0.0 if math.isnan(score) else float(np.interp(score, self.scores, self.llrs))

    def evidence(self, score: float) -> Evidence:
        """LLR of a score with its interval, to be said in words."""
        if math.isnan(score):
            return Evidence(0.0, 0.0, 0.0, False)
        value, low, high = (float(np.interp(score, self.scores, each)) for each in (self.llrs, self.low, self.high))
        return Evidence(value, low, high, value in (self.least, self.most))

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Self:
        """The model that `dataclasses.asdict` and JSON made of one. Refused (InputError): anything else."""
        try:
            values = {item.name: raw[item.name] for item in fields(cls)}
            tables = {name: tuple(map(float, values[name])) for name in ("scores", "llrs", "low", "high")}
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"expected the fields of a likelihood-ratio model: {error!r}") from error
        return cls(**{**values, **tables})


def _spoken(logarithm: float, *, down: bool = False) -> str:
    """A ratio to one digit, thousands with a comma; downwards where it is a promise."""
    ratio = math.exp(logarithm)
    step = 10 ** math.floor(math.log10(ratio))
    digit = math.floor(ratio / step) if down else round(ratio / step)
    return f"{digit * step:,}" if step >= 1 else f"{ratio:.1g}"
