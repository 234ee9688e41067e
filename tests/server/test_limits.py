from __future__ import annotations

import pytest

from vultus.server.limits import Buckets, Held
from vultus.server.problems import Problem


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_new_client_has_a_full_bucket() -> None:
    buckets = Buckets(Clock())
    assert buckets.take("a", rate=1, burst=1) == 0


def test_bursts_then_the_rate() -> None:
    clock = Clock()
    buckets = Buckets(clock)
    taken = 0
    for _ in range(10_000):  # ten seconds, a try each millisecond
        taken += buckets.take("a", rate=5, burst=20) == 0
        clock.now += 0.001
    assert taken == 20 + 49  # five a second; the fiftieth would come at the end of the tenth


def test_clients_do_not_share() -> None:
    buckets = Buckets(Clock())
    assert buckets.take("a", rate=1, burst=1) == 0
    assert buckets.take("a", rate=1, burst=1) == 1
    assert buckets.take("b", rate=1, burst=1) == 0


def test_clients_are_forgotten_when_there_are_many() -> None:
    buckets = Buckets(Clock())
    for number in range(20_001):
        buckets.take(str(number), rate=1, burst=1)
    assert len(buckets._left) == 10_000


def test_bytes_of_all_bodies_are_bounded() -> None:
    held = Held(100)
    held.add(60)
    with pytest.raises(Problem) as caught:
        held.add(41)
    assert caught.value.status == 429
    held.now -= 60
    held.add(100)
