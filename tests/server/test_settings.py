from __future__ import annotations

from pathlib import Path

import pytest

from vultus.errors import InputError
from vultus.server.settings import LOOPBACK, Settings

ROOT = Path("galleries")


def test_the_defaults_are_closed() -> None:
    settings = Settings(ROOT)
    settings.check_exposure()
    assert (settings.exposed, settings.fetch_urls, settings.cors, settings.score_floor) == (False, False, (), True)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_this_machine_alone_needs_no_tls(host: str) -> None:
    Settings(ROOT, host=host).check_exposure()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "8.8.8.8", "faces.example"])
def test_beyond_this_machine_tls_is_asked_for(host: str) -> None:
    with pytest.raises(InputError, match="TLS"):
        Settings(ROOT, host=host).check_exposure()
    Settings(ROOT, host=host, insecure=True).check_exposure()
    Settings(ROOT, host=host, tls_cert=Path("c"), tls_key=Path("k")).check_exposure()


def test_this_machine_may_hold_a_proxy() -> None:
    assert Settings(ROOT).proxies == LOOPBACK
    assert Settings(ROOT, proxies=("10.0.0.7", "2001:db8::/32"), idle_per_address=0).proxies[0] == "10.0.0.7"


@pytest.mark.parametrize(
    "wrong",
    [
        {"upload_bytes": 0},
        {"queue": -1},
        {"rate": 0.0},
        {"port": 70_000},
        {"port": -1},
        {"tls_cert": Path("only.pem")},
        {"cors": ("*",)},
        {"idle_per_address": -1},
        {"proxies": ("proxy.example",)},
        {"proxies": ("10.0.0.1/8",)},
        {"window_ms": -1.0},
        {"rate": float("nan")},
    ],
)
def test_what_cannot_be(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError):
        Settings(ROOT, **wrong)  # type: ignore[arg-type]
