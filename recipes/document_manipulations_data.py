"""Pictures of recipes/document_manipulations.py: marked, manipulated, and what is revealed of them, in memory.

People to learn from are those of LFW, one picture each; a tenth of the people decides. The portraits of the
test are other people. Every sample is made by a generator that is seeded with its number, so that both marks,
and the pictures without a mark, are manipulated alike.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vultus import Analyzer, images
from vultus.datasets import portraits
from vultus.errors import InputError, NotFoundError
from vultus.files import write_atomically
from vultus.integrity import marks
from vultus.integrity.crop import format_of, head, portrait
from vultus.integrity.manipulations import INTACT, LEARNED, TESTED, Manipulation, Partner, manipulated
from vultus.integrity.marks.revealed import families, networks
from vultus.integrity.marks.revealed.pattern import CELL, bits_of
from vultus.integrity.morphing import Points, face_points
from vultus.integrity.secret import MarkKey
from vultus.types import Image

SIDE = 160  # pixels of a picture to learn from
WIDE = 200  # of them in LFW's own pictures, which are reduced so that their compression shows less
GRAIN = 6.0  # levels of a sensor's noise at most
MORE_INTACT = 2  # pictures of each person that are marked for other documents and left intact
DECIDES = 10  # one person in so many decides
NETS = {"deep": "blind", "deep-seeing": "seeing"}
NOTHING = (Manipulation("unmarked", 0), Manipulation("another's", 0))  # type: ignore[arg-type]
SOURCES = ("deep", "deep-seeing", "picture", "residual")  # the last two: no mark, as a control
RUNS = {
    "deep": ("deep",),
    "deep-seeing": ("deep-seeing",),
    "both": ("deep", "deep-seeing"),
    "picture": ("picture",),
    "residual": ("residual",),
}  # networks that are trained, by what they learn from

Int8 = NDArray[np.int8]


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """One picture of a person, and points of the face."""

    name: str
    image: Image
    points: Points


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """What the classifier learns from."""

    shown: Int8  # (n, 3, S, S): what was revealed (of controls: the picture), in steps of 1/31
    bits: NDArray[np.bool_]  # (n, 3, S / 8, S / 8)
    labels: NDArray[np.int64]  # places in families.CLASSES
    people: NDArray[np.int64]
    decides: NDArray[np.bool_]


def label_of(how: Manipulation) -> str:
    """The class of a sample."""
    if how.kind in families.CLASSES:
        return how.kind
    return families.NOTHING if how in NOTHING else how.family


def learners(data: Path, count: int, seed: int = 0) -> list[Person]:
    """People of LFW to learn from, in a seeded order. Refused (NotFoundError): no such folder."""
    folder = data / "lfw" / "images"
    if not folder.is_dir():
        raise NotFoundError(f"expected LFW's people, a folder each, in {folder}; lay them there")
    rng, found, analyzer = np.random.default_rng(seed), [], Analyzer()
    sources = [min(each.iterdir()) for each in sorted(folder.iterdir()) if each.is_dir()]
    rng.shuffle(sources)
    for file in sources:
        image = images.read(file)
        cut = (min(image.shape[:2]) - WIDE) // 2
        if cut < 0:
            continue
        image = image[cut : cut + WIDE, cut : cut + WIDE]
        image = np.ascontiguousarray(cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA))
        if len(faces := analyzer.detect(image)) == 1:
            found.append(Person(file.name, image, face_points(image, faces[0], analyzer)))
        if len(found) == count:
            break
    return found


def sitters(data: Path, label: str = "neutral", people: int = 50) -> list[Person]:
    """Portraits cut to `passport`, 448 x 576, by person; those that do not fill it are left out."""
    analyzer, found = Analyzer(), []
    for one in [each for each in portraits.read(data / "portraits") if each.label == label][:people]:
        image = images.read(one.source)
        (face,) = analyzer.detect(image)
        try:
            master = portrait(image, head(image, face, analyzer), format_of("passport")).image
        except InputError:
            continue
        (face,) = analyzer.detect(master)
        found.append(Person(str(one.subject), master, face_points(master, face, analyzer)))
    return found


def grained(image: Image, rng: np.random.Generator) -> Image:
    """A picture of every second person with the grain of a sensor, before it is marked; LFW's are smooth."""
    sigma = float(rng.uniform(0, GRAIN)) if rng.random() < 0.5 else 0.0
    noise = cv2.GaussianBlur(rng.normal(0, 1, image.shape).astype(np.float32), (0, 0), 0.6)
    return np.clip(np.rint(image + sigma / float(noise.std()) * noise), 0, 255).astype(np.uint8)


def plan(number: int, rng: np.random.Generator, each: int = 2) -> list[Manipulation]:
    """Manipulations of one picture to learn from: intact, two of every class, two of no mark."""
    classes: dict[str, list[Manipulation]] = {}
    for how in LEARNED:
        classes.setdefault(label_of(how), []).append(how)
    found = [*NOTHING]
    for name, hows in classes.items():
        count = 1 if len(hows) == 1 else min(each, len(hows))
        found += [hows[at] for at in rng.choice(len(hows), count, replace=False)] if name != "intact" else hows
    return found


def key_of(number: int, salt: str = "learn") -> tuple[MarkKey, str]:
    """A mark key and a document number of its own."""
    seed = np.random.default_rng([number, len(salt)])
    return MarkKey(seed.bytes(32)), f"{salt.upper()}-{number}"


def made(source: str, people: Sequence[Person], seed: int = 0) -> Samples:
    """All samples of one source."""
    rows: list[tuple[Int8, NDArray[np.bool_], str, int, bool]] = []
    for number, person in enumerate(people):
        rng = np.random.default_rng([seed, number])
        key, doc_id = key_of(number)
        decides = number % DECIDES == 0
        cover = grained(person.image, rng)
        marked = marks.load(source).embed(cover, key, doc_id) if source in NETS else cover
        partners = [at for at in range(len(people)) if (at % DECIDES == 0) == decides and at != number]
        bits = bits_of(key, doc_id, SIDE // CELL, SIDE // CELL)
        for how in plan(number, rng):
            if how in NOTHING and source not in NETS:
                continue  # without a mark "nothing" is what "intact" is, under another name
            mate = people[partners[int(rng.integers(len(partners)))]]
            drawn = np.random.default_rng([seed, number, len(rows)])
            expected = bits
            if how is NOTHING[0]:
                changed = cover
            elif how is NOTHING[1]:
                changed, expected = marked, drawn.random(bits.shape) < 0.5
            else:
                try:
                    changed = manipulated(marked, how, drawn, Partner(mate.image, mate.points, person.points))
                except InputError:
                    continue
            rows.append((planes(source, changed), expected, label_of(how), number, decides))
        for other in range(MORE_INTACT):
            key, doc_id = key_of(number + len(people) * (other + 1))
            bits = bits_of(key, doc_id, SIDE // CELL, SIDE // CELL)
            image = grained(person.image, rng)
            image = marks.load(source).embed(image, key, doc_id) if source in NETS else image
            rows.append((planes(source, image), bits, INTACT, number, decides))
    shown, bits_, names, whose, decide = zip(*rows, strict=True)
    return Samples(
        np.stack(shown),
        np.stack(bits_),
        np.array([families.CLASSES.index(each) for each in names]),
        np.array(whose),
        np.array(decide),
    )


def planes(source: str, image: Image) -> Int8:
    """What the classifier sees of a picture, in steps of 1/31, (3, H, W)."""
    if source in NETS:
        seen = families.evenly(networks.show(NETS[source], image), NETS[source])
    elif source == "picture":
        seen = (image.astype(np.float32) / 64 - 2).transpose(2, 0, 1)
    else:  # what a median of 3 takes away: noise, edges, and the traces of most manipulations
        seen = ((image.astype(np.float32) - cv2.medianBlur(image, 3)) / 4).transpose(2, 0, 1)
    return np.clip(np.rint(seen * families.STEPS), -127, 127).astype(np.int8)


def kept(file: Path, source: str, people: Sequence[Person]) -> Samples:
    """The samples from a file, or made and put there."""
    if not file.is_file():
        found, held = made(source, people), io.BytesIO()
        np.savez(held, **{name: getattr(found, name) for name in Samples.__slots__})
        write_atomically(file, held.getbuffer())
    with np.load(file) as held_:
        return Samples(**{name: held_[name] for name in Samples.__slots__})


def trials(people: Sequence[Person], seed: int = 1) -> Iterator[tuple[int, Manipulation, np.random.Generator, Partner]]:
    """Every kind on every portrait, at one of its strengths to test by in turn; partners are other portraits."""
    kinds: dict[str, list[Manipulation]] = {}
    for how in TESTED:
        kinds.setdefault(how.kind, []).append(how)
    for number, person in enumerate(people):
        for place, hows in enumerate(kinds.values()):
            rng = np.random.default_rng([seed, number, place])
            mate = people[(number + 1 + int(rng.integers(len(people) - 1))) % len(people)]
            yield number, hows[number % len(hows)], rng, Partner(mate.image, mate.points, person.points)
