"""Speed and memory of video: frames a second from file to track templates, at 1280 x 720.

    python benchmarks/video.py [--video FILE] [--data DIR]

Prints one JSON object. Without --video a clip is made: the supplied clip of several people
scaled to 1280 x 720 if the data folder is there, a slow pan over scikit-image's portrait
otherwise, 20 s and 60 s of the same content at 30 frames a second. Each run is a process of
its own, so that its peak memory is its own; the first run of a process, which compiles the
networks for the sizes met, is not timed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from itertools import cycle
from pathlib import Path
from typing import Any

import av
import numpy as np

SIZE_WH = (1280, 720)
RATE = 30


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--video", type=Path, help="measure this file instead of a made one")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("VULTUS_DATA", "../shared/data")))
    parser.add_argument("--stride", type=int, help="detect on every so manieth frame (default: by the frame rate)")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measured(options.video, options.stride, options.repeats)))
        return
    with tempfile.TemporaryDirectory(prefix="vultus-bench-") as folder:
        if options.video is not None:
            report = {"content": str(options.video), **in_child(options.video, options)}
        else:
            short, long = Path(folder, "20s.mp4"), Path(folder, "60s.mp4")
            content = made(short, options.data, seconds=20)
            made(long, options.data, seconds=60)
            report = {"content": content, **in_child(short, options)}
            minute = in_child(long, options, repeats=1)
            report["fps_60s"] = minute["fps"]
            report["peak_mb_60s"] = minute["peak_mb"]
            report["growth_mb_20s_to_60s"] = round(minute["peak_mb"] - report["peak_mb"], 1)
    print(json.dumps(report, indent=2))


def in_child(video: Path, options: argparse.Namespace, repeats: int | None = None) -> dict[str, Any]:
    command = [sys.executable, __file__, "--child", "--video", str(video), "--repeats", str(repeats or options.repeats)]
    if options.stride:
        command += ["--stride", str(options.stride)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def measured(video: Path, stride: int | None, repeats: int) -> dict[str, Any]:
    """Decode, detect, follow and embed one file; also decode it alone."""
    from vultus.analyzer import Analyzer
    from vultus.video import Following, default_stride, frames, open_video, tracks

    with open_video(video) as source:
        rate = source.info.rate
    first = next(iter(frames(video)))
    analyzer = Analyzer().for_video()
    following = Following(stride=stride)
    seconds, cpu = [], []
    # The first round compiles; its peak counts for memory, its time does not.
    for repeat in range(repeats + 1):
        count = 0

        def progress(done: int, _: int | None) -> None:
            nonlocal count
            count = done

        began, began_cpu = time.perf_counter(), time.process_time()
        found = list(tracks(video, analyzer, following=following, progress=progress))
        if repeat:
            seconds.append(time.perf_counter() - began)
            cpu.append(time.process_time() - began_cpu)
    began = time.perf_counter()
    decoded = sum(1 for _ in frames(video))
    decoding = time.perf_counter() - began
    wall = statistics.median(seconds)
    return {
        "size": list(first.size_wh),
        "frames": count,
        "fps": round(count / wall, 1),
        "fps_each": [round(count / one, 1) for one in seconds],
        "cpu_ms_a_frame": round(1000 * statistics.median(cpu) / count, 2),
        "cores_used": round(statistics.median(c / w for c, w in zip(cpu, seconds, strict=True)), 2),
        "fps_decoding_alone": round(decoded / decoding, 1),
        "stride": stride or default_stride(rate),
        "faces_seen": sum(track.seen for track in found),
        "tracks": len(found),
        "templates": sum(track.template is not None for track in found),
        "shots": len({track.shot for track in found}),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "peak_mb": peak_mb(),
    }


def peak_mb() -> float:
    """Largest resident size of this process so far, in MB."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1 << 20) if sys.platform == "darwin" else peak / 1024, 1)


def made(path: Path, data: Path, seconds: int) -> str:
    """Write a clip of so many seconds; what it shows."""
    clip = data / "video" / "short_hamilton_clip.mp4"
    pictures, content = (scaled(clip), f"{clip.name} scaled") if clip.is_file() else (pan(), "pan over astronaut.png")
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"preset": "veryfast", "crf": "20"})
        stream.width, stream.height = SIZE_WH
        stream.pix_fmt = "yuv420p"
        for index, picture in zip(range(seconds * RATE), pictures, strict=False):
            picture.pts, picture.time_base = index, Fraction(1, RATE)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return content


def scaled(clip: Path) -> Iterator[av.VideoFrame]:
    while True:
        with av.open(str(clip)) as container:
            for frame in container.decode(video=0):
                yield frame.reformat(*SIZE_WH, format="yuv420p", interpolation="BICUBIC")


def pan() -> Iterator[av.VideoFrame]:
    import cv2
    from skimage import data

    large = cv2.resize(data.astronaut(), (1600, 1600), interpolation=cv2.INTER_CUBIC)
    way = np.concatenate([np.arange(0, 300, 2), np.arange(300, 0, -2)])
    for step in cycle(way.tolist()):
        view = np.ascontiguousarray(large[step : step + SIZE_WH[1], step : step + SIZE_WH[0]])
        yield av.VideoFrame.from_ndarray(view, format="rgb24")


if __name__ == "__main__":
    main()
