"""Negative controls of recipes/expression.py: what comes out where nothing can be learned, and where a split leaks.

labels: the labels of train and validation are shuffled; told by the true labels, balanced
accuracy must then be near 1/7, or the recipe reads answers from somewhere else. split: CK+48,
whose people show three frames of each sequence, split by picture (a leak: the neighbouring
frame is in train) and by person; the first must score above the second. Neither control opens the
test of FER2013. A run is one JSON file and is not made again.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from expression_data import SEVEN, Expressions, code, in_memory
from expression_nets import build
from expression_training import Training, fit, logits_of
from numpy.typing import NDArray

from vultus.datasets import ckplus
from vultus.errors import InputError
from vultus.files import write_atomically
from vultus.metrics.classification import classify
from vultus.metrics.intervals import wilson

CONTROLS = ("labels", "split")
FOLDS = 5  # of CK+48: one to test, one to choose the epoch, three to train
Say = Callable[[str], None]


def labels(data: Expressions, trunk: str, training: Training, folder: Path, *, say: Say = print) -> dict[str, Any]:
    """Train on true and on shuffled labels alike; figures on validation, by its true labels.

    The shuffled run chooses its epoch by shuffled labels, so that the true ones decide nothing.
    """
    rng = np.random.default_rng(training.seed)
    shuffled = replace(
        data,
        train=replace(data.train, labels=rng.permutation(data.train.labels)),
        validation=replace(data.validation, labels=rng.permutation(data.validation.labels)),
        notes=(*data.notes, "labels shuffled: a control"),
    )
    truth = data.validation.labels
    rows = {}
    for name, held in (("true", data), ("shuffled", shuffled)):
        predicted = _answers(folder / f"labels-{name}-seed{training.seed}.json", held, trunk, training, say)
        found = classify(truth, predicted, data.classes)
        rows[name] = {
            "uar": [found.uar.value, found.uar.low, found.uar.high],
            "accuracy": [found.accuracy.k, found.accuracy.n, found.accuracy.low, found.accuracy.high],
            "commonest_answer": float(np.bincount(predicted).max() / len(predicted)),
        }
    chance = 1 / len(data.classes)
    low, high = rows["shuffled"]["uar"][1:]
    verdict = "holds" if low <= chance <= high else "DOES NOT HOLD: the interval leaves out chance"
    return {"control": "labels", "train": len(data.train), "chance": chance, "rows": rows, "verdict": verdict}


def split(root: Path, trunk: str, training: Training, folder: Path, *, say: Say = print) -> dict[str, Any]:
    """CK+48 in five folds by picture and by person, each face tested once by each; the gap by resampling people."""
    found = ckplus.read(root)
    if found.subjects is None:
        raise InputError(f"{root}: expected the person of each face")
    kept = np.array([ckplus.CLASSES[label] != "contempt" for label in found.labels])
    classes = tuple(each for each in SEVEN if each != "neutral")
    truth = np.array([code(ckplus.CLASSES[label], classes, str(root)) for label in found.labels[kept]])
    faces, people = found.images()[kept], np.array(found.subjects)[kept]
    predicted = {}
    for name, units in (("person", people), ("picture", np.arange(len(truth)))):
        fold = dealt(units, training.seed)
        predicted[name] = np.full(len(truth), -1)
        for test in range(FOLDS):
            whole = in_memory(faces, truth)
            masks = (~np.isin(fold, (test, (test + 1) % FOLDS)), fold == (test + 1) % FOLDS, fold == test)
            parts = [whole.rows(each) for each in masks]
            data = Expressions(f"CK+48 by {name}, fold {test}", classes, *parts, ())
            file = folder / f"split-{name}-fold{test}-seed{training.seed}.json"
            predicted[name][masks[2]] = _answers(file, data, trunk, training, say, on="test")
    right = {name: each == truth for name, each in predicted.items()}
    low, high = gap(right["picture"], right["person"], people, training.seed)
    rows = {}
    for name, each in predicted.items():
        figures = classify(truth, each, classes, people=people)
        rate = wilson(int(right[name].sum()), len(truth))
        rows[name] = {
            "accuracy": [rate.k, rate.n, rate.low, rate.high],
            "uar": [figures.uar.value, figures.uar.low, figures.uar.high],
        }
    difference = float(right["picture"].mean() - right["person"].mean())
    verdict = "holds: splitting by picture leaks" if low > 0 else "NOT SHOWN: the interval of the gap contains 0"
    return {
        "control": "split", "faces": len(truth), "people": len(np.unique(people)), "rows": rows,
        "gap": [difference, low, high], "verdict": verdict,
    }  # fmt: skip


def dealt(units: NDArray[Any], seed: int) -> NDArray[np.int64]:
    """A fold 0 to 4 for each face; faces of one unit share theirs, (n,)."""
    names, places = np.unique(units, return_inverse=True)
    fold: NDArray[np.int64] = (np.random.default_rng(seed).permutation(len(names)) % FOLDS)[places]
    return fold


def gap(
    leaking: NDArray[np.bool_], clean: NDArray[np.bool_], people: NDArray[Any], seed: int, draws: int = 2000
) -> tuple[float, float]:
    """95 % interval of the difference of two accuracies on the same faces, people drawn with replacement."""
    _, places = np.unique(people, return_inverse=True)
    counts = np.bincount(places).astype(np.float64)
    differences = np.bincount(places, leaking.astype(np.float64) - clean)
    rng = np.random.default_rng(seed)
    chosen = rng.integers(len(counts), size=(draws, len(counts)))
    values = differences[chosen].sum(1) / counts[chosen].sum(1)
    low, high = np.quantile(values, (0.025, 0.975))
    return float(low), float(high)


def _answers(
    file: Path, data: Expressions, trunk: str, training: Training, say: Say, *, on: str = "validation"
) -> NDArray[np.int64]:
    """Answers (n,) on a part, of a run that is made once. Refused (InputError): a run of another configuration."""
    what = {"net": trunk, "faces": len(data.train), "training": asdict(training)}
    if file.is_file():
        held = json.loads(file.read_text("utf-8"))
        if held["what"] != what:
            raise InputError(f"{file}: expected a run of this configuration, it is another; take a new --out")
    else:
        torch.manual_seed(training.seed)
        net = build(trunk, len(data.classes))
        fit(net, data, training, file.with_suffix(""), name=trunk, say=say)
        part = data.test if on == "test" else data.validation
        held = {"what": what, "predicted": logits_of(net, part, bf16=training.bf16).argmax(1).tolist()}
        write_atomically(file, (json.dumps(held) + "\n").encode())
    return np.array(held["predicted"], np.int64)
