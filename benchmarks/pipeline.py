"""How fast pictures become embeddings, against OpenCV's own classes on the same weights.

    python benchmarks/pipeline.py --images DIR [--count 300]

Both sides get the same decoded pictures, the same folded weights and the same threads, in
turns within one run, since absolute times drift. OpenCV: FaceDetectorYN at the picture's own
size, alignCrop and feature of FaceRecognizerSF for the face nearest the centre. vultus:
everything that `analyze` does, quality included, for every face. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from vultus import images, registry
from vultus.analyzer import Analyzer
from vultus.choice import choose
from vultus.folding import fold
from vultus.runtime import EngineOptions, engine_precision
from vultus.types import Image
from vultus.weights import derived


def folded(name: str, inputs: tuple[str, ...], axes: tuple[int, ...]) -> str:
    """Path of the network that both sides run."""
    source = registry.card(name).source
    assert source is not None
    return str(derived(source, "folded-v1", lambda data: fold(data, data_inputs=inputs, free_axes=axes)))


class OpenCv:
    """What OpenCV offers for the same job."""

    def __init__(self) -> None:
        self.detector = cv2.FaceDetectorYN.create(folded("yunet", ("input",), (0, 2, 3)), "", (250, 250), 0.5, 0.3)
        self.recogniser = cv2.FaceRecognizerSF.create(folded("sface", ("data",), (0,)), "")

    def __call__(self, image: Image) -> np.ndarray[Any, Any] | None:
        picture = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        height, width = picture.shape[:2]
        self.detector.setInputSize((width, height))
        _, faces = self.detector.detect(picture)
        if faces is None:
            return None
        centres = faces[:, :2] + faces[:, 2:4] / 2
        nearest = faces[np.argmin(((centres - (width / 2, height / 2)) ** 2).sum(axis=1))]
        vector = self.recogniser.feature(self.recogniser.alignCrop(picture, nearest))[0]
        return vector / np.linalg.norm(vector)


def seconds(work: Callable[[], object]) -> float:
    """Time of one call."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def centre_vector(analyzer: Analyzer, image: Image) -> np.ndarray[Any, Any] | None:
    """The embedding to compare with OpenCV's."""
    readings = analyzer.analyze(image)
    if not readings:
        return None
    return readings[choose(readings, (image.shape[1], image.shape[0]), "centre")[0].index].embedding


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--images", type=Path, required=True, help="a folder of pictures")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--precision", default="auto")
    arguments = parser.parse_args()
    paths = list(images.walk([arguments.images]))
    chosen = [paths[index] for index in np.linspace(0, len(paths) - 1, min(arguments.count, len(paths))).astype(int)]
    pictures = [images.read(path) for path in chosen]
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    cv2.setNumThreads(threads)
    options = EngineOptions(precision=arguments.precision, threads=threads)
    ours, theirs = Analyzer(engine=options), OpenCv()
    ours.parallel()
    for picture in pictures[:10]:
        ours.analyze(picture)
        theirs(picture)
    list(ours.analyze_many(pictures[:10]))

    single: dict[str, list[float]] = {"vultus": [], "opencv": []}
    folder: dict[str, list[float]] = {"vultus": [], "opencv": []}
    for _ in range(arguments.rounds):
        for picture in pictures:
            single["vultus"].append(seconds(lambda picture=picture: ours.analyze(picture)))
            single["opencv"].append(seconds(lambda picture=picture: theirs(picture)))
        folder["vultus"].append(seconds(lambda: list(ours.analyze_many(pictures))) / len(pictures))
        folder["opencv"].append(seconds(lambda: [theirs(picture) for picture in pictures]) / len(pictures))
    alike = []
    for picture in pictures:
        one, other = centre_vector(ours, picture), theirs(picture)
        if one is not None and other is not None:
            alike.append(float(one @ other))

    def report(times: dict[str, list[float]]) -> dict[str, float]:
        ms = {name: round(1000 * statistics.median(values), 2) for name, values in times.items()}
        pairs = zip(times["opencv"], times["vultus"], strict=True)
        return {**ms, "times_faster": round(statistics.median(theirs / ours for theirs, ours in pairs), 2)}

    print(
        json.dumps(
            {
                "pictures": len(pictures),
                "size": "x".join(map(str, pictures[0].shape[1::-1])),
                "threads": threads,
                "opencv_version": cv2.__version__,
                "precision": engine_precision(options),
                "one_picture_ms": report(single),
                "folder_ms_a_picture": report(folder),
                "cosine_to_opencv": {"median": round(float(np.median(alike)), 5), "lowest": round(min(alike), 5)},
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
