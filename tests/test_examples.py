"""The examples run as they stand, without arguments, and say something sensible."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from vultus.demo import PEOPLE, PROBES, fetch_photograph
from vultus.errors import WeightsError

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"

# What must stand in the output, and what must not.
SAID = {
    "01_detect.py": (["1 face(s)", "good enough to search with: yes"], []),
    "02_verify.py": (["dark copy: match", "another person: different"], []),
    "03_gallery.py": (["Barack Obama 0.", "unknown 0.", "erased:", " 0 found"], ["Eileen Collins 0.", "Joe Biden 0."]),
    "04_video.py": (["track 0: 0.0 to", "Eileen Collins 0."], ["unknown", "conflict"]),
    "05_cluster.py": (["group 1: obama.jpg", "alone:"], ["group 2"]),
}
WITH_PHOTOGRAPHS = {"02_verify.py", "03_gallery.py", "05_cluster.py"}


@pytest.fixture(scope="module")
def photographs() -> None:
    """The demonstration's photographs, fetched once."""
    try:
        for photograph in (*PEOPLE, *PROBES):
            fetch_photograph(photograph)
    except WeightsError as error:
        pytest.skip(f"the demonstration's photographs are not to be had: {error}")


def test_every_example_is_tried() -> None:
    assert sorted(path.name for path in EXAMPLES.glob("*.py")) == sorted(SAID)


@pytest.mark.weights
@pytest.mark.usefixtures("analyzer")
@pytest.mark.parametrize("name", sorted(SAID))
def test_example(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if name in WITH_PHOTOGRAPHS:
        request.getfixturevalue("photographs")

    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / name)], capture_output=True, text=True, cwd=tmp_path, timeout=120
    )

    assert done.returncode == 0, done.stderr
    wanted, unwanted = SAID[name]
    assert [words for words in wanted if words not in done.stdout] == [], done.stdout
    assert [words for words in unwanted if words in done.stdout] == [], done.stdout
    assert list(tmp_path.iterdir()) == []  # nothing is left where the user stands
