"""RS2: soft alignment of image features to the subspace that several prompts of a class span."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

__all__ = ["alignment_loss", "orthonormal_prompts", "subspace_logits"]


def subspace_logits(features: Tensor, prompts: Tensor, scale: float) -> Tensor:
    """Log sum_k exp(scale * cos(x, t_ck)) - log K of each class, (..., C).

    features: (..., D). prompts: (C, K, D). Less log K, so that K equal prompts give what one gives.
    """
    cosines = normalize(features, dim=-1) @ normalize(prompts, dim=-1).flatten(0, 1).T
    cosines = cosines.reshape(*features.shape[:-1], *prompts.shape[:2])
    # Spelt out: OpenVINO reads the ONNX of torch.logsumexp as a reduction over all axes.
    top = cosines.amax(dim=-1, keepdim=True).detach()
    rest = torch.exp(scale * (cosines - top)).sum(dim=-1).log()
    return scale * top.squeeze(-1) + rest - math.log(prompts.shape[1])


def alignment_loss(features: Tensor, labels: Tensor, prompts: Tensor, scale: float) -> Tensor:
    """-log p(y|x), the mean over features (F, B, D), which share the labels (B,)."""
    logits = subspace_logits(features, prompts, scale)
    return cross_entropy(logits.flatten(0, 1), labels.repeat(len(features)))


def orthonormal_prompts(classes: int, prompts: int, width: int, *, seed: int = 0) -> Tensor:
    """Frozen directions (C, K, D) for towers without a language side."""
    if classes * prompts > width:
        raise ValueError(f"expected at most {width} prompts in {width} dimensions, got {classes * prompts}")
    drawn = torch.randn(width, classes * prompts, generator=torch.Generator().manual_seed(seed))
    directions: Tensor = torch.linalg.qr(drawn)[0]
    return directions.T.reshape(classes, prompts, width).contiguous()
