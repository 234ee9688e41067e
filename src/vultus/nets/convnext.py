"""ConvNeXt: Atto, Tiny and Base, with places for attention, and weights as transformers stores them.

Z. Liu et al., A ConvNet for the 2020s, CVPR 2022.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from vultus.errors import InputError, MissingExtraError, WeightsError
from vultus.nets.attention import NONE, Attention

__all__ = [
    "Block", "ChannelNorm", "ConvNeXt", "convnext_atto", "convnext_base", "convnext_tiny", "fetch", "load", "renamed",
]  # fmt: skip

EPS = 1e-6


class ChannelNorm(nn.LayerNorm):
    """LayerNorm over the channels of (B, C, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=EPS)

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Block(nn.Module):
    """x + attention(pointwise(pointwise(LN(depthwise(x))))) * scale; dropped whole with chance `drop_path`."""

    def __init__(self, channels: int, attention: nn.Module | None = None, drop_path: float = 0.0) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=EPS)
        self.pointwise1 = nn.Linear(channels, 4 * channels)
        self.pointwise2 = nn.Linear(4 * channels, channels)
        self.attention = attention or nn.Identity()
        self.scale = nn.Parameter(torch.full((channels,), 1e-6))
        self.drop_path = drop_path

    def forward(self, x: Tensor) -> Tensor:
        out = self.norm(self.depthwise(x).permute(0, 2, 3, 1))  # (B, H, W, C)
        out = self.pointwise2(nn.functional.gelu(self.pointwise1(out))).permute(0, 3, 1, 2)
        out = self.attention(out) * self.scale[:, None, None]
        if self.training and self.drop_path:
            kept = torch.rand(len(x), 1, 1, 1, device=x.device) >= self.drop_path
            out = out * kept / (1 - self.drop_path)
        found: Tensor = x + out
        return found


class ConvNeXt(nn.Module):
    """(B, inputs, H, W) to logits (B, classes).

    patch: side of the stem's patches, 4 as published, 2 for small pictures. drop_path: of the
    last block, rising from 0. Refused (InputError): widths and depths that are not as many.
    """

    def __init__(
        self,
        *,
        classes: int,
        depths: Sequence[int],
        widths: Sequence[int],
        patch: int = 4,
        inputs: int = 3,
        attention: Attention = NONE,
        drop: float = 0.0,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        if len(widths) != len(depths) or not widths:
            raise InputError(f"expected a depth for each width, got {len(depths)} and {len(widths)}")
        self.depths, self.widths = tuple(depths), tuple(widths)
        self.downs, self.stages, self.afters = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        chances = [drop_path * at / max(sum(depths) - 1, 1) for at in range(sum(depths))]
        stride, before, done = 1, inputs, 0
        for at, (width, depth) in enumerate(zip(widths, depths, strict=True)):
            if at == 0:
                self.downs.append(nn.Sequential(nn.Conv2d(inputs, width, patch, patch), ChannelNorm(width)))
                stride = patch
            else:
                self.downs.append(nn.Sequential(ChannelNorm(before), nn.Conv2d(before, width, 2, 2)))
                stride *= 2
            blocks = [Block(width, attention.in_block(width, stride), chances[done + index]) for index in range(depth)]
            self.stages.append(nn.Sequential(*blocks))
            self.afters.append(attention.after_stage(width, stride) or nn.Identity())
            before, done = width, done + depth
        self.norm = nn.LayerNorm(before, eps=EPS)
        self.drop = nn.Dropout(drop)
        self.head = nn.Linear(before, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def features(self, pictures: Tensor) -> Tensor:
        """(B, widths[-1], h, w), before the mean."""
        out = pictures
        for down, stage, after in zip(self.downs, self.stages, self.afters, strict=True):
            out = after(stage(down(out)))
        return out

    def forward(self, pictures: Tensor) -> Tensor:
        logits: Tensor = self.head(self.drop(self.norm(self.features(pictures).mean((2, 3)))))
        return logits


def convnext_atto(
    classes: int = 1000, *, attention: Attention = NONE, patch: int = 4, inputs: int = 3, drop_path: float = 0.0
) -> ConvNeXt:
    """The smallest: depths 2, 2, 6, 2, widths 40 to 320."""
    return ConvNeXt(
        classes=classes, depths=(2, 2, 6, 2), widths=(40, 80, 160, 320), attention=attention, patch=patch,
        inputs=inputs, drop_path=drop_path,
    )  # fmt: skip


def convnext_tiny(classes: int = 1000, *, attention: Attention = NONE, drop_path: float = 0.0) -> ConvNeXt:
    """ConvNeXt-T, 28,589,128 parameters with 1,000 classes."""
    return ConvNeXt(
        classes=classes, depths=(3, 3, 9, 3), widths=(96, 192, 384, 768), attention=attention, drop_path=drop_path
    )


def convnext_base(classes: int = 1000, *, attention: Attention = NONE, drop_path: float = 0.0) -> ConvNeXt:
    """ConvNeXt-B, 88,591,464 parameters with 1,000 classes."""
    return ConvNeXt(
        classes=classes, depths=(3, 3, 27, 3), widths=(128, 256, 512, 1024), attention=attention, drop_path=drop_path
    )


NAMES = (  # transformers' name, ours
    (r"convnext\.embeddings\.patch_embeddings\.", r"downs.0.0."),
    (r"convnext\.embeddings\.layernorm\.", r"downs.0.1."),
    (r"convnext\.encoder\.stages\.(\d+)\.downsampling_layer\.", r"downs.\1."),
    (r"convnext\.encoder\.stages\.(\d+)\.layers\.(\d+)\.layer_scale_parameter", r"stages.\1.\2.scale"),
    (r"convnext\.encoder\.stages\.(\d+)\.layers\.(\d+)\.dwconv\.", r"stages.\1.\2.depthwise."),
    (r"convnext\.encoder\.stages\.(\d+)\.layers\.(\d+)\.layernorm\.", r"stages.\1.\2.norm."),
    (r"convnext\.encoder\.stages\.(\d+)\.layers\.(\d+)\.pwconv([12])\.", r"stages.\1.\2.pointwise\3."),
    (r"convnext\.layernorm\.", r"norm."),
    (r"classifier\.", r"head."),
)


def renamed(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The dictionary of transformers under our names. Refused (WeightsError): a name that ConvNeXt has not."""
    found = {}
    for name, value in state.items():
        for theirs, ours in NAMES:
            new, count = re.subn(f"^{theirs}", ours, name)
            if count:
                found[new] = value
                break
        else:
            raise WeightsError(f"expected ConvNeXt's weights as transformers names them, got {name}")
    return found


def fetch(place: str, *, offline: bool = False) -> dict[str, Tensor]:
    """The weights of a ConvNeXt that transformers knows, under our names.

    place: a folder with config.json and model.safetensors, or a name such as
    facebook/convnext-base-224-22k-1k. offline: do not ask the hub. Refused: transformers not
    installed (MissingExtraError), a place without such a model (InputError).
    """
    try:
        from transformers import AutoConfig, ConvNextForImageClassification
    except ImportError as error:
        raise MissingExtraError("ConvNeXt's weights need transformers: pip install 'vultus[train]'") from error
    try:
        config: Any = AutoConfig.from_pretrained(place, local_files_only=offline)
        if config.model_type != "convnext":
            raise InputError(f"expected a convnext at {place}, got a {config.model_type}")
        # Never a pickle: what is no safetensors file is refused.
        model: Any = ConvNextForImageClassification.from_pretrained(
            place, local_files_only=offline, use_safetensors=True
        )
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"expected a ConvNeXt with safetensors weights at {place}: {reason}; give a folder") from error
    return renamed(model.state_dict())


def load(net: nn.Module, state: Mapping[str, Tensor]) -> tuple[str, ...]:
    """Fill the trunk from such weights, the head too where it has as many classes; what was left as it was.

    Refused (WeightsError): a trunk of another depth or width. Attention has no published
    weights and is left as it is.
    """
    wanted = net.state_dict()
    fitting = {
        name: value
        for name, value in state.items()
        if name in wanted and (wanted[name].shape == value.shape or not name.startswith("head."))
    }
    left = tuple(name for name in wanted if name not in fitting)
    own = ("head.", "afters.")
    strange = [name for name in left if not name.startswith(own) and ".attention." not in name]
    strange += [name for name, value in fitting.items() if wanted[name].shape != value.shape]
    strange += [name for name in state if name not in wanted and re.match(r"(stages|downs)\.", name)]
    if strange:
        raise WeightsError(
            f"expected weights of a ConvNeXt of the same depths and widths, {strange[0]} and "
            f"{len(strange) - 1} more do not fit"
        )
    net.load_state_dict(fitting, strict=False)
    return left
