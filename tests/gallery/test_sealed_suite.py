"""The suites of the gallery's verbs once more, with every gallery sealed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SUITES = ("people", "names", "identification", "enrolment", "migrate", "processes", "kill", "view", "change")


@pytest.mark.slow
@pytest.mark.parametrize("suite", SUITES)
def test_everything_holds_in_a_sealed_gallery(suite: str) -> None:
    """A key in the environment seals each new gallery, so the tests as they stand run on sealed ones."""
    path = Path(__file__).with_name(f"test_{suite}.py")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", str(path)],
        env={**os.environ, "VULTUS_MASTER_KEY": bytes(range(32)).hex()},
        cwd=path.parents[2],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout
