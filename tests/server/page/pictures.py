"""Pictures of the page for the documentation: `VULTUS_PAGE_PICTURES=docs/pictures pytest tests/server/page -k picture`."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow

__all__ = ["FOLDER_VARIABLE", "keep"]

FOLDER_VARIABLE = "VULTUS_PAGE_PICTURES"


def keep(page: Any, name: str, folder: Path, *, photograph: bool = False, shown: bool = True) -> np.ndarray:
    """Take a picture of the window; kept as `page-NAME.png` where the variable names a folder, else in `folder`.

    photograph: there is one on it, so that fewer colours spare much of the file. shown: the
    documentation shows it.
    """
    page.evaluate("() => document.querySelectorAll('.toast').forEach((one) => one.remove())")
    page.mouse.move(0, 0)
    taken = Pillow.open(io.BytesIO(page.screenshot(animations="disabled", caret="hide"))).convert("RGB")
    place = Path(os.environ.get(FOLDER_VARIABLE, folder)) if shown else folder
    kept = taken.quantize(256, dither=Pillow.Dither.NONE) if photograph else taken
    kept.save(place / f"page-{name}.png", optimize=True)
    return np.asarray(taken)
