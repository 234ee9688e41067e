"""The benchmarks that are run one after the other."""

from __future__ import annotations

import ast
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


def loaded(name: str) -> ModuleType:
    """A benchmark as a module."""
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", BENCHMARKS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:  # as when it is called: what lies beside it can be imported
        patch.syspath_prepend(str(BENCHMARKS))
        spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def every() -> ModuleType:
    return loaded("all")


@pytest.fixture(scope="module")
def robustness() -> ModuleType:
    return loaded("expression_robustness")


def test_every_script_of_the_plan_is_there(every: ModuleType, tmp_path: Path) -> None:
    scripts = [Path(part) for command in every.plan(tmp_path).values() for part in command if part.endswith(".py")]
    assert len(scripts) == 12
    assert [script for script in scripts if not script.is_file()] == []


def test_attack_detection_is_among_them(every: ModuleType, tmp_path: Path) -> None:
    assert every.plan(tmp_path)["liveness"][1:] == [str(BENCHMARKS / "liveness.py"), "--data", str(tmp_path)]


def test_expressions_are_among_them(every: ModuleType, tmp_path: Path) -> None:
    plan = every.plan(tmp_path)
    assert plan["expression"][1:] == [str(BENCHMARKS / "expression.py"), "--data", str(tmp_path)]
    assert plan["expression_robustness"][1:4] == [
        str(BENCHMARKS / "expression_robustness.py"), "--data", str(tmp_path / "fer2013"),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["liveness", "expression", "expression_robustness"])
def test_it_is_passed_over_loudly_without_data(name: str, tmp_path: Path) -> None:
    command = [sys.executable, str(BENCHMARKS / "all.py"), "--data", str(tmp_path / "nowhere"), "--only", name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"PASSED OVER {name}: ")


def test_what_changes_a_face_can_leave_it_as_it_was(robustness: ModuleType) -> None:
    tile = np.random.default_rng(0).integers(0, 256, (48, 48), dtype=np.uint8)
    kept = [
        name for name, (change, _, nothing, _, _) in robustness.CHANGES.items() if (change(tile, nothing) == tile).all()
    ]
    assert kept == list(robustness.CHANGES)
    for change, strengths, _, _, _ in robustness.CHANGES.values():
        for strength in strengths:
            found = change(tile, strength)
            assert (found.shape, found.dtype) == ((48, 48), np.uint8)
            assert (found != tile).any()


def test_changes_by_hand(robustness: ModuleType) -> None:
    tile = np.array([[0, 64, 128, 255]] * 4, np.uint8)
    assert robustness.curved(tile, 2.0)[0].tolist() == [0, 16, 64, 255]
    # 64 of 255 is 0.0478 of the light; eight times that is 0.382, 0.646 of the levels.
    assert robustness.exposed(tile, 3)[0].tolist() == [0, 165, 255, 255]
    assert robustness.turned(tile, 90)[:, 0].tolist() == [255, 128, 64, 0]
    flat = np.full((48, 48), 77, np.uint8)
    assert (robustness.blurred(flat, 2) == 77).all()
    assert (robustness.shrunk(flat, 12) == 77).all()


def test_curves_of_robustness_are_written(robustness: ModuleType, tmp_path: Path) -> None:
    class Brightness:
        """Says class 1 of bright tiles, 0 of dark ones."""

        def probabilities(self, crops: NDArray[np.uint8]) -> NDArray[np.float64]:
            bright = crops[..., 0].mean((1, 2)) / 255
            return np.stack([1 - bright, bright], axis=1)

    rng = np.random.default_rng(0)
    tiles = np.concatenate([rng.integers(0, 100, (5, 48, 48)), rng.integers(150, 256, (5, 48, 48))]).astype(np.uint8)
    found = robustness.curves(Brightness(), tiles, np.repeat([0, 1], 5))
    assert found["as_the_set_has_them"]["k"] == 10
    darker = found["changes"]["exposure, not levelled"]["rows"]
    assert [row["strength"] for row in darker] == [-6, -4, -2, 0, 1, 2]
    assert (darker[0]["k"], darker[3]["k"]) == (5, 10)
    result = {"model": "brightness", "n": 10, "of": 10, **found}
    page = robustness.written(result, "curves.svg")
    assert "| exposure, stops, not levelled | -6 | 50.0 % [23.7 %, 76.3 %] |" in page
    assert page.endswith("(curves.svg)")
    for name in ("a.svg", "b.svg", "c.png"):
        robustness.save(robustness.drawn(result), tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert (tmp_path / "c.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.weights
def test_expressions_without_data_say_so_and_go_on(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- expression: benchmarks/expression.py -->\nold\n<!-- /expression -->\nafter\n")
    command = [sys.executable, str(BENCHMARKS / "expression.py"), "--data", str(tmp_path), "--write", str(page)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert {"portraits", "ck+48", "video"} <= set(json.loads(done.stdout)["missing"])
    said = [line for line in done.stderr.splitlines() if line.startswith("PASSED OVER")]
    assert len(said) == len(json.loads(done.stdout)["missing"])
    text = page.read_text()
    assert "old" not in text
    assert text.startswith("before\n<!-- expression: benchmarks/expression.py -->\n\n| what |")
    assert text.endswith("<!-- /expression -->\nafter\n")


def test_no_benchmark_imports_a_recipe() -> None:
    recipes = {path.stem for path in (BENCHMARKS.parent / "recipes").glob("*.py")}
    scripts = sorted(BENCHMARKS.glob("*.py"))
    assert recipes
    assert scripts
    assert [script.name for script in scripts if recipes & set(imported(script))] == []


def imported(script: Path) -> list[str]:
    """The first part of each module that a script imports."""
    nodes = list(ast.walk(ast.parse(script.read_text("utf-8"))))
    whole = [name.name for node in nodes if isinstance(node, ast.Import) for name in node.names]
    parts = [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level]
    return [name.split(".")[0] for name in (*whole, *parts)]
