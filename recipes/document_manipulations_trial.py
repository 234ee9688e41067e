"""The portraits, opened once: what every network of recipes/document_manipulations.py answers, and the figures."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from document_manipulations_data import NETS, RUNS, SOURCES, Person, key_of, label_of, planes, trials
from expression_ship import softmax
from numpy.typing import NDArray

from vultus.errors import InputError
from vultus.integrity import marks
from vultus.integrity.manipulations import manipulated
from vultus.integrity.marks.revealed import families
from vultus.integrity.marks.revealed.pattern import CELL, bits_of
from vultus.metrics.classification import classify
from vultus.nets.revealed import RevealedNet

REPLICATES = 1000
NAMES = tuple(dict.fromkeys(families.by_family(np.zeros(len(families.CLASSES)))))


def family_places(classes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Classes to places in NAMES; both kinds of noise are one family."""
    each = [NAMES.index(next(iter(_only(at)))) for at in range(len(families.CLASSES))]
    return np.array(each)[classes]


def family_probabilities(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, classes) to (n, families)."""
    found = np.zeros((len(probabilities), len(NAMES)))
    for at in range(len(families.CLASSES)):
        found[:, NAMES.index(next(iter(_only(at))))] += probabilities[:, at]
    return found


def _only(at: int) -> dict[str, float]:
    """The family of a class."""
    found = families.by_family(np.eye(len(families.CLASSES))[at])
    return {name: value for name, value in found.items() if value}


@torch.no_grad()
def tried(nets: dict[str, dict[str, Any]], people: Sequence[Person]) -> list[dict[str, Any]]:
    """Answers of every network on what it learned from, and those of each mark's on the other mark."""
    opened = {}
    for name, held in nets.items():
        net = RevealedNet(len(families.CLASSES))
        net.load_state_dict(held["state"])
        opened[name] = net.eval()
    rows: list[dict[str, Any]] = []
    sources = [each for each in SOURCES if any(each in RUNS[name] for name in nets)]
    marked: dict[tuple[str, int], Any] = {}
    for number, how, rng, partner in trials(people):
        state = rng.bit_generator.state
        for source in sources:
            rng.bit_generator.state = state
            key, doc_id = key_of(number, "test")
            if (source, number) not in marked:
                image = people[number].image
                marked[source, number] = marks.load(source).embed(image, key, doc_id) if source in NETS else image
            image = marked[source, number]
            bits = bits_of(key, doc_id, image.shape[0] // CELL, image.shape[1] // CELL)
            try:
                even = planes(source, manipulated(image, how, rng, partner)).astype(np.float32) / families.STEPS
            except InputError:
                continue  # faces that cannot be morphed
            given = torch.from_numpy(families.inputs(even, bits)[None])
            for name, net in opened.items():
                if source not in RUNS[name] and not (source in NETS and name in NETS):
                    continue
                logits = net(given)[0].numpy().astype(np.float64) / nets[name]["temperature"]
                rows.append({"run": name, "source": source, "person": people[number].name, "how": str(how),
                             "truth": label_of(how), "p": np.round(softmax(logits[None])[0], 5).tolist()})  # fmt: skip
    return rows


def figures(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Accuracy and macro-F1 of every network on every source, and what each mark gains over each control."""
    found: dict[str, Any] = {"date": time.strftime("%Y-%m-%d"), "runs": []}
    kept: dict[tuple[str, str], tuple[NDArray[np.int64], NDArray[np.int64], list[str], list[str]]] = {}
    for run, source in dict.fromkeys((row["run"], row["source"]) for row in rows):
        chosen = [row for row in rows if (row["run"], row["source"]) == (run, source)]
        answers = family_probabilities(np.array([row["p"] for row in chosen])).argmax(1)
        truth = family_places(np.array([families.CLASSES.index(row["truth"]) for row in chosen]))
        people = [row["person"] for row in chosen]
        kept[run, source] = truth, answers, people, [row["how"] for row in chosen]
        said = np.where(answers == NAMES.index(families.NOTHING), -1, answers)
        whole = classify(truth, said, NAMES[:-1], people=people)
        found["runs"].append({
            "learned_from": run, "tried_on": source, "n": whole.n, "people": len(set(people)),
            "accuracy": [whole.accuracy.k, whole.accuracy.n, whole.accuracy.low, whole.accuracy.high],
            "macro_f1": [whole.macro_f1.value, whole.macro_f1.low, whole.macro_f1.high],
            "recall": {each.name: [each.recall.k, each.recall.n] for each in whole.classes},
        })  # fmt: skip
    found["gains"] = [
        {"mark": mark, "control": control, **_gain(kept[mark, mark], kept[control, control])}
        for mark in NETS
        for control in ("picture", "residual")
        if (mark, mark) in kept and (control, control) in kept
    ]
    return found


def _gain(ours: tuple[Any, ...], theirs: tuple[Any, ...], seed: int = 0) -> dict[str, Any]:
    """What macro-F1 is higher by, with an interval over people that are drawn alike for both."""
    same = [(who, how) for who, how in zip(*ours[2:], strict=True)]
    at = {pair: place for place, pair in enumerate(zip(*theirs[2:], strict=True))}
    shared = [place for place, pair in enumerate(same) if pair in at]
    other = [at[same[place]] for place in shared]
    people = np.array(ours[2])[shared]
    names, whose = np.unique(people, return_inverse=True)
    tables = []
    for truth, answers, rows in ((ours[0], ours[1], shared), (theirs[0], theirs[1], other)):
        table = np.zeros((len(names), len(NAMES), len(NAMES)))
        np.add.at(table, (whose, truth[rows], answers[rows]), 1)
        tables.append(table)
    draws = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), REPLICATES)
    apart = [_macro_f1(np.tensordot(draws, table, 1)) for table in tables]
    low, high = np.quantile(apart[0] - apart[1], [0.025, 0.975])
    value = float((_macro_f1(tables[0].sum(0)[None]) - _macro_f1(tables[1].sum(0)[None]))[0])
    return {"macro_f1": [value, float(low), float(high)], "people": len(names), "n": len(shared)}


def _macro_f1(tables: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of tables (R, C, C), over the classes that occur."""
    hits, support, called = np.diagonal(tables, axis1=1, axis2=2), tables.sum(2), tables.sum(1)
    occurs = support > 0
    f1 = np.where(occurs, 2 * hits / np.maximum(support + called, 1), 0)
    return np.asarray(f1.sum(1) / occurs.sum(1), np.float64)


__all__ = ["NAMES", "family_places", "family_probabilities", "figures", "tried"]
