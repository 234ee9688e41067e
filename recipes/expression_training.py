"""Training of recipes/expression.py: one recipe for every network, decided on validation, resumable to the bit."""

from __future__ import annotations

import copy
import io
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from expression_data import Expressions, Part
from expression_nets import Reader
from numpy.typing import NDArray
from torch import Tensor, nn

from vultus.errors import InputError
from vultus.files import write_atomically
from vultus.nets.dlib_resnet import DlibResNet


@dataclass(frozen=True)
class Training:
    """The documented configuration."""

    epochs: int = 15
    batch: int = 128
    optimiser: str = "adamw"  # or "sgd", Nesterov's, momentum 0.9
    rate: float = 2e-3
    decay: float = 0.05
    warm_up: float = 0.05  # share of the steps until the rate is full; cosine to 0 after that
    smoothing: float = 0.1
    degrees: float = 10.0
    shift: float = 4 / 48  # of the side: a random crop
    zoom: float = 0.0  # up to so much larger or smaller
    light: float = 0.0  # deviation of the logarithm of contrast; networks that see each face normalised do not see it
    erase: float = 0.0  # chance that a rectangle is covered
    mix: float = 0.0  # alpha of mixup; 0: none
    ema: float = 0.998
    clip: float = 1.0
    teach: float = 0.6  # weight of the teachers' answers, where there are teachers
    layer: float = 1.0  # each layer's rate over that of the layer above it, of networks that begin with weights
    bf16: bool = False
    seed: int = 0


def augmented(faces: Tensor, training: Training, generator: torch.Generator, *, side: int | None = None) -> Tensor:
    """Flip, turn, shift, zoom and cover faces (B, C, S, S), each in its own way; borders are repeated.

    side: of the faces that come out, by default of those that went in.
    """
    count, channels = faces.shape[:2]
    side = side or faces.shape[2]

    def drawn(low: float, high: float) -> Tensor:
        return torch.rand(count, generator=generator) * (high - low) + low

    angle = drawn(-1, 1) * math.radians(training.degrees)
    size = torch.exp(drawn(-1, 1) * math.log1p(training.zoom))
    mirror = torch.where(drawn(0, 1) < 0.5, -1.0, 1.0)
    turn = torch.stack(
        [
            torch.stack([torch.cos(angle) / size * mirror, -torch.sin(angle) / size, drawn(-2, 2) * training.shift], 1),
            torch.stack([torch.sin(angle) / size * mirror, torch.cos(angle) / size, drawn(-2, 2) * training.shift], 1),
        ],
        1,
    )  # (B, 2, 3), in units of half a side
    grid = nn.functional.affine_grid(turn, [count, channels, side, side], align_corners=False)
    faces = nn.functional.grid_sample(faces, grid, padding_mode="border", align_corners=False)
    if training.light:
        mean = faces.mean((1, 2, 3), keepdim=True)
        gain = torch.exp(torch.randn(count, 1, 1, 1, generator=generator) * training.light)
        faces = torch.clamp(mean + (faces - mean) * gain, 0, 255)
    if training.erase:
        hit = (drawn(0, 1) < training.erase)[:, None, None]
        height, width = drawn(0.15, 0.4) * side, drawn(0.15, 0.4) * side
        top, left = drawn(0, 1) * (side - height), drawn(0, 1) * (side - width)
        at = torch.arange(side)
        rows = (at >= top[:, None]) & (at < (top + height)[:, None])
        columns = (at >= left[:, None]) & (at < (left + width)[:, None])
        cover = (rows[:, :, None] & columns[:, None, :] & hit)[:, None]
        faces = torch.where(cover, faces.mean((1, 2, 3), keepdim=True), faces)
    return faces


def tensor(part: Part, rows: NDArray[np.int64], side: int) -> Tensor:
    """Faces as (k, C, S, S) levels."""
    return torch.from_numpy(np.ascontiguousarray(part.read(rows, side).transpose(0, 3, 1, 2))).float()


def rate_at(step: int, steps: int, training: Training) -> float:
    """The learning rate of a step: linear up, then half a cosine down."""
    rise = max(int(steps * training.warm_up), 1)
    if step < rise:
        return training.rate * (step + 1) / rise
    return training.rate * 0.5 * (1 + math.cos(math.pi * (step - rise) / max(steps - rise, 1)))


def fit(
    net: Reader,
    data: Expressions,
    training: Training,
    folder: Path,
    *,
    teachers: Sequence[nn.Module] = (),
    name: str = "",
    stop_after: int | None = None,
    say: Callable[[str], None] = print,
) -> list[dict[str, float]]:
    """Train in place; afterwards the net holds the averaged weights of the epoch that validation liked best.

    folder: checkpoint.pt is written after every epoch and gone on from, best.pt holds the
    choice, history.json what was seen. An epoch hangs on its number and the seed alone, so a run
    that was killed ends as it would have. stop_after: so many epochs now. Refused (InputError):
    a checkpoint of another network, configuration or set.
    """
    what = {"net": name, "classes": list(data.classes), "set": data.name, "notes": list(data.notes),
            "faces": len(data.train), "teachers": len(teachers), **asdict(training)}  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    moved = [each for each in net.parameters() if each.requires_grad]
    optimiser = _optimiser(net, training)
    average = copy.deepcopy(net).eval()
    history: list[dict[str, float]] = []
    if (file := folder / "checkpoint.pt").is_file():
        history = _continued(file, what, net, average, optimiser)
        say(f"{folder}: goes on after epoch {len(history)} of {training.epochs}")
    channels_last = torch.channels_last
    net.to(memory_format=channels_last)
    per_epoch = len(data.train) // training.batch or 1
    steps = per_epoch * training.epochs
    labels = torch.from_numpy(data.train.labels)
    frozen = [each for each in net.modules() if _is_frozen(each)]
    for epoch in range(len(history), training.epochs):
        if stop_after is not None and epoch >= stop_after:
            break
        seed = training.seed * 100_003 + epoch
        torch.manual_seed(seed)
        generator = torch.Generator().manual_seed(seed)
        net.train()
        for each in frozen:
            each.eval()
        began, total, right = time.monotonic(), 0.0, 0
        order = torch.randperm(len(labels), generator=generator)
        for index, rows in enumerate(torch.split(order, training.batch)[:per_epoch]):
            step = epoch * per_epoch + index
            for group in optimiser.param_groups:
                group["lr"] = rate_at(step, steps, training) * group["share"]
            faces = augmented(tensor(data.train, rows.numpy(), net.side), training, generator, side=net.seen)
            targets = _targets(labels[rows], len(data.classes), training)
            if training.mix:
                faces, targets = _mixed(faces, targets, training, generator)
            faces = faces.contiguous(memory_format=channels_last)
            with torch.autocast("cpu", torch.bfloat16, enabled=training.bf16):
                if teachers:
                    with torch.no_grad():
                        said = torch.stack([teacher(faces).float().softmax(1) for teacher in teachers]).mean(0)
                    targets = (1 - training.teach) * targets + training.teach * said
                logits = net(faces).float()
            loss = nn.functional.cross_entropy(logits, targets)
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            nn.utils.clip_grad_norm_(moved, training.clip)
            optimiser.step()
            _averaged(average, net, min(training.ema, (1 + step) / (10 + step)))
            total += float(loss.detach())
            right += int((logits.detach().argmax(1) == labels[rows]).sum())
        validated = _validated(average, data.validation, training.bf16)
        history.append(
            {"epoch": epoch + 1, "loss": total / per_epoch, "train": right / (per_epoch * training.batch), **validated}
        )
        if validated["accuracy"] >= max(each["accuracy"] for each in history):
            _save(folder / "best.pt", {"what": what, "epoch": epoch + 1, "state": average.state_dict()})
        _save(
            folder / "checkpoint.pt",
            {"what": what, "state": net.state_dict(), "average": average.state_dict(),
             "optimiser": optimiser.state_dict(), "history": history},
        )  # fmt: skip
        write_atomically(folder / "history.json", (json.dumps(history, indent=1) + "\n").encode())
        say(
            f"{folder.name} epoch {epoch + 1}/{training.epochs} loss {history[-1]['loss']:.4f} validation "
            f"{validated['accuracy']:.4f} nll {validated['nll']:.4f} {time.monotonic() - began:.0f} s"
        )
    restore(folder / "best.pt", net)
    return history


def restore(file: Path, net: nn.Module, *, name: str | None = None) -> dict[str, Any]:
    """Fill a network from best.pt and say what it was made with.

    Refused (InputError): no such file, a checkpoint of another architecture.
    """
    if not file.is_file():
        raise InputError(f"expected the checkpoint of a run at {file}; train first")
    held: dict[str, Any] = torch.load(file, weights_only=True)
    if name is not None and held["what"]["net"] != name:
        raise InputError(f"{file}: expected a checkpoint of {name}, it is one of {held['what']['net']}")
    try:
        net.load_state_dict(held["state"])
    except RuntimeError as error:
        raise InputError(f"{file}: expected weights of this architecture: {str(error).splitlines()[-1]}") from error
    net.eval()
    return held


@torch.no_grad()
def logits_of(net: Reader, part: Part, *, batch: int = 128, bf16: bool = False) -> NDArray[np.float64]:
    """Logits (n, classes), in single precision unless bf16 is wished."""
    net.eval()
    found = []
    for rows in np.array_split(np.arange(len(part)), max(-(-len(part) // batch), 1)):
        faces = tensor(part, rows, net.side).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            found.append(net(faces).double().numpy())
    return np.concatenate(found)


def _validated(net: Reader, part: Part, bf16: bool) -> dict[str, float]:
    logits = torch.from_numpy(logits_of(net, part, bf16=bf16))
    truth = torch.from_numpy(part.labels)
    nll = float(nn.functional.cross_entropy(logits, truth))
    return {"accuracy": float((logits.argmax(1) == truth).double().mean()), "nll": nll}


def _optimiser(net: Reader, training: Training) -> torch.optim.Optimizer:
    """Weights decay, biases and scales do not; "share" is what of the rate a group has."""
    layers = [list(net.parameters())]
    if training.layer != 1:
        if not isinstance(net.net, DlibResNet):
            raise InputError("expected --layer with dlib-short or dlib-whole: the others begin without weights")
        layers = net.net.depths()
    groups: list[dict[str, Any]] = []
    for height, layer in enumerate(reversed(layers)):
        moved = [each for each in layer if each.requires_grad]
        for chosen, decay in (
            ([each for each in moved if each.ndim > 1], training.decay),
            ([each for each in moved if each.ndim <= 1], 0.0),
        ):
            groups.append({"params": chosen, "weight_decay": decay, "share": training.layer**height})
    groups = [each for each in groups if each["params"]]
    if training.optimiser == "adamw":
        return torch.optim.AdamW(groups, lr=training.rate)
    if training.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=training.rate, momentum=0.9, nesterov=True)
    raise InputError(f"expected optimiser adamw or sgd, got {training.optimiser!r}")


def _is_frozen(module: nn.Module) -> bool:
    own = list(module.parameters())
    return bool(own) and not any(each.requires_grad for each in own)


def _targets(labels: Tensor, classes: int, training: Training) -> Tensor:
    hot = nn.functional.one_hot(labels, classes).float()
    return hot * (1 - training.smoothing) + training.smoothing / classes


def _mixed(faces: Tensor, targets: Tensor, training: Training, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Mixup: one share a batch, from the seed of the epoch (torch's own generator draws no Beta)."""
    state = int(torch.randint(2**31, (1,), generator=generator))
    share = float(np.random.default_rng(state).beta(training.mix, training.mix))
    other = torch.randperm(len(faces), generator=generator)
    return share * faces + (1 - share) * faces[other], share * targets + (1 - share) * targets[other]


@torch.no_grad()
def _averaged(average: nn.Module, net: nn.Module, decay: float) -> None:
    for kept, now in zip(average.state_dict().values(), net.state_dict().values(), strict=True):
        if kept.dtype.is_floating_point:
            kept.lerp_(now, 1 - decay)
        else:
            kept.copy_(now)


def _continued(
    file: Path, what: dict[str, Any], net: nn.Module, average: nn.Module, optimiser: torch.optim.Optimizer
) -> list[dict[str, float]]:
    held = torch.load(file, weights_only=True)
    if held["what"] != what:
        before = held["what"]
        other = [f"{key} {before.get(key)!r}, now {each!r}" for key, each in what.items() if before.get(key) != each]
        raise InputError(
            f"{file}: expected a checkpoint of this run, it differs in {'; '.join(other)}; take a new --out"
        )
    net.load_state_dict(held["state"])
    average.load_state_dict(held["average"])
    optimiser.load_state_dict(held["optimiser"])
    found: list[dict[str, float]] = held["history"]
    return found


def _save(file: Path, held: dict[str, Any]) -> None:
    made = io.BytesIO()
    torch.save(held, made)
    write_atomically(file, made.getbuffer())
