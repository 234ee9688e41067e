"""Where the five points of a face lie in FER2013's training tiles, by the detector that ships.

    python benchmarks/expression_crop.py --data ../shared/data/fer2013 [--faces 300]

The expression reader warps every face to these places, so that what it sees is framed as what
it learned from (`vultus.models.expression.crop.POINTS`). Training tiles only; `--faces` of each
class, evenly spread over its sheet. A tile is enlarged four times and laid on its own grey,
since a detector wants some room around a face. Prints one JSON object: median places in pixels
of the 48 x 48 tile, the spread (half the range of the middle 68 %), how many tiles gave a face,
and the places by class; and how the grey levels of the tiles lie, for those are equalised.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vultus.analyzer import detector
from vultus.datasets import fer2013
from vultus.types import Face

TIMES, ROOM = 4, 96  # enlargement; pixels around the enlarged tile


def laid(tile: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """An enlarged tile (H, W, 3) in the middle of its own mean grey."""
    side = tile.shape[0] * TIMES
    large = cv2.resize(tile, (side, side), interpolation=cv2.INTER_CUBIC)
    grey = np.full((side + 2 * ROOM, side + 2 * ROOM), round(float(tile.mean())), np.uint8)
    grey[ROOM : ROOM + side, ROOM : ROOM + side] = large
    return np.ascontiguousarray(np.repeat(grey[:, :, None], 3, axis=2))


def points(face: Face) -> NDArray[np.float64]:
    """The five points in pixels of the tile; centres of pixels lie at whole numbers, as in cv2's warps."""
    enlarged = face.landmarks.astype(np.float64) - ROOM
    return (enlarged + 0.5) / TIMES - 0.5


def told(found: list[NDArray[np.float64]]) -> dict[str, Any]:
    stacked = np.stack(found)
    low, high = np.percentile(stacked, (16, 84), axis=0)
    return {
        "faces": len(found),
        "median": np.median(stacked, axis=0).round(2).tolist(),
        "spread": ((high - low) / 2).round(2).tolist(),
    }


def levels(tiles: NDArray[np.uint8]) -> dict[str, float]:
    """Medians over tiles (n, H, W): an even spread over 0 to 255 has mean 127.5 and deviation 73.9."""
    flat = tiles.reshape(len(tiles), -1)
    used = [len(np.unique(each)) for each in flat[:: max(len(flat) // 2000, 1)]]
    return {
        "mean": float(np.median(flat.mean(axis=1))),
        "deviation": float(np.median(flat.std(axis=1))),
        "used": float(np.median(used)),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="folder of FER2013")
    parser.add_argument("--faces", type=int, default=300, help="of each class")
    arguments = parser.parse_args()
    train = fer2013.read(arguments.data)["train"]
    tiles, find = train.images(), detector("yunet")
    by_class: dict[str, list[NDArray[np.float64]]] = {}
    looked = 0
    for number, name in enumerate(train.classes):
        rows = np.flatnonzero(train.labels == number)
        chosen = rows[np.unique(np.linspace(0, len(rows) - 1, min(arguments.faces, len(rows))).astype(int))]
        looked += len(chosen)
        found = find([laid(tiles[row]) for row in chosen])
        by_class[name] = [points(max(faces, key=lambda face: face.score)) for faces in found if faces]
    everything = [each for found in by_class.values() for each in found]
    print(
        json.dumps(
            {
                "looked_at": looked,
                **told(everything),
                "levels": levels(tiles),
                "by_class": {name: told(f) for name, f in by_class.items()},
            },
            indent=1,
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
