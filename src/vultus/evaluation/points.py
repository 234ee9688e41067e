"""What tables of operating points say: the tables in use, their thresholds, and FPIR as galleries grow."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vultus.errors import OperatingPointError
from vultus.metrics.evidence import Evidence
from vultus.operating import FOLDER_VARIABLE, OperatingTable
from vultus.types import OperatingPoint

__all__ = ["RATES", "Against", "Stands", "against", "expected", "growth", "in_use", "stands_for"]

RATES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)


@dataclass(frozen=True, slots=True)
class Stands:
    """The score that stands for a false match rate."""

    point: OperatingPoint
    evidence: Evidence | None  # what that very score is worth; None: the table has no likelihood ratios


@dataclass(frozen=True, slots=True)
class Against:
    """A score against a gallery, and the FPIR to expect of it."""

    people: int
    templates: int  # in all
    threshold: float
    fpir: float
    low: float  # 95 % interval as far as the choice of development people goes
    high: float
    extrapolated: bool


def in_use() -> tuple[OperatingTable, ...]:
    """The table that decisions of each contract are taken by, as `operating.table_for` chooses it; by model.

    Refused (OperatingPointError): a folder of one's own that is none, a damaged table.
    """
    chosen: dict[str, OperatingTable] = {}
    for place in _places():
        here: dict[str, OperatingTable] = {}
        for table in place:
            if table.contract not in here or table.date > here[table.contract].date:
                here[table.contract] = table
        chosen = {**here, **chosen}
    return tuple(sorted(chosen.values(), key=lambda table: (table.model, table.contract)))


def stands_for(table: OperatingTable, rates: Sequence[float] = RATES) -> tuple[Stands, ...]:
    """The scores of false match rates; rates that no cosine stands for are left out."""
    found = []
    for rate in rates:
        try:
            point = table.verify(rate)
        except OperatingPointError:
            continue
        found.append(Stands(point, None if table.likelihood is None else table.likelihood.evidence(point.threshold)))
    return tuple(found)


def against(table: OperatingTable, fpir: float, templates: NDArray[np.int64]) -> Against | None:
    """The score of an FPIR against a gallery, templates of each person (people,); None where no cosine stands for it.

    Refused (OperatingPointError): a rate outside 0 to 0.5, nobody with a template.
    """
    if not 0 < fpir <= 0.5:
        raise OperatingPointError(f"expected an FPIR above 0 and up to 0.5, got {fpir}")
    try:
        point = table.identify(fpir, templates)
    except OperatingPointError:
        if not templates.any():
            raise
        return None
    return _expected(table, point.threshold, templates, point.extrapolated)


def growth(table: OperatingTable, threshold: float, sizes: Sequence[int], templates: int) -> tuple[Against, ...]:
    """FPIR of a fixed score against galleries of so many people, each with so many templates."""
    return tuple(expected(table, threshold, np.full(people, templates, dtype=np.int64)) for people in sizes)


def expected(table: OperatingTable, threshold: float, templates: NDArray[np.int64]) -> Against:
    """FPIR to expect of a score against a gallery."""
    return _expected(table, threshold, templates, threshold > table.knots[-1].score)


def _expected(table: OperatingTable, threshold: float, templates: NDArray[np.int64], extrapolated: bool) -> Against:
    low, high = table.fpir_interval(threshold, templates)
    return Against(
        people=int((templates > 0).sum()),
        templates=int(templates.sum()),
        threshold=threshold,
        fpir=table.predicted_fpir(threshold, templates),
        low=low,
        high=high,
        extrapolated=extrapolated,
    )


def _places() -> Iterator[list[OperatingTable]]:
    """Tables of one's own, then those that vultus brings."""
    own = os.environ.get(FOLDER_VARIABLE)
    if own and not Path(own).is_dir():
        raise OperatingPointError(f"expected a folder of operating points in {FOLDER_VARIABLE}, {own} is none")
    shipped = resources.files("vultus") / "operating_points"
    for folder in [*([Path(own)] if own else []), shipped]:
        files = sorted((each for each in folder.iterdir() if each.name.endswith(".json")), key=lambda each: each.name)
        yield [OperatingTable.load(file) for file in files]
