"""The benchmarks that are run one after the other."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def every() -> ModuleType:
    """benchmarks/all.py as a module."""
    spec = importlib.util.spec_from_file_location("every_benchmark", BENCHMARKS / "all.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_script_of_the_plan_is_there(every: ModuleType, tmp_path: Path) -> None:
    scripts = [Path(part) for command in every.plan(tmp_path).values() for part in command if part.endswith(".py")]
    assert len(scripts) == 9
    assert [script for script in scripts if not script.is_file()] == []


def test_attack_detection_is_among_them(every: ModuleType, tmp_path: Path) -> None:
    assert every.plan(tmp_path)["liveness"][1:] == [str(BENCHMARKS / "liveness.py"), "--data", str(tmp_path)]


def test_it_is_passed_over_loudly_without_data(tmp_path: Path) -> None:
    command = [sys.executable, str(BENCHMARKS / "all.py"), "--data", str(tmp_path / "nowhere"), "--only", "liveness"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("PASSED OVER liveness: ")


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
