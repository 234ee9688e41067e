"""Connections that close themselves: no request in time, endless headers, an answer that nobody reads.

uvicorn waits for ever in each of these, so a handful of idle sockets would use up its places. Nor
can one address fill them: of its connections without a request only so many are kept.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

from vultus.server.lone import Lone
from vultus.server.settings import Settings

__all__ = ["HEAD_BYTES", "Idle", "address_of", "patient"]

HEAD_BYTES = 65_536  # of a request's first lines
_MOMENT = 1.0  # seconds in which a new connection may bring its request: many are accepted before any is read


def address_of(peer: Any) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address of a socket's peer, as `getpeername` gives it; None: it has none, as a socket of the system.

    >>> address_of(("::ffff:192.0.2.7", 1, 0, 0)), address_of("/run/vultus.sock")
    (IPv4Address('192.0.2.7'), None)
    """
    if not isinstance(peer, tuple):
        return None
    try:
        found = ipaddress.ip_address(str(peer[0]).partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


class Idle:
    """Connections without a request under way, by address, the longest idle first; for one loop.

    Above the bound of an address the longest idle are closed: at once above half of all places,
    else after a moment, so that many clients who come together behind one address are served.
    """

    def __init__(self, settings: Settings, closed: Callable[[], None] = lambda: None) -> None:
        """settings: the bound, and the proxies that it does not hold for. closed: told of each that was closed."""
        self._bound = settings.idle_per_address
        self._most = max(settings.connections // 2, self._bound)
        self._proxies = tuple(ipaddress.ip_network(proxy) for proxy in settings.proxies)
        self._closed = closed
        self._since: dict[str, dict[Any, float]] = {}  # protocols in the order in which they became idle
        self._looking: dict[str, asyncio.TimerHandle] = {}

    def place(self, peer: Any) -> str | None:
        """Under whom a peer's connections are counted; None: they are not.

        That is its address, or of IPv6 the network of 64 bits, of which one host may have all addresses.
        """
        address = address_of(peer)
        if not self._bound or address is None or any(address in proxy for proxy in self._proxies):
            return None
        return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else str(address)

    def add(self, place: str, protocol: Any, loop: asyncio.AbstractEventLoop) -> None:
        """A connection has no request from now on."""
        found = self._since.setdefault(place, {})
        found.pop(protocol, None)
        found[protocol] = loop.time()
        self._trim(place, loop)

    def discard(self, place: str, protocol: Any) -> None:
        """A connection has a request, or is closed."""
        found = self._since.get(place)
        if found is None:
            return
        found.pop(protocol, None)
        if not found:
            del self._since[place]
        if len(found) <= self._bound and (timer := self._looking.pop(place, None)) is not None:
            timer.cancel()

    def _trim(self, place: str, loop: asyncio.AbstractEventLoop) -> None:
        found = self._since.get(place, {})
        while len(found) > self._bound:
            oldest, since = next(iter(found.items()))
            due = since + _MOMENT
            if len(found) <= self._most and due > loop.time():
                if place not in self._looking:
                    self._looking[place] = loop.call_at(due, self._look, place, loop)
                return
            del found[oldest]
            oldest.transport.abort()
            self._closed()

    def _look(self, place: str, loop: asyncio.AbstractEventLoop) -> None:
        del self._looking[place]
        self._trim(place, loop)


class _Together:
    """A transport that sends the head of an answer together with its body; apart, each wakes the client.

    `flush` sends what was written; without it that is done when the loop comes round.
    """

    def __init__(self, transport: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._waiting: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Send, a little later."""
        if not self._waiting:
            self._loop.call_soon(self.flush)
        self._waiting.append(data)

    def flush(self) -> None:
        """Send what waits."""
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            self._transport.writelines(waiting)

    def close(self) -> None:
        """Send what waits, then close."""
        self.flush()
        self._transport.close()

    def abort(self) -> None:
        """Close at once; what waits is lost."""
        self._waiting.clear()
        self._transport.abort()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


def patient(
    settings: Settings, closed: Callable[[], None] = lambda: None, lone: Lone | None = None
) -> type[asyncio.Protocol]:
    """The protocol of uvicorn with the settings' patience. closed: see `Idle`. lone: told which connections send."""
    base: Any = AutoHTTPProtocol
    idle = Idle(settings, closed)

    class Patient(base):  # type: ignore[misc]
        """One connection."""

        _late: asyncio.TimerHandle | None = None
        _unread: asyncio.TimerHandle | None = None
        _place: str | None = None
        _head = 0

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(_Together(transport, self.loop))
            self._place = idle.place(transport.get_extra_info("peername"))
            self._expect_head()
            self._rest()

        def connection_lost(self, exc: Exception | None) -> None:
            for timer in (self._late, self._unread):
                if timer is not None:
                    timer.cancel()
            self._work()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            if lone is not None:
                lone.note(id(self))
            super().data_received(data)
            if self._busy():
                self._work()
                self._head = 0
                if self._late is not None:
                    self._late.cancel()
                    self._late = None
                return
            self._head += len(data)
            if self._head > HEAD_BYTES:
                self.transport.abort()
            elif self._late is None:
                self._expect_head()

        def on_response_complete(self) -> None:
            self.transport.flush()
            super().on_response_complete()
            if not self._busy() and not self.transport.is_closing():
                self._rest()

        def pause_writing(self) -> None:
            super().pause_writing()
            if self._unread is None:
                self._unread = self.loop.call_later(settings.idle_seconds, self.transport.abort)

        def resume_writing(self) -> None:
            super().resume_writing()
            if self._unread is not None:
                self._unread.cancel()
                self._unread = None

        def _busy(self) -> bool:
            return self.cycle is not None and not self.cycle.response_complete

        def _rest(self) -> None:
            if self._place is not None:
                idle.add(self._place, self, self.loop)

        def _work(self) -> None:
            if self._place is not None:
                idle.discard(self._place, self)

        def _expect_head(self) -> None:
            self._late = self.loop.call_later(settings.head_seconds, self._too_late)

        def _too_late(self) -> None:
            self._late = None
            if not self._busy() and not self.transport.is_closing():
                self.transport.abort()

    return Patient
