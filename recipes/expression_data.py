"""The sets that recipes/expression.py trains on: FER2013, FERPlus, RAF-DB, AffectNet and CK+.

Each is split into train, validation (a tenth of train, classes alike, twins and people on one
side) and test. Labels are mapped by name; a label that is none of the set's is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vultus import images
from vultus.datasets import ckplus, fer2013, fer2013_split, layout, twins
from vultus.errors import InputError, NotFoundError

SEVEN = fer2013.CLASSES
EIGHT = (*SEVEN, "contempt")
SAME = {"anger": "angry", "sadness": "sad", "happiness": "happy", "surprised": "surprise"}
RAFDB = ("surprise", "fear", "disgust", "happy", "sad", "angry", "neutral")  # codes 1 to 7
AFFECTNET = ("neutral", "happy", "sad", "surprise", "fear", "disgust", "angry", "contempt")  # codes 0 to 7
FERPLUS = ("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear", "contempt")  # columns of votes
SETS = ("fer2013", "rafdb", "ferplus", "affectnet", "ckplus")


@dataclass(frozen=True, eq=False)
class Part:
    """Labelled faces, whose pixels are read when a batch asks for them."""

    labels: NDArray[np.int64]  # (n,), places in the set's classes
    read: Callable[[NDArray[np.int64], int], NDArray[np.uint8]]  # rows, side -> (k, side, side, 1 or 3)
    twin: NDArray[np.bool_]  # (n,), of test: has a twin in train as it was given

    def __len__(self) -> int:
        return len(self.labels)

    def rows(self, chosen: NDArray[np.bool_]) -> Part:
        """Those that are chosen."""
        places = np.flatnonzero(chosen)
        return Part(self.labels[places], lambda rows, side: self.read(places[rows], side), self.twin[places])


@dataclass(frozen=True, eq=False)
class Expressions:
    """A set, ready to train on."""

    name: str
    classes: tuple[str, ...]
    train: Part
    validation: Part
    test: Part
    notes: tuple[str, ...]  # what was left out, and why


def load(name: str, root: Path, *, raw: bool = False, share: float = 0.1, limit: int | None = None) -> Expressions:
    """The set in a folder.

    raw: keep training faces that have a twin in the test. limit: so many training faces, drawn
    with classes alike (for the study). Refused: an unknown name or label, counts that disagree
    (InputError), a folder that lacks something (NotFoundError).
    """
    readers = {"fer2013": _fer2013, "ferplus": _ferplus, "rafdb": _rafdb, "affectnet": _affectnet, "ckplus": _ckplus}
    if name not in readers:
        raise InputError(f"expected a set out of {', '.join(SETS)}, got {name!r}")
    found = readers[name](root, raw, share)
    for part, what in ((found.train, "train"), (found.validation, "validation"), (found.test, "test")):
        if not len(part):
            raise InputError(f"{root}: expected faces to {what} with, there are none")
    if absent := [each for at, each in enumerate(found.classes) if not (found.train.labels == at).any()]:
        raise InputError(f"{root}: expected training faces of every class, none of {', '.join(absent)}")
    if limit is None or limit >= len(found.train):
        return found
    kept = twins.held_out(found.train.labels, np.arange(len(found.train)), limit / len(found.train), seed=0)
    return replace(found, train=found.train.rows(kept), notes=(*found.notes, f"{int(kept.sum())} training faces only"))


def in_memory(faces: NDArray[np.uint8], labels: NDArray[np.int64], twin: NDArray[np.bool_] | None = None) -> Part:
    """Grey faces (n, H, W) that lie in an array."""

    def read(rows: NDArray[np.int64], side: int) -> NDArray[np.uint8]:
        chosen = faces[rows]
        if chosen.shape[1:] != (side, side):
            chosen = np.stack([_sized(each, side) for each in chosen]) if len(chosen) else np.zeros((0, side, side))
        return np.asarray(chosen, np.uint8)[..., None]

    return Part(labels, read, np.zeros(len(labels), np.bool_) if twin is None else twin)


def files(paths: Sequence[Path], labels: NDArray[np.int64]) -> Part:
    """Pictures on the disk, one face each."""

    def read(rows: NDArray[np.int64], side: int) -> NDArray[np.uint8]:
        found = [_sized(images.read(paths[row]), side) for row in rows]
        return np.stack(found) if found else np.zeros((0, side, side, 3), np.uint8)

    return Part(labels, read, np.zeros(len(labels), np.bool_))


def code(label: str, classes: Sequence[str], where: str) -> int:
    """The place of a label by its name. Refused (InputError): a name that is none of the classes."""
    name = SAME.get(label.lower(), label.lower())
    if name not in classes:
        raise InputError(f"{where}: expected a label out of {', '.join(classes)}, got {label!r}")
    return classes.index(name)


def _sized(face: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    if face.shape[:2] == (side, side):
        return face
    how = cv2.INTER_AREA if side < min(face.shape[:2]) else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(face, (side, side), interpolation=how), np.uint8)


def _parted(
    name: str,
    classes: tuple[str, ...],
    faces: NDArray[np.uint8],
    labels: NDArray[np.int64],
    asked: NDArray[np.uint8],
    truth: NDArray[np.int64],
    raw: bool,
    share: float,
) -> Expressions:
    """Grey faces in arrays: twins of the test leave train, twins inside train stay on one side."""
    validation, shown, between = fer2013_split.parted(faces, labels, asked, share=share)
    twin = np.zeros(len(truth), np.bool_)
    twin[between[:, 0]] = True
    out = shown.copy()
    if not raw:
        out[between[:, 1]] = True
    whole = in_memory(faces, labels)
    told = "kept" if raw else "left out"
    notes = (
        f"{int(twin.sum())} of {len(truth)} test faces have a twin in train (r > {twins.ALIKE}, or hashes that differ "
        f"in at most {fer2013_split.NEAR} of 64 bits)",
        f"{len(np.unique(between[:, 1]))} training faces are twins of test faces: {told}",
        f"{int(shown.sum())} blank training faces: left out",
    )
    train, held = whole.rows(~validation & ~out), whole.rows(validation & ~out)
    return Expressions(name, classes, train, held, in_memory(asked, truth, twin), notes)


def _fer2013(root: Path, raw: bool, share: float) -> Expressions:
    found = fer2013.read(root)
    train, test = found["train"], found["public test"]
    return _parted("FER2013 (public test)", SEVEN, train.images(), train.labels, test.images(), test.labels, raw, share)


def _ferplus(root: Path, raw: bool, share: float) -> Expressions:
    """FER2013's table with the votes of fer2013new.csv; the commonest of eight classes, ties and unknown left out."""
    table, votes = root / "fer2013.csv", root / "fer2013new.csv"
    for file in (table, votes):
        if not file.is_file():
            raise NotFoundError(f"expected FERPlus in {root}, {file.name} is missing: lay both tables there")
    # The order of rows is the one thing that joins the two tables.
    rows: dict[str, list[int]] = {}
    for row in layout.rows(votes, ("Usage", *_vote_columns())):
        counts = [row.whole(each, 0) for each in _vote_columns()]
        best = int(np.argmax(counts))
        clear = counts.count(counts[best]) == 1 and best < len(FERPLUS)
        rows.setdefault(row.text("Usage"), []).append(EIGHT.index(FERPLUS[best]) if clear else -1)
    found = fer2013.read_csv(table)
    parts = []
    for usage, split in (("Training", "train"), ("PublicTest", "public test")):
        labels = np.array(rows.get(usage, []), dtype=np.int64)
        if split not in found or len(labels) != len(found[split]):
            have = len(found[split]) if split in found else 0
            raise InputError(f"{votes}: expected {have} rows of {usage} as in {table.name}, got {len(labels)}")
        parts += [found[split].images()[labels >= 0], labels[labels >= 0]]
    return _parted("FERPlus (public test)", EIGHT, parts[0], parts[1], parts[2], parts[3], raw, share)


def _vote_columns() -> tuple[str, ...]:
    names = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")
    return (*names, "unknown", "NF")


def _on_disk(
    name: str,
    classes: tuple[str, ...],
    train: tuple[list[Path], list[int]],
    test: tuple[list[Path], list[int]],
    share: float,
) -> Expressions:
    labels = np.array(train[1], np.int64)
    whole = files(train[0], labels)
    out = twins.held_out(labels, np.arange(len(labels)), share, seed=0) if len(labels) else np.zeros(0, np.bool_)
    notes = ("twins were not looked for: faces of unequal size and alignment",)
    asked = files(test[0], np.array(test[1], np.int64))
    return Expressions(name, classes, whole.rows(~out), whole.rows(out), asked, notes)


def _rafdb(root: Path, raw: bool, share: float) -> Expressions:
    """The basic part: list_patition_label.txt and Image/aligned, or a folder a part and a code."""
    listing = root / "list_patition_label.txt"
    parts: dict[str, tuple[list[Path], list[int]]] = {"train": ([], []), "test": ([], [])}
    if listing.is_file():
        for row in layout.rows(listing, ("file", "label"), header=False, delimiter=None):
            value = row.whole("label", 1, 7)
            stem = Path(row.text("file")).stem
            split = stem.partition("_")[0]
            if split not in parts:
                raise row.refuse("file", "a name that starts with train_ or test_")
            parts[split][0].append(root / "Image" / "aligned" / f"{stem}_aligned.jpg")
            parts[split][1].append(SEVEN.index(RAFDB[value - 1]))
        lacks = layout.listed([*parts["train"][0], *parts["test"][0]], root, listing.name)
        layout.require("RAF-DB", root, lacks)
    else:
        for split, found in parts.items():
            _folders(root / split, {str(at + 1): each for at, each in enumerate(RAFDB)}, SEVEN, found)
    return _on_disk("RAF-DB", SEVEN, parts["train"], parts["test"], share)


def _affectnet(root: Path, raw: bool, share: float) -> Expressions:
    """Folders train_set and val_set with images/N.jpg and annotations/N_exp.npy; the validation part is the test."""
    parts = []
    for split in ("train_set", "val_set"):
        marks = sorted((root / split / "annotations").glob("*_exp.npy"))
        paths, labels = [], []
        for mark in marks:
            value = str(np.load(mark, allow_pickle=False))
            if not value.isdigit() or int(value) >= len(AFFECTNET):
                raise InputError(f"{mark}: expected a code from 0 to 7, got {value!r}")
            paths.append(root / split / "images" / f"{mark.stem.removesuffix('_exp')}.jpg")
            labels.append(EIGHT.index(AFFECTNET[int(value)]))
        if not marks:
            raise NotFoundError(f"expected AffectNet in {root}, {split}/annotations/*_exp.npy is missing")
        layout.require("AffectNet", root, layout.listed(paths, root, split))
        parts.append((paths, labels))
    return _on_disk("AffectNet-8 (validation part)", EIGHT, parts[0], parts[1], share)


def _folders(root: Path, names: dict[str, str], classes: Sequence[str], found: tuple[list[Path], list[int]]) -> None:
    """A folder a class. Refused: a class without folder (NotFoundError), a folder that is none (InputError)."""
    here = sorted(each.name for each in root.iterdir() if each.is_dir()) if root.is_dir() else []
    if absent := [name for name in names if name not in here]:
        raise NotFoundError(f"expected a folder a class in {root}, {', '.join(absent)} missing")
    for name in here:
        if name not in names:
            raise InputError(f"{root / name}: expected folders {', '.join(names)} only, this is none of the classes")
        for path in images.walk([root / name]):
            found[0].append(path)
            found[1].append(code(names[name], classes, str(path)))


def _ckplus(root: Path, raw: bool, share: float) -> Expressions:
    """CK+48 split by person into eight parts train, one validation, one test; contempt is left out, neutral lacks."""
    found = ckplus.read(root)
    if found.subjects is None:
        raise InputError(f"{root}: expected the person of each face: a split by picture is a leak")
    kept = np.array([ckplus.CLASSES[label] != "contempt" for label in found.labels])
    classes = tuple(each for each in SEVEN if each != "neutral")
    names = [ckplus.CLASSES[label] for label in found.labels[kept]]
    labels = np.array([code(name, classes, str(root)) for name in names])
    people = np.array(found.subjects)[kept]
    everybody = np.unique(people)
    dealt = dict(zip(everybody, np.random.default_rng(0).permutation(len(everybody)) % 10, strict=True))
    fold = np.array([dealt[each] for each in people])
    whole = in_memory(found.images()[kept], labels)
    notes = ("split by person: a tenth of the people is the test, a tenth validation", "contempt left out, no neutral")
    parts = [whole.rows(mine) for mine in (fold > 1, fold == 1, fold == 0)]
    return Expressions("CK+48, six classes, by person", classes, parts[0], parts[1], parts[2], notes)
