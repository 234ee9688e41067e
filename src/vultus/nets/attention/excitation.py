"""Squeeze-and-excitation: how much each channel counts, from the mean of each over the picture.

J. Hu, L. Shen, G. Sun, Squeeze-and-Excitation Networks, CVPR 2018.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from vultus.errors import InputError

__all__ = ["AXES", "Axis", "SqueezeExcitation"]

Axis = Literal["channel", "height", "width"]
AXES: dict[Axis, int] = {"channel": 1, "height": 2, "width": 3}


class SqueezeExcitation(nn.Module):
    """x (B, C, H, W) times a gate an entry of one axis: mean, C/r, ReLU, C, sigmoid.

    length: of that axis. Without biases there are 2 length hidden weights, hidden = length // r
    and one at the least. Refused (InputError): a length or a reduction below one.
    """

    def __init__(self, length: int, *, reduction: int = 16, bias: bool = False, axis: Axis = "channel") -> None:
        super().__init__()
        if length < 1 or reduction < 1:
            raise InputError(f"expected a length and a reduction of one or more, got {length} and {reduction}")
        hidden = max(length // reduction, 1)
        self.dim = AXES[axis]
        self.reduce = nn.Linear(length, hidden, bias=bias)
        self.expand = nn.Linear(hidden, length, bias=bias)

    def logit(self, x: Tensor) -> Tensor:
        """What the gate is the sigmoid of; 1 long in the axes that were squeezed."""
        squeezed = x.mean([dim for dim in (1, 2, 3) if dim != self.dim])  # (B, length)
        shape = [x.shape[0], 1, 1, 1]
        shape[self.dim] = x.shape[self.dim]
        found: Tensor = self.expand(torch.relu(self.reduce(squeezed)))
        return found.view(shape)

    def gate(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.logit(x))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(x)
