"""How fast the image door opens JPEG files, beside OpenCV and Pillow by themselves, in one run.

    python benchmarks/decode.py --images DIR [--limit 200] [--repeat 9] [--at-least PIXELS]

Every file is decoded from memory by all of them, `--repeat` times, in an order drawn anew each
time, since each leaves the memory as the next one finds it. A file's time is its fastest; the
figures are medians over the files, in milliseconds. `reduced` is the
door with `at_least`, where it is given. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import io
import json
import platform
import random
import statistics
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL.Image

from vultus.images import read, walk


def opencv(data: bytes) -> Any:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)


def opencv_converted(data: bytes) -> Any:
    return cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def pillow(data: bytes) -> Any:
    with PIL.Image.open(io.BytesIO(data)) as picture:
        return np.asarray(picture.convert("RGB"))


def measure(files: list[bytes], decoders: dict[str, Callable[[bytes], Any]], repeat: int) -> dict[str, float]:
    """Median over the files of each decoder's fastest time, ms."""
    best = {name: [float("inf")] * len(files) for name in decoders}
    for turn in range(repeat):
        for index, data in enumerate(files):
            for name, decoder in random.Random(f"{turn} {index}").sample(list(decoders.items()), len(decoders)):
                start = time.perf_counter()
                decoder(data)
                best[name][index] = min(best[name][index], (time.perf_counter() - start) * 1000)
    return {name: statistics.median(times) for name, times in best.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description="time the image door against OpenCV and Pillow")
    parser.add_argument("--images", type=Path, required=True, help="a folder with JPEG files")
    parser.add_argument("--limit", type=int, default=200, help="how many files at most")
    parser.add_argument("--repeat", type=int, default=9)
    parser.add_argument("--at-least", type=int, help="also time reduced decoding to this long side")
    given = parser.parse_args()
    paths = list(
        islice((path for path in walk([given.images]) if path.suffix.lower() in (".jpg", ".jpeg")), given.limit)
    )
    if not paths:
        parser.error(f"no JPEG files below {given.images}")
    files = [path.read_bytes() for path in paths]
    decoders: dict[str, Callable[[bytes], Any]] = {
        "vultus": read,
        "opencv": opencv,
        "opencv_bgr_then_convert": opencv_converted,
        "pillow": pillow,
    }
    if given.at_least:
        decoders["reduced"] = lambda data: read(data, at_least=given.at_least)
    times = measure(files, decoders, given.repeat)
    images = [read(data) for data in files]
    worst = max(
        int(np.abs(image.astype(np.int16) - pillow(data)).max()) for image, data in zip(images, files, strict=True)
    )
    report = {
        "images": len(files),
        "megapixels_median": round(statistics.median(image.shape[0] * image.shape[1] for image in images) / 1e6, 3),
        "bytes_median": int(statistics.median(map(len, files))),
        "milliseconds_median": {name: round(value, 3) for name, value in times.items()},
        "pillow_over_opencv": round(times["pillow"] / times["opencv"], 2),
        "vultus_over_opencv": round(times["vultus"] / times["opencv"], 2),
        "pillow_over_vultus": round(times["pillow"] / times["vultus"], 2),
        "largest_difference_from_pillow": worst,
        "repeat": given.repeat,
        "versions": {"opencv": cv2.__version__, "pillow": PIL.__version__, "python": platform.python_version()},
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
