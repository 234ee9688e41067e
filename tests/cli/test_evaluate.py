"""vultus evaluate: figures equal the library's and outsiders', JSON, exit statuses, bad input, reports."""

from __future__ import annotations

import csv
import json
import math
import shutil
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vultus.cli import options
from vultus.datasets import lfw
from vultus.evaluation.calibrate import calibrate
from vultus.evaluation.verification import evaluate
from vultus.images import write
from vultus.metrics.differentials import SMALL_CHILDREN
from vultus.operating import FOLDER_VARIABLE
from vultus.testing import Analyzer, picture

Vultus = Callable[..., Any]

FIXTURE = ("vuln_scores_dev.csv", "vuln_scores_eval.csv")


class Parallel(Analyzer):
    """The drawn-picture analyzer with the one verb more that commands use."""

    def parallel(self) -> Parallel:
        return self


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Parallel:
    """Commands read drawn pictures; thresholds are calibrated on drawn people of other names."""
    analyzer = Parallel()
    names = np.repeat([f"dev {at}" for at in range(60)], 2)
    vectors = [
        analyzer.analyze(picture(name, noise=40, seed=at))[0].embedding for at, name in enumerate(names.tolist())
    ]
    table = calibrate(
        np.array(vectors), names, analyzer.contract, data="drawn people", date="2026-01-01", replicates=50
    )
    (tmp_path / "points").mkdir()
    table.save(tmp_path / "points" / "drawn.json")
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "points"))
    monkeypatch.setattr(options, "make_analyzer", lambda **_: analyzer)
    return analyzer


def people(folder: Path, names: Iterable[str], pictures: int = 2, noise: float = 40) -> Path:
    """A sub-folder a person with drawn pictures."""
    for name in names:
        for at in range(pictures):
            write(folder / name / f"{at}.png", picture(name, noise=noise, seed=at))
    return folder


def rows(file: Path, head: str, lines: Iterable[Iterable[object]]) -> Path:
    with file.open("w", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(head.split(","))
        writer.writerows(lines)
    return file


def pair_scores(file: Path, n: int = 400, seed: int = 0) -> tuple[Path, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    same = rng.random(n) < 0.5
    scores = np.round(np.where(same, rng.normal(0.5, 0.15, n), rng.normal(0.2, 0.15, n)), 3)
    return rows(file, "score,same", zip(scores, same.astype(int), strict=True)), scores, same


def refused(done: Any, *words: str) -> None:
    assert done.status == 2
    assert done.err.count("\n") == 1
    assert all(word in done.err for word in words), done.err


# verification


def test_verification_wants_one_source(vultus: Vultus, tmp_path: Path) -> None:
    for arguments in ((), ("--images", tmp_path), ("--pairs", "x"), ("--scores", "x", "--images", tmp_path)):
        refused(vultus("evaluate", "verification", *arguments), "--scores FILE")


def test_scores_alone_give_what_scikit_learn_gives(vultus: Vultus, tmp_path: Path) -> None:
    from sklearn.metrics import roc_auc_score, roc_curve

    file, scores, same = pair_scores(tmp_path / "s.csv")
    done = vultus("evaluate", "verification", "--scores", file, "--json")
    assert done.status == 0
    (answer,) = done.lines
    assert answer["auc"] == pytest.approx(roc_auc_score(same, scores), abs=1e-12)
    false, true, thresholds = roc_curve(same, scores, drop_intermediate=False)
    for rate in ("0.1", "0.01"):
        # Of the thresholds with that FMR ours is an impostor's score, scikit-learn's list has the others too.
        (at,) = np.flatnonzero(thresholds == answer["thresholds"][rate])
        assert answer["fnmr"][rate] == pytest.approx(1 - true[at])
        assert false[at] <= float(rate) < false[false > false[at]].min()
        interval = answer["fnmr_intervals"][rate]
        assert interval["k"] / interval["n"] == answer["fnmr"][rate]
    assert {"pairs", "accuracy", "accuracy_std", "eer", "fnmr", "failures_to_enrol"} <= answer.keys()
    assert answer["interval"] == "wilson"
    assert any("people are not known" in caveat for caveat in answer["caveats"])
    assert "cllr" not in answer


def test_what_likelihood_ratios_cost_when_asked(vultus: Vultus, tmp_path: Path) -> None:
    file, _, _ = pair_scores(tmp_path / "s.csv")
    (answer,) = vultus("evaluate", "verification", "--scores", file, "--llr", "--json").lines
    assert 0 < answer["min_cllr"] < answer["cllr"] < 1
    assert answer["cllr_interval"][0] <= answer["cllr"] <= answer["cllr_interval"][1]
    assert "minCllr" in vultus("evaluate", "verification", "--scores", file, "--llr").out


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], ["none"]),
        ([(0.4, 1), (0.5, 1)], ["both kinds"]),
        ([("high", 1), (0.2, 0)], ["line 2", "column score", "'high'"]),
        ([(0.4, 2), (0.2, 0)], ["line 2", "column same"]),
        ([(0.1, 1), (0.9, 0)], ["--negate"]),
        ([("inf", 1), (0.2, 0)], ["finite"]),
        ([("nan", 1), ("nan", 0)], ["NaN"]),
    ],
)
def test_scores_that_cannot_be_used(vultus: Vultus, tmp_path: Path, lines: list[Any], words: list[str]) -> None:
    refused(vultus("evaluate", "verification", "--scores", rows(tmp_path / "s.csv", "score,same", lines)), *words)


def test_no_file_and_an_empty_one(vultus: Vultus, tmp_path: Path) -> None:
    refused(vultus("evaluate", "verification", "--scores", tmp_path / "none.csv"), "none.csv")
    (tmp_path / "empty.csv").touch()
    refused(vultus("evaluate", "verification", "--scores", tmp_path / "empty.csv"), "empty")


def test_distances_are_flipped_when_asked(vultus: Vultus, tmp_path: Path) -> None:
    file, scores, same = pair_scores(tmp_path / "s.csv")
    turned = rows(tmp_path / "d.csv", "score,same", zip(-scores, same.astype(int), strict=True))
    (one,) = vultus("evaluate", "verification", "--scores", file, "--json").lines
    (other,) = vultus("evaluate", "verification", "--scores", turned, "--negate", "--json").lines
    assert one == other


def test_missing_constant_and_few_scores_are_said(vultus: Vultus, tmp_path: Path) -> None:
    three = rows(tmp_path / "three.csv", "score,same", [(0.9, 1), ("nan", 1), (0.1, 0)])
    (answer,) = vultus("evaluate", "verification", "--scores", three, "--json").lines
    assert answer["no_decision"] == 1
    assert answer["fnmr"]["0.1"] == 0.5
    assert any("1 of 2 genuine scores are missing" in caveat for caveat in answer["caveats"])
    assert any("2 genuine scores only" in caveat for caveat in answer["caveats"])
    constant = rows(tmp_path / "constant.csv", "score,same", [(0.5, at % 2) for at in range(80)])
    (flat,) = vultus("evaluate", "verification", "--scores", constant, "--json").lines
    assert flat["auc"] == 0.5
    assert any("no threshold tells" in caveat for caveat in flat["caveats"])


def test_pairs_of_pictures_missing_ones_listed_and_doubles_counted(
    vultus: Vultus, drawn: Parallel, tmp_path: Path
) -> None:
    names = [f"p{at}" for at in range(40)]
    images = people(tmp_path / "images", names)
    write(images / "blank.png", np.full((60, 60, 3), 90, dtype=np.uint8))
    lines: list[tuple[object, ...]] = [(f"{name}/0.png", f"{name}/1.png", 1) for name in names]
    lines += [(f"{one}/0.png", f"{other}/1.png", 0) for one, other in pairwise(names)]
    lines += [("p0/1.png", "p0/0.png", 1), ("p0/0.png", "gone.png", 0), ("p1/0.png", "blank.png", 0)]
    pairs = rows(tmp_path / "pairs.csv", "a,b,same", lines)
    arguments = ("evaluate", "verification", "--images", images, "--pairs", pairs)
    (answer,) = vultus(*arguments, "--llr", "--json").lines
    assert (answer["pairs"], answer["pictures"], answer["duplicates"]) == (80, 81, 1)
    assert [Path(path).name for path in answer["missing"]] == ["gone.png"]
    assert answer["failures_to_enrol"] == answer["no_decision"] == 1
    assert answer["at_operating_point"]["point"]["data"] == "drawn people"
    assert answer["auc"] > 0.95
    assert answer["cllr"] < 0.5
    assert "drawn people" in answer["llr_from"]
    told = vultus(*arguments, "--html", tmp_path / "r.html", "--show-pictures")
    assert "gone.png" in told.err
    assert "blank.png" in told.err
    page = (tmp_path / "r.html").read_text()
    assert "p0/0.png" in page
    shutil.rmtree(images)
    images.mkdir()
    refused(vultus(*arguments), "are missing")


def test_lfw_pairs_whose_pictures_are_missing_are_refused(vultus: Vultus, tmp_path: Path) -> None:
    (tmp_path / "pairs.txt").write_text("1\nAda\t1\t2\nAda\t1\tBob\t1\n")
    done = vultus("evaluate", "verification", "--images", tmp_path, "--pairs", tmp_path / "pairs.txt")
    refused(done, "3 missing")


@pytest.mark.data
@pytest.mark.weights
def test_lfw_through_the_command_equals_the_library(vultus: Vultus, data: Path, analyzer: Any, tmp_path: Path) -> None:
    images = data / "lfw" / "images"
    every = lfw.pairs(data / "lfw" / "pairsDevTest.txt", images)
    chosen = [*every[:40], *every[500:540]]
    lines = [(pair.first.relative_to(images), pair.second.relative_to(images), int(pair.same)) for pair in chosen]
    pairs = rows(tmp_path / "pairs.csv", "a,b,same", lines)
    (answer,) = vultus("evaluate", "verification", "--images", images, "--pairs", pairs, "--json").lines
    library = evaluate(images, chosen, analyzer.parallel())
    assert answer["eer"] == library.eer
    assert answer["auc"] == library.auc
    assert answer["fnmr"] == {f"{rate:g}": value.value for rate, value in library.fnmr.items()}
    assert answer["thresholds"] == {f"{rate:g}": value for rate, value in library.thresholds.items()}


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.weights
def test_lfw_whole(vultus: Vultus, data: Path, analyzer: Any) -> None:
    images, pairs = data / "lfw" / "images", data / "lfw" / "pairsDevTest.txt"
    (answer,) = vultus("evaluate", "verification", "--images", images, "--pairs", pairs, "--json").lines
    library = evaluate(images, pairs, analyzer.parallel())
    assert (answer["accuracy"], answer["accuracy_std"]) == (library.accuracy, library.accuracy_std)
    assert (answer["eer"], answer["auc"], answer["pictures"]) == (library.eer, library.auc, 1549)


# identification


def test_identification_wants_one_source(vultus: Vultus, tmp_path: Path) -> None:
    for arguments in ((), ("--gallery", tmp_path), ("--scores", "x", "--gallery", tmp_path)):
        refused(vultus("evaluate", "identification", *arguments), "--scores FILE")


def test_a_score_matrix_by_hand(vultus: Vultus, tmp_path: Path) -> None:
    lines = [
        ("ada", 0.9, 0.2, 0.1),
        ("bob", 0.1, 0.8, 0.3),
        ("bob", 0.7, 0.5, 0.1),
        ("eve", 0.3, 0.4, 0.2),
        ("fay", 0.1, 0.6, "nan"),
    ]
    file = rows(tmp_path / "m.csv", "probe,ada,bob,cid", lines)
    (answer,) = vultus("evaluate", "identification", "--scores", file, "--fpir", "0.5", "--json").lines
    assert (answer["people"], answer["searches"], answer["strangers"]) == (3, 3, 2)
    assert answer["thresholds"]["0.5"] == 0.6
    assert answer["fpir"]["0.5"]["k"] == 1
    assert (answer["fnir"]["0.5"]["k"], answer["fnir"]["0.5"]["n"]) == (1, 3)
    assert answer["rank"]["1"]["k"] == 2
    assert answer["cmc"] == pytest.approx([2 / 3, 1, 1])
    # One of two strangers is above 0.6, with one of three people: met in a third of galleries of one.
    assert [size["value"] for size in answer["growth"]["expected"]] == pytest.approx([1 / 6, 1 / 3, 1 / 2])
    assert any("2 strangers cannot show FPIR 0.01" in caveat for caveat in answer["caveats"])
    assert "right person within rank 1" in vultus("evaluate", "identification", "--scores", file).out
    far = rows(tmp_path / "d.csv", "probe,ada,bob,cid", [(row[0], *(-float(v) for v in row[1:])) for row in lines])
    refused(vultus("evaluate", "identification", "--scores", far), "--negate")
    (turned,) = vultus("evaluate", "identification", "--scores", far, "--negate", "--fpir", "0.5", "--json").lines
    assert turned == answer


def test_no_strangers_and_strangers_only(vultus: Vultus, tmp_path: Path) -> None:
    known = rows(tmp_path / "k.csv", "probe,ada,bob", [("ada", 0.9, 0.1), ("bob", 0.2, 0.8)])
    (answer,) = vultus("evaluate", "identification", "--scores", known, "--json").lines
    assert answer["fnir"] == {}
    assert any("no search is a stranger's" in caveat for caveat in answer["caveats"])
    unknown = rows(tmp_path / "u.csv", "probe,ada,bob", [("eve", 0.3, 0.1), ("fay", 0.2, 0.4)])
    (answer,) = vultus("evaluate", "identification", "--scores", unknown, "--json").lines
    assert answer["fpir"]["0.1"]["n"] == 2
    assert set(answer["fnir"].values()) == {None}


def test_identification_on_folders(vultus: Vultus, drawn: Parallel, tmp_path: Path) -> None:
    root = tmp_path / "trial"
    for at in range(12):
        write(root / "gallery" / f"p{at}" / "a.png", picture(f"p{at}", noise=40))
        write(root / "probes" / f"p{at}" / "b.png", picture(f"p{at}", noise=40, seed=1))
    write(root / "probes" / "p0" / "blank.png", np.full((60, 60, 3), 90, dtype=np.uint8))
    for at in range(30):
        write(root / "strangers" / f"s{at}.png", picture(f"s{at}"))
    (answer,) = vultus("evaluate", "identification", "--images", root, "--json").lines
    assert (answer["people"], answer["searches"], answer["strangers"]) == (12, 13, 30)
    assert answer["failures_to_enrol"] == answer["no_score"] == 1
    assert answer["rank"]["1"]["k"] == 12
    assert answer["fnir"]["0.1"]["k"] == 1
    assert answer["at_operating_point"]["point"]["people"] == 12
    parts = ("--gallery", root / "gallery", "--probes", root / "probes", "--strangers", root / "strangers")
    (same,) = vultus("evaluate", "identification", *parts, "--json").lines
    assert same == answer
    told = vultus("evaluate", "identification", *parts, "--html", tmp_path / "i.html")
    assert "blank.png" in told.err
    assert (tmp_path / "i.html").stat().st_size > 10_000


def test_identification_on_lists(vultus: Vultus, drawn: Parallel, tmp_path: Path) -> None:
    images = people(tmp_path / "images", [f"p{at}" for at in range(14)], pictures=3)
    (tmp_path / "known.txt").write_text("p0\np1\np2\np3\n")
    (tmp_path / "strangers.txt").write_text("".join(f"p{at}\n" for at in range(4, 14)))
    arguments = ("--images", images, "--people", tmp_path / "known.txt", "--strangers", tmp_path / "strangers.txt")
    done = vultus("evaluate", "identification", *arguments, "--enrolled", 1, "--splits", 2, "--json")
    assert [line["templates"] for line in done.lines] == [1]
    assert done.lines[0]["fnir"]["n"] == 2 * 4 * 2
    refused(vultus("evaluate", "identification", *arguments[:-1], tmp_path / "known.txt"), "4 are enrolled, first p0")


# liveness


def test_liveness_by_hand(vultus: Vultus, tmp_path: Path) -> None:
    dev = rows(
        tmp_path / "dev.csv",
        "species,score",
        [*(("", 0.5 + at / 100) for at in range(40)), *(("print", at / 100) for at in range(20)),
         *(("mask", 0.4 + at / 100) for at in range(20))],
    )  # fmt: skip
    test = rows(
        tmp_path / "eval.csv",
        "species,score",
        [("", 0.9), ("", 0.7), ("", 0.55), ("", "nan"), ("print", 0.1), ("print", 0.2), ("mask", 0.6), ("mask", 0.3)],
    )
    (answer,) = vultus("evaluate", "liveness", "--dev", dev, "--scores", test, "--json").lines
    assert answer["threshold"] == pytest.approx(0.59)  # of 20 masks one may pass
    assert answer["apcer_by_species"]["mask"]["value"] == answer["apcer"]["value"] == 0.5
    assert answer["apcer_by_species"]["print"]["k"] == 0
    assert (answer["bpcer"]["k"], answer["bpcer"]["n"], answer["bpnrr"]["k"]) == (1, 3, 1)
    assert answer["acer"]["value"] == pytest.approx((0.5 + 1 / 3) / 2)
    both = answer["conventions"]
    honest, field = both["honest"]["hter"]["value"], both["field"]["hter"]["value"]
    assert both["hter_honest_less_field"] == pytest.approx(honest - field)
    assert "development" in both["honest"]["threshold_from"]
    told = vultus("evaluate", "liveness", "--dev", dev, "--scores", dev, "--html", tmp_path / "l.html")
    assert "one file" in told.err
    assert "BPCER20" in told.out
    refused(vultus("evaluate", "liveness", "--dev", dev, "--scores", test, "--criterion", "magic"), "bpcerN")
    refused(vultus("evaluate", "liveness", "--scores", test), "--dev")
    lonely = rows(tmp_path / "one.csv", "species,score", [("", 0.9), ("", 0.8)])
    refused(vultus("evaluate", "liveness", "--dev", lonely, "--scores", test), "bona fide")


# vulnerability: the table of the published fixture


@pytest.mark.data
@pytest.mark.parametrize(
    ("criterion", "rate", "threshold", "fmr", "fnmr", "iapmr"),
    [
        ("eer", 0, 4.960963, 0.0214, 0.0214, 0.508),
        ("min-hter", 0, 5.0177535, 0.0182, 0.0234, 0.4878),
        ("far", 0.1, 4.2829113, 0.1, 0.0022, 0.7616),
        ("far", 0.01, 5.2226486, 0.01, 0.035, 0.4014),
        ("far", 0.001, 5.8452454, 0.001, 0.124, 0.1938),
        ("far", 0.0001, float(np.nextafter(6.7963305, math.inf)), 0, 0.4262, 0.0344),
        ("far", 1, float(np.nextafter(-0.51030755, -math.inf)), 1, 0, 1),
        ("frr", 0.05, 5.3939, 0.006, 0.05, 0.3344),
    ],
)
def test_the_vulnerability_fixture(
    vultus: Vultus, data: Path, criterion: str, rate: float, threshold: float, fmr: float, fnmr: float, iapmr: float
) -> None:
    dev, test = (data / name for name in FIXTURE)
    done = vultus(
        *("evaluate", "vulnerability", "--dev", dev, "--eval", test, "--criterion", criterion, "--fmr", rate),
        *("--allow-overlap", "--json"),
    )
    (answer,) = done.lines
    assert answer["threshold"] == pytest.approx(threshold, abs=1e-6)
    for split in (answer["dev"], answer["eval"]):
        assert split["fmr"]["value"] == pytest.approx(fmr, abs=1e-9)
        assert split["fnmr"]["value"] == pytest.approx(fnmr, abs=1e-9)
        assert split["iapmr"]["pai"]["value"] == pytest.approx(iapmr, abs=1e-9)


@pytest.mark.data
def test_the_vulnerability_fixtures_curves_intervals_and_refusals(vultus: Vultus, data: Path, tmp_path: Path) -> None:
    dev, test = (data / name for name in FIXTURE)
    arguments = ("evaluate", "vulnerability", "--dev", dev, "--eval", test)
    refused(vultus(*arguments), "--allow-overlap")
    (answer,) = vultus(*arguments, "--allow-overlap", "--json").lines
    assert answer["shared"] == ["x", "y"]
    assert (answer["iapmr"]["pai"]["k"], answer["iapmr"]["pai"]["n"]) == (969, 5000)
    assert answer["iapmr"]["pai"]["low"] == pytest.approx(0.18308, abs=5e-6)
    assert answer["iapmr"]["pai"]["high"] == pytest.approx(0.20499, abs=5e-6)
    curve = answer["epsc"]
    assert curve["aue"] == pytest.approx(0.10236024, abs=1e-9)
    assert curve["threshold"] == pytest.approx([4.960964, 5.567007, 5.765105, 5.898296, 5.992643], abs=1e-6)
    assert curve["far"] == pytest.approx([0.0214, 0.07155, 0.1078, 0.13625, 0.1586], abs=1e-9)
    assert curve["wer"] == pytest.approx([0.0214, 0.071575, 0.1078, 0.136225, 0.1586], abs=1e-9)
    (exact,) = vultus(*arguments, "--allow-overlap", "--interval", "clopper-pearson", "--json").lines
    assert exact["iapmr"]["pai"]["low"] == pytest.approx(0.18292, abs=5e-6)
    (wer,) = vultus(*arguments, "--allow-overlap", "--epsc", "wer", "--json").lines
    assert wer["epsc"]["threshold"] == pytest.approx([5.015843, 5.314385, 5.591602, 5.769242, 6.0391], abs=1e-6)
    assert wer["epsc"]["iapmr"] == pytest.approx([0.488, 0.3678, 0.268, 0.213, 0.146], abs=1e-9)
    (low,) = vultus(*arguments, "--allow-overlap", "--beta", "0.2", "--json").lines
    assert low["epsc"]["wer"][::2] == pytest.approx([0.01696, 0.072, 0.11228], abs=1e-9)
    told = vultus(*arguments, "--allow-overlap", "--html", tmp_path / "v.html")
    assert "IAPMR, pai" in told.out
    assert "2 people are in both splits" in told.err
    refused(vultus(*arguments, "--criterion", "magic"), "min-hter")
    refused(vultus(*arguments, "--allow-overlap", "--negate"), "--negate")


# expression, age, survival


def test_expression_equals_scikit_learn(vultus: Vultus, tmp_path: Path) -> None:
    from sklearn.metrics import accuracy_score, balanced_accuracy_score, confusion_matrix, f1_score

    rng = np.random.default_rng(0)
    names = ["happy", "neutral", "sad"]
    truth = rng.choice(names, 200)
    said = np.where(rng.random(200) < 0.7, truth, rng.choice(names, 200))
    lines = [(t, p, f"person {at % 20}") for at, (t, p) in enumerate(zip(truth, said, strict=True))]
    file = rows(tmp_path / "e.csv", "truth,predicted,person", lines)
    (answer,) = vultus("evaluate", "expression", "--predictions", file, "--json").lines
    assert answer["classes"] == names
    assert answer["accuracy"]["value"] == pytest.approx(accuracy_score(truth, said))
    assert answer["uar"]["value"] == pytest.approx(balanced_accuracy_score(truth, said))
    assert answer["macro_f1"]["value"] == pytest.approx(f1_score(truth, said, average="macro"))
    assert answer["confusion"] == confusion_matrix(truth, said, labels=names).tolist()
    assert answer["interval"] == "subjects"
    assert answer["calibration"] is None


def test_expression_without_answer_and_with_probabilities(vultus: Vultus, tmp_path: Path) -> None:
    lines = [("happy", "happy", 0.1, 0.9), ("sad", "happy", 0.4, 0.6), ("sad", "sad", 0.8, 0.2), ("happy", "", "", "")]
    file = rows(tmp_path / "e.csv", "truth,predicted,p_sad,p_happy", lines)
    (answer,) = vultus("evaluate", "expression", "--predictions", file, "--json").lines
    assert (answer["accuracy"]["k"], answer["accuracy"]["n"]) == (2, 4)
    assert answer["unanswered"] == [0, 1]
    assert answer["calibration"]["n"] == 3
    assert answer["calibration"]["ece"] == pytest.approx((0.1 + 0.6 + 0.2) / 3)
    assert "none" in vultus("evaluate", "expression", "--predictions", file, "--html", tmp_path / "e.html").out
    wrong = rows(tmp_path / "w.csv", "truth,predicted,p_sad", [("happy", "happy", 0.1)])
    refused(vultus("evaluate", "expression", "--predictions", wrong), "p_happy")
    odd = rows(tmp_path / "o.csv", "truth,predicted,p_sad", [("sad", "sad", 1.5)])
    refused(vultus("evaluate", "expression", "--predictions", odd), "row 2", "p_sad")
    refused(vultus("evaluate", "expression", "--predictions", rows(tmp_path / "n.csv", "truth,predicted", [])), "none")
    refused(vultus("evaluate", "expression", "--predictions", rows(tmp_path / "h.csv", "truth", [])), "predicted")
    one = rows(tmp_path / "c.csv", "truth,predicted", [("sad", "sad")] * 40)
    (alone,) = vultus("evaluate", "expression", "--predictions", one, "--json").lines
    assert any("one class only" in caveat for caveat in alone["caveats"])


def test_age_by_hand(vultus: Vultus, tmp_path: Path) -> None:
    lines = [(20, 22, "x"), (40, 35, "x"), (45, 47, "y"), (70, 61, "y"), (80, 83, "y"), (30, "", "y")]
    file = rows(tmp_path / "a.csv", "truth,estimate,group", lines)
    (answer,) = vultus("evaluate", "age", "--predictions", file, "--train", file, "--json").lines
    assert answer["mae"]["value"] == pytest.approx(4.2)
    assert answer["bias"]["value"] == pytest.approx(-1.4)
    assert answer["rmse"]["value"] == pytest.approx(math.sqrt(123 / 5))
    assert (answer["within"]["5"]["k"], answer["within"]["5"]["n"], answer["failed"]) == (4, 6, 1)
    assert [group["mae"]["value"] for group in answer["groups"]] == pytest.approx([3.5, 14 / 3])
    assert answer["baseline_mae"] == pytest.approx(np.mean(np.abs(np.array([20, 40, 45, 70, 80, 30]) - 42.5)))
    told = vultus("evaluate", "age", "--predictions", file, "--html", tmp_path / "a.html")
    assert "By group" in told.out
    assert "nan" not in told.out
    wrong = rows(tmp_path / "w.csv", "truth,estimate", [("old", 3)])
    refused(vultus("evaluate", "age", "--predictions", wrong), "row 2", "truth")


def test_survival_equals_lifelines(vultus: Vultus, tmp_path: Path) -> None:
    from lifelines.utils import concordance_index

    rng = np.random.default_rng(0)
    risk = rng.normal(size=120).round(4)
    time = rng.exponential(10 * np.exp(-risk)).round(3) + 0.001
    event = rng.random(120) < 0.7
    horizon = float(np.quantile(time, 0.4).round(2))
    chance = 1 - np.exp(-horizon / (10 * np.exp(-risk)))
    lines = list(zip(time, event.astype(int), risk, chance, ["a", "b"] * 60, strict=True))
    file = rows(tmp_path / "s.csv", f"time,event,risk,p_{horizon},group", lines)
    (answer,) = vultus("evaluate", "survival", "--predictions", file, "--json").lines
    assert answer["c"]["value"] == pytest.approx(concordance_index(time, -risk, event), abs=1e-12)
    assert answer["uno"]["c"]["value"] > 0.6
    assert [row["time"] for row in answer["auc"]["at"]] == answer["times"]
    key = f"{horizon:g}"
    assert answer["brier"][key]["value"] < answer["brier_null"][key]["value"]
    assert answer["calibration"][key]["horizon"] == horizon
    assert answer["logrank"]["degrees"] == 1
    assert "no diagnosis" in answer["notice"]
    assert any("no training set" in caveat for caveat in answer["caveats"])
    train = rows(tmp_path / "t.csv", "time,event", zip(time * 1.5, event.astype(int), strict=True))
    (trained,) = vultus("evaluate", "survival", "--predictions", file, "--train", train, "--json").lines
    assert not any("no training set" in caveat for caveat in trained["caveats"])
    told = vultus("evaluate", "survival", "--predictions", file, "--html", tmp_path / "s.html")
    assert "Harrell's C" in told.out
    assert "no diagnosis" in told.out


def test_survival_that_cannot_be_used(vultus: Vultus, tmp_path: Path) -> None:
    for lines, words in (
        ([(5, 2, 0.1)], ["row 2", "event"]),
        ([(5, 0, 0.1), (6, 0, 0.2)], ["event"]),
        ([(-5, 1, 0.1), (6, 0, 0.2)], ["above 0"]),
    ):
        refused(
            vultus("evaluate", "survival", "--predictions", rows(tmp_path / "s.csv", "time,event,risk", lines)), *words
        )
    constant = rows(tmp_path / "c.csv", "time,event,risk", [(at + 1, at % 2, 0.5) for at in range(40)])
    (answer,) = vultus("evaluate", "survival", "--predictions", constant, "--json").lines
    assert answer["c"]["value"] == 0.5
    assert any("orders nobody" in caveat for caveat in answer["caveats"])


# clustering, detection, groups


def test_clustering_labels_by_hand(vultus: Vultus, tmp_path: Path) -> None:
    file = rows(tmp_path / "l.csv", "truth,predicted", [("ada", 1), ("ada", 1), ("bob", 1), ("bob", "")])
    (answer,) = vultus("evaluate", "clustering", "--labels", file, "--json").lines
    assert answer["bcubed_precision"]["value"] == pytest.approx(2 / 3)
    assert answer["bcubed_recall"]["value"] == pytest.approx(3 / 4)
    assert answer["pairwise"] == {"precision": 1 / 3, "recall": 0.5, "f": 0.4, "tp": 1, "fp": 2, "fn": 1}
    assert (answer["groups"], answer["alone"], answer["mixed_groups"], answer["divided_people"]) == (1, 1, 1, 1)
    assert answer["bcubed_f"]["low"] is None
    told = vultus("evaluate", "clustering", "--labels", file)
    assert "no interval" in told.out
    assert "too few to resample" in told.err
    refused(vultus("evaluate", "clustering"), "--labels FILE")


def test_clustering_of_pictures(vultus: Vultus, drawn: Parallel, tmp_path: Path) -> None:
    images = people(tmp_path / "images", [f"p{at}" for at in range(12)], pictures=3, noise=20)
    write(images / "p0" / "blank.png", np.full((60, 60, 3), 90, dtype=np.uint8))
    (tmp_path / "images" / "nobody").mkdir()
    done = vultus(
        "evaluate", "clustering", "--images", images, "--fmr", "1e-2", "--json", "--html", tmp_path / "c.html"
    )
    (answer,) = done.lines
    assert (answer["faces"], answer["people"], answer["failures_to_enrol"]) == (37, 12, 1)
    assert answer["bcubed_f"]["low"] <= answer["bcubed_f"]["value"] <= answer["bcubed_f"]["high"]
    assert answer["bcubed_f"]["value"] > 0.9
    assert answer["operating"]["data"] == "drawn people"
    assert "nobody" in done.err


def test_detection_by_hand(vultus: Vultus, tmp_path: Path) -> None:
    boxes = rows(
        tmp_path / "b.csv",
        "source,x1,y1,x2,y2",
        [("p.jpg", 0, 0, 10, 10), ("p.jpg", 20, 20, 30, 30), ("q.jpg", "", "", "", "")],
    )
    finds = rows(
        tmp_path / "f.csv",
        "source,x1,y1,x2,y2,score",
        [
            ("p.jpg", 0, 0, 10, 9, 0.9),
            ("q.jpg", 0, 0, 5, 5, 0.8),
            ("p.jpg", 20, 20, 30, 30, 0.3),
            ("r.jpg", 0, 0, 1, 1, 1),
        ],
    )
    arguments = ("evaluate", "detection", "--boxes", boxes, "--predictions", finds)
    (answer,) = vultus(*arguments, "--json").lines
    assert (answer["pictures"], answer["faces"], answer["unlisted"]) == (2, 2, 1)
    assert (answer["recall"]["k"], answer["recall"]["n"]) == (1, 2)
    assert (answer["precision"]["k"], answer["precision"]["n"]) == (1, 2)
    assert answer["average_precision"]["value"] == pytest.approx(1 / 2 * 1 + 1 / 2 * 2 / 3)
    assert answer["recall_at_false_per_picture"] == {"0.01": 0.5, "0.1": 0.5, "1": 1.0}
    assert "1 finds are in pictures" in vultus(*arguments, "--html", tmp_path / "d.html").err
    (strict,) = vultus(*arguments, "--iou", "0.95", "--json").lines
    assert strict["recall"]["k"] == 0
    wide = rows(tmp_path / "w.csv", "source,x1,y1,x2,y2,score", [("p.jpg", 20, 20, 10, 10, 0.9)])
    refused(vultus("evaluate", "detection", "--boxes", boxes, "--predictions", wide), "row 2", "corners")
    refused(vultus("evaluate", "detection", "--boxes", boxes), "--predictions FILE")


@pytest.mark.weights
def test_detection_runs_the_detector(
    vultus: Vultus, photographs: dict[str, Path], portrait_file: Path, tmp_path: Path
) -> None:
    shutil.copy(portrait_file, tmp_path / "one.jpg")
    shutil.copy(photographs["t1.jpg"], tmp_path / "six.jpg")
    found = vultus("detect", tmp_path / "one.jpg", tmp_path / "six.jpg", "--json").lines
    lines = [(Path(face["source"]).name, *face["box"]) for face in found]
    boxes = rows(tmp_path / "b.csv", "source,x1,y1,x2,y2", [*lines, ("gone.jpg", 1, 1, 9, 9)])
    done = vultus("evaluate", "detection", "--images", tmp_path, "--boxes", boxes, "--json")
    (answer,) = done.lines
    assert (answer["recall"]["k"], answer["recall"]["n"]) == (7, 7)
    assert answer["mean_iou"] > 0.95
    assert [Path(path).name for path in answer["missing"]] == ["gone.jpg"]


def test_groups_by_name_with_the_sentence_on_children(vultus: Vultus, drawn: Parallel, tmp_path: Path) -> None:
    for at, (age, sex, group) in enumerate(
        [(2, 0, 0), (2, 1, 1), (3, 0, 1), (30, 0, 0), (31, 1, 0), (40, 0, 1), (41, 1, 1)]
    ):
        write(tmp_path / "faces" / f"{age}_{sex}_{group}_2017{at}.png", picture(f"p{at}"))
    done = vultus("evaluate", "groups", "--images", tmp_path / "faces", "--fmr", "1e-2", "--json")
    assert [line["label"] for line in done.lines] == ["age", "sex, adults", "group, adults"]
    assert [line["caveat"] for line in done.lines] == [SMALL_CHILDREN, None, None]
    assert done.lines[0]["fmr"]["rates"]["0-3"]["n"] == 3
    told = vultus("evaluate", "groups", "--images", tmp_path / "faces", "--html", tmp_path / "g.html")
    assert "Small children look alike" in " ".join(told.err.split())
    refused(vultus("evaluate", "groups", "--images", tmp_path / "points"), "age_gender_group_date.jpg")


def test_groups_by_a_table_of_labels(vultus: Vultus, drawn: Parallel, tmp_path: Path) -> None:
    images = people(tmp_path / "images", [f"p{at}" for at in range(8)])
    lines = [(f"p{at}/{number}.png", "ab"[at % 2], f"p{at}") for at in range(8) for number in range(2)]
    file = rows(tmp_path / "l.csv", "source,label,person", [*lines, ("gone.png", "a", "p0")])
    done = vultus("evaluate", "groups", "--images", images, "--labels", file, "--json")
    (answer,) = done.lines
    assert answer["fnmr"]["rates"]["a"]["n"] == 4
    assert answer["fmr"]["people"] == {"a": 4, "b": 4}
    assert [Path(path).name for path in answer["missing"]] == ["gone.png"]
    assert any("4 people, too few" in warning for warning in answer["fmr"]["warnings"])
    told = vultus("evaluate", "groups", "--images", images, "--labels", file)
    assert "FMR by label" in told.out
    assert "gone.png" in told.err


# the report


def test_a_report_goes_where_it_can_be_written_and_holds_nothing_from_outside(vultus: Vultus, tmp_path: Path) -> None:
    file, _, _ = pair_scores(tmp_path / "s.csv", 100)
    done = vultus("evaluate", "verification", "--scores", file, "--html", tmp_path / "r.html", "--json")
    assert len(done.lines) == 1
    page = (tmp_path / "r.html").read_text()
    assert page.count("<svg") >= 4
    assert 'src="http' not in page
    assert str(tmp_path) not in page
    refused(vultus("evaluate", "verification", "--scores", file, "--html", tmp_path / "no" / "r.html"), "--html")


def test_the_json_is_one_line_without_nan(vultus: Vultus, tmp_path: Path) -> None:
    file = rows(tmp_path / "a.csv", "truth,estimate", [(20, 22), (30, 31)])
    done = vultus("evaluate", "age", "--predictions", file, "--json")
    assert done.out.count("\n") == 1
    json.loads(done.out, parse_constant=lambda word: pytest.fail(f"{word} in JSON"))
