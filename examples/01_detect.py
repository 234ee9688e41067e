"""Find the faces in a picture, read them, and draw what was found.

python examples/01_detect.py [PICTURE]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import vultus
from vultus.demo import portrait
from vultus.images import write


def main() -> None:
    image = vultus.read_image(sys.argv[1] if len(sys.argv) > 1 else portrait())
    readings = vultus.analyze(image)
    print(f"{len(readings)} face(s), the largest first")
    for number, reading in enumerate(readings, 1):
        face, quality = reading.face, reading.quality
        print(f"face {number}: box {face.box.round()}, detector score {face.score:.2f}, quality {quality.score:.2f}")
        x, y = face.landmarks[0]
        print(f"  right eye at {x:.0f}, {y:.0f}; the subject's own right")
        print(
            f"  head: yaw {quality.pose.yaw:.0f}, pitch {quality.pose.pitch:.0f}, roll {quality.pose.roll:.0f} degrees"
        )
        print(
            f"  good enough to search with: {'yes' if not reading.refusals else ', '.join(map(str, reading.refusals))}"
        )

    marks = [vultus.Mark(r.face.box, "", "face", r.face.score, r.face.landmarks) for r in readings]
    path = write(Path(tempfile.mkdtemp(prefix="vultus-")) / "detected.jpg", vultus.annotate(image, marks))
    print(f"drawn in {path}")


if __name__ == "__main__":
    main()
