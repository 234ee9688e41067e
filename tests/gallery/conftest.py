"""A gallery over the testing analyzer: real storage, search and rules, no weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vultus.gallery import Gallery
from vultus.testing import Analyzer, Thresholds
from vultus.types import unit

Opener = Callable[..., Gallery]


@pytest.fixture(scope="session")
def analyzer() -> Analyzer:
    return Analyzer()


@pytest.fixture
def opened(tmp_path: Path, analyzer: Analyzer) -> Iterator[Opener]:
    """Open galleries, by default all in one folder; they are closed after the test."""
    galleries: list[Gallery] = []

    def open_(path: Path | None = None, **options: Any) -> Gallery:
        options.setdefault("analyzer", analyzer)
        if options["analyzer"] is not None:
            options.setdefault("operating", Thresholds(options["analyzer"].contract))
        gallery = Gallery.open(path or tmp_path / "staff.vultus", **options)
        galleries.append(gallery)
        return gallery

    yield open_
    for gallery in galleries:
        gallery.close()


@pytest.fixture
def gallery(opened: Opener) -> Gallery:
    return opened()


@pytest.fixture(scope="session")
def directions() -> Callable[..., NDArray[np.float32]]:
    """Random unit vectors (n, 128): their cosines stay near 0."""

    def make(count: int, seed: int = 0) -> NDArray[np.float32]:
        return unit(np.random.default_rng(seed).normal(size=(count, 128)), 128)

    return make
