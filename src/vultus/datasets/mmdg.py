"""MMDG-Benchmark: lists of live faces and attacks in RGB, depth and infrared, and its protocols.

Expected: the folder of lists, {W,P,C,S}_{train,val,test}.txt, and a folder that the listed
paths start from. W is WMCA, P PADISI-USC, C CASIA-CeFA, S CASIA-SURF. A line is `rgb depth ir
label`, of P `name.npz<TAB>label`; label 1 is live. Lines end in CRLF and the last has no end:
whoever counts line ends loses a sample, whoever splits at LF keeps a carriage return in the label. The
names of the list files, and of the arrays in an .npz, are unverified and can be given.
Source: X. Lin et al., Suppress and Rebalance: Towards Generalized Multi-Modal Face
Anti-Spoofing, CVPR 2024; its lists, from which the counts were taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from vultus.datasets import layout
from vultus.datasets.layout import Missing, Part
from vultus.errors import InputError, NotFoundError

__all__ = [
    "ARRAYS",
    "COUNTS",
    "MODALITIES",
    "NAMES",
    "PARTS",
    "PROTOCOLS",
    "Protocol",
    "Sample",
    "missing",
    "planes",
    "protocol",
    "read",
    "refuse_other_counts",
]

NAMES = {"W": "WMCA", "P": "PADISI-USC", "C": "CASIA-CeFA", "S": "CASIA-SURF"}
SPLITS = ("train", "val", "test")
MODALITIES = ("rgb", "depth", "ir")
ARRAYS = ("rgb", "depth", "ir")  # of an .npz (unverified)
Split = Literal["train", "val", "test"]

# Live and attacks of the published lists.
COUNTS: dict[tuple[str, str], tuple[int, int]] = {
    ("W", "train"): (372, 1323), ("W", "val"): (324, 1347), ("W", "test"): (345, 1326),
    ("P", "train"): (597, 493), ("P", "val"): (145, 127), ("P", "test"): (363, 304),
    ("C", "train"): (1200, 3600), ("C", "val"): (601, 1800), ("C", "test"): (1200, 5539),
    ("S", "train"): (900, 5397), ("S", "val"): (300, 1800), ("S", "test"): (1800, 10764),
}  # fmt: skip
PARTS = tuple(
    Part(f"{name}_{split}.txt", f"lay the benchmark's list of {NAMES[name]}, {split}, here")
    for name in NAMES
    for split in SPLITS
)


@dataclass(frozen=True, slots=True)
class Sample:
    """One presentation: its files, by modality, and whether it is live."""

    sources: tuple[Path, ...]  # RGB, depth, infrared; one .npz that holds them all
    live: bool
    domain: str  # "W", "P", "C" or "S"
    place: str  # file and line of the list, for messages


@dataclass(frozen=True, slots=True)
class Protocol:
    """Where to train and to test, and what is missing at the test."""

    name: str
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    missing: tuple[str, ...] = ()


PROTOCOLS: dict[str, Protocol] = {
    each.name: each
    for each in (
        *(
            Protocol(f"P1 {sources}-{target}", tuple(sources), (target,))
            for sources, target in (("CPS", "W"), ("CPW", "S"), ("CSW", "P"), ("PSW", "C"))
        ),
        *(
            Protocol(f"P2 {sources}-{target} without {' and '.join(gone)}", tuple(sources), (target,), gone)
            for gone in (("depth",), ("ir",), ("depth", "ir"))
            for sources, target in (("CPS", "W"), ("CPW", "S"), ("CSW", "P"), ("PSW", "C"))
        ),
        Protocol("P3 CW-PS", ("C", "W"), ("P", "S")),
        Protocol("P3 PS-CW", ("P", "S"), ("C", "W")),
    )
}


def protocol(sources: Sequence[str], targets: Sequence[str], missing: Sequence[str] = ()) -> Protocol:
    """A protocol by its domains, published or of one's own.

    Refused (InputError): an unknown domain, one that is trained and tested on, none on a side,
    RGB missing.

    >>> protocol(["C", "P", "S"], ["W"]).name
    'P1 CPS-W'
    """
    for name in (*sources, *targets):
        if name not in NAMES:
            raise InputError(f"expected domains out of {', '.join(NAMES)}, got {name!r}")
    if not sources or not targets or set(sources) & set(targets):
        raise InputError(
            f"expected domains to train on and others to test on, got {','.join(sources) or 'none'} and "
            f"{','.join(targets) or 'none'}"
        )
    if wrong := [each for each in missing if each not in ("depth", "ir")]:
        raise InputError(f"expected depth or ir as missing, got {', '.join(wrong)}")
    wanted = tuple(sorted(sources)), tuple(sorted(targets)), tuple(sorted(missing))
    for each in PROTOCOLS.values():
        if (tuple(sorted(each.sources)), tuple(sorted(each.targets)), tuple(sorted(each.missing))) == wanted:
            return each
    name = f"own {''.join(wanted[0])}-{''.join(wanted[1])}" + (f" without {' and '.join(missing)}" if missing else "")
    return Protocol(name, *wanted)


def missing(root: Path) -> tuple[Missing, ...]:
    """What the folder of lists lacks."""
    return layout.missing(root, PARTS)


def read(file: Path, images: Path, domain: str) -> tuple[Sample, ...]:
    """Read one list; no picture is opened.

    Refused: an unknown domain, a line with another count of columns, a label that is not 0 or
    1, a path out of `images`, an empty list (InputError); no such file (NotFoundError).
    """
    if domain not in NAMES:
        raise InputError(f"expected a domain out of {', '.join(NAMES)}, got {domain!r}")
    columns = ("npz", "label") if domain == "P" else (*MODALITIES, "label")
    found = []
    for row in layout.rows(file, columns, header=False, delimiter=None):
        label = row.whole("label", 0, 1)
        sources = tuple(layout.inside(images, row, each) for each in columns[:-1])
        found.append(Sample(sources, label == 1, domain, f"{file}, row {row.line}"))
    return tuple(found)


def refuse_other_counts(samples: Sequence[Sample], domain: str, split: str) -> None:
    """Hold a list against the counts of the published one (InputError)."""
    live = sum(each.live for each in samples)
    found, wanted = (live, len(samples) - live), COUNTS[domain, split]
    if found != wanted:
        raise InputError(
            f"expected {wanted[0]:,} live and {wanted[1]:,} attacks in the {split} list of {NAMES[domain]}, "
            f"got {found[0]:,} and {found[1]:,}; is the file whole?"
        )


def planes(
    sample: Sample,
    size: int,
    *,
    names: Sequence[str] = ARRAYS,
    wanted: Sequence[str] = MODALITIES,
    depth_scale: Mapping[str, float] | None = None,
) -> NDArray[np.uint8]:
    """The pixels of a sample, (3, size, size, 3): RGB, depth, infrared; what is not wanted is 0.

    names: of the arrays in an .npz. depth_scale: by domain, how many levels of 0..255 a unit
    of 16-bit depth is. Refused: a file that is not there (NotFoundError) or no picture, depth
    of three channels that differ, constant or not finite depth, 16-bit depth without a scale,
    modalities whose shapes differ by more than 1 % (InputError naming the list's line).
    """
    if len(sample.sources) == 1:
        held = dict(zip(MODALITIES, layout.arrays(sample.sources[0], names), strict=True))
    else:
        held = {
            name: _picture(path, sample)
            for name, path in zip(MODALITIES, sample.sources, strict=True)
            if name in wanted
        }
    shapes = {name: held[name].shape[:2] for name in MODALITIES if name in wanted}
    sides = np.array([[height / width] for height, width in shapes.values()])
    if sides.max() > 1.01 * sides.min():
        raise InputError(f"{sample.place}: expected aligned modalities of one shape, got {shapes}")
    found = np.zeros((3, size, size, 3), np.uint8)
    for place, name in enumerate(MODALITIES):
        if name in wanted:
            found[place] = _plane(held[name], name, size, sample, depth_scale or {})
    return found


def _picture(path: Path, sample: Sample) -> NDArray[np.generic]:
    if not path.is_file():
        raise NotFoundError(f"{sample.place}: there is no file {path}; check the folder of images")
    found = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if found is None:
        raise InputError(f"{sample.place}: expected a picture, {path} is none")
    if found.ndim == 3 and found.shape[2] >= 3:
        return np.asarray(found[..., 2::-1])
    return np.asarray(found)


def _plane(
    values: NDArray[np.generic], name: str, size: int, sample: Sample, scales: Mapping[str, float]
) -> NDArray[np.uint8]:
    grey = np.asarray(values)
    if grey.ndim == 3 and grey.shape[2] == 1:
        grey = grey[..., 0]
    if name == "depth" and grey.ndim == 3:
        if not (grey == grey[..., :1]).all():
            raise InputError(f"{sample.place}: expected depth in one channel, got three that differ")
        grey = grey[..., 0]
    levels = grey.astype(np.float32)
    if not np.isfinite(levels).all() or (name == "depth" and levels.min() == levels.max()):
        raise InputError(f"{sample.place}: expected finite {name} that is not constant")
    if grey.dtype != np.uint8:
        scale = scales.get(sample.domain) if name == "depth" else 255 / max(float(levels.max()), 1.0)
        if scale is None:
            raise InputError(
                f"{sample.place}: depth is {grey.dtype}; give depth_scale of {sample.domain}, it is not guessed"
            )
        levels = levels * scale
    drawn = cv2.resize(levels, (size, size), interpolation=cv2.INTER_AREA)
    whole = np.clip(np.rint(drawn), 0, 255).astype(np.uint8)
    return whole if whole.ndim == 3 else np.repeat(whole[..., None], 3, axis=2)
