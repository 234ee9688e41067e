"""`vultus identify --normalise` and `vultus evaluate cohort`: options, JSON, refusals, the measured table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vultus.analyzer import Analyzer
from vultus.gallery import Gallery
from vultus.gallery.normalising import Cohort
from vultus.types import unit

pytestmark = pytest.mark.weights

Vultus = Callable[..., Any]


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory, analyzer: Analyzer, portrait_file: Path) -> Path:
    """A portrait among a dozen random embeddings."""
    folder = tmp_path_factory.mktemp("crowded") / "gallery"
    others = unit(np.random.default_rng(0).normal(size=(12, analyzer.contract.dimension)))
    with Gallery.open(folder, analyzer=analyzer) as gallery:
        gallery.enroll("Eileen", portrait_file)
        for who, vector in enumerate(others):
            gallery.enroll_vectors(f"Nobody {who}", vector)
    return folder


@pytest.fixture(scope="module")
def cohort_file(tmp_path_factory: pytest.TempPathFactory, analyzer: Analyzer) -> Path:
    path = tmp_path_factory.mktemp("cohort") / "others.npz"
    vectors = unit(np.random.default_rng(1).normal(size=(200, analyzer.contract.dimension)))
    Cohort(vectors, analyzer.contract.id).save(path)
    return path


def test_off_says_nothing_of_it(vultus: Vultus, crowded: Path, portrait_file: Path) -> None:
    plain = vultus("identify", portrait_file, "-g", crowded, "--json")
    (line,) = plain.lines
    assert "normalised" not in line
    assert vultus("identify", portrait_file, "-g", crowded, "--normalise", "none", "--json").out == plain.out
    (relative,) = vultus("identify", portrait_file, "-g", crowded, "--normalise", "t", "--json").lines
    assert relative.keys() - line.keys() == {"normalised"}


@pytest.mark.parametrize("method", ["t", "s"])
def test_json_has_both_scores(
    vultus: Vultus, crowded: Path, cohort_file: Path, portrait_file: Path, method: str
) -> None:
    more = ("--cohort", cohort_file) if method == "s" else ()
    done = vultus("identify", portrait_file, "-g", crowded, "--normalise", method, *more, "--json")
    (line,) = done.lines
    assert (done.status, line["name"], line["score"]) == (0, "Eileen", 1.0)
    assert line["normalised"] >= line["threshold"] > 3
    assert line["candidates"][0] == {"name": "Eileen", "score": 1.0}
    shown = vultus("identify", portrait_file, "-g", crowded, "--normalise", method, *more).out
    assert "sd (1.000)" in shown
    assert "in brackets" in shown


def test_a_gallery_as_cohort_is_too_small_or_the_same(vultus: Vultus, crowded: Path, portrait_file: Path) -> None:
    done = vultus("identify", portrait_file, "-g", crowded, "--normalise", "s", "--cohort", crowded)
    assert done.status == 2
    assert "cohort of 200 people or more" in done.err
    assert "got 13" in done.err


def test_what_cannot_be_is_refused(vultus: Vultus, gallery: Path, crowded: Path, portrait_file: Path) -> None:
    few = vultus("identify", portrait_file, "-g", gallery, "--normalise", "t")
    assert few.status == 2
    assert "of 10 to 700 people" in few.err
    assert "search without normalisation" in few.err
    assert few.err.count("\n") == 1
    assert vultus("identify", portrait_file, "-g", crowded, "--normalise", "s").status == 2
    assert vultus("identify", portrait_file, "-g", crowded, "--normalise", "z").status == 2
    nowhere = vultus("identify", portrait_file, "-g", crowded, "--normalise", "s", "--cohort", "nowhere.npz")
    assert nowhere.status == 2
    assert "no such file" in nowhere.err
    video = vultus("identify", "clip.mp4", "-g", crowded, "--normalise", "t")
    assert video.status == 2
    assert "tracks" in video.err


def test_the_help_says_what_was_measured(vultus: Vultus) -> None:
    assert "no gain" in " ".join(vultus("identify", "--help").out.replace("│", " ").split())


@pytest.mark.data
@pytest.mark.slow
def test_the_measured_table(vultus: Vultus, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """LFW: no gain for S-norm, a loss for the gallery's T-norm at 20 people, and thresholds that keep their promise."""
    monkeypatch.delenv("VULTUS_OPERATING_POINTS", raising=False)
    root = data / "lfw"
    lists = ("--people", root / "identities25.txt", "--strangers", root / "strangers.txt")
    done = vultus("evaluate", "cohort", "--images", root / "images", *lists, "--drawn", 200, "--json")
    assert done.status == 0
    one, five, drawn = done.lines
    assert [part["galleries"] for part in done.lines] == ["listed people", "listed people", "drawn people"]
    assert [part["result"]["people"] for part in done.lines] == [20, 20, 200]
    own = {method["name"]: method for method in one["result"]["methods"]}
    assert own["none"]["fnir"]["value"] == pytest.approx(0.0027, abs=0.001)
    assert own["gallery t-norm"]["gain_low"] > 0
    assert own["adaptive s-norm"]["gain_low"] < 0 < own["adaptive s-norm"]["gain_high"]
    assert all(method["gain_high"] >= 0 for method in drawn["result"]["methods"])
    assert all(0 <= method["milliseconds"] < 5 for method in own.values())
    for part in (one, five):
        product = {at["name"]: at for at in part["product"]}
        assert product.keys() == {"none", "gallery t-norm", "adaptive s-norm"}
        for at in product.values():
            assert at["fpir"]["low"] < 0.01 < at["fpir"]["high"]
            assert at["fpir"]["value"] == pytest.approx(0.01, abs=0.004)
    assert product["none"]["fnir"]["k"] == 0
    assert drawn["product"] == []
