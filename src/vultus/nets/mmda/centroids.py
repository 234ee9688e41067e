"""What stands in for mates at test: centroids of the source domains' token keys."""

from __future__ import annotations

import torch
from torch import Tensor

from vultus.errors import InputError

__all__ = ["centroids"]


def centroids(keys: Tensor, count: int, *, seed: int = 0, rounds: int = 20) -> Tensor:
    """k-means over samples, each with the keys of all its tokens as one long vector.

    keys: (N, ...). Returns (count, ...). Seeded k-means++ and Lloyd's rounds; an empty cluster
    takes the sample that lies farthest from its own. Refused (InputError): fewer samples than
    centroids.
    """
    if len(keys) < count:
        raise InputError(f"expected at least {count} samples for {count} key sets, got {len(keys)}")
    flat = keys.detach().flatten(1).float()
    generator = torch.Generator().manual_seed(seed)
    chosen = [int(torch.randint(len(flat), (1,), generator=generator))]
    nearest = ((flat - flat[chosen[0]]) ** 2).sum(1)
    while len(chosen) < count:
        weights = nearest if float(nearest.sum()) > 0 else torch.ones_like(nearest)
        chosen.append(int(torch.multinomial(weights, 1, generator=generator)))
        nearest = torch.minimum(nearest, ((flat - flat[chosen[-1]]) ** 2).sum(1))
    centres = flat[chosen]
    for _ in range(rounds):
        distance = torch.cdist(flat, centres)
        gap, owner = distance.min(dim=1)
        moved = centres.clone()
        for at in range(count):
            mine = flat[owner == at]
            moved[at] = mine.mean(dim=0) if len(mine) else flat[int(gap.argmax())]
        if torch.equal(moved, centres):
            break
        centres = moved
    return centres.reshape(count, *keys.shape[1:])
