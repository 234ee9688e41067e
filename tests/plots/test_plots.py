"""Plots hold the numbers of their results, read back from the axes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="plots need the extra `plots`")

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from vultus import plots
from vultus.draw.frames import INK
from vultus.errors import InputError
from vultus.metrics import epsc, vulnerability
from vultus.metrics.calibration import fit
from vultus.metrics.classification import classify
from vultus.metrics.det import ErrorCurve, error_curve, probit
from vultus.metrics.differentials import summarise
from vultus.metrics.identification import cmc as ranked
from vultus.metrics.identification import fnir, fpir
from vultus.metrics.likelihood import cllr, min_cllr
from vultus.metrics.reliability import reliability
from vultus.metrics.verification import equal_error, fmr, fnmr
from vultus.metrics.vulnerability import Comparisons
from vultus.operating import OperatingTable
from vultus.plots import theme
from vultus.survival.calibration import calibration
from vultus.survival.kaplan_meier import kaplan_meier
from vultus.types import Rate

RNG = np.random.default_rng(7)
GENUINE, IMPOSTOR = RNG.normal(0.55, 0.15, 600), RNG.normal(0.1, 0.12, 4000)
ATTACKS = {"print": RNG.normal(0.4, 0.15, 300), "replay": RNG.normal(0.3, 0.15, 200)}
TIME, EVENT = RNG.exponential(5, 200).clip(0.01, 8), RNG.random(200) < 0.7


@pytest.fixture(scope="module")
def curve() -> ErrorCurve:
    return error_curve(GENUINE, IMPOSTOR)


@pytest.fixture(scope="module")
def table() -> OperatingTable:
    import vultus

    return OperatingTable.load(Path(vultus.__file__).parent / "operating_points" / "sface.json")


def line(figure: Figure, label: str) -> tuple[np.ndarray, np.ndarray]:
    (found,) = [each for each in figure.axes[0].get_lines() if each.get_label() == label]
    return np.asarray(found.get_xdata(), dtype=float), np.asarray(found.get_ydata(), dtype=float)


def text_of(figure: Figure) -> str:
    axes = figure.axes[0]
    return "\n".join([each.get_text() for each in axes.texts] + [axes.get_title(loc="left")])


def test_nothing_to_plot_is_refused(table: OperatingTable) -> None:
    with pytest.raises(InputError, match="at least one result"):
        plots.roc({})
    with pytest.raises(InputError, match="at least one kind"):
        plots.score_histogram({})
    with pytest.raises(InputError, match="got none that is a number"):
        plots.score_histogram({"genuine": np.array([np.nan])})
    with pytest.raises(InputError, match="at least one group"):
        plots.forest({}, title="", x="")
    with pytest.raises(InputError, match="both kinds"):
        plots.tippett(np.zeros(0), np.zeros(3))
    with pytest.raises(InputError, match="0 searches"):
        plots.cmc(np.array([1.0]), 0)


def test_roc_draws_the_curve_and_its_band(curve: ErrorCurve) -> None:
    figure = plots.roc({"sface": curve})
    x, y = line(figure, "sface")
    seen = curve.fmr > 0
    assert np.array_equal(x, curve.fmr[seen])
    assert np.array_equal(y, 1 - curve.fnmr[seen])
    (band,) = figure.axes[0].collections
    edge = band.get_paths()[0].vertices
    assert edge[:, 1].min() == pytest.approx((1 - curve.fnmr_high[seen]).min())
    assert figure.axes[0].get_xscale() == "log"
    assert "fewer than 30 false matches" in text_of(figure)


def test_det_has_normal_deviates_ticks_and_the_equal_error(curve: ErrorCurve) -> None:
    equal = equal_error(GENUINE, IMPOSTOR)
    figure = plots.det({"sface": curve}, eer=equal)
    x, _ = line(figure, "sface")
    inner = (curve.fmr > 0) & (curve.fmr < 1)
    assert np.allclose(x[inner], probit(curve.fmr[inner]))
    axes = figure.axes[0]
    figure.canvas.draw()
    ticks = {label.get_text(): tick for label, tick in zip(axes.get_xticklabels(), axes.get_xticks(), strict=True)}
    assert ticks["1"] == pytest.approx(-2.326348)
    (mark,) = [each for each in axes.get_lines() if each.get_marker() == "o"]
    assert np.asarray(mark.get_xdata())[0] == pytest.approx(float(probit(np.array(equal.rate))))
    assert f"EER {100 * equal.rate:.3g}" in text_of(figure)


def test_error_rates_are_those_of_the_scores() -> None:
    figure = plots.error_rates(GENUINE, np.append(IMPOSTOR, np.nan), threshold=0.3)
    at, level = line(figure, "FMR")
    _, missed = line(figure, "FNMR")
    middle = at.size // 3
    assert level[middle] == fmr(np.append(IMPOSTOR, np.nan), float(at[middle])).value
    assert missed[middle] == pytest.approx(fnmr(GENUINE, float(at[middle])).value)
    people = RNG.integers(0, 40, GENUINE.size), RNG.integers(0, 40, IMPOSTOR.size)
    wider = plots.error_rates(
        GENUINE, IMPOSTOR, genuine_people=(people[0], people[0]), impostor_people=(people[1], people[1][::-1])
    )
    assert len(wider.axes[0].collections) == 2


def test_histogram_adds_up_and_names_what_the_threshold_costs() -> None:
    groups = {"genuine": np.append(GENUINE, np.nan), "impostor": IMPOSTOR, **ATTACKS}
    figure = plots.score_histogram(groups, threshold=0.35, log=True)
    steps = {patch.get_label(): patch.get_data().values for patch in figure.axes[0].patches if patch.get_label()}
    assert [float(values.sum()) for name, values in steps.items() if name in groups] == pytest.approx([1.0] * 4)
    missed = fnmr(groups["genuine"], 0.35).value
    assert f"{100 * missed:.3g}\xa0% of genuine refused" in text_of(figure).replace("\n", " ")
    assert "genuine (600 + 1 without)" in text_of(figure)


def test_identification_curves(table: OperatingTable) -> None:
    rng = np.random.default_rng(5)  # its own: the others take from RNG in whatever order they run
    scores = rng.normal(0.1, 0.1, (120, 50))
    mates = np.arange(120) % 50
    scores[np.arange(120), mates] += 0.4
    strangers = rng.normal(0.1, 0.1, (200, 50))
    figure = plots.cmc({"sface": ranked(scores, mates)}, 120)
    at, level = line(figure, "sface")
    assert at.tolist() == list(range(1, 21))
    assert level[0] == pytest.approx(1 - fnir(scores, mates, -np.inf).value)
    own = np.where(scores.argmax(axis=1) == mates, scores[np.arange(120), mates], np.nan)
    found = error_curve(own, strangers.max(axis=1))
    x, y = line(plots.dir_at_fpir({"a": found}), "a")
    middle = len(x) // 2
    threshold = float(found.thresholds[found.fmr > 0][middle])
    assert x[middle] == fpir(strangers, threshold).value
    assert y[middle] == pytest.approx(1 - fnir(scores, mates, threshold).value)
    sizes = {1: Rate(1, 100, 0.0, 0.05), 10: Rate(9, 100, 0.04, 0.16)}
    assert len(plots.fpir_by_size(sizes).axes[0].get_lines()[0].get_xdata()) == 2


def test_growth_and_threshold_curve_are_the_tables(table: OperatingTable) -> None:
    figure = plots.fpir_growth(table, (1e-3,), templates=2)
    people, rate = line(figure, "0.001")
    place = int(np.flatnonzero(people >= 100)[0])
    wanted = table.predicted_fpir(table.verify(1e-3).threshold, np.full(int(people[place]), 2))
    assert rate[place] == wanted
    marked = plots.threshold_curve(table, marks={"FMR 0.1 %": table.verify(1e-3).threshold})
    assert np.asarray(marked.axes[0].get_lines()[0].get_xdata()).size == len(table.knots)
    assert f"FMR 0.1 %: {table.verify(1e-3).threshold:.3f}" in text_of(marked)
    points = [each for each in plots.fpir_checks(table).axes[0].get_lines() if each.get_marker() in ("o", "s", "^")]
    assert sorted(np.asarray(each.get_ydata())[0] for each in points) == pytest.approx(
        sorted(check.observed.value for check in table.checks)
    )


def test_attack_curves_are_their_results() -> None:
    split = Comparisons(GENUINE, IMPOSTOR, ATTACKS)
    expected = epsc.epc(GENUINE, IMPOSTOR, GENUINE, IMPOSTOR, 21)
    assert np.array_equal(line(plots.epc({"a": expected}), "a")[1], expected.hter)
    spoof = epsc.epsc(split, split, points=5)
    figure = plots.epsc(spoof)
    assert np.array_equal(line(figure, "IAPMR")[1], spoof.iapmr)
    assert f"{100 * spoof.aue:.2f} %" in text_of(figure)
    gained = vulnerability.fmr_iapmr(split, split)
    x, y = line(plots.fmr_iapmr(gained), "print")
    assert np.array_equal(x, gained.fmr[gained.fmr > 0])
    assert np.array_equal(y, gained.iapmr["print"][gained.fmr > 0])


def test_confusion_and_reliability() -> None:
    found = classify([0, 0, 0, 1, 1, 2], [0, 0, 1, 1, -1, 2], ["calm", "happy", "sad"])
    figure = plots.confusion(found)
    cells = [each for each in figure.axes[0].patches if isinstance(each, Rectangle)]
    assert len(cells) == 3 * 4
    assert [cell.get_alpha() for cell in cells[:4]] == pytest.approx([0.62 * 2 / 3, 0.62 / 3, 0, 0])
    assert "67 %" in text_of(figure)
    chances = np.array([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.3, 0.7]])
    earned = reliability(chances, [0, 1, 0, 1], bins=5)
    drawn = plots.reliability(earned).axes[0].get_lines()[1]
    seen = np.array([rate.n > 0 for rate in earned.accuracy])
    assert np.array_equal(np.asarray(drawn.get_xdata()), earned.confidence[seen])


def test_survival_curves_and_calibration() -> None:
    found = kaplan_meier(TIME, EVENT)
    figure = plots.kaplan_meier({"all": found}, unit="years")
    steps, level = line(figure, "all")
    assert np.array_equal(level[1:], found.survival)
    assert np.array_equal(steps[1:], found.time)
    assert "200" in text_of(figure).split("\n")  # people at risk at the start
    risks = calibration(TIME, EVENT, RNG.uniform(0.1, 0.9, 200), 5.0)
    points = plots.risk_calibration(risks).axes[0].get_lines()[1]
    assert np.asarray(points.get_ydata()).tolist() == [group.observed for group in risks.groups]


def test_evidence_plots() -> None:
    ours, theirs = RNG.normal(3, 2.5, 300), RNG.normal(-3, 2.5, 500)
    _, level = line(plots.tippett(ours, theirs), "two people")
    assert level[0] == 1.0
    odds, cost = line(plots.cross_entropy(ours, theirs), "as they are")
    middle = int(np.flatnonzero(odds == 0)[0])
    assert cost[middle] == pytest.approx(cllr(ours, theirs))
    _, least = line(plots.cross_entropy(ours, theirs), "best calibrated")
    assert least[middle] == pytest.approx(min_cllr(ours, theirs), abs=1e-9)
    people = RNG.integers(0, 40, (2, 1500))
    same = people[0] == people[1]
    same[:200] = True
    scores = np.where(same, 0.55, 0.1) + RNG.normal(0, 0.15, 1500)
    model = fit(scores, same, people[0], people[1], data="made up", date="2024-01-01", replicates=5)
    table_line = plots.likelihood_ratios(model).axes[0].get_lines()[0]
    assert np.asarray(table_line.get_ydata()) == pytest.approx(np.array(model.llrs) / np.log(10))


def test_forest_of_groups_marks_who_stands_apart() -> None:
    rates = {"0-3": Rate(60, 100, 0.5, 0.7), "20-39": Rate(5, 5000, 3e-4, 2e-3), "60+": Rate(0, 900, 0, 0.004)}
    figure = plots.differential(summarise(rates, dict.fromkeys(rates, 40), kind="FMR"))
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["0-3", "20-39", "60+"]
    squares = [each for each in axes.get_lines() if each.get_marker() == "s"]
    assert [np.asarray(each.get_xdata())[0] for each in squares] == [0.6]
    hollow = [each for each in axes.get_lines() if each.get_markerfacecolor() == "none" and each.get_marker() == "o"]
    assert [np.asarray(each.get_xdata())[0] for each in hollow] == [0.004]
    assert "60 of 100, 40 people" in text_of(figure)


def test_axes_are_taken_and_keep_their_title(curve: ErrorCurve) -> None:
    figure = Figure()
    left, right = figure.subplots(1, 2)
    left.set_title("mine")
    assert plots.roc(curve, ax=left) is figure
    assert plots.det(curve, ax=right) is figure
    assert left.get_title() == "mine"
    assert left.get_title(loc="left") == ""


def every(curve: ErrorCurve) -> Iterator[Callable[[], Figure]]:
    yield lambda: plots.roc({"<b>&\"name'": curve})
    yield lambda: plots.score_histogram({"<script>": GENUINE, "impostor": IMPOSTOR})


def test_svg_is_reproducible_well_formed_and_alone(curve: ErrorCurve) -> None:
    from xml.etree import ElementTree

    texts = []
    for make in every(curve):
        first, second = plots.svg(make()), plots.svg(make())
        assert first == second
        root = ElementTree.fromstring(first)
        texts += [element.text for element in root.iter("text")]
        assert "//" not in first
        assert "xmlns" not in first
        used = {value[1:] for each in root.iter() for key, value in each.items() if key == "href"}
        made = {each.get("id") for each in root.iter() if each.get("id")}
        assert used <= made
        assert made
        assert all(name is not None and name.startswith("plot-") for name in made)
        assert "var(--plot-blue, #0072b2)" in first
    assert "<script> (600)" in texts
    with pytest.raises(InputError, match="prefix"):
        plots.svg(plots.roc(curve), '"><script>')


def test_png_is_a_picture(curve: ErrorCurve) -> None:
    data = plots.png(plots.roc(curve), dpi=50)
    assert data.startswith(b"\x89PNG")
    assert data == plots.png(plots.roc(curve), dpi=50)


def test_labels_are_pushed_apart_as_little_as_needed() -> None:
    moved = theme._apart(np.array([10.0, 11.0, 50.0]), 8.0)
    assert moved.tolist() == [6.5, 14.5, 50.0]


def test_blue_and_orange_are_those_of_drawing() -> None:
    def hexed(colour: tuple[int, int, int]) -> str:
        return "#" + "".join(f"{part:02x}" for part in colour)

    assert hexed(INK["match"]) == theme.BLUE
    assert hexed(INK["unknown"]) == theme.ORANGE_FILL


# Machado, Oliveira and Fernandes 2009, severity 1: what people without one kind of cone see, linear RGB.
BLIND = {
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


@pytest.mark.parametrize("kind", sorted(BLIND))
def test_first_three_lines_differ_for_every_kind_of_eye(kind: str) -> None:
    from skimage.color import deltaE_ciede2000, rgb2lab

    def seen(colour: str) -> np.ndarray:
        rgb = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        turned = np.clip(np.array(BLIND[kind]) @ linear, 0, 1)
        shown = np.where(turned <= 0.0031308, turned * 12.92, 1.055 * turned ** (1 / 2.4) - 0.055)
        return np.asarray(rgb2lab(shown.reshape(1, 1, 3)))

    blue, orange, purple = (seen(each.colour) for each in theme.lines(3))
    assert float(deltaE_ciede2000(blue, orange)[0, 0]) > 25
    assert min(float(deltaE_ciede2000(purple, other)[0, 0]) for other in (blue, orange)) > 10


def test_lines_have_enough_contrast_on_paper() -> None:
    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    worst = min(1.05 / (luminance(each.colour) + 0.05) for each in theme.LINES)
    assert worst > 4.5  # letters too are written in these colours


def test_importing_vultus_and_its_command_leaves_matplotlib_out() -> None:
    code = "import sys, vultus, vultus.cli, vultus.report; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_matplotlib_the_extra_is_named() -> None:
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from vultus.errors import MissingExtraError\n"
        "try:\n    import vultus.plots\n"
        "except MissingExtraError as error:\n    sys.exit('vultus[plots]' not in str(error))\n"
        "sys.exit(2)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
