"""What a benchmark made, put between two marks of a page."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["put"]


def put(path: Path, begin: str, end: str, made: str) -> None:
    """Replace what stands between the marks of a file; a file without them is refused (ValueError)."""
    text = path.read_text(encoding="utf-8")
    whole = f"{begin}\n\n{made}\n\n{end}"
    replaced, count = re.subn(f"{re.escape(begin)}.*{re.escape(end)}", lambda _: whole, text, flags=re.DOTALL)
    if not count:
        raise ValueError(f"{path}: expected the marks {begin} and {end}")
    path.write_text(replaced, encoding="utf-8")
