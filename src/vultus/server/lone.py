"""Whether one connection alone has asked for something of late."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

__all__ = ["Lone"]

_QUIET = 0.25  # seconds for which another connection must have asked for nothing


class Lone:
    """Notes which connections send; for one loop.

    >>> lone = Lone(clock=iter([0.0, 0.1, 0.2, 0.3]).__next__)
    >>> lone.note(1), lone.now  # nobody else since the beginning of time
    (None, True)
    >>> lone.note(2), lone.now
    (None, False)
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: int | None = None
        self._others = -math.inf  # when one that was not the last one before it was heard

    def note(self, connection: int) -> None:
        """Something came in. connection: any number that tells it from the others that are open."""
        if connection != self._last:
            if self._last is not None:
                self._others = self._clock()
            self._last = connection

    @property
    def now(self) -> bool:
        """Nobody else has sent anything for a while."""
        return self._clock() - self._others > _QUIET
