"""Commands that know nobody do without the recogniser: they run where its weights are not to be had."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from vultus import registry, weights
from vultus.analyzer import Analyzer
from vultus.cli import options
from vultus.cli.app import run
from vultus.errors import WeightsError
from vultus.images import write
from vultus.types import Image

pytestmark = pytest.mark.weights

Vultus = Callable[..., Any]


@pytest.fixture
def nobody(analyzer: Analyzer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The models at hand without the default recogniser, and no index to fetch it from."""
    source = registry.card("sface").source
    assert source is not None
    for found in weights.cache_folder().iterdir():
        if found.name != source.sha256[:16]:
            (tmp_path / "models").mkdir(exist_ok=True)
            (tmp_path / "models" / found.name).symlink_to(found)
    monkeypatch.setenv("VULTUS_CACHE", str(tmp_path / "models"))
    monkeypatch.delenv("VULTUS_MODELS", raising=False)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    options._loaded.cache_clear()
    yield
    options._loaded.cache_clear()


@pytest.fixture(scope="module")
def portrait(astronaut: Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One face with room around it, 87 pixels between the eyes."""
    large = cv2.resize(cv2.copyMakeBorder(astronaut, 80, 0, 0, 0, cv2.BORDER_REPLICATE), None, fx=2, fy=2)
    return write(tmp_path_factory.mktemp("portrait") / "collins.png", np.asarray(large, np.uint8))


@pytest.mark.usefixtures("nobody")
def test_what_compares_needs_the_recogniser(vultus: Vultus, portrait: Path) -> None:
    done = vultus("verify", portrait, portrait)
    assert done.status != 0
    assert "sface" in done.err
    with pytest.raises(WeightsError):
        Analyzer(late=True).contract  # noqa: B018


@pytest.mark.usefixtures("nobody")
@pytest.mark.parametrize(
    ("command", "statuses"),
    [
        (("detect",), {0}),
        (("expression",), {0}),
        (("liveness",), {0, 1}),
        (("document", "quality"), {1}),
        (("document", "quality", "--profile", "capture"), {1}),
    ],
)
def test_what_knows_nobody_does_without(
    vultus: Vultus, portrait: Path, command: tuple[str, ...], statuses: set[int]
) -> None:
    done = vultus(*command, portrait, "--json")
    assert done.status in statuses, done.err
    assert len(done.lines) == 1
    assert "fetching the model sface" not in done.err


@pytest.mark.usefixtures("nobody")
def test_so_does_issuing(vultus: Vultus, portrait: Path, tmp_path: Path) -> None:
    pytest.importorskip("cryptography")
    pytest.importorskip("c2pa")
    assert run(["document", "key", "new", str(tmp_path / "office")]) == 0
    done = vultus("document", "issue", portrait, "--key", tmp_path / "office.pem", "-o", tmp_path / "out.png", "--json")
    assert done.status == 0, done.err


def test_a_late_recogniser_answers_as_an_early_one(analyzer: Analyzer, astronaut: Image) -> None:
    late = Analyzer(late=True)
    faces = late.detect(astronaut)
    (bare,) = late.read(astronaut, faces, embed=False)
    assert "embed" not in late._late
    assert late.with_liveness("rgb") is late
    (reading,), (wanted,) = late.read(astronaut, faces), analyzer.analyze(astronaut)
    np.testing.assert_array_equal(reading.embedding, wanted.embedding)
    np.testing.assert_array_equal(bare.aligned, wanted.aligned)
    assert late.contract == analyzer.contract
    # One that cuts faces out its own way is there at once.
    assert "embed" in Analyzer(embedder="accurate", late=True)._late
