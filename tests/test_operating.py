from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vultus import registry
from vultus.errors import OperatingPointError
from vultus.metrics.intervals import clopper_pearson
from vultus.metrics.normalised import NormalisedPoint
from vultus.operating import FOLDER_VARIABLE, Check, Growth, Knot, OperatingTable, Pooling, table_for
from vultus.types import EmbeddingContract

CONTRACT = EmbeddingContract("made-up", "0" * 64, 8)


def made_up(**changes: object) -> OperatingTable:
    """A table of a million comparisons whose rate falls tenfold over every 0.1."""
    counts = [1_000_000, 100_000, 10_000, 1000, 100]
    table = OperatingTable(
        contract=CONTRACT.id,
        model=CONTRACT.model,
        precision="fp32",
        data="made up",
        date="2026-01-01",
        command="none",
        seed=0,
        people=1000,
        pictures=1500,
        failures=0,
        impostors=1_000_000,
        knots=tuple(
            Knot(0.1 * at, count, 0.8 * count / 1e6, min(1.25 * count / 1e6, 1.0)) for at, count in enumerate(counts)
        ),
        tail=0.1 / math.log(10),
        growth=Growth(clumping=4.0, overlap=0.5, decay=0.2, templates=5),
        pooling=Pooling(factor=1.2, slope=0.06, pictures=5, people=30),
        checks=(Check(20, 1, 0.01, clopper_pearson(11, 1000), False),),
    )
    return replace(table, **changes)  # type: ignore[arg-type]


TABLE = made_up()
INDEPENDENT = made_up(growth=Growth(math.inf, 0.0, 0.1, 1), pooling=None)
galleries = st.lists(st.integers(1, 100), min_size=1, max_size=30)
rates = st.floats(1e-4, 0.4)


def sface() -> EmbeddingContract:
    card = registry.card("sface", "embed")
    assert card.source is not None
    assert card.dimension is not None
    return EmbeddingContract(card.name, card.source.sha256, card.dimension, colour=card.colour)


def test_an_empty_gallery_has_no_threshold_and_names_nobody() -> None:
    for nobody in ([], [0, 0], np.zeros(0, dtype=int)):
        with pytest.raises(OperatingPointError, match="at least one person"):
            TABLE.identify(0.01, nobody)
        with pytest.raises(OperatingPointError, match="at least one person"):
            TABLE.track(0.01, nobody)
        assert TABLE.predicted_fpir(0.3, nobody) == 0.0
        assert TABLE.fpir_interval(0.3, nobody) == (0.0, 0.0)


def test_verify_worked_by_hand() -> None:
    point = TABLE.verify(1e-2)
    assert (point.threshold, point.task, point.metric, point.people, point.fusion) == (
        0.2,
        "verify",
        "FMR",
        1,
        "single",
    )
    assert point.measured is not None
    assert (point.measured.k, point.measured.n) == (10_000, 1_000_000)
    assert (point.measured.low, point.measured.high) == pytest.approx((0.008, 0.0125))
    assert not point.extrapolated
    # Half way along the logarithm between two knots.
    assert TABLE.verify(10**-2.5).threshold == pytest.approx(0.25)
    # Beyond the data along the tail: a tenth for every 0.1.
    beyond = TABLE.verify(1e-6)
    assert beyond.threshold == pytest.approx(0.6)
    assert beyond.extrapolated
    assert beyond.measured is None


def test_the_rule_of_thirty_marks_what_the_data_cannot_show() -> None:
    assert TABLE.measurable == 1e-4
    assert not TABLE.verify(1e-4).extrapolated
    assert TABLE.verify(0.99e-4).extrapolated
    few = made_up(knots=(*TABLE.knots, Knot(0.45, 20, 1e-5, 3e-5)))
    assert few.measurable == 3e-5
    assert few.verify(2.5e-5).extrapolated


def test_fmr_at_never_says_more_than_the_data() -> None:
    assert TABLE.fmr_at(0.3) == pytest.approx(1e-3)
    assert TABLE.fmr_at(0.25) == pytest.approx(10**-2.5)
    assert TABLE.fmr_at(-1.0) == 1.0
    assert TABLE.fmr_at(0.9) == TABLE.fmr_at(1.0) == 3e-6
    with pytest.raises(OperatingPointError, match="NaN"):
        TABLE.fmr_at(math.nan)


@pytest.mark.parametrize(
    ("people", "rate"), [(1000, 3.005e-6), (10_000, 3.005e-7), (100_000, 3.005e-8), (1_000_000, 3.005e-9)]
)
def test_independence_gives_the_known_rates(people: int, rate: float) -> None:
    """FMR for FPIR .003 by 1 - (1 - FMR) ** N; on this table the score says the rate."""
    threshold = INDEPENDENT.identify(0.003, np.ones(people, dtype=int)).threshold
    assert 10 ** (-10 * threshold) == pytest.approx(rate, rel=2e-4)


def test_identify_worked_by_hand() -> None:
    # One person, one template, clumping 4: 1 - (1 + F / 4) ** -4 = 0.1 at F = 4 (0.9 ** -.25 - 1).
    rate = 4 * (0.9**-0.25 - 1)
    point = TABLE.identify(0.1, [1])
    assert point.threshold == pytest.approx(-math.log10(rate) / 10)
    assert (point.task, point.metric, point.fusion, point.people, point.templates) == (
        "identify",
        "FPIR",
        "max",
        1,
        1.0,
    )
    # Two people of 1 and 4 templates at score .3 (F = 1e-3): S = F (1 + 4 ** (1 - .5 F ** .2)).
    expected = 1e-3 * (1 + 4 ** (1 - 0.5 * 1e-3**0.2))
    assert TABLE.predicted_fpir(0.3, [1, 4]) == pytest.approx(1 - (1 + expected / 4) ** -4)
    assert TABLE.identify(0.1, [1, 4, 0]).templates == 2.5


@given(rates, galleries)
def test_the_threshold_and_the_prediction_agree(fpir: float, templates: list[int]) -> None:
    point = TABLE.identify(fpir, templates)
    predicted = TABLE.predicted_fpir(point.threshold, templates)
    if point.threshold > TABLE.knots[0].score:
        assert predicted == pytest.approx(fpir, rel=1e-6)
    else:
        assert predicted <= fpir
    low, high = TABLE.fpir_interval(point.threshold, templates)
    assert low <= predicted * (1 + 1e-9)
    assert predicted <= high * (1 + 1e-9)


@given(rates, galleries, st.integers(1, 100), st.floats(1, 50))
def test_the_threshold_rises_with_the_gallery_and_falls_with_the_rate(
    fpir: float, templates: list[int], more: int, looser: float
) -> None:
    threshold = TABLE.identify(fpir, templates).threshold
    assert TABLE.identify(fpir, [*templates, more]).threshold >= threshold
    assert TABLE.identify(fpir, [templates[0] + more, *templates[1:]]).threshold >= threshold - 1e-12
    assert TABLE.identify(min(fpir * looser, 0.5), templates).threshold <= threshold
    assert TABLE.track(fpir, templates).threshold >= threshold
    assert TABLE.predicted_fpir(threshold + 0.01, templates) <= TABLE.predicted_fpir(threshold, templates)


@given(rates, galleries, st.randoms(use_true_random=False))
def test_the_order_of_the_people_does_not_matter(fpir: float, templates: list[int], random) -> None:
    mixed = random.sample([*templates, 0, 0], len(templates) + 2)
    assert TABLE.identify(fpir, mixed) == TABLE.identify(fpir, np.array(templates))


@given(st.floats(-1, 1), st.floats(-1, 1), st.floats(1e-9, 0.5), st.floats(1e-9, 0.5))
def test_rates_fall_with_the_score(one: float, other: float, rate: float, another: float) -> None:
    low, high = sorted((one, other))
    assert TABLE.fmr_at(low) >= TABLE.fmr_at(high)
    strict, loose = sorted((rate, another))
    assert TABLE.verify(strict).threshold >= TABLE.verify(loose).threshold


def test_a_track_wants_more_than_a_picture() -> None:
    picture, track = TABLE.identify(0.01, [1] * 50), TABLE.track(0.01, [1] * 50)
    assert track.task == "track"
    assert track.threshold > picture.threshold
    assert TABLE.predicted_fpir(track.threshold, [1] * 50, pooled=True) == pytest.approx(0.01, rel=1e-6)
    assert TABLE.predicted_fpir(track.threshold, [1] * 50) < 0.01
    unmeasured = made_up(pooling=None)
    assert unmeasured.track(0.01, [1] * 50).threshold == unmeasured.identify(0.01, [1] * 50).threshold
    assert unmeasured.track(0.01, [1] * 50).extrapolated


@pytest.mark.parametrize("rate", [0.0, -0.1, 0.51, 1.0, math.nan])
def test_rates_that_mean_nothing_are_refused(rate: float) -> None:
    with pytest.raises(OperatingPointError, match="FMR above 0"):
        TABLE.verify(rate)
    with pytest.raises(OperatingPointError, match="FPIR above 0"):
        TABLE.identify(rate, [1])


@pytest.mark.parametrize("templates", [[-1], [1.5], [[1]], ["a"]])
def test_templates_are_whole_numbers(templates: list[object]) -> None:
    with pytest.raises(OperatingPointError, match="whole number of templates"):
        TABLE.identify(0.01, templates)  # type: ignore[arg-type]


def test_no_threshold_lies_above_every_cosine() -> None:
    with pytest.raises(OperatingPointError, match="no cosine stands for"):
        TABLE.verify(1e-11)
    with pytest.raises(OperatingPointError, match="calibrate on more people"):
        TABLE.identify(1e-6, np.ones(1_000_000, dtype=int))


def test_a_large_gallery_is_answered_at_once() -> None:
    point = TABLE.identify(0.01, np.full(1_000_000, 3))
    assert point.extrapolated
    assert 0.8 < point.threshold < 0.9


def test_saved_and_loaded_is_the_same(tmp_path: Path) -> None:
    for table in (TABLE, made_up(pooling=None, checks=())):
        table.save(tmp_path / "t.json")
        assert OperatingTable.load(tmp_path / "t.json") == table


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "null", '{"format": "another"}', '{"format": "vultus-operating-points-v1"}', "\x00\x01"]
)
def test_what_is_no_table_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.json").write_text(text)
    with pytest.raises(OperatingPointError, match=r"t\.json"):
        OperatingTable.load(tmp_path / "t.json")


def test_a_missing_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OperatingPointError, match="could not read"):
        OperatingTable.load(tmp_path / "none.json")


@pytest.mark.parametrize(
    "change",
    [
        {"knots": TABLE.knots[:1]},
        {"knots": TABLE.knots[::-1]},
        {"knots": (*TABLE.knots, Knot(0.5, 100, 0.0, 1.0))},
        {"impostors": 10},
        {"tail": 0.0},
        {"growth": Growth(4.0, 1.5, 0.2, 5)},
    ],
)
def test_a_table_that_cannot_be_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    with pytest.raises(OperatingPointError, match="expected"):
        made_up(**change)


def test_a_damaged_file_is_refused_as_a_table(tmp_path: Path) -> None:
    TABLE.save(tmp_path / "t.json")
    raw = json.loads((tmp_path / "t.json").read_text())
    raw["knots"][2]["accepted"] = 5
    (tmp_path / "t.json").write_text(json.dumps(raw))
    with pytest.raises(OperatingPointError, match="knots of rising score"):
        OperatingTable.load(tmp_path / "t.json")


def test_own_tables_come_first_and_the_newest_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    TABLE.save(tmp_path / "old.json")
    newer = made_up(date="2026-02-01")
    newer.save(tmp_path / "new.json")
    assert table_for(CONTRACT, tmp_path) == newer
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    assert table_for(CONTRACT) == newer
    assert table_for(sface()).model == "sface"  # not in the folder, so the shipped one
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "none"))
    with pytest.raises(OperatingPointError, match="folder of operating points"):
        table_for(CONTRACT)


def test_an_unknown_contract_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    with pytest.raises(OperatingPointError, match="vultus calibrate"):
        table_for(CONTRACT)
    with pytest.raises(OperatingPointError, match="vultus calibrate"):
        table_for(replace(sface(), colour="BGR"))


def test_the_shipped_table_is_that_of_sface_on_other_people(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    table = table_for(sface())
    assert (table.people, table.pictures, table.impostors, table.failures) == (959, 1542, 1_187_131, 0)
    assert table.command.startswith("vultus calibrate")
    assert table.date >= "2026"
    assert table.pooling is not None
    # The reference chain on all 1,279 people gives .2021 .2945 .3620 .4180 .4681.
    thresholds = [table.verify(10.0**-step).threshold for step in range(1, 6)]
    assert thresholds == pytest.approx([0.2021, 0.2945, 0.3620, 0.4180, 0.4681], abs=0.005)
    assert [table.verify(10.0**-step).extrapolated for step in range(1, 6)] == [False, False, False, False, True]
    measured = table.verify(1e-3).measured
    assert measured is not None
    assert 0.0007 < measured.low < 0.001 < measured.high < 0.0014
    # And, at .3619 with one template each, the FPIR of galleries of 20, 100, 300 and 979 people.
    predicted = [table.predicted_fpir(0.3619, [1] * people) for people in (20, 100, 300, 979)]
    assert predicted == pytest.approx([0.019, 0.075, 0.198, 0.490], rel=0.25)


def test_the_shipped_promises_were_kept_on_the_other_half(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    checks = table_for(sface()).checks
    assert {check.people for check in checks} == {20, 50, 100, 200}
    off = [abs(math.log(check.observed.value / check.target)) for check in checks]
    assert np.median(off) < math.log(1.25)
    assert max(off) < math.log(2)


NORMALISED = tuple(
    NormalisedPoint(method, people, templates, target, threshold, clopper_pearson(30, 3000), 50, 0.05, *cohort)
    for method, cohort in (("t", (0, 0)), ("s", (200, 100)))
    for people, templates, target, threshold in ((10, 1, 0.01, 5.0), (100, 1, 0.01, 4.0), (10, 2, 0.01, 5.5))
)


def test_tables_without_normalised_scores(tmp_path: Path) -> None:
    """Those that were made before there were any: empty, with advice when asked."""
    TABLE.save(tmp_path / "t.json")
    raw = json.loads((tmp_path / "t.json").read_text())
    assert raw.pop("normalised") == []
    (tmp_path / "old.json").write_text(json.dumps(raw))
    old = OperatingTable.load(tmp_path / "old.json")
    assert old == TABLE
    for ask in (lambda: old.identify_normalised("t", 0.01, [1] * 20), old.cohort_size):
        with pytest.raises(OperatingPointError, match=r"no thresholds were measured.*search without normalisation"):
            ask()


def test_normalised_scores(tmp_path: Path) -> None:
    table = made_up(normalised=NORMALISED)
    table.save(tmp_path / "t.json")
    assert OperatingTable.load(tmp_path / "t.json") == table
    point = table.identify_normalised("t", 0.01, [1] * 100)
    assert (point.threshold, point.fusion, point.people, point.measured) == (
        4.0,
        "t-norm of max",
        100,
        clopper_pearson(30, 3000),
    )
    # Half of them with two templates, at 10 people: along the logarithm of 1.5 out of 1 to 2.
    mixed = table.identify_normalised("s", 0.01, [1] * 5 + [2] * 5 + [0])
    assert mixed.threshold == pytest.approx(5.0 + 0.5 * math.log2(1.5))
    assert (mixed.fusion, mixed.measured, mixed.extrapolated) == ("max of adaptive s-norm", None, False)
    assert table.identify_normalised("t", 0.01, [3, *[1] * 9]).extrapolated  # nobody had three
    assert table.cohort_size() == (200, 100)
    for fpir, gallery in (
        (0.01, [1] * 9),
        (0.01, [1] * 101),
        (0.02, [1] * 20),
        (0.01, [3] * 10),
        (0.6, [1]),
        (0.1, []),
    ):
        with pytest.raises(OperatingPointError, match="expected"):
            table.identify_normalised("t", fpir, gallery)


def test_a_damaged_normalised_part_is_refused(tmp_path: Path) -> None:
    made_up(normalised=NORMALISED).save(tmp_path / "t.json")
    raw = json.loads((tmp_path / "t.json").read_text())
    del raw["normalised"][0]["observed"]
    (tmp_path / "t.json").write_text(json.dumps(raw))
    with pytest.raises(OperatingPointError, match="is not a table"):
        OperatingTable.load(tmp_path / "t.json")


def test_the_shipped_table_knows_normalised_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    table = table_for(sface())
    assert table.cohort_size() == (200, 100)
    assert {point.method for point in table.normalised} == {"t", "s"}
    assert {point.target for point in table.normalised} == {0.1, 0.03, 0.01}
    assert max(point.people for point in table.normalised) == 700
    for point in table.normalised:
        assert point.observed.k >= 30
        assert point.observed.low < point.target < point.observed.high
    assert 3 < table.identify_normalised("t", 0.01, [1] * 300).threshold < 5
    assert not [point for point in table.normalised if point.galleries != 50]
