"""An expression reader of the user's own: what recipes/expression.py exports, an ONNX file with its card beside it.

The card is a JSON file of the same name, `mine.json` beside `mine.onnx`. It needs the classes in
the network's own order, {"classes": ["happy", "sad", …]}; what the recipe writes has more.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vultus.errors import InputError, NotFoundError
from vultus.models.expression.network import LEAK, Network, facts_of
from vultus.runtime import EngineOptions
from vultus.types import ModelCard

__all__ = ["is_path", "own_reader"]

SUFFIXES = (".onnx", ".pt", ".pth", ".ckpt", ".safetensors")
APART = 1e-4  # how far probabilities may change by the company of a face


def is_path(name: str) -> bool:
    """Whether the name of a reader is a file rather than a registered model.

    >>> is_path("runs/mine.onnx"), is_path("fer2013")
    (True, False)
    """
    return name.lower().endswith(SUFFIXES)


def own_reader(path: Path, *, engine: EngineOptions | None = None) -> Network:
    """Open an own network.

    Refused: no file or no card beside it (NotFoundError), a checkpoint that was not exported,
    a card or a network of another architecture, one whose answers depend on the batch, which
    is tried (InputError); a file that is no ONNX network (WeightsError).
    """
    beside = path.with_suffix(".json")
    for needed in (path, beside):
        if not needed.is_file():
            raise NotFoundError(
                f"expected {needed.name} at {needed.parent}; an own reader is NAME.onnx with its card NAME.json"
            )
    if path.suffix.lower() != ".onnx":
        raise InputError(
            f"expected an ONNX network, got {path.name}; export a checkpoint by recipes/expression.py --test"
        )
    facts = facts_of(beside)
    card = ModelCard(
        name=path.stem,
        task="expression",
        summary=f"own expression reader {path.name}",
        code_licence="stated by its owner",
        weights_licence=str(facts.get("licence", "not stated")),
        origin=str(facts.get("recipe", "brought by the user")),
    )
    made = Network(path, facts, card, engine)
    _try_company(made)
    return made


def _try_company(made: Network) -> None:
    """Refuse (InputError) a network that answers otherwise for a face beside others."""
    crops = np.random.default_rng(0).integers(0, 256, (4, made.side, made.side, 3), dtype=np.uint8)
    together = made.probabilities(crops)
    alone = np.concatenate([made.probabilities(one[None]) for one in crops])
    if (worst := float(np.abs(together - alone).max())) > APART:
        raise InputError(
            f"{made.card.name}: its answers change by {worst:.2g} with the batch that a face is in; "
            f"expected a classifier of single faces ({LEAK})"
        )
