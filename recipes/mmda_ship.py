"""mmda-small: the demonstration model of the package, from simulated domains only.

Used by recipes/mmda.py --ship. The tint says nothing here, modalities go missing in training,
and domains have noise of both families; the threshold is the EER of people held out.
"""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from mmda_study import joined

from vultus.datasets.synthetic_pad import DOMAINS, Simulation, domain
from vultus.files import write_atomically
from vultus.metrics.liveness import Presentations, rates, threshold_for
from vultus.metrics.verification import auc
from vultus.nets.mmda.alignment import orthonormal_prompts
from vultus.nets.mmda.exporting import onnx
from vultus.nets.mmda.network import MMDA
from vultus.nets.mmda.options import small
from vultus.nets.mmda.pretraining import pretrain
from vultus.nets.mmda.tower import SmallTower
from vultus.nets.mmda.training import Training, fit, predict, scaled

SIMULATION = Simulation(source_tint=0.5, target_tint=0.5, seed=2026)
NOISE = (("additive", 0.0), ("sensor", 0.5), ("additive", 0.5), ("sensor", 1.0))  # of the domains A to D
TRAINING = Training(epochs=8, batch=32, rate=3e-3, drop=0.3, seed=2026)
LABEL = "demonstration, not for access control"
SUBSETS = {
    "rgb+depth+ir": (True, True, True), "rgb+depth": (True, True, False), "rgb+ir": (True, False, True),
    "depth+ir": (False, True, True), "rgb": (True, False, False), "depth": (False, True, False),
    "ir": (False, False, True),
}  # fmt: skip


def ship(folder: Path, scratch: Path, say: Callable[[str], None]) -> None:
    """Train, export and write mmda-small.onnx and its card; a run that was stopped goes on."""
    drawn = [
        domain(name, replace(SIMULATION, noise=kind, amplitude=amplitude))
        for name, (kind, amplitude) in zip(DOMAINS, NOISE, strict=True)
    ]
    held = [np.isin(each.people, np.unique(each.people)[-12:]) for each in drawn]
    train = joined([(each, ~out) for each, out in zip(drawn, held, strict=True)])
    validation = joined(list(zip(drawn, held, strict=True)))
    torch.manual_seed(TRAINING.seed)
    tower = SmallTower()
    pretrain(tower, scaled(train.pixels).flatten(0, 1), seed=TRAINING.seed)
    options = small()
    network = MMDA(options, tower, orthonormal_prompts(2, options.prompts, tower.features))
    fit(
        network,
        train,
        TRAINING,
        checkpoint=scratch / "mmda-small.checkpoint",
        told=lambda epoch, loss: say(f"epoch {epoch + 1} of {TRAINING.epochs}: loss {loss:.4f}"),
    )
    made = onnx(network)
    scores = predict(network, validation)
    known = Presentations(scores[validation.live], {"simulated attack": scores[~validation.live]})
    at = rates(known, threshold_for(known, "eer"))
    areas = {}
    for name, there in SUBSETS.items():
        found = predict(network, validation, modalities=there)
        areas[name] = round(auc(found[validation.live], found[~validation.live]), 4)
    card = {
        "name": "mmda-small",
        "label": LABEL,
        "task": "liveness from RGB, depth and infrared, any non-empty subset",
        "input": "pictures (3, 3, 48, 48), levels 0..255 of RGB, depth (nearer is brighter), infrared; "
        "a plane of zeros is missing",
        "size": options.size,
        "depth_scale": 0.001,  # metres a unit of 16-bit depth
        "depth_range": 0.25,  # metres that the 255 levels span, about the middle of the face
        "code_licence": "Apache-2.0",
        "weights_licence": "Apache-2.0",
        "data": f"simulated only: vultus.datasets.synthetic_pad, {len(train.live)} samples of 192 people, "
        "4 domains; validation people held out",
        "validation_auc_simulated": areas,
        "validation": {"people": 48, "samples": len(validation.live)},
        "point": {
            "threshold": round(at.threshold, 6),
            "criterion": "EER on simulated validation people, all three modalities",
            "apcer": [at.apcer.k, at.apcer.n, at.apcer.low, at.apcer.high],
            "bpcer": [at.bpcer.k, at.bpcer.n, at.bpcer.low, at.bpcer.high],
            "data": "simulated (vultus.datasets.synthetic_pad), no real face or attack",
            "date": datetime.date.today().isoformat(),
        },
        "recipe": "recipes/mmda.py --ship",
        "training": asdict(TRAINING),
        "torch": torch.__version__,
        "sha256": hashlib.sha256(made).hexdigest(),
        "bytes": len(made),
    }
    write_atomically(folder / "mmda-small.onnx", made)
    write_atomically(folder / "mmda-small.json", (json.dumps(card, indent=1) + "\n").encode())
    say(f"{len(made):,} bytes, AUC on simulated validation people: {areas}")
