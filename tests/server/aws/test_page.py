"""The how-to page's program runs as it stands, but for address and key."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from vultus.server.run import Running

PAGE = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "rekognition-clients.md"


def test_the_program_of_the_page(server: Running, photo: Callable[..., dict[str, bytes]], tmp_path: Path) -> None:
    made = server.service.keys.create("admin", kind="aws")
    (program,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    for said, here in (
        ("http://127.0.0.1:8484", server.address),
        ("ACCESS-KEY-ID", made.key.id),
        ('"SECRET"', repr(made.secret)),
    ):
        assert said in program
        program = program.replace(said, here)
    (tmp_path / "ada.jpg").write_bytes(photo("Ada")["Bytes"])
    (tmp_path / "door.jpg").write_bytes(photo("Ada", seed=1)["Bytes"])

    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"ada\.jpg 9\d\.\d+\n", done.stdout)


def test_the_page_names_every_operation() -> None:
    from vultus.server.routes.aws.operations import OPERATIONS

    text = PAGE.read_text(encoding="utf-8")
    assert [name for name in OPERATIONS if name not in text] == []


def test_the_table_of_the_page_is_the_scale() -> None:
    from vultus.server.routes.aws.scale import KNOTS

    rows = re.findall(r"^\| (\d+)[^|]*\| 1 in ([\d,]+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    told = [(1 / int(rate.replace(",", "")), float(similarity)) for similarity, rate in rows]
    assert told == [(fmr, percent) for fmr, percent in KNOTS]
