"""How far a face's five points lie from where a face mesh of 468 points has them, by size and tilt of the face.

    python benchmarks/landmarks.py --data ../shared/data [--faces 200] [--choose]

Portraits at 900 pixels and reduced, LFW and NUAA (webcam) as they are, LFW enlarged three times, and tilted ones.
The mesh, another network, is laid on the whole picture in four passes, begun from the first points; it stands for the
truth. Its eyes are the middle between an eye's corners, its nose point 1, its mouth corners 61 and 291. An error is a
distance as a share of that between the eyes; `centred` is what is left of it without the median shift of each point,
that is without what the two merely define otherwise. "first" are the detector's points, "again" those after the
second look at large faces (`vultus.models.detect.closer`), which Analyzer gives.
Then what it changes: the scores of portraits of one person and of others, and milliseconds for portraits and for
frames of 720p with ordinary faces, both in turns within this run. --choose measures the sizes that the second look
was chosen from, on LFW and NUAA enlarged; the portraits had no say. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vultus import images, registry
from vultus.analyzer import Analyzer, detector
from vultus.geometry import box_array
from vultus.models.detect.closer import SIDE, closer
from vultus.models.detect.pyramid import Pyramid
from vultus.models.landmark.eyes import CORNERS
from vultus.runtime import cores
from vultus.types import Face, Image

NOSE, MOUTH = 1, (61, 291)  # mesh points
PASSES = 4
SIDES = (900, 675, 450, 300, 225, 150)  # pixels, of portraits
TILT = 20.0  # degrees
CHOICES = (
    *((128, 192), (160, 224), (160, 256), (192, 256), (192, 288), (192, 320)),
    *((224, 288), (224, 320), (224, 384), (256, 320), (256, 384)),
)
CLIP = "short_hamilton_clip.mp4"
Points = NDArray[np.float64]
Find = Callable[[Image], Sequence[Face]]


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """A picture with the five points of one face, as the mesh has them."""

    image: Image
    points: Points  # (5, 2)

    @property
    def across(self) -> float:
        return float(np.linalg.norm(self.points[1] - self.points[0]))

    def scaled(self, times: float) -> Shown:
        """Enlarged or reduced; centres of pixels lie at whole numbers."""
        how = cv2.INTER_AREA if times < 1 else cv2.INTER_CUBIC
        resized = self.image if times == 1 else cv2.resize(self.image, None, fx=times, fy=times, interpolation=how)
        return Shown(np.asarray(resized, np.uint8), (self.points + 0.5) * times - 0.5)

    def tilted(self, degrees: float) -> Shown:
        height, width = self.image.shape[:2]
        matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
        turned = cv2.warpAffine(self.image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
        return Shown(np.asarray(turned, np.uint8), self.points @ matrix[:, :2].T + matrix[:, 2])


def _apart(face: Face, to: Points) -> float:
    return float(np.linalg.norm(np.array(face.box.centre) - to))


def shown(files: Sequence[Path], find: Find) -> list[Shown]:
    """Pictures whose middle face the mesh is sure of."""
    mesh = registry.load("face-mesh", "landmark", passes=PASSES)
    found = []
    for file in files:
        image = images.read(str(file))
        middle = np.array(image.shape[1::-1]) / 2
        faces = sorted(find(image), key=partial(_apart, to=middle))
        if not faces or (laid := mesh(image, faces[:1])[0]).presence < 0.9:
            continue
        points = laid.points[:, :2].astype(np.float64)
        eyes = [points[list(pair)].mean(axis=0) for pair in CORNERS]
        found.append(Shown(image, np.stack([*eyes, points[NOSE], *points[list(MOUTH)]])))
    return found


def errors(pictures: Sequence[Shown], find: Find) -> dict[str, Any]:
    """How far off the face is that lies nearest to the true one; a face further away than its eyes is a miss."""
    off, longer, missed = [], [], 0
    for each in pictures:
        faces = find(each.image)
        apart = [np.linalg.norm(face.landmarks - each.points, axis=1).mean() for face in faces]
        if not faces or min(apart) > each.across:
            missed += 1
            continue
        nearest = faces[int(np.argmin(apart))]
        off.append((nearest.landmarks - each.points) / each.across)
        longer.append(max(nearest.box.width, nearest.box.height))
    return {"face_pixels": round(statistics.median(longer)), "missed": missed, **told(np.stack(off))}


def told(off: Points) -> dict[str, Any]:
    """Offsets (n, 5, 2) as shares of the distance between the eyes."""
    far, centred = (np.linalg.norm(each, axis=2) for each in (off, off - np.median(off, axis=0)))
    return {
        "faces": len(off),
        "median": round(float(np.median(far)), 4),
        "p95": round(float(np.quantile(far, 0.95)), 4),
        "largest": round(float(far.max()), 4),
        "centred": round(float(np.median(centred)), 4),
        "by_point": np.median(far, axis=0).round(4).tolist(),
    }


def _again(
    first: Pyramid,
    known: Iterator[tuple[Shown, list[Face]]],
    sizes: tuple[int, int],
    seconds: list[float],
    image: Image,
) -> list[Face]:
    """The second look at the next picture, whose faces are known; its time is noted."""
    _, faces = next(known)
    begun = time.perf_counter()
    found = closer(first.detector, image, faces, side=sizes[0], canvas=sizes[1])
    seconds.append((time.perf_counter() - begun) * 1000)
    return found


def chosen(pictures: dict[str, list[Shown]], first: Pyramid) -> list[dict[str, Any]]:
    """Errors of every size of the second look, and what it costs."""
    held = {name: [(each, first(each.image)) for each in some] for name, some in pictures.items()}
    rows = []
    for side, canvas in CHOICES:
        row: dict[str, Any] = {"side": side, "canvas": canvas}
        for name, some in held.items():
            seconds: list[float] = []
            known = iter(some)
            row[name] = errors([each for each, _ in some], partial(_again, first, known, (side, canvas), seconds))
            row[name]["ms"] = round(statistics.median(seconds), 2)
        rows.append(row)
    return rows


def scores(files: Sequence[Path], find: Find, analyzer: Analyzer) -> dict[str, Any]:
    """Similarity of the portraits of one person and of different people."""
    vectors, people = [], []
    for file in files:
        image = images.read(str(file))
        faces = sorted(find(image), key=lambda face: -face.box.area)[:1]
        for reading in analyzer.read(image, faces):
            assert reading.embedding is not None
            vectors.append(reading.embedding)
            people.append(file.name[:3])
    stacked = np.stack(vectors)
    alike = (stacked @ stacked.T)[upper := np.triu_indices(len(stacked), 1)]
    same = np.equal.outer(people, people)[upper]
    mine, others = alike[same], alike[~same]
    return {
        "pictures": len(vectors),
        "same": {"pairs": len(mine), "mean": round(float(mine.mean()), 4), "least": round(float(mine.min()), 4)},
        "others": {
            "pairs": len(others),
            "mean": round(float(others.mean()), 4),
            "p99.9": round(float(np.quantile(others, 0.999)), 4),
        },
    }


def cost(pictures: Sequence[Image], first: Find, again: Find, repeat: int = 6) -> dict[str, float]:
    """Median milliseconds of both, picture by picture in turns, the order changing."""
    spent: dict[Find, list[float]] = {first: [], again: []}
    for turn in range(repeat + 1):
        for image in pictures:
            for find in (first, again) if turn % 2 else (again, first):
                begun = time.perf_counter()
                find(image)
                if turn:  # the first round compiles
                    spent[find].append((time.perf_counter() - begun) * 1000)
    one, two = (np.array(spent[find]) for find in (first, again))
    return {
        "pictures": len(pictures),
        "first_ms": round(float(np.median(one)), 2),
        "again_ms": round(float(np.median(two)), 2),
        "ratio": round(float(np.median(two / one)), 3),
    }


def frames(clip: Path, every: int = 4, most: int = 60) -> Iterator[Image]:
    """Frames of a film at 1280 x 720."""
    import av

    with av.open(str(clip)) as film:
        for frame in islice(film.decode(video=0), 0, every * most, every):
            yield np.ascontiguousarray(frame.reformat(1280, 720, format="rgb24").to_ndarray())


def ordinary(clip: Path, find: Find) -> list[Image]:
    """Frames with faces, none of them as large as those that are looked at again."""
    found = ((image, box_array(find(image))) for image in frames(clip))
    return [image for image, boxes in found if len(boxes) and (boxes[:, 2:] - boxes[:, :2]).max() <= SIDE]


def spread(files: Sequence[Path], most: int) -> list[Path]:
    rows = np.unique(np.linspace(0, max(len(files) - 1, 0), min(most, len(files))).astype(int)).tolist()
    return [files[row] for row in rows]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="folder with portraits, lfw and nuaa")
    parser.add_argument("--faces", type=int, default=200, help="of LFW and NUAA, evenly spread")
    parser.add_argument("--choose", action="store_true", help="measure other sizes of the second look, too")
    arguments = parser.parse_args()
    data: Path = arguments.data
    again = Pyramid(detector("yunet"))
    first = replace(again, again=False)
    portraits = sorted((data / "portraits").glob("*.jpg"))
    at_hand = {
        "portraits": shown(portraits, first),
        "lfw": shown(spread(sorted((data / "lfw" / "images").rglob("*.jpg")), arguments.faces), first),
        "nuaa": shown(spread(sorted((data / "nuaa" / "live").glob("*.jpg")), arguments.faces), first),
    }
    sets = {f"portraits, {side} px": [e.scaled(side / 900) for e in at_hand["portraits"]] for side in SIDES}
    sets["portraits, tilted"] = [each.tilted(TILT) for each in at_hand["portraits"]]
    sets["LFW, 250 px"] = at_hand["lfw"]
    sets["LFW, enlarged to 750 px"] = [each.scaled(3) for each in at_hand["lfw"]]
    sets["LFW, enlarged and tilted"] = [each.tilted(TILT).scaled(3) for each in at_hand["lfw"]]
    sets["NUAA, 640 x 480"] = at_hand["nuaa"]
    result: dict[str, Any] = {"detector": again.detector.card.name, "cores": cores()}
    result["errors"] = {
        name: {"first": errors(some, first), "again": errors(some, again)} for name, some in sets.items() if some
    }
    if arguments.choose:
        large = {name: sets[name] for name in ("LFW, enlarged to 750 px", "LFW, enlarged and tilted")}
        large["NUAA, enlarged to 1280 x 960"] = [each.scaled(2) for each in at_hand["nuaa"]]
        result["choice"] = chosen(large, first)
    if portraits:
        analyzer = Analyzer()
        result["portraits"] = {
            name: scores(portraits, find, analyzer) for name, find in (("first", first), ("again", again))
        }
        result["cost, portraits"] = cost([each.image for each in at_hand["portraits"][::10]], first, again)
    if (clip := data / "video" / CLIP).is_file():
        result["cost, frames of 720p without a large face"] = cost(ordinary(clip, first), first, again)
    print(json.dumps(result, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
