"""Reports of results: their numbers are those of the results, figures beside, nothing hidden."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="figures need the extra `plots`")

from vultus.datasets.scores import read_vulnerability
from vultus.evaluation import identification_scores as searching
from vultus.evaluation.groups import GroupReport, GroupTable
from vultus.evaluation.openset import Control, OpenSetReport, OpenSetResult
from vultus.evaluation.verification import VerificationReport, evaluate_scores
from vultus.metrics import liveness, vulnerability
from vultus.metrics.age import age_report
from vultus.metrics.classification import classify
from vultus.metrics.differentials import summarise
from vultus.metrics.identification import fnir, fpir
from vultus.metrics.reliability import reliability
from vultus.operating import OperatingTable
from vultus.report import (
    Comparison,
    Records,
    Section,
    Table,
    open_set_curve,
    render,
    report_age,
    report_expression,
    report_groups,
    report_identification,
    report_liveness,
    report_survival,
    report_verification,
    report_vulnerability,
)
from vultus.report.identification import Searches
from vultus.report.verification import MOST_ROWS, comparison_records
from vultus.survival.calibration import calibration
from vultus.survival.concordance import concordance
from vultus.survival.kaplan_meier import kaplan_meier
from vultus.types import Rate

RNG = np.random.default_rng(11)


@pytest.fixture(scope="module")
def table() -> OperatingTable:
    import vultus

    return OperatingTable.load(Path(vultus.__file__).parent / "operating_points" / "sface.json")


@pytest.fixture(scope="module")
def pairs() -> tuple[VerificationReport, np.ndarray, np.ndarray, np.ndarray]:
    people = RNG.integers(0, 60, (2, 800))
    people[1, :300] = people[0, :300]
    same = people[0] == people[1]
    scores = np.where(same, 0.55, 0.1) + RNG.normal(0, 0.13, 800)
    scores[:3] = np.nan
    named = [(f"p{a}", f"p{b}") for a, b in people.T]
    return evaluate_scores(scores, same, named, pictures=900), scores, same, np.array(named)


def rows(sections: tuple[Section, ...]) -> dict[str, object]:
    return {
        str(row[0]): row[1]
        for section in sections
        for table in section.tables
        if isinstance(table, Table)
        for row in table.rows
    }


def test_verification_without_scores_has_tables_alone(
    pairs: tuple[VerificationReport, np.ndarray, np.ndarray, np.ndarray],
) -> None:
    sections = report_verification(pairs[0])
    assert [section.heading for section in sections] == ["In short", "What this does not show"]
    assert not any(section.figures for section in sections)


def test_verification_in_full(
    pairs: tuple[VerificationReport, np.ndarray, np.ndarray, np.ndarray], table: OperatingTable
) -> None:
    _, scores, same, named = pairs
    report = evaluate_scores(scores, same, [tuple(each) for each in named], point=table.verify(1e-3), pictures=900)
    comparisons = [
        Comparison(a, b, bool(truth), float(score))
        for (a, b), truth, score in zip(named, same, scores, strict=True)
    ]  # fmt: skip
    sections = report_verification(
        report,
        scores[same],
        scores[~same],
        genuine_people=(named[same, 0], named[same, 1]),
        impostor_people=(named[~same, 0], named[~same, 1]),
        comparisons=comparisons,
    )
    found = rows(sections)
    assert report.at_point is not None
    assert found["Product, FMR promised 0.001: FNMR"] == report.at_point.fnmr
    refused = found["False non-matches"]
    assert isinstance(refused, Rate)
    assert refused.k == int((~(scores[same] >= report.eer_threshold)).sum())
    assert [len(section.figures) for section in sections[1:3]] == [3, 2]
    assert any("missing (NaN)" in each for each in sections[0].caveats)
    (long,) = [each for section in sections for each in section.tables if isinstance(each, Records)]
    assert len(long.rows) == 800
    wrong = [row for row in long.rows if row[5] != "–"]
    assert len(wrong) == report.at_point.fmr.k + report.at_point.fnmr.k
    assert list(long.rows[: len(wrong)]) == wrong
    assert sum(row[4] == "no score" for row in long.rows) == 3
    render("Verification", sections)


def test_long_tables_keep_every_error() -> None:
    scores = RNG.uniform(0, 1, MOST_ROWS + 500)
    many = [Comparison("a", "b", bool(score > 0.5) ^ (at % 1000 == 0), float(score)) for at, score in enumerate(scores)]
    records = comparison_records(many, 0.5)
    assert len(records.rows) == MOST_ROWS
    assert sum(row[5] != "–" for row in records.rows) == 21
    assert "500 that lie further on the right side are left out" in records.note


def test_identification_of_searches(table: OperatingTable) -> None:
    scores = RNG.normal(0.1, 0.1, (300, 40))
    mates = np.where(np.arange(300) < 150, np.arange(300) % 40, -1)
    scores[np.arange(150), mates[:150]] += 0.35
    data = searching.Searches(scores, mates, tuple(map(str, range(40))))
    report = searching.evaluate_searches(data)
    sections = report_identification(report, data, table=table)
    curve = open_set_curve(Searches.of(data))
    at = curve.thresholds[10]
    assert curve.fmr[10] == fpir(scores[150:], at).value
    assert curve.fnmr[10] == pytest.approx(fnir(scores[:150], mates[:150], at).value)
    assert rows(sections)["Right person within rank 1"] == report.ranks[1]
    assert [len(section.figures) for section in sections] == [3, 3, 0]
    render("Identification", sections)


def test_identification_over_splits_shows_the_control(table: OperatingTable) -> None:
    control = Control("shuffled names", Rate(99, 100, 0.94, 1.0))
    result = OpenSetResult(
        1, 10, 20, 240, 300, 0.01, (0.3, 0.31), Rate(30, 2400, 0.01, 0.02), Rate(2300, 2400, 0.9, 1), None, (control,)
    )
    sections = report_identification(OpenSetReport((result,), 540, ()))
    assert rows(sections)["Control, shuffled names: FNIR, should be near 1"] == control.fnir


def test_liveness_names_the_worst_species() -> None:
    parts = [
        liveness.Presentations(
            RNG.normal(0.8, 0.15, 200), {"print": RNG.normal(0.3, 0.2, 80), "mask": RNG.normal(0.6, 0.2, 40)}
        )
        for _ in range(2)
    ]
    report = liveness.evaluate(*parts)
    sections = report_liveness(report, parts[1])
    assert len(sections[0].figures) == 6
    assert sections[0].figures[0].alt.startswith("APCER by species: mask")
    assert set(report.caveats) <= set(sections[0].caveats)
    render("Liveness", sections)


def test_vulnerability_of_the_fixtures(data: Path) -> None:
    dev, test = (read_vulnerability(data / f"vuln_scores_{name}.csv").comparisons for name in ("dev", "eval"))
    report = vulnerability.assess(dev, test, "eer", allow_overlap=True)
    sections = report_vulnerability(report, dev, test, points=11)
    (evaluated,) = [each for each in sections[0].tables if each.caption == "Evaluation data"]
    assert dict(evaluated.rows)["IAPMR: pai"] == report.eval.iapmr["pai"]
    assert len(sections[0].figures) == 5
    render("Vulnerability", sections)


def test_expression_age_and_groups(table: OperatingTable) -> None:
    truth = RNG.integers(0, 3, 200)
    said = np.where(RNG.random(200) < 0.7, truth, RNG.integers(0, 3, 200))
    chances = RNG.dirichlet(np.ones(3), 200)
    expression = report_expression(classify(truth, said, ["calm", "happy", "sad"]), reliability(chances, truth))
    assert len(expression[0].figures) == 3
    ages = RNG.uniform(5, 80, 300)
    age = report_age(age_report(ages + RNG.normal(0, 6, 300), ages))
    assert len(age[0].figures) == 2
    rates = {"0-3": Rate(60, 100, 0.5, 0.7), "20-39": Rate(5, 5000, 3e-4, 2e-3)}
    each = GroupTable(
        "age", table.verify(1e-3), summarise(rates, dict.fromkeys(rates, 40), kind="FMR"), None,
        {("0-3", "20-39"): Rate(1, 1000, 0, 0.005)}, {"0-3": Rate(0, 40, 0, 0.09)}, 2,
    )  # fmt: skip
    groups = report_groups(GroupReport((each,), 80, 3, ()))
    assert rows(groups)["Across: 0-3 and 20-39"] == Rate(1, 1000, 0, 0.005)
    assert "people" in groups[0].figures[0].svg
    render("All", (*expression, *age, *groups))


def test_survival() -> None:
    time, event = RNG.exponential(5, 150).clip(0.01, 8), RNG.random(150) < 0.7
    half = np.arange(150) < 75
    curves = {name: kaplan_meier(time[part], event[part]) for name, part in (("a", half), ("b", ~half))}
    ranked = concordance(time, event, -time + RNG.normal(0, 3, 150))
    risks = calibration(time, event, RNG.uniform(0.1, 0.9, 150), 5.0)
    sections = report_survival(curves, calibration=risks, results=(ranked,), unit="years")
    assert [section.heading for section in sections[:3]] == ["Survival", "Calibration at 5 years", "Concordance"]
    (groups,) = sections[0].tables
    assert [row[:3] for row in groups.rows] == [
        (name, 75, int(event[part].sum())) for name, part in (("a", half), ("b", ~half))
    ]
    render("Survival", sections)
