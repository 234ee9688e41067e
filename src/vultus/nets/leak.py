"""What attention over a batch does to an accuracy: it answers for batches, and sorted batches tell the class.

Where each test batch holds one class, every image is pulled towards its own class's mean, and
the figure is one of batches. `accuracy` takes the same weights over the same images in three
orders; `dependence` is the largest change of a logit by the company of its image.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vultus.errors import InputError

__all__ = ["ORDERS", "RAFDB_TEST", "RAFDB_TRAIN", "Order", "accuracy", "batch_attention", "dependence", "simulated"]

Order = Literal["sorted", "shuffled", "single"]
ORDERS: tuple[Order, ...] = get_args(Order)
RAFDB_TRAIN = (705, 717, 281, 4772, 2524, 1982, 1290)
RAFDB_TEST = (162, 160, 74, 1185, 680, 478, 329)


def batch_attention(x: Tensor, scale: Tensor | float = 1.0) -> Tensor:
    """softmax(scale x x') x over the rows of x (B, D): the rows of a batch, not the parts of an image.

    >>> batch_attention(torch.eye(2))[0].tolist()
    [0.731058..., 0.268941...]
    """
    found: Tensor = torch.softmax(scale * (x @ x.T), dim=-1) @ x
    return found


@torch.no_grad()
def accuracy(
    net: Callable[[Tensor], Tensor], inputs: Tensor, labels: Tensor, order: Order, *, batch: int = 32, seed: int = 0
) -> float:
    """Share of images told right when they come sorted by class, shuffled by `seed`, or one by one.

    net: logits (B, classes) of inputs (B, ...), set to evaluate. Refused (InputError): an order
    that there is not, no images.
    """
    if order not in ORDERS or not len(labels):
        raise InputError(f"expected images in an order out of {', '.join(ORDERS)}, got {len(labels)} and {order!r}")
    if order == "sorted":
        rows = torch.argsort(labels, stable=True)
    else:
        rows = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    right = 0
    for part in torch.split(rows, 1 if order == "single" else batch):
        right += int((net(inputs[part]).argmax(1) == labels[part]).sum())
    return right / len(labels)


@torch.no_grad()
def dependence(net: Callable[[Tensor], Tensor], inputs: Tensor, labels: Tensor, *, seed: int = 0) -> float:
    """Largest difference of an image's logits alone, among its own class, and in a shuffled batch of all.

    A classifier of images stays under 1e-5. Refused (InputError): fewer than two images.
    """
    if len(labels) < 2:
        raise InputError(f"expected two images or more, got {len(labels)}")
    alone = torch.cat([net(each[None]) for each in inputs])
    worst = 0.0
    for value in set(labels.tolist()):
        rows = torch.nonzero(labels == value)[:, 0]
        worst = max(worst, float((net(inputs[rows]) - alone[rows]).abs().max()))
    mixed = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    return max(worst, float((net(inputs[mixed]) - alone[mixed]).abs().max()))


def simulated(
    scale: float | None,
    *,
    train: Sequence[int] = RAFDB_TRAIN,
    test: Sequence[int] = RAFDB_TEST,
    width: int = 32,
    norm: float = 3.2,
    epochs: int = 12,
    batch: int = 16,
    rate: float = 0.05,
    seed: int = 0,
) -> dict[Order, float]:
    """Accuracy in the three orders of a linear head that learned through batch attention, on Gaussian classes.

    scale None: no attention. train, test: images a class. Classes have unit variance and means
    of length `norm`; classes weigh the same in the loss.
    """
    rng = np.random.default_rng(seed)
    means = rng.normal(size=(len(train), width))
    means *= norm / np.linalg.norm(means, axis=1, keepdims=True)
    x, y = _drawn(rng, means, train)
    head = nn.Linear(width, len(train))
    generator = torch.Generator().manual_seed(seed)
    nn.init.normal_(head.weight, std=0.01, generator=generator)
    nn.init.zeros_(head.bias)
    weights = torch.tensor([sum(train) / len(train) / count for count in train], dtype=torch.float32)
    best = torch.optim.SGD(head.parameters(), lr=rate)

    def net(rows: Tensor) -> Tensor:
        found: Tensor = head(rows if scale is None else batch_attention(rows, scale))
        return found

    for _ in range(epochs):
        for rows in torch.split(torch.randperm(len(y), generator=generator), batch):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows], weight=weights)
            best.zero_grad()
            torch.autograd.backward(loss)
            best.step()
    told, truth = _drawn(rng, means, test)
    return {order: accuracy(net, told, truth, order, seed=seed) for order in ORDERS}


def _drawn(rng: np.random.Generator, means: NDArray[np.float64], counts: Sequence[int]) -> tuple[Tensor, Tensor]:
    labels = np.repeat(np.arange(len(counts)), counts)
    rows = means[labels] + rng.normal(size=(len(labels), means.shape[1]))
    return torch.from_numpy(rows.astype(np.float32)), torch.from_numpy(labels)
