from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from vultus.errors import StorageError
from vultus.server import decisions
from vultus.server.chain import Entry
from vultus.server.decisions import Decisions
from vultus.server.journal import Journal

from .conftest import wait_until


def entry(number: int) -> dict[str, Any]:
    return {"actor": "key:k", "action": "identify", "evidence": {"score": number / 1000}, "target": f"t{number}"}


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / "journal.sqlite") as found:
        yield found


def test_nothing_waits(journal: Journal) -> None:
    waiting = Decisions(journal)
    waiting.add([])
    waiting.flush()
    waiting.close()
    assert list(journal.entries()) == []


def test_all_are_written_in_their_order_and_the_chain_is_whole(journal: Journal) -> None:
    waiting = Decisions(journal)
    for number in range(0, 300, 3):
        waiting.add([entry(number), entry(number + 1), entry(number + 2)])
    waiting.flush()
    assert [one.target for one in journal.entries()] == [f"t{number}" for number in range(300)]
    assert journal.verify().ok
    waiting.add([entry(300)])
    waiting.close()  # writes what waits
    assert journal.head.seq == 301


def test_they_are_written_without_being_asked_for(journal: Journal) -> None:
    waiting = Decisions(journal)
    waiting.add([entry(1)])
    wait_until(lambda: journal.head.seq == 1)
    waiting.close()


class Full(Journal):
    """A journal on a disk that is full for a while."""

    full = True

    def append_all(self, entries: Iterable[Mapping[str, Any]]) -> tuple[Entry, ...]:
        if self.full:
            raise StorageError("the disk is full")
        return super().append_all(entries)


def test_when_they_cannot_be_written_no_more_are_taken_until_they_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decisions, "_AGAIN", 0.01)
    with Full(tmp_path / "journal.sqlite") as journal:
        waiting = Decisions(journal)
        waiting.add([entry(1)])
        wait_until(lambda: waiting._error is not None)
        with pytest.raises(StorageError, match="the disk is full"):
            waiting.add([entry(2)])
        with pytest.raises(StorageError):
            waiting.flush(0.05)
        journal.full = False
        waiting.flush()
        waiting.add([entry(2)])
        waiting.close()
        assert [one.target for one in journal.entries()] == ["t1", "t2"]


def test_one_that_is_no_entry_does_not_hold_up_the_others(journal: Journal) -> None:
    waiting = Decisions(journal)
    waiting.add([entry(1), {"actor": "key:k", "action": "has white space"}, entry(2)])
    waiting.flush()
    waiting.close()
    assert [one.target for one in journal.entries()] == ["t1", "t2"]


def test_a_search_does_not_wait_for_the_disk(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    real = journal.append_all

    def slow(entries: Iterable[Mapping[str, Any]]) -> tuple[Entry, ...]:
        time.sleep(0.3)
        return real(entries)

    monkeypatch.setattr(journal, "append_all", slow)
    waiting = Decisions(journal)
    start = time.monotonic()
    for number in range(50):
        waiting.add([entry(number)])
    assert time.monotonic() - start < 0.2
    waiting.close()
    assert journal.head.seq == 50
