"""How much one client may ask for: requests a second, bytes of a body, and time to send it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from vultus.server.logs import About
from vultus.server.problems import Problem, too_many
from vultus.server.settings import Settings

__all__ = ["Buckets", "Held", "Intake"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

_REMEMBERED = 10_000  # clients
_DRAIN_SECONDS = 2.0  # for what a refused client is still sending, so that it can read the refusal
_DRAIN_BYTES = 16 * 2**20


class Buckets:
    """A token bucket for each client: `burst` at once, `rate` a second in the long run.

    >>> buckets = Buckets(clock=iter([0.0, 0.0, 0.0, 0.5]).__next__)
    >>> [buckets.take("door", rate=1, burst=2) for _ in range(4)]  # seconds to wait
    [0.0, 0.0, 1.0, 0.5]
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens, and when

    def take(self, client: str, *, rate: float, burst: float) -> float:
        """Take a token: 0 when there was one, else the seconds until there is."""
        now = self._clock()
        with self._lock:
            tokens, at = self._left.get(client, (float(burst), now))
            tokens = min(float(burst), tokens + (now - at) * rate)
            allowed = tokens >= 1
            self._left[client] = (tokens - 1 if allowed else tokens, now)
            self._left.move_to_end(client)
            while len(self._left) > _REMEMBERED:
                self._left.popitem(last=False)
        return 0.0 if allowed else (1 - tokens) / rate


@dataclass(slots=True)
class Held:
    """Bytes of all bodies that are being received or worked on."""

    most: int
    now: int = 0

    def add(self, size: int) -> None:
        """Count them; more than can be held is refused (429)."""
        if self.now + size > self.most:
            raise too_many("queue_full", "too much is being received at once; try again in a moment", 1)
        self.now += size


class Intake:
    """An ASGI `receive` that refuses bodies which are too large (413) or come too slowly (408)."""

    def __init__(self, receive: Receive, about: About, settings: Settings, held: Held, declared: int | None) -> None:
        """declared: the Content-Length that was announced."""
        self._receive = receive
        self._about = about
        self._settings = settings
        self._held = held
        self._declared = declared
        self._deadline: float | None = None
        self._counted = 0
        self.complete = False
        self.gone = False  # the client hung up before its request was whole
        self.bodyless = False
        self.invited = True  # False: the client waits to be told that it may send

    async def __call__(self) -> Message:
        """The next piece of the body, then whatever comes after it."""
        if self.complete:
            return await self._receive()
        if self._declared is not None and self._declared > self._about.limit:
            raise self._too_large(self._declared)
        now = time.monotonic()
        if self._deadline is None:  # asking for the first piece invites the client to send
            self._deadline = now + self._about.seconds
        try:
            async with asyncio.timeout(min(self._settings.idle_seconds, self._deadline - now)):
                message = await self._receive()
        except TimeoutError:
            raise Problem(
                408,
                "too_slow",
                f"expected the next piece within {self._settings.idle_seconds:g} s and the whole body within "
                f"{self._about.seconds:g} s",
            ) from None
        if message["type"] != "http.request":
            self.complete = self.gone = True
            return message
        size = len(message.get("body", b""))
        self._about.received += size
        if self._about.received > self._about.limit:
            raise self._too_large(self._about.received)
        self._held.add(size)
        self._counted += size
        self.complete = not message.get("more_body", False)
        return message

    async def drain(self) -> bool:
        """Read on for a moment and forget it; whether the body has come to its end."""
        if self.complete:
            return True
        if not self.invited and self._deadline is None:
            return False
        left = _DRAIN_BYTES
        try:
            async with asyncio.timeout(_DRAIN_SECONDS):
                while not self.complete and left > 0:
                    message = await self._receive()
                    left -= len(message.get("body", b""))
                    self.complete = message["type"] != "http.request" or not message.get("more_body", False)
        except TimeoutError:
            pass
        return self.complete

    def let_go(self, size: int) -> None:
        """So many bytes are written somewhere and not held any more."""
        size = min(size, self._counted)
        self._held.now -= size
        self._counted -= size

    def release(self) -> None:
        """The body is not held any more."""
        self.let_go(self._counted)

    def _too_large(self, size: int) -> Problem:
        return Problem(413, "too_large", f"expected a body of at most {self._about.limit} bytes, got {size} or more")
