"""Clients that are slow, huge, broken or gone; stopping while others wait. All over real sockets."""

from __future__ import annotations

import json
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from vultus.server.connections import Idle
from vultus.server.run import running
from vultus.server.settings import Settings
from vultus.testing import Analyzer, Thresholds
from vultus.types import Face, Image, Vector

from .conftest import Serve, Served, png, wait_until

QUICK = {"head_seconds": 0.4, "idle_seconds": 0.4, "body_seconds": 1.5}


def connect(served: Served) -> socket.socket:
    parts = urlsplit(served.address)
    found = socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10)
    found.settimeout(10)
    return found


def head(served: Served, *lines: str, path: str = "/v1/detect", method: str = "POST") -> bytes:
    fixed = [
        f"{method} {path} HTTP/1.1",
        "Host: x",
        f"Authorization: Bearer {served.running.key}",
        "Content-Type: image/png",
    ]
    return "\r\n".join([*fixed, *lines, "", ""]).encode()


def everything(sock: socket.socket) -> bytes:
    """Until the server closes."""
    parts = []
    while True:
        try:
            part = sock.recv(65_536)
        except ConnectionResetError:
            break
        if not part:
            break
        parts.append(part)
    return b"".join(parts)


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer else 0


def problem_of(answer: bytes) -> dict[str, object]:
    found: dict[str, object] = json.loads(answer.partition(b"\r\n\r\n")[2])
    return found


def test_a_connection_without_a_request_is_closed(serve: Serve) -> None:
    served = serve(**QUICK)
    with connect(served) as sock:
        start = time.monotonic()
        assert everything(sock) == b""
        assert 0.3 < time.monotonic() - start < 3


def is_open(sock: socket.socket) -> bool:
    """The server has not closed it, as far as is known here by now."""
    sock.setblocking(False)
    try:
        return sock.recv(1, socket.MSG_PEEK) != b""
    except BlockingIOError:
        return True
    except ConnectionError:
        return False
    finally:
        sock.settimeout(10)


def live(served: Served, sock: socket.socket) -> bool:
    """A request on a connection is answered; the connection stays."""
    sock.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
    answer = b""
    while not answer.endswith(b"}"):
        part = sock.recv(65_536)
        if not part:
            return False
        answer += part
    return status_of(answer) == 200


@pytest.fixture
def several() -> Iterator[Callable[[Served, int], list[socket.socket]]]:
    """Open some connections, which are closed after the test."""
    with ExitStack() as stack:
        yield lambda served, count: [stack.enter_context(connect(served)) for _ in range(count)]


Several = Callable[[Served, int], list[socket.socket]]


def test_idle_connections_of_one_address_are_bounded(serve: Serve, several: Several) -> None:
    """The longest idle go, after a moment; those that have a request, or have had one last, stay."""
    served = serve(idle_per_address=4, proxies=(), head_seconds=30.0, idle_seconds=30.0)
    (busy,) = several(served, 1)
    busy.sendall(head(served, "Content-Length: 1000"))
    idle = several(served, 4)
    assert all(live(served, sock) for sock in idle[1:])  # the server has them all: to connect is not yet to be accepted
    assert live(served, idle[0])  # from now on idle[1] is the longest idle
    more = several(served, 3)
    assert all(live(served, sock) for sock in more)  # nobody is refused
    # Three of these, and the one over which the gallery was made.
    wait_until(lambda: served.service.metrics.value("vultus_idle_closed_total") == 4)
    wait_until(lambda: [is_open(sock) for sock in idle] == [True, False, False, False])
    assert [is_open(sock) for sock in (busy, *more)] == [True] * 4
    assert all(live(served, sock) for sock in (idle[0], *more))
    busy.sendall(bytes(1000))
    assert busy.recv(65_536).startswith(b"HTTP/1.1 ")


def test_an_address_has_no_more_than_half_of_all_places(serve: Serve, several: Several) -> None:
    """Also within the moment that new connections are given, and then one address cannot shut out the others."""
    served = serve(idle_per_address=2, proxies=(), connections=24, head_seconds=30.0)
    flood = several(served, 60)
    answer = served.admin.get("/health/live")
    assert answer.status_code == 200
    assert served.service.metrics.value("vultus_idle_closed_total") >= 60 - 12
    wait_until(lambda: sum(map(is_open, flood)) <= 2)


def test_many_who_come_together_are_served(serve: Serve, several: Several) -> None:
    """As a proxy or an office behind one address: all connect, and then all ask, within a moment."""
    served = serve(idle_per_address=2, proxies=(), head_seconds=30.0)
    together = several(served, 30)
    for sock in together:
        sock.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert [status_of(everything(sock)) for sock in together] == [200] * 30
    assert served.service.metrics.value("vultus_idle_closed_total") == 0


@pytest.mark.parametrize("options", [{"idle_per_address": 2}, {"idle_per_address": 0, "proxies": ()}])
def test_a_proxy_is_not_bounded(serve: Serve, several: Several, options: dict[str, Any]) -> None:
    """This machine is one unless told otherwise; 0 is no bound."""
    served = serve(**options, head_seconds=30.0)
    idle = several(served, 12)
    time.sleep(1.3)  # longer than the moment after which too many are closed
    assert all(is_open(sock) for sock in idle)
    assert all(live(served, sock) for sock in idle)
    assert served.service.metrics.value("vultus_idle_closed_total") == 0


@pytest.mark.parametrize(
    ("peer", "place"),
    [
        (None, None),
        ("", None),
        ("/run/vultus.sock", None),
        (("192.0.2.7", 5), "192.0.2.7"),
        (("::ffff:192.0.2.7", 5, 0, 0), "192.0.2.7"),
        (("2001:db8::1:2:3:4", 5, 0, 0), "2001:db8::/64"),
        (("fe80::1%eth0", 5, 0, 2), "fe80::/64"),
        (("10.1.2.3", 5), None),
        (("::ffff:10.1.2.3", 5, 0, 0), None),
        (("2001:db8:1::5", 5, 0, 0), None),
        (("2001:db8:1::6", 5, 0, 0), "2001:db8:1::/64"),
    ],
)
def test_under_whom_connections_are_counted(tmp_path: Path, peer: object, place: str | None) -> None:
    settings = Settings(tmp_path, proxies=("10.0.0.0/8", "2001:db8:1::5"))
    assert Idle(settings).place(peer) == place


def test_a_head_that_drips_is_closed(serve: Serve) -> None:
    served = serve(**QUICK)
    with connect(served) as sock:
        start = time.monotonic()
        try:
            sock.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n")
            while time.monotonic() - start < 5:
                sock.sendall(b"X-Drip: 1\r\n")
                time.sleep(0.05)
        except OSError:
            pass
        assert time.monotonic() - start < 3


def test_a_head_that_drips_after_a_good_request_is_closed(serve: Serve) -> None:
    served = serve(**QUICK)
    with connect(served) as sock:
        sock.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = b""
        while not answer.endswith(b"}"):
            answer += sock.recv(65_536)
        assert status_of(answer) == 200
        sock.sendall(b"GET /health/live HTTP/1.1\r\n")
        start = time.monotonic()
        assert everything(sock) == b""
        assert time.monotonic() - start < 3


def test_a_head_without_end_is_closed(served: Served) -> None:
    with connect(served) as sock:
        try:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X-Long: " + b"x" * 2_000_000)
        except OSError:
            return
        answer = everything(sock)
        assert status_of(answer) in (0, 400, 431)


def test_a_body_that_stops_is_refused(serve: Serve) -> None:
    served = serve(**QUICK)
    with connect(served) as sock:
        sock.sendall(head(served, "Content-Length: 1000") + b"only this")
        answer = everything(sock)
    assert status_of(answer) == 408
    assert problem_of(answer)["code"] == "too_slow"
    assert b"connection: close" in answer.lower()


def test_a_body_that_drips_is_refused_in_the_end(serve: Serve) -> None:
    served = serve(**QUICK)
    with connect(served) as sock:
        sock.sendall(head(served, "Content-Length: 100000"))
        start = time.monotonic()
        answers: list[bytes] = []
        reader = threading.Thread(target=lambda: answers.append(everything(sock)))
        reader.start()
        try:
            while reader.is_alive() and time.monotonic() - start < 10:
                sock.sendall(b"x")
                time.sleep(0.05)
        except OSError:
            pass
        reader.join(10)
    assert status_of(answers[0]) == 408
    assert 1 < time.monotonic() - start < 8


def test_a_body_that_says_it_is_too_large_is_refused_before_it_comes(serve: Serve) -> None:
    served = serve(request_bytes=1_000_000, upload_bytes=500_000)
    with connect(served) as sock:
        sock.sendall(head(served, "Content-Length: 99999999999", "Expect: 100-continue"))
        answer = everything(sock)
    assert status_of(answer) == 413
    assert problem_of(answer)["code"] == "too_large"


def test_a_body_without_end_is_refused_at_the_bound(serve: Serve) -> None:
    served = serve(request_bytes=1_000_000, upload_bytes=500_000)
    sent = 0
    with connect(served) as sock:
        sock.sendall(head(served, "Transfer-Encoding: chunked"))
        answers: list[bytes] = []
        reader = threading.Thread(target=lambda: answers.append(everything(sock)))
        reader.start()
        try:
            while reader.is_alive() and sent < 200_000_000:
                sock.sendall(b"10000\r\n" + bytes(65_536) + b"\r\n")
                sent += 65_536
        except OSError:
            pass
        reader.join(10)
    assert status_of(answers[0]) == 413
    assert sent < 60_000_000
    assert served.service.held.now == 0


def test_a_small_body_where_no_picture_belongs_is_bounded_too(served: Served) -> None:
    answer = served.admin.post("/v1/galleries", content=bytes(2_000_000), headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_all_bodies_together_are_bounded(serve: Serve) -> None:
    served = serve(held_bytes=300_000, upload_bytes=250_000, request_bytes=250_000, idle_seconds=5.0)
    with connect(served) as sock:
        sock.sendall(head(served, "Content-Length: 240000") + bytes(200_000))
        wait_until(lambda: served.service.held.now >= 200_000)
        refused = served.admin.post("/v1/detect", content=bytes(200_000), headers={"Content-Type": "image/png"})
        assert (refused.status_code, refused.json()["code"]) == (429, "queue_full")
    wait_until(lambda: served.service.held.now == 0)
    allowed = served.admin.post("/v1/detect", content=png("Ada"), headers={"Content-Type": "image/png"})
    assert allowed.status_code == 200


def test_slow_clients_do_not_hold_up_others(serve: Serve) -> None:
    served = serve(head_seconds=20.0, idle_seconds=20.0)
    data = png("Ada")
    slow = [connect(served) for _ in range(100)]
    try:
        for number, sock in enumerate(slow):
            if number % 2:
                sock.sendall(head(served, f"Content-Length: {len(data)}") + data[:100])
            else:
                sock.sendall(b"POST /v1/detect HTTP/1.1\r\n")
        start = time.monotonic()
        for _ in range(10):
            answer = served.admin.post("/v1/detect", content=data, headers={"Content-Type": "image/png"})
            assert answer.status_code == 200
        assert time.monotonic() - start < 5
        sock = slow[1]  # and the slow one is served when the rest comes
        sock.sendall(data[100:])
        assert sock.recv(65_536).startswith(b"HTTP/1.1 200")
    finally:
        for sock in slow:
            sock.close()


def test_a_client_that_does_not_read_is_cut_off(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    served = serve(idle_seconds=0.5)
    whole = 64_000_000  # far more than the buffers between the two hold
    monkeypatch.setattr(served.service.journal, "lines", lambda: ("x" * 64_000 for _ in range(1000)))
    with connect(served) as sock:
        sock.sendall(head(served, path="/v1/journal/export", method="GET"))
        time.sleep(1.5)  # longer than the server waits for a client that reads nothing
        received = everything(sock)
    assert 0 < len(received) < whole
    assert served.admin.get("/health/live").status_code == 200


def test_a_client_that_goes_away_leaves_nothing_behind(served: Served) -> None:
    for number in range(20):
        with connect(served) as sock:
            sock.sendall(head(served, "Content-Length: 50000") + bytes(number * 1000))
    wait_until(lambda: served.service.held.now == 0)
    assert served.admin.get("/health/live").status_code == 200


@pytest.mark.parametrize(
    "raw",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(50),  # TLS to a server without
        b"GET / HTTP/9.9\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET http://elsewhere.example/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    ],
)
def test_what_is_no_http(served: Served, raw: bytes) -> None:
    with connect(served) as sock:
        sock.sendall(raw)
        sock.shutdown(socket.SHUT_WR)
        assert status_of(everything(sock)) < 500
    assert served.admin.get("/health/live").status_code == 200


class Slow(Analyzer):
    """Waits at the door until it is let in."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.waiting = threading.Semaphore(0)

    def detect(self, image: Image) -> tuple[Face, ...]:
        self.waiting.release()
        assert self.gate.wait(20)
        return super().detect(image)


def test_stopping_finishes_what_was_accepted(serve: Serve) -> None:
    analyzer = Slow()
    served = serve(model=analyzer)
    answers: list[int] = []

    def ask(seed: int) -> None:
        with httpx.Client(base_url=served.address, headers=served.admin.headers, timeout=30) as client:
            answer = client.post(
                "/v1/galleries/staff/persons",
                data={"name": f"person {seed}"},
                files={"image": png(f"person {seed}", seed=seed)},
            )
            answers.append(answer.status_code)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    assert analyzer.waiting.acquire(timeout=10)
    wait_until(lambda: served.service._readers is not None and served.service._readers._inside == 6)
    served.running.stop()
    wait_until(served.service.stopping.is_set)
    with pytest.raises(httpx.TransportError):  # nobody new is let in
        httpx.get(f"{served.address}/health/live", timeout=5)
    assert answers == []
    analyzer.gate.set()
    for thread in threads:
        thread.join(30)
    assert answers == [201] * 6
    again = serve()
    assert len(again.admin.get("/v1/galleries/staff/persons").json()["items"]) == 6


def test_stopping_does_not_wait_for_ever(serve: Serve) -> None:
    served = serve(grace_seconds=1.0, idle_seconds=60.0, head_seconds=60.0)
    with connect(served) as sock:
        sock.sendall(head(served, "Content-Length: 1000"))
        wait_until(lambda: served.service.metrics is not None)
        start = time.monotonic()
        served.running.stop()
        everything(sock)
        assert time.monotonic() - start < 10


def test_readiness_tells_that_the_server_stops(served: Served) -> None:
    assert served.admin.get("/health/ready").json() == {"status": "ready"}
    served.service.stopping.set()
    answer = served.client(None).get("/health/ready")
    assert (answer.status_code, answer.json()) == (503, {"status": "stopping"})
    assert served.client(None).get("/health/live").status_code == 200


def test_an_answer_comes_in_one_piece(served: Served) -> None:
    with connect(served) as sock:
        for _ in range(20):
            sock.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
            head_, _, body = sock.recv(65_536).partition(b"\r\n\r\n")
            length = next(line for line in head_.lower().splitlines() if line.startswith(b"content-length: "))
            assert len(body) == int(length.split()[1]) > 0


def test_answers_carry_their_headers(served: Served) -> None:
    for path in ("/v1/me", "/nowhere", "/v1/galleries/none", "/health/live"):
        answer = served.admin.get(path, headers={"X-Request-Id": "mine-1"})
        assert answer.headers["X-Request-Id"] == "mine-1"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "server" not in answer.headers
        assert "access-control-allow-origin" not in answer.headers


def told(caplog: pytest.LogCaptureFixture) -> list[dict[str, object]]:
    """What the log tells of requests, but for those that made what the test needs."""
    requests = [record.__dict__["fields"] for record in caplog.records if record.getMessage() == "request"]
    return [fields for fields in requests if fields["status"] != 201]


@pytest.mark.parametrize(
    ("path", "kind", "body"),
    [
        ("/v1/detect", "image/png", b"\x89PNG"),  # past the framework's layers
        ("/v1/verify", "multipart/form-data; boundary=x", b"--x\r\n"),
        ("/v1/galleries", "application/json", b'{"na'),  # through them
        ("/v1/galleries/staff/identify", "multipart/form-data; boundary=x", b"--x\r\n"),
    ],
)
@pytest.mark.parametrize("length", ["Content-Length: 1000", "Transfer-Encoding: chunked"])
def test_a_client_that_hangs_up_is_no_fault_of_ours(
    served: Served, caplog: pytest.LogCaptureFixture, path: str, kind: str, body: bytes, length: str
) -> None:
    counts = served.service.metrics
    with caplog.at_level(logging.DEBUG), connect(served) as sock:
        start = head(served, length, path=path).replace(b"image/png", kind.encode())
        sock.sendall(start + (body if "Length" in length else b"%x\r\n%s\r\n" % (len(body), body)))
        wait_until(lambda: served.service.held.now == len(body))
        sock.close()
        wait_until(lambda: served.service.held.now == 0)
        wait_until(lambda: told(caplog))
    (fields,) = told(caplog)
    assert (fields["status"], fields["problem"], fields["bytes"]) == (499, "client_gone", len(body))
    # No error, no traceback, and among the counts neither a failure nor a refusal.
    assert [record for record in caplog.records if record.levelno >= logging.WARNING or record.exc_info] == []
    assert counts.value("vultus_requests_total", route=fields["route"], code="499") == 1
    assert 'code="5' not in counts.render()
    assert "vultus_refused_total{" not in counts.render()
    with connect(served) as sock:
        assert live(served, sock)


def test_what_nobody_expected_is_answered_and_told_in_the_log(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Analyzer):
        def embed(self, aligned: Sequence[Image]) -> Vector:
            raise RuntimeError("secret detail")

    served = serve(model=Broken())
    answer = served.admin.post("/v1/embed", content=png("Ada"), headers={"Content-Type": "image/png"})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "secret" not in answer.text
    assert "secret detail" in caplog.text
    assert served.admin.get("/health/live").status_code == 200


def test_pages_of_named_origins_may_call(serve: Serve) -> None:
    served = serve(cors=("https://desk.example",))

    def asked(origin: str) -> httpx.Response:
        headers = {
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization",
        }
        return served.client(None).options("/v1/detect", headers=headers)

    assert asked("https://desk.example").headers["Access-Control-Allow-Origin"] == "https://desk.example"
    assert "Access-Control-Allow-Origin" not in asked("https://evil.example").headers


def test_tls(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    settings = Settings(tmp_path / "g", port=0, tls_cert=cert, tls_key=key)
    analyzer = Analyzer()
    with running(settings, analyzer, Thresholds(analyzer.contract)) as server:
        assert server.address.startswith("https://127.0.0.1:")
        context = ssl.create_default_context(cafile=str(cert))
        with httpx.Client(base_url=server.address, verify=context) as client:
            answer = client.get("/health/live")
            assert answer.status_code == 200
            assert "max-age" in answer.headers["Strict-Transport-Security"]
        with (
            httpx.Client(base_url=server.address.replace("https", "http")) as client,
            pytest.raises(httpx.TransportError),
        ):
            client.get("/health/live")


def test_tls_files_that_are_none(tmp_path: Path) -> None:
    from vultus.errors import InputError
    from vultus.server.run import serve as run

    wrong = tmp_path / "x.pem"
    wrong.write_text("no certificate")
    with pytest.raises(InputError, match="TLS"):
        run(Settings(tmp_path / "g", port=0, tls_cert=wrong, tls_key=wrong), Analyzer())


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1, signed by itself."""
    import ipaddress
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    secret = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(secret.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .sign(secret, hashes.SHA256())
    )
    cert, key = folder / "cert.pem", folder / "key.pem"
    cert.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        secret.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return cert, key
