"""Readers share, a writer is alone and does not starve."""

from __future__ import annotations

import threading

import pytest

from vultus.gallery.turns import Turns

PATIENCE = 10.0  # seconds until a hung test fails


def test_readers_share() -> None:
    turns = Turns()
    both = threading.Barrier(2, timeout=PATIENCE)

    def read() -> None:
        with turns.reading():
            both.wait()  # passes only when two are inside at once

    other = threading.Thread(target=read)
    other.start()
    read()
    other.join()


def test_a_writer_waits_for_readers_and_goes_before_later_ones() -> None:
    turns = Turns()
    order: list[str] = []

    def write() -> None:
        with turns.writing():
            order.append("write")

    def read() -> None:
        with turns.reading():
            order.append("late reader")

    writer, late = threading.Thread(target=write, daemon=True), threading.Thread(target=read, daemon=True)
    with turns.reading():
        writer.start()
        while writer.is_alive() and not turns._waiting:  # until the writer stands in the queue
            writer.join(0.001)
        late.start()
        late.join(0.1)  # it must not get in; a wait too short can only hide a fault, not make one
        order.append("early reader")
    writer.join(PATIENCE)
    late.join(PATIENCE)
    assert order == ["early reader", "write", "late reader"]


def test_a_writer_is_alone() -> None:
    turns = Turns()
    count = 0

    def write() -> None:
        nonlocal count
        for _ in range(300):
            with turns.writing():
                seen = count
                threading.Event().wait(0)  # lets another thread run
                count = seen + 1

    writers = [threading.Thread(target=write) for _ in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert count == 900


def test_an_error_inside_gives_the_turn_back() -> None:
    turns = Turns()
    for turn in (turns.reading, turns.writing):
        with pytest.raises(KeyError), turn():
            raise KeyError
    with turns.writing():
        pass
