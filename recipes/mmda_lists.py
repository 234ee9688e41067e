"""MMDA on the lists of MMDG-Benchmark with CLIP's weights: one protocol, one variant, one seed.

Used by recipes/mmda.py --config clip. The four sets need signed licences and CLIP's weights a
place to have them from: no figure of this can be shown from packages alone.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from mmda_study import hter, own_eer
from numpy.typing import NDArray

from vultus.datasets import mmdg
from vultus.errors import InputError
from vultus.metrics import sweep
from vultus.metrics.verification import auc
from vultus.nets.mmda import clip, options
from vultus.nets.mmda.network import MMDA, trainable
from vultus.nets.mmda.planes import infrared
from vultus.nets.mmda.sizing import matched
from vultus.nets.mmda.training import Training, fit, predict


class Listed:
    """Samples of lists; pixels are read when a batch asks for them."""

    def __init__(self, samples: Sequence[mmdg.Sample], size: int) -> None:
        self.samples, self.size = samples, size
        self.live = np.array([each.live for each in samples], dtype=bool)
        self.domains = np.array([list(mmdg.NAMES).index(each.domain) for each in samples], dtype=np.int64)

    def planes(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        found = np.stack([mmdg.planes(self.samples[row], self.size) for row in rows])
        for one in found:
            one[2] = infrared(np.ascontiguousarray(one[2, ..., 0]))
        return found


def benchmark(asked: argparse.Namespace, say: Callable[[str], None]) -> dict[str, Any]:
    """Train to the last epoch on the sources; the honest protocol and, beside it, the field's."""
    if asked.clip is None or asked.lists is None or asked.images is None:
        raise InputError("expected --clip, --lists and --images with --config clip")
    gone = tuple(asked.missing.split(",")) if asked.missing else ()
    protocol = mmdg.protocol(asked.sources.split(","), asked.target.split(","), gone)

    def listed(domains: Sequence[str], split: str) -> list[mmdg.Sample]:
        found: list[mmdg.Sample] = []
        for name in domains:
            part = mmdg.read(asked.lists / f"{name}_{split}.txt", asked.images, name)
            if not asked.other_counts:
                mmdg.refuse_other_counts(part, name, split)
            found += part
        return found

    tower, prompts = clip.load(asked.clip)
    whole = replace(options.clip(tower.layers), size=tower.size, fusion_heads=max(tower.width // 64, 1))
    size = trainable(MMDA(whole, tower, prompts))
    chosen = matched(options.variant(whole, asked.ablation), size, tower, prompts)
    network = MMDA(chosen, tower, prompts)
    train, known, test = (
        Listed(listed(domains, split), tower.size)
        for domains, split in (
            (protocol.sources, "train"),
            (protocol.sources, "val"),
            (protocol.targets, "test"),
        )
    )
    say(f"{protocol.name}: {len(train.live):,} samples to train, {len(known.live):,} to set the threshold, "
        f"{len(test.live):,} to test; {trainable(network):,} numbers are trained")  # fmt: skip
    training = Training(bf16=asked.bf16, seed=asked.seed)
    training = replace(training, epochs=asked.epochs or training.epochs, batch=asked.batch or training.batch)
    losses = fit(
        network,
        train,
        training,
        checkpoint=asked.out / "last.checkpoint",
        told=lambda epoch, loss: say(f"epoch {epoch + 1} of {training.epochs}: loss {loss:.4f}"),
    )
    there = (True, "depth" not in gone, "ir" not in gone)
    development, scores = predict(network, known), predict(network, test, modalities=there)
    threshold = sweep.eer_threshold(development[known.live], development[~known.live])
    field, own = own_eer(scores, test.live)
    return {
        "data": protocol.name,
        "variant": asked.ablation,
        "seed": asked.seed,
        "parameters": trainable(network),
        "epochs": len(losses),
        "auc": auc(scores[test.live], scores[~test.live]),
        "hter, honest (EER threshold of source validation, last epoch)": hter(scores, test.live, threshold),
        "threshold, honest": threshold,
        "hter, field's threshold (EER of the target test), last epoch": field,
        "threshold, field": own,
    }
