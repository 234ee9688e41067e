"""ResNet of basic blocks, with the names of torchvision's state dictionary, and a small one for 48 pixels.

K. He et al., Deep Residual Learning for Image Recognition, CVPR 2016.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from vultus.errors import InputError
from vultus.nets.attention import NONE, Attention

__all__ = ["ResNet", "Stem", "resnet18", "resnet_mini"]

Stem = Literal["imagenet", "half", "full"]


class ResNet(nn.Module):
    """(B, inputs, H, W) to logits (B, classes); a stage a width, each after the first at half the side.

    stem: "imagenet" 7x7 and pooling, stride 4; "half" 3x3, stride 2; "full" 3x3, stride 1.
    drop: of the features before the last layer. Refused (InputError): widths and depths that
    are not as many, a stem that there is not.
    """

    def __init__(
        self,
        *,
        classes: int,
        widths: Sequence[int] = (64, 128, 256, 512),
        depths: Sequence[int] = (2, 2, 2, 2),
        stem: Stem = "imagenet",
        inputs: int = 3,
        attention: Attention = NONE,
        drop: float = 0.0,
    ) -> None:
        super().__init__()
        if len(widths) != len(depths) or not widths:
            raise InputError(f"expected a depth for each width, got {len(depths)} and {len(widths)}")
        if stem not in ("imagenet", "half", "full"):
            raise InputError(f"expected stem imagenet, half or full, got {stem!r}")
        size, stride = (7, 2) if stem == "imagenet" else (3, 2 if stem == "half" else 1)
        self.conv1 = nn.Conv2d(inputs, widths[0], size, stride, size // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.pool = nn.MaxPool2d(3, 2, 1) if stem == "imagenet" else nn.Identity()
        self.stages = len(widths)
        smaller, before = (4 if stem == "imagenet" else stride), widths[0]
        for at, (width, depth) in enumerate(zip(widths, depths, strict=True)):
            step = 1 if at == 0 else 2
            smaller *= step
            layers: list[nn.Module] = []
            for index in range(depth):
                layers.append(_Basic(before, width, step if index == 0 else 1, attention.in_block(width, smaller)))
                before = width
            self.add_module(f"layer{at + 1}", nn.Sequential(*layers))
            self.add_module(f"after{at + 1}", attention.after_stage(width, smaller) or nn.Identity())
        self.drop = nn.Dropout(drop)
        self.fc = nn.Linear(before, classes)
        # The last norm of a block is not started at 0: measured, so few blocks then learn nothing in their first epoch.
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def features(self, pictures: Tensor) -> Tensor:
        """(B, widths[-1], h, w), before the mean."""
        out: Tensor = self.pool(torch.relu(self.bn1(self.conv1(pictures))))
        for at in range(1, self.stages + 1):
            out = self.get_submodule(f"after{at}")(self.get_submodule(f"layer{at}")(out))
        return out

    def forward(self, pictures: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.drop(self.features(pictures).mean((2, 3))))
        return logits


def resnet18(classes: int = 1000, *, attention: Attention = NONE) -> ResNet:
    """ResNet-18 for 224 pixels; torchvision's weights load by name."""
    return ResNet(classes=classes, attention=attention)


def resnet_mini(classes: int = 7, *, attention: Attention = NONE, drop: float = 0.0) -> ResNet:
    """Three stages for grey faces of 48 pixels: 24, 12 and 6 pixels wide."""
    return ResNet(
        classes=classes, widths=(64, 128, 256), depths=(2, 2, 2), stem="half", inputs=1, attention=attention, drop=drop
    )


class _Basic(nn.Module):
    """Two 3x3 convolutions, attention where there is some, and the input added."""

    def __init__(self, inputs: int, outputs: int, stride: int, attention: nn.Module | None) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.attention = attention or nn.Identity()
        self.downsample: nn.Module | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        out = torch.relu(self.bn1(self.conv1(x)))
        out = self.attention(self.bn2(self.conv2(out)))
        return torch.relu(out + (x if self.downsample is None else self.downsample(x)))
