"""No door into another package but its public names: what a leading underscore hides stays hidden."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import vultus

ROOT = Path(vultus.__file__).parent
PACKAGES = ("server", "cli", "client", "bulk")


def modules() -> list[Path]:
    """Every module of the packages that only use the library."""
    found = [path for name in PACKAGES for path in (*sorted((ROOT / name).rglob("*.py")), ROOT / f"{name}.py")]
    return [path for path in found if path.is_file()]


def private(name: str) -> bool:
    return name.startswith("_") and not (name.startswith("__") and name.endswith("__"))


def own(tree: ast.AST) -> set[str]:
    """Private names that the module itself makes: of its classes, and those that these set on themselves."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and _is_self(node.value):
            names.add(node.attr)
    return names


def _is_self(node: ast.expr) -> bool:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id == "super"
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


def reaches(source: str) -> Iterator[tuple[int, str]]:
    """Lines that reach behind a wall: a private attribute of something else, or a private name imported."""
    tree = ast.parse(source)
    mine = own(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and private(node.attr) and not _is_self(node.value):
            if node.attr not in mine:
                yield node.lineno, f".{node.attr}"
        elif isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").split(".")[0] == "vultus"):
            parts = [*(node.module or "").split("."), *(name.name for name in node.names)]
            yield from ((node.lineno, part) for part in parts if private(part))
        elif isinstance(node, ast.Import):
            names = [part for name in node.names if name.name.startswith("vultus.") for part in name.name.split(".")]
            yield from ((node.lineno, part) for part in names if private(part))
        elif isinstance(node, ast.Call) and (name := _spelt_out(node)) and private(name) and name not in mine:
            yield node.lineno, name


def _spelt_out(call: ast.Call) -> str:
    """The attribute that a `getattr` and its like ask something else for, empty where it is none."""
    if not isinstance(call.func, ast.Name) or call.func.id not in ("getattr", "setattr", "hasattr", "delattr"):
        return ""
    match call.args:
        case [thing, ast.Constant(value=str(name)), *_] if not _is_self(thing):
            return name
    return ""


def test_nothing() -> None:
    assert list(reaches("")) == []


@pytest.mark.parametrize(
    "source",
    [
        "def f(gallery): return gallery._store",
        "def f(gallery): return gallery.view()._records",
        "class A:\n  def f(self): self.gallery._live.refresh()",
        "def f(gallery): gallery._kept = 1",
        "from vultus.server.auth import _TRIES",
        "from ..auth import _TRIES",
        "from vultus.gallery._secret import x",
        "import vultus.gallery._secret",
        "def f(gallery): return getattr(gallery, '_store')",
    ],
)
def test_what_reaches_behind_a_wall_is_found(source: str) -> None:
    assert len(list(reaches(source))) == 1


@pytest.mark.parametrize(
    "source",
    [
        "class A:\n  def __init__(self): self._a = 1\n  def same(self, other): return self._a == other._a",
        "class A:\n  _a: int\ndef f(a: A): return a._a",
        "class B(A):\n  def f(self): return super()._f()",
        "def f(x): return x.__class__.__name__",
        "from vultus.gallery import Gallery\nimport _thread",
        "from __future__ import annotations",
    ],
)
def test_what_is_ones_own_is_not(source: str) -> None:
    assert list(reaches(source)) == []


def test_no_module_reaches_behind_a_wall() -> None:
    looked = modules()
    assert len(looked) > 100
    found = [
        f"{path.relative_to(ROOT)}:{line} {name}" for path in looked for line, name in reaches(path.read_text("utf-8"))
    ]
    assert found == []
