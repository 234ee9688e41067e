"""U-DSA's adapters: narrow bottlenecks in every layer, one set a modality, and how their passes run."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from vultus.nets.mmda.tower import Tower

__all__ = ["Adapter", "adapt"]


class Adapter(nn.Module):
    """D -> width -> D with GELU, times a scale; starts as zero. One of 768-8-768 has 13,064 numbers."""

    def __init__(self, width: int, bottleneck: int, sets: int, scale: float) -> None:
        super().__init__()
        self.scale = scale
        self.down = nn.Parameter(torch.randn(sets, width, bottleneck) * width**-0.5)
        self.down_bias = nn.Parameter(torch.zeros(sets, 1, bottleneck))
        self.up = nn.Parameter(torch.zeros(sets, bottleneck, width))
        self.up_bias = nn.Parameter(torch.zeros(sets, 1, width))

    def forward(self, tokens: Tensor, which: Tensor) -> Tensor:
        """tokens: (M, B, T, D) of the modalities `which` (M,)."""
        which = which if len(self.down) > 1 else torch.zeros_like(which)
        flat = tokens.flatten(1, 2)  # (M, B*T, D)
        hidden = gelu(torch.baddbmm(self.down_bias[which], flat, self.down[which]))
        out = torch.baddbmm(self.up_bias[which], hidden, self.up[which]) * self.scale
        return out.view_as(tokens)


def adapt(
    tower: Tower, adapters: nn.ModuleList, tokens: Tensor, which: Tensor, *, twice: bool, detached: bool = False
) -> Tensor:
    """Tokens (M, B, T, D) through the layers, each followed by its adapter.

    twice: the U. A first pass keeps every adapter's output; in the second, that of layer
    L-1-l is added to the input of layer l of the first half. detached: the first pass is read
    only, no gradient runs through it.
    """
    if not twice:
        return _through(tower, adapters, tokens, which, [])[0]
    with torch.set_grad_enabled(torch.is_grad_enabled() and not detached):
        kept = _through(tower, adapters, tokens, which, [])[1]
    return _through(tower, adapters, tokens, which, kept)[0]


def _through(
    tower: Tower, adapters: nn.ModuleList, tokens: Tensor, which: Tensor, skips: list[Tensor]
) -> tuple[Tensor, list[Tensor]]:
    kept = []
    last = len(adapters) - 1
    for place, adapter in enumerate(adapters):
        if skips and place < len(adapters) // 2:
            tokens = tokens + skips[last - place]
        tokens = tower.layer(place, tokens.flatten(0, 1)).view_as(tokens)
        kept.append(adapter(tokens, which))
        tokens = tokens + kept[-1]
    return tokens, kept
