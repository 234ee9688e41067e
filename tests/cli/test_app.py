from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vultus.cli import app as cli

Vultus = Callable[..., Any]
COMMANDS = [
    "detect",
    "verify",
    "enroll",
    "identify",
    "cluster",
    "calibrate",
    "thresholds",
    "demo",
    "models",
    "gallery",
    "evaluate",
]


def test_no_command_shows_the_help(vultus: Vultus) -> None:
    done = vultus("--help")
    assert done.status == 0
    assert all(command in done.out for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_and_refuses_unknown_options(vultus: Vultus, command: str) -> None:
    assert vultus(command, "--help").status == 0
    assert vultus(command, "--no-such-option").status == 2


def test_the_version(vultus: Vultus) -> None:
    import vultus as package

    assert vultus("--version").out.strip() == f"vultus {package.__version__}"


def test_bad_usage_is_one_line_and_status_2(vultus: Vultus) -> None:
    done = vultus("verify", "only-one.jpg")
    assert done.status == 2
    assert done.err.count("\n") == 1
    assert vultus("no-such-command").status == 2


def test_our_own_fault_is_status_3(vultus: Vultus, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a bug\nwith lines")

    monkeypatch.setattr(cli, "app", broken)
    done = vultus("detect")
    assert done.status == 3
    assert done.err.count("\n") == 1
    assert "internal error" in done.err


def test_a_model_that_is_unknown_is_bad_input(vultus: Vultus, portrait_file: Path) -> None:
    done = vultus("detect", portrait_file, "--detector", "magic")
    assert done.status == 2
    assert "yunet" in done.err
    assert vultus("verify", portrait_file, portrait_file, "--profile", "magic").status == 2
    assert vultus("verify", portrait_file, portrait_file, "--engine", "magic").status == 2
    assert vultus("verify", portrait_file, portrait_file, "--precision", "int3").status == 2


def test_models_are_listed_with_both_licences(vultus: Vultus) -> None:
    done = vultus("models", "list", "--json")
    assert done.status == 0
    sface = next(line for line in done.lines if line["name"] == "sface")
    assert {"task", "size", "code_licence", "weights_licence", "source", "present"} <= sface.keys()
    only = vultus("models", "list", "--task", "detect", "--json")
    assert {line["task"] for line in only.lines} == {"detect"}


def test_a_reader_that_goes_away_is_no_error() -> None:
    code = "import sys; from vultus.cli import main; sys.argv = ['vultus', 'models', 'list', '--json']; main()"
    command = f'{sys.executable} -c "{code}" | true'
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr


def test_importing_vultus_loads_nothing_heavy() -> None:
    heavy = ("numpy", "cv2", "openvino", "onnx", "av", "typer")
    code = f"import sys, vultus; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_public_names_are_these() -> None:
    import vultus as package

    assert package.__all__ == [
        "Analyzer",
        "Box",
        "Client",
        "EmbeddingContract",
        "Expression",
        "Face",
        "Gallery",
        "Liveness",
        "Mark",
        "OperatingPoint",
        "OperatingTable",
        "Quality",
        "Reading",
        "Verification",
        "VultusError",
        "analyze",
        "annotate",
        "cards",
        "check_liveness",
        "cluster",
        "expression_reader",
        "read_expressions",
        "read_image",
        "table_for",
        "tracks",
        "verify",
    ]
    assert all(getattr(package, name) is not None for name in package.__all__)
    with pytest.raises(AttributeError, match="no attribute 'magic'"):
        _ = package.magic
