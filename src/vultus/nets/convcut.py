"""Conv-cut: ConvNeXt-Base cut inside its third stage, a detail extraction block, attention over one image's tokens.

Nan, Liu, Qian, Song, arXiv 2504.09077; cut and sizes as the released Keras code has them. There
attention sees one vector an image and so mixes the images of a batch: that head is here as
"batch", to reproduce and to show the leak (see `vultus.nets.leak`), and is no classifier of an image.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from vultus.errors import InputError, WeightsError
from vultus.nets.convnext import EPS, Block, ChannelNorm
from vultus.nets.leak import batch_attention

__all__ = ["CUTS", "LAYERS", "ConvCut", "CutBlock", "CutTrunk", "Head", "HeadKind", "TokenAttention", "layer_at"]

LAYERS = ("depthwise", "norm", "pointwise1", "gelu", "pointwise2", "scale", "identity", "add")  # Keras, a block
CUTS = (-126, -65, -57, -49, -33, -28)  # those that the authors tried; -57 is theirs
DEPTHS, WIDTHS = (3, 3, 27, 3), (128, 256, 512, 1024)
HeadKind = Literal["token", "plain", "batch"]
MEAN, DEVIATION = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)  # ImageNet, 0 to 255
HIDDEN = 32


def layer_at(index: int, depths: Sequence[int] = DEPTHS) -> tuple[int, str]:
    """Block of the third stage, from 0, and the layer in it, that Keras's `layers[index]` of a topless ConvNeXt is.

    After the third stage come a downsampling, eight layers a block of the fourth, and one LN.
    Refused (InputError): an index outside the third stage.

    >>> layer_at(-57)
    (23, 'norm')
    """
    behind = -index - 1 - (2 + 8 * depths[3])  # layers of the third stage after this one
    if index >= 0 or not 0 <= behind < 8 * depths[2]:
        last = -(3 + 8 * depths[3])
        raise InputError(f"expected a cut from {last - 8 * depths[2] + 1} to {last}, the third stage, got {index}")
    return depths[2] - 1 - behind // 8, LAYERS[7 - behind % 8]


class CutBlock(nn.Module):
    """A ConvNeXt block up to one of its layers; it keeps no weights of those after it."""

    def __init__(self, channels: int, last: str) -> None:
        super().__init__()
        self.last = LAYERS.index(last)
        self.depthwise = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=EPS) if self.last >= 1 else None
        self.pointwise1 = nn.Linear(channels, 4 * channels) if self.last >= 2 else None
        self.pointwise2 = nn.Linear(4 * channels, channels) if self.last >= 4 else None
        self.scale = nn.Parameter(torch.full((channels,), 1e-6)) if self.last >= 5 else None
        self.channels = 4 * channels if self.last in (2, 3) else channels

    def forward(self, x: Tensor) -> Tensor:
        out = self.depthwise(x).permute(0, 2, 3, 1)  # (B, H, W, C)
        if self.norm is not None:
            out = self.norm(out)
        if self.pointwise1 is not None:
            out = self.pointwise1(out)
        if self.last >= 3:
            out = nn.functional.gelu(out)
        if self.pointwise2 is not None:
            out = self.pointwise2(out)
        if self.scale is not None:
            out = out * self.scale
        found: Tensor = out.permute(0, 3, 1, 2)
        return x + found if self.last == 7 else found


class CutTrunk(nn.Module):
    """RGB (B, 3, H, W), 0..255, to maps of stride 16 (B, channels, H/16, W/16); names as in `convnext`."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, cut: int = -57, *, depths: Sequence[int] = DEPTHS, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        block, last = layer_at(cut, depths)
        self.downs, self.stages = nn.ModuleList(), nn.ModuleList()
        for at, width in enumerate(widths[:3]):
            if at == 0:
                self.downs.append(nn.Sequential(nn.Conv2d(3, width, 4, 4), ChannelNorm(width)))
            else:
                self.downs.append(nn.Sequential(ChannelNorm(widths[at - 1]), nn.Conv2d(widths[at - 1], width, 2, 2)))
            blocks: list[nn.Module] = [Block(width) for _ in range(depths[at] if at < 2 else block)]
            self.stages.append(nn.Sequential(*blocks))
        end = CutBlock(widths[2], last)
        self.stages[2].append(end)  # type: ignore[operator]
        self.channels = end.channels
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(DEVIATION).view(1, 3, 1, 1), persistent=False)

    def forward(self, pictures: Tensor) -> Tensor:
        out = (pictures - self.mean) / self.deviation
        for down, stage in zip(self.downs, self.stages, strict=True):
            out = stage(down(out))
        return out

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Fill from a whole ConvNeXt's weights (`convnext.fetch`), of which those after the cut are left.

        Refused (WeightsError): weights of another depth or width.
        """
        wanted = self.state_dict()
        if lacking := [name for name, each in wanted.items() if name not in state or state[name].shape != each.shape]:
            raise WeightsError(
                f"expected weights of a ConvNeXt of these widths, {lacking[0]} and {len(lacking) - 1} more do not fit"
            )
        self.load_state_dict({name: state[name] for name in wanted})


class TokenAttention(nn.Module):
    """softmax(QK'/sqrt d)V over the tokens of each image: (B, n, d) to (B, n, d)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.width = width

    def forward(self, tokens: Tensor) -> Tensor:
        weights = self.query(tokens) @ self.key(tokens).transpose(1, 2) / math.sqrt(self.width)
        found: Tensor = weights.softmax(dim=-1) @ self.value(tokens)
        return found


class Head(nn.Module):
    """Maps (B, channels, h, w) to logits (B, classes).

    kind: "token", attention over the positions of one image; "plain", none; "batch", the
    released one, over the images of the batch. details: the block of two separable
    convolutions, which makes 2x2x256 of 14x14. tokens: 4, or 16 without its second
    convolution. Refused (InputError): a kind or a number of tokens that there is not.
    """

    def __init__(
        self,
        channels: int,
        *,
        classes: int = 7,
        kind: HeadKind = "token",
        details: bool = True,
        tokens: int = 4,
        drop: float = 0.1,
    ) -> None:
        super().__init__()
        if kind not in get_args(HeadKind):
            raise InputError(f"expected a head out of token, plain, batch, got {kind!r}")
        if tokens not in (4, 16):
            raise InputError(f"expected 4 or 16 tokens, got {tokens}")
        self.kind = kind
        self.details = nn.Sequential()
        if details:
            self.details.append(_Separable(channels, 256, 4, same=True))
            if tokens == 4:
                self.details.append(_Separable(256, 256, 2, same=False))
            channels = 256
        self.norm = ChannelNorm(channels)
        self.maps_drop, self.drop = nn.Dropout2d(drop), nn.Dropout(drop)
        self.dense = nn.Linear(channels, HIDDEN)
        self.attention = TokenAttention(HIDDEN) if kind == "token" else None
        self.batch_norm = nn.BatchNorm1d(HIDDEN, eps=1e-3, momentum=0.01) if kind != "token" else None
        self.scale = nn.Parameter(torch.ones(())) if kind == "batch" else None
        self.out = nn.Linear(HIDDEN, classes)

    def forward(self, maps: Tensor) -> Tensor:
        out = self.maps_drop(self.norm(self.details(maps)))
        if self.attention is not None:
            tokens = self.dense(out.flatten(2).transpose(1, 2))  # (B, n, 32)
            out = self.attention(tokens).mean(1)
        elif self.batch_norm is not None:
            out = self.batch_norm(torch.relu(self.dense(self.drop(out.mean((2, 3))))))
            if self.scale is not None:
                out = batch_attention(out, self.scale)
        logits: Tensor = self.out(self.drop(out))
        return logits


class ConvCut(nn.Module):
    """RGB (B, 3, 224, 224), 0..255, to logits (B, classes); `trunk` and `head` may be run apart, on kept maps.

    per_image: False for the released head, whose answer for a picture hangs on the others of
    its batch; nothing that answers for pictures may use it.
    """

    def __init__(
        self,
        *,
        classes: int = 7,
        cut: int = -57,
        depths: Sequence[int] = DEPTHS,
        widths: Sequence[int] = WIDTHS,
        head: HeadKind = "token",
        details: bool = True,
        tokens: int = 4,
    ) -> None:
        super().__init__()
        self.trunk = CutTrunk(cut, depths=depths, widths=widths)
        self.head = Head(self.trunk.channels, classes=classes, kind=head, details=details, tokens=tokens)

    @property
    def per_image(self) -> bool:
        return self.head.kind != "batch"

    def forward(self, pictures: Tensor) -> Tensor:
        logits: Tensor = self.head(self.trunk(pictures))
        return logits


class _Separable(nn.Module):
    """A filter a channel with stride = kernel, then 1x1 and ReLU; "same" pads as TensorFlow does."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, same: bool) -> None:
        super().__init__()
        self.kernel, self.same = kernel, same
        self.depthwise = nn.Conv2d(inputs, inputs, kernel, kernel, groups=inputs, bias=False)
        self.pointwise = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        if self.same:
            pads: list[int] = []
            for length in (x.shape[3], x.shape[2]):
                lacking = -length % self.kernel
                pads += [lacking // 2, lacking - lacking // 2]
            x = nn.functional.pad(x, pads)
        return torch.relu(self.pointwise(self.depthwise(x)))
