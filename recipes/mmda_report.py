"""What the runs of the simulated study say: means, paired intervals, and sentences that follow from them.

Used by recipes/mmda.py. Every figure is of simulated data.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Outcome = dict[str, Any]

# Quantile .975 of Student's t by degrees of freedom 1 to 30; the normal's above.
T975 = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip


def interval(values: Sequence[float]) -> dict[str, float | int]:
    """Mean with its 95 % interval by Student's t; NaN bounds for one value.

    >>> interval([1.0, 2.0, 3.0])["low"]
    -0.4843...
    """
    found = np.asarray(values, dtype=np.float64)
    mean = float(found.mean()) if found.size else math.nan
    if found.size < 2:
        return {"mean": mean, "low": math.nan, "high": math.nan, "n": int(found.size)}
    quantile = T975[found.size - 2] if found.size - 2 < len(T975) else 1.96
    half = quantile * float(found.std(ddof=1)) / math.sqrt(found.size)
    return {"mean": mean, "low": mean - half, "high": mean + half, "n": int(found.size)}


def honest(one: Outcome) -> float:
    return float(one["honest"]["hter"])


def field(one: Outcome) -> float:
    return float(one["field"]["hter"])


def area(one: Outcome) -> float:
    return float(one["auc"])


def paired(
    runs: Sequence[Outcome], first: Callable[[Outcome], bool], second: Callable[[Outcome], bool],
    figure: Callable[[Outcome], float],
) -> dict[str, float | int]:  # fmt: skip
    """Interval of first minus second over seeds and targets that both have."""
    one = {(each["target"], each["seed"]): figure(each) for each in runs if first(each)}
    two = {(each["target"], each["seed"]): figure(each) for each in runs if second(each)}
    return interval([one[key] - two[key] for key in sorted(one.keys() & two.keys())])


def is_(variant: str, amplitude: float, noise: str = "additive", control: str = "") -> Callable[[Outcome], bool]:
    """Picks the runs of one cell."""
    return lambda one: (one["variant"], one["amplitude"], one["noise"], one["control"]) == (
        variant, amplitude, noise, control,
    )  # fmt: skip


def report(runs: Sequence[Outcome]) -> dict[str, Any]:
    """Cells with means, gains of every part against the whole, and the six statements."""
    cells: dict[tuple[str, float, str, str], list[Outcome]] = defaultdict(list)
    for one in runs:
        cells[one["noise"], one["amplitude"], one["control"], one["variant"]].append(one)
    table, gains = [], []
    for (noise, amplitude, control, variant), found in sorted(cells.items()):
        table.append({
            "noise": noise, "amplitude": amplitude, "control": control, "variant": variant,
            "hter_honest": interval([honest(one) for one in found]),
            "hter_field": interval([field(one) for one in found]),
            "auc": interval([area(one) for one in found]),
            "validation_auc": interval([one["validation_auc"] for one in found]),
            "missing": {
                name: {"hter": interval([one["missing"][name]["hter"] for one in found]),
                       "auc": interval([one["missing"][name]["auc"] for one in found])}
                for name in found[0]["missing"]
            },
            "per_seed": [
                {"seed": one["seed"], "target": one["target"], "hter_honest": honest(one),
                 "hter_field": field(one), "auc": area(one)} for one in found
            ],
            "parameters": sorted({one["parameters"] for one in found}),
            "steps": sorted({one["steps"] for one in found}),
        })  # fmt: skip
        if variant != "none" and not control:
            whole, less = is_("none", amplitude, noise), is_(variant, amplitude, noise)
            gains.append({
                "noise": noise, "amplitude": amplitude, "without": variant,
                "auc": paired(runs, whole, less, area), "hter_honest": paired(runs, less, whole, honest),
            })  # fmt: skip
    return {
        "data": "simulated (vultus.datasets.synthetic_pad)",
        "table": table,
        "gains": gains,
        "statements": statements(runs),
    }


def statements(runs: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Each claim of the study with the interval that it rests on; what was not run is not claimed."""
    found: list[dict[str, Any]] = []

    def say(claim: str, value: dict[str, float | int], verdict: str) -> None:
        if value["n"]:
            found.append({"claim": claim, "interval": value, "verdict": verdict})

    levels = sorted({one["amplitude"] for one in runs if one["noise"] == "additive" and not one["control"]})
    gain = {level: paired(runs, is_("none", level), is_("md2a", level), area) for level in levels}
    if levels and gain[levels[0]]["n"] and levels[0] == 0:
        say("gain in AUC by MD2A at no noise (negative control)", gain[0], covers_zero(gain[0]))
    if len(levels) > 1 and levels[0] == 0:
        top = levels[-1]
        say(f"gain in AUC by MD2A at amplitude {top:g}", gain[top], helps(gain[top]))
        both = interval(differences(runs, top))
        say(f"gain at amplitude {top:g} less that at 0", both, denoises(both))
    for level in sorted({one["amplitude"] for one in runs if one["noise"] == "sensor" and not one["control"]}):
        other = paired(runs, is_("none", level, "sensor"), is_("md2a", level, "sensor"), area)
        say(f"gain in AUC by MD2A under noise of another family, amplitude {level:g}", other, helps(other))
    shuffled = interval(untaught(runs))
    say("AUC with labels shuffled in training", shuffled, around_half(shuffled))
    tint = interval([area(one) for one in runs if one["control"] == "tint"])
    say("AUC with nothing but the tint", tint, below_half(tint))
    for level in levels:
        alone = interval([one["missing"]["rgb alone"]["auc"] for one in runs if is_("none", level)(one)])
        say(f"AUC of the whole network with RGB alone, amplitude {level:g}", alone, below_half(alone))
    everyone = [one for one in runs if not one["control"]]
    gap = interval([honest(one) - field(one) for one in everyone])
    say("HTER, honest less field", gap, above_zero(gap))
    return found


def untaught(runs: Sequence[Outcome]) -> list[float]:
    """AUC with shuffled labels, by seed and target: the mean over the shuffled labels and their opposites.

    Labels shuffled once agree a little, by chance, with whatever tells pictures apart most, and the
    network learns that: its AUC lies far to either side of .5. Labels inverted agree with the
    opposite, so the mean of both is .5 unless something but the labels knows who is live.
    """
    held: dict[tuple[str, int], list[float]] = {}
    for one in runs:
        if one["control"] in ("shuffled", "inverted"):
            held.setdefault((one["target"], one["seed"]), []).append(area(one))
    both = any(one["control"] == "inverted" for one in runs)
    return [sum(areas) / len(areas) for areas in held.values() if len(areas) == 1 + both]


def differences(runs: Sequence[Outcome], top: float) -> list[float]:
    """By seed and target: the gain at the top amplitude less that at none."""
    held = {(one["variant"], one["amplitude"], one["target"], one["seed"]): area(one)
            for one in runs if one["noise"] == "additive" and not one["control"]}  # fmt: skip
    keys = sorted({(target, seed) for _, _, target, seed in held})
    wanted = [("none", top), ("md2a", top), ("none", 0.0), ("md2a", 0.0)]
    return [
        (held["none", top, *key] - held["md2a", top, *key]) - (held["none", 0.0, *key] - held["md2a", 0.0, *key])
        for key in keys
        if all((*cell, *key) in held for cell in wanted)
    ]


def covers_zero(value: dict[str, float | int]) -> str:
    if known(value):
        return "holds: the interval contains 0" if value["low"] <= 0 <= value["high"] else "fails: it excludes 0"
    return "one value: no interval, nothing is claimed"


def helps(value: dict[str, float | int]) -> str:
    if not known(value):
        return "one value: no interval, nothing is claimed"
    if value["low"] > 0:
        return "helps: the interval lies above 0"
    return "hurts: the interval lies below 0" if value["high"] < 0 else "not shown to help: the interval contains 0"


def denoises(value: dict[str, float | int]) -> str:
    if not known(value):
        return "one value: no interval, nothing is claimed"
    return "the gain grows with the noise" if value["low"] > 0 else "reported as not helping: no growth with the noise"


def around_half(value: dict[str, float | int]) -> str:
    if not known(value):
        return "one value: no interval, nothing is claimed"
    return "holds: .5 lies within" if value["low"] <= 0.5 <= value["high"] else "fails: .5 lies outside"


def below_half(value: dict[str, float | int]) -> str:
    if not known(value):
        return "one value: below .5" if value["mean"] < 0.5 else "one value: not below .5"
    return "below .5: the tint flips" if value["high"] < 0.5 else "not shown to lie below .5"


def above_zero(value: dict[str, float | int]) -> str:
    if not known(value):
        return "one value: no interval, nothing is claimed"
    return "positive: the field's convention flatters" if value["low"] > 0 else "not shown to be positive"


def known(value: dict[str, float | int]) -> bool:
    return not math.isnan(value["low"])
