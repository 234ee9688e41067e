"""DenseNet with bottlenecks, with the names of torchvision's state dictionary, and a small one for 48 pixels.

G. Huang et al., Densely Connected Convolutional Networks, CVPR 2017.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vultus.errors import InputError
from vultus.nets.attention import NONE, Attention

__all__ = ["DenseNet", "densenet121", "densenet_mini"]


class DenseNet(nn.Module):
    """(B, inputs, H, W) to logits (B, classes); between two dense blocks width and side are halved.

    growth: channels that a layer adds. large: the stem of ImageNet, 7x7 and pooling, stride 4;
    else 3x3, stride 2. Attention of place "block" acts on what a layer adds, of place "stage"
    on the output of a dense block. Refused (InputError): no blocks, a growth below one.
    """

    def __init__(
        self,
        *,
        classes: int,
        growth: int = 32,
        depths: Sequence[int] = (6, 12, 24, 16),
        stem: int = 64,
        large: bool = True,
        inputs: int = 3,
        attention: Attention = NONE,
        drop: float = 0.0,
    ) -> None:
        super().__init__()
        if not depths or growth < 1:
            raise InputError(f"expected dense blocks and a growth of one or more, got {list(depths)} and {growth}")
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        size, stride = (7, 4) if large else (3, 2)
        layers["conv0"] = nn.Conv2d(inputs, stem, size, 2, size // 2, bias=False)
        layers["norm0"], layers["relu0"] = nn.BatchNorm2d(stem), nn.ReLU()
        if large:
            layers["pool0"] = nn.MaxPool2d(3, 2, 1)
        width = stem
        for at, depth in enumerate(depths, 1):
            block: OrderedDict[str, nn.Module] = OrderedDict()
            for index in range(1, depth + 1):
                block[f"denselayer{index}"] = _Layer(width, growth, attention.in_block(growth, stride))
                width += growth
            layers[f"denseblock{at}"] = nn.Sequential(block)
            if after := attention.after_stage(width, stride):
                layers[f"attention{at}"] = after
            if at < len(depths):
                layers[f"transition{at}"] = _transition(width)
                width, stride = width // 2, stride * 2
        layers[f"norm{len(depths) + 1}"] = nn.BatchNorm2d(width)
        self.features = nn.Sequential(layers)
        self.drop = nn.Dropout(drop)
        self.classifier = nn.Linear(width, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, pictures: Tensor) -> Tensor:
        pooled = torch.relu(self.features(pictures)).mean((2, 3))
        logits: Tensor = self.classifier(self.drop(pooled))
        return logits


def densenet121(classes: int = 1000, *, attention: Attention = NONE) -> DenseNet:
    """DenseNet-121 for 224 pixels; torchvision's weights load by name."""
    return DenseNet(classes=classes, attention=attention)


def densenet_mini(classes: int = 7, *, attention: Attention = NONE, drop: float = 0.0) -> DenseNet:
    """Three dense blocks of six layers for grey faces of 48 pixels."""
    return DenseNet(
        classes=classes, growth=24, depths=(6, 6, 6), stem=48, large=False, inputs=1, attention=attention, drop=drop
    )


class _Layer(nn.Module):
    """1x1 to four times the growth, 3x3 to the growth, added as new channels."""

    def __init__(self, inputs: int, growth: int, attention: nn.Module | None) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, 4 * growth, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(4 * growth)
        self.conv2 = nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)
        self.attention = attention or nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv1(torch.relu(self.norm1(x)))
        out = self.attention(self.conv2(torch.relu(self.norm2(out))))
        return torch.cat([x, out], 1)


def _transition(width: int) -> nn.Sequential:
    return nn.Sequential(
        OrderedDict[str, nn.Module](
            norm=nn.BatchNorm2d(width),
            relu=nn.ReLU(),
            conv=nn.Conv2d(width, width // 2, 1, bias=False),
            pool=nn.AvgPool2d(2),
        )
    )
