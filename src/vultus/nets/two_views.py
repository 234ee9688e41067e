"""A liveness network that looks twice: at the face in its surroundings, and at its skin.

Edges of paper, bezels and hands are seen in the wide view, ink dots and moire in the close
one; one trunk reads both. The auxiliary head, in training only, predicts the spectrum of the
close view, after X. Wang et al.'s depth and Minivision's Fourier supervision.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vultus.errors import InputError
from vultus.nets.mobilenet import MobileNetV2

__all__ = ["TwoViews", "spectrum"]

MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)  # ImageNet, 0 to 255


class TwoViews(nn.Module):
    """(B, 3, S, 2S) RGB 0..255, wide view left and close view right -> logit of bona fide (B,).

    last: the trunk's last layer (see MobileNetV2). pooling: "mean", or "mean-std" which adds
    the spread of each channel over the view, as texture wants it. auxiliary: keep a head
    that predicts `spectrum` from the stride-8 features. Refused (InputError): a picture
    that is not twice as wide as high.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, *, last: int = 13, pooling: str = "mean-std", auxiliary: bool = False, dropout: float = 0.3
    ) -> None:
        super().__init__()
        if pooling not in ("mean", "mean-std"):
            raise InputError(f"expected pooling mean or mean-std, got {pooling!r}")
        self.trunk = MobileNetV2(last)
        self.spread = pooling == "mean-std"
        self.auxiliary = nn.Conv2d(32, 1, 1) if auxiliary else None
        width = self.trunk.channels * (2 if self.spread else 1) * 2
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Dropout(dropout), nn.Linear(width, 1))
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1))

    def forward(self, pictures: Tensor) -> Tensor:
        return self.both(pictures)[0]

    def both(self, pictures: Tensor) -> tuple[Tensor, Tensor | None]:
        """Logits, and the predicted spectrum of the close view (B, S/8, S/8) where there is a head for it."""
        side = pictures.shape[2]
        if pictures.shape[3] != 2 * side:
            raise InputError(f"expected two square views side by side, got {tuple(pictures.shape)}")
        views = torch.cat([pictures[..., :side], pictures[..., side:]])
        features = (views - self.mean) / self.std
        shallow = self.trunk.features[:7](features)
        deep = self.trunk.features[7:](shallow)
        pooled = [deep.mean((2, 3))]
        if self.spread:
            centred = deep - pooled[0][:, :, None, None]
            pooled.append(torch.sqrt((centred * centred).mean((2, 3)) + 1e-5))
        wide, close = torch.cat(pooled, 1).chunk(2)
        logits = self.head(torch.cat([wide, close], 1))[:, 0]
        if self.auxiliary is None:
            return logits, None
        return logits, self.auxiliary(shallow.chunk(2)[1])[:, 0]


def spectrum(pictures: Tensor) -> Tensor:
    """Log magnitude of the close view's spectrum, in blocks of 8 x 8, of mean 0 and deviation 1 each."""
    side = pictures.shape[2]
    grey = pictures[..., side:].mean(1) / 255
    grey = grey - grey.mean((1, 2), keepdim=True)
    power = torch.log(torch.fft.fftshift(torch.fft.fft2(grey), dim=(1, 2)).abs() + 1e-3)
    blocks = nn.functional.avg_pool2d(power[:, None], 8)[:, 0]
    return (blocks - blocks.mean((1, 2), keepdim=True)) / (blocks.std((1, 2), keepdim=True) + 1e-6)
