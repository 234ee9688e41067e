"""`vultus models` on weights that come with the package."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vultus import registry
from vultus.types import ModelCard

Vultus = Callable[..., Any]


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with one model in it, the only one of the registry."""
    card = ModelCard("tiny", "testing", "a summary", "MIT", "CC0-1.0", "here", packaged="models/tiny.onnx")
    monkeypatch.setattr(registry, "files", lambda _: tmp_path)
    registry.cards()
    monkeypatch.setattr(registry, "_registered", {"tiny": (card, lambda card, **options: card)})
    weights = tmp_path / "models" / "tiny.onnx"
    weights.parent.mkdir()
    weights.write_bytes(b"weights")
    stated = {"sha256": hashlib.sha256(b"weights").hexdigest()}
    weights.with_suffix(".json").write_text(json.dumps(stated))
    return weights


def test_a_model_without_weights_in_the_package_has_none() -> None:
    assert registry.packaged(replace(registry.card("yunet"))) is None


def test_size_and_hash_of_packaged_weights(inside: Path) -> None:
    found = registry.packaged(registry.card("tiny"))
    assert found == registry.Packaged("tiny.onnx", 7, hashlib.sha256(b"weights").hexdigest(), sound=True)


def test_they_are_listed_and_checked(vultus: Vultus, inside: Path) -> None:
    done = vultus("models", "list", "--json")
    (line,) = done.lines
    assert (line["size"], line["packaged"], line["present"], line["source"]) == (7, True, True, "vultus")
    assert line["sha256"] == [hashlib.sha256(b"weights").hexdigest()]
    assert line["weights_licence"] == "CC0-1.0"
    checked = vultus("models", "check")
    assert checked.status == 0
    assert "tiny: loads with openvino" in checked.out


@pytest.mark.parametrize("damage", ["other", "missing", "no card", "card of something else"])
def test_damage_is_told(vultus: Vultus, inside: Path, damage: str) -> None:
    if damage == "other":
        inside.write_bytes(b"weightz")
    elif damage == "missing":
        inside.unlink()
    elif damage == "no card":
        inside.with_suffix(".json").unlink()
    else:
        inside.with_suffix(".json").write_text("[]")
    assert vultus("models", "list", "--json").lines[0]["present"] is False
    done = vultus("models", "check")
    assert done.status == 1
    assert "tiny" in done.err
    assert "damaged" in done.err
    assert done.out == ""


def test_those_of_the_registry_are_sound() -> None:
    cards = [card for card in registry.cards() if card.packaged is not None]
    if not cards:
        pytest.skip("no model of the registry lies in the package")
    for card in cards:
        found = registry.packaged(card)
        assert found is not None
        assert found.sound, f"{card.name}: {found}"
        assert found.size < 6_000_000
