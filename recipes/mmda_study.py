"""One run of the simulated study: a variant, a seed, a target domain, a kind and amount of noise.

Used by recipes/mmda.py. Thresholds, epochs and key sets come from source samples only; what
the field's convention takes from the target is computed beside and labelled so.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vultus.datasets.synthetic_pad import DOMAINS, SimulatedDomain, Simulation, domain
from vultus.files import write_atomically
from vultus.metrics import sweep
from vultus.metrics.liveness import Presentations, rates
from vultus.metrics.verification import auc
from vultus.nets.mmda.alignment import orthonormal_prompts
from vultus.nets.mmda.network import MMDA, trainable
from vultus.nets.mmda.options import small, variant
from vultus.nets.mmda.pretraining import pretrain
from vultus.nets.mmda.sizing import matched
from vultus.nets.mmda.tower import SmallTower
from vultus.nets.mmda.training import Arrays, Training, fit, predict, scaled

HELD_OUT = 0.2  # of the people of every source domain: validation
MISSING = {"all": (True, True, True), "no depth": (True, False, True), "no ir": (True, True, False),
           "rgb alone": (True, False, False)}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Run:
    """What sets one run apart; its name is its file."""

    variant: str
    seed: int
    target: str
    amplitude: float
    noise: str = "additive"
    control: str = ""  # "", "shuffled" labels, "inverted" (those, each the other way), "tint" alone

    @property
    def name(self) -> str:
        control = f"-{self.control}" if self.control else ""
        return f"{self.target}-{self.noise}{self.amplitude:g}{control}-seed{self.seed}-{self.variant}"

    @property
    def pictures(self) -> tuple[Any, ...]:
        """Runs that agree in this train on the same pictures and share a tower."""
        return self.target, self.noise, self.amplitude, self.control == "tint", self.seed


@dataclass(frozen=True, slots=True, eq=False)
class Sets:
    """Source samples to train and to set thresholds on, and the target."""

    train: Arrays
    validation: Arrays
    target: Arrays


def sets(run: Run, simulation: Simulation) -> Sets:
    """Draw the domains; people of the validation part are in no other part."""
    drawn = replace(simulation, seed=run.seed, amplitude=run.amplitude, noise=run.noise, live_cue=run.control != "tint")
    sources = [domain(name, drawn) for name in DOMAINS if name != run.target]
    held = [np.isin(each.people, np.unique(each.people)[-max(round(HELD_OUT * drawn.people), 1) :]) for each in sources]
    return Sets(
        joined([(each, ~out) for each, out in zip(sources, held, strict=True)]),
        joined(list(zip(sources, held, strict=True))),
        joined([(target := domain(run.target, drawn, target=True), np.ones(len(target.live), bool))]),
    )


def joined(parts: list[tuple[SimulatedDomain, NDArray[np.bool_]]]) -> Arrays:
    """The chosen samples of several domains in one."""
    return Arrays(
        np.concatenate([each.planes[kept] for each, kept in parts]),
        np.concatenate([each.live[kept] for each, kept in parts]),
        np.concatenate([np.full(int(kept.sum()), DOMAINS.index(each.name)) for each, kept in parts]),
    )


def outcome(
    network: MMDA, run: Run, data: Sets, training: Training, told: Callable[[int, float], None] | None
) -> dict[str, Any]:
    """Train and score: the honest protocol and, beside it, the field's."""
    train = data.train
    if run.control in ("shuffled", "inverted"):
        mixed = np.random.default_rng([run.seed, 7]).permutation(train.live)
        if run.control == "inverted":
            mixed = ~mixed
        train = Arrays(train.pixels, mixed, train.domains)
    per_epoch: list[float] = []

    def after(epoch: int, loss: float) -> None:
        if told:
            told(epoch, loss)
        if epoch + 1 < training.epochs:
            network.eval()
            network.fit_keys(iter([scaled(data.train.pixels[:: max(len(data.train.live) // 256, 1)])]), seed=run.seed)
            per_epoch.append(own_eer(predict(network, data.target), data.target.live)[0])
            network.train()

    started = time.perf_counter()
    losses = fit(network, train, training, told=after)
    seconds = time.perf_counter() - started
    known, missing = predict(network, data.validation), {}
    threshold = sweep.eer_threshold(known[data.validation.live], known[~data.validation.live])
    for name, there in MISSING.items():
        scores = predict(network, data.target, modalities=there)
        missing[name] = {
            "hter": hter(scores, data.target.live, threshold),
            "auc": auc(scores[data.target.live], scores[~data.target.live]),
        }
        if name == "all":
            final = scores
    per_epoch.append(own_eer(final, data.target.live)[0])
    mix = getattr(network.fusion, "mix", None)
    return {
        **asdict(run),
        "parameters": trainable(network),
        "steps": training.epochs * -(-len(train.live) // training.batch),
        "losses": [round(each, 5) for each in losses],
        "lambda": None if mix is None else round(float(mix.weight().detach()), 5),
        "validation_auc": auc(known[data.validation.live], known[~data.validation.live]),
        "auc": missing["all"]["auc"],
        "honest": {"threshold": threshold, "hter": missing["all"]["hter"], "epoch": training.epochs},
        "field": {
            "threshold": own_eer(final, data.target.live)[1],
            "hter": min(per_epoch),
            "epoch": 1 + int(np.argmin(per_epoch)),
        },
        "missing": missing,
        "seconds": round(seconds, 1),
    }


def hter(scores: NDArray[np.float64], live: NDArray[np.bool_], threshold: float) -> float:
    """(FAR + FRR) / 2 at a threshold."""
    return rates(Presentations(scores[live], {"attack": scores[~live]}), threshold).hter.value


def own_eer(scores: NDArray[np.float64], live: NDArray[np.bool_]) -> tuple[float, float]:
    """HTER at the EER threshold of the very samples it is told of, and that threshold."""
    threshold = sweep.eer_threshold(scores[live], scores[~live])
    return hter(scores, live, threshold), threshold


def study(
    runs: list[Run], simulation: Simulation, training: Training, folder: Path, say: Callable[[str], None]
) -> Iterator[dict[str, Any]]:
    """The outcome of each run; those whose file lies in the folder are not run again."""
    kept: tuple[Any, tuple[Sets, SmallTower]] | None = None
    settings = {"simulation": asdict(replace(simulation, seed=0, amplitude=0)), "training": asdict(training)}
    for at, run in enumerate(runs, 1):
        file = folder / f"{run.name}.json"
        if file.is_file():
            found = json.loads(file.read_text(encoding="utf-8"))
            if found["settings"] == settings:
                yield found
                continue
            say(f"{file.name} was made with other settings: run again")
        if kept is None or kept[0] != run.pictures:
            say(f"{run.name}: drawing the domains and training the tower")
            data = sets(run, simulation)
            kept = (run.pictures, (data, tower_of(run, data, simulation, folder)))
        data, tower = kept[1]
        network = build(run, tower)
        found = outcome(network, run, data, replace(training, seed=run.seed), None)
        found["settings"] = settings
        write_atomically(file, (json.dumps(found, indent=1) + "\n").encode())
        say(
            f"[{at}/{len(runs)}] {run.name}: HTER honest {found['honest']['hter']:.4f}, field "
            f"{found['field']['hter']:.4f}, AUC {found['auc']:.4f}, {found['seconds']:.0f} s"
        )
        yield found


def tower_of(run: Run, data: Sets, simulation: Simulation, folder: Path) -> SmallTower:
    """The tower of these pictures, trained once and kept in the folder."""
    torch.manual_seed(run.seed)
    tower = SmallTower(size=simulation.size)
    what = "tint" if run.control == "tint" else ""
    file = folder / f"{run.target}-{run.noise}{run.amplitude:g}{what}-seed{run.seed}-n{simulation.samples}.tower"
    if file.is_file():
        tower.load_state_dict(torch.load(file, weights_only=True))
        return tower.requires_grad_(False)
    pretrain(tower, scaled(data.train.pixels).flatten(0, 1), seed=run.seed)
    opened = io.BytesIO()
    torch.save(tower.state_dict(), opened)
    write_atomically(file, opened.getbuffer())
    return tower


def build(run: Run, tower: SmallTower) -> MMDA:
    """The variant at the size of the whole network, on a tower that is shared and frozen."""
    options = replace(small(), size=tower.patch * int((tower.places.shape[1] - 1) ** 0.5))
    prompts = orthonormal_prompts(2, options.prompts, tower.features)
    size = trainable(MMDA(options, tower, prompts))
    chosen = matched(variant(options, run.variant), size, tower, prompts)
    torch.manual_seed(run.seed)
    return MMDA(chosen, tower, prompts)
