"""The recipe's science: who is kept apart, what decides, and that a run that was killed ends the same."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch")

from vultus.datasets import twins  # noqa: E402
from vultus.datasets.fer2013 import CLASSES  # noqa: E402
from vultus.errors import InputError, NotFoundError  # noqa: E402

RECIPES = Path(__file__).parents[2] / "recipes"
TINY = ["--net", "resnet-tiny", "--batch", "32", "--epochs", "2", "--rate", "0.01", "--ema", "0.8"]


@pytest.fixture(autouse=True)
def beside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(RECIPES))


@pytest.fixture
def recipe() -> ModuleType:
    return importlib.import_module("expression")


def faces(count: int, label: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Smooth noise with a bright bar whose height tells the class."""
    made = rng.integers(60, 120, (count, 12, 12)).repeat(4, axis=1).repeat(4, axis=2)
    made[:, 4 + 5 * label : 9 + 5 * label, 8:40] += 120
    return np.clip(made, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """FER2013 in small: the first test face of each class is a training face too."""
    rng, place, asked, truth = np.random.default_rng(0), tmp_path_factory.mktemp("fer2013"), [], []
    for label, name in enumerate(CLASSES):
        seen = faces(40, label, rng)
        tiles = np.zeros((50, 48, 48), np.uint8)
        tiles[:40] = seen
        PIL.Image.fromarray(np.hstack(list(tiles))).save(place / f"train_{name}_40.jpg", quality=97)
        asked += [seen[:1], faces(5, label, rng)]
        truth += [label] * 6
    labels = np.array(truth, np.uint8)
    np.savez(place / "public_test.npz", x=np.concatenate(asked), y=labels, classes=np.array(CLASSES))
    return place


def told(recipe: ModuleType, root: Path, out: Path, *more: str) -> int:
    found: int = recipe.main([*TINY, "--root", str(root), "--out", str(out), *more])
    return found


def test_an_empty_folder_is_refused(recipe: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(recipe, tmp_path, tmp_path / "out") == 2
    assert "8 parts are missing" in capsys.readouterr().err


def test_twins_of_the_test_leave_train_and_the_effect_can_be_seen(root: Path) -> None:
    data = importlib.import_module("expression_data")
    clean, raw = data.load("fer2013", root), data.load("fer2013", root, raw=True)
    assert clean.test.twin.sum() == 7
    assert len(raw.train) + len(raw.validation) - len(clean.train) - len(clean.validation) == 7
    everything = np.arange(10_000)

    def pixels(part: Any) -> NDArray[np.uint8]:
        found: NDArray[np.uint8] = part.read(everything[: len(part)], 48)[..., 0]
        return found

    assert len(twins.across(pixels(clean.test), pixels(clean.train))) == 0
    assert len(twins.across(pixels(raw.test), np.concatenate([pixels(raw.train), pixels(raw.validation)]))) == 7
    assert len(twins.across(pixels(clean.validation), pixels(clean.train))) == 0
    assert np.bincount(raw.validation.labels).tolist() == [4] * 7
    few = data.load("fer2013", root, limit=70)
    assert np.ptp(np.bincount(few.train.labels)) <= 1
    assert len(few.train) == pytest.approx(70, abs=7)


def test_a_run_that_was_killed_ends_the_same(recipe: ModuleType, root: Path, tmp_path: Path) -> None:
    more = ("--erase", "0.3", "--mix", "0.2", "--zoom", "0.1", "--light", "0.1")
    assert told(recipe, root, tmp_path / "one", *more) == 0
    assert told(recipe, root, tmp_path / "two", *more, "--stop-after", "1") == 0
    assert told(recipe, root, tmp_path / "two", *more) == 0
    runs = [tmp_path / each / "fer2013-resnet-tiny-seed0" for each in ("one", "two")]
    histories = [json.loads((each / "history.json").read_text()) for each in runs]
    assert len(histories[0]) == 2
    assert histories[0] == histories[1]
    states = [torch.load(each / "checkpoint.pt", weights_only=True) for each in runs]
    for part in ("state", "average"):
        assert all(torch.equal(value, states[1][part][name]) for name, value in states[0][part].items())


def test_another_run_s_checkpoint_is_refused(
    recipe: ModuleType, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(recipe, root, tmp_path, "--stop-after", "1", "--name", "run") == 0
    assert told(recipe, root, tmp_path, "--name", "run", "--smoothing", "0.2") == 2
    assert "smoothing 0.1, now 0.2" in capsys.readouterr().err
    assert told(recipe, root, tmp_path, "--name", "run", "--net", "se-resnet-tiny") == 2
    assert "net 'resnet-tiny'" in capsys.readouterr().err
    training, nets = importlib.import_module("expression_training"), importlib.import_module("expression_nets")
    with pytest.raises(InputError, match="expected weights of this architecture"):
        training.restore(tmp_path / "run" / "best.pt", nets.build("ta-resnet-tiny", 7))
    with pytest.raises(InputError, match="train first"):
        training.restore(tmp_path / "none.pt", nets.build("resnet-tiny", 7))


def test_from_training_to_the_shipped_file(recipe: ModuleType, root: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    easy = ("--epochs", "10", "--batch", "16", "--rate", "0.02", "--degrees", "0", "--shift", "0.02")
    more = (*easy, "--name", "run", "--test", "--ship", str(tmp_path / "package"))
    assert told(recipe, root, out, *more) == 0
    card = json.loads((tmp_path / "package" / "fer2013.json").read_text())
    assert card["sha256"] == importlib.import_module("vultus.weights").sha256_of(tmp_path / "package" / "fer2013.onnx")
    figures = card["figures"]["test"]
    assert figures["accuracy"][1] == 42
    assert figures["accuracy_without_twins"][1] == 35
    assert figures["accuracy"][0] >= 35  # the bars are easy
    assert card["figures"]["difference_onnx"] < 1e-4
    assert card["temperature"] > 0
    assert "research" in card["licence"]
    assert str(tmp_path) not in json.dumps(card)
    (out / "run" / "card.json").unlink()
    assert told(recipe, root, out, *more) == 0  # nothing is trained again, and the test stays shut
    assert len((out / "test-log.jsonl").read_text().splitlines()) == 1


def test_a_pupil_learns_from_teachers_of_the_same_faces(
    recipe: ModuleType, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(recipe, root, tmp_path, "--name", "teacher") == 0
    pupil = ("--name", "pupil", "--teachers", str(tmp_path / "teacher"))
    assert told(recipe, root, tmp_path, *pupil, "--epochs", "1") == 0
    held = torch.load(tmp_path / "pupil" / "checkpoint.pt", weights_only=True)
    assert held["what"]["teachers"] == 1
    assert told(recipe, root, tmp_path, *pupil, "--raw", "--name", "other") == 2
    assert "the very same faces" in capsys.readouterr().err


def test_a_run_begins_with_the_weights_of_another_of_its_network(
    recipe: ModuleType, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(recipe, root, tmp_path, "--name", "first") == 0
    more = ("--start", str(tmp_path / "first"), "--rate", "1e-9", "--epochs", "1")
    assert told(recipe, root, tmp_path, *more, "--name", "second") == 0
    files = (tmp_path / each / "best.pt" for each in ("first", "second"))
    first, second = (torch.load(file, weights_only=True)["state"] for file in files)
    learned = [each for each in first if each.endswith("weight")]
    assert max(float((first[each] - second[each]).abs().max()) for each in learned) < 1e-5
    assert json.loads((tmp_path / "second" / "options.json").read_text())["start"] == "first"
    assert told(recipe, root, tmp_path, *more, "--net", "se-resnet-tiny", "--name", "third") == 2
    assert "expected a checkpoint of" in capsys.readouterr().err


def test_the_study_is_resumed_and_claims_nothing_that_zero_is_in(
    recipe: ModuleType, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arms = ("--arms", "none,se,tripse1", "--place", "stage")
    more = ("--study", "--epochs", "1", "--limit", "100", "--seeds", "2", *arms)
    assert told(recipe, root, tmp_path, *more) == 0
    files = sorted(tmp_path.glob("*-seed*.json"))
    assert len(files) == 6
    before = {each.name: each.stat().st_mtime_ns for each in files}
    kept = json.loads(files[0].read_text())
    files[0].unlink()
    assert told(recipe, root, tmp_path, *more) == 0
    assert [each.name for each in files if each.stat().st_mtime_ns != before[each.name]] == [files[0].name]
    assert json.loads(files[0].read_text()) == kept
    report = json.loads((tmp_path / "report.json").read_text())
    assert [each["arm"] for each in report["table"]] == ["none", "se", "tripse1"]
    rows = {each["arm"]: each for each in report["table"]}
    runs = [json.loads(each.read_text()) for each in files]
    by = {(each["arm"], each["seed"]): each["accuracy"] for each in runs}
    expected = np.mean([by["se", seed] - by["none", seed] for seed in (0, 1)])
    assert rows["se"]["gain"]["mean"] == pytest.approx(expected)
    assert len(report["statements"]) == 2


def test_statements_follow_from_intervals() -> None:
    said = importlib.import_module("expression_study")
    truth = [0, 1] * 20

    def one(arm: str, seed: int, right: int) -> dict[str, Any]:
        predicted = [*truth[:right], *(1 - each for each in truth[right:])]
        value = right / len(truth)
        return {"arm": arm, "seed": seed, "accuracy": value, "uar": value, "macro_f1": value, "validation": value,
                "parameters": 1, "predicted": predicted}  # fmt: skip

    runs = [one("none", s, 20 + s) for s in range(3)] + [one("se", s, 30 + s + s % 2) for s in range(3)]
    runs += [one("ta", s, 20 + s + (-1) ** s) for s in range(3)]
    report = said.report(runs, truth, {})
    assert report["statements"][0].startswith("se against none: +25.83 points [")
    assert report["statements"][0].endswith(": better")
    assert report["statements"][1].endswith(": no difference shown")
    assert report["table"][1]["mcnemar"] == {"seed": 0, "none_only": 0, "arm_only": 10, "p": pytest.approx(2 / 2**10)}
    alone = said.report([one("none", 0, 20), one("se", 0, 30)], truth, {})
    assert alone["statements"] == ["se against none: +25.00 points, one seed: no interval, nothing is claimed"]


def test_the_temperature_is_the_one_that_made_the_answers() -> None:
    ship = importlib.import_module("expression_ship")
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (20_000, 5))
    truth = np.array([rng.choice(5, p=row) for row in ship.softmax(logits)])
    assert ship.temperature_of(logits * 2.5, truth) == pytest.approx(2.5, rel=0.05)
    from scipy.optimize import minimize_scalar

    def nll(temperature: float) -> float:
        found: float = -np.log(ship.softmax(logits * 2.5 / temperature)[np.arange(len(truth)), truth]).mean()
        return found

    best = minimize_scalar(nll, bounds=(0.1, 10), method="bounded", options={"xatol": 1e-8}).x
    assert ship.temperature_of(logits * 2.5, truth) == pytest.approx(best, rel=1e-5)


@pytest.mark.parametrize(
    "name", ["resnet-mini", "tripse4-densenet-mini", "se-convnext-atto", "ta-resnet18", "dlib-short"]
)
def test_every_network_answers_for_one_face(name: str) -> None:
    """Alone, among its own class, shuffled; grey given once or thrice is the same."""
    nets = importlib.import_module("expression_nets")
    from vultus.nets.leak import dependence

    torch.manual_seed(0)
    net = nets.build(name, 7).eval()
    x = torch.rand(6, 1, net.side, net.side) * 255
    with torch.no_grad():
        torch.testing.assert_close(net(x), net(x.expand(-1, 3, -1, -1)), atol=1e-4, rtol=1e-4)
    assert dependence(net, x, torch.arange(6) % 2) < 1e-5


@pytest.mark.weights
def test_a_network_goes_on_from_dlibs(recipe: ModuleType, root: Path, tmp_path: Path) -> None:
    common = ("--net", "dlib-short", "--epochs", "1", "--batch", "16", "--layer", "0.9")
    assert told(recipe, root, tmp_path, *common, "--rate", "0", "--name", "still") == 0
    state = torch.load(tmp_path / "still" / "best.pt", weights_only=True)["state"]
    from vultus.models.embed.dlib_resnet import SOURCE, to_onnx
    from vultus.nets.dlib_resnet import filters
    from vultus.weights import derived

    first = filters(derived(SOURCE, "network-v1", to_onnx).read_bytes())[0][0]
    torch.testing.assert_close(state["net.conv.weight"], torch.from_numpy(first.copy()))
    nets, ship = importlib.import_module("expression_nets"), importlib.import_module("expression_ship")
    import onnx

    graph = onnx.load_from_string(ship.exported(nets.build("dlib-short", 7), 1.0)).graph
    assert [each.dim_value for each in graph.input[0].type.tensor_type.shape.dim][1:] == [3, 48, 48]


def test_dlibs_network_takes_no_attention_and_others_no_rates_by_layer(
    recipe: ModuleType, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(recipe, root, tmp_path, "--net", "se-dlib-short") == 2
    assert "without attention" in capsys.readouterr().err
    assert told(recipe, root, tmp_path, "--layer", "0.9") == 2
    assert "expected --layer with dlib-short" in capsys.readouterr().err


def test_a_classifier_of_batches_is_not_exported() -> None:
    nets, ship = importlib.import_module("expression_nets"), importlib.import_module("expression_ship")
    from vultus.nets.convcut import ConvCut

    small = ConvCut(cut=-17, depths=(1, 1, 1, 1), widths=(8, 8, 8, 8), head="batch")
    with pytest.raises(InputError, match="let"):
        ship.exported(nets.Reader(small, side=112, grey=False, scaled=True), 1.0)


def test_names_that_are_none_are_refused() -> None:
    nets, data = importlib.import_module("expression_nets"), importlib.import_module("expression_data")
    assert nets.parsed("tripse-resnet18") == ("tripse1", "resnet18")
    assert nets.parsed("tripse2-resnet-mini") == ("tripse2", "resnet-mini")
    for wrong in ("vgg", "cbam-resnet18", "se-convcut", "se-"):
        with pytest.raises(InputError, match="expected a network out of"):
            nets.parsed(wrong)
    with pytest.raises(InputError, match="a convnext or convcut only"):
        nets.initialise(nets.build("resnet-tiny", 7), {})
    with pytest.raises(InputError, match="expected a label out of angry"):
        data.code("bored", CLASSES, "somewhere")


def test_augmentation_keeps_shape_range_and_repeats_itself() -> None:
    training = importlib.import_module("expression_training")
    settings = training.Training(zoom=0.2, erase=1.0, light=0.3)
    x = torch.rand(16, 1, 48, 48) * 255
    one, two = (training.augmented(x, settings, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(one, two)
    assert one.shape == x.shape
    assert float(one.min()) >= 0
    assert float(one.max()) <= 255
    assert training.augmented(x, settings, torch.Generator().manual_seed(3), side=102).shape == (16, 1, 102, 102)
    still = training.Training(degrees=0, shift=0)
    same = training.augmented(x, still, torch.Generator().manual_seed(0))
    flipped = x.flip(3)
    as_was = (same - x).abs().amax((1, 2, 3)) < 0.05
    turned = (same - flipped).abs().amax((1, 2, 3)) < 0.05
    assert bool((as_was | turned).all())
    assert 2 <= int(as_was.sum()) <= 14


def test_rafdb_from_its_list_and_its_refusals(tmp_path: Path) -> None:
    data = importlib.import_module("expression_data")
    aligned = tmp_path / "Image" / "aligned"
    aligned.mkdir(parents=True)
    rng, lines = np.random.default_rng(0), []
    for split in ("train", "test"):
        for at in range(70):
            picture = PIL.Image.fromarray(rng.integers(0, 255, (20, 20, 3), np.uint8))
            picture.save(aligned / f"{split}_{at:05d}_aligned.jpg")
            lines.append(f"{split}_{at:05d}.jpg {at % 7 + 1}")
    listing = tmp_path / "list_patition_label.txt"
    listing.write_text("\n".join(lines))
    found = data.load("rafdb", tmp_path)
    assert (len(found.train), len(found.validation), len(found.test)) == (63, 7, 70)
    assert found.test.labels[:7].tolist() == [CLASSES.index(each) for each in data.RAFDB]
    assert found.train.read(np.arange(2), 32).shape == (2, 32, 32, 3)
    listing.write_text("\n".join([*lines, "test_00001.jpg 8"]))
    with pytest.raises(InputError, match="row 141, column label: expected a whole number from 1 to 7"):
        data.load("rafdb", tmp_path)
    listing.unlink()
    with pytest.raises(NotFoundError, match="a folder a class"):
        data.load("rafdb", tmp_path)


def test_ferplus_takes_clear_majorities(tmp_path: Path) -> None:
    data = importlib.import_module("expression_data")
    rng = np.random.default_rng(0)
    pixels, votes = ["emotion,pixels,Usage"], ["Usage,Image name," + ",".join(data._vote_columns())]
    for usage, times in (("Training", 20), ("PublicTest", 2)):
        for at in range(8 * times + 2):
            face = rng.integers(0, 255, (12, 12)).repeat(4, axis=0).repeat(4, axis=1).ravel()
            pixels.append(f"0,{' '.join(map(str, face))},{usage}")
            counts = [0] * 10
            counts[at % 8 if at < 8 * times else 8] = 9  # the last two: unknown
            votes.append(f"{usage},x.png," + ",".join(map(str, counts)))
    (tmp_path / "fer2013.csv").write_text("\n".join(pixels))
    (tmp_path / "fer2013new.csv").write_text("\n".join(votes))
    found = data.load("ferplus", tmp_path)
    assert found.classes == (*CLASSES, "contempt")
    assert (len(found.train) + len(found.validation), len(found.test)) == (160, 16)
    assert found.test.labels[:8].tolist() == [found.classes.index(each) for each in data.FERPLUS]
    (tmp_path / "fer2013new.csv").write_text("\n".join(votes[:-1]))
    with pytest.raises(InputError, match="expected 18 rows of PublicTest"):
        data.load("ferplus", tmp_path)


def test_affectnet_by_its_annotations(tmp_path: Path) -> None:
    data = importlib.import_module("expression_data")
    for split in ("train_set", "val_set"):
        for folder in ("images", "annotations"):
            (tmp_path / split / folder).mkdir(parents=True)
        for at in range(80):
            PIL.Image.new("RGB", (8, 8)).save(tmp_path / split / "images" / f"{at}.jpg")
            np.save(tmp_path / split / "annotations" / f"{at}_exp.npy", np.array(str(at % 8)))
    found = data.load("affectnet", tmp_path)
    assert (len(found.train), len(found.validation), len(found.test)) == (72, 8, 80)
    np.save(tmp_path / "val_set" / "annotations" / "3_exp.npy", np.array("8"))
    with pytest.raises(InputError, match="a code from 0 to 7, got '8'"):
        data.load("affectnet", tmp_path)


@pytest.mark.data
def test_ckplus_is_split_by_person(data: Path) -> None:
    held = importlib.import_module("expression_data").load("ckplus", data)
    assert len(held.train) + len(held.validation) + len(held.test) == 927
    assert len(held.classes) == 6
    everything = [part.read(np.arange(len(part)), 48)[..., 0] for part in (held.train, held.validation, held.test)]
    assert len(twins.across(everything[2], everything[0])) == 0


@pytest.mark.parametrize("head", ["token", "batch"])
def test_conv_cut_trains_with_a_frozen_trunk_and_shows_its_leak(
    recipe: ModuleType, root: Path, tmp_path: Path, head: Any
) -> None:
    nets, data = importlib.import_module("expression_nets"), importlib.import_module("expression_data")
    training = importlib.import_module("expression_training")
    from vultus.nets.convcut import ConvCut

    torch.manual_seed(0)
    net = nets.Reader(
        ConvCut(cut=-17, depths=(1, 1, 1, 1), widths=(8, 8, 8, 8), head=head), side=112, grey=False, scaled=True
    )
    net.net.trunk.requires_grad_(False)
    before = {name: each.clone() for name, each in net.net.trunk.state_dict().items()}
    held = data.load("fer2013", root)
    training.fit(net, held, training.Training(epochs=1, batch=32, rate=0.01), tmp_path, say=lambda _: None)
    assert all(torch.equal(each, before[name]) for name, each in net.net.trunk.state_dict().items())
    recipe.show_leak(net, held, tmp_path)
    found = json.loads((tmp_path / "leak.json").read_text())
    assert sorted(found) == ["shuffled", "single", "sorted"]
    assert head == "batch" or len(set(found.values())) == 1
