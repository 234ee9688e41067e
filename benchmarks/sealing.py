"""What encryption at rest costs: enrolment, search, opening, erasure, sealed beside clear in one run.

    python benchmarks/sealing.py [--n 100000] [--opening 100000 1000000] [--seconds 6]

Both galleries hold the same synthetic people, ten random unit vectors of 128 dimensions each, and
for enrolment with crops the pictures of `vultus.testing`; sealed and clear take turns, so that what
else the machine does meets both. Ratios are sealed / clear of the rate, or of the time where it says
so. Enrolment is one durable transaction a call: a new person costs the commit of a second file.
Opening is measured in a process of its own, from the first byte of the gallery to the answer of the
first search; the pages of the files are in memory (this script does not empty the page cache). The
journal's rates stand at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.gallery import Gallery, MasterKey, faces, people
from vultus.gallery.faces import Offer
from vultus.server.journal import Journal
from vultus.testing import Analyzer, Thresholds, picture
from vultus.types import unit

ANALYZER = Analyzer()
KEY = MasterKey(bytes(range(32)))
PER_PERSON = 10
WAYS = ("clear", "sealed")

Matrix = NDArray[np.float32]


def opened(folder: Path, way: str, **options: Any) -> Gallery:
    key = KEY if way == "sealed" else None
    return Gallery.open(
        folder, analyzer=ANALYZER, operating=Thresholds(ANALYZER.contract), master_key=key, timeout=30, **options
    )


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def filled(folder: Path, way: str, n: int, keep: str = "none") -> float:
    """A gallery of n templates, written as an import writes it: one transaction in all; seconds."""
    rng = np.random.default_rng(0)
    gallery = opened(folder, way, keep=keep)
    start = time.perf_counter()
    with gallery._store.write() as connection:
        contract = faces.adopt(connection, ANALYZER.contract)
        for number in range(n // PER_PERSON):
            row = people.add(connection, f"Person {number:07d}")
            for vector in unit(rng.standard_normal((PER_PERSON, 128), dtype=np.float32)):
                faces.insert(connection, row, Offer(vector), contract)
    spent = time.perf_counter() - start
    gallery._store.close()  # without leaving a snapshot
    return spent


def in_turns(
    seconds: float, calls: dict[str, Callable[[int], Any]], least: int = 5
) -> tuple[dict[str, list[float]], dict[str, int]]:
    """Call each way by turns until the time is over; the seconds of each call."""
    spent: dict[str, list[float]] = {way: [] for way in calls}
    end = time.monotonic() + seconds
    number = 0
    while time.monotonic() < end or number < least:
        for way in tuple(calls) if number % 2 else tuple(calls)[::-1]:
            spent[way].append(timed(lambda way=way, number=number: calls[way](number))[0])
        number += 1
    return spent, {way: len(found) for way, found in spent.items()}


def rates(spent: dict[str, list[float]]) -> dict[str, Any]:
    """Calls a second by the median, their ratio with its spread over tenths of the run, and that of the means.

    The means hold what comes seldom and costs much: the commits of the key file.
    """
    found = {f"{way}_per_second": round(1 / statistics.median(times), 1) for way, times in spent.items()}
    parts = [
        statistics.median(clear) / statistics.median(sealed)
        for clear, sealed in zip(_tenths(spent["clear"]), _tenths(spent["sealed"]), strict=True)
        if clear and sealed
    ]
    ratio = statistics.median(spent["clear"]) / statistics.median(spent["sealed"])
    return {
        **found,
        "ratio": round(ratio, 3),
        "ratio_of_means": round(sum(spent["clear"]) / sum(spent["sealed"]), 3),
        "ratio_range_over_tenths": [round(min(parts), 3), round(max(parts), 3)],
        "calls": len(spent["clear"]),
    }


def _tenths(times: list[float]) -> list[list[float]]:
    return [part.tolist() for part in np.array_split(np.array(times), 10)]


def enrolment(root: Path, seconds: float) -> dict[str, Any]:
    """New people and further faces, with their crops, in durable transactions."""
    galleries = {way: opened(root / f"enrol-{way}", way) for way in WAYS}
    image = picture("somebody", noise=20)
    (reading,) = ANALYZER.analyze(image)
    rng = np.random.default_rng(1)
    from dataclasses import replace

    def enroll(way: str, name: str, number: int) -> None:
        other = replace(reading, embedding=unit(rng.standard_normal(128)))
        galleries[way].enroll_readings(
            name, [other], source=f"{number}.jpg", sha256=f"{number:064x}", size_wh=(150, 150), force=True, gate="none"
        )

    new = {way: (lambda number, way=way: enroll(way, f"Person {number}", number)) for way in WAYS}
    more = {way: (lambda number, way=way: enroll(way, f"Same {number // 90}", 10**9 + number)) for way in WAYS}
    report = {
        "a_new_person_each": rates(in_turns(seconds, new)[0]),
        "mostly_known_people": rates(in_turns(seconds, more)[0]),
    }
    for gallery in galleries.values():
        gallery._store.close()
    return report


def end_to_end(root: Path, seconds: float) -> dict[str, Any]:
    """Enrolment of pictures as a user has it: the whole of decoding, detection and embedding before it.

    With the shipped models, when their weights are there.
    """
    from vultus.analyzer import Analyzer as Real
    from vultus.demo import portrait
    from vultus.errors import WeightsError

    try:
        analyzer = Real()
    except WeightsError as error:
        return {"skipped": str(error)}
    data = portrait()
    galleries = {}
    for way in WAYS:
        key = KEY if way == "sealed" else None
        galleries[way] = Gallery.open(root / f"real-{way}", analyzer=analyzer, master_key=key)

    def enroll(way: str, number: int) -> None:
        # Bytes after the end of a JPEG make it another file with the same picture.
        galleries[way].enroll(f"Person {number}", data + number.to_bytes(4, "big"), force=True, gate="none")

    found = rates(in_turns(seconds, {way: (lambda n, way=way: enroll(way, n)) for way in WAYS})[0])
    for gallery in galleries.values():
        gallery._store.close()
    return found


def searching(folders: dict[str, Path], seconds: float) -> dict[str, Any]:
    galleries = {way: opened(folder, way) for way, folder in folders.items()}
    queries = unit(np.random.default_rng(2).standard_normal((64, 128), dtype=np.float32))
    for gallery in galleries.values():
        gallery.search(queries[0])
    one = {way: (lambda n, g=g: g.search(queries[n % 64])) for way, g in galleries.items()}
    report = {"one_query": rates(in_turns(seconds, one)[0])}
    batch = {way: (lambda n, g=g: g.search(queries)) for way, g in galleries.items()}
    report["batches_of_64"] = rates(in_turns(seconds, batch)[0])
    for gallery in galleries.values():
        gallery._store.close()
    return report


def opening(root: Path, n: int) -> dict[str, Any]:
    report: dict[str, Any] = {"templates": n, "people": n // PER_PERSON}
    for way in WAYS:
        folder = root / f"open-{way}-{n}"
        built = filled(folder, way, n)
        rows = _in_a_child(folder, way)
        with opened(folder, way) as gallery:
            gallery.search(np.eye(128, dtype=np.float32)[0])
            writing, _ = timed(gallery.compact)
        snapshot = [_in_a_child(folder, way) for _ in range(3)]
        report[way] = {
            "bulk_insert_seconds": round(built, 1),
            "open_from_rows_seconds": rows,
            "write_snapshot_seconds": round(writing, 2),
            "open_from_snapshot_seconds": min(snapshot),
            "megabytes": round(sum(path.stat().st_size for path in folder.iterdir()) / 1e6),
        }
        if n == 100_000 and way == "sealed":
            with opened(folder, way) as gallery:
                report["erase_seconds"] = round(timed(lambda: gallery.erase("Person 0000007"))[0], 2)
                report["rotate_master_key_seconds"] = round(timed(lambda: gallery.rotate_master_key(KEY))[0], 2)
                report["rotate_data_keys_seconds"] = round(timed(gallery.rotate_data_keys)[0], 2)
                report["unseal_seconds"] = round(timed(gallery.unseal)[0], 2)
                seconds, done = timed(lambda: gallery.seal(KEY))
                report["seal_and_scan_seconds"] = round(seconds, 2)
                report["scan"] = {"patterns": done.needles, "bytes": done.bytes, "found": len(done.hits)}
        shutil.rmtree(folder)
    for what in ("open_from_rows", "open_from_snapshot", "bulk_insert"):
        report[f"{what}_time_ratio"] = round(
            report["sealed"][f"{what}_seconds"] / report["clear"][f"{what}_seconds"], 2
        )
    return report


def _in_a_child(folder: Path, way: str) -> float:
    done = subprocess.run(
        [sys.executable, __file__, "--open", str(folder), way], check=True, capture_output=True, text=True, timeout=600
    )
    return float(done.stdout)


def open_once(folder: str, way: str) -> float:
    """What the child process does: open, search once, say what it took."""
    if way == "sealed":
        from vultus.gallery.sealing import cipher_of

        cipher_of(bytes(32))  # the package is loaded, as a server has it
    query = np.eye(128, dtype=np.float32)[0]
    start = time.perf_counter()
    gallery = opened(Path(folder), way)
    gallery.search(query)
    spent = time.perf_counter() - start
    gallery._store.close()
    return round(spent, 3)


def journal(root: Path, seconds: float) -> dict[str, Any]:
    """Entries a second, each durable when `append` returns, by one thread and by several at once."""
    report: dict[str, Any] = {}
    evidence = {"score": 0.61234, "threshold": 0.41, "fpir": 0.01, "model": ANALYZER.contract.id, "decision": "match"}
    with Journal(root / "journal.sqlite") as log:

        def write(until: float) -> None:
            while time.monotonic() < until:
                log.append(actor="key:0f0f", action="identify", target="a" * 32, gallery="staff", evidence=evidence)

        for threads in (1, 8, 64):
            before, end = log.head.seq, time.monotonic() + seconds / 2
            workers = [threading.Thread(target=write, args=(end,)) for _ in range(threads)]
            spent, _ = timed(lambda workers=workers: [w.start() for w in workers] and [w.join() for w in workers])
            report[f"appends_per_second_{threads}_threads"] = round((log.head.seq - before) / spent)
        spent, found = timed(log.verify)
        report |= {"entries": found.entries, "whole": found.ok, "verified_per_second": round(found.entries / spent)}
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=100_000, help="templates of the galleries that are searched")
    parser.add_argument("--opening", type=int, nargs="*", default=[100_000, 1_000_000], help="templates, opened")
    parser.add_argument("--seconds", type=float, default=6.0, help="for each comparison")
    parser.add_argument("--folder", type=Path, help="where to put the galleries; a temporary folder")
    parser.add_argument("--open", nargs=2, metavar=("FOLDER", "WAY"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.open:
        print(open_once(*arguments.open))
        return
    import cryptography

    with tempfile.TemporaryDirectory(dir=arguments.folder) as temporary:
        root = Path(temporary)
        folders = {way: root / f"search-{way}" for way in WAYS}
        for way, folder in folders.items():
            filled(folder, way, arguments.n)
        report = {
            "benchmark": "sealing",
            "data": "synthetic",
            "machine": platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
            "cryptography": cryptography.__version__,
            "load_average": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
            "page_cache": "not emptied",
            "enrolment_of_readings": enrolment(root, arguments.seconds),
            "enrolment_of_pictures": end_to_end(root, arguments.seconds),
            "search": {"templates": arguments.n, **searching(folders, arguments.seconds)},
        }
        for folder in folders.values():
            shutil.rmtree(folder)
        report["opening"] = [opening(root, n) for n in arguments.opening]
        report["journal"] = journal(root, arguments.seconds)
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
