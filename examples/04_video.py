"""Who is in a video: one row a track, decided once.

    python examples/04_video.py [VIDEO]

Without a video, a short clip is made: the view glides over NASA's portrait of Eileen
Collins, then a cut to the same picture from further away.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

import vultus
from vultus.bulk import identify_video
from vultus.demo import portrait
from vultus.draw import VideoWriter
from vultus.types import Image

SIZE_WH = (320, 240)
RATE = 12


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(sys.argv[1]) if len(sys.argv) > 1 else made(Path(folder) / "clip.mp4")
        analyzer = vultus.Analyzer()
        with vultus.Gallery.open(Path(folder) / "gallery", analyzer=analyzer) as gallery:
            gallery.enroll("Eileen Collins", portrait()).require()
            for found in identify_video(gallery, analyzer.for_video(), clip):
                track, person = found.track, found.person
                score = "" if person.score is None else f" {person.score:.3f}"
                print(
                    f"track {track.id}: {track.start:.1f} to {track.end:.1f} s, {track.good} good frames, "
                    f"{person.person or person.status}{score}"
                )


def made(path: Path) -> Path:
    """Three seconds of video in two shots."""
    image = vultus.read_image(portrait())
    far = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    with VideoWriter(path, SIZE_WH, fps=RATE) as video:
        for step in range(2 * RATE):
            video.write(view(image, 40 + 2 * step, step))
        for step in range(RATE):
            video.write(view(far, step, 0))
    return path


def view(image: Image, x: int, y: int) -> Image:
    """The part of the picture that the camera sees."""
    width, height = SIZE_WH
    part = image[y : y + height, x : x + width]
    return np.ascontiguousarray(
        np.pad(part, ((0, height - len(part)), (0, width - part.shape[1]), (0, 0)), mode="edge")
    )


if __name__ == "__main__":
    main()
