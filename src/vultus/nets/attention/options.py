"""Which attention, with which details, at which places of a network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from torch import nn

from vultus.errors import InputError
from vultus.nets.attention.excitation import SqueezeExcitation
from vultus.nets.attention.triplet import Fusion, TripletAttention
from vultus.nets.attention.tripse import SEAxis, TripSE

__all__ = ["KINDS", "NONE", "Attention", "Kind", "Place"]

Kind = Literal["none", "se", "ta", "tripse1", "tripse2", "tripse3", "tripse4"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Place = Literal["block", "stage"]


@dataclass(frozen=True, slots=True)
class Attention:
    """What a network puts at its insertion points.

    place: "block", inside every block before the residual is added (in ConvNeXt after the
    second pointwise layer, before the layer scale; in DenseNet on a layer's new channels);
    "stage", on the output of every stage. side: of the input picture, which se_axis
    "permuted" needs. Refused (InputError): a kind or a place that there is not.

    >>> Attention("ta").at(64) is None, Attention().at(64) is None
    (False, True)
    """

    kind: Kind = "none"
    place: Place = "block"
    reduction: int = 16
    bias: bool = False
    se_axis: SEAxis = "channel"
    fusion: Fusion = "average"
    shared_se: bool = False
    kernel: int = 7
    side: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f"expected attention out of {', '.join(KINDS)}, got {self.kind!r}")
        if self.place not in get_args(Place):
            raise InputError(f"expected place block or stage, got {self.place!r}")

    def at(self, channels: int, stride: int = 1) -> nn.Module | None:
        """A new block for maps of so many channels, `stride` times smaller than the picture; None for "none"."""
        if self.kind == "none":
            return None
        if self.kind == "se":
            return SqueezeExcitation(channels, reduction=self.reduction, bias=self.bias)
        if self.kind == "ta":
            return TripletAttention(fusion=self.fusion, kernel=self.kernel)
        size = None
        if self.se_axis == "permuted" and self.side is not None:
            if self.side % stride:
                raise InputError(f"expected a picture side that {stride} divides, got {self.side}")
            size = (self.side // stride, self.side // stride)
        return TripSE(
            int(self.kind[-1]),
            channels,
            reduction=self.reduction,
            bias=self.bias,
            se_axis=self.se_axis,
            fusion=self.fusion,
            shared_se=self.shared_se,
            kernel=self.kernel,
            size_hw=size,
        )

    def in_block(self, channels: int, stride: int = 1) -> nn.Module | None:
        return self.at(channels, stride) if self.place == "block" else None

    def after_stage(self, channels: int, stride: int = 1) -> nn.Module | None:
        return self.at(channels, stride) if self.place == "stage" else None


NONE = Attention()
