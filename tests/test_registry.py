from __future__ import annotations

import subprocess
import sys

import pytest

from vultus import registry
from vultus.errors import NotFoundError, VultusError
from vultus.types import ModelCard


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(NotFoundError, match="yunet"):
        registry.card("yolo", "detect")
    with pytest.raises(NotFoundError, match="expected a detect model"):
        registry.card("sface", "detect")


def test_a_name_is_taken_once() -> None:
    card = registry.card("yunet")
    with pytest.raises(VultusError, match="registered twice"):
        registry.register(card)(object)


@pytest.mark.parametrize("card", registry.cards(), ids=lambda card: card.name)
def test_every_card_says_what_it_is(card: ModelCard) -> None:
    assert card.summary
    assert card.code_licence
    assert card.weights_licence
    assert card.origin
    if card.source is not None:
        assert len(card.source.sha256) == len(card.source.archive_sha256) == 64
        assert card.source.size > 0


def test_listing_models_loads_nothing_heavy() -> None:
    code = (
        "import sys; from vultus import registry; registry.cards();"
        "print([name for name in ('torch', 'openvino', 'onnx', 'onnxruntime', 'av') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
