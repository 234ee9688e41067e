"""Document photos: what the layers say of manipulated photos, and what the mark costs.

    python benchmarks/document.py --data DIR [--people N] [--mark block-mac]

DIR holds `portraits` (the London Set, 900 px JPEGs). Each is cut to the format `passport`, 448 x 576; that
crop is the master. One person a time is manipulated; morphs and copies take the next person as partner.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from vultus import Analyzer
from vultus.datasets import portraits
from vultus.errors import InputError
from vultus.images import read
from vultus.integrity import marks
from vultus.integrity.checking import check
from vultus.integrity.crop import format_of, head, mesh_of, portrait
from vultus.integrity.issuing import DOC_ID
from vultus.integrity.keys import SigningKey
from vultus.integrity.morphing import face_points, morph
from vultus.integrity.perceptual import distance, perceptual_record
from vultus.integrity.pixels import decode, encode
from vultus.integrity.quality import assess
from vultus.integrity.secret import KEYLESS, MarkKey
from vultus.integrity.signing import sign
from vultus.integrity.trust import OneKey
from vultus.models.landmark import Mesh
from vultus.operating import table_for
from vultus.types import Face, Image

KEY = SigningKey.of_seed(bytes(range(32)))
MARK_KEY = MarkKey(bytes(range(32)))
Change = Callable[[Image, np.random.Generator], bytes]


def encoded(image: Image, kind: str, **options: object) -> bytes:
    made = io.BytesIO()
    PIL.Image.fromarray(image).save(made, kind, **options)  # type: ignore[arg-type]
    return made.getvalue()


def small_jpeg(image: Image, most: int = 20_000) -> bytes:
    """The JPEG of the highest quality with at most 20 kB."""
    low, high = 1, 100
    while high - low > 1:
        middle = (low + high) // 2
        if len(encoded(image, "JPEG", quality=middle)) <= most:
            low = middle
        else:
            high = middle
    return encoded(image, "JPEG", quality=low)


def small_jp2(image: Image, most: int = 18_000) -> bytes:
    """JPEG 2000 of about 18 kB."""
    rate = image.size / most
    return encoded(image, "JPEG2000", irreversible=True, quality_mode="rates", quality_layers=[rate])


def resized(image: Image, factor: float) -> Image:
    height, width = image.shape[:2]
    small = PIL.Image.fromarray(image).resize(
        (round(width * factor), round(height * factor)), PIL.Image.Resampling.LANCZOS
    )
    return np.array(small.resize((width, height), PIL.Image.Resampling.LANCZOS))


def rotated(image: Image, degrees: float) -> Image:
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    return cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def noisy(image: Image, rng: np.random.Generator, sigma: float) -> Image:
    return np.clip(np.rint(image + rng.normal(0, sigma, image.shape)), 0, 255).astype(np.uint8)


def patched(image: Image, rng: np.random.Generator, side: int = 32) -> Image:
    y, x = (int(rng.integers(0, size - side)) for size in image.shape[:2])
    other = image[::-1, ::-1][y : y + side, x : x + side]
    changed = image.copy()
    changed[y : y + side, x : x + side] = other
    return changed


def sharpened(image: Image) -> Image:
    return cv2.filter2D(image, -1, np.array([[0, -1, 0], [-1, 5, -1], [0, -1, 0]], np.float32))


def shifted(image: Image, by: int) -> Image:
    return np.ascontiguousarray(np.roll(image, by, axis=1))


def one_bit(image: Image, rng: np.random.Generator) -> Image:
    changed = image.copy()
    changed[tuple(int(rng.integers(0, size)) for size in image.shape)] ^= 1
    return changed


def png(change: Callable[[Image, np.random.Generator], Image]) -> Change:
    return lambda image, rng: encoded(change(image, rng), "PNG")


CHANGES: dict[str, Change] = {
    "PNG saved again": lambda image, _: encoded(image, "PNG", optimize=True),
    "WebP, lossless": lambda image, _: encoded(image, "WEBP", lossless=True),
    "one bit": png(one_bit),
    "patch of 32 x 32": png(patched),
    "JPEG, quality 100": lambda image, _: encoded(image, "JPEG", quality=100, subsampling=0),
    "JPEG, quality 90": lambda image, _: encoded(image, "JPEG", quality=90),
    "JPEG, at most 20 kB": lambda image, _: small_jpeg(image),
    "JPEG 2000, 18 kB": lambda image, _: small_jp2(image),
    "resized by 0.999 and back": png(lambda image, _: resized(image, 0.999)),
    "resized by 0.5 and back": png(lambda image, _: resized(image, 0.5)),
    "noise, sigma 2": png(lambda image, rng: noisy(image, rng, 2)),
    "Gaussian blur, 3": png(lambda image, _: cv2.GaussianBlur(image, (3, 3), 0)),
    "sharpened": png(lambda image, _: sharpened(image)),
    "moved by 8 px": png(lambda image, _: shifted(image, 8)),
    "turned by 1 degree": png(lambda image, _: rotated(image, 1)),
}


class Layers:
    """What the layers say of one kind of change, over all photos."""

    def __init__(self) -> None:
        self.levels: Counter[str] = Counter()
        self.marks: Counter[str] = Counter()
        self.shares: list[float] = []
        self.looks: list[int] = []
        self.intact = 0

    def add(self, data: bytes, vsig: bytes, doc_id: str) -> None:
        found = check(data, vsig, trust=OneKey(KEY.public), mark_key=MARK_KEY, doc_id=doc_id)
        assert found.signed is not None
        assert found.mark is not None
        self.levels[found.signed.level] += 1
        self.marks[found.mark.state] += 1
        self.shares.append(found.mark.wrong / found.mark.blocks)
        self.looks.append(found.signed.distance or 0)
        self.intact += found.intact

    def fields(self) -> dict[str, object]:
        return {
            "n": len(self.looks),
            "intact": self.intact,
            "signature": dict(self.levels),
            "mark": dict(self.marks),
            "touched_median": statistics.median(self.shares),
            "touched_least": min(self.shares),
            "look_median": statistics.median(self.looks),
            "look_most": max(self.looks),
        }


def cut(path: Path, analyzer: Analyzer) -> Image:
    image = read(path)
    (face,) = analyzer.detect(image)
    return portrait(image, head(image, face, analyzer), format_of("passport")).image


def embedding(image: Image, analyzer: Analyzer) -> np.ndarray:
    (reading,) = analyzer.analyze(image)
    assert reading.embedding is not None
    return reading.embedding


def matrix(masters: dict[str, Image], mark: marks.Mark, analyzer: Analyzer) -> dict[str, object]:
    """Every change of every master, and the attacks that take a second person."""
    found: dict[str, Layers] = {name: Layers() for name in CHANGES}
    people = list(masters)
    both = {"target_similarity": [], "partner_similarity": []}
    for number, person in enumerate(people):
        rng, doc_id = np.random.default_rng(number), f"TEST-{person}"
        marked = mark.embed(masters[person], MARK_KEY, doc_id)
        data = encode(marked, {DOC_ID: doc_id})
        vsig = sign(decode(data), KEY, doc_id, mark=mark.name)
        for name, change in CHANGES.items():
            found[name].add(change(marked, rng), vsig, doc_id)
        partner = masters[people[(number + 1) % len(people)]]
        points = [face_points(image, analyzer.detect(image)[0], analyzer) for image in (marked, partner)]
        mixed = morph(marked, partner, (points[0], points[1]), 0.5).image
        residual = np.rint(marked - cv2.GaussianBlur(marked, (5, 5), 0).astype(np.float32)).astype(np.int16)
        copied = np.clip(mixed + residual, 0, 255).astype(np.uint8)
        planes = (mixed & 0xFE) | (marked & 1)
        attacks = {
            "morph, alpha 0.5": mixed,
            "morph, marked again without the key": mark.embed(mixed, KEYLESS, doc_id),
            "morph, residual of the marked photo added": copied,
            "morph, lowest bits of the marked photo": planes,
        }
        for name, image in attacks.items():
            found.setdefault(name, Layers()).add(encoded(image, "PNG"), vsig, doc_id)
        mixed_vector = embedding(mixed, analyzer)
        both["target_similarity"].append(float(mixed_vector @ embedding(masters[person], analyzer)))
        both["partner_similarity"].append(float(mixed_vector @ embedding(partner, analyzer)))
    threshold = table_for(analyzer.contract).verify(1e-3).threshold
    accepted = sum(min(pair) >= threshold for pair in zip(*both.values(), strict=True))
    return {
        "changes": {name: layers.fields() for name, layers in found.items()},
        "morphs_accepted_against_both_at_fmr_1e-3": {"k": accepted, "n": len(people)},
    }


def cost(
    masters: dict[str, Image], smiling: dict[str, Image], mark: marks.Mark, analyzer: Analyzer
) -> dict[str, object]:
    """Likeness of the marked picture to the master, and the effect on recognition."""
    psnr, ssim, same, before, after, times = [], [], [], [], [], []
    for person, image in masters.items():
        start = time.perf_counter()
        marked = mark.embed(image, MARK_KEY, f"TEST-{person}")
        middle = time.perf_counter()
        mark.inspect(marked, MARK_KEY, f"TEST-{person}")
        times.append((middle - start, time.perf_counter() - middle))
        psnr.append(float(peak_signal_noise_ratio(image, marked)))
        ssim.append(float(structural_similarity(image, marked, win_size=7, channel_axis=-1)))
        plain, with_mark = embedding(image, analyzer), embedding(marked, analyzer)
        probe = embedding(smiling[person], analyzer)
        same.append(float(plain @ with_mark))
        before.append(float(plain @ probe))
        after.append(float(with_mark @ probe))
    point = table_for(analyzer.contract).verify(1e-3)
    return {
        "n": len(psnr),
        "psnr": [min(psnr), statistics.mean(psnr), max(psnr)],
        "ssim": [min(ssim), statistics.mean(ssim), max(ssim)],
        "similarity_marked_to_master_least": min(same),
        "similarity_change_against_smiling": {
            "mean": float(np.mean(np.subtract(after, before))),
            "largest": float(np.abs(np.subtract(after, before)).max()),
        },
        "fnmr_at_fmr_1e-3": {
            "plain": {"k": sum(score < point.threshold for score in before), "n": len(before)},
            "marked": {"k": sum(score < point.threshold for score in after), "n": len(after)},
        },
        "ms_embed_median": 1e3 * statistics.median(first for first, _ in times),
        "ms_inspect_median": 1e3 * statistics.median(second for _, second in times),
    }


class Known:
    """The faces and the mesh of one picture, for another that differs by a mark."""

    def __init__(self, analyzer: Analyzer, image: Image) -> None:
        self.analyzer, self.faces = analyzer, analyzer.detect(image)
        self.mesh = mesh_of(image, self.faces[0], analyzer)

    def detect(self, _: Image) -> tuple[Face, ...]:
        return self.faces

    def meshes(self, *_: object) -> tuple[Mesh, ...]:
        return (self.mesh,)

    def __getattr__(self, name: str) -> object:
        return getattr(self.analyzer, name)


def quality(masters: dict[str, Image], mark: marks.Mark, analyzer: Analyzer) -> dict[str, object]:
    """By how much each scalar of quality moves through the mark: least and most.

    With the points that the photo had before, and with points that are found anew.
    """
    moved: dict[str, dict[str, list[int]]] = {"same_points": {}, "found_anew": {}}
    judged: Counter[str] = Counter()
    for person, image in masters.items():
        marked = mark.embed(image, MARK_KEY, f"TEST-{person}")
        before = assess(image, analyzer)
        for how, finder in (("same_points", Known(analyzer, image)), ("found_anew", analyzer)):
            for old, new in zip(before.measures, assess(marked, finder).measures, strict=True):
                if old.scalar is not None and new.scalar is not None:
                    moved[how].setdefault(old.name, []).append(new.scalar - old.scalar)
                judged[how] += old.passed != new.passed
    return {
        how: {
            "n": len(masters),
            "scalars_moved_by": {name: [min(by), max(by)] for name, by in rows.items()},
            "most": max(abs(by) for found in rows.values() for by in found),
            "rows_judged_otherwise": judged[how],
        }
        for how, rows in moved.items()
    }


def looks(masters: dict[str, Image], smiling: dict[str, Image]) -> dict[str, object]:
    """Distances of perceptual records: of compressed copies, of two photos of one person, of two people."""
    records = {person: perceptual_record(image) for person, image in masters.items()}
    people = list(records)
    strangers = [distance(records[a], records[b]) for i, a in enumerate(people) for b in people[:i]]
    own = [distance(records[person], perceptual_record(smiling[person])) for person in people]
    jpeg = [distance(records[p], perceptual_record(decode(small_jpeg(image)).image)) for p, image in masters.items()]
    jp2 = [distance(records[p], perceptual_record(decode(small_jp2(image)).image)) for p, image in masters.items()]
    return {
        name: {"n": len(values), "least": min(values), "median": statistics.median(values), "most": max(values)}
        for name, values in (
            ("jpeg_20_kb", jpeg),
            ("jpeg_2000_18_kb", jp2),
            ("one_person_two_photos", own),
            ("two_people", strangers),
        )
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--people", type=int, default=50)
    parser.add_argument("--mark", default=marks.DEFAULT)
    arguments = parser.parse_args()
    analyzer, mark = Analyzer(), marks.load(arguments.mark)
    by_label: dict[str, dict[str, Image]] = {"neutral": {}, "smiling": {}}
    refused = 0
    for one in portraits.read(arguments.data / "portraits")[: 2 * arguments.people]:
        try:
            by_label[str(one.label)][str(one.subject)] = cut(one.source, analyzer)
        except InputError:
            refused += 1
    both = sorted(by_label["neutral"].keys() & by_label["smiling"].keys())
    masters, smiling = ({person: by_label[label][person] for person in both} for label in ("neutral", "smiling"))
    made: dict[str, object] = {"mark": mark.name, "people": len(masters), "crops_refused": refused}
    for name, work in (
        ("cost", lambda: cost(masters, smiling, mark, analyzer)),
        ("quality", lambda: quality(masters, mark, analyzer)),
        ("looks", lambda: looks(masters, smiling)),
        ("layers", lambda: matrix(masters, mark, analyzer)),
    ):
        made[name] = work()
        print(f"{name}: {json.dumps(made[name])}", file=sys.stderr, flush=True)
    json.dump(made, sys.stdout, indent=1)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
