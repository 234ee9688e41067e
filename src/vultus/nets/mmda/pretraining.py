"""A start for the small tower where no CLIP is at hand: patches that are hidden must be guessed."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from vultus.nets.mmda.tower import SmallTower

__all__ = ["pretrain"]


class _Guesser(nn.Module):
    """One layer that sees the tower's tokens of the patches that were shown, and guesses the others."""

    def __init__(self, tower: SmallTower) -> None:
        super().__init__()
        self.tower = tower
        self.hidden = nn.Parameter(torch.zeros(1, 1, tower.width))
        self.mix = nn.TransformerEncoderLayer(tower.width, 4, tower.width, 0.0, batch_first=True, norm_first=True)
        self.pixels = nn.Linear(tower.width, 3 * tower.patch**2)

    def forward(self, pictures: Tensor, order: Tensor, shown: int) -> Tensor:
        """order: (N, P), a shuffle of the patches; the first `shown` are seen. Mean squared error of the rest."""
        tokens = self.tower.embed(pictures)
        first, patches = tokens[:, :1], tokens[:, 1:]
        seen = patches.gather(1, order[:, :shown, None].expand(-1, -1, self.tower.width))
        seen = torch.cat([first, seen], dim=1)
        for place in range(self.tower.layers):
            seen = self.tower.layer(place, seen)
        seen = self.tower.finish(seen)
        places = self.tower.places[:, 1:].expand(len(pictures), -1, -1)
        places = places.gather(1, order[..., None].expand(-1, -1, self.tower.width))
        hidden = self.hidden.expand(len(pictures), order.shape[1] - shown, -1)
        whole = torch.cat([seen[:, :1], torch.cat([seen[:, 1:], hidden], dim=1) + places], dim=1)
        guessed = self.pixels(self.mix(whole)[:, 1 + shown :])
        wanted = self.tower.cut(pictures).gather(1, order[:, shown:, None].expand(-1, -1, guessed.shape[2]))
        return torch.nn.functional.mse_loss(guessed, wanted)


def pretrain(
    tower: SmallTower,
    pictures: Tensor,
    *,
    epochs: int = 5,
    batch: int = 96,
    rate: float = 2e-3,
    hide: float = 0.75,
    seed: int = 0,
    told: Callable[[int, float], None] | None = None,
) -> float:
    """Train the tower in place on source pictures (N, 3, H, W) without labels; the last epoch's loss.

    Three patches of four are hidden, and the tower sees the others only. told: is called with
    each epoch and its mean loss. The tower is left frozen.
    """
    generator = torch.Generator().manual_seed(seed)
    guesser = _Guesser(tower)
    optimiser = torch.optim.AdamW(guesser.parameters(), lr=rate, weight_decay=0.05)
    steps = max(-(-len(pictures) // batch), 1) * epochs
    # A cycle of fewer steps would divide by its empty first phase; the rest of a longer one is not run.
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=max(steps, 21), pct_start=0.1)
    count = tower.places.shape[1] - 1
    shown = max(round(count * (1 - hide)), 1)
    mean = float("nan")
    for epoch in range(epochs):
        losses = []
        for rows in torch.split(torch.randperm(len(pictures), generator=generator), batch):
            order = torch.rand(len(rows), count, generator=generator).argsort(dim=1)
            loss = guesser(pictures[rows], order, shown)
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            schedule.step()
            losses.append(float(loss.detach()))
        mean = sum(losses) / len(losses)
        if told:
            told(epoch, mean)
    tower.requires_grad_(False)
    return mean
