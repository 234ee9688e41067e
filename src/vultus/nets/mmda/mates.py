"""Who is whose mate: another sample of the same domain in the batch."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["draw"]


def draw(domains: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
    """A mate for each sample of a batch, evenly among the others of its domain.

    domains: (B,), whole numbers. Returns places in the batch (B,) and whether there is a mate
    (B,); a sample that is alone in its domain is given its own place and False.
    """
    same = domains[:, None] == domains[None, :]
    same.fill_diagonal_(False)
    found = same.any(dim=1)
    weights = torch.where(found[:, None], same.float(), torch.eye(len(domains), device=domains.device))
    return torch.multinomial(weights, 1, generator=generator).squeeze(1), found
