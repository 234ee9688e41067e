"""Many at once, and many after another."""

from __future__ import annotations

import gc
import threading
from collections import Counter
from pathlib import Path

import httpx
import pytest

from .conftest import Serve, png, wait_until


def test_two_hundred_at_once_are_all_answered(serve: Serve) -> None:
    served = serve(queue=20)
    for name in ("Ada", "Bob"):
        served.enroll(name)
    data = {name: png(name, seed=1) for name in ("Ada", "Bob", "Eve")}
    seen: list[tuple[str, int, object]] = []
    barrier = threading.Barrier(200)

    def ask(number: int) -> None:
        who = ("Ada", "Bob", "Eve")[number % 3]
        with httpx.Client(base_url=served.address, headers=served.admin.headers, timeout=60) as client:
            barrier.wait(30)
            answer = client.post(
                "/v1/galleries/staff/identify", content=data[who], headers={"Content-Type": "image/png"}
            )
            person = answer.json()["faces"][0]["person"] if answer.status_code == 200 else answer.json()["code"]
            seen.append((who, answer.status_code, person))
            if answer.status_code == 429:
                assert int(answer.headers["Retry-After"]) >= 1

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    statuses = Counter(status for _, status, _ in seen)
    assert sum(statuses.values()) == 200
    assert set(statuses) <= {200, 429}
    assert statuses[200] >= 20
    wrong = [one for one in seen if one[1] == 200 and one[2] != (one[0] if one[0] != "Eve" else None)]
    assert wrong == []
    assert {person for _, status, person in seen if status == 429} <= {"queue_full"}
    readers = served.service._readers
    assert readers is not None
    served.running.stop()
    wait_until(lambda: readers._inside == served.service.held.now == 0)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_requests(serve: Serve) -> None:
    """2,000 requests: resident memory after the first 200 grows by at most 5 %."""
    served = serve(probes_per_person=0)
    served.enroll("Ada")
    data = [png("Ada", "Bob", seed=seed) for seed in range(10)]

    def ask(count: int) -> None:
        with httpx.Client(base_url=served.address, headers=served.admin.headers, timeout=60) as client:
            for number in range(count):
                path = ("/v1/galleries/staff/identify", "/v1/detect", "/v1/embed")[number % 3]
                answer = client.post(path, content=data[number % 10], headers={"Content-Type": "image/png"})
                assert answer.status_code == 200
                if number % 20 == 0:
                    client.get("/v1/galleries/staff/persons")
                    client.get("/v1/me", headers={"Authorization": f"Bearer wrong{number}"})

    ask(200)
    gc.collect()
    before = resident()
    ask(1800)
    gc.collect()
    grown = resident() / before - 1
    assert grown <= 0.05, f"{grown:.1%} of {before / 1e6:.0f} MB"


def resident() -> int:
    """Bytes of memory that this process holds."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS")
