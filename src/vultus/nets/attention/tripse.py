"""TripSE 1 to 4: squeeze-and-excitation at four places of triplet attention.

Alhazmi and Altahhan, arXiv 2505.05943. With g_b the gate of branch b, l_b its logit, s the
gate of squeeze-and-excitation and z its logit:

    1  SE(fuse_b(x g_b(x)))
    2  fuse_b(x' g_b(x')), x' = x s_b(x)
    3  fuse_b(x s_b(x) g_b(x))
    4  SE(fuse_b(x sigmoid(l_b(x) + z_b(x))))

The paper leaves open which axis is squeezed, how branches are fused, whether they share
weights, and where the block stands; here these are options, and no default is the paper's word.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from vultus.errors import InputError
from vultus.nets.attention.excitation import SqueezeExcitation
from vultus.nets.attention.triplet import Branch, Fusion, TripletAttention, fuse

__all__ = ["SEAxis", "TripSE"]

SEAxis = Literal["channel", "permuted"]


class TripSE(nn.Module):
    """One of the four blocks over x (B, C, H, W), which keeps its shape.

    se_axis: "channel" squeezes to the real channels in every branch; "permuted" to the axis
    that its branch pools (height, width, channels), which ties the weights to `size_hw`.
    shared_se: one set of weights for all branches, and for the last SE of variant 4. Refused
    (InputError): no such variant, the permuted axis without a size or with shared weights, a
    picture of another size than the weights are for.
    """

    def __init__(
        self,
        variant: int,
        channels: int,
        *,
        reduction: int = 16,
        bias: bool = False,
        se_axis: SEAxis = "channel",
        fusion: Fusion = "average",
        shared_se: bool = False,
        kernel: int = 7,
        size_hw: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        if variant not in (1, 2, 3, 4):
            raise InputError(f"expected TripSE 1 to 4, got {variant}")
        if se_axis not in ("channel", "permuted"):
            raise InputError(f"expected se_axis channel or permuted, got {se_axis!r}")
        permuted = se_axis == "permuted" and variant != 1
        if permuted and (size_hw is None or shared_se):
            raise InputError(
                "expected a size and own weights with se_axis permuted: each branch squeezes an axis of another length"
            )
        self.variant, self.fusion = variant, fusion
        self.size_hw = size_hw if permuted else None
        self.triplet = TripletAttention(fusion=fusion, kernel=kernel)
        final = SqueezeExcitation(channels, reduction=reduction, bias=bias)
        excitations: list[SqueezeExcitation] = []
        if permuted and size_hw is not None:
            excitations = [
                SqueezeExcitation(size_hw[0], reduction=reduction, bias=bias, axis="height"),
                SqueezeExcitation(size_hw[1], reduction=reduction, bias=bias, axis="width"),
                SqueezeExcitation(channels, reduction=reduction, bias=bias),
            ]
        elif shared_se:
            excitations = [final] * 3
        else:
            excitations = [SqueezeExcitation(channels, reduction=reduction, bias=bias) for _ in range(3)]
        self.excitations = nn.ModuleList(excitations) if variant != 1 else None
        self.final = final if variant in (1, 4) else None

    def forward(self, x: Tensor) -> Tensor:
        if self.size_hw is not None and tuple(x.shape[2:]) != self.size_hw:
            raise InputError(f"expected maps of {self.size_hw}, got {tuple(x.shape[2:])}: se_axis permuted fixes them")
        if self.variant == 1:
            out: Tensor = self.triplet(x)
        elif self.variant == 2:
            out = self._squeezed_first(x)
        elif self.variant == 3:
            pairs = zip(self.triplet.gates(x), self._excitations(), strict=True)
            out = fuse(x, [gate * each.gate(x) for gate, each in pairs], self.fusion)
        else:
            pairs = zip(self.triplet.logits(x), self._excitations(), strict=True)
            out = fuse(x, [torch.sigmoid(logit + each.logit(x)) for logit, each in pairs], self.fusion)
        if self.final is not None:
            out = self.final(out)
        return out

    def _squeezed_first(self, x: Tensor) -> Tensor:
        gates = []
        for branch, each in zip(self.triplet.branches, self._excitations(), strict=True):
            if isinstance(branch, Branch):
                gate = each.gate(x)
                gates.append(gate * branch.gate(x * gate))
        return fuse(x, gates, self.fusion)

    def _excitations(self) -> list[SqueezeExcitation]:
        return [each for each in self.excitations or () if isinstance(each, SqueezeExcitation)]
