"""Every benchmark, one after the other, its JSON under benchmarks/out/.

    python benchmarks/all.py [--data DIR]

DIR is the development data (`VULTUS_DATA`, or shared/data beside the checkout); benchmarks
that need pictures are passed over, loudly, where it is absent. Run it on a machine that does
nothing else.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent


def plan(data: Path) -> dict[str, list[str]]:
    """Name of the result to the command that makes it."""
    lfw, video = data / "lfw", data / "video"
    here = {
        name: [sys.executable, str(HERE / f"{name}.py")]
        for name in (
            *("search", "pipeline", "video", "decode", "cluster", "liveness", "metrics", "sealing", "service"),
            *("landmarks", "expression", "expression_robustness"),
        )
    }
    vultus = [sys.executable, "-c", "from vultus.cli import main; main()"]
    return {
        "search": here["search"],
        "metrics": here["metrics"],
        "sealing": here["sealing"],
        "service": [*here["service"], "--images", str(lfw / "images")],
        "pipeline": [*here["pipeline"], "--images", str(lfw / "images")],
        "video": [*here["video"], "--video", str(video / "short_hamilton_clip.mp4")],
        "decode": [*here["decode"], "--images", str(lfw / "images")],
        "cluster": [*here["cluster"], "--images", str(lfw / "images")],
        "liveness": [*here["liveness"], "--data", str(data)],
        "landmarks": [*here["landmarks"], "--data", str(data)],
        "expression": [*here["expression"], "--data", str(data)],
        "expression_robustness": [
            *here["expression_robustness"],
            *["--data", str(data / "fer2013"), "--faces", "500"],
        ],
        "verification": [
            *vultus,
            *["evaluate", "verification", "--json"],
            *["--images", str(lfw / "images"), "--pairs", str(lfw / "pairsDevTest.txt")],
        ],
        "identification": [
            *vultus,
            *["evaluate", "identification", "--json", "--images", str(lfw / "images")],
            *["--people", str(lfw / "identities25.txt"), "--strangers", str(lfw / "strangers.txt")],
        ],
    }


def main() -> int:
    beside = HERE.parents[1] / "shared" / "data"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("VULTUS_DATA", beside)))
    parser.add_argument("--only", nargs="*", help="names of results")
    arguments = parser.parse_args()
    out = HERE / "out"
    out.mkdir(exist_ok=True)
    failed = 0
    for name, command in plan(arguments.data).items():
        if arguments.only and name not in arguments.only:
            continue
        needed = [Path(part) for part in command if str(arguments.data) in part]
        missing = [path for path in needed if not path.exists()]
        if missing:
            print(f"PASSED OVER {name}: {missing[0]} is absent", flush=True)
            continue
        begun = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        failed += done.returncode != 0
        (out / f"{name}.json").write_text(done.stdout)
        print(f"== {name} ({time.monotonic() - begun:.0f} s, exit {done.returncode})\n{done.stdout}", flush=True)
        if done.returncode:
            print(done.stderr, file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
