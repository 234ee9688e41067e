"""A small network that tells from a revealed pattern what was done to the picture that hid it.

Input (B, 6, H, W): what was revealed, in three channels, and how far it is from what must be there, in
three more. Four convolutions that halve the sides, widths 32, 64, 128 and 128; then mean, greatest value
and spread of each map over the whole picture, so that a manipulation of all of it, of one face or of one
corner each leave their trace whatever the picture's size; then one layer. Output: logits (B, classes).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from vultus.errors import InputError

__all__ = ["RevealedNet"]

CHANNELS = 6
LEAST = 32  # pixels a side


class RevealedNet(nn.Module):
    """Refused in `forward` (InputError): another number of channels, sides under 32 pixels."""

    def __init__(self, classes: int, widths: Sequence[int] = (32, 64, 128, 128), dropout: float = 0.2) -> None:
        super().__init__()
        sizes = (5, *(3 for _ in widths[1:]))
        self.steps = nn.Sequential(
            *(
                nn.Sequential(
                    nn.Conv2d(before, after, size, 2, padding=size // 2, bias=False),
                    nn.BatchNorm2d(after),
                    nn.ReLU(inplace=True),
                )
                for (before, after), size in zip(pairwise((CHANNELS, *widths)), sizes, strict=True)
            )
        )
        self.dropout = nn.Dropout(dropout)
        self.leave = nn.Linear(3 * widths[-1], classes)

    def forward(self, planes: Tensor) -> Tensor:
        if planes.ndim != 4 or planes.shape[1] != CHANNELS or min(planes.shape[2:]) < LEAST:
            raise InputError(
                f"expected (B, {CHANNELS}, H, W) of {LEAST} pixels a side or more, got {tuple(planes.shape)}"
            )
        found = self.steps(planes).float()
        mean = found.mean((2, 3))
        spread = ((found - mean[..., None, None]) ** 2).mean((2, 3)).add(1e-6).sqrt()
        logits: Tensor = self.leave(self.dropout(torch.cat([mean, found.amax((2, 3)), spread], 1)))
        return logits
