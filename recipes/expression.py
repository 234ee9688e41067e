"""Train and test a network that tells the expression a face shows; FER2013, FERPlus, RAF-DB, AffectNet, CK+.

    python recipes/expression.py --net resnet-mini --data fer2013 --root ../shared/data/fer2013 --out runs/expression
    python recipes/expression.py ... --test                  # ONNX, temperature, the test once
    python recipes/expression.py ... --test --ship src/vultus/models/expression/weights
    python recipes/expression.py --study --net resnet-small --data fer2013 --root ... --out runs/study
    python recipes/expression.py --control labels --net resnet-small --data fer2013 --root ... --out runs/control

--net: [se-|ta-|tripse1- to tripse4-] and a trunk: resnet-mini, resnet-mini-full, resnet-small,
densenet-mini, convnext-atto at 48 pixels; dlib-short and dlib-whole, dlib's face recognition
network (CC0) gone on with, which see the 48 pixels enlarged; resnet18, densenet, convnext, convnext-base and
convcut at 224. A tenth of train (classes alike, twins on one side) decides everything: epoch,
temperature, which run is shipped. Training faces that have a twin in the test are left out
(--raw keeps them). The test is opened by --test, once a model, and logged. A run that was
stopped goes on when it is called again. --teachers learns from the answers of earlier runs,
--start begins with the weights of one.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch
from expression_controls import CONTROLS, labels, split
from expression_data import SETS, Expressions, load
from expression_nets import Reader, begun_by_dlib, build, initialise, parsed
from expression_ship import export, exported, ship, tested
from expression_study import report, study
from expression_training import Training, fit, restore, tensor
from torch import nn

from vultus.errors import InputError, VultusError
from vultus.files import write_atomically
from vultus.nets import convnext, leak
from vultus.nets.attention import KINDS, Attention
from vultus.nets.convcut import ConvCut
from vultus.nets.dlib_resnet import DlibResNet

LICENCES = {
    "fer2013": "Weights: trained on FER2013, which is for research; so are these weights. Code: Apache-2.0.",
    "ferplus": "Weights: trained on FER2013 with FERPlus's labels, for research; so are these weights.",
    "rafdb": "Weights: trained on RAF-DB, for non-commercial research; so are these weights.",
    "affectnet": "Weights: trained on AffectNet, for non-commercial research; so are these weights.",
    "ckplus": "Weights: trained on CK+, for non-commercial research; so are these weights.",
}


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    try:
        if options.control:
            controlled(options)
        elif options.study:
            studied(options)
        else:
            run(options)
    except VultusError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--net", default="resnet-mini")
    made.add_argument("--data", choices=SETS, default="fer2013")
    made.add_argument("--root", type=Path, required=True, help="folder of the set")
    made.add_argument("--out", type=Path, default=Path("runs/expression"))
    made.add_argument("--name", default="", help="of the run's folder in --out")
    made.add_argument("--raw", action="store_true", help="keep training faces that have a twin in the test")
    made.add_argument("--limit", type=int, help="so many training faces only")
    made.add_argument("--threads", type=int, default=1)
    for each in fields(Training):
        if each.name == "bf16":
            made.add_argument("--bf16", action="store_true", help="bf16 autocast: three times as fast where AMX is")
        else:
            made.add_argument(f"--{each.name.replace('_', '-')}", type=type(each.default), default=each.default)
    made.add_argument("--place", choices=["block", "stage"], default="block", help="where attention stands")
    made.add_argument("--se-axis", choices=["channel", "permuted"], default="channel")
    made.add_argument("--fusion", choices=["average", "sum"], default="average")
    made.add_argument("--shared-se", action="store_true")
    made.add_argument("--reduction", type=int, default=16)
    made.add_argument("--cut", type=int, default=-57, help="of convcut: -126, -65, -57, -49, -33, -28")
    made.add_argument("--head", choices=["token", "plain", "batch"], default="token", help="of convcut")
    made.add_argument("--init", help="folder or name of ConvNeXt's weights, as transformers stores them")
    made.add_argument("--teachers", type=Path, nargs="*", default=[], help="folders of earlier runs to learn from")
    made.add_argument("--start", type=Path, help="folder of an earlier run of this network to begin with")
    made.add_argument("--stop-after", type=int, help="leave off after so many epochs; the same call goes on")
    made.add_argument("--test", action="store_true", help="export, open the test once, write card.json")
    made.add_argument("--cross", type=Path, help="folder of ckplus48.npz, tested on too")
    made.add_argument("--ship", type=Path, help="folder for the tested file and its card")
    made.add_argument("--study", action="store_true", help="none, SE, triplet attention and TripSE 1 to 4")
    made.add_argument("--control", choices=CONTROLS, help="shuffled labels, or CK+48 split by picture and by person")
    made.add_argument("--seeds", type=int, default=3, help="of the study")
    made.add_argument("--arms", default=",".join(KINDS), help="of the study")
    return made


def configured(options: argparse.Namespace) -> Training:
    return Training(**{each.name: getattr(options, each.name) for each in fields(Training)})


def attention_of(options: argparse.Namespace) -> Attention:
    return Attention(
        place=options.place, se_axis=options.se_axis, fusion=options.fusion, shared_se=options.shared_se,
        reduction=options.reduction,
    )  # fmt: skip


def network(options: argparse.Namespace, classes: int) -> Reader:
    """The network that is asked for, as it starts."""
    torch.manual_seed(options.seed)
    net = build(options.net, classes, attention=attention_of(options), cut=options.cut, head=options.head)
    if options.init:
        initialise(net, convnext.fetch(options.init))
    return net


def run(options: argparse.Namespace) -> None:
    """Train one network, or go on; with --test export and test it, with --ship lay it into the package."""
    data = load(options.data, options.root, raw=options.raw, limit=options.limit)
    for note in (data.name, *data.notes, f"train {len(data.train)}, validation {len(data.validation)}"):
        print(note, flush=True)
    training, net = configured(options), network(options, len(data.classes))
    folder = options.out / (options.name or f"{options.data}-{options.net}-seed{options.seed}")
    name = described(options)
    if options.start:
        net.load_state_dict(earlier(options.start, data, name).state_dict())
    elif isinstance(net.net, DlibResNet):
        begun_by_dlib(net, tensor(data.train, torch.arange(min(256, len(data.train))).numpy(), net.side))
    history = fit(
        net, data, training, folder, teachers=[earlier(each, data) for each in options.teachers], name=name,
        stop_after=options.stop_after, say=lambda line: print(line, flush=True),
    )  # fmt: skip
    write_atomically(folder / "options.json", (json.dumps(made_with(options), indent=1) + "\n").encode())
    if isinstance(net.net, ConvCut):
        show_leak(net, data, folder)
    if len(history) < training.epochs or not (options.test or options.ship):
        return
    exported(net, 1.0)  # refuses a classifier of batches before the test is opened
    card = card_of(options, net, data, folder, history)
    print(json.dumps(card, indent=1))
    if options.ship:
        ship(folder, options.ship, card, options.data)


def described(options: argparse.Namespace) -> str:
    """The network's name with the details that its weights hang on."""
    kind, trunk = parsed(options.net)
    if trunk == "convcut":
        return f"convcut cut {options.cut} head {options.head}"
    if kind == "none":
        return trunk
    shared = " shared" if options.shared_se else ""
    return f"{kind}-{trunk} {options.place} {options.se_axis} {options.fusion} r{options.reduction}{shared}"


def made_with(options: argparse.Namespace) -> dict[str, Any]:
    """What decides the weights, without where files lie."""
    names = ("net", "data", "raw", "limit", "place", "se_axis", "fusion", "shared_se", "reduction", "cut", "head")
    return {each: getattr(options, each) for each in names} | asdict(configured(options)) | {
        "teachers": [each.name for each in options.teachers], "init": bool(options.init),
        "start": options.start.name if options.start else "",
    }  # fmt: skip


def earlier(folder: Path, data: Expressions, name: str | None = None) -> nn.Module:
    """A network that was trained before. Refused (InputError): one of other faces or classes, or of another name."""
    file = folder / "options.json"
    if not file.is_file():
        raise InputError(f"expected a run of this recipe at {folder}: options.json is missing")
    held = json.loads(file.read_text("utf-8"))
    attention = Attention(**{each: held[each] for each in ("place", "se_axis", "fusion", "shared_se", "reduction")})
    net = build(held["net"], len(data.classes), attention=attention, cut=held["cut"], head=held["head"])
    what = restore(folder / "best.pt", net, name=name)["what"]
    if what["classes"] != list(data.classes) or what["notes"] != list(data.notes):
        raise InputError(f"{folder}: expected a network trained on the very same faces and classes")
    net.requires_grad_(False)
    return net.to(memory_format=torch.channels_last)


def show_leak(net: Reader, data: Expressions, folder: Path) -> None:
    """Conv-cut's validation accuracy sorted, shuffled and one by one: the same thrice unless the head is "batch"."""
    rows = torch.arange(len(data.validation)).numpy()
    assert isinstance(net.net, ConvCut)
    labels = torch.from_numpy(data.validation.labels)
    with torch.no_grad():
        maps = torch.cat(
            [_maps(net, tensor(data.validation, rows[at : at + 16], net.side)) for at in range(0, len(rows), 16)]
        )
    found = {order: leak.accuracy(net.net.head, maps, labels, order) for order in leak.ORDERS}
    print(f"validation by order of the batches: {found}", flush=True)
    write_atomically(folder / "leak.json", (json.dumps(found) + "\n").encode())


def _maps(net: Reader, faces: torch.Tensor) -> torch.Tensor:
    assert isinstance(net.net, ConvCut)
    maps: torch.Tensor = net.net.trunk(faces.expand(-1, 3, -1, -1))
    return maps


def card_of(
    options: argparse.Namespace, net: Reader, data: Expressions, folder: Path, history: list[dict[str, float]]
) -> dict[str, Any]:
    """What the file is, what it was made of, and its figures."""
    best = max(history, key=lambda each: (each["accuracy"], each["epoch"]))
    made = export(net, data, folder)
    card = {
        "name": f"{options.data}-{options.net}",
        "task": "which of these expressions a face shows; not what a person feels",
        "classes": list(data.classes),
        **{key: made[key] for key in ("sha256", "bytes", "parameters", "input", "temperature")},
        "crop": "faces as the set has them",
        "data": data.name,
        "notes": list(data.notes),
        "faces": {"train": len(data.train), "validation": len(data.validation), "test": len(data.test)},
        "epoch": best["epoch"],
        "recipe": "recipes/expression.py",
        "training": made_with(options),
        "torch": torch.__version__,
        "date": time.strftime("%Y-%m-%d"),
        "licence": LICENCES[options.data],
        "figures": {
            **{key: made[key] for key in ("difference_onnx", "difference_half", "labels_changed_by_half", "ms_a_face")},
            "validation": made["validation"],
            "test": tested(folder, data, net.side, options.cross),
        },
    }
    write_atomically(folder / "card.json", (json.dumps(card, indent=1) + "\n").encode())
    return card


def controlled(options: argparse.Namespace) -> None:
    """A negative control; control-<kind>.json says whether it holds."""
    kind, trunk = parsed(options.net)
    expected = {"labels": "fer2013", "split": "ckplus"}[options.control]
    if kind != "none" or trunk == "convcut" or options.data != expected:
        raise InputError(f"expected --control {options.control} with --data {expected} and a trunk without attention")
    training = configured(options)
    if options.control == "labels":
        data = load(options.data, options.root, raw=options.raw, limit=options.limit or 4_000)
        found = labels(data, trunk, training, options.out, say=lambda line: print(line, flush=True))
    else:
        found = split(options.root, trunk, training, options.out, say=lambda line: print(line, flush=True))
    found |= {"net": trunk, "training": asdict(training)}
    text = json.dumps(found, indent=1) + "\n"
    write_atomically(options.out / f"control-{options.control}.json", text.encode())
    print(text, end="")


def studied(options: argparse.Namespace) -> None:
    """All arms on the same faces; report.json says what came out."""
    arms = options.arms.split(",")
    if wrong := [each for each in arms if each not in KINDS]:
        raise InputError(f"expected --arms out of {', '.join(KINDS)}, got {', '.join(wrong)}")
    kind, trunk = parsed(options.net)
    if kind != "none" or trunk == "convcut":
        raise InputError(f"expected a trunk without attention for the study, got {options.net}")
    data = load(options.data, options.root, raw=options.raw, limit=options.limit or 10_000)
    training = configured(options)
    found = study(
        data, trunk, attention_of(options), training, range(options.seeds), options.out, arms=arms,
        say=lambda line: print(line, flush=True),
    )  # fmt: skip
    about = {"set": data.name, "notes": list(data.notes), "net": trunk, "attention": asdict(attention_of(options)),
             "training": asdict(training), "test_faces": len(data.test)}  # fmt: skip
    said = report(found, data.test.labels.tolist(), about)
    write_atomically(options.out / "report.json", (json.dumps(said, indent=1) + "\n").encode())
    print("\n".join([*said["statements"], said["note"]]))


if __name__ == "__main__":
    sys.exit(main())
