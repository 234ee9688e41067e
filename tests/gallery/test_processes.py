"""Several real processes on one gallery."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from vultus.gallery import Gallery
from vultus.testing import Analyzer, Thresholds
from vultus.types import unit

PROGRAM = """
import sys
import numpy as np
from vultus.gallery import Gallery
from vultus.testing import Analyzer, Thresholds
from vultus.types import unit

contract = Analyzer().contract
gallery = Gallery.open(sys.argv[1], contract=contract, operating=Thresholds(contract), timeout=30)

def vectors(seed, count=1):
    return unit(np.random.default_rng(seed).normal(size=(count, 128)), 128)

for line in sys.stdin:
    verb, *words = line.split()
    if verb == "enroll":
        answer = len(gallery.enroll_vectors(words[0], vectors(int(words[1])), force=True).added)
    elif verb == "many":
        for seed in range(int(words[1]), int(words[2])):
            gallery.enroll_vectors(f"{words[0]}-{seed}", vectors(seed, 2), force=True)
        answer = "done"
    elif verb == "search":
        found = gallery.search(vectors(int(words[0])))[0]
        answer = f"{found[0].person} {found[0].score:.3f}" if found else "nobody"
    elif verb == "remove":
        answer = gallery.remove(words[0]).name
    elif verb == "move":
        answer = gallery.move_faces([gallery.faces(words[0])[0].id], words[1]).templates
    elif verb == "rename":
        answer = gallery.rename(*words).name
    elif verb == "compact":
        gallery.compact()
        answer = "done"
    elif verb == "check":
        answer = gallery.check().ok
    print(answer, flush=True)
"""


class Other:
    """Another process with the same gallery open."""

    def __init__(self, path: Path) -> None:
        command = [sys.executable, "-c", PROGRAM, str(path)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def tell(self, line: str) -> None:
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def hear(self) -> str:
        return self.process.stdout.readline().strip()

    def ask(self, line: str) -> str:
        self.tell(line)
        return self.hear()

    def close(self) -> None:
        self.process.stdin.close()
        self.process.stdout.close()
        assert self.process.wait(timeout=30) == 0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "staff.vultus"


@pytest.fixture
def others(folder: Path):
    made = [Other(folder), Other(folder)]
    yield made
    for other in made:
        other.close()


def vectors(seed: int):
    return unit(np.random.default_rng(seed).normal(size=(1, 128)), 128)


def test_a_commit_is_seen_by_the_next_search_of_every_process(others, folder: Path) -> None:
    one, two = others
    assert two.ask("search 1") == "nobody"
    with Gallery.open(folder, contract=Analyzer().contract, operating=Thresholds(Analyzer().contract)) as here:
        assert one.ask("enroll Ada 1") == "1"
        assert two.ask("search 1") == "Ada 1.000"
        assert here.search(vectors(1))[0][0].person == "Ada"
        here.enroll_vectors("Bob", vectors(2))
        assert two.ask("search 2") == "Bob 1.000"
        assert one.ask("rename Bob Bobby") == "Bobby"
        assert here.search(vectors(2))[0][0].person == "Bobby"
        assert two.ask("enroll Eve 3") == "1"
        assert one.ask("move Eve Ada") == "2"
        assert two.ask("search 3") == "Ada 1.000"
        assert two.ask("remove Ada") == "Ada"
        assert one.ask("search 1").startswith("Bobby")
        assert [candidate.person for candidate in here.search(vectors(1))[0]] == ["Bobby"]
        # A snapshot by one process, changes by another, a third that opens anew.
        assert one.ask("compact") == "done"
        assert two.ask("enroll Zoe 4") == "1"
    third = Other(folder)
    assert third.ask("search 4") == "Zoe 1.000"
    third.close()
    assert one.ask("check") == two.ask("check") == "True"


def test_two_writers_and_a_reader_at_once(others, folder: Path) -> None:
    one, two = others
    one.ask("enroll Ada 100000")
    one.tell("many a 0 60")
    two.tell("many b 1000 1060")
    with Gallery.open(folder, contract=Analyzer().contract, operating=Thresholds(Analyzer().contract)) as here:
        revision = 0
        deadline = time.monotonic() + 60
        while len(here.people()) < 121 and time.monotonic() < deadline:
            assert here.search(vectors(100000))[0][0].person == "Ada"
            assert here.revision >= revision
            revision = here.revision
        assert (one.hear(), two.hear()) == ("done", "done")
        assert [person.templates for person in here.people()] == [1] + [2] * 120
        assert here.revision == 121  # one a commit
        assert here.check().ok
