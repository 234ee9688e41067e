"""Train what tells the kind of manipulation from a revealed mark, its controls, and try them on the portraits.

    python recipes/document_manipulations.py --data ../shared/data --out runs/manipulations
    python recipes/document_manipulations.py ... --ship      # the classifier of both marks into the package

Needs the marks in the package (recipes/document_mark.py, document_mark_ship.py); one that is not there
is left out. Up to five trainings of one network (vultus.nets.revealed) on pictures that are manipulated
alike: on what each mark reveals, on both together (that one ships), and, as a control, on pictures
without any mark and on what a median of 3 takes from them. LFW's people are learned from, a tenth of
them decides on temperature and threshold; the portraits are opened once, with strengths, partners and
people that nothing was learned from. The answers go to test.json, the figures with their intervals to
figures.json and into the card.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import time
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from document_manipulations_data import NETS, RUNS, SIDE, SOURCES, Samples, kept, learners, sitters
from document_manipulations_trial import family_places, family_probabilities, figures, tried
from expression_ship import softmax, temperature_of
from numpy.typing import NDArray
from torch import Tensor, nn

from vultus import weights
from vultus.errors import InputError, VultusError
from vultus.files import write_atomically
from vultus.integrity import marks
from vultus.integrity.manipulations import INTACT
from vultus.integrity.marks.revealed import families
from vultus.integrity.marks.revealed.pattern import CELL
from vultus.nets.revealed import RevealedNet
from vultus.runtime import EngineOptions, Feed, session

PLACE = Path(__file__).parents[1] / "src" / "vultus" / "integrity" / "marks" / "weights"
RIGHT = 0.95  # of the families that are named, on the people who decide
LIMIT = 6_000_000  # bytes of the file
SETTLING = 30  # batches


@dataclass(frozen=True)
class Training:
    """The documented configuration."""

    people: int = 450
    epochs: int = 6
    batch: int = 32
    rate: float = 2e-3
    decay: float = 0.02
    smoothing: float = 0.05
    gain: float = 0.1  # how far, in logarithm, the evened scale is stretched or shrunk by chance
    seed: int = 0


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    training = Training(people=options.people, epochs=options.epochs, seed=options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    try:
        runs = [name for name in RUNS if set(RUNS[name]) <= set(options.sources)]
        people = learners(options.data, training.people, training.seed)
        sets = {name: kept(options.out / f"{name}.npz", name, people) for name in options.sources}
        nets = {name: fitted(training, name, [sets[each] for each in RUNS[name]], options.out) for name in runs}
        if options.test:
            rows = tried(nets, sitters(options.data))
            write_atomically(options.out / "test.json", (json.dumps(rows) + "\n").encode())
            found = figures(rows)
            write_atomically(options.out / "figures.json", (json.dumps(found, indent=1) + "\n").encode())
            print(json.dumps(found, indent=1))
        if options.ship:
            print(json.dumps(ship(options.out, options.place, options.net), indent=1))
    except VultusError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--data", type=Path, required=True, help="folder with lfw and portraits")
    made.add_argument("--out", type=Path, required=True)
    made.add_argument(
        "--sources",
        nargs="+",
        choices=SOURCES,
        default=[each for each in SOURCES if each not in NETS or each in marks.names()],
    )
    made.add_argument("--people", type=int, default=Training.people)
    made.add_argument("--epochs", type=int, default=Training.epochs)
    made.add_argument("--seed", type=int, default=0)
    made.add_argument("--threads", type=int, default=1)
    made.add_argument("--test", action="store_true", help="try all on the portraits")
    made.add_argument("--ship", action="store_true", help="lay the classifier of both marks into the package")
    made.add_argument("--net", choices=tuple(RUNS), default="both", help="which network ships")
    made.add_argument("--place", type=Path, default=PLACE)
    return made


def inputs_of(samples: Samples, rows: NDArray[np.int64]) -> Tensor:
    """What the network sees of some samples, (B, 6, S, S); as `vultus…families.inputs`, in batches."""
    even = torch.from_numpy(samples.shown[rows]).float() / families.STEPS
    bits = torch.from_numpy(samples.bits[rows])
    expected = bits.repeat_interleave(CELL, 2).repeat_interleave(CELL, 3)
    return torch.cat([even, torch.where(expected, -even, even)], 1)


def varied(planes: Tensor, training: Training, rng: np.random.Generator) -> Tensor:
    """Each sample mirrored and turned by quarters, and its scale stretched a little, by chance.

    By sample and not by batch: what a batch has in common, its normalisation takes away.
    """
    made, ways = torch.empty_like(planes), rng.integers(8, size=len(planes))
    for way in range(8):
        rows = torch.from_numpy(np.flatnonzero(ways == way))
        some = torch.rot90(planes[rows], way % 4, (2, 3))
        made[rows] = some.flip(3) if way >= 4 else some
    gain = np.exp(rng.uniform(-training.gain, training.gain, (len(planes), 1, 1, 1))).astype(np.float32)
    return (made * torch.from_numpy(gain)).clamp(-families.MOST, families.MOST)


def fitted(training: Training, name: str, sets: Sequence[Samples], out: Path) -> dict[str, Any]:
    """A trained network with its temperature and threshold; from its file where it was trained before."""
    file = out / f"{name}.pt"
    if file.is_file():
        held: dict[str, Any] = torch.load(file, weights_only=True)
        if held["training"] == asdict(training):
            return held
    torch.manual_seed(training.seed)
    net = RevealedNet(len(families.CLASSES)).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(net.parameters(), lr=training.rate, weight_decay=training.decay)
    places = [(at, row) for at, each in enumerate(sets) for row in np.flatnonzero(~each.decides)]
    counts = np.bincount(np.concatenate([each.labels for each in sets]), minlength=len(families.CLASSES))
    weight = torch.from_numpy((counts.sum() / np.maximum(counts, 1)) ** 0.5).float()
    loss_of = nn.CrossEntropyLoss(weight / weight.mean(), label_smoothing=training.smoothing)
    steps = training.epochs * (len(places) // training.batch)
    step, began = 0, time.process_time()
    for epoch in range(training.epochs):
        net.train()
        rng = np.random.default_rng([training.seed, epoch])
        order, total = rng.permutation(len(places)), 0.0
        for start in range(0, len(places) - training.batch + 1, training.batch):
            chosen = [places[at] for at in order[start : start + training.batch]]
            parts, truth = [], []
            for at, samples in enumerate(sets):
                rows = np.array([row for whose, row in chosen if whose == at], np.int64)
                if len(rows):
                    parts.append(inputs_of(samples, rows))
                    truth.append(samples.labels[rows])
            given = varied(torch.cat(parts), training, rng).contiguous(memory_format=torch.channels_last)
            for group in optimiser.param_groups:
                group["lr"] = training.rate * min(1.0, step / 100) * 0.5 * (1 + np.cos(np.pi * step / steps))
            with torch.autocast("cpu", torch.bfloat16):
                logits = net(given)
            loss = loss_of(logits.float(), torch.from_numpy(np.concatenate(truth)))
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            step, total = step + 1, total + float(loss.detach())
        settle(net, training, sets, places)
        deciding = [decided(net, each) for each in sets]
        right = [float(np.mean(family_places(logits.argmax(1)) == family_places(truth))) for logits, truth in deciding]
        told = ", ".join(f"{value:.3f}" for value in right)
        spent = time.process_time() - began
        print(f"{name} epoch {epoch + 1}/{training.epochs} loss {total / (steps // training.epochs):.3f} "
              f"families right {told} {spent:.0f} s", flush=True)  # fmt: skip
    logits, truth = (np.concatenate(part) for part in zip(*deciding, strict=True))
    temperature = temperature_of(logits.astype(np.float64), truth)
    found = {
        "training": asdict(training),
        "state": net.state_dict(),
        "temperature": temperature,
        "sure": sure(softmax(logits / temperature), truth),
        "intact": least_intact(softmax(logits / temperature), truth),
        "decided": dict(zip(RUNS[name], right, strict=True)),
        "samples": len(places),
        "cpu_seconds": spent,
    }
    held_ = io.BytesIO()
    torch.save(found, held_)
    write_atomically(file, held_.getbuffer())
    return found


@torch.no_grad()
def settle(net: nn.Module, training: Training, sets: Sequence[Samples], places: Sequence[tuple[int, int]]) -> None:
    """Take the means of the normalisation anew, in single precision, from samples as they are."""
    for each in net.modules():
        if isinstance(each, nn.BatchNorm2d):
            each.reset_running_stats()
            each.momentum = None
    net.train()
    rng = np.random.default_rng(training.seed)
    for _ in range(SETTLING):
        chosen = [places[at] for at in rng.choice(len(places), min(training.batch, len(places)), replace=False)]
        parts = [inputs_of(sets[at], np.array([row])) for at, row in chosen]
        net(torch.cat(parts))
    for each in net.modules():
        if isinstance(each, nn.BatchNorm2d):
            each.momentum = 0.1


@torch.no_grad()
def decided(net: nn.Module, samples: Samples) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Logits and classes of the samples that decide."""
    net.eval()
    rows = np.flatnonzero(samples.decides)
    found = [net(inputs_of(samples, rows[at : at + 64])).numpy() for at in range(0, len(rows), 64)]
    return np.concatenate(found).astype(np.float64), samples.labels[rows]


def sure(probabilities: NDArray[np.float64], truth: NDArray[np.int64]) -> float:
    """The least probability, a half or more, from which 95 % of the families that are named are right."""
    named = family_probabilities(probabilities)
    top, right = named.max(1), named.argmax(1) == family_places(truth)
    nothing = families.CLASSES.index(families.NOTHING)
    named_ = named.argmax(1) != nothing
    for value in np.arange(0.5, 0.99, 0.01):
        answered = named_ & (top >= value)
        if answered.any() and right[answered].mean() >= RIGHT:
            return float(round(value, 2))
    return 0.99


def least_intact(probabilities: NDArray[np.float64], truth: NDArray[np.int64]) -> float:
    """Half of the least probability of "intact" that an intact picture of the people who decide got."""
    intact = families.CLASSES.index(INTACT)
    return float(round(probabilities[truth == intact, intact].min() / 2, 3))


class Deployed(nn.Module):
    """Evened planes (1, 6, H, W) packed as two pictures of 3 channels and 8 bits, to probabilities (1, classes)."""

    def __init__(self, net: nn.Module, temperature: float) -> None:
        super().__init__()
        self.net, self.temperature = net, temperature

    def forward(self, pictures: Tensor) -> Tensor:
        planes = (pictures - 128) / families.STEPS
        logits = self.net(planes.reshape(1, 6, *pictures.shape[2:]))
        return torch.softmax(logits / self.temperature, 1)


@torch.no_grad()
def ship(out: Path, place: Path, name: str = "both") -> dict[str, Any]:
    """The network of a run as families.onnx, and its card.

    Refused (InputError): a file that answers otherwise, one over 6 MB.
    """
    held = torch.load(out / f"{name}.pt", weights_only=True)
    net = RevealedNet(len(families.CLASSES))
    net.load_state_dict(held["state"])
    whole, made = Deployed(net.eval(), held["temperature"]).eval(), io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the newer exporter wants onnxscript
        torch.onnx.export(
            whole, (torch.zeros(2, 3, SIDE, SIDE),), made, input_names=["pictures"],  # type: ignore[arg-type]
            output_names=["probabilities"], dynamic_axes={"pictures": {0: "two", 2: "height", 3: "width"}},
            opset_version=17, dynamo=False,
        )  # fmt: skip
    if len(made.getvalue()) > LIMIT:
        raise InputError(f"expected a file of at most {LIMIT:,} bytes, got {len(made.getvalue()):,}")
    file = place / "families.onnx"
    write_atomically(file, made.getvalue())
    asked = np.random.default_rng(0).integers(0, 256, (2, 96, 152, 3)).astype(np.uint8)
    answer = session(file, Feed("pictures"), EngineOptions(precision="fp32")).run(asked)[0]
    apart = float(np.abs(answer - whole(torch.from_numpy(asked.transpose(0, 3, 1, 2)).float()).numpy()).max())
    if apart > 1e-3:
        raise InputError(f"{file}: expected the network's answers, they differ by {apart:.2g}")
    tested = out / "figures.json"
    card = {
        "name": "families",
        "learned_from": RUNS[name],
        "task": "which kind of manipulation left a revealed mark as it is",
        "classes": families.CLASSES,
        "sure": held["sure"],
        "intact": held["intact"],
        "temperature": held["temperature"],
        "sha256": weights.sha256_of(file),
        "bytes": file.stat().st_size,
        "parameters": sum(each.numel() for each in net.parameters()),
        "recipe": "recipes/document_manipulations.py",
        "training": held["training"],
        "samples": held["samples"],
        "date": time.strftime("%Y-%m-%d"),
        "data": "one picture of each of LFW's people, a tenth of whom decide; tried on the London Set's portraits",
        "decided": held["decided"],
        "figures": json.loads(tested.read_text("utf-8")) if tested.is_file() else None,
        "apart": apart,
        "licence": "Apache-2.0 for the file; made from research data, of which no picture can be read out of it",
    }
    write_atomically(place / "families.json", (json.dumps(card, indent=1) + "\n").encode())
    return card


if __name__ == "__main__":
    sys.exit(main())
