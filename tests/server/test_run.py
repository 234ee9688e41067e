"""The server as a process of its own: first start, stopping, killing, binding."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from vultus.errors import InputError
from vultus.server.run import first_key, serve
from vultus.server.service import Service
from vultus.server.settings import Settings
from vultus.testing import Analyzer, Thresholds

from .conftest import png

SERVER = """
import json, sys
from pathlib import Path
from vultus.server import logs
from vultus.server.run import serve
from vultus.server.settings import Settings
from vultus.testing import Analyzer, Thresholds

logs.configure()
analyzer = Analyzer()
settings = Settings(Path(sys.argv[1]), port=0, rate=10_000, burst=10_000)

def started(address, made):
    print(json.dumps({"address": address, "key": None if made is None else made.secret}), flush=True)

serve(settings, analyzer, Thresholds(analyzer.contract), started=started)
"""


@contextmanager
def process(root: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, str(root)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout is not None
            yield server, json.loads(server.stdout.readline())
        finally:
            if server.poll() is None:
                server.kill()


def test_the_first_start_prints_one_key_and_later_ones_none(tmp_path: Path) -> None:
    root = tmp_path / "galleries"
    with process(root) as (server, told):
        headers = {"Authorization": f"Bearer {told['key']}"}
        assert told["address"].startswith("http://127.0.0.1:")
        assert httpx.get(f"{told['address']}/v1/me", headers=headers).json()["role"] == "admin"
        assert httpx.get(f"{told['address']}/v1/galleries", headers=headers).json()["items"] == [{"name": "people"}]
        server.send_signal(signal.SIGTERM)
        out, err = server.communicate(timeout=20)
    assert server.returncode == 0
    assert out == ""
    lines = [json.loads(line) for line in err.splitlines()]
    assert [line["status"] for line in lines if line["event"] == "request"] == [200, 200]
    assert told["key"] not in err
    with process(root) as (server, again):
        assert again["key"] is None
        assert httpx.get(f"{again['address']}/v1/me", headers=headers).status_code == 200
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=20)
    assert server.returncode == 0


def test_killed_under_load_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    root = tmp_path / "galleries"
    acknowledged: list[str] = []
    with process(root) as (server, told):
        headers = {"Authorization": f"Bearer {told['key']}"}

        def enroll(worker: int) -> None:
            with httpx.Client(base_url=told["address"], headers=headers, timeout=20) as client:
                for number in range(1000):
                    name = f"{worker} {number}"
                    try:
                        answer = client.post(
                            "/v1/galleries/people/persons", data={"name": name}, files={"image": png(name)}
                        )
                    except httpx.TransportError:
                        return
                    if answer.status_code == 201:
                        acknowledged.append(name)

        workers = [threading.Thread(target=enroll, args=(worker,)) for worker in range(6)]
        for worker in workers:
            worker.start()
        while len(acknowledged) < 40:
            assert any(worker.is_alive() for worker in workers)
            workers[0].join(0.01)
        server.kill()
        for worker in workers:
            worker.join(20)
    with process(root) as (server, again):
        client = httpx.Client(base_url=again["address"], headers=headers, timeout=20)
        with client:
            people = client.get("/v1/galleries/people/persons", params={"limit": 1000}).json()["items"]
            check = client.get("/v1/galleries/people/check").json()
            journal = client.get("/v1/journal/verify").json()
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=20)
    names = {one["name"] for one in people}
    assert set(acknowledged) <= names
    assert {one["templates"] for one in people} == {1}
    assert check["findings"] == []
    assert journal["ok"] is True
    assert journal["entries"] >= len(acknowledged)


def test_beyond_this_machine_tls_is_needed_before_anything_is_made(tmp_path: Path) -> None:
    root = tmp_path / "galleries"
    with pytest.raises(InputError, match="TLS"):
        serve(Settings(root, host="0.0.0.0"), Analyzer())
    assert not root.exists()


def test_an_address_that_is_taken(tmp_path: Path) -> None:
    with process(tmp_path / "a") as (server, told):
        port = int(told["address"].rsplit(":", 1)[1])
        with pytest.raises(InputError, match="another server"):
            serve(Settings(tmp_path / "b", port=port), Analyzer())
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=20)


def test_the_first_key_is_made_once(tmp_path: Path) -> None:
    analyzer = Analyzer()
    service = Service(Settings(tmp_path / "galleries"), analyzer, Thresholds(analyzer.contract))
    made = first_key(service)
    assert made is not None
    assert made.key.role == "admin"
    assert first_key(service) is None
    assert [one.action for one in service.journal.entries()] == ["key.create"]
    service._close()


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX")
def test_the_servers_files_are_its_owners_alone(tmp_path: Path) -> None:
    analyzer = Analyzer()
    root = tmp_path / "galleries"
    service = Service(Settings(root), analyzer, Thresholds(analyzer.contract))
    found = [root, root / ".vultus", *(root / ".vultus").iterdir()]
    assert len(found) > 4
    assert [path.name for path in found if path.stat().st_mode & 0o077] == []
    service._close()
