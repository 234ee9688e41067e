"""Train MMDA and its ablations: on simulated domains, or on the lists of WMCA, PADISI, CeFA and SURF.

    python recipes/mmda.py --config small --synthetic --leave-out D --seeds 5 \
        --ablate none,md2a,rs2,udsa,concat,lambda0 --out runs/mmda
    python recipes/mmda.py --synthetic --whole --leave-out D --seeds 5 --out runs/mmda
    python recipes/mmda.py --config clip --clip DIR --lists DIR --images DIR \
        --sources C,P,S --target W --out runs/cps-w
    python recipes/mmda.py --ship src/vultus/models/liveness/weights --out runs/mmda-small

The first two are the study: every run is one JSON file in --out, a run that is there is not made
again, and report.json and report.txt say per seed and in the mean what came out, with paired
intervals and both threshold conventions. The next needs the four licensed sets and CLIP's
weights (--clip: a folder or a name that transformers knows); it goes on from its last epoch
when it was stopped. The last trains the small model of the package on simulated domains.
Thresholds come from source validation and the last epoch is taken; the field's convention
(threshold and epoch from the target) is printed beside, labelled.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from mmda_report import report
from mmda_study import Run, study
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from vultus.datasets.synthetic_pad import DOMAINS, Simulation
from vultus.errors import InputError, VultusError
from vultus.files import write_atomically
from vultus.nets.mmda.options import VARIANTS
from vultus.nets.mmda.training import Training

SMALL = Training(epochs=3, batch=32, rate=3e-3)
NAMES = {
    "none": "whole", "md2a": "without MD2A", "lambda0": "lambda = 0", "rs2": "without RS2", "udsa": "without U-DSA",
    "concat": "concatenation", "cross": "cross-attention", "vit": "ViT adapters",
}  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    try:
        if options.ship is not None:
            from mmda_ship import ship

            ship(options.ship, options.out, console().print)
        elif options.config == "clip":
            from mmda_lists import benchmark

            write(options.out, benchmark(options, console().print))
        elif options.synthetic:
            simulated(options)
        else:
            raise InputError("expected --synthetic with --config small, or --config clip with --lists and --clip")
    except VultusError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--config", choices=["small", "clip"], default="small")
    made.add_argument("--synthetic", action="store_true", help="simulated domains A to D")
    made.add_argument("--leave-out", default="D", help="target domains, such as D or C,D")
    made.add_argument("--seeds", type=int, default=5)
    made.add_argument("--ablate", default="none,md2a,rs2,udsa,concat,lambda0", help=f"out of {', '.join(VARIANTS)}")
    made.add_argument("--amplitudes", default="2", help="of the domain's noise, such as 0,0.5,1,2")
    made.add_argument("--whole", action="store_true", help="all cells that the report's statements need")
    made.add_argument("--noise", choices=["additive", "sensor"], default="additive")
    made.add_argument("--control", choices=["", "shuffled", "inverted", "tint"], default="", help="negative controls")
    made.add_argument("--samples", type=int, default=600, help="a simulated domain")
    made.add_argument("--people", type=int, default=60, help="a simulated domain")
    made.add_argument("--epochs", type=int, help="default: 3 of small, 80 of clip")
    made.add_argument("--batch", type=int, help="default: 32 of small, 16 of clip")
    made.add_argument("--clip", help="folder or name of the CLIP model")
    made.add_argument("--lists", type=Path, help="folder MMDG-Benchmark")
    made.add_argument("--images", type=Path, help="folder that the lists' paths start from")
    made.add_argument("--sources", default="C,P,S")
    made.add_argument("--target", default="W")
    made.add_argument("--missing", default="", help="of --config clip, at the test: depth, ir or depth,ir")
    made.add_argument("--other-counts", action="store_true", help="lists that are not the published ones")
    made.add_argument("--ablation", default="none", help="of --config clip: one variant")
    made.add_argument("--seed", type=int, default=0, help="of --config clip")
    made.add_argument("--bf16", action="store_true", help="bf16 autocast: faster forward, slower backward on our CPU")
    made.add_argument("--threads", type=int, default=1)
    made.add_argument("--ship", type=Path, help="train mmda-small and write ONNX and card into this folder")
    made.add_argument("--out", type=Path, default=Path("runs/mmda"))
    return made


def simulated(options: argparse.Namespace) -> None:
    """The study on simulated domains: runs, report.json, report.txt and the tables on the screen."""
    targets, variants = options.leave_out.split(","), options.ablate.split(",")
    if wrong := [each for each in targets if each not in DOMAINS]:
        raise InputError(f"expected --leave-out of {', '.join(DOMAINS)}, got {', '.join(wrong)}")
    if wrong := [each for each in variants if each not in VARIANTS]:
        raise InputError(f"expected --ablate of {', '.join(VARIANTS)}, got {', '.join(wrong)}")
    if options.seeds < 1:
        raise InputError(f"expected a seed at least, got {options.seeds}")
    amplitudes, seeds = [float(each) for each in options.amplitudes.split(",")], range(options.seeds)
    if options.whole:
        runs = whole(seeds, targets, amplitudes, variants)
    else:
        runs = [
            Run(variant, seed, target, amplitude, options.noise, options.control)
            for seed in seeds
            for target in targets
            for amplitude in amplitudes
            for variant in variants
        ]
    simulation = Simulation(samples=options.samples, people=options.people)
    training = replace(
        SMALL, epochs=options.epochs or SMALL.epochs, batch=options.batch or SMALL.batch, bf16=options.bf16
    )
    for _ in study(runs, simulation, training, options.out, console().print):
        pass
    collected = [json.loads(file.read_text("utf-8")) for file in sorted(options.out.glob("*-seed*.json"))]
    write(options.out, report(collected))


def whole(
    seeds: Sequence[int], targets: Sequence[str], amplitudes: Sequence[float], variants: Sequence[str]
) -> list[Run]:
    """All that the statements of the report need, the most telling first, so that a study that is stopped says much.

    MD2A at no noise and at the most; the controls; the other variants at the most; noise of the
    other family; the amplitudes between.
    """
    pair, top = [each for each in ("none", "md2a") if each in variants], max(amplitudes)
    stages = [
        [(variant, amplitude, "additive", "") for amplitude in (0.0, top) for variant in pair],
        [("none", 0.0, "additive", control) for control in ("shuffled", "inverted", "tint")],
        [(variant, top, "additive", "") for variant in variants if variant not in pair],
        [(variant, top, "sensor", "") for variant in pair],
        [(variant, each, "additive", "") for each in amplitudes if 0 < each < top for variant in pair],
    ]
    return [
        Run(variant, seed, target, amplitude, noise, control)
        for stage in stages
        for seed in seeds
        for target in targets
        for variant, amplitude, noise, control in stage
    ]


def write(folder: Path, found: dict[str, Any]) -> None:
    """report.json for programs, report.txt and the screen for people."""
    write_atomically(folder / "report.json", (json.dumps(found, indent=1) + "\n").encode())
    wide = Console(record=True, width=150, file=io.StringIO())
    for table in tables(found):
        wide.print(table)
        console().print(table)
    write_atomically(folder / "report.txt", wide.export_text().encode())


def tables(found: dict[str, Any]) -> list[Table]:
    """The cells, the gains of each part, the missing modalities and the statements."""
    if "table" not in found:
        flat = Table(title=found["data"])
        flat.add_column("figure")
        flat.add_column("value")
        for name, value in found.items():
            flat.add_row(name, f"{value:.4f}" if isinstance(value, float) else str(value))
        return [flat]
    cells = Table(title=f"Left-out domain, {found['data']}: mean \\[95 %, Student's t over seeds and targets]")
    for name in ("noise", "variant", "n", "HTER honest", "HTER field", "AUC", "parameters"):
        cells.add_column(name)
    missing = Table(title="Modalities missing at test: HTER honest / AUC")
    for name in ("noise", "variant", *found["table"][0]["missing"]):
        missing.add_column(name)
    for one in found["table"]:
        where = f"{one['noise']} {one['amplitude']:g} {one['control']}".strip()
        cells.add_row(
            where, NAMES[one["variant"]], str(one["auc"]["n"]), ranged(one["hter_honest"]), ranged(one["hter_field"]),
            ranged(one["auc"]), "/".join(map(str, one["parameters"])),
        )  # fmt: skip
        parts = (f"{each['hter']['mean']:.3f} / {each['auc']['mean']:.3f}" for each in one["missing"].values())
        missing.add_row(where, NAMES[one["variant"]], *parts)
    gains = Table(title="Gain of the whole network, paired by seed and target \\[95 %]")
    for name in ("noise", "against", "n", "AUC gained", "HTER (honest) lowered"):
        gains.add_column(name)
    for one in found["gains"]:
        gains.add_row(f"{one['noise']} {one['amplitude']:g}", NAMES[one["without"]], str(one["auc"]["n"]),
                      ranged(one["auc"]), ranged(one["hter_honest"]))  # fmt: skip
    said = Table(title="Statements")
    for name in ("claim", "interval", "verdict"):
        said.add_column(name)
    for one in found["statements"]:
        said.add_row(one["claim"], ranged(one["interval"]), one["verdict"])
    return [cells, gains, missing, said]


def ranged(value: dict[str, float]) -> str:
    return escape(f"{value['mean']:.4f} [{value['low']:.4f}, {value['high']:.4f}]")


def console() -> Console:
    return Console(width=150, highlight=False)


if __name__ == "__main__":
    sys.exit(main())
