"""From cosines to the 0 to 100 that clients of Rekognition compare with 80. Not Amazon's own scale.

Piecewise linear through the false match rates of the operating table, so that a similarity
of 80 means that one pair of strangers in a thousand is as alike: the default of the clients.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from vultus.errors import OperatingPointError
from vultus.types import OperatingPoint

__all__ = ["Scale"]

KNOTS = ((1e-1, 50.0), (1e-2, 70.0), (1e-3, 80.0), (1e-4, 90.0), (1e-5, 99.0))  # FMR, similarity
_ROUNDING = 1e-6  # of the cosine of a picture with itself


class Table(Protocol):
    """Error rates to thresholds; `vultus.operating.OperatingTable` is one."""

    def verify(self, fmr: float) -> OperatingPoint: ...


@dataclass(frozen=True, slots=True)
class Scale:
    """Cosines, rising, and the similarity of each.

    >>> scale = Scale((-1.0, 0.2021, 0.2945, 0.3620, 0.4180, 0.4681, 1.0), (0.0, 50.0, 70.0, 80.0, 90.0, 99.0, 100.0))
    >>> [scale.similarity(cosine) for cosine in (0.0, 0.362, 0.4)]
    [41.5939, 80.0, 86.7857]
    >>> scale.cosine(80), scale.cosine(85)
    (0.362, 0.39)
    """

    cosines: tuple[float, ...]
    percents: tuple[float, ...]

    @classmethod
    def of(cls, table: Table) -> Scale:
        """The scale of a model; rates that no cosine stands for are left out."""
        cosines, percents = [-1.0], [0.0]
        for fmr, percent in KNOTS:
            try:
                threshold = table.verify(fmr).threshold
            except OperatingPointError:
                continue
            if cosines[-1] < threshold < 1.0:
                cosines.append(threshold)
                percents.append(percent)
        return cls((*cosines, 1.0), (*percents, 100.0))

    def similarity(self, cosine: float) -> float:
        """0 to 100."""
        return round(float(np.interp(cosine, self.cosines, self.percents)), 4)

    def cosine(self, percent: float, step: float = 0.01) -> float:
        """The least cosine that a threshold of 0 to 100 lets through.

        Between the knots it is the next multiple of `step`: else a caller could learn a
        score to any digit by asking again and again with another threshold.
        """
        value = float(np.interp(percent, self.percents, self.cosines))
        knot = next((known for known in self.cosines if math.isclose(known, value, abs_tol=1e-9)), None)
        if knot is not None:
            return knot - _ROUNDING if knot == 1.0 else knot
        return min(round(math.ceil(value / step - 1e-9) * step, 10), 1.0 - _ROUNDING)
