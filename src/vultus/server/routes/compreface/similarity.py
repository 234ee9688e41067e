"""From cosines to CompreFace's 0 to 1: its form, with constants of our model. Not CompreFace's own scale."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol
from weakref import WeakKeyDictionary

from vultus.server.service import Service
from vultus.types import OperatingPoint

__all__ = ["Form", "form_of", "told"]


class Table(Protocol):
    """Error rates to thresholds; `vultus.operating.OperatingTable` is one."""

    def verify(self, fmr: float) -> OperatingPoint: ...


@dataclass(frozen=True, slots=True)
class Form:
    """Similarity (tanh((c0 - d) c1) + 1) / 2 of the distance d between two unit vectors.

    >>> form = Form.through(0.3620, 0.4681)
    >>> round(form.c0, 6), round(form.c1, 5)
    (1.129602, 11.18808)
    >>> form.similarity(0.362), form.similarity(0.4681)
    (0.5, 0.9)
    """

    c0: float
    c1: float

    @classmethod
    def of(cls, table: Table) -> Form:
        """One half stands for a false match rate of 1e-3, nine tenths for 1e-5."""
        return cls.through(table.verify(1e-3).threshold, table.verify(1e-5).threshold)

    @classmethod
    def through(cls, half: float, nine_tenths: float) -> Form:
        """The form that gives .5 and .9 at two cosines."""
        c0 = _distance(half)
        return cls(c0, math.atanh(0.8) / (c0 - _distance(nine_tenths)))

    def similarity(self, cosine: float) -> float:
        """0 to 1, five digits as the original gives them."""
        return round((math.tanh((self.c0 - _distance(cosine)) * self.c1) + 1) / 2, 5)


def told(service: Service, score: float, threshold: float | None) -> float:
    """The similarity of a score as it may be told: 0 where it lies below the threshold and is withheld."""
    allowed = service.policy.score(score, threshold)
    return 0.0 if allowed is None else form_of(service).similarity(allowed)


_FORMS: WeakKeyDictionary[Service, Form] = WeakKeyDictionary()


def form_of(service: Service) -> Form:
    """The form of the service's model."""
    if service not in _FORMS:
        _FORMS[service] = Form.of(service.operating)
    return _FORMS[service]


def _distance(cosine: float) -> float:
    return math.sqrt(max(2 - 2 * cosine, 0.0))
