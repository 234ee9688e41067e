"""Many at once, large beside small, damaged pictures of every kind, and what a whole process says aloud."""

from __future__ import annotations

import asyncio
import io
import json
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import uuid
import zlib
from collections import Counter
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.exceptions
import httpx
import numpy as np
import PIL.Image
import pytest
from botocore.config import Config

from .conftest import Serve, Served, png, wait_until
from .test_run import SERVER

THOUSAND = 1000


@contextmanager
def process(root: Path, *, first: str = "") -> Iterator[tuple[subprocess.Popen[str], dict[str, Any], Path]]:
    """A server as a process that tells everything into a file: a pipe that nobody reads would hold it up."""
    log = root.with_suffix(".log")
    code = first + SERVER.replace("logs.configure()", "logs.configure(10)")
    assert "configure(10)" in code
    with (
        log.open("a") as told,
        subprocess.Popen(
            [sys.executable, "-c", code, str(root)], stdout=subprocess.PIPE, stderr=told, text=True
        ) as made,
    ):
        try:
            assert made.stdout is not None
            yield made, json.loads(made.stdout.readline()), log
        finally:
            if made.poll() is None:
                made.kill()


def stopped(server: subprocess.Popen[str]) -> None:
    server.send_signal(signal.SIGTERM)
    server.communicate(timeout=30)
    assert server.returncode == 0


def _apart(work: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine, run in a thread of its own: the browser's tests keep a loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


async def _asked_at_once(address: str, requests: list[bytes]) -> list[bytes]:
    """All requests on connections of their own, sent when all are open; the answers in the same order."""
    parts = urlsplit(address)

    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(parts.hostname, parts.port)

    async def ask(pair: tuple[asyncio.StreamReader, asyncio.StreamWriter], request: bytes) -> bytes:
        reader, writer = pair
        writer.write(request)
        await writer.drain()
        answer = await reader.read()
        writer.close()
        return answer

    async with asyncio.timeout(90):
        pairs = [await connect() for _ in requests]
        return await asyncio.gather(*map(ask, pairs, requests))


def _request(path: str, key: str, body: bytes) -> bytes:
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: x",
        f"Authorization: Bearer {key}",
        "Content-Type: image/png",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def test_a_thousand_at_once_are_all_answered_and_nobody_is_mistaken(tmp_path: Path) -> None:
    names = ("Ada", "Bob", "Eve")
    pictures = [png(name, seed=1) for name in names]
    path = "/v1/galleries/people/identify"
    with process(tmp_path / "galleries") as (server, told, log):
        with httpx.Client(base_url=told["address"], headers={"Authorization": f"Bearer {told['key']}"}) as client:
            for name in names[:2]:
                made = client.post("/v1/galleries/people/persons", data={"name": name}, files={"image": png(name)})
                assert made.status_code == 201
            requests = [_request(path, told["key"], pictures[number % 3]) for number in range(THOUSAND)]
            answers = _apart(_asked_at_once(told["address"], requests))
            assert client.get("/health/ready").status_code == 200
            assert client.get("/v1/journal/verify").json()["ok"] is True
        stopped(server)
    statuses = Counter(int(answer.split(b" ", 2)[1]) for answer in answers)
    assert sum(statuses.values()) == THOUSAND
    assert set(statuses) <= {200, 429}
    assert statuses[200] >= 64
    for number, answer in enumerate(answers):
        head, _, body = answer.partition(b"\r\n\r\n")
        if b" 429 " in head.partition(b"\r\n")[0]:
            assert b"retry-after:" in head.lower()
            continue
        who = names[number % 3]
        others = [name for name in names if name != who and f'"{name}"'.encode() in body]
        assert others == []
        assert (f'"{who}"'.encode() in body) == (who != "Eve")
    assert "Traceback" not in log.read_text()


@pytest.mark.skipif(os.name != "posix", reason="bounds of open files are POSIX")
def test_idle_connections_do_not_use_up_the_open_files(tmp_path: Path) -> None:
    """A process that may open 1024 files, as is usual, and 1100 connections that say nothing."""
    usual = "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (1024, 4000))\n"
    with process(tmp_path / "galleries", first=usual) as (server, told, _):
        place = urlsplit(told["address"])
        idle = [socket.create_connection((place.hostname or "", place.port or 0), timeout=10) for _ in range(1100)]
        try:
            headers = {"Authorization": f"Bearer {told['key']}"}
            with httpx.Client(base_url=told["address"], headers=headers, timeout=5) as client:
                assert client.get("/v1/galleries/people").status_code == 200
        finally:
            for sock in idle:
                sock.close()
        stopped(server)


def test_large_clients_do_not_hold_up_small_ones(serve: Serve) -> None:
    """Six uploads of 20 MB each from one key, and a small picture of another key in between."""
    served = serve(upload_bytes=25_000_000, request_bytes=25_000_000)
    noise = np.random.default_rng(0).integers(0, 256, (2600, 2600, 3), dtype=np.uint8)
    file = io.BytesIO()
    PIL.Image.fromarray(noise).save(file, "BMP")
    huge = file.getvalue()
    assert len(huge) > 20_000_000
    secret = served.service.keys.create("operator").secret
    statuses: list[int] = []

    def push() -> None:
        with httpx.Client(base_url=served.address, headers={"Authorization": f"Bearer {secret}"}, timeout=60) as client:
            statuses.append(client.post("/v1/detect", content=huge, headers={"Content-Type": "image/bmp"}).status_code)

    threads = [threading.Thread(target=push) for _ in range(6)]
    for thread in threads:
        thread.start()
    waits = []
    while any(thread.is_alive() for thread in threads) and len(waits) < 200:
        start = time.monotonic()
        answer = served.admin.post("/v1/detect", content=png("Ada"), headers={"Content-Type": "image/png"})
        waits.append(time.monotonic() - start)
        assert answer.status_code == 200
    for thread in threads:
        thread.join(60)
    assert len(statuses) == 6
    assert set(statuses) <= {200, 429}
    assert len(waits) > 1
    assert max(waits) < 5
    wait_until(lambda: served.service.held.now == 0)


def _picture(kind: str) -> bytes:
    generator = np.random.default_rng(1)
    image = PIL.Image.fromarray(generator.integers(0, 256, (40, 48, 3), dtype=np.uint8))
    file = io.BytesIO()
    options: dict[str, object] = {"save_all": True, "append_images": [image] * 3} if kind in ("GIF", "TIFF") else {}
    image.save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "JPEG2000", "PPM", "ICO", "TGA"])
def test_damaged_pictures_of_every_kind_end_in_an_answer(served: Served, kind: str) -> None:
    """Flipped, cut, doubled and stretched bytes, a fixed draw; the server answers with a face, none, or a reason."""
    draw = random.Random(kind)
    whole = _picture(kind)
    statuses: Counter[int] = Counter()
    for number in range(60):
        data = bytearray(whole)
        if number % 3 == 0:
            del data[draw.randrange(len(data)) :]
        elif number % 3 == 1:
            for _ in range(draw.randrange(1, 20)):
                data[draw.randrange(min(len(data), 400))] = draw.randrange(256)
        else:
            at = draw.randrange(len(data))
            data[at:at] = data[draw.randrange(len(data)) :][: draw.randrange(1, 2000)]
        answer = served.admin.post("/v1/detect", content=bytes(data), headers={"Content-Type": "image/png"})
        statuses[answer.status_code] += 1
        assert answer.status_code in (200, 400, 413), answer.text
    assert sum(statuses.values()) == 60
    assert served.admin.get("/health/live").status_code == 200


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _png(width: int, height: int, body: bytes, *chunks: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + b"".join(chunks) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")
    )


def _bombs() -> dict[str, bytes]:
    """Small bodies that would be very large once they were unpacked."""
    black = zlib.compress(bytes(100_000_000), 9)
    pixel = zlib.compress(bytes(2))
    tiff = struct.pack("<2sHIH", b"II", 42, 8, 4) + b"".join(
        struct.pack("<HHII", tag, 4, 1, value) for tag, value in ((256, 60_000), (257, 60_000), (273, 8), (279, 8))
    )
    return {
        "pixels": _png(28_000, 28_000, black),
        "text": _png(1, 1, pixel, _chunk(b"zTXt", b"Comment\0\0" + black)),
        "international text": _png(1, 1, pixel, _chunk(b"iTXt", b"XML:com.adobe.xmp\0\x01\0\0\0" + black)),
        "profile": _png(1, 1, pixel, _chunk(b"iCCP", b"p\0\0" + black)),
        "more pixels than it says": _png(1, 1, black),
        "tiff": tiff + bytes(4),
        "gif": b"GIF89a"
        + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0)
        + b","
        + struct.pack("<HHHHB", 0, 0, 9, 9, 0)
        + b"\x08",
        "gzip": b"\x1f\x8b\x08\0\0\0\0\0\0\x03" + black[2:-4] + bytes(8),
    }


@pytest.mark.parametrize("name", sorted(_bombs()))
def test_bombs_are_not_lit(served: Served, name: str) -> None:
    bomb = _bombs()[name]
    assert len(bomb) < 200_000
    before = _most_memory()
    start = time.monotonic()
    answer = served.admin.post("/v1/detect", content=bomb, headers={"Content-Type": "image/png"})
    assert answer.status_code in (200, 400, 413)  # 200: what would burst is passed over
    assert time.monotonic() - start < 3
    assert _most_memory() - before < 60_000_000


def _most_memory() -> int:
    """Bytes that this process, and the server in it, ever held."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmHWM")


def test_no_page_of_another_origin_may_call(served: Served) -> None:
    origin = {"Origin": "https://evil.example"}
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    for answer in (
        served.client(None).options("/v1/detect", headers={**origin, **asked}),
        served.admin.get("/v1/me", headers=origin),
        served.admin.get("/v1/galleries", headers={"Origin": "null"}),
    ):
        assert [name for name in answer.headers if name.startswith("access-control")] == []


def test_no_secret_is_ever_told_in_the_logs(tmp_path: Path) -> None:
    """Keys of every kind, right and wrong, in every place where a client may put them; the whole log is read."""
    wrong = {"ours": "vk_0123456789abcdef_" + "W" * 43, "uuid": str(uuid.UUID(int=7)), "words": "correct horse battery"}
    with process(tmp_path / "galleries") as (server, told, log):
        admin = {"Authorization": f"Bearer {told['key']}"}
        with httpx.Client(base_url=told["address"], timeout=20) as client:
            secrets = [told["key"], *wrong.values()]
            made = {}
            for kind in ("api", "aws", "compreface"):
                body = {"role": "admin", "kind": kind, "galleries": ["people"] if kind == "compreface" else ["*"]}
                made[kind] = client.post("/v1/keys", json=body, headers=admin).json()
                secrets.append(made[kind]["secret"])
            for secret in secrets:
                for headers in (
                    {"Authorization": f"Bearer {secret}"},
                    {"Authorization": secret},
                    {"X-Api-Key": secret},
                    {"Cookie": f"key={secret}"},
                ):
                    client.get("/v1/me", headers=headers)
                    client.get("/api/v1/recognition/subjects", headers=headers)
                client.get(f"/v1/galleries/{secret}", headers=admin)
                client.get("/v1/galleries/people/persons", params={"search": secret}, headers=admin)
                client.get(f"/api/v1/static/{secret}/images/{uuid.UUID(int=1)}")
                client.post("/v1/keys", content=f'{{"role": "{secret}"', headers=admin)
                client.post("/v1/galleries/people/persons", data={"name": secret}, files={"image": b"x"}, headers=admin)
            kept = made["aws"]["secret"]
            signed = boto3.client(
                "rekognition",
                endpoint_url=told["address"],
                region_name="eu-north-1",
                aws_access_key_id=made["aws"]["key"]["id"],
                aws_secret_access_key=kept,
                config=Config(retries={"total_max_attempts": 1}),
            )
            assert signed.list_collections()["CollectionIds"] == ["people"]
            with pytest.raises(botocore.exceptions.ClientError):
                signed.describe_collection(CollectionId="none")
            client.get(f"/v1/keys/{made['api']['key']['id']}", headers=admin)
        stopped(server)
    lines = log.read_text()
    folder = tmp_path / "galleries" / ".vultus"
    journal = b"".join(path.read_bytes() for path in folder.glob("journal*"))
    assert lines.count('"event": "request"') > 60
    assert [secret for secret in secrets if secret in lines] == []
    assert [secret for secret in secrets if secret.encode() in journal] == []
    assert [path for path in folder.iterdir() if any(secret.encode() in path.read_bytes() for secret in secrets)] == []


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is POSIX")
def test_killed_in_the_middle_of_changes_the_journal_and_the_gallery_agree(tmp_path: Path) -> None:
    """Renames, erasures and keys that were acknowledged hold after a kill, and the journal has each of them."""
    root = tmp_path / "galleries"
    renamed: list[tuple[str, str]] = []
    erased: list[str] = []
    with process(root) as (server, told, _):
        headers = {"Authorization": f"Bearer {told['key']}"}
        people = "/v1/galleries/people/persons"

        def work(worker: int) -> None:
            with httpx.Client(base_url=told["address"], headers=headers, timeout=20) as client:
                for number in range(500):
                    name = f"{worker} {number}"
                    try:
                        made = client.post(people, data={"name": name}, files={"image": png(name)})
                        if made.status_code != 201:
                            continue
                        person = made.json()["person"]["id"]
                        if number % 2:
                            if client.post("/v1/galleries/people/erase", json={"person": person}).status_code == 200:
                                erased.append(person)
                        elif client.patch(f"{people}/{person}", json={"name": f"new {name}"}).status_code == 200:
                            renamed.append((person, f"new {name}"))
                    except httpx.TransportError:
                        return

        workers = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
        for worker in workers:
            worker.start()
        end = time.monotonic() + 60
        while len(renamed) < 10 or len(erased) < 5:
            assert any(worker.is_alive() for worker in workers)
            assert time.monotonic() < end, (len(renamed), len(erased))
            workers[0].join(0.01)
        server.kill()
        for worker in workers:
            worker.join(20)
    with process(root) as (server, told, _):
        with httpx.Client(base_url=told["address"], headers=headers, timeout=20) as client:
            names = {one["id"]: one["name"] for one in client.get(people, params={"limit": 1000}).json()["items"]}
            entries = client.get("/v1/journal", params={"limit": 1000}).json()["items"]
            whole = client.get("/v1/journal/verify").json()["ok"]
            # An erasure that was cut off before it was acknowledged is finished without being asked.
            wait_until(lambda: client.get("/v1/galleries/people/check").json()["findings"] == [])
        stopped(server)
    assert [name for person, name in renamed if names.get(person) != name] == []
    assert [person for person in erased if person in names] == []
    noted = {(one["action"], one["target"]) for one in entries}
    assert [person for person, _ in renamed if ("person.rename", person) not in noted] == []
    assert [person for person in erased if ("person.erase", person) not in noted] == []
    assert whole is True


def test_what_is_acknowledged_waits_for_the_disk(served: Served) -> None:
    """A kill cannot show it, since the system keeps what it was given: a power cut would."""
    service = served.service
    full, extra = 2, 3
    with service.gallery("staff")._store.write() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone()[0] in (full, extra)
    assert service.journal._connection.execute("PRAGMA synchronous").fetchone()[0] in (full, extra)
