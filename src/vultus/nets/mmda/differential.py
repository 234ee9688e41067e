"""MD2A: attention from which the attention to a mate's tokens is subtracted."""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

__all__ = ["DifferentialAttention", "differential", "lambda_init"]


def lambda_init(depth: int) -> float:
    """Where lambda starts, by the depth of the layer from 0 (Differential Transformer).

    >>> [round(lambda_init(depth), 6) for depth in (0, 1, 2, 5, 11)]
    [0.2, 0.355509, 0.470713, 0.666122, 0.77787]
    """
    return 0.8 - 0.6 * math.exp(-0.3 * depth)


def differential(
    query: Tensor, key: Tensor, noise_query: Tensor, noise_keys: Tensor, value: Tensor, weight: Tensor | float
) -> Tensor:
    """(softmax(QK'/sqrt n) - weight * softmax(Q'K''/sqrt n)) V.

    query, key, noise_query: (B, h, T, n). value: (B, h, T, m). noise_keys: (S, B or 1, h, T, n),
    S sets whose maps are averaged. weight: a number or (B, 1, 1, 1). Key t of a noise set
    weighs value t of the sample: the sets hold tokens of the same places.
    """
    signal = scaled_dot_product_attention(query, key, value)
    noise = torch.stack(
        [scaled_dot_product_attention(noise_query, keys.expand_as(noise_query), value) for keys in noise_keys]
    ).mean(dim=0)
    return signal - weight * noise


class DifferentialAttention(nn.Module):
    """One block over the tokens of all modalities, [B, T, D] to [B, T, D].

    Q, K and V are the sample's own; K' is its mate's. At test the mate is a set of stored keys
    (S, h, T, n), centroids of the source domains; where there is none the branch is off.
    """

    def __init__(self, width: int, heads: int, *, depth: int = 0, fixed: float | None = None) -> None:
        super().__init__()
        if width % (2 * heads):
            raise ValueError(f"expected a width that {heads} heads of two halves divide, got {width}")
        self.heads = heads
        self.width_of_half = width // heads // 2
        self.start, self.fixed = lambda_init(depth), fixed
        self.queries = nn.Linear(width, width, bias=False)
        self.keys = nn.Linear(width, width, bias=False)
        self.values = nn.Linear(width, width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.gain = nn.Parameter(torch.ones(2 * self.width_of_half))  # of the RMS norm a head
        self.lambdas = nn.Parameter(torch.randn(4, self.width_of_half) * 0.1)  # q1, k1, q2, k2

    def weight(self) -> Tensor:
        """Lambda, a scalar."""
        if self.fixed is not None:
            return self.lambdas.new_tensor(self.fixed)
        first, second = (self.lambdas[0] * self.lambdas[1]).sum(), (self.lambdas[2] * self.lambdas[3]).sum()
        return torch.exp(first) - torch.exp(second) + self.start

    def noise_keys(self, tokens: Tensor) -> Tensor:
        """K' of each sample, (B, h, T, n): what a mate lends, and what the stored sets are made of."""
        return self._halves(self.keys(tokens))[1]

    def forward(self, tokens: Tensor, mates: tuple[Tensor, Tensor] | None = None, sets: Tensor | None = None) -> Tensor:
        """mates: places in the batch (B,) and whether there is one (B,); sets: (S, h, T, n) instead of mates."""
        query, noise_query = self._halves(self.queries(tokens))
        key, noise_key = self._halves(self.keys(tokens))
        value = self._heads(self.values(tokens), 2 * self.width_of_half)
        weight: Tensor | float = self.weight()
        if mates is not None:
            places, found = mates
            lent = noise_key[places][None]
            weight = weight * found.to(tokens.dtype)[:, None, None, None]
        elif sets is not None:
            lent = sets[:, None].to(noise_key.dtype)
        else:
            lent, weight = noise_key[None], 0.0
        mixed = differential(query, key, noise_query, lent, value, weight)
        mixed = mixed * torch.rsqrt(mixed.pow(2).mean(dim=-1, keepdim=True) + 1e-5) * self.gain * (1 - self.start)
        return cast(Tensor, self.out(mixed.transpose(1, 2).flatten(2)))

    def _heads(self, values: Tensor, width: int) -> Tensor:
        return torch.unflatten(values, -1, (self.heads, width)).transpose(1, 2)  # (B, h, T, width)

    def _halves(self, values: Tensor) -> tuple[Tensor, Tensor]:
        first, second = self._heads(values, 2 * self.width_of_half).chunk(2, dim=-1)
        return first, second
