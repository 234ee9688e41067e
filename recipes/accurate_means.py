"""The mean descriptor of the `accurate` recogniser, from the Face Research Lab London Set.

    python recipes/accurate_means.py FOLDER_OF_PORTRAITS src/vultus/models/embed/accurate_means.json

The pictures (DeBruine and Jones, doi 10.6084/m9.figshare.5047666, CC-BY 4.0) are called
NNN_neutral.jpg and NNN_smiling.jpg. Every person counts once. The mean is taken in fp32, so
that it does not depend on the machine, and from other people than any benchmark's.
"""

from __future__ import annotations

import argparse
import datetime
import json
from collections import defaultdict
from pathlib import Path

import numpy as np

from vultus import images
from vultus.analyzer import detector
from vultus.models.detect.pyramid import Pyramid
from vultus.models.embed.accurate import chip, wide_crop
from vultus.models.embed.dlib_resnet import SOURCE, DlibResNet
from vultus.runtime import EngineOptions


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("portraits", type=Path)
    arguments.add_argument("output", type=Path)
    options = arguments.parse_args()
    engine = EngineOptions(precision="fp32")
    find, describe = Pyramid(detector(engine=engine)), DlibResNet(engine=engine)
    chips = defaultdict(list)
    for path in sorted(options.portraits.glob("*.jpg")):
        picture = images.read(path)
        face, *others = find(picture)
        if others:
            print(f"{path.name}: {len(others)} more faces, the largest is taken")
        chips[path.name.split("_")[0]].append(chip(wide_crop(picture, face.landmarks)))
    mean = np.mean([describe(shown).mean(axis=0) for shown in chips.values()], axis=0)
    card = {
        "what": "mean of dlib's 128-d descriptors over people, chips cut by vultus.models.embed.accurate",
        "data": "Face Research Lab London Set (DeBruine and Jones, doi 10.6084/m9.figshare.5047666)",
        "licence": "CC-BY-4.0",
        "people": len(chips),
        "pictures": sum(len(shown) for shown in chips.values()),
        "weights_sha256": SOURCE.sha256,
        "recipe": "recipes/accurate_means.py",
        "date": datetime.date.today().isoformat(),
        "mean": [round(float(value), 5) for value in mean],
    }
    options.output.write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
