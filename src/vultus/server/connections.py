"""Connections that close themselves: no request in time, endless headers, an answer that nobody reads.

uvicorn waits for ever in each of these, so a handful of idle sockets would use up its places.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

from vultus.server.settings import Settings

__all__ = ["HEAD_BYTES", "patient"]

HEAD_BYTES = 65_536  # of a request's first lines


def patient(settings: Settings) -> type[asyncio.Protocol]:
    """The protocol of uvicorn with the settings' patience."""
    base: Any = AutoHTTPProtocol

    class Patient(base):  # type: ignore[misc]
        """One connection."""

        _late: asyncio.TimerHandle | None = None
        _unread: asyncio.TimerHandle | None = None
        _head = 0

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            self._expect_head()

        def connection_lost(self, exc: Exception | None) -> None:
            for timer in (self._late, self._unread):
                if timer is not None:
                    timer.cancel()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self._busy():
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

        def _expect_head(self) -> None:
            self._late = self.loop.call_later(settings.head_seconds, self._too_late)

        def _too_late(self) -> None:
            self._late = None
            if not self._busy() and not self.transport.is_closing():
                self.transport.abort()

    return Patient
