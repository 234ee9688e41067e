"""From the tokens of the modalities that are there to one feature: MD2A and the plain ways beside it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from vultus.nets.mmda.differential import DifferentialAttention
from vultus.nets.mmda.options import MODALITIES, Options

__all__ = ["Attention", "Concatenation", "CrossAttention", "Denoising", "Fusion", "Late", "fusion"]

Mates = tuple[Tensor, Tensor] | None


class Fusion(nn.Module):
    """Tokens (M, B, T, D) of the modalities `which` (M,) to features (B, D)."""

    def __init__(self, pool: str) -> None:
        super().__init__()
        self.pool = pool

    def pooled(self, tokens: Tensor) -> Tensor:
        """(M, B, T, D) to (B, D): the mean of all tokens, or of the class tokens."""
        return tokens.mean(dim=(0, 2)) if self.pool == "mean" else tokens[:, :, 0].mean(dim=0)

    def forward(self, tokens: Tensor, which: Tensor, mates: Mates, sets: Tensor | None) -> Tensor:
        raise NotImplementedError


def sequence(tokens: Tensor) -> Tensor:
    """(M, B, T, D) to (B, M*T, D): modalities one behind the other."""
    return tokens.transpose(0, 1).flatten(1, 2)


def parted(joint: Tensor, like: Tensor) -> Tensor:
    """The way back, (B, M*T, D) to (M, B, T, D)."""
    modalities, batch, tokens, width = like.shape
    return joint.reshape(batch, modalities, tokens, width).transpose(0, 1)


class Denoising(Fusion):
    """MD2A over the joint sequence, with a residual path."""

    def __init__(self, width: int, options: Options) -> None:
        super().__init__(options.pool)
        self.norm = nn.LayerNorm(width)
        self.mix = DifferentialAttention(
            width, options.fusion_heads, depth=options.lambda_depth, fixed=options.lambda_fixed
        )

    def noise_keys(self, tokens: Tensor) -> Tensor:
        """(B, h, M*T, n)."""
        return self.mix.noise_keys(self.norm(sequence(tokens)))

    def forward(self, tokens: Tensor, which: Tensor, mates: Mates, sets: Tensor | None) -> Tensor:
        joint = sequence(tokens)
        joint = joint + self.mix(self.norm(joint), mates, sets)
        return self.pooled(parted(joint, tokens))


class Attention(Fusion):
    """The same block as plain attention; heads are twice as wide, so that the sizes agree."""

    def __init__(self, width: int, options: Options) -> None:
        super().__init__(options.pool)
        self.heads = options.fusion_heads
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, tokens: Tensor, which: Tensor, mates: Mates, sets: Tensor | None) -> Tensor:
        joint = sequence(tokens)
        parts = self.qkv(self.norm(joint)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = scaled_dot_product_attention(parts[0], parts[1], parts[2])
        joint = joint + self.out(mixed.transpose(1, 2).flatten(2))
        return self.pooled(parted(joint, tokens))


class CrossAttention(Fusion):
    """Each modality asks the tokens of the others; one that is alone asks itself."""

    def __init__(self, width: int, options: Options) -> None:
        super().__init__(options.pool)
        self.heads = options.fusion_heads
        self.norm = nn.LayerNorm(width)
        self.queries = nn.Linear(width, width, bias=False)
        self.keys_values = nn.Linear(width, 2 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, tokens: Tensor, which: Tensor, mates: Mates, sets: Tensor | None) -> Tensor:
        normed = self.norm(tokens)
        found = []
        for place in range(len(tokens)):
            others = [other for other in range(len(tokens)) if other != place] or [place]
            asked = self.keys_values(sequence(normed[others])).unflatten(-1, (2, self.heads, -1))
            key, value = asked.permute(2, 0, 3, 1, 4)
            query = self.queries(normed[place]).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            mixed = scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
            found.append(tokens[place] + self.out(mixed))
        return self.pooled(torch.stack(found))


class Concatenation(Fusion):
    """Class tokens side by side through one linear layer; where one is missing, the others weigh more."""

    def __init__(self, width: int, options: Options) -> None:
        super().__init__(options.pool)
        self.weight = nn.Parameter(torch.randn(len(MODALITIES), width, width) * (len(MODALITIES) * width) ** -0.5)
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, tokens: Tensor, which: Tensor, mates: Mates, sets: Tensor | None) -> Tensor:
        per = torch.bmm(tokens[:, :, 0], self.weight[which])
        return per.mean(dim=0) * len(MODALITIES) + self.bias


class Late(Fusion):
    """No exchange: the mean of what each modality says."""

    def forward(self, tokens: Tensor, which: Tensor, mates: Mates, sets: Tensor | None) -> Tensor:
        return self.pooled(tokens)


def fusion(width: int, options: Options) -> Fusion:
    """The block that the options name."""
    match options.fusion:
        case "differential":
            return Denoising(width, options)
        case "attention":
            return Attention(width, options)
        case "concat":
            return Concatenation(width, options)
        case "cross":
            return CrossAttention(width, options)
        case "late":
            return Late(options.pool)
