"""The recipe of the classifier of revealed marks: who decides, what a class is, figures that can be worked by hand."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="NO PYTORCH: recipes are not tested; pip install 'vultus[train]'")

from vultus.errors import NotFoundError  # noqa: E402
from vultus.integrity.manipulations import FAMILIES, LEARNED, TESTED, Manipulation  # noqa: E402
from vultus.integrity.marks.revealed import families  # noqa: E402
from vultus.runtime import EngineOptions, Feed, session  # noqa: E402
from vultus.types import Image  # noqa: E402


@pytest.fixture
def recipes(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "recipes"))
    names = ("document_manipulations", "document_manipulations_data", "document_manipulations_trial")
    return {name.removeprefix("document_manipulations").strip("_"): importlib.import_module(name) for name in names}


@pytest.fixture
def drawn(recipes: dict[str, ModuleType], astronaut: Image) -> Any:
    """Samples of a kind that can be learned in seconds: the louder the class, the higher its number."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(len(families.CLASSES)), 12)
    shown = rng.normal(0, 1 + labels[:, None, None, None], (len(labels), 3, 48, 48)).clip(-127, 127)
    return recipes["data"].Samples(
        shown.astype(np.int8),
        rng.random((len(labels), 3, 6, 6)) < 0.5,
        labels,
        np.arange(len(labels)) % 12,
        np.arange(len(labels)) % 12 == 0,
    )


def test_no_data_is_refused(recipes: dict[str, ModuleType], tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="LFW"):
        recipes["data"].learners(tmp_path, 3)


def test_every_manipulation_has_a_class(recipes: dict[str, ModuleType]) -> None:
    label_of = recipes["data"].label_of
    assert {label_of(how) for how in LEARNED} == set(families.CLASSES) - {families.NOTHING}
    assert [label_of(how) for how in recipes["data"].NOTHING] == [families.NOTHING] * 2
    assert label_of(Manipulation("median", 3)) == "blur"
    assert set(recipes["trial"].NAMES) == {*FAMILIES, families.NOTHING}


def test_a_plan_holds_every_class_and_is_seeded(recipes: dict[str, ModuleType]) -> None:
    plan = recipes["data"].plan
    made = plan(0, np.random.default_rng(1))
    assert made == plan(0, np.random.default_rng(1))
    assert {recipes["data"].label_of(how) for how in made} == set(families.CLASSES)
    assert not set(made) & {how for how in TESTED if how.kind != "intact"}


def test_partners_and_deciders_are_other_people(recipes: dict[str, ModuleType], astronaut: Image) -> None:
    data = recipes["data"]
    rng = np.random.default_rng(0)
    points = np.array([(60.0, 60.0), (100.0, 60.0), (80.0, 85.0), (65.0, 105.0), (95.0, 105.0)])
    cut = np.ascontiguousarray(astronaut[32:192, 144:304])
    people = [data.Person(str(n), np.roll(cut, n, 1), points + rng.normal(0, 1, points.shape)) for n in range(4)]
    seen = [(number, how, partner) for number, how, _, partner in data.trials(people)]
    assert len(seen) == 4 * len({how.kind for how in TESTED})
    own = [number for number, _, partner in seen if partner.image is people[number].image]
    assert own == []


def test_the_residual_is_there_without_a_mark(recipes: dict[str, ModuleType], astronaut: Image) -> None:
    found = recipes["data"].planes("residual", astronaut)
    assert (found.shape, found.dtype) == ((3, 512, 512), np.int8)
    assert np.abs(found).max() > 10
    assert not recipes["data"].planes("residual", np.full((64, 64, 3), 7, np.uint8)).any()


def test_variation_moves_pixels_and_keeps_what_belongs_together(recipes: dict[str, ModuleType]) -> None:
    recipe = recipes[""]
    planes = torch.arange(2 * 6 * 8 * 8).reshape(2, 6, 8, 8).float() / 1000
    planes[:, 3:] = -planes[:, :3]
    made = recipe.varied(planes, recipe.Training(gain=0.0), np.random.default_rng(0))
    assert torch.equal(made[:, 3:], -made[:, :3])
    assert torch.equal(made.flatten(2).sort(2).values, planes.flatten(2).sort(2).values)


def test_the_threshold_by_hand(recipes: dict[str, ModuleType]) -> None:
    """Two of ten are wrong, both below .6; so from .6 on the named are right."""
    probabilities = np.full((10, len(families.CLASSES)), 0.0)
    probabilities[:, 1], probabilities[:, 4] = 0.8, 0.2
    probabilities[:2, 1], probabilities[:2, 4] = 0.55, 0.45
    truth = np.array([4, 4, *([1] * 8)])
    assert recipes[""].sure(probabilities, truth) == pytest.approx(0.56, abs=0.011)


def test_it_learns_settles_and_ships(recipes: dict[str, ModuleType], drawn: Any, tmp_path: Path) -> None:
    recipe = recipes[""]
    training = recipe.Training(people=12, epochs=8, batch=22, rate=5e-3)
    held = recipe.fitted(training, "deep", [drawn], tmp_path)
    assert held["decided"]["deep"] > 0.5
    assert recipe.fitted(training, "deep", [drawn], tmp_path)["decided"] == held["decided"]
    card = recipe.ship(tmp_path, tmp_path, "deep")
    assert json.loads((tmp_path / "families.json").read_text("utf-8"))["sure"] == card["sure"]
    opened = session(tmp_path / "families.onnx", Feed("pictures"), EngineOptions(precision="fp32"))
    answer = opened.run(np.full((2, 64, 72, 3), 128, np.uint8))[0]
    assert answer.shape == (1, len(families.CLASSES))
    assert float(answer.sum()) == pytest.approx(1, abs=1e-4)


def test_figures_and_gains_by_hand(recipes: dict[str, ModuleType]) -> None:
    """The mark is right always; the control takes blur for compression: half of two classes' F1 is lost."""
    rows = []
    for who in range(12):
        for truth in ("blur", "compression", "resize"):
            for run in ("deep", "picture"):
                said = "compression" if run == "picture" and truth == "blur" else truth
                p = (np.arange(len(families.CLASSES)) == families.CLASSES.index(said)).astype(float).tolist()
                rows.append({"run": run, "source": run, "person": str(who), "how": truth, "truth": truth, "p": p})
    found = recipes["trial"].figures(rows)
    assert [run["accuracy"][:2] for run in found["runs"]] == [[36, 36], [24, 36]]
    (gain,) = found["gains"]
    # F1 of the control: blur 0, compression 2/3, resize 1.
    assert gain["macro_f1"][0] == pytest.approx(1 - (0 + 2 / 3 + 1) / 3)
    assert gain["macro_f1"][1] > 0
