"""The networks of recipes/expression.py by name: an attention, a trunk, and how both want their faces."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from vultus.errors import InputError
from vultus.models.embed.dlib_resnet import SOURCE, to_onnx
from vultus.nets import convnext, dlib_resnet
from vultus.nets.attention import NONE, Attention, Kind
from vultus.nets.convcut import ConvCut
from vultus.nets.densenet import densenet121, densenet_mini
from vultus.nets.dlib_resnet import DlibResNet
from vultus.nets.resnet import ResNet, resnet18, resnet_mini
from vultus.weights import derived

MEAN, DEVIATION = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)  # ImageNet, 0 to 255
LUMA = (0.299, 0.587, 0.114)
PREFIXES: dict[str, Kind] = {
    "se": "se", "ta": "ta", "tripse": "tripse1", "tripse1": "tripse1", "tripse2": "tripse2", "tripse3": "tripse3",
    "tripse4": "tripse4",
}  # fmt: skip


@dataclass(frozen=True)
class Trunk:
    """What a name stands for."""

    make: Callable[[int, Attention], nn.Module]
    side: int  # of the face, pixels
    grey: bool  # one channel, each face brought to mean 0 and deviation 1; else ImageNet's scale
    enlarged: int = 0  # side that the network sees each face at; 0: the face's own
    scale: tuple[tuple[float, float, float], tuple[float, float, float]] = (MEAN, DEVIATION)


def _full(classes: int, attention: Attention) -> nn.Module:
    return ResNet(
        classes=classes, widths=(32, 64, 128, 256), depths=(2, 2, 2, 2), stem="full", inputs=1, attention=attention,
        drop=0.2,
    )  # fmt: skip


def _wide(classes: int, attention: Attention) -> nn.Module:
    """A teacher: too large to ship."""
    return ResNet(
        classes=classes, widths=(96, 192, 384), depths=(2, 2, 2), stem="half", inputs=1, attention=attention, drop=0.3
    )


def _small(classes: int, attention: Attention) -> nn.Module:
    """For the study: a third of a resnet-mini's time."""
    return ResNet(classes=classes, widths=(32, 64, 128), depths=(2, 2, 2), stem="half", inputs=1, attention=attention)


def _tiny(classes: int, attention: Attention) -> nn.Module:
    """For tests of the plumbing only."""
    return ResNet(classes=classes, widths=(8, 16), depths=(1, 1), stem="half", inputs=1, attention=attention)


def _dlib(blocks: int) -> Callable[[int, Attention], nn.Module]:
    def make(classes: int, attention: Attention) -> nn.Module:
        if attention.kind != "none":
            raise InputError("expected dlib's network without attention: it is filled with dlib's weights")
        return DlibResNet(classes=classes, blocks=blocks, drop=0.2)

    return make


DLIB_SCALE = (dlib_resnet.MEANS, (dlib_resnet.SCALE,) * 3)

TRUNKS = {
    "resnet-mini": Trunk(lambda classes, attention: resnet_mini(classes, attention=attention, drop=0.2), 48, True),
    "resnet-mini-full": Trunk(_full, 48, True),
    "resnet-mini-wide": Trunk(_wide, 48, True),
    "resnet-small": Trunk(_small, 48, True),
    "resnet-tiny": Trunk(_tiny, 48, True),
    "resnet18": Trunk(lambda classes, attention: resnet18(classes, attention=attention), 224, False),
    "densenet-mini": Trunk(lambda classes, attention: densenet_mini(classes, attention=attention, drop=0.2), 48, True),
    "densenet": Trunk(lambda classes, attention: densenet121(classes, attention=attention), 224, False),
    "convnext-atto": Trunk(
        lambda classes, attention: convnext.convnext_atto(
            classes, attention=attention, patch=2, inputs=1, drop_path=0.1
        ),
        48,
        True,
    ),
    "dlib-short": Trunk(_dlib(11), 48, False, 102, DLIB_SCALE),
    "dlib-whole": Trunk(_dlib(14), 48, False, 134, DLIB_SCALE),
    "convnext": Trunk(
        lambda classes, attention: convnext.convnext_tiny(classes, attention=attention, drop_path=0.1), 224, False
    ),
    "convnext-base": Trunk(
        lambda classes, attention: convnext.convnext_base(classes, attention=attention, drop_path=0.2), 224, False
    ),
}


class Reader(nn.Module):
    """Faces (B, 1 or 3, S, S) RGB or grey, 0..255, to logits: brings them to what the network wants."""

    mean: Tensor
    deviation: Tensor
    luma: Tensor

    def __init__(
        self,
        net: nn.Module,
        *,
        side: int,
        grey: bool,
        scaled: bool = False,
        enlarged: int = 0,
        scale: tuple[tuple[float, float, float], tuple[float, float, float]] = (MEAN, DEVIATION),
    ) -> None:
        super().__init__()
        self.net, self.side, self.grey, self.scaled = net, side, grey, scaled
        self.seen = enlarged or side  # the side at which the network sees a face
        self.register_buffer("mean", torch.tensor(scale[0]).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(scale[1]).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("luma", torch.tensor(LUMA).view(1, 3, 1, 1), persistent=False)

    def forward(self, faces: Tensor) -> Tensor:
        logits: Tensor = self.net(self.brought(faces))
        return logits

    def brought(self, faces: Tensor) -> Tensor:
        """Faces as the network takes them."""
        if faces.shape[2] != self.seen:
            size = (self.seen, self.seen)
            faces = nn.functional.interpolate(faces, size=size, mode="bilinear", align_corners=False)
        if self.grey:
            if faces.shape[1] == 3:
                faces = (faces * self.luma).sum(1, keepdim=True)
            faces = faces - faces.mean((1, 2, 3), keepdim=True)
            faces = faces / torch.sqrt((faces * faces).mean((1, 2, 3), keepdim=True) + 1.0)
        else:
            if faces.shape[1] == 1:
                faces = faces.expand(-1, 3, -1, -1)
            if not self.scaled:
                faces = (faces - self.mean) / self.deviation
        return faces


def parsed(name: str) -> tuple[Kind, str]:
    """Attention and trunk of a name such as tripse1-resnet-mini. Refused (InputError): a name that is none."""
    first, _, rest = name.partition("-")
    if first in PREFIXES and rest in TRUNKS:
        return PREFIXES[first], rest
    if name in TRUNKS or name == "convcut":
        return "none", name
    raise InputError(
        f"expected a network out of {', '.join([*TRUNKS, 'convcut'])}, before all but the last "
        f"{', '.join(f'{each}-' for each in PREFIXES)} if wished; got {name!r}"
    )


def build(name: str, classes: int, *, attention: Attention = NONE, cut: int = -57, head: str = "token") -> Reader:
    """A new network by its name; the details of its attention are taken from `attention`, the kind from the name."""
    kind, trunk = parsed(name)
    if trunk == "convcut":
        return Reader(ConvCut(classes=classes, cut=cut, head=head), side=224, grey=False, scaled=True)  # type: ignore[arg-type]
    found = TRUNKS[trunk]
    made = found.make(classes, replace(attention, kind=kind, side=found.side))
    return Reader(made, side=found.side, grey=found.grey, enlarged=found.enlarged, scale=found.scale)


def initialise(reader: Reader, state: Mapping[str, Tensor]) -> None:
    """Fill trunks that have published weights (ConvNeXt, Conv-cut). Refused (InputError): another trunk."""
    if isinstance(reader.net, ConvCut):
        reader.net.trunk.load(state)
        reader.net.trunk.requires_grad_(False)  # as released: the trunk is frozen
    elif isinstance(reader.net, convnext.ConvNeXt):
        convnext.load(reader.net, state)
    else:
        raise InputError("expected --init with a convnext or convcut only: the others start from random weights")


def begun_by_dlib(reader: Reader, faces: Tensor) -> None:
    """Fill dlib's network with dlib's weights; the batch norms measure on faces (B, C, S, S), 0..255."""
    assert isinstance(reader.net, DlibResNet)
    with torch.no_grad():
        found = dlib_resnet.filters(derived(SOURCE, "network-v1", to_onnx).read_bytes())
        dlib_resnet.fill(reader.net, found, reader.brought(faces))
