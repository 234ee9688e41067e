"""Triplet attention: a gate over each pair of axes, from the largest and the mean along the third.

D. Misra et al., Rotate to Attend: Convolutional Triplet Attention Module, WACV 2021. The
published module turns the tensor so that the pooled axis comes first; pooling along that axis
where it stands gives the same numbers without moving the tensor.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from vultus.errors import InputError

__all__ = ["FUSIONS", "Branch", "Fusion", "TripletAttention", "fuse"]

Fusion = Literal["average", "sum"]
FUSIONS: tuple[Fusion, ...] = ("average", "sum")
POOLED = (2, 3, 1)  # the axis that each branch pools: height, width, channels


class Branch(nn.Module):
    """One gate over the two axes that are not `pooled` (2 height, 3 width, 1 channels).

    The map that the convolution sees lies as in the published module: (C, W), (H, C), (H, W).
    """

    def __init__(self, pooled: int, kernel: int = 7) -> None:
        super().__init__()
        if pooled not in POOLED or kernel < 1 or kernel % 2 == 0:
            raise InputError(f"expected an axis out of 1, 2, 3 and an odd kernel, got {pooled} and {kernel}")
        self.pooled = pooled
        self.conv = nn.Conv2d(2, 1, kernel, padding=kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(1, eps=1e-5, momentum=0.01)

    def logit(self, x: Tensor) -> Tensor:
        """(B, C, H, W), 1 long in the pooled axis."""
        pooled = torch.stack([x.max(self.pooled).values, x.mean(self.pooled)], 1)  # the largest comes first
        if self.pooled == 3:
            pooled = pooled.transpose(2, 3)  # (B, 2, H, C)
        found: Tensor = self.norm(self.conv(pooled))
        if self.pooled == 3:
            found = found.transpose(2, 3)
        return found[:, 0].unsqueeze(self.pooled)

    def gate(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.logit(x))


def fuse(x: Tensor, gates: list[Tensor], fusion: Fusion) -> Tensor:
    """Multiply x by each gate and add up; divided by their number where the average is asked for.

    The gates are added first: the sum over b of x g_b is x times the sum of g_b.
    """
    total = gates[0] + gates[1] + gates[2]
    return x * (total / 3 if fusion == "average" else total)


class TripletAttention(nn.Module):
    """x (B, C, H, W) under three gates; 300 parameters whatever its size.

    Refused (InputError): a fusion that there is not.
    """

    def __init__(self, *, fusion: Fusion = "average", kernel: int = 7) -> None:
        super().__init__()
        if fusion not in FUSIONS:
            raise InputError(f"expected fusion average or sum, got {fusion!r}")
        self.fusion = fusion
        self.branches = nn.ModuleList(Branch(axis, kernel) for axis in POOLED)

    def gates(self, x: Tensor) -> list[Tensor]:
        return [branch.gate(x) for branch in self.branches if isinstance(branch, Branch)]

    def logits(self, x: Tensor) -> list[Tensor]:
        return [branch.logit(x) for branch in self.branches if isinstance(branch, Branch)]

    def forward(self, x: Tensor) -> Tensor:
        return fuse(x, self.gates(x), self.fusion)
