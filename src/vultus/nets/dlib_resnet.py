"""dlib's face recognition network, to go on training from: other tasks on faces begin where it ended.

dlib's network (Davis King, 2017, CC0) as torch layers, filled from the ONNX file that
`vultus.models.embed.dlib_resnet` makes of it. In dlib's finished network the batch norms are
folded into scales; here each is put back so that it changes nothing, for statistics measured
on the faces to come, since a network without them is hard to train on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from vultus.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["MEANS", "SCALE", "WHOLE", "DlibResNet", "fill", "filters"]

MEANS = (122.782, 117.001, 104.298)  # RGB, as dlib's file has them
SCALE = 256.0
WIDTHS = (32, 32, 32, 64, 64, 64, 64, 128, 128, 128, 256, 256, 256, 256)
HALVES = (3, 7, 10, 13)  # blocks whose result has half the side
WHOLE = len(WIDTHS)


class _Block(nn.Module):
    """Two convolutions beside a shortcut, which is pooled and filled up with zero channels where the block halves."""

    def __init__(self, inputs: int, outputs: int, *, halves: bool) -> None:
        super().__init__()
        self.halves = halves
        self.conv1 = nn.Conv2d(inputs, outputs, 3, 2 if halves else 1, 0 if halves else 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)

    def forward(self, faces: Tensor) -> Tensor:
        found = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(faces)))))
        if self.halves:
            faces = nn.functional.avg_pool2d(faces, 2, 2)
            height, width = faces.shape[2:]
            found = nn.functional.pad(found, (0, width - found.shape[3], 0, height - found.shape[2]))
            faces = nn.functional.pad(faces, (0, 0, 0, 0, 0, found.shape[1] - faces.shape[1]))
        return torch.relu(faces + found)


class DlibResNet(nn.Module):
    """(B, 3, H, W), RGB less `MEANS` over `SCALE`, to logits (B, classes).

    blocks: the first so many of the 14; 11 have two of the five million weights. drop: of the
    features before the last layer. dlib's own side is 150 pixels; faces of half that are read, too.
    Refused (InputError): blocks that there are not.

    >>> DlibResNet(classes=7, blocks=11)(torch.zeros(1, 3, 102, 102)).shape
    torch.Size([1, 7])
    """

    def __init__(self, *, classes: int, blocks: int = WHOLE, drop: float = 0.0) -> None:
        super().__init__()
        if not 1 <= blocks <= WHOLE:
            raise InputError(f"expected 1 to {WHOLE} blocks, got {blocks}")
        self.conv = nn.Conv2d(3, WIDTHS[0], 7, 2, bias=False)
        self.bn = nn.BatchNorm2d(WIDTHS[0])
        before = (WIDTHS[0], *WIDTHS)
        self.blocks = nn.Sequential(*(_Block(before[at], WIDTHS[at], halves=at in HALVES) for at in range(blocks)))
        self.drop = nn.Dropout(drop)
        self.head = nn.Linear(WIDTHS[blocks - 1], classes)

    def features(self, faces: Tensor) -> Tensor:
        """(B, C, h, w) behind the last block."""
        found = nn.functional.max_pool2d(torch.relu(self.bn(self.conv(faces))), 3, 2)
        last: Tensor = self.blocks(found)
        return last

    def forward(self, faces: Tensor) -> Tensor:
        logits: Tensor = self.head(self.drop(self.features(faces).mean((2, 3))))
        return logits

    def depths(self) -> list[list[nn.Parameter]]:
        """The parameters by layer, from the pixels up, for rates that differ."""
        layers: list[Sequence[nn.Module]] = [[self.conv, self.bn], *([block] for block in self.blocks), [self.head]]
        return [[each for module in layer for each in module.parameters()] for layer in layers]

    def pairs(self) -> list[tuple[nn.Conv2d, nn.BatchNorm2d]]:
        """Each convolution with the batch norm behind it, in the order of dlib's file."""
        found = [(self.conv, self.bn)]
        for block in self.blocks:
            assert isinstance(block, _Block)
            found += [(block.conv1, block.bn1), (block.conv2, block.bn2)]
        return found


def filters(model: bytes) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Weights and biases of the convolutions of an ONNX network, in order."""
    import onnx
    from onnx import numpy_helper

    graph = onnx.load_from_string(model).graph
    held = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    return [(held[node.input[1]], held[node.input[2]]) for node in graph.node if node.op_type == "Conv"]


@torch.no_grad()
def fill(net: DlibResNet, found: Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]], faces: Tensor) -> None:
    """Dlib's filters into the network, whose features are dlib's afterwards; the last layer stays as it is.

    faces: (B, 3, S, S) as the network takes them, some hundred, on which the batch norms measure.
    Refused (InputError): filters of another network.
    """
    pairs = net.pairs()
    if len(found) < len(pairs) or any(
        tuple(weights.shape) != tuple(conv.weight.shape) for (conv, _), (weights, _) in zip(pairs, found, strict=False)
    ):
        raise InputError("expected the filters of dlib's face recognition network, got those of another")
    biases = []
    for (conv, norm), (weights, given) in zip(pairs, found, strict=False):
        biases.append(bias := torch.from_numpy(given.copy()))
        conv.weight.copy_(torch.from_numpy(weights.copy()))
        norm.running_mean.zero_()  # type: ignore[union-attr]
        norm.running_var.fill_(1 - norm.eps)  # type: ignore[union-attr]
        norm.weight.fill_(1)
        norm.bias.copy_(bias)
    net.eval()
    seen: dict[int, Tensor] = {}
    hooks = [
        conv.register_forward_hook(lambda _module, _given, made, at=at: seen.update({at: made}))
        for at, (conv, _) in enumerate(pairs)
    ]
    net(faces)
    for hook in hooks:
        hook.remove()
    for at, ((_, norm), bias) in enumerate(zip(pairs, biases, strict=True)):
        mean, spread = seen[at].mean((0, 2, 3)), seen[at].var((0, 2, 3))
        norm.running_mean.copy_(mean)  # type: ignore[union-attr]
        norm.running_var.copy_(spread)  # type: ignore[union-attr]
        norm.weight.copy_((spread + norm.eps).sqrt())
        norm.bias.copy_(mean + bias)
