"""A server over real sockets, keys of one gallery each, and CompreFace's own SDK."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image as PillowImage

from vultus.server.run import Running, running
from vultus.server.settings import Settings
from vultus.testing import Analyzer, Thresholds, picture

_NUMBERS = count()


def _png(*people: str, noise: float = 4.0, seed: int = 0, side: int = 112) -> bytes:
    held = io.BytesIO()
    PillowImage.fromarray(picture(*people, noise=noise, seed=seed, side=side)).save(held, "PNG")
    return held.getvalue()


@dataclass(frozen=True)
class Desk:
    """A gallery with a key, and a client that sends it."""

    running: Running
    gallery: str
    key: str
    http: httpx.Client

    def post(self, path: str, image: bytes | None = None, **query: Any) -> httpx.Response:
        """Send a picture as a form."""
        files = None if image is None else {"file": ("face.png", image)}
        return self.http.post(f"/api/v1/{path}", params=query, files=files)


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The service with the test analyzer."""
    analyzer = Analyzer()
    settings = Settings(tmp_path_factory.mktemp("compreface") / "root", port=0, burst=5000, rate=2000.0)
    with running(settings, analyzer, Thresholds(analyzer.contract)) as started:
        yield started


@pytest.fixture(scope="package")
def open_desk(server: Running) -> Iterator[Callable[..., Desk]]:
    """A desk of a role; each has a gallery of its own, or the one that is named."""
    with ExitStack() as stack:

        def make(role: str = "enroller", gallery: str | None = None) -> Desk:
            if gallery is None:
                gallery = f"desk-{next(_NUMBERS)}"
                server.service.create_gallery(gallery)
            made = server.service.keys.create(role, kind="compreface", galleries=(gallery,))
            headers = {"x-api-key": made.secret}
            http = stack.enter_context(httpx.Client(base_url=server.address, headers=headers, timeout=20))
            return Desk(server, gallery, made.secret, http)

        yield make


@pytest.fixture
def desk(open_desk: Callable[..., Desk]) -> Desk:
    """A desk with an empty gallery."""
    return open_desk()


@pytest.fixture(scope="session")
def png() -> Callable[..., bytes]:
    """Drawn people as a file; another seed is another picture of them."""
    return _png


@pytest.fixture
def files(tmp_path: Path) -> Callable[..., str]:
    """The same as files on disk, whose paths the SDK takes."""

    def make(*people: str, **options: Any) -> str:
        path = tmp_path / f"{'-'.join(people) or 'nobody'}-{options.get('seed', 0)}.png"
        path.write_bytes(_png(*people, **options))
        return str(path)

    return make
