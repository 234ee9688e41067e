"""Training to the last epoch, and scores; nothing here sees a target sample before it is scored."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vultus.errors import InputError
from vultus.files import write_atomically
from vultus.nets.mmda.network import MMDA

__all__ = ["Arrays", "Samples", "Training", "fit", "load", "predict", "save", "scaled"]


class Samples(Protocol):
    """Labelled samples whose pixels are read when a batch asks for them."""

    live: NDArray[np.bool_]  # (n,)
    domains: NDArray[np.int64]  # (n,)

    def planes(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """(k, 3, S, S, 3): RGB, depth, infrared."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Arrays:
    """Samples that lie in memory."""

    pixels: NDArray[np.uint8]  # (n, 3, S, S, 3)
    live: NDArray[np.bool_]
    domains: NDArray[np.int64]

    def planes(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        return self.pixels[rows]


@dataclass(frozen=True, slots=True)
class Training:
    """How long and how fast; the defaults are those of DADM, the nearest public recipe."""

    epochs: int = 80
    batch: int = 16
    rate: float = 5e-5
    decay: float = 5e-5
    optimiser: Literal["adam", "adamw"] = "adam"
    drop: float = 0.0  # chance that a training sample loses depth, and the same for infrared
    bf16: bool = False
    seed: int = 0


def scaled(planes: NDArray[np.uint8]) -> Tensor:
    """(k, M, S, S, 3) levels to (k, M, 3, S, S) as (x - 127.5) / 128."""
    return (torch.from_numpy(np.ascontiguousarray(planes.transpose(0, 1, 4, 2, 3))).float() - 127.5) / 128


def fit(
    network: MMDA,
    samples: Samples,
    training: Training,
    *,
    checkpoint: Path | None = None,
    told: Callable[[int, float], None] | None = None,
) -> list[float]:
    """Train in place to the last epoch, then store the key sets; the mean loss of each epoch.

    checkpoint: written after every epoch; an existing one is continued from. Refused
    (InputError): no samples, samples of one class only, a checkpoint of another network.
    """
    count = len(samples.live)
    if not count or samples.live.all() or not samples.live.any():
        raise InputError(
            f"expected live samples and attacks to train on, got {int(samples.live.sum())} of {count} live"
        )
    if len(np.unique(samples.domains)) < 2:
        warnings.warn("one source domain only: mates share it with everybody", UserWarning, stacklevel=2)
    labels, domains = torch.from_numpy(samples.live.astype(np.int64)), torch.from_numpy(samples.domains)
    moved = [each for name, each in network.named_parameters() if not name.startswith("tower.")]
    kinds: dict[str, type[torch.optim.Optimizer]] = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    optimiser = kinds[training.optimiser](moved, lr=training.rate, weight_decay=training.decay)  # type: ignore[call-arg]
    losses: list[float] = []
    torch.manual_seed(training.seed)
    if checkpoint and checkpoint.is_file():
        losses = _continue(checkpoint, network, optimiser)
    network.train()
    for epoch in range(len(losses), training.epochs):
        # An epoch's order hangs on its number alone, so that a run that was stopped goes on as it would have.
        generator = torch.Generator().manual_seed(training.seed * 100_003 + epoch)
        torch.manual_seed(training.seed * 100_003 + epoch)
        total = 0.0
        for rows in torch.split(torch.randperm(count, generator=generator), training.batch):
            planes = scaled(samples.planes(rows.numpy()))
            present = _dropped(len(rows), training.drop, generator)
            with torch.autocast("cpu", torch.bfloat16, enabled=training.bf16):
                loss = network.loss(planes, labels[rows], domains[rows], present)
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            total += float(loss.detach()) * len(rows)
        losses.append(total / count)
        if checkpoint:
            save(checkpoint, network, {"optimiser": optimiser.state_dict(), "losses": losses})
        if told:
            told(epoch, losses[-1])
    network.eval()
    chosen = torch.randperm(count, generator=torch.Generator().manual_seed(training.seed))[:1024].numpy()
    network.fit_keys(_batches(samples, chosen, 64), seed=training.seed)
    return losses


@torch.no_grad()
def predict(
    network: MMDA, samples: Samples, *, modalities: tuple[bool, bool, bool] = (True, True, True), batch: int = 64
) -> NDArray[np.float64]:
    """P(live) of each sample, (n,), from the modalities that are let in."""
    network.eval()
    found = []
    for planes in _batches(samples, np.arange(len(samples.live)), batch):
        present = torch.tensor(modalities).expand(len(planes), -1)
        found.append(network(planes, present).softmax(dim=1)[:, 1].double().numpy())
    return np.concatenate(found) if found else np.zeros(0)


def save(file: Path, network: MMDA, also: dict[str, Any] | None = None) -> None:
    """Write what was trained, not the tower, whole or not at all."""
    state = {name: each for name, each in network.state_dict().items() if not name.startswith("tower.")}
    opened = io.BytesIO()
    torch.save({"options": network.options.as_dict(), "state": state, **(also or {})}, opened)
    write_atomically(file, opened.getbuffer())


def load(file: Path, network: MMDA) -> dict[str, Any]:
    """Read into a network of the same options; nothing in the file is executed.

    Refused (InputError): a checkpoint of other options.
    """
    held: dict[str, Any] = torch.load(file, weights_only=True)
    if held["options"] != network.options.as_dict():
        raise InputError(f"{file}: expected a checkpoint of these options, it was made with {held['options']}")
    state = held["state"]
    absent = [name for name in network.load_state_dict(state, strict=False).missing_keys if "tower." not in name]
    if absent:
        raise InputError(f"{file}: expected all that is trained, {', '.join(absent)} missing")
    return held


def _continue(file: Path, network: MMDA, optimiser: torch.optim.Optimizer) -> list[float]:
    held = load(file, network)
    optimiser.load_state_dict(held["optimiser"])
    return [float(each) for each in held["losses"]]


def _dropped(count: int, chance: float, generator: torch.Generator) -> Tensor | None:
    if not chance:
        return None
    kept = torch.rand(count, 3, generator=generator) >= chance
    kept[:, 0] = True  # RGB is what every camera has
    return kept


def _batches(samples: Samples, rows: NDArray[np.int64], size: int) -> Iterator[Tensor]:
    for start in range(0, len(rows), size):
        yield scaled(samples.planes(rows[start : start + size]))
