"""What recipes/expression.py makes of a trained run: temperature, ONNX file, one look at the test, a card."""

from __future__ import annotations

import io
import json
import time
import warnings
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from expression_data import Expressions, Part, code
from expression_nets import Reader
from expression_training import logits_of
from numpy.typing import NDArray
from torch import Tensor, nn

from vultus import weights
from vultus.datasets import ckplus
from vultus.errors import InputError
from vultus.files import write_atomically
from vultus.metrics.classification import Classification, classify
from vultus.metrics.intervals import wilson
from vultus.metrics.reliability import reliability
from vultus.models.expression.network import LEVELLED
from vultus.nets.convcut import ConvCut
from vultus.runtime import EngineOptions, Feed, Session, session
from vultus.types import Rate

LIMIT = 6_000_000  # bytes of the shipped file
LARGE = 1024  # numbers; smaller arrays stay in single precision
INPUT, OUTPUT = "faces", "probabilities"


class Deployed(nn.Module):
    """Faces (B, 3, S, S), RGB 0..255, to probabilities, the temperature inside."""

    def __init__(self, net: Reader, temperature: float) -> None:
        super().__init__()
        self.net, self.temperature = net, temperature

    def forward(self, faces: Tensor) -> Tensor:
        return torch.softmax(self.net(faces) / self.temperature, dim=1)


def temperature_of(logits: NDArray[np.float64], truth: NDArray[np.int64]) -> float:
    """The temperature under which these answers are most probable (Guo et al., ICML 2017).

    A grid first, then thirds: the likelihood has one maximum in 1/T.
    """

    def nll(inverse: float) -> float:
        scaled = logits * inverse
        top = scaled.max(axis=1, keepdims=True)
        log_sum = np.log(np.exp(scaled - top).sum(axis=1)) + top[:, 0]
        return float((log_sum - scaled[np.arange(len(truth)), truth]).mean())

    grid = np.geomspace(0.05, 20, 60)
    at = int(np.argmin([nll(each) for each in grid]))
    low, high = grid[max(at - 1, 0)], grid[min(at + 1, len(grid) - 1)]
    for _ in range(80):
        one, two = low + (high - low) / 3, high - (high - low) / 3
        low, high = (low, two) if nll(one) < nll(two) else (one, high)
    return float(2 / (low + high))


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    found: NDArray[np.float64] = shifted / shifted.sum(axis=1, keepdims=True)
    return found


def exported(net: Reader, temperature: float) -> bytes:
    """The network as ONNX in single precision. Refused (InputError): one that answers for batches."""
    if isinstance(net.net, ConvCut) and not net.net.per_image:
        raise InputError(
            "expected a classifier of images: head=batch lets the images of a batch answer for each other "
            "(docs/concepts/expression.md, The leak) and is only there to be reproduced"
        )
    made = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the newer exporter wants onnxscript
        torch.onnx.export(
            Deployed(net, temperature).eval().to(memory_format=torch.contiguous_format),
            (torch.zeros(2, 3, net.side, net.side),),
            made,  # type: ignore[arg-type]
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_axes={INPUT: {0: "batch"}, OUTPUT: {0: "batch"}},
            opset_version=17,
            dynamo=False,
        )
    return made.getvalue()


def halved(model: bytes) -> bytes:
    """The same network with its large arrays stored in half precision; it still computes as it did."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    whole = onnx.load_from_string(model)
    casts = []
    for at, array in enumerate(whole.graph.initializer):
        if array.data_type != TensorProto.FLOAT or int(np.prod(array.dims)) < LARGE:
            continue
        stored = numpy_helper.from_array(numpy_helper.to_array(array).astype(np.float16), f"{array.name}.half")
        casts.append(helper.make_node("Cast", [stored.name], [array.name], to=TensorProto.FLOAT))
        whole.graph.initializer[at].CopyFrom(stored)
    nodes = [*casts, *whole.graph.node]
    del whole.graph.node[:]
    whole.graph.node.extend(nodes)
    onnx.checker.check_model(whole)
    found: bytes = whole.SerializeToString()
    return found


def rgb(part: Part, rows: NDArray[np.int64], side: int) -> NDArray[np.uint8]:
    faces = part.read(rows, side)
    return np.ascontiguousarray(np.broadcast_to(faces, (*faces.shape[:3], 3)))


def probabilities(opened: Session, part: Part, side: int, *, batch: int = 64) -> NDArray[np.float64]:
    """Answers of an opened file, (n, classes)."""
    rows = np.arange(len(part))
    found = [opened.run(rgb(part, rows[at : at + batch], side))[0] for at in range(0, len(rows), batch)]
    return np.concatenate(found).astype(np.float64)


def export(net: Reader, data: Expressions, folder: Path) -> dict[str, Any]:
    """expression.onnx in the run's folder, its temperature from validation, checked and timed.

    Refused (InputError): a file whose answers are not the network's (1e-4 before, 0.02 after
    weights were rounded to half precision).
    """
    part = data.validation
    logits = logits_of(net, part)
    temperature = temperature_of(logits, part.labels)
    expected = softmax(logits / temperature)
    plain = exported(net, temperature)
    worst = {}
    for what, model, allowed in (("single", plain, 1e-4), ("half", halved(plain), 0.02)):
        file = folder / "expression.onnx"
        write_atomically(file, model)
        answers = probabilities(session(file, Feed(INPUT), EngineOptions(precision="fp32")), part, net.side)
        worst[what] = float(np.abs(answers - expected).max())
        if worst[what] > allowed:
            raise InputError(f"{file}: expected the network's answers, {what} precision differs by {worst[what]:.2g}")
    changed = int((answers.argmax(1) != expected.argmax(1)).sum())
    return {
        "temperature": temperature,
        "sha256": weights.sha256_of(file),
        "bytes": file.stat().st_size,
        "parameters": sum(each.numel() for each in net.parameters()),
        "input": f"{INPUT} (batch, 3, {net.side}, {net.side}), RGB 0..255; a grey face in all three",
        "difference_onnx": worst["single"],
        "difference_half": worst["half"],
        "labels_changed_by_half": f"{changed}/{len(part)} on validation",
        "validation": figures(expected, part.labels, data.classes)
        | {"ece_before_temperature": reliability(softmax(logits), part.labels).ece},
        "ms_a_face": timed(file, net.side),
    }


def timed(file: Path, side: int) -> dict[str, float]:
    """Median milliseconds of one face alone, two threads, single and bf16."""
    face = np.zeros((1, side, side, 3), np.uint8)
    found = {}
    for precision in ("fp32", "auto"):
        opened = session(file, Feed(INPUT), EngineOptions(threads=2, precision=precision))  # type: ignore[arg-type]
        for _ in range(5):
            opened.run(face)
        took = []
        for _ in range(50):
            began = time.perf_counter()
            opened.run(face)
            took.append((time.perf_counter() - began) * 1000)
        found[precision] = float(np.median(took))
    return found


def figures(answers: NDArray[np.float64], truth: NDArray[np.int64], classes: tuple[str, ...]) -> dict[str, Any]:
    """Accuracy, UAR, macro-F1, confusion, calibration, with their intervals."""
    found: Classification = classify(truth, answers.argmax(1), classes)
    return {
        "accuracy": told(found.accuracy),
        "uar": [found.uar.value, found.uar.low, found.uar.high],
        "macro_f1": [found.macro_f1.value, found.macro_f1.low, found.macro_f1.high],
        "recall": {each.name: told(each.recall) for each in found.classes},
        "confusion": found.confusion.tolist(),
        "ece": reliability(answers, truth).ece,
        "majority": found.majority.value,
    }


def told(rate: Rate) -> list[float]:
    return [rate.k, rate.n, rate.low, rate.high]


def tested(folder: Path, data: Expressions, side: int, cross: Path | None) -> dict[str, Any]:
    """The file's figures on the test, opened once: a second call gives the first one's answer.

    Every opening is a line of test-log.jsonl beside the runs.
    """
    file, kept = folder / "expression.onnx", folder / "test.json"
    digest = weights.sha256_of(file)
    if kept.is_file():
        before: dict[str, Any] = json.loads(kept.read_text("utf-8"))
        if before["sha256"] == digest:
            return before
    opened = session(file, Feed(INPUT), EngineOptions(precision="fp32"))
    answers = probabilities(opened, data.test, side)
    found: dict[str, Any] = {"sha256": digest, "set": data.name, "date": time.strftime("%Y-%m-%d")}
    found |= figures(answers, data.test.labels, data.classes)
    alone = ~data.test.twin
    right = answers.argmax(1) == data.test.labels
    found["accuracy_without_twins"] = told(wilson(int(right[alone].sum()), int(alone.sum())))
    if data.test.twin.any():
        found["accuracy_of_twins"] = told(wilson(int(right[~alone].sum()), int((~alone).sum())))
    if cross is not None:
        found["ck+48"] = crossed(opened, cross, side, data.classes, levelled=data.name.lower().startswith(LEVELLED))
    np.savez(folder / "test-answers.npz", answers=answers, truth=data.test.labels)
    with (folder.parent / "test-log.jsonl").open("a", encoding="utf-8") as log:
        line = {"run": folder.name, "sha256": digest, "date": found["date"], "accuracy": found["accuracy"]}
        log.write(json.dumps(line) + "\n")
    write_atomically(kept, (json.dumps(found, indent=1) + "\n").encode())
    return found


def crossed(opened: Session, root: Path, side: int, classes: tuple[str, ...], *, levelled: bool) -> dict[str, Any]:
    """CK+48, whose people were never trained on: six shared classes, with neutral allowed as an answer and without.

    levelled: the network learned from faces with their histogram equalised, and the reader that ships
    gives it every face that way; so must this.
    """
    from expression_data import in_memory

    held = ckplus.read(root)
    kept = np.array([ckplus.CLASSES[each] != "contempt" for each in held.labels])
    labels = np.array([code(ckplus.CLASSES[each], classes, str(root)) for each in held.labels[kept]])
    faces = held.images()[kept]
    if levelled:
        faces = np.stack([cv2.equalizeHist(np.ascontiguousarray(each)) for each in faces])
    answers = probabilities(opened, in_memory(faces, labels), side)
    shared = np.isin(np.arange(len(classes)), labels)
    return {
        "all_answers": told(wilson(int((answers.argmax(1) == labels).sum()), len(labels))),
        "six_answers": told(wilson(int((np.where(shared, answers, -1).argmax(1) == labels).sum()), len(labels))),
    }


def ship(folder: Path, place: Path, card: dict[str, Any], stem: str = "fer2013") -> None:
    """Lay the tested file and its card where the package keeps them.

    Refused (InputError): a run that was not tested, a file over 6 MB.
    """
    model = (folder / "expression.onnx").read_bytes()
    if len(model) > LIMIT:
        raise InputError(f"expected a file of at most {LIMIT:,} bytes to ship, got {len(model):,}")
    if "test" not in card["figures"]:
        raise InputError(f"expected a run that was tested, {folder} was not: call with --test first")
    write_atomically(place / f"{stem}.onnx", model)
    write_atomically(place / f"{stem}.json", (json.dumps(card, indent=1) + "\n").encode())
