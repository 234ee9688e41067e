"""Erasures that were cut off: by kill -9 at each step, by another process's readers; and what takes them up."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from vultus.gallery.masterkey import new_master_key
from vultus.gallery.store import DATABASE
from vultus.server.erasures import CutOff
from vultus.server.service import Service

from .conftest import Served, png, wait_until
from .test_attacks import process, stopped

NAME = "Ada Lovelace"
PERSONS = "/v1/galleries/people/persons"
POSIX = pytest.mark.skipif(os.name != "posix", reason="kill -9 is POSIX")

DIES = """
import os, signal
from vultus.gallery import erasure
setattr(erasure, {step!r}, lambda *args, **options: os.kill(os.getpid(), signal.SIGKILL))
"""
WAITS = """
import os, time
from vultus.gallery import erasure
settle = erasure.settle

def late(*args, **options):
    end = time.monotonic() + 60
    while not os.path.exists({go!r}) and time.monotonic() < end:
        time.sleep(0.01)
    return settle(*args, **options)

erasure.settle = late
"""


def client(told: dict[str, Any], key: str) -> httpx.Client:
    return httpx.Client(base_url=told["address"], headers={"Authorization": f"Bearer {key}"}, timeout=20)


def cut_off(root: Path, step: str) -> tuple[str, str]:
    """Have a server erase somebody and die at a step of it; the administrator's key, and the id of the person."""
    with process(root, first=DIES.format(step=step)) as (server, told, _):
        with client(told, told["key"]) as desk:
            for name in (NAME, "Bob"):
                headers = {"Idempotency-Key": name}
                made = desk.post(PERSONS, data={"name": name}, files={"image": png(name)}, headers=headers)
                assert made.status_code == 201
            person: str = desk.get(f"{PERSONS}/{NAME}").json()["id"]
            with pytest.raises(httpx.TransportError):
                desk.post("/v1/galleries/people/erase", json={"person": person})
        assert server.wait(20) == -signal.SIGKILL
    return told["key"], person


def files_with(root: Path, text: str) -> list[str]:
    return sorted(path.name for path in root.rglob("*") if path.is_file() and text.encode() in path.read_bytes())


def noted(desk: httpx.Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = desk.get("/v1/journal", params={"action": "person.erase"}).json()["items"]
    return found


@POSIX
@pytest.mark.parametrize("step", ["settle", "_emptied", "_look", "_receipt"])
def test_the_next_start_finishes_what_a_kill_cut_off(tmp_path: Path, step: str) -> None:
    """Nobody asks for the gallery meanwhile."""
    root = tmp_path / "galleries"
    key, person = cut_off(root, step)
    with process(root) as (server, told, _), client(told, key) as desk:
        wait_until(lambda: noted(desk) != [])
        (entry,) = noted(desk)
        assert (entry["actor"], entry["gallery"], entry["target"]) == ("key:server", "people", person)
        assert entry["evidence"] == {"status": "erased"}
        assert "cut off" in entry["reason"]
        assert desk.get("/v1/galleries/people").json()["pending_erasures"] == 0
        assert desk.get("/v1/galleries/people/check").json()["findings"] == []
        assert [one["name"] for one in desk.get(PERSONS).json()["items"]] == ["Bob"]
        assert desk.get("/v1/journal/verify").json()["ok"] is True
        stopped(server)
    assert files_with(root, NAME) == []
    assert files_with(root, "Bob") != []


@POSIX
def test_a_sealed_gallery_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = tmp_path / "master.key"
    new_master_key(secret)
    monkeypatch.setenv("VULTUS_MASTER_KEY_FILE", str(secret))
    root = tmp_path / "galleries"
    key, person = cut_off(root, "settle")
    with sqlite3.connect(root / "people" / "keys.sqlite") as keys:
        before = keys.execute("SELECT count(*) FROM data_key").fetchone()[0]
    keys.close()
    with process(root) as (server, told, _), client(told, key) as desk:
        wait_until(lambda: noted(desk) != [])
        assert [(one["target"], one["evidence"]) for one in noted(desk)] == [(person, {"status": "erased"})]
        assert desk.get("/v1/galleries/people").json()["sealed"] is True
        assert desk.get("/v1/galleries/people/check").json()["findings"] == []
        stopped(server)
    with sqlite3.connect(root / "people" / "keys.sqlite") as keys:
        assert keys.execute("SELECT count(*) FROM data_key").fetchone()[0] < before
    keys.close()


@POSIX
def test_it_does_not_hold_up_the_start(tmp_path: Path) -> None:
    """The server is ready, and other galleries are served, while the erasure takes its time."""
    root, go = tmp_path / "galleries", tmp_path / "go"
    key, _ = cut_off(root, "settle")
    assert files_with(root, NAME) != []
    with process(root, first=WAITS.format(go=str(go))) as (server, told, _), client(told, key) as desk:
        assert desk.get("/health/ready").status_code == 200
        assert desk.post("/v1/galleries", json={"name": "others"}).status_code == 201
        found = desk.post("/v1/galleries/others/persons", data={"name": "Eve"}, files={"image": png("Eve")})
        assert found.status_code == 201
        assert noted(desk) == []
        go.touch()
        wait_until(lambda: noted(desk) != [])
        stopped(server)
    assert files_with(root, NAME) == []


def entries(service: Service) -> list[tuple[str, dict[str, Any]]]:
    return [(one.target, dict(one.evidence)) for one in service.journal.entries(action="person.erase")]


def test_nothing_to_do(served: Served) -> None:
    cut = CutOff()
    for _ in range(3):
        cut.finish(served.service)
    assert entries(served.service) == []


def test_what_readers_of_another_process_hold_up_is_finished_when_they_are_gone(served: Served) -> None:
    service, cut = served.service, CutOff()
    cut.finish(service)
    person = served.enroll(NAME)["id"]
    service.gallery("staff")._store.timeout = 0.2
    service.gallery("staff").compact()  # from here on SQLite too waits no longer
    reader = sqlite3.connect(service.settings.root / "staff" / DATABASE, isolation_level=None)
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM person").fetchone() == (1,)
    told = served.admin.post("/v1/galleries/staff/erase", json={"person": person}).json()
    assert told["status"] == "pending"
    for _ in range(3):  # first seen, then tried, and the gallery does not stand still for it
        start = time.monotonic()
        cut.finish(service)
        assert time.monotonic() - start < 1
    assert service.gallery("staff").pending_erasures() == (person,)
    assert entries(service) == [(person, {"status": "pending"})]
    reader.execute("COMMIT")
    reader.close()
    cut.finish(service)
    assert service.gallery("staff").pending_erasures() == ()
    assert entries(service) == [(person, {"status": "pending"}), (person, {"status": "erased"})]


def test_another_process_that_is_at_it_is_left_alone_for_a_round(served: Served) -> None:
    """Somebody's erasure that is new since the last look may be under way."""
    service, cut = served.service, CutOff()
    cut.finish(service)
    person = served.enroll(NAME)["id"]
    served.enroll("Bob")
    gallery = service.gallery("staff")
    gallery.export(gallery.path / "copy.zip")
    assert served.admin.post("/v1/galleries/staff/erase", json={"person": person}).json()["status"] == "traces"
    assert len(entries(service)) == 1
    cut.finish(service)
    assert len(entries(service)) == 1
    for _ in range(3):  # tried and told once: what was found does not go by itself
        cut.finish(service)
    assert entries(service) == [(person, {"status": "traces"})] * 2
    (gallery.path / "copy.zip").unlink()
    (receipt,) = served.admin.post("/v1/galleries/staff/erase/finish").json()
    assert receipt["status"] == "erased"


def test_a_gallery_that_cannot_be_opened_does_not_keep_the_others_waiting(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    service, cut = served.service, CutOff()
    (service.settings.root / "broken").mkdir()
    (service.settings.root / "broken" / DATABASE).write_bytes(b"no database" * 100)
    person = served.enroll(NAME)["id"]
    gallery = service.gallery("staff")
    gallery.export(gallery.path / "copy.zip")
    assert gallery.erase(person).status == "traces"
    (gallery.path / "copy.zip").unlink()
    for _ in range(3):
        cut.finish(service)
    assert entries(service) == [(person, {"status": "erased"})]
    assert len([one for one in caplog.records if "broken" in one.getMessage()]) == 1
