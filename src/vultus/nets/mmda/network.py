"""MMDA whole: frozen tower, adapters, fusion, and the head that aligns to the classes' subspaces."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from vultus.errors import InputError
from vultus.nets.mmda import mates
from vultus.nets.mmda.adapters import Adapter, adapt
from vultus.nets.mmda.alignment import alignment_loss, subspace_logits
from vultus.nets.mmda.centroids import centroids
from vultus.nets.mmda.fusion import Denoising, fusion
from vultus.nets.mmda.options import MODALITIES, Options
from vultus.nets.mmda.tower import Tower

__all__ = ["CLASSES", "MMDA", "groups", "trainable"]

CLASSES = 2  # attack, live


class MMDA(nn.Module):
    """Planes (B, 3, 3, H, W) of RGB, depth and infrared to logits (B, 2): attack, live.

    `present` (B, 3) tells which modalities a sample has; the tokens of the others are not
    made. Samples with the same modalities run together, and are mates of each other only.
    prompts: (2, K, F), frozen. The tower is frozen too and no part of the checkpoint.
    """

    key_sets: Tensor
    prompts: Tensor
    fitted: Tensor

    def __init__(self, options: Options, tower: Tower, prompts: Tensor) -> None:
        super().__init__()
        if len(options.adapter_widths) != tower.layers:
            raise InputError(
                f"expected an adapter width for each of the tower's {tower.layers} layers, "
                f"got {len(options.adapter_widths)}"
            )
        if prompts.shape != (CLASSES, options.prompts, tower.features):
            raise InputError(
                f"expected prompts {(CLASSES, options.prompts, tower.features)}, got {tuple(prompts.shape)}"
            )
        self.options, self.tower = options, tower
        sets = len(MODALITIES) if options.adapters == "own" else 1
        self.adapters = nn.ModuleList(
            [Adapter(tower.width, width, sets, options.adapter_scale) for width in options.adapter_widths]
        )
        self.fusion = fusion(tower.width, options)
        self.to_text = nn.Linear(tower.width, tower.features)
        self.head = None if options.rs2 else nn.Linear(tower.features, CLASSES)
        self.register_buffer("prompts", prompts.detach().clone())
        with torch.no_grad():  # the fused feature starts where the tower's own projection would put it
            self.to_text.weight.copy_(tower.project(torch.eye(tower.width)).T)
            self.to_text.bias.zero_()
        if isinstance(self.fusion, Denoising):
            tokens = tower.embed(torch.zeros(1, 3, options.size, options.size)).shape[1]
            shape = (options.key_sets, self.fusion.mix.heads, len(MODALITIES) * tokens, self.fusion.mix.width_of_half)
            self.register_buffer("key_sets", torch.zeros(shape))
            self.register_buffer("fitted", torch.zeros((), dtype=torch.bool))

    def train(self, mode: bool = True) -> MMDA:
        super().train(mode)
        if isinstance(self.tower, nn.Module):
            self.tower.eval()
        return self

    def forward(self, planes: Tensor, present: Tensor | None = None, domains: Tensor | None = None) -> Tensor:
        """Logits (B, 2). domains (B,) are used in training only, to draw mates."""
        logits = planes.new_zeros(len(planes), CLASSES)
        for rows, which in groups(present, planes):
            found = self.group(planes[rows][:, which].transpose(0, 1), which, self._mates(rows, domains))[0]
            logits[rows] = found.to(logits.dtype)
        return logits

    def loss(self, planes: Tensor, labels: Tensor, domains: Tensor, present: Tensor | None = None) -> Tensor:
        """L_ce + alignment * L_align; labels (B,) are 1 for live. Without RS2 there is no L_align."""
        total = planes.new_zeros(())
        for rows, which in groups(present, planes):
            logits, fused, single = self.group(
                planes[rows][:, which].transpose(0, 1), which, self._mates(rows, domains)
            )
            found = cross_entropy(logits.float(), labels[rows])
            if self.options.rs2 and self.options.alignment:
                seen = fused[None] if self.options.align == "fused" else torch.cat([single, fused[None]])
                scale = 1 / self.options.temperature
                found = found + self.options.alignment * alignment_loss(seen.float(), labels[rows], self.prompts, scale)
            total = total + found * (len(rows) / len(planes))
        return total

    def group(
        self, planes: Tensor, which: Tensor, drawn: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Planes (M, B, 3, H, W) of the modalities `which` (M,), all there.

        Returns logits (B, 2), the fused feature (B, F) and each modality's own (M, B, F).
        """
        tokens = self.tokens(planes, which)
        fused = self.to_text(self.fusion(tokens, which, drawn, self._sets(which) if drawn is None else None))
        single = self.tower.project(tokens[:, :, 0])
        if self.head is None:
            return subspace_logits(fused, self.prompts, 1 / self.options.temperature), fused, single
        return self.head(fused), fused, single

    def tokens(self, planes: Tensor, which: Tensor) -> Tensor:
        """Adapted tokens (M, B, T, D) after the tower's last norm."""
        tokens = self.tower.embed(planes.flatten(0, 1))
        tokens = tokens.view(*planes.shape[:2], *tokens.shape[1:])
        detached = self.options.first_pass == "detached"
        return self.tower.finish(
            adapt(self.tower, self.adapters, tokens, which, twice=self.options.udsa, detached=detached)
        )

    @torch.no_grad()
    def fit_keys(self, batches: Iterator[Tensor], *, seed: int = 0) -> None:
        """Store centroids of source samples' keys; planes (B, 3, 3, H, W) with all modalities."""
        if not isinstance(self.fusion, Denoising) or self.options.test_keys == "off":
            return
        which = torch.arange(len(MODALITIES))
        keys = torch.cat(
            [self.fusion.noise_keys(self.tokens(planes.transpose(0, 1), which)).float() for planes in batches]
        )
        self.key_sets.copy_(centroids(keys, self.options.key_sets, seed=seed))
        self.fitted.fill_(True)

    def _mates(self, rows: Tensor, domains: Tensor | None) -> tuple[Tensor, Tensor] | None:
        if not self.training or domains is None or not isinstance(self.fusion, Denoising):
            return None
        if self.options.mates == "self":
            return torch.arange(len(rows)), torch.ones(len(rows), dtype=torch.bool)
        return mates.draw(domains[rows])

    def _sets(self, which: Tensor) -> Tensor | None:
        if self.training or not isinstance(self.fusion, Denoising) or self.options.test_keys == "off":
            return None
        if not self.fitted:
            raise InputError("expected stored key sets at test, there are none: call fit_keys on source samples first")
        count, heads, tokens, half = self.key_sets.shape
        sets = self.key_sets.view(count, heads, len(MODALITIES), tokens // len(MODALITIES), half)
        return sets[:, :, which].flatten(2, 3)


def groups(present: Tensor | None, planes: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Rows of a batch and the modalities they have, one pair for each set of modalities.

    Refused (InputError): a sample without any modality.
    """
    count = planes.shape[1]
    if present is None or bool(present.all()):
        yield torch.arange(len(planes)), torch.arange(count)
        return
    if not bool(present.any(dim=1).all()):
        row = int((~present.any(dim=1)).nonzero()[0])
        raise InputError(f"expected a modality at least of each sample, sample {row} has none")
    code = (present.long() * (2 ** torch.arange(count))).sum(dim=1)
    for pattern in sorted(set(code.tolist())):
        rows = (code == pattern).nonzero()[:, 0]
        yield rows, present[rows[0]].nonzero()[:, 0]


def trainable(network: MMDA) -> int:
    """Numbers that training moves."""
    tower = set(cast(nn.Module, network.tower).parameters()) if isinstance(network.tower, nn.Module) else set()
    return sum(each.numel() for each in network.parameters() if each not in tower)
