"""Lay the trained networks of a deep mark where the package keeps them, with a card.

    python recipes/document_mark_ship.py --run runs/mark/blind
    python recipes/document_mark_ship.py --run runs/mark/seeing

Takes the step that recipes/document_mark.py kept (best.pt). The hiding network becomes a file with one
input, the photograph and the pattern one after the other; the revealing one gives logits. What is
written is checked against the networks, and refused where it answers otherwise.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vultus import weights
from vultus.errors import InputError, NotFoundError, VultusError
from vultus.files import write_atomically
from vultus.nets import hiding
from vultus.runtime import EngineOptions, Feed, session

PLACE = Path(__file__).parents[1] / "src" / "vultus" / "integrity" / "marks" / "weights"
LIMIT = 6_000_000  # bytes of a file
INPUT = "pictures"


class Hider(nn.Module):
    """Photograph and pattern, (2, 3, H, W), 0..255, to the residual (1, 3, H, W) in levels."""

    def __init__(self, hide: nn.Module) -> None:
        super().__init__()
        self.hide = hide

    def forward(self, pictures: Tensor) -> Tensor:
        found: Tensor = self.hide(pictures[:1] / 255, pictures[1:] / 255)
        return found * 255


class Shower(nn.Module):
    """Photographs (B, 3, H, W), 0..255, to logits of the pattern."""

    def __init__(self, show: nn.Module) -> None:
        super().__init__()
        self.show = show

    def forward(self, pictures: Tensor) -> Tensor:
        found: Tensor = self.show(pictures / 255)
        return found


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    torch.set_num_threads(1)
    try:
        print(json.dumps(ship(options.run, options.place), indent=1))
    except VultusError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--run", type=Path, required=True, help="folder of a run, with best.pt")
    made.add_argument("--place", type=Path, default=PLACE)
    return made


def ship(run: Path, place: Path) -> dict[str, Any]:
    """Write NAME-hide.onnx, NAME-show.onnx and NAME.json; the card. Refused (NotFoundError): no trained run."""
    file = run / "best.pt"
    if not file.is_file():
        raise NotFoundError(f"{file}: expected a run of recipes/document_mark.py")
    held = torch.load(file, weights_only=True)
    method = held["what"]["method"]
    nets = hiding.pair(method)
    both = nn.ModuleList(nets)
    both.load_state_dict(held["state"])
    both.eval()
    history = run / "history.json"
    decided: list[dict[str, float]] = json.loads(history.read_text("utf-8")) if history.is_file() else []
    made = {"hide": written(Hider(nets[0]), 2, 1, place / f"{method}-hide.onnx"),
            "show": written(Shower(nets[1]), 1, 1, place / f"{method}-show.onnx")}  # fmt: skip
    card = {
        "name": method,
        "task": "hides a keyed pattern of bits in a document photo, and shows it again",
        "files": made,
        "parameters": {
            name: sum(each.numel() for each in net.parameters()) for name, net in zip(made, nets, strict=True)
        },
        "recipe": "recipes/document_mark.py, then recipes/document_mark_ship.py",
        "training": held["what"],
        "step": held["step"],
        "date": time.strftime("%Y-%m-%d"),
        "data": "crops of UTKFace and of Labeled Faces in the Wild; one in twenty pictures or people decides",
        "decided_at_full_strength": next((each for each in decided if each["step"] == held["step"]), None),
        "licence": "Apache-2.0 for the file; made from research data, of which no picture can be read out of it",
        "figures": "docs/concepts/document-integrity.md, from python benchmarks/document_manipulations.py",
    }  # fmt: skip
    write_atomically(place / f"{method}.json", (json.dumps(card, indent=1) + "\n").encode())
    return card


@torch.no_grad()
def written(whole: nn.Module, pictures: int, answers: int, file: Path) -> dict[str, Any]:
    """An ONNX file that answers as the network. Refused (InputError): one that does not, one over 6 MB."""
    whole.eval()
    given = torch.rand(pictures, 3, 64, 96) * 255
    made = io.BytesIO()
    axes = {INPUT: {0: "batch", 2: "height", 3: "width"}, "made": {2: "height", 3: "width"}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the newer exporter wants onnxscript
        torch.onnx.export(
            whole, (given,), made, input_names=[INPUT], output_names=["made"],  # type: ignore[arg-type]
            dynamic_axes=axes, opset_version=17, dynamo=False,
        )  # fmt: skip
    if len(made.getvalue()) > LIMIT:
        raise InputError(f"expected a file of at most {LIMIT:,} bytes, got {len(made.getvalue()):,}")
    write_atomically(file, made.getvalue())
    rng = np.random.default_rng(0)
    asked = rng.integers(0, 256, (pictures, 120, 168, 3)).astype(np.uint8)
    found = session(file, Feed(INPUT), EngineOptions(precision="fp32")).run(asked)[0]
    expected = whole(torch.from_numpy(asked.transpose(0, 3, 1, 2)).float()).numpy()
    apart = float(np.abs(found - expected).max())
    if found.shape != (answers, 3, 120, 168) or apart > 1e-2:
        raise InputError(f"{file}: expected the network's answers, they differ by {apart:.2g}")
    return {"file": file.name, "sha256": weights.sha256_of(file), "bytes": file.stat().st_size, "apart": apart}


if __name__ == "__main__":
    sys.exit(main())
