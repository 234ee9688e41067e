"""Train the two networks of a deep mark: one hides a keyed pattern in a document photo, one shows it again.

    python recipes/document_mark.py --data ../shared/data --method blind --out runs/mark
    python recipes/document_mark.py ... --method seeing                  # the second, different method
    python recipes/document_mark.py ... --test                           # portraits, opened once, and ONNX

Covers: crops of UTKFace and of LFW's people, of whom a twentieth decide (which step is kept), none
of whom stand in the portraits of the test. Secrets: fresh random bits for every sample, so that no
pattern can be learned by heart. The hidden form is rounded to 8 bits before it is shown again.
Loss: |C' - C|^2 + weight |S' - S|^2 in levels of 0..1 (UDH's), for "seeing" Charbonnier's in place
of the squares. A run that was stopped goes on where it was.
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

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vultus import images, weights
from vultus.datasets import portraits, utkface
from vultus.errors import InputError, NotFoundError, VultusError
from vultus.files import write_atomically
from vultus.metrics.image import psnr, ssim
from vultus.nets import hiding
from vultus.runtime import EngineOptions, Feed, session

SIDE = 128  # pixels of a training crop
MASTER = 448  # pixels of a test master, which the portraits are reduced to
DECIDES = 20  # one cover in so many decides


@dataclass(frozen=True)
class Training:
    """The documented configuration."""

    method: str = "blind"
    steps: int = 4000
    batch: int = 8
    rate: float = 1e-3
    reveal: float = 0.75  # weight of the secret in the loss
    covers: int = 2000
    grain: float = 0.0  # levels: deviation of noise in the covers, at most; their contrast varies with it
    seed: int = 0
    bf16: bool = True


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    training = Training(
        options.method, options.steps, options.batch, options.rate, options.reveal, options.covers, options.grain,
        options.seed, not options.fp32,
    )  # fmt: skip
    folder = options.out / options.method
    try:
        nets = fit(training, options.data, folder, every=options.every)
        if options.test:
            print(json.dumps(tested(training, nets, options.data, folder), indent=1))
    except VultusError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--data", type=Path, required=True, help="folder with utkface, lfw and portraits")
    made.add_argument("--out", type=Path, required=True)
    made.add_argument("--method", choices=hiding.METHODS, default="blind")
    made.add_argument("--steps", type=int, default=Training.steps)
    made.add_argument("--batch", type=int, default=Training.batch)
    made.add_argument("--rate", type=float, default=Training.rate)
    made.add_argument("--reveal", type=float, default=Training.reveal)
    made.add_argument("--covers", type=int, default=Training.covers)
    made.add_argument("--grain", type=float, default=Training.grain, help="levels of noise in the covers, at most")
    made.add_argument("--seed", type=int, default=0)
    made.add_argument("--every", type=int, default=250, help="steps between two looks at the covers that decide")
    made.add_argument("--threads", type=int, default=1)
    made.add_argument("--fp32", action="store_true", help="train in single precision throughout")
    made.add_argument("--test", action="store_true", help="measure on the portraits and write ONNX")
    return made


def covers(data: Path, count: int, seed: int) -> tuple[list[NDArray[np.uint8]], list[NDArray[np.uint8]]]:
    """Photographs to hide in: those to train on, and those of other pictures that decide. LFW goes by person.

    Refused (NotFoundError): no such folders.
    """
    folder = data / "lfw" / "images"
    if not folder.is_dir():
        raise NotFoundError(f"expected LFW's people, a folder each, in {folder}; lay them there")
    rng = np.random.default_rng(seed)
    people = sorted(each for each in folder.iterdir() if each.is_dir())
    faces = [each.path for each in utkface.read(data / "utkface").pictures]
    rng.shuffle(people)
    rng.shuffle(faces)
    kept = max(len(people) // DECIDES, 1)
    lfw = {"decide": people[:kept], "train": people[kept:]}
    cut = max(len(faces) // DECIDES, 1)
    utk = {"decide": faces[:cut], "train": faces[cut:]}
    parts = []
    for part, most in (("train", count), ("decide", max(count // DECIDES, 16))):
        files = [min(person.iterdir()) for person in lfw[part]][: most // 2]
        files += utk[part][: most - len(files)]
        parts.append([_sized(images.read(each)) for each in files])
    return parts[0], parts[1]


def _sized(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """About 200 pixels on the shorter side, as the crops are a part of a face."""
    scale = 200 / min(image.shape[:2])
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)


def batch_of(pictures: Sequence[NDArray[np.uint8]], rng: np.random.Generator, size: int, grain: float = 0.0) -> Tensor:
    """Random crops, mirrored by chance, (B, 3, 128, 128) in 0..1.

    grain: where above 0, contrast is drawn from 0.7 to 1.6 and noise of up to so many levels is added, since
    cloth and hair are rougher than these faces.
    """
    found = []
    for index in rng.integers(len(pictures), size=size):
        picture = pictures[index]
        top, left = (int(rng.integers(side - SIDE + 1)) for side in picture.shape[:2])
        crop = picture[top : top + SIDE, left : left + SIDE]
        crop = crop[:, ::-1] if rng.random() < 0.5 else crop
        found.append(_roughened(crop, rng, grain) if grain else crop)
    return torch.from_numpy(np.stack(found).transpose(0, 3, 1, 2).astype(np.float32) / 255)


def _roughened(crop: NDArray[np.uint8], rng: np.random.Generator, grain: float) -> NDArray[np.uint8]:
    mean, gain = crop.mean(), rng.uniform(0.7, 1.6)
    noise = rng.normal(0, rng.uniform(0, grain), crop.shape)
    return np.clip(np.rint(mean + gain * (crop - mean) + noise), 0, 255).astype(np.uint8)


def bits_of(rng: np.random.Generator, size: int, side: int) -> Tensor:
    """Fresh random bits (B, 3, side / 8, side / 8)."""
    cells = side // hiding.BLOCK
    return torch.from_numpy(rng.integers(0, 2, (size, 3, cells, cells)).astype(np.float32))


def loss_of(training: Training, cover: Tensor, hidden: Tensor, secret: Tensor, shown: Tensor) -> Tensor:
    """Of the hidden form and of what was shown (logits)."""
    apart, wrong = hidden - cover, torch.sigmoid(shown) - secret
    if training.method == "seeing":
        charbonnier = (torch.sqrt(each * each + 1e-6).mean() for each in (apart, wrong))
        first, second = charbonnier
        return first + training.reveal * second
    return (apart * apart).mean() + training.reveal * (wrong * wrong).mean()


def fit(training: Training, data: Path, folder: Path, *, every: int = 250) -> tuple[hiding.Residual, nn.Module]:
    """Train; the networks of the step whose loss on the deciding covers was least."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(training.seed)
    hide, show = hiding.pair(training.method)
    both = nn.ModuleList([hide, show])
    optimiser = torch.optim.Adam(both.parameters(), lr=training.rate)
    what, done, history = asdict(training), 0, []
    if (file := folder / "checkpoint.pt").is_file():
        held = torch.load(file, weights_only=True)
        if held["what"] != what:
            raise InputError(f"{file}: expected a checkpoint of this run, it is of {held['what']}; take a new --out")
        both.load_state_dict(held["state"])
        optimiser.load_state_dict(held["optimiser"])
        done, history = held["step"], held["history"]
    if done < training.steps:
        train, decide = covers(data, training.covers, training.seed)
    while done < training.steps:
        began = time.monotonic()
        both.train()
        for step in range(done, min(done + every, training.steps)):
            rng = np.random.default_rng([training.seed, step])
            for group in optimiser.param_groups:
                group["lr"] = training.rate * min(1.0, (training.steps - step) / (0.5 * training.steps))
            cover, bits = batch_of(train, rng, training.batch, training.grain), bits_of(rng, training.batch, SIDE)
            secret = hiding.upsampled(bits)
            with torch.autocast("cpu", torch.bfloat16, enabled=training.bf16):
                residual = hide(cover, secret).float()
                hidden = hiding.rounded(cover + residual)
                shown = show(hidden).float()
            loss = loss_of(training, cover, hidden, secret, shown)
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            nn.utils.clip_grad_norm_(both.parameters(), 1.0)
            optimiser.step()
        done = step + 1
        history.append({"step": done, **looked_at(training, hide, show, decide)})
        if history[-1]["loss"] <= min(each["loss"] for each in history):
            _save(folder / "best.pt", {"what": what, "state": both.state_dict(), "step": done})
        _save(
            folder / "checkpoint.pt",
            {"what": what, "state": both.state_dict(), "optimiser": optimiser.state_dict(), "step": done,
             "history": history},
        )  # fmt: skip
        told = ", ".join(f"{name} {value:.4f}" for name, value in history[-1].items() if name != "step")
        print(f"{training.method} step {done}/{training.steps} {told} {time.monotonic() - began:.0f} s", flush=True)
    both.load_state_dict(torch.load(folder / "best.pt", weights_only=True)["state"])
    both.eval()
    write_atomically(folder / "history.json", (json.dumps(history, indent=1) + "\n").encode())
    return hide, show


@torch.no_grad()
def looked_at(
    training: Training, hide: hiding.Residual, show: nn.Module, pictures: Sequence[NDArray[np.uint8]]
) -> dict[str, float]:
    """Loss, PSNR and share of bits read right on crops that decide, always the same ones, in single precision."""
    hide.eval()
    show.eval()
    rng = np.random.default_rng(7)
    cover, bits = batch_of(pictures, rng, 48, training.grain), bits_of(rng, 48, SIDE)
    secret = hiding.upsampled(bits)
    hidden = hiding.rounded(cover + hide(cover, secret))
    shown = show(hidden)
    error = ((hidden - cover) ** 2).mean((1, 2, 3))
    read = nn.functional.avg_pool2d(shown, hiding.BLOCK) > 0
    return {
        "loss": float(loss_of(training, cover, hidden, secret, shown)),
        "psnr": float((-10 * torch.log10(error)).mean()),
        "bits": float((read == (bits > 0.5)).double().mean()),
    }


class Hider(nn.Module):
    """cover and secret (B, 3, H, W), 0..255 and 0..1, to the residual in levels."""

    def __init__(self, hide: hiding.Residual) -> None:
        super().__init__()
        self.hide = hide

    def forward(self, cover: Tensor, secret: Tensor) -> Tensor:
        return self.hide(cover / 255, secret) * 255


class Shower(nn.Module):
    """pictures (B, 3, H, W), 0..255, to the probability that each pixel of the secret is 1."""

    def __init__(self, show: nn.Module) -> None:
        super().__init__()
        self.show = show

    def forward(self, pictures: Tensor) -> Tensor:
        return torch.sigmoid(self.show(pictures / 255))


def export(nets: tuple[hiding.Residual, nn.Module], folder: Path) -> dict[str, Any]:
    """hide.onnx and show.onnx, for sides that 8 divides. Refused (InputError): files that answer otherwise."""
    hide, show = nets
    cover, secret = torch.rand(1, 3, 64, 96) * 255, (torch.rand(1, 3, 64, 96) > 0.5).float()
    found = {}
    for name, whole, given, expected in (
        ("hide", Hider(hide).eval(), (cover, secret), ("cover", "secret")),
        ("show", Shower(show).eval(), (cover,), ("pictures",)),
    ):
        made = io.BytesIO()
        axes = {each: {0: "batch", 2: "height", 3: "width"} for each in (*expected, "made")}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the newer exporter wants onnxscript
            torch.onnx.export(
                whole, given, made, input_names=list(expected), output_names=["made"], dynamic_axes=axes,
                opset_version=17, dynamo=False,
            )  # fmt: skip
        write_atomically(folder / f"{name}.onnx", made.getvalue())
        found[name] = {"sha256": weights.sha256_of(folder / f"{name}.onnx"), "bytes": len(made.getvalue())}
    opened = session(folder / "show.onnx", Feed("pictures"), EngineOptions(precision="fp32"))
    picture = np.random.default_rng(0).integers(0, 256, (1, 224, 168, 3)).astype(np.uint8)
    with torch.no_grad():
        given_ = torch.from_numpy(picture.transpose(0, 3, 1, 2)).float()
        apart = float(np.abs(opened.run(picture)[0] - Shower(show).eval()(given_).numpy()).max())
    if apart > 1e-3:
        raise InputError(f"{folder}: expected the network's answers from show.onnx, they differ by {apart:.2g}")
    return found | {"difference_onnx": apart}


@torch.no_grad()
def tested(training: Training, nets: tuple[hiding.Residual, nn.Module], data: Path, folder: Path) -> dict[str, Any]:
    """The portraits as masters of 448 pixels, random secrets: PSNR, SSIM, bits read; the same of unmarked ones."""
    hide, show = nets
    rng = np.random.default_rng(2026)
    rows: dict[str, list[float]] = {"psnr": [], "ssim": [], "bits": [], "bits_of_unmarked": []}
    for each in portraits.read(data / "portraits"):
        master = cv2.resize(images.read(each.source), (MASTER, MASTER), interpolation=cv2.INTER_AREA)
        cover = torch.from_numpy(master.transpose(2, 0, 1)[None].astype(np.float32) / 255)
        bits = bits_of(rng, 1, MASTER)
        hidden = hiding.rounded(cover + hide(cover, hiding.upsampled(bits)))
        stego = (hidden[0].numpy().transpose(1, 2, 0) * 255).round().astype(np.uint8)
        rows["psnr"].append(psnr(master, stego))
        rows["ssim"].append(ssim(master, stego))
        for name, picture in (("bits", hidden), ("bits_of_unmarked", cover)):
            read = nn.functional.avg_pool2d(show(picture), hiding.BLOCK) > 0
            rows[name].append(float((read == (bits > 0.5)).double().mean()))
    found: dict[str, Any] = {
        name: {"mean": float(np.mean(values)), "least": min(values), "most": max(values)}
        for name, values in rows.items()
    }
    found |= {"portraits": len(rows["psnr"]), "training": asdict(training), "files": export(nets, folder)}
    write_atomically(folder / "test.json", (json.dumps(found, indent=1) + "\n").encode())
    return found


def _save(file: Path, held: dict[str, Any]) -> None:
    made = io.BytesIO()
    torch.save(held, made)
    write_atomically(file, made.getbuffer())


if __name__ == "__main__":
    sys.exit(main())
