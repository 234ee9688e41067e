"""Train the RGB liveness detector on NUAA and on simulated attacks, and test it once.

    python recipes/liveness.py --data ../shared/data --out liveness-out --fold 0 --seed 0

Bona fide: NUAA's live frames, the portraits, LFW's photographs. Attacks: NUAA's prints, and
simulated prints, screens and paper masks made from those bona fide pictures. People are split
into train, development and test before anything else is done (by vultus.datasets.liveness_split);
a simulated attack belongs where its face belongs. The threshold and the calibration come from development people, the
network is the one of the last epoch, and the test people are read once, at the end.

Steps: `bank` (crops, made once a fold and cached), `train`, `test`. With --leave-out SPECIES
a kind of simulated attack is not trained on and only tested.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn

from vultus import images, weights
from vultus.analyzer import Analyzer
from vultus.choice import main_face
from vultus.datasets.liveness_split import FOLDS, PARTS, SPLIT, Shot, gather
from vultus.datasets.simulated_attacks import KINDS, Camera, capture, simulate, species
from vultus.metrics import liveness as metrics
from vultus.models.liveness.views import SIDE, views
from vultus.nets.mobilenet import IMAGENET, load_imagenet
from vultus.nets.two_views import TwoViews, spectrum
from vultus.runtime import EngineOptions, Feed, session
from vultus.types import Face, Image

VARIANTS = {"lfw": 1, "portraits": 6, "nuaa": 3}  # further captures of each bona fide training picture
ATTACKS = {"lfw": 3, "portraits": 14, "nuaa": 6}  # simulated attacks from each picture
SHARES = {"lfw": 0.2, "portraits": 0.12, "nuaa": 0.2, "print": 0.16, "simulated": 0.32}  # of a training batch


_analyzer: Analyzer | None = None


def face_of(image: Image) -> Face | None:
    """The face that the picture is about."""
    global _analyzer
    _analyzer = _analyzer or Analyzer(engine=EngineOptions(threads=1), rotations=False)
    readings = _analyzer.read(image, _analyzer.detect(image), embed=False)
    return readings[main_face(readings, (image.shape[1], image.shape[0])).index].face if readings else None


def _near(image: Image, face: Face, rng: np.random.Generator) -> tuple[Image, Face]:
    """The surroundings of a face at about webcam size, so that simulations cost the same everywhere."""
    side = max(face.box.width, face.box.height)
    x, y = face.box.centre
    reach = 1.9 * side
    x1, y1 = max(int(x - reach), 0), max(int(y - reach), 0)
    piece = image[y1 : int(y + reach), x1 : int(x + reach)]
    scale = min(float(rng.uniform(220, 420)) / max(piece.shape[:2]), 1.5)
    piece = cv2.resize(piece, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    found = face_of(piece)
    if found is None:
        raise LookupError
    return piece, found


Row = tuple[np.ndarray, str, str, str, str]  # crop, source, person, part, kind ("" bona fide)


def crops_of(work: tuple[Shot, list[str], int]) -> list[Row]:
    """All crops that come of one picture: itself, captured anew, and as simulated attacks."""
    shot, others, seed = work
    cv2.setNumThreads(1)
    rng = np.random.default_rng([seed, int(hashlib.sha256(shot.path.encode()).hexdigest()[:8], 16)])
    image = images.read(shot.path)
    face = face_of(image)
    if face is None:
        return []
    real = "nuaa-print" if shot.attack else ""
    rows: list[Row] = [(views(image, face.box), shot.source, shot.person, shot.part, real)]
    if shot.part == "train":
        for _ in range(VARIANTS[shot.source]):
            try:
                piece, found = _near(image, face, rng)
            except LookupError:
                continue
            again = capture(piece, Camera.draw(rng), rng)
            rows.append((views(again, found.box), shot.source, shot.person, shot.part, real))
    if shot.attack:
        return rows
    count = ATTACKS[shot.source] if shot.part == "train" else max(ATTACKS[shot.source] // 2, 1)
    for _ in range(count):
        kind = str(rng.choice(KINDS))
        room = images.read(str(rng.choice(others)))
        try:
            piece, found = _near(image, face, rng)
            victim = None
            if kind == "mask-paper":
                wearer = images.read(str(rng.choice(others)))
                if (worn := face_of(wearer)) is None:
                    continue
                victim = _near(wearer, worn, rng)
        except LookupError:
            continue
        made = simulate(piece, found, kind, rng, room=room, victim=victim)
        seen = capture(made.scene, Camera.draw(rng), rng)
        again = face_of(seen)
        if again is not None:  # an attack whose face is not found attacks nobody
            rows.append((views(seen, again.box), shot.source, shot.person, shot.part, kind))
    return rows


def bank(data: Path, out: Path, fold: int, workers: int) -> dict[str, np.ndarray]:
    """Every crop of a fold with its source, person, part and kind; made once and kept.

    The folds differ in NUAA's people alone, so the rest is made once for all of them.
    """
    shots = gather(data, fold, SPLIT)
    rooms = {part: [s.path for s in shots if s.part == part and s.source == "lfw"] for part in PARTS}
    halves = []
    for name, wanted in (("others", False), (f"nuaa-{fold}", True)):
        file = out / f"bank-{name}.npz"
        if not file.is_file():
            _make_bank(file, [s for s in shots if (s.source == "nuaa") == wanted], rooms, workers)
        with np.load(file) as stored:
            halves.append({key: stored[key] for key in stored.files})
    return {key: np.concatenate([half[key] for half in halves]) for key in halves[0]}


def _make_bank(file: Path, shots: list[Shot], rooms: dict[str, list[str]], workers: int) -> None:
    rows: list[Row] = []
    began = time.monotonic()
    with ProcessPoolExecutor(workers) as pool:
        work = ((shot, rooms[shot.part], SPLIT) for shot in shots)
        for number, made in enumerate(pool.map(crops_of, work, chunksize=8), 1):
            rows += made
            if number % 100 == 0:
                took = time.monotonic() - began
                print(f"{file.stem}: {number}/{len(shots)} pictures, {len(rows)} crops, {took:.0f} s", flush=True)
    file.parent.mkdir(parents=True, exist_ok=True)
    columns = {
        name: np.array([row[i + 1] for row in rows]) for i, name in enumerate(("source", "person", "part", "kind"))
    }
    np.savez(file, crops=np.stack([row[0] for row in rows]), **columns)


def augmented(batch: torch.Tensor) -> torch.Tensor:
    """Flip, brightness, contrast, colour and blur, for both kinds alike; (B, 3, S, 2S) 0..255."""
    side, count = batch.shape[2], len(batch)
    flip = torch.rand(count) < 0.5
    mirrored = torch.cat([batch[..., :side].flip(3), batch[..., side:].flip(3)], 3)
    batch = torch.where(flip[:, None, None, None], mirrored, batch)
    gain = torch.exp(torch.randn(count, 1, 1, 1) * 0.12)
    tint = torch.exp(torch.randn(count, 3, 1, 1) * 0.03)
    mean = batch.mean((1, 2, 3), keepdim=True)
    batch = (mean + (batch - mean) * torch.exp(torch.randn(count, 1, 1, 1) * 0.12)) * gain * tint
    grey = batch.mean(1, keepdim=True)
    batch = grey + (batch - grey) * torch.exp(torch.randn(count, 1, 1, 1) * 0.15)
    soft = nn.functional.avg_pool2d(nn.functional.pad(batch, (1, 1, 1, 1), mode="replicate"), 3, 1)
    mix = (torch.rand(count, 1, 1, 1) < 0.3) * torch.rand(count, 1, 1, 1)
    return torch.clamp(batch * (1 - mix) + soft * mix, 0, 255)


def train(crops: np.ndarray, groups: dict[str, np.ndarray], args: argparse.Namespace) -> TwoViews:
    """The network after the last epoch."""
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    net = TwoViews(auxiliary=args.auxiliary, last=args.last)
    load_imagenet(net.trunk, torch.load(weights.fetch(IMAGENET), weights_only=True))
    head = [p for n, p in net.named_parameters() if not n.startswith("trunk")]
    settings = [{"params": net.trunk.parameters(), "lr": args.lr}, {"params": head, "lr": args.lr * 4}]
    best = torch.optim.AdamW(settings, weight_decay=0.01)
    steps = args.epochs * args.steps
    schedule = torch.optim.lr_scheduler.OneCycleLR(best, [args.lr, args.lr * 4], total_steps=steps, pct_start=0.15)
    counts = {name: round(share * args.batch) for name, share in SHARES.items()}
    began = time.monotonic()
    for epoch in range(args.epochs):
        net.train()
        seen = 0.0
        for _ in range(args.steps):
            picked = np.concatenate([rng.choice(groups[name], count) for name, count in counts.items()])
            labels = torch.tensor(np.repeat([1, 1, 1, 0, 0], list(counts.values())), dtype=torch.float32)
            batch = augmented(torch.from_numpy(crops[picked]).permute(0, 3, 1, 2).float())
            batch = batch.contiguous(memory_format=torch.channels_last)
            logits, guessed = net.both(batch)
            loss = nn.functional.binary_cross_entropy_with_logits(logits, labels * 0.96 + 0.02)
            total = loss if guessed is None else loss + 0.1 * nn.functional.mse_loss(guessed, spectrum(batch))
            best.zero_grad()
            total.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            best.step()
            schedule.step()
            seen += float(loss.detach())
        print(
            f"epoch {epoch + 1}/{args.epochs} loss {seen / args.steps:.4f} {time.monotonic() - began:.0f} s", flush=True
        )
    return net.eval()


def logits_of(net: TwoViews, crops: np.ndarray) -> np.ndarray:
    """Logits of crops, in batches of 32; a crop's answer does not depend on its batch."""
    out = []
    with torch.inference_mode():
        for start in range(0, len(crops), 32):
            batch = torch.from_numpy(crops[start : start + 32]).permute(0, 3, 1, 2).float()
            out.append(net(batch.contiguous(memory_format=torch.channels_last)).numpy())
    return np.concatenate(out) if out else np.zeros(0, np.float32)


def calibration(logits: np.ndarray, live: np.ndarray) -> tuple[float, float]:
    """Slope and offset that make logits of development data probabilities at equal shares (Platt 1999)."""
    x = torch.tensor(logits, dtype=torch.float64)
    y = torch.tensor(live, dtype=torch.float64)
    weight = torch.where(y > 0, 0.5 / y.mean(), 0.5 / (1 - y).mean())
    values = torch.zeros(2, dtype=torch.float64)
    values[0] = 1.0
    values.requires_grad_(True)
    search = torch.optim.LBFGS([values], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        search.zero_grad()
        value = nn.functional.binary_cross_entropy_with_logits(x * values[0] + values[1], y, weight=weight)
        value = value + 1e-3 * (values[0] - 1) ** 2
        value.backward()
        return value

    search.step(loss)
    return float(values[0].detach()), float(values[1].detach())


class Calibrated(nn.Module):
    """P(bona fide) at equal shares, the calibration inside."""

    def __init__(self, net: TwoViews, slope: float, offset: float) -> None:
        super().__init__()
        self.net, self.slope, self.offset = net, slope, offset

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(self.slope * self.net(pictures) + self.offset)


def export(args: argparse.Namespace, stem: str) -> None:
    """The network as ONNX, checked against PyTorch on test crops, and its card."""
    with np.load(args.out / f"{stem}-scores.npz") as stored:
        rows = {name: stored[name] for name in stored.files}
    slope, offset = (float(value) for value in rows["calibration"])
    net = TwoViews(auxiliary=args.auxiliary, last=args.last)
    net.load_state_dict(torch.load(args.out / f"{stem}.pt", weights_only=True))
    net.auxiliary = None
    whole = Calibrated(net, slope, offset).eval()
    file = args.export / "rgb.onnx"
    axes = {"pictures": {0: "batch"}, "bona_fide": {0: "batch"}}
    example = (torch.zeros(2, 3, SIDE, 2 * SIDE),)
    torch.onnx.export(
        whole, example, str(file), input_names=["pictures"], output_names=["bona_fide"], dynamic_axes=axes,
        dynamo=False, opset_version=17,
    )  # fmt: skip
    crops = bank(args.data, args.out, args.fold, args.workers)["crops"]
    tried = np.flatnonzero(rows["part"] == "test")[::7]
    (answers,) = session(file, Feed("pictures"), EngineOptions(precision="fp32")).run(crops[tried])
    worst = float(np.abs(answers - rows["scores"][tried]).max())
    if worst > 1e-4:
        raise SystemExit(f"the exported network differs from PyTorch by {worst:.2g}")
    dev = metrics.rates(presentations(rows, rows["scores"], rows["part"] == "dev"), threshold_of(rows, rows["scores"]))
    card = {
        "sha256": weights.sha256_of(file),
        "point": {
            "threshold": dev.threshold,
            "criterion": CRITERION,
            "apcer": [dev.apcer.k, dev.apcer.n, dev.apcer.low, dev.apcer.high],
            "bpcer": [dev.bpcer.k, dev.bpcer.n, dev.bpcer.low, dev.bpcer.high],
            "data": f"development people of NUAA (fold {args.fold}), LFW and the portraits, simulated attacks on them",
            "date": time.strftime("%Y-%m-%d"),
        },
        "recipe": f"recipes/liveness.py --fold {args.fold} --seed {args.seed} --epochs {args.epochs} "
        f"--steps {args.steps} --batch {args.batch} --lr {args.lr}" + (" --auxiliary" if args.auxiliary else ""),
        "licence": "Weights: trained on NUAA, LFW and the Face Research Lab London Set (CC-BY 4.0); NUAA and LFW are "
        "for research, so are these weights. Trunk: torchvision's ImageNet weights (BSD-3).",
        "not_covered": "silicone and resin masks, make-up, mannequins, pictures fed into the camera's cable; "
        "screens and paper masks were only simulated",
        "figures": json.loads((args.out / f"{stem}.json").read_text()),
        "other_runs": {
            file.stem: json.loads(file.read_text())["test"]
            for file in sorted(args.out.glob("fold*.json"))
            if file.stem != stem
        },
    }
    (args.export / "rgb.json").write_text(json.dumps(card, indent=1) + "\n")


def presentations(rows: dict[str, np.ndarray], scores: np.ndarray, chosen: np.ndarray) -> metrics.Presentations:
    """Scores as the metrics take them."""
    live = chosen & (rows["kind"] == "")
    attacks = {}
    people = {}
    for kind in sorted(set(rows["kind"][chosen]) - {""}):
        mask = chosen & (rows["kind"] == kind)
        attacks[kind], people[kind] = scores[mask], rows["person"][mask]
    return metrics.Presentations(scores[live], attacks, rows["person"][live], people)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("liveness-out"))
    parser.add_argument("--fold", type=int, default=0, choices=range(FOLDS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--steps", type=int, default=50, help="batches an epoch")
    parser.add_argument("--batch", type=int, default=50)
    parser.add_argument("--lr", type=float, default=5e-4)
    parser.add_argument("--last", type=int, default=13, help="last layer of the trunk")
    parser.add_argument("--auxiliary", action="store_true", help="predict the spectrum too")
    parser.add_argument("--leave-out", default="", help="species or kind of simulated attack that is only tested")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--name", default="", help="of the result's files")
    parser.add_argument("--export", type=Path, help="folder for rgb.onnx and rgb.json of a run that is done")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    rows = bank(args.data, args.out, args.fold, args.workers)
    crops = rows.pop("crops")
    kinds, part = rows["kind"], rows["part"]
    simulated = np.isin(kinds, KINDS)
    left_out = np.array([bool(args.leave_out) and args.leave_out in (k, species(k)) for k in kinds]) & simulated
    in_train = (part == "train") & ~left_out
    groups: dict[str, np.ndarray] = {
        source: np.flatnonzero(in_train & (kinds == "") & (rows["source"] == source)) for source in VARIANTS
    }
    groups["print"] = np.flatnonzero(in_train & (kinds == "nuaa-print"))
    groups["simulated"] = np.flatnonzero(in_train & simulated)
    print({name: len(found) for name, found in groups.items()}, flush=True)
    stem = args.name or f"fold{args.fold}-seed{args.seed}" + (f"-no-{args.leave_out}" if args.leave_out else "")
    if args.export:
        export(args, stem)
        return
    net = train(crops, groups, args)
    torch.save(net.state_dict(), args.out / f"{stem}.pt")
    told = np.flatnonzero(part != "train")
    logits = np.full(len(crops), np.nan, np.float32)
    logits[told] = logits_of(net, crops[told])
    dev = (part == "dev") & ~left_out
    slope, offset = calibration(logits[dev], (kinds[dev] == "").astype(float))
    scores = 1 / (1 + np.exp(-(slope * logits + offset)))
    np.savez(args.out / f"{stem}-scores.npz", logits=logits, scores=scores, calibration=[slope, offset], **rows)
    report(rows, scores, left_out, args.out / f"{stem}.json", {**training(args), "slope": slope, "offset": offset})


def training(args: argparse.Namespace) -> dict[str, object]:
    """What decides the weights, without where files lie."""
    names = ("fold", "seed", "epochs", "steps", "batch", "lr", "last", "auxiliary", "leave_out")
    return {name: getattr(args, name) for name in names}


CRITERION = "BPCER at most 2 % on development people, bona fide sources counted alike"


def threshold_of(rows: dict[str, np.ndarray], scores: np.ndarray) -> float:
    """The highest threshold at which the mean over sources of refused development faces is at most 2 %."""
    live = (rows["part"] == "dev") & (rows["kind"] == "")
    by_source = [scores[live & (rows["source"] == name)] for name in VARIANTS]
    candidates = np.unique(np.concatenate(by_source))
    mean = np.mean([np.searchsorted(np.sort(found), candidates) / len(found) for found in by_source], axis=0)
    return float(candidates[mean <= 0.02].max())


def report(rows: dict[str, np.ndarray], scores: np.ndarray, left_out: np.ndarray, file: Path, settings: dict) -> None:
    """Threshold from development people, figures of test people."""
    part = rows["part"]
    threshold = threshold_of({name: column[~left_out] for name, column in rows.items()}, scores[~left_out])
    told = {"settings": settings, "threshold": threshold}
    for name in ("dev", "test"):
        found: dict[str, str] = {}
        for source in sorted(set(rows["source"])):
            mask = (part == name) & (rows["kind"] == "") & (rows["source"] == source)
            found[f"BPCER {source}"] = f"{(scores[mask] < threshold).sum()}/{mask.sum()}"
        for kind in sorted(set(rows["kind"]) - {""}):
            mask = (part == name) & (rows["kind"] == kind)
            mark = " (not trained on)" if left_out[mask].any() else ""
            found[f"APCER {kind}{mark}"] = f"{(scores[mask] >= threshold).sum()}/{mask.sum()}"
        both = presentations(rows, scores, part == name)
        found["AUC pooled"] = f"{auc(both):.4f}"
        told[name] = found
    file.write_text(json.dumps(told, indent=1))
    print(json.dumps(told, indent=1))


def auc(found: metrics.Presentations) -> float:
    """Of attacks pooled."""
    from vultus.metrics.verification import auc as area

    return float(area(found.bona_fide, np.concatenate(list(found.attacks.values()))))


if __name__ == "__main__":
    main()
