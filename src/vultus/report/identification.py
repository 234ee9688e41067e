"""The report on one against many with strangers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError
from vultus.evaluation.extraction import Failure
from vultus.evaluation.identification_scores import Searches as AllSearches
from vultus.evaluation.identification_scores import SearchReport
from vultus.evaluation.openset import OpenSetReport, OpenSetResult, Realised
from vultus.metrics.det import ErrorCurve, error_curve
from vultus.metrics.identification import ScoreMatrix, best_scores, cmc, ranks
from vultus.operating import OperatingTable
from vultus.report.cells import per_cent
from vultus.report.drawn import band, drawn, failures
from vultus.report.values import Cell, Figure, Section, Share, Table

__all__ = ["Searches", "open_set_curve", "report_identification"]

_NOT_SHOWN = (
    "The figures hold for galleries of this size; a larger one names more strangers at the same threshold.",
    "Thresholds set on the strangers themselves flatter: the product's rows, set on other people, do not.",
    "Ranks and CMC take everybody for enrolled; they say nothing of strangers.",
    "Relatives, look-alikes, children and people in disguise were not looked at apart.",
    "Searches are single pictures; a video track is another measurement.",
)


@dataclass(frozen=True, slots=True, eq=False)
class Searches:
    """Scores of one split: of people who are enrolled, and of strangers."""

    scores: ScoreMatrix  # (searches, people)
    mates: NDArray[np.integer[Any]]  # (searches,), column of the right person
    strangers: ScoreMatrix  # (strangers, people)
    people: NDArray[Any] | None = None  # (searches,), whose search it is, for bands
    stranger_people: NDArray[Any] | None = None
    failures: tuple[Failure, ...] = ()
    pictures: int = 0

    @classmethod
    def of(cls, searches: AllSearches) -> Self:
        """Those of `evaluation.identification_scores`, whose strangers have the mate -1."""
        known = searches.mates >= 0
        who = None if searches.who is None else np.asarray(searches.who)
        return cls(
            searches.scores[known],
            searches.mates[known],
            searches.scores[~known],
            None if who is None else who[known],
            None if who is None else who[~known],
            searches.failures,
            searches.pictures,
        )


def open_set_curve(searches: Searches, *, seed: int = 0) -> ErrorCurve:
    """FNIR at rank 1 (`fnmr`) against FPIR (`fmr`) at every threshold, with bands.

    A search counts as found when the right person is first and at or above the threshold; people
    are resampled where it is known who searched. Refused (InputError): no search of a kind, none
    with the right person first.
    """
    first = ranks(searches.scores, searches.mates) == 1
    if not first.any():
        raise InputError("expected a search with the right person first, there is none: no curve to draw")
    own = np.asarray(searches.scores, dtype=np.float64)[np.arange(first.size), searches.mates]
    sides = [None if each is None else (each, each) for each in (searches.people, searches.stranger_people)]
    return error_curve(
        np.where(first, own, np.nan),
        best_scores(searches.strangers),
        genuine_people=sides[0],
        impostor_people=sides[1],
        seed=seed,
    )


def report_identification(
    report: OpenSetReport | SearchReport,
    searches: Searches | AllSearches | Mapping[int, Searches] | None = None,
    *,
    table: OperatingTable | None = None,
    seed: int = 0,
) -> tuple[Section, ...]:
    """Sections on identification with strangers.

    searches: what the report was made of, for the curves; of an `OpenSetReport` those of one
    split, by templates a person. table: the product's operating points, for how FPIR grows with
    the gallery.
    """
    by_templates = searches if isinstance(searches, Mapping) else {}
    alone = Searches.of(searches) if isinstance(searches, AllSearches) else None
    if isinstance(searches, Searches):
        alone = searches
    sections: list[Section] = []
    if isinstance(report, SearchReport):
        sections.append(_searched(report, alone, seed))
    else:
        sections += [_result(result, by_templates.get(result.templates, alone), seed) for result in report.results]
    if table is not None:
        sections.append(_growth(table))
    lost, pictures = (report.failures, report.pictures) if isinstance(report, OpenSetReport) else ((), 0)
    if alone is not None and not lost:
        lost, pictures = alone.failures, alone.pictures
    if lost:
        sections.append(failures(lost, pictures))
    sections.append(Section("What this does not show", caveats=_NOT_SHOWN))
    return tuple(sections)


def _searched(report: SearchReport, searches: Searches | None, seed: int) -> Section:
    rows: list[tuple[Cell, ...]] = []
    for each in report.at:
        rows.append((f"FPIR at threshold {each.threshold:.4g} (target {each.target:g})", each.fpir))
        if each.fnir is not None:
            rows.append((f"FNIR at threshold {each.threshold:.4g}", each.fnir))
    rows += _product(report.realised)
    rows += [(f"Right person within rank {rank}", rate) for rank, rate in report.ranks.items()]
    rows.append(("Searches without score", f"{report.no_score:,} of {report.searches + report.strangers:,}"))
    tables = [Table("Figures", ("Figure", "Value"), tuple(rows), "Thresholds are those of these strangers themselves.")]
    if report.growth:
        tables.append(
            Table(
                f"FPIR against parts of the gallery, at the threshold for FPIR {report.growth_target:g}",
                ("People enrolled", "FPIR"),
                tuple((str(size.people), Share.of(size.fpir)) for size in report.growth),
                "Mean over all parts of that size; intervals resample searches.",
            )
        )
    return Section(
        "Identification",
        text=(
            f"{report.people:,} people enrolled, {report.searches:,} searches of them and {report.strangers:,} of "
            "strangers.",
        ),
        tables=tuple(tables),
        figures=(*_curves(searches, seed), *_parts(report)),
        caveats=report.caveats,
    )


def _result(result: OpenSetResult, searches: Searches | None, seed: int) -> Section:
    plural = "s" if result.templates > 1 else ""
    rows: list[tuple[Cell, ...]] = [
        (f"FNIR at FPIR {result.fpir:g}, set on these strangers", result.fnir),
        ("Right person first, whatever the score", result.rank_one),
        *_product(result.realised),
    ]
    rows += [(f"Control, {control.name}: FNIR, should be near 1", control.fnir) for control in result.controls]
    low, high = min(result.thresholds), max(result.thresholds)
    return Section(
        f"{result.templates} picture{plural} enrolled a person",
        text=(
            f"{result.people:,} people enrolled, {result.probes:,} searches of them and {result.strangers:,} of "
            f"strangers in each of {result.splits} random splits; thresholds {low:.4g} to {high:.4g}. "
            "Rates count every split, their intervals come from resampling people.",
        ),
        tables=(Table("Figures", ("Figure", "Value"), tuple(rows)),),
        figures=_curves(searches, seed),
    )


def _product(at: Realised | None) -> list[tuple[Cell, ...]]:
    if at is None:
        return []
    return [
        (f"Product at {at.point.threshold:.4g} (FPIR promised {at.point.target:g}): FPIR", at.fpir),
        (f"Product at {at.point.threshold:.4g}: FNIR", at.fnir),
    ]


def _curves(searches: Searches | None, seed: int) -> tuple[Figure, ...]:
    from vultus import plots

    if searches is None:
        return ()
    found: list[Figure] = []
    searched = len(searches.mates)
    if len(searches.strangers) and searched and (ranks(searches.scores, searches.mates) == 1).any():
        curve = open_set_curve(searches, seed=seed)
        levels = [
            f"{per_cent(float(1 - curve.fnmr[curve.fmr <= fpir].min(initial=1.0)))} found at FPIR {per_cent(fpir)}"
            for fpir in (0.1, 0.01)
            if fpir * curve.impostor >= 1
        ]
        sizes = f"{curve.genuine:,} searches of enrolled people, {curve.impostor:,} of strangers"
        found.append(
            drawn(
                plots.dir_at_fpir(curve),
                f"{sizes}. {band(curve)}",
                f"Identification rate over FPIR. {'; '.join(levels) or sizes}.",
            )
        )
    if searched:
        shares = cmc(searches.scores, searches.mates)
        tenth = min(10, shares.size)
        found.append(
            drawn(
                plots.cmc(shares, searched),
                f"{searched:,} searches among {shares.size:,} people, strangers left out. Band: 95 %, Wilson.",
                f"CMC: {per_cent(float(shares[0]))} at rank 1, {per_cent(float(shares[tenth - 1]))} at rank {tenth}.",
            )
        )
    return tuple(found)


def _parts(report: SearchReport) -> tuple[Figure, ...]:
    from vultus import plots

    if len(report.growth) < 2:
        return ()
    return (
        drawn(
            plots.fpir_by_size({size.people: size.fpir for size in report.growth}),
            f"At the threshold that gives FPIR {report.growth_target:g} with everybody enrolled.",
            "Observed FPIR by gallery size, as in the table.",
        ),
    )


def _growth(table: OperatingTable) -> Section:
    from vultus import plots

    figures = [
        drawn(
            plots.fpir_growth(table),
            "Predicted for fixed thresholds. Band: 95 % as far as the choice of development people goes.",
            "Predicted FPIR over gallery size: "
            + "; ".join(
                f"{per_cent(table.predicted_fpir(table.verify(1e-4).threshold, np.ones(size, dtype=np.int64)))} with "
                f"{size:,} people"
                for size in (10, 100, 1000, 10_000)
            )
            + ", at the threshold for FMR 0.01 %.",
        ),
        drawn(
            plots.threshold_curve(table),
            f"Measured on {table.data}.",
            "False match rate over the score: "
            + "; ".join(f"{fmr:g} at {table.verify(fmr).threshold:.3f}" for fmr in (1e-2, 1e-3, 1e-4))
            + ".",
        ),
    ]
    tables: tuple[Table, ...] = ()
    if table.checks:
        figures.insert(
            1,
            drawn(
                plots.fpir_checks(table),
                "Thresholds from one half of the people, tried on the other.",
                "Observed FPIR beside what was promised; the table has the numbers.",
            ),
        )
        tables = (
            Table(
                "Promised and observed FPIR",
                ("People", "Templates", "Promised", "Observed", "Extrapolated"),
                tuple(
                    (str(c.people), c.templates, per_cent(c.target), c.observed, c.extrapolated) for c in table.checks
                ),
            ),
        )
    return Section("FPIR and the size of the gallery", tables=tables, figures=tuple(figures))
