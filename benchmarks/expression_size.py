"""How small a face may be: accuracy on FER2013's validation faces, shrunk as if seen from afar.

    python benchmarks/expression_size.py --data ../shared/data/fer2013 [--model fer2013]

The validation faces of the shipped reader's split (the test is not opened), each shrunk to a number of
pixels across and enlarged again as the reader does it. The reader abstains below the smallest size
that still has at least 90 % of the accuracy of whole faces (`vultus.models.expression.crop.SMALLEST`).
Prints one JSON object: accuracy with its interval, mean probability of the label and ECE for each size.
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

from vultus.datasets import fer2013_split
from vultus.expression import expression_reader
from vultus.metrics.intervals import wilson
from vultus.metrics.reliability import reliability

SIZES = (48, 40, 32, 28, 24, 20, 18, 16, 14, 12, 10, 8)
KEPT = 0.9  # of the accuracy of whole faces


def seen_at(face: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """A face (S, S, 3) with the detail of so many pixels across."""
    small = cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, face.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.uint8)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="folder of FER2013")
    parser.add_argument("--model", default="fer2013")
    parser.add_argument("--faces", type=int, help="so many, evenly spread; else all")
    arguments = parser.parse_args()
    part = fer2013_split.validation(arguments.data)
    reader: Any = expression_reader(arguments.model)
    count = len(part.labels)
    rows = np.unique(np.linspace(0, count - 1, min(arguments.faces or count, count)).astype(int))
    faces, truth = np.repeat(part.faces[rows][..., None], 3, axis=3), part.labels[rows]
    found = []
    for side in SIZES:
        answers = []
        for at in range(0, len(faces), 64):
            answers.append(reader.probabilities(np.stack([seen_at(face, side) for face in faces[at : at + 64]])))
        shares = np.concatenate(answers)
        right = wilson(int((shares.argmax(1) == truth).sum()), len(rows))
        found.append(
            {
                "pixels": side,
                "accuracy": right.value,
                "low": right.low,
                "high": right.high,
                "confidence": float(shares.max(1).mean()),
                "ece": reliability(shares, truth).ece,
            }
        )
    enough = [each["pixels"] for each in found if each["accuracy"] >= KEPT * found[0]["accuracy"]]
    print(json.dumps({"model": reader.model, "n": len(rows), "smallest": min(enough), "sizes": found}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
