"""kill -9, a hundred times, at any moment of enrolling, removing, saving and opening."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from vultus.gallery import Gallery
from vultus.testing import Analyzer, Thresholds
from vultus.types import unit

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")

ROUNDS = 100
LONGEST = 0.15  # seconds that a child lives at most

# One process imports everything once and forks a child a round, so that a round costs
# milliseconds. The child tells what it is about to remove and what is done, by single writes.
PROGRAM = """
import os, sys
import numpy as np
from vultus.gallery import Gallery
from vultus.testing import Analyzer, Thresholds
from vultus.types import unit

folder, log = sys.argv[1:]
contract = Analyzer().contract

def open_():
    return Gallery.open(folder, contract=contract, operating=Thresholds(contract), timeout=30)

def work(round_):
    told = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    def tell(word, name):
        # A kill can cut a write where a page ends: only a line with both its ends was told.
        os.write(told, f"\\n{word} {name} .\\n".encode())
    gallery = open_()
    mine = []
    for number in range(100000):
        count = 1 + number % 4
        name = f"{round_}-{number}-{count}"
        vectors = unit(np.random.default_rng([round_, number]).normal(size=(count, 128)), 128)
        gallery.enroll_vectors(name, vectors, force=True)
        tell("enrolled", name)
        mine.append(name)
        if number % 7 == 6:
            gone = mine.pop(0)
            tell("removing", gone)
            gallery.remove(gone)
            tell("removed", gone)
        if number % 11 == 10:
            gallery.compact()
        if number % 5 == 4:
            gallery.close()
            gallery = open_()

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        try:
            work(int(line))
        finally:
            os._exit(1)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder in memory, where there is one: a kill leaves the system's pages as they are, so
    waiting for a disk would only make the moments of death fewer."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)


@pytest.fixture
def forker(place: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", PROGRAM, str(place / "staff"), str(place / "told")]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    yield process
    process.stdin.close()
    process.stdout.close()
    process.wait(timeout=30)


CONTRACT = Analyzer().contract


def open_(folder: Path) -> Gallery:
    return Gallery.open(folder, contract=CONTRACT, operating=Thresholds(CONTRACT))


@pytest.mark.slow
def test_every_acknowledged_enrolment_survives(place: Path, forker: subprocess.Popen[str]) -> None:
    dice = random.Random(20)
    told = place / "told"
    for round_ in range(ROUNDS):
        forker.stdin.write(f"{round_}\n")
        forker.stdin.flush()
        child = int(forker.stdout.readline())
        time.sleep(dice.uniform(0, LONGEST))
        os.kill(child, signal.SIGKILL)
        assert int(forker.stdout.readline()) == -signal.SIGKILL  # it did not stop by itself
        lines = told.read_text().splitlines() if told.exists() else []
        words: dict[str, set[str]] = {"enrolled": set(), "removing": set(), "removed": set()}
        for word, name, end in (parts for line in lines if len(parts := line.split()) == 3):
            assert end == "."
            words[word].add(name)
        with open_(place / "staff") as gallery:
            found = {person.name: person.templates for person in gallery.people()}
            acknowledged = words["enrolled"] - words["removing"]
            assert acknowledged <= found.keys(), "an acknowledged enrolment is gone"
            assert not words["removed"] & found.keys(), "an acknowledged removal is back"
            half = {name: count for name, count in found.items() if count != int(name.rsplit("-", 1)[1])}
            assert half == {}, "somebody is there by halves"
            assert len(found.keys() - words["enrolled"]) <= round_ + 1  # at most the one under way, each round
            for name in sorted(acknowledged)[-3:]:
                seed = [int(part) for part in name.split("-")[:2]]
                vectors = unit(np.random.default_rng(seed).normal(size=(found[name], 128)), 128)
                assert gallery.search(vectors[-1])[0][0].person == name
            if round_ % 20 == 19:
                check = gallery.check()
                assert check.ok, check.findings
    assert len(words["enrolled"]) > 2 * ROUNDS  # the children did get to work
    assert words["removed"]
    with open_(place / "staff") as gallery:
        gallery.compact()
        assert len(list((place / "staff").glob("*index-*"))) == 1  # and are swept away
