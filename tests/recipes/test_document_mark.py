"""The recipe of the deep mark: fresh secrets, a run that was stopped, files that answer as the networks."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch", reason="NO PYTORCH: recipes are not tested; pip install 'vultus[train]'")

from vultus.errors import InputError  # noqa: E402
from vultus.runtime import EngineOptions, Feed, session  # noqa: E402


@pytest.fixture
def recipe(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "recipes"))
    made = importlib.import_module("document_mark")
    rng = np.random.default_rng(0)

    def drawn(count: int) -> list[NDArray[np.uint8]]:
        coarse = rng.integers(0, 256, (count, 20, 20, 3)).repeat(8, axis=1).repeat(8, axis=2)
        return list(coarse.astype(np.uint8))

    parts = (drawn(6), drawn(4))
    monkeypatch.setattr(made, "covers", lambda *_: parts)
    return made


def training(recipe: ModuleType, **options: Any) -> Any:
    return recipe.Training(**{"steps": 4, "batch": 2, "bf16": False, **options})


def test_no_data_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "recipes"))
    made = importlib.import_module("document_mark")
    assert made.main(["--data", str(tmp_path), "--out", str(tmp_path / "out"), "--steps", "1"]) == 2
    assert "lfw" in capsys.readouterr().err


def test_each_step_has_its_own_secret(recipe: ModuleType) -> None:
    first, again, other = (recipe.bits_of(np.random.default_rng([0, step]), 4, 128) for step in (3, 3, 4))
    assert torch.equal(first, again)
    assert 0.4 < float((first != other).double().mean()) < 0.6


@pytest.mark.parametrize("method", ["blind", "seeing"])
def test_a_run_that_was_stopped_ends_the_same(recipe: ModuleType, tmp_path: Path, method: str) -> None:
    how = training(recipe, method=method)
    whole = recipe.fit(how, tmp_path, tmp_path / "whole", every=2)
    (tmp_path / "parts").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        held = recipe.looked_at
        calls: list[int] = []

        def once(*arguments: Any) -> dict[str, float]:
            if calls:
                raise KeyboardInterrupt
            calls.append(1)
            seen: dict[str, float] = held(*arguments)
            return seen

        patch.setattr(recipe, "looked_at", once)
        with pytest.raises(KeyboardInterrupt):
            recipe.fit(how, tmp_path, tmp_path / "parts", every=2)
    parts = recipe.fit(how, tmp_path, tmp_path / "parts", every=2)
    for one, other in zip(whole, parts, strict=True):
        for name, value in one.state_dict().items():
            assert torch.equal(value, other.state_dict()[name]), name
    with pytest.raises(InputError, match="checkpoint of this run"):
        recipe.fit(training(recipe, method=method, seed=1), tmp_path, tmp_path / "parts")


@pytest.mark.parametrize("method", ["blind", "seeing"])
def test_the_files_answer_as_the_networks(recipe: ModuleType, tmp_path: Path, method: str) -> None:
    nets = recipe.fit(training(recipe, method=method, steps=1), tmp_path, tmp_path / method)
    found = recipe.export(nets, tmp_path)
    assert found["difference_onnx"] < 1e-3
    cover = np.random.default_rng(1).integers(0, 256, (1, 3, 48, 72)).astype(np.float32)
    secret = np.random.default_rng(2).integers(0, 2, (1, 3, 48, 72)).astype(np.float32)
    onnxruntime = pytest.importorskip("onnxruntime")
    opened = onnxruntime.InferenceSession(str(tmp_path / "hide.onnx"), providers=["CPUExecutionProvider"])
    (residual,) = opened.run(None, {"cover": cover, "secret": secret} if method == "seeing" else {"secret": secret})
    with torch.no_grad():
        expected = recipe.Hider(nets[0]).eval()(torch.from_numpy(cover), torch.from_numpy(secret)).numpy()
    assert np.abs(residual - expected).max() < 1e-3
    assert np.abs(residual).max() <= 8.001
    shown = session(tmp_path / "show.onnx", Feed("pictures"), EngineOptions(precision="fp32"))
    assert shown.run(np.zeros((1, 48, 72, 3), np.uint8))[0].shape == (1, 3, 48, 72)
