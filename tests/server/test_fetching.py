from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from vultus.errors import ImageTooLargeError, InputError
from vultus.server.fetching import fetch, is_public

from .conftest import Serve, png


def test_no_address() -> None:
    for text in ("", "http://", "picture.jpg", "http:///x"):
        with pytest.raises(InputError):
            fetch(text, limit=100)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1", "192.0.0.1", "198.18.0.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "192.0.2.1",
        "::", "::1", "fe80::1", "fc00::1", "fd12:3456::1", "ff02::1", "2001:db8::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::",
        "2002:a9fe:a9fe::1", "fec0::1", "feff::1", "3fff::1", "5f00::1", "::7f00:1", "64:ff9b:1::7f00:1", "100::1",
        "2001:0:0:0:0:0:80ff:fffe",
    ],
)  # fmt: skip
def test_addresses_of_this_machine_and_its_network(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700::1111", "64:ff9b::808:808"])
def test_addresses_of_everybody(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "http://localhost/", "http://127.1/", "http://2130706433/", "http://0x7f000001/", "http://0/",
        "http://[::1]/", "http://[::ffff:127.0.0.1]/", "https://127.0.0.1/", "HTTP://127.0.0.1:22/",
        "file:///etc/passwd", "ftp://8.8.8.8/x", "gopher://8.8.8.8/", "http://user:word@8.8.8.8/", "http://8.8.8.8:0/",
        "http://8.8.8.8:x/", "http://8.8.8.8/\r\nX: y", "http://exa mple/", "http://é.example/",
        "http://8.8.8.8/" + "x" * 3000,
        "http://[::1",
    ],
)  # fmt: skip
def test_addresses_that_are_refused_before_anything_is_sent(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(*args: Any, **options: Any) -> socket.socket:
        raise AssertionError(f"connected to {args}")

    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(InputError):
        fetch(url, limit=100, seconds=2)


def resolving(*addresses: str) -> Callable[..., list[Any]]:
    """A resolver that gives one address after the other, a call each."""
    waiting = list(addresses)

    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (waiting.pop(0), port))]

    return resolve


def test_a_name_of_a_private_address_is_refused() -> None:
    with pytest.raises(InputError, match="public"):
        fetch("http://rebind.example/", limit=100, resolve=resolving("10.0.0.1"))


def test_a_name_of_a_public_and_a_private_address_is_refused() -> None:
    def both(host: str, port: int, **_: Any) -> list[Any]:
        return [resolving(one)(host, port)[0] for one in ("8.8.8.8", "127.0.0.1")]

    with pytest.raises(InputError, match="public"):
        fetch("http://both.example/", limit=100, resolve=both)


class Handler(BaseHTTPRequestHandler):
    answers: dict[str, Callable[[Handler], None]] = {}  # noqa: RUF012 - filled by the tests

    def do_GET(self) -> None:
        self.server.asked.append((self.path, dict(self.headers)))  # type: ignore[attr-defined]
        self.answers[self.path](self)

    def log_message(self, *_: object) -> None: ...

    def give(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def outside() -> Iterator[ThreadingHTTPServer]:
    """A server that stands for one on the internet."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.asked = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def anybody(_: object) -> bool:
    return True


def url(server: ThreadingHTTPServer, path: str, host: str = "127.0.0.1") -> str:
    return f"http://{host}:{server.server_port}{path}"


def test_a_picture_comes_from_the_address_that_was_checked(outside: ThreadingHTTPServer) -> None:
    Handler.answers = {"/a.png?x=1": lambda handler: handler.give(b"picture", Content_Length="7")}
    # The name means another machine when it is asked for a second time; it is asked once.
    resolve = resolving("127.0.0.1", "10.0.0.1")
    assert fetch(url(outside, "/a.png?x=1", "cdn.example"), limit=7, allowed=anybody, resolve=resolve) == b"picture"
    ((_, headers),) = outside.asked  # type: ignore[attr-defined]
    assert headers["Host"] == f"cdn.example:{outside.server_port}"
    assert [name for name in headers if name.lower() in ("cookie", "authorization", "referer")] == []


def test_redirects_are_checked_too(outside: ThreadingHTTPServer) -> None:
    Handler.answers = {"/": lambda handler: handler.give(b"", 302, Location="http://169.254.169.254/latest/meta-data/")}
    seen: list[str] = []

    def allowed(address: object) -> bool:
        seen.append(str(address))
        return str(address) == "127.0.0.1"

    with pytest.raises(InputError, match="public"):
        fetch(url(outside, "/"), limit=100, allowed=allowed)
    assert seen == ["127.0.0.1", "169.254.169.254"]


@pytest.mark.parametrize("target", ["file:///etc/passwd", "//user@127.0.0.1/", "ftp://127.0.0.1/"])
def test_redirects_to_other_schemes(outside: ThreadingHTTPServer, target: str) -> None:
    Handler.answers = {"/": lambda handler: handler.give(b"", 301, Location=target)}
    with pytest.raises(InputError):
        fetch(url(outside, "/"), limit=100, allowed=anybody)


def test_a_good_redirect_and_one_without_end(outside: ThreadingHTTPServer) -> None:
    Handler.answers = {
        "/old": lambda handler: handler.give(b"", 307, Location="/new"),
        "/new": lambda handler: handler.give(b"there"),
        "/loop": lambda handler: handler.give(b"", 302, Location="/loop"),
    }
    assert fetch(url(outside, "/old"), limit=100, allowed=anybody) == b"there"
    with pytest.raises(InputError, match="redirects"):
        fetch(url(outside, "/loop"), limit=100, allowed=anybody)


def test_too_much(outside: ThreadingHTTPServer) -> None:
    Handler.answers = {
        "/said": lambda handler: handler.give(b"", Content_Length="101"),
        "/silent": lambda handler: handler.give(bytes(10_000)),
    }
    for path in Handler.answers:
        with pytest.raises(ImageTooLargeError):
            fetch(url(outside, path), limit=100, allowed=anybody)


def test_bad_answers(outside: ThreadingHTTPServer) -> None:
    Handler.answers = {
        "/missing": lambda handler: handler.give(b"", 404),
        "/short": lambda handler: handler.give(b"abc", Content_Length="50"),
        "/empty": lambda handler: None,
    }
    for path in Handler.answers:
        with pytest.raises(InputError):
            fetch(url(outside, path), limit=100, allowed=anybody, seconds=2)


def test_a_server_that_drips(outside: ThreadingHTTPServer) -> None:
    stop = threading.Event()

    def drip(handler: Handler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for number in range(1000):
            if stop.wait(0.05):
                return
            handler.wfile.write(f"X-{number}: y\r\n".encode())

    Handler.answers = {"/": drip}
    import time

    start = time.monotonic()
    with pytest.raises(InputError):
        fetch(url(outside, "/"), limit=100, seconds=0.5, allowed=anybody)
    assert time.monotonic() - start < 3
    stop.set()


def test_a_server_fetches_only_when_told_to(serve: Serve, outside: ThreadingHTTPServer) -> None:
    Handler.answers = {"/": lambda handler: handler.give(png("Ada"))}
    body = {"image": {"url": url(outside, "/")}}
    closed = serve().admin.post("/v1/detect", json=body)
    assert (closed.status_code, closed.json()["code"]) == (403, "forbidden")
    served = serve(fetch_urls=True)
    answer = served.admin.post("/v1/detect", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert "public" in answer.json()["detail"]
    assert outside.asked == []  # type: ignore[attr-defined]


def test_what_was_fetched_is_read_like_any_picture(
    serve: Serve, outside: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vultus.server import fetching

    Handler.answers = {"/": lambda handler: handler.give(png("Ada"))}
    real = fetching.fetch
    monkeypatch.setattr(fetching, "fetch", lambda *args, **options: real(*args, **options, allowed=anybody))
    served = serve(fetch_urls=True)
    answer = served.admin.post("/v1/detect", json={"image": {"url": url(outside, "/")}})
    assert len(answer.json()["faces"]) == 1
