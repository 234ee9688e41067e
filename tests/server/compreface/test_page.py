"""The how-to page's program runs as it stands, but for address and key."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

PAGE = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "compreface-clients.md"


def test_the_program_of_the_page(desk: Any, png: Callable[..., bytes], tmp_path: Path) -> None:
    pytest.importorskip("compreface")
    (program,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    port = str(urlsplit(desk.running.address).port)
    for said, here in (('"8484"', repr(port)), ('"KEY"', repr(desk.key))):
        assert said in program
        program = program.replace(said, here)
    (tmp_path / "ada.jpg").write_bytes(png("Ada"))
    (tmp_path / "door.jpg").write_bytes(png("Ada", seed=1))

    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 0, done.stderr
    assert re.search(r"\[\{'subject': 'Ada', 'similarity': (?:0\.9\d*|1\.0)\}\]", done.stdout)
