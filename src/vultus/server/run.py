"""Run the server: bind, say where, serve until told to stop, finish what was accepted."""

from __future__ import annotations

import asyncio
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import uvicorn
from fastapi import FastAPI

from vultus.errors import InputError, StorageError
from vultus.server.app import create_app
from vultus.server.connections import patient
from vultus.server.keys import Created
from vultus.server.service import Service
from vultus.server.settings import Settings

if TYPE_CHECKING:
    from vultus.server.batching import Analyzer
    from vultus.server.service import Operating

__all__ = ["Running", "first_key", "running", "serve"]

FIRST_GALLERY = "people"  # made on the first start, so that there is one to begin with
FILES = 512  # that the galleries and the server itself may have open beside the connections
KEEP_ALIVE = 15  # seconds that an idle connection is kept for the client's next request


class _Server(uvicorn.Server):
    """Tells the service first when it is stopped, so that streams end and readiness goes."""

    def __init__(self, config: uvicorn.Config, service: Service, started: Callable[[str], None]) -> None:
        super().__init__(config)
        self._service = service
        self._say = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and sockets:
            self._say(_address(self._service.settings, sockets[0]))

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGINT and SIGTERM; uvicorn's own would send itself the signal again after a graceful stop."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._service.stopping.set()
        await super().shutdown(sockets)


def first_key(service: Service) -> Created | None:
    """A key of an administrator, when there is no key yet."""
    if service.keys.list():
        return None
    made = service.keys.create("admin", label="first start")
    service.note("server", "key.create", target=made.key.id, role="admin")
    return made


def serve(
    settings: Settings,
    analyzer: Analyzer | None = None,
    operating: Operating | None = None,
    *,
    started: Callable[[str, Created | None], None] = lambda address, key: None,
) -> None:
    """Serve until SIGINT or SIGTERM.

    started: called with the address once requests are welcome, and with the first key, on
    the first start alone. Refused (InputError): to serve beyond this machine without TLS
    unless told to, an address that is taken, TLS files that are none.
    """
    settings.check_exposure()
    _allow_files(settings.connections + FILES)
    with _bound(settings) as bound:
        app = create_app(settings, analyzer, operating)
        service: Service = app.state.service
        key = first_key(service)
        if key is not None and analyzer is not None and not service.galleries():
            service.create_gallery(FIRST_GALLERY)
        _prepared(settings, app, lambda address: started(address, key)).run(sockets=[bound])


@dataclass(frozen=True, slots=True)
class Running:
    """A server in a thread of this process."""

    address: str
    key: str  # of an administrator
    service: Service
    stop: Callable[[], None]  # ask it to stop, as SIGTERM does; it goes on until what was accepted is done


@contextmanager
def running(
    settings: Settings, analyzer: Analyzer | None = None, operating: Operating | None = None
) -> Iterator[Running]:
    """A server over real sockets for tests and notebooks; it stops at the end of the block.

    >>> import tempfile, urllib.request
    >>> from pathlib import Path
    >>> from vultus.testing import Analyzer, Thresholds
    >>> analyzer, folder = Analyzer(), tempfile.TemporaryDirectory()
    >>> with running(Settings(Path(folder.name), port=0), analyzer, Thresholds(analyzer.contract)) as server:
    ...     urllib.request.urlopen(f"{server.address}/health/ready").status
    200
    >>> folder.cleanup()
    """
    bound = _bound(settings)
    app = create_app(settings, analyzer, operating)
    service: Service = app.state.service
    made = service.keys.create("admin", label="running")
    ready = threading.Event()
    addresses: list[str] = []

    def started(address: str) -> None:
        addresses.append(address)
        ready.set()

    server = _prepared(settings, app, started)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            asyncio.run(server.serve(sockets=[bound]))
        except BaseException as error:  # noqa: BLE001 - told in the thread that waits
            failures.append(error)
        finally:
            ready.set()

    thread = threading.Thread(target=work, name="vultus-server", daemon=True)
    thread.start()

    def stop() -> None:
        server.should_exit = True

    try:
        if not ready.wait(60) or failures or not addresses:
            raise StorageError(f"the server did not start ({failures[0] if failures else 'see its log'})")
        yield Running(addresses[0], made.secret, service, stop)
    finally:
        stop()
        thread.join(settings.grace_seconds + 30)
        bound.close()


def _prepared(settings: Settings, app: FastAPI, started: Callable[[str], None]) -> _Server:
    """The server of an app, not running yet."""
    service: Service = app.state.service
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=patient(settings, lambda: service.metrics.count("vultus_idle_closed_total"), service.lone),
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,  # whoever can reach us could claim to be somebody else
        limit_concurrency=settings.connections,
        backlog=settings.connections,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=max(1, round(settings.grace_seconds)),
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
    )
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        raise InputError(f"the TLS files cannot be used ({error}); give a PEM certificate and its key") from error
    return _Server(config, service, started)


def _allow_files(wanted: int) -> None:
    """Raise this process's bound of open files, often 1024: idle connections alone would use that up."""
    try:
        import resource
    except ImportError:  # Windows has no such bound
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):  # macOS has another bound still
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _bound(settings: Settings) -> socket.socket:
    """The socket that the server will listen on."""
    try:
        (family, kind, protocol, _, place), *_ = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        found = socket.socket(family, kind, protocol)
        try:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            found.bind(place)
        except BaseException:
            found.close()
            raise
    except OSError as error:
        raise InputError(
            f"{settings.host}:{settings.port} cannot be listened on ({error.strerror}); is another server there?"
        ) from error
    return found


def _address(settings: Settings, bound: socket.socket) -> str:
    scheme = "https" if settings.tls_cert is not None else "http"
    host, port = bound.getsockname()[:2]
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
