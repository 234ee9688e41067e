"""The attention study of recipes/expression.py: equal recipe, budget and seeds for every arm; nulls are results.

A run is one JSON file and is not made again; the report is written anew from those that there
are. An arm is chosen by nobody: all are shown, against none, paired by seed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from expression_data import Expressions
from expression_nets import build
from expression_training import Training, fit, logits_of
from mmda_report import interval

from vultus.files import write_atomically
from vultus.metrics.classification import classify, mcnemar
from vultus.nets.attention import KINDS, Attention

Outcome = dict[str, Any]


def study(
    data: Expressions,
    trunk: str,
    attention: Attention,
    training: Training,
    seeds: Sequence[int],
    folder: Path,
    *,
    arms: Sequence[str] = KINDS,
    say: Callable[[str], None] = print,
) -> list[Outcome]:
    """Train what is missing, seed by seed so that a study that is stopped compares all arms, and test each run once."""
    folder.mkdir(parents=True, exist_ok=True)
    found: list[Outcome] = []
    for seed in seeds:
        for arm in arms:
            file = folder / f"{trunk}-{attention.place}-{arm}-seed{seed}.json"
            if file.is_file():
                found.append(json.loads(file.read_text("utf-8")))
                continue
            torch.manual_seed(seed)
            name = trunk if arm == "none" else f"{arm}-{trunk}"
            net = build(name, len(data.classes), attention=attention)
            configured = replace(training, seed=seed)
            history = fit(net, data, configured, folder / file.stem, name=name, say=say)
            predicted = logits_of(net, data.test).argmax(1)
            figures = classify(data.test.labels, predicted, data.classes, replicates=200)
            best = max(history, key=lambda each: (each["accuracy"], each["epoch"]))
            one: Outcome = {
                "arm": arm, "seed": seed, "parameters": sum(each.numel() for each in net.parameters()),
                "validation": best["accuracy"], "epoch": best["epoch"], "accuracy": figures.accuracy.value,
                "uar": figures.uar.value, "macro_f1": figures.macro_f1.value, "predicted": predicted.tolist(),
                "training": asdict(configured),
            }  # fmt: skip
            write_atomically(file, (json.dumps(one) + "\n").encode())
            found.append(one)
            say(f"{file.stem}: test {figures.accuracy} UAR {figures.uar.value:.4f}")
    return found


def report(found: Sequence[Outcome], truth: Sequence[int], about: Mapping[str, Any]) -> dict[str, Any]:
    """Means by arm, differences against none paired by seed, and McNemar between the runs of the first seed.

    Nothing is claimed where the interval contains 0; with several arms the intervals are widened
    to hold together (Bonferroni), and both are shown.
    """
    by: dict[str, dict[int, Outcome]] = {}
    for one in found:
        by.setdefault(one["arm"], {})[one["seed"]] = one
    plain = by.get("none", {})
    table, statements = [], []
    for arm, runs in by.items():
        row: dict[str, Any] = {"arm": arm, "seeds": sorted(runs), "parameters": next(iter(runs.values()))["parameters"]}
        for key in ("accuracy", "uar", "macro_f1", "validation"):
            row[key] = interval([one[key] for one in runs.values()])
        if arm != "none" and (both := sorted(runs.keys() & plain.keys())):
            row["gain"] = interval([runs[seed]["accuracy"] - plain[seed]["accuracy"] for seed in both])
            row["gain_uar"] = interval([runs[seed]["uar"] - plain[seed]["uar"] for seed in both])
            test = mcnemar(list(truth), plain[both[0]]["predicted"], runs[both[0]]["predicted"])
            row["mcnemar"] = {"seed": both[0], "none_only": test.first_only, "arm_only": test.second_only, "p": test.p}
            statements.append(f"{arm} against none: {_said(row['gain'])}")
        table.append(row)
    compared = sum("gain" in row for row in table)
    note = f"{compared} arms are compared with one: an interval that leaves out 0 by chance is expected now and then"
    return {**about, "table": table, "statements": statements, "note": note}


def _said(value: Mapping[str, float]) -> str:
    points = f"{100 * value['mean']:+.2f} points"
    if not np.isfinite(value["low"]):
        return f"{points}, one seed: no interval, nothing is claimed"
    points += f" [{100 * value['low']:+.2f}, {100 * value['high']:+.2f}]"
    if value["low"] <= 0 <= value["high"]:
        return f"{points}: no difference shown"
    return f"{points}: {'better' if value['low'] > 0 else 'worse'}"
