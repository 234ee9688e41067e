"""Servers over real sockets, with the testing analyzer: real storage, keys, limits, no weights."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import httpx
import pytest

from vultus.server.run import Running, running
from vultus.server.service import Service
from vultus.server.settings import Settings
from vultus.testing import Analyzer, Thresholds, picture


def png(*people: str, noise: float = 8, seed: int = 0, side: int = 112) -> bytes:
    """A drawn picture of people, as a file; another seed is another picture of them."""
    image = picture(*people, noise=noise, seed=seed, side=side)
    return bytes(cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes())


def wait_until(true: Callable[[], bool], seconds: float = 10) -> None:
    """Until it is so, or the test fails."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


@dataclass(frozen=True)
class Served:
    """A server that runs, and a client for each key."""

    running: Running
    admin: httpx.Client
    clients: ExitStack

    @property
    def service(self) -> Service:
        return self.running.service

    @property
    def address(self) -> str:
        return self.running.address

    def client(self, secret: str | None) -> httpx.Client:
        headers = {} if secret is None else {"Authorization": f"Bearer {secret}"}
        # No pool of idle connections: a server that stops waits for none of them.
        return self.clients.enter_context(httpx.Client(base_url=self.address, headers=headers, timeout=30))

    def key(self, role: str, **options: Any) -> httpx.Client:
        return self.client(self.service.keys.create(role, **options).secret)

    def enroll(self, name: str, *, gallery: str = "staff", seed: int = 0) -> dict[str, Any]:
        answer = self.admin.post(
            f"/v1/galleries/{gallery}/persons",
            data={"name": name},
            files={"image": (f"{name}.png", png(name, seed=seed))},
        )
        assert answer.status_code == 201, answer.text
        person: dict[str, Any] = answer.json()["person"]
        return person


Serve = Callable[..., Served]


@pytest.fixture(scope="session")
def analyzer() -> Analyzer:
    return Analyzer()


@pytest.fixture
def serve(tmp_path: Path, analyzer: Analyzer) -> Iterator[Serve]:
    """Start servers; they stop after the test."""
    with ExitStack() as stack:

        def start(
            root: Path | None = None, *, model: Any = None, gallery: str | None = "staff", **options: Any
        ) -> Served:
            used = model or analyzer
            settings = Settings(root or tmp_path / "galleries", port=0, **{"rate": 10_000, "burst": 10_000, **options})
            server = stack.enter_context(running(settings, used, Thresholds(used.contract)))
            clients = stack.enter_context(ExitStack())
            headers = {"Authorization": f"Bearer {server.key}"}
            admin = clients.enter_context(httpx.Client(base_url=server.address, headers=headers, timeout=30))
            if gallery is not None and gallery not in server.service.galleries():
                assert admin.post("/v1/galleries", json={"name": gallery}).status_code == 201
            return Served(server, admin, clients)

        yield start


@pytest.fixture
def served(serve: Serve) -> Served:
    """A server with the empty gallery "staff"."""
    return serve()
