"""The recipe runs end to end on a tiny set; what its report says must follow from its numbers."""

from __future__ import annotations

import importlib
import json
import math
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

pytest.importorskip("torch")

RECIPES = Path(__file__).parents[2] / "recipes"
TINY = ["--synthetic", "--samples", "24", "--people", "6", "--epochs", "1", "--batch", "8"]


@pytest.fixture
def recipe(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(RECIPES))
    return importlib.import_module("mmda")


@pytest.fixture
def told(recipe: ModuleType) -> ModuleType:
    return importlib.import_module("mmda_report")


def outcome(variant: str, seed: int, amplitude: float, auc: float, control: str = "", noise: str = "additive") -> dict:
    missing = {name: {"hter": 0.4, "auc": 0.3} for name in ("all", "rgb alone")}
    return {
        "variant": variant, "seed": seed, "target": "D", "amplitude": amplitude, "noise": noise, "control": control,
        "honest": {"hter": 0.5 - auc / 4}, "field": {"hter": 0.45 - auc / 4}, "auc": auc, "validation_auc": 0.9,
        "missing": missing, "parameters": 100, "steps": 10,
    }  # fmt: skip


def study(gain_at_top: float, gain_at_none: float = 0.0) -> list[dict]:
    jitter = [0.0, 0.01, -0.01, 0.02, -0.02]
    runs = [
        outcome(variant, seed, amplitude, 0.7 + wobble + (gain if variant == "none" else 0) * (1 + seed / 10))
        for seed, wobble in enumerate(jitter)
        for amplitude, gain in ((0.0, gain_at_none), (2.0, gain_at_top))
        for variant in ("none", "md2a")
    ]
    runs += [outcome("none", seed, 0.0, 0.5 + wobble, "shuffled") for seed, wobble in enumerate(jitter)]
    return runs + [outcome("none", seed, 0.0, 0.2 + wobble, "tint") for seed, wobble in enumerate(jitter)]


def verdicts(told: ModuleType, runs: list[dict]) -> dict[str, str]:
    return {each["claim"]: each["verdict"] for each in told.statements(runs)}


def test_no_runs_no_claims(told: ModuleType) -> None:
    assert told.statements([]) == []
    assert told.report([])["table"] == []
    assert math.isnan(told.interval([])["mean"])


def test_intervals_are_students(told: ModuleType) -> None:
    """Five values: mean, and t(4) = 2.776 times the standard error; SciPy's for comparison."""
    from scipy import stats

    values = [0.1, 0.3, 0.2, 0.5, 0.4]
    found = told.interval(values)
    low, high = stats.t.interval(0.95, 4, loc=np.mean(values), scale=stats.sem(values))
    assert (found["mean"], found["low"], found["high"], found["n"]) == pytest.approx((0.3, low, high, 5), abs=1e-4)
    assert pytest.approx(stats.t.ppf(0.975, np.arange(1, 31)), abs=6e-4) == told.T975
    assert math.isnan(told.interval([0.1])["low"])


def test_what_is_said_follows_from_the_numbers(told: ModuleType) -> None:
    helping, idle, hurting = (verdicts(told, study(gain)) for gain in (0.1, 0.0, -0.1))
    assert helping["gain at amplitude 2 less that at 0"] == "the gain grows with the noise"
    assert helping["gain in AUC by MD2A at amplitude 2"].startswith("helps")
    assert idle["gain at amplitude 2 less that at 0"].startswith("reported as not helping")
    assert hurting["gain in AUC by MD2A at amplitude 2"].startswith("hurts")
    control = "gain in AUC by MD2A at no noise (negative control)"
    assert helping[control] == "holds: the interval contains 0"
    assert verdicts(told, study(0.1, 0.05))[control].startswith("fails")
    assert helping["AUC with labels shuffled in training"].startswith("holds")
    assert helping["AUC with nothing but the tint"].startswith("below .5")
    assert helping["HTER, honest less field"].startswith("positive")
    one = verdicts(told, [each for each in study(0.1) if each["seed"] == 0])
    assert one["gain at amplitude 2 less that at 0"] == "one value: no interval, nothing is claimed"


def test_shuffled_labels_are_held_against_their_opposites(told: ModuleType) -> None:
    """Chance agreement goes out; a network that knows who is live otherwise is told from one that does not."""
    areas = [0.42, 0.24, 0.18, 0.41, 0.24]
    shuffled = [outcome("none", seed, 0.0, area, "shuffled") for seed, area in enumerate(areas)]
    opposite = [outcome("none", seed, 0.0, 1.01 - area, "inverted") for seed, area in enumerate(areas)]
    claim = "AUC with labels shuffled in training"
    assert verdicts(told, shuffled)[claim].startswith("fails")
    assert told.untaught(shuffled + opposite[:3]) == pytest.approx([0.505] * 3)
    jittered = [{**one, "auc": one["auc"] + (-0.03 if one["seed"] % 2 else 0.01)} for one in opposite]
    assert verdicts(told, shuffled + jittered)[claim].startswith("holds")
    leaking = [outcome("none", seed, 0.0, 0.9 + seed / 100, "inverted") for seed in range(5)]
    assert verdicts(told, [{**one, "auc": 0.9} for one in shuffled] + leaking)[claim].startswith("fails")


def test_gains_are_paired_by_seed_and_target(told: ModuleType) -> None:
    """A gain that is the same in every seed has a narrow interval however much the seeds differ."""
    runs = [outcome(v, seed, 2.0, 0.5 + seed / 10 + 0.01 * (v == "none")) for seed in range(4) for v in ("none", "rs2")]
    (gain,) = told.report(runs[:-1])["gains"]  # the last seed has no partner and is left out
    assert gain["auc"]["n"] == 3
    assert (gain["auc"]["mean"], gain["auc"]["low"]) == pytest.approx((0.01, 0.01))


def test_bad_arguments_name_themselves(recipe: ModuleType, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = ["--out", str(tmp_path)]
    for arguments, expected in (
        (["--synthetic", "--leave-out", "E"], "expected --leave-out of A, B, C, D, got E"),
        (["--synthetic", "--ablate", "none,dropout"], "got dropout"),
        (["--synthetic", "--seeds", "0"], "a seed at least"),
        (["--config", "clip"], "expected --clip, --lists and --images"),
        ([], "expected --synthetic"),
    ):
        assert recipe.main([*arguments, *out]) == 2
        assert expected in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_people_of_the_parts_do_not_meet_and_labels_of_the_target_stay_out(recipe: ModuleType) -> None:
    part = importlib.import_module("mmda_study")
    from vultus.datasets.synthetic_pad import DOMAINS, Simulation, domain

    drawn = part.sets(part.Run("none", 3, "C", 1.0), Simulation(samples=60, people=10))
    assert len(drawn.train.live) == 3 * 48
    assert len(drawn.validation.live) == 3 * 12
    assert set(np.unique(drawn.train.domains)) == {0, 1, 3} == set(np.unique(drawn.validation.domains))
    assert set(np.unique(drawn.target.domains)) == {DOMAINS.index("C")}
    alone = domain("C", Simulation(samples=60, people=10, seed=3, amplitude=1.0), target=True)
    np.testing.assert_array_equal(drawn.target.pixels, alone.planes)
    seen = {each.tobytes() for each in drawn.train.pixels}
    assert not [each for each in (*drawn.validation.pixels, *drawn.target.pixels) if each.tobytes() in seen]


def test_a_study_in_small_is_resumed_and_told(
    recipe: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [*TINY, "--seeds", "1", "--ablate", "none,md2a", "--amplitudes", "0,2", "--out", str(tmp_path)]
    assert recipe.main(arguments) == 0
    shown = capsys.readouterr().out
    assert "HTER honest" in shown
    assert "HTER field" in shown
    assert "simulated" in shown
    report = json.loads((tmp_path / "report.json").read_text())
    assert [(each["amplitude"], each["variant"]) for each in report["table"]] == [
        (0.0, "md2a"), (0.0, "none"), (2.0, "md2a"), (2.0, "none"),
    ]  # fmt: skip
    sizes = {each["parameters"][0] for each in report["table"]}
    assert max(sizes) <= 1.02 * min(sizes)
    assert {each["steps"][0] for each in report["table"]} == {8}
    runs = {
        file.name: (file.stat().st_mtime_ns, json.loads(file.read_text())) for file in tmp_path.glob("*-seed*.json")
    }
    assert len(runs) == 4
    one = runs["D-additive2-seed0-none.json"][1]
    assert set(one["missing"]) == {"all", "no depth", "no ir", "rgb alone"}
    assert one["honest"]["epoch"] == 1
    (tmp_path / "D-additive2-seed0-md2a.json").unlink()
    assert recipe.main(arguments) == 0
    again = {
        file.name: (file.stat().st_mtime_ns, json.loads(file.read_text())) for file in tmp_path.glob("*-seed*.json")
    }
    changed = [name for name in runs if runs[name][0] != again[name][0]]
    assert changed == ["D-additive2-seed0-md2a.json"]
    for name in runs:
        assert {**runs[name][1], "seconds": 0} == {**again[name][1], "seconds": 0}  # a run again is the same run


@pytest.mark.slow
def test_one_seed_of_the_study(recipe: ModuleType, told: ModuleType, tmp_path: Path) -> None:
    """The whole plan with one seed on small domains: every cell is there, the tint flips, and nothing is claimed."""
    arguments = [
        "--synthetic", "--whole", "--seeds", "1", "--samples", "80", "--people", "10", "--epochs", "3",
        "--out", str(tmp_path),
    ]  # fmt: skip
    assert recipe.main(arguments) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    cells = {(each["noise"], each["amplitude"], each["control"], each["variant"]): each for each in report["table"]}
    assert len(cells) == 13
    assert cells["additive", 0.0, "tint", "none"]["auc"]["mean"] < 0.5
    said = [each["verdict"] for each in report["statements"] if "MD2A" in each["claim"]]
    assert len(said) == 3
    assert set(said) == {"one value: no interval, nothing is claimed"}
    runs = [json.loads(file.read_text()) for file in tmp_path.glob("*-seed*.json")]
    again = {each["claim"]: (each["interval"]["mean"], each["verdict"]) for each in told.statements(runs)}
    said = {each["claim"]: (pytest.approx(each["interval"]["mean"]), each["verdict"]) for each in report["statements"]}
    assert again == said


def test_lists_with_a_small_clip_on_the_disk(recipe: ModuleType, tmp_path: Path) -> None:
    """Real loading path: lists in the published form, pictures as files, CLIP from a folder, resumed."""
    import cv2
    import torch
    import transformers

    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    words = [*letters, *(each + "</w>" for each in letters), "<|startoftext|>", "<|endoftext|>"]
    place = tmp_path / "clip"
    place.mkdir()
    (place / "vocab.json").write_text(json.dumps({word: at for at, word in enumerate(words)}))
    (place / "merges.txt").write_text("#version: 0.2\n")
    transformers.CLIPTokenizer(str(place / "vocab.json"), str(place / "merges.txt")).save_pretrained(place)
    end = len(words) - 1
    text = {
        "vocab_size": len(words), "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1,
        "num_attention_heads": 2, "bos_token_id": end - 1, "eos_token_id": end, "pad_token_id": end,
    }  # fmt: skip
    vision = {
        "hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
        "image_size": 32, "patch_size": 16,
    }  # fmt: skip
    torch.manual_seed(0)
    made = transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=24)
    transformers.CLIPModel(made).save_pretrained(place)

    images, lists, rng = tmp_path / "images", tmp_path / "lists", np.random.default_rng(0)
    images.mkdir()
    lists.mkdir()
    for name in "CSW":
        for split in ("train", "val", "test"):
            lines = []
            for at in range(10):
                files = [f"{name}{split}{at}{kind}.png" for kind in ("rgb", "d", "ir")]
                for file, shape in zip(files, ((32, 32, 3), (32, 32), (32, 32)), strict=True):
                    cv2.imwrite(str(images / file), rng.integers(0, 256, shape).astype(np.uint8))
                lines.append(" ".join([*files, str(at % 2)]))
            (lists / f"{name}_{split}.txt").write_bytes("\r\n".join(lines).encode())
    arguments = [
        "--config", "clip", "--clip", str(place), "--lists", str(lists), "--images", str(images), "--sources", "C,S",
        "--target", "W", "--missing", "depth", "--other-counts", "--batch", "8", "--out", str(tmp_path / "run"),
    ]  # fmt: skip
    assert recipe.main([*arguments, "--epochs", "1"]) == 0
    assert recipe.main([*arguments, "--epochs", "2"]) == 0
    found = json.loads((tmp_path / "run" / "report.json").read_text())
    assert found["data"] == "own CS-W without depth"
    assert found["epochs"] == 2
    assert [name for name in found if "honest" in name]
    assert [name for name in found if "field" in name]
    assert recipe.main([each for each in arguments if each != "--other-counts"]) == 2
