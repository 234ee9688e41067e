"""Which of FER2013's training faces train, which validate, and which are left out; the test stays as it is.

A tenth of each class validates, twins stay on one side, and training faces that are twins of a
test face or blank are left out. Twins are found by correlation and by perceptual hash, which
finds half as many again: one photograph in two crops (docs/concepts/expression.md). The split is a
function of the pixels and labels alone, so whoever tries a reader on validation meets the faces
that its training did not see.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vultus.datasets import fer2013, twins

__all__ = ["Validation", "parted", "validation"]

SHARE = 0.1
SEED = 0
SHIPPED: int | None = None  # the reader in the package was trained before hashes were looked at
NEAR = 6  # bits of 64 in which the hashes of one photograph in two crops differ; from 8 on strangers are among them


@dataclass(frozen=True, slots=True, eq=False)
class Validation:
    """Labelled faces that choose, and are neither trained on nor tested."""

    faces: NDArray[np.uint8]  # (n, 48, 48)
    labels: NDArray[np.int64]  # (n,), places in `fer2013.CLASSES`


def parted(
    faces: NDArray[np.uint8],
    labels: NDArray[np.int64],
    asked: NDArray[np.uint8],
    *,
    share: float = SHARE,
    distance: int | None = NEAR,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.int64]]:
    """Which training faces validate (n,), which are blank (n,), and pairs of a test face and its twin in train (p, 2).

    faces, asked: of train and test, (n, H, W) and (m, H, W). distance: faces whose perceptual
    hashes differ in so many bits or fewer count as twins, too; None: correlation alone. Refused
    (InputError): sizes that do not fit each other or twins' pooling, a share that is not
    between 0 and 1.
    """
    between, inside = twins.across(asked, faces), twins.within(faces)
    if distance is not None:
        between = np.unique(np.concatenate([between, twins.across_by_hash(asked, faces, distance=distance)]), axis=0)
        inside = np.unique(np.concatenate([inside, twins.within_by_hash(faces, distance=distance)]), axis=0)
    held = twins.held_out(labels, twins.grouped(len(labels), inside), share, seed=SEED)
    return held, twins.blank(faces), between


def validation(root: Path, *, distance: int | None = SHIPPED) -> Validation:
    """The validation faces of a folder of FER2013, in the order of train; without twins of the test and blank ones.

    The test's pixels are compared with, its labels are not looked at. distance: as in `parted`; by default as
    for the reader in the package. Refused: as in `fer2013.read`.
    """
    found = fer2013.read(root)
    train, asked = found["train"], found["public test"].images()
    faces = train.images()
    held, out, between = parted(faces, train.labels, asked, distance=distance)
    out = out.copy()
    out[between[:, 1]] = True
    kept = held & ~out
    return Validation(faces[kept], train.labels[kept])
