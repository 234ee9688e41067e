"""The pictures behind the RGB attack detector, and which people train, set and test it.

Expected folder: nuaa/ (see `vultus.datasets.nuaa`), lfw/images/ with a sub-folder a person, and
portraits/ with 001_….jpg, whose first three digits are the person. Bona fide: NUAA's live
frames, LFW, the portraits. Attacks: NUAA's prints; simulated ones are made from the bona
fide pictures and belong where their face belongs. Nobody is in two parts, and the split is
a function of names alone, so that whoever tests the detector later meets the same strangers.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vultus.datasets import lfw, nuaa
from vultus.datasets.layout import BONA_FIDE
from vultus.errors import InputError, NotFoundError

__all__ = ["FOLDS", "PARTS", "SPLIT", "Part", "Shot", "gather", "nuaa_part", "part_of"]

Part = Literal["train", "dev", "test"]
PARTS: tuple[Part, ...] = ("train", "dev", "test")
FOLDS = 3  # in which NUAA's nine people are tested by turns
SPLIT = 0  # seed of the split that the shipped detector was trained with


@dataclass(frozen=True, slots=True)
class Shot:
    """A bona fide or a real attack picture."""

    source: str  # "nuaa", "lfw", "portraits"
    person: str
    part: Part
    path: str
    attack: str  # the species; empty for bona fide


def part_of(person: str, seed: int) -> Part:
    """Where a person belongs: 60 % train, 15 % development, 25 % test, by a hash of the name.

    >>> part_of("Ada Lovelace", 0), part_of("Ada Lovelace", 0) == part_of("Ada Lovelace", 0)
    ('train', True)
    """
    number = int(hashlib.sha256(f"{seed} {person}".encode()).hexdigest()[:8], 16) / 0xFFFFFFFF
    return "train" if number < 0.6 else "dev" if number < 0.75 else "test"


def nuaa_part(person: str, fold: int) -> Part:
    """NUAA has nine people here: three for test by turns, the two after them for development.

    Refused (InputError): another fold than 0, 1 or 2.

    >>> [nuaa_part(f"{number:04d}", 0) for number in (1, 3, 4, 5, 6, 9)]
    ['test', 'test', 'dev', 'dev', 'train', 'train']
    """
    if not 0 <= fold < FOLDS:
        raise InputError(f"expected a fold of 0 to {FOLDS - 1}, got {fold}")
    turn = (int(person) - 1 - 3 * fold) % 9
    return "test" if turn < 3 else "dev" if turn < 5 else "train"


def gather(data: Path, fold: int, seed: int) -> list[Shot]:
    """Every picture with its person's part: NUAA's, then LFW's, then the portraits.

    Refused: a folder that lacks something (NotFoundError), another fold than 0, 1 or 2 (InputError).
    """
    shots = []
    for frame in nuaa.read(data / "nuaa"):
        person = str(frame.subject)
        attack = "" if frame.label == BONA_FIDE else nuaa.PRINT
        shots.append(Shot("nuaa", person, nuaa_part(person, fold), str(frame.source), attack))
    for person, paths in lfw.pictures(data / "lfw" / "images").items():
        shots += [Shot("lfw", person, part_of(person, seed), str(path), "") for path in paths]
    portraits = sorted((data / "portraits").glob("*.jpg"))
    if not portraits:
        raise NotFoundError(f"expected portraits 001_….jpg in {data / 'portraits'}, found none; lay them there")
    shots += [Shot("portraits", p.stem[:3], part_of(p.stem[:3], seed), str(p), "") for p in portraits]
    return shots
