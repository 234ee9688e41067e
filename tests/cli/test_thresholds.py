"""vultus thresholds: what scores stand for, for each model and for a gallery as it stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vultus.gallery import Gallery
from vultus.operating import FOLDER_VARIABLE, OperatingTable
from vultus.testing import Analyzer, picture

Vultus = Callable[..., Any]


@pytest.fixture(scope="module")
def shipped() -> OperatingTable:
    return OperatingTable.load(resources.files("vultus") / "operating_points" / "sface.json")


def test_every_shipped_model_says_what_its_scores_stand_for(vultus: Vultus, shipped: OperatingTable) -> None:
    done = vultus("thresholds", "--json")
    assert done.status == 0
    assert {line["model"] for line in done.lines} >= {"sface", "accurate"}
    answer = next(line for line in done.lines if line["model"] == "sface")
    assert (answer["people"], answer["impostors"], answer["data"]) == (
        shipped.people,
        shipped.impostors,
        shipped.data,
    )
    by_fmr = {row["fmr"]: row for row in answer["verify"]}
    for fmr in (1e-2, 1e-3, 1e-4):
        point = shipped.verify(fmr)
        assert by_fmr[fmr]["threshold"] == point.threshold
        assert point.measured is not None
        assert (by_fmr[fmr]["measured"]["low"], by_fmr[fmr]["measured"]["k"]) == (point.measured.low, point.measured.k)
    assert by_fmr[1e-6]["extrapolated"]
    assert by_fmr[1e-6]["measured"] is None
    assert by_fmr[1e-4]["likelihood_ratio"] > by_fmr[1e-3]["likelihood_ratio"]
    (row,) = [r for r in answer["identify"] if (r["fpir"], r["people"], r["templates"]) == (0.01, 100, 5)]
    assert row["threshold"] == shipped.identify(0.01, [5] * 100).threshold
    assert row["low"] < 0.01 < row["high"]
    growth = {(r["people"], r["templates"]): r["value"] for r in answer["growth"]["fpir"]}
    kept = shipped.verify(1e-3).threshold
    assert growth[1000, 1] == shipped.predicted_fpir(kept, np.ones(1000, dtype=int))
    assert growth[20, 1] < growth[20, 5] < growth[1000, 5]
    assert len(answer["checks"]) == len(shipped.checks)


def test_for_people_and_as_a_report(vultus: Vultus, tmp_path: Path) -> None:
    done = vultus("thresholds", "--embedder", "sface", "--fpir", "0.01", "--html", tmp_path / "t.html")
    assert done.status == 0
    assert "One against one" in done.out
    assert "accurate" not in done.out
    assert "beyond what the data can show" in done.err
    page = (tmp_path / "t.html").read_text()
    assert page.count("<svg") >= 3
    assert "Against a gallery" in page


def test_bad_input(vultus: Vultus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for arguments, words in (
        (("--embedder", "magic"), "sface"),
        (("--gallery", tmp_path / "none"), "none"),
        (("--fpir", "0.7"), "FPIR"),
        (("--html", tmp_path / "no" / "t.html"), "--html"),
    ):
        done = vultus("thresholds", *arguments)
        assert done.status == 2, done.out
        assert words in done.err
        assert done.err.count("\n") == 1
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "nowhere"))
    done = vultus("thresholds")
    assert done.status == 2
    assert FOLDER_VARIABLE in done.err


def test_an_own_table_comes_before_the_shipped_one(
    vultus: Vultus, shipped: OperatingTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace(shipped, data="my own people", date="2020-01-01").save(tmp_path / "mine.json")
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    lines = {line["model"]: line["data"] for line in vultus("thresholds", "--json").lines}
    assert lines["sface"] == "my own people"
    assert lines["accurate"] != "my own people"


def test_a_gallery_as_it_stands(
    vultus: Vultus, shipped: OperatingTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    analyzer = Analyzer()
    replace(shipped, contract=analyzer.contract.id, model="testing").save(tmp_path / "points" / "t.json")
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "points"))
    folder = tmp_path / "gallery"
    with Gallery.open(folder, analyzer=analyzer) as known:
        known.enroll("Ada", [picture("Ada", noise=8, seed=at) for at in range(3)])
        known.enroll("Bob", [picture("Bob")])
        expected = known.stats().operating
    (answer,) = vultus("thresholds", "--gallery", folder, "--json").lines
    assert (answer["people"], answer["templates"], answer["most_templates"]) == (2, 4, 3)
    by_fpir = {row["fpir"]: row["threshold"] for row in answer["identify"]}
    assert expected is not None
    assert by_fpir[0.01] == expected.threshold == shipped.identify(0.01, [3, 1]).threshold
    assert answer["kept"]["fpir"] == shipped.predicted_fpir(shipped.verify(1e-3).threshold, [3, 1])
    told = vultus("thresholds", "--gallery", folder)
    assert "2 people with 4 faces" in told.out
    with Gallery.open(folder, analyzer=analyzer) as known:
        known.remove("Ada")
        known.remove("Bob")
    done = vultus("thresholds", "--gallery", folder)
    assert done.status == 2
    assert "enrol somebody first" in done.err
