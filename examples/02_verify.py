"""Are two pictures of one person? A score, a threshold, and the error rate behind it.

    python examples/02_verify.py [PICTURE PICTURE]

Without pictures, NASA's portrait of Eileen Collins is compared with a copy that was
mirrored, made smaller and darker, and with another person's portrait.
"""

from __future__ import annotations

import sys

import cv2

import vultus
from vultus.demo import PEOPLE, fetch_photograph, portrait


def main() -> None:
    if len(sys.argv) == 3:
        tell("your pictures", vultus.verify(sys.argv[1], sys.argv[2]))
        return
    image = vultus.read_image(portrait())
    copy = cv2.convertScaleAbs(cv2.resize(image[:, ::-1], None, fx=0.4, fy=0.4), alpha=0.7)
    tell("a mirrored, small, dark copy", vultus.verify(image, copy))
    tell("another person", vultus.verify(image, fetch_photograph(PEOPLE[0])))
    tell("the copy, at FMR 1 in 10,000", vultus.verify(image, copy, fmr=1e-4))


def tell(what: str, answer: vultus.Verification) -> None:
    point = answer.operating
    sign = ">=" if answer.score >= point.threshold else "<"
    print(f"{what}: {answer.status} ({answer.score:.3f} {sign} {point.threshold:.3f}, FMR {point.target:g})")
    for side in answer.sides:
        if side.refusals:
            print(f"  {side.name} is not good enough: {', '.join(map(str, side.refusals))}")


if __name__ == "__main__":
    main()
