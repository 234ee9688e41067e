"""Expressions along a film: faces a second from file to answer, and memory while it goes on.

    python benchmarks/expression_video.py --video CLIP.mp4 [--frames 6000] [--every 1] [--write DIR]

The clip is read over and over until --frames frames have gone by, as one long film. Every step is
timed together: decoding, shots, detection, tracks, crops, the network, smoothing, and with --write
the rows of a CSV table. Prints one JSON object; memory is the process's own, in MB, at ten moments.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from vultus.analyzer import Analyzer
from vultus.expression import Curves, expression_reader, read_video
from vultus.runtime import EngineOptions, cores
from vultus.video import Frame, open_video


def again_and_again(clip: Path, frames: int) -> Iterator[Frame]:
    """A film of that many frames."""
    number, begun = 0, 0.0
    while number < frames:
        with open_video(clip) as video:
            step = 1 / (video.info.rate or 25.0)
            for frame in video:
                if number == frames:
                    return
                yield replace(frame, index=number, time=begun, joins=frame.index == 0 and number > 0)
                number, begun = number + 1, begun + step


def resident() -> float:
    """Memory of this process in MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def measure(
    clip: Path, *, frames: int = 6000, every: int = 1, model: str = "fer2013", rows: Path | None = None
) -> dict[str, Any]:
    """The whole way from a file to answers. rows: folder for the answers as a table."""
    analyzer = Analyzer().for_video()
    reader = expression_reader(model, engine=EngineOptions(threads=cores(), streams=cores()))
    curves, faces, answered, memory = Curves(), 0, 0, [resident()]
    begun, worked = time.perf_counter(), time.process_time()
    with ExitStack() as stack:
        table = None
        if rows is not None:
            rows.mkdir(parents=True, exist_ok=True)
            file = stack.enter_context((rows / "rows.csv").open("w", newline="", encoding="utf-8"))
            table = csv.writer(file)
        film = again_and_again(clip, frames)
        for look in read_video(film, analyzer, reader, every=every):
            faces += 1
            answered += not look.seen.abstained
            curves.add("film", look)
            if table is not None:
                table.writerow([look.frame, look.track, look.smoothed.label, *look.smoothed.probabilities])
            if look.frame * 10 // frames >= len(memory):
                memory.append(resident())
    took = time.perf_counter() - begun
    return {
        "model": reader.model,
        "machine": f"{platform.machine()}, {cores()} cores",
        "frames": frames,
        "every": every,
        "faces": faces,
        "answered": answered,
        "seconds": round(took, 2),
        "cpu_seconds": round(time.process_time() - worked, 2),
        "faces_a_second": round(faces / took, 1),
        "frames_a_second": round(frames / took, 1),
        "memory_mb": [round(each) for each in memory],
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--video", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=6000)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--model", default="fer2013")
    parser.add_argument("--write", type=Path, help="folder for the rows as a table")
    given = parser.parse_args()
    found = measure(given.video, frames=given.frames, every=given.every, model=given.model, rows=given.write)
    print(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
