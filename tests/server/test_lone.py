from __future__ import annotations

import pytest

from vultus.server.lone import Lone


@pytest.fixture
def clock() -> list[float]:
    return [100.0]


@pytest.fixture
def lone(clock: list[float]) -> Lone:
    return Lone(clock=lambda: clock[0])


def test_nobody_has_asked_yet(lone: Lone) -> None:
    assert lone.now


def test_one_who_asks_often_stays_alone(lone: Lone, clock: list[float]) -> None:
    for _ in range(5):
        lone.note(1)
        clock[0] += 0.001
    assert lone.now


def test_two_in_turn_are_not_alone_and_one_of_them_is_later(lone: Lone, clock: list[float]) -> None:
    seen = []
    for connection in (1, 2, 1, 2):
        lone.note(connection)
        seen.append(lone.now)
        clock[0] += 0.1
    assert seen == [True, False, False, False]
    clock[0] += 0.2
    lone.note(2)
    assert lone.now
