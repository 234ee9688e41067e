"""Image towers: what a tower must offer, and the small one that trains on two cores."""

from __future__ import annotations

from typing import Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

__all__ = ["SmallTower", "Tower"]


class Tower(Protocol):
    """A frozen vision transformer whose layers can be called one by one."""

    width: int
    layers: int
    features: int  # of the space that prompts live in

    def embed(self, pictures: Tensor) -> Tensor:
        """(N, 3, H, W), scaled as this tower wants, to tokens (N, T, D), the class token first."""
        ...

    def layer(self, place: int, tokens: Tensor) -> Tensor:
        """One layer, (N, T, D) to (N, T, D)."""
        ...

    def finish(self, tokens: Tensor) -> Tensor:
        """The last norm."""
        ...

    def project(self, tokens: Tensor) -> Tensor:
        """(..., D) after `finish` into the space of the prompts, (..., features)."""
        ...


class Layer(nn.Module):
    """Attention and a two-layer net, each behind a norm."""

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.wide, self.narrow = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, tokens: Tensor) -> Tensor:
        parts = self.qkv(self.norm1(tokens)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = scaled_dot_product_attention(parts[0], parts[1], parts[2]).transpose(1, 2).flatten(2)
        tokens = tokens + self.out(mixed)
        hidden = nn.functional.gelu(self.wide(self.norm2(tokens)), approximate="tanh")
        return cast(Tensor, tokens + self.narrow(hidden))


class SmallTower(nn.Module):
    """48 x 48 pixels in patches of 8: 37 tokens of 96 numbers, 4 layers of 4 heads."""

    def __init__(
        self, *, size: int = 48, patch: int = 8, width: int = 96, layers: int = 4, heads: int = 4, hidden: int = 192
    ) -> None:
        super().__init__()
        if size % patch:
            raise ValueError(f"expected a size that patches of {patch} fill, got {size}")
        self.width, self.layers, self.features, self.patch = width, layers, width, patch
        self.across = size // patch
        self.patches = nn.Linear(3 * patch * patch, width)
        self.start = nn.Parameter(torch.randn(1, 1, width) * 0.02)
        self.places = nn.Parameter(torch.randn(1, (size // patch) ** 2 + 1, width) * 0.02)
        self.blocks = nn.ModuleList([Layer(width, heads, hidden) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)

    def cut(self, pictures: Tensor) -> Tensor:
        """(N, 3, H, W) into patches (N, P, 3 * patch * patch)."""
        side = self.patch
        across = self.across
        grid = pictures.reshape(-1, 3, across, side, across, side)  # (N, 3, h, p, w, p)
        return grid.permute(0, 2, 4, 1, 3, 5).reshape(-1, across * across, 3 * side * side)

    def embed(self, pictures: Tensor) -> Tensor:
        tokens = self.patches(self.cut(pictures)) + self.places[:, 1:]
        first = (self.start + self.places[:, :1]).expand_as(tokens[:, :1])
        return torch.cat([first, tokens], dim=1)

    def layer(self, place: int, tokens: Tensor) -> Tensor:
        return cast(Tensor, self.blocks[place](tokens))

    def finish(self, tokens: Tensor) -> Tensor:
        return cast(Tensor, self.norm(tokens))

    def project(self, tokens: Tensor) -> Tensor:
        return tokens
