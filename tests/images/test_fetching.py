"""Addresses, against a real server on this machine that behaves and misbehaves."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import PIL.Image
import pytest

from vultus.errors import ImageFormatError, ImageTooLargeError, InputError
from vultus.images import Limits, digest, is_url, load, read

PIXELS = np.random.default_rng(5).integers(0, 256, (12, 16, 3)).astype(np.uint8)


def png() -> bytes:
    file = io.BytesIO()
    PIL.Image.fromarray(PIXELS).save(file, "PNG")
    return file.getvalue()


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.over = threading.Event()
        self.sent = 0
        self.asked: list[str] = []

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are what these tests are about."""


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Be silent."""

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.close_connection = True
        getattr(self, self.path.split("?")[0].strip("/").split(".")[0])()

    def head(self, status: int = 200, **fields: object) -> None:
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.send_header("Connection", "close")
        self.end_headers()

    def picture(self) -> None:
        self.head(Content_Length=len(png()), Content_Type="text/plain")
        self.wfile.write(png())

    def unsized(self) -> None:
        self.head()
        self.wfile.write(png())

    def chunked(self) -> None:
        self.head(Transfer_Encoding="chunked")
        self.wfile.write(f"{len(png()):x}\r\n".encode() + png() + b"\r\n0\r\n\r\n")

    def page(self) -> None:
        self.head(Content_Type="image/jpeg")
        self.wfile.write(b"<!DOCTYPE html><html></html>")

    def nothing(self) -> None:
        self.head(Content_Length=0)

    def gone(self) -> None:
        self.head(404, Content_Length=0)

    def announced(self) -> None:
        self.head(Content_Length=10**9)
        self.server.sent = -1

    def endless(self) -> None:
        self.head()
        while not self.server.over.is_set():
            self.wfile.write(bytes(4096))
            self.server.sent += 4096

    def broken(self) -> None:
        self.head(Content_Length=len(png()))
        self.wfile.write(png()[:100])

    def half_chunk(self) -> None:
        self.head(Transfer_Encoding="chunked")
        self.wfile.write(f"{len(png()):x}\r\n".encode() + png()[:100])

    def silent(self) -> None:
        self.server.over.wait()

    def dripping(self) -> None:
        self.head(Content_Length=10**6)
        while not self.server.over.wait(0.02):
            self.wfile.write(b"x")

    def garbage(self) -> None:
        self.wfile.write(b"this is not HTTP\r\n\r\n")

    def moved(self) -> None:
        self.head(302, Location="/picture", Content_Length=0)

    def around(self) -> None:
        self.head(302, Location="/around", Content_Length=0)

    def to_file(self) -> None:
        self.head(302, Location="file:///etc/hostname", Content_Length=0)

    def to_ftp(self) -> None:
        self.head(302, Location="ftp://127.0.0.1/a.jpg", Content_Length=0)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.over.set()
        running.shutdown()
        thread.join()


@pytest.fixture
def url(server: Server, monkeypatch: pytest.MonkeyPatch) -> str:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")
    return f"http://127.0.0.1:{server.server_address[1]}"


def test_an_empty_answer_is_refused(url: str) -> None:
    with pytest.raises(ImageFormatError, match="empty file"):
        read(f"{url}/nothing")


@pytest.mark.parametrize("path", ["picture.jpg?size=1", "unsized", "chunked", "moved"])
def test_a_picture_is_read_by_content(url: str, path: str) -> None:
    assert np.array_equal(read(f"{url}/{path}"), PIXELS)


def test_load_and_digest(url: str) -> None:
    picture = load(f"{url}/picture")
    assert picture.name == f"{url}/picture"
    assert picture.sha256 == digest(png()) == digest(f"{url}/picture")


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("gone", "answered 404 Not Found"),
        ("page", "starts with b'<!DOCTYPE ht'"),
        ("broken", "bytes missing"),
        ("half_chunk", "transfer broke"),
        ("garbage", "transfer broke"),
        ("around", "answered 302"),
        ("to_file", "302|not allowed"),
        ("to_ftp", "unknown url type"),
    ],
)
def test_bad_answers_are_refused_by_name(url: str, path: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason) as caught:
        read(f"{url}/{path}")
    assert str(caught.value).startswith(f"{url}/{path}: ")
    assert "\n" not in str(caught.value)


def test_an_announced_giant_is_refused_unread(url: str) -> None:
    with pytest.raises(ImageTooLargeError, match="20971520 bytes"):
        read(f"{url}/announced")


def test_an_endless_answer_is_cut_at_the_limit(url: str, server: Server) -> None:
    with pytest.raises(ImageTooLargeError):
        read(f"{url}/endless", limits=Limits(bytes=100_000))
    assert server.sent < 50_000_000  # what the buffers between us hold, not what the server would give


@pytest.mark.parametrize(("path", "reason"), [("silent", "kept silent"), ("dripping", "took more than")])
def test_a_slow_server_is_given_up(url: str, path: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        read(f"{url}/{path}", limits=Limits(seconds=0.2))


def test_a_server_that_is_not_there() -> None:
    with pytest.raises(InputError, match="cannot be reached"):
        read("http://127.0.0.1:9/a.jpg", limits=Limits(seconds=2))


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("file:///etc/hostname", "got file://"),
        ("ftp://example.org/a.jpg", "got ftp://"),
        ("rtsp://camera/1", "got rtsp://"),
        ("http:///a.jpg", "host name"),
        ("http://[::1/a.jpg", "cannot be read as one"),
        ("http://127.0.0.1:notaport/a.jpg", "transfer broke|cannot be reached"),
        ("http://127.0.0.1/with space", "transfer broke"),
        ("http://user:secret@127.0.0.1/a.jpg", "without user name"),
    ],
)
def test_other_addresses_are_refused(address: str, reason: str) -> None:
    assert is_url(address)
    with pytest.raises(InputError, match=reason):
        read(address)


def test_a_server_side_caller_may_switch_addresses_off(url: str, server: Server) -> None:
    server.asked.clear()
    for verb in (read, load, digest):
        with pytest.raises(InputError, match="switched off"):
            verb(f"{url}/picture", allow_url=False)
    assert server.asked == []
