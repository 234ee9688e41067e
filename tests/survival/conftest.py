"""The reference tables, read once; tests that use them are skipped where the data is absent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from vultus.datasets import survival as tables
from vultus.datasets.survival import Cohort


@pytest.fixture(scope="session")
def rossi(data: Path) -> Cohort:
    return tables.rossi(data / "survival")


@pytest.fixture(scope="session")
def whas(data: Path) -> Cohort:
    return tables.whas500(data / "survival")


@pytest.fixture(scope="session")
def veteran(data: Path) -> Cohort:
    return tables.veteran(data / "survival")


@pytest.fixture(scope="session")
def gbsg2(data: Path) -> Cohort:
    return tables.gbsg2(data / "survival")


@pytest.fixture(scope="session")
def gbsg2_covariates(gbsg2: Cohort) -> NDArray[np.float64]:
    """Eight covariates: hormone therapy yes, age, menopause Pre, size, grade 1 to 3, nodes, two receptors."""
    table = gbsg2.table
    columns = {
        "horTh": table.column("horTh") == "yes",
        "menostat": table.column("menostat") == "Pre",
        "tgrade": np.array([len(grade) for grade in table.column("tgrade")]),
    }
    names = ("horTh", "age", "menostat", "tsize", "tgrade", "pnodes", "progrec", "estrec")
    return np.stack([columns[name] if name in columns else table.numbers(name) for name in names], axis=1).astype(float)
