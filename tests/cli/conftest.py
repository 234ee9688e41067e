"""One way to run a command line in process, and what it printed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vultus.cli.app import run
from vultus.images import write
from vultus.types import Image


@dataclass(frozen=True)
class Ran:
    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The JSON objects of standard output."""
        return [json.loads(line) for line in self.out.splitlines()]


Vultus = Callable[..., Ran]


@pytest.fixture
def vultus(capsys: pytest.CaptureFixture[str]) -> Vultus:
    def call(*arguments: str | Path) -> Ran:
        capsys.readouterr()
        status = run([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return Ran(status, printed.out, printed.err)

    return call


def open_office(folder: Path, astronaut: Image, *options: str) -> Path:
    """The folder, with an issuer's key, a portrait, and the photo X-1 that was issued of it."""
    roomy = np.pad(astronaut[:420], ((40, 0), (0, 0), (0, 0)), mode="edge")
    write(folder / "portrait.png", np.ascontiguousarray(roomy.repeat(2, axis=0).repeat(2, axis=1)))
    assert run(["document", "key", "new", str(folder / "office"), "--json"]) == 0
    arguments = ["--key", str(folder / "office.pem"), "-o", str(folder / "photo.png"), "--format", "token"]
    issue = ["document", "issue", str(folder / "portrait.png"), *arguments, "--doc-id", "X-1"]
    assert run([*issue, *options, "--json"]) == 0
    return folder


@pytest.fixture(scope="session")
def gallery(tmp_path_factory: pytest.TempPathFactory, photographs: dict[str, Path], portrait_file: Path) -> Path:
    """A gallery of three people that the tests only read."""
    folder = tmp_path_factory.mktemp("known") / "gallery"
    people = {"Barack Obama": photographs["Barack Obama"], "Joe Biden": photographs["Joe Biden"], "Ada": portrait_file}
    for name, path in people.items():
        assert run(["enroll", str(path), "--name", name, "--gallery", str(folder), "--json"]) == 0
    return folder
