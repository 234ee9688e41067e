"""Exact search in a gallery of a million against FAISS's flat index, in one run.

    python benchmarks/search.py [--n 1000000] [--dim 128] [--queries 50] [--seconds 120]
    python benchmarks/search.py --sweep        # where float products and bytes cross over

Prints one JSON object. The vectors are synthetic: `uniform` on the sphere, and `clustered` around
n / 10 identities as faces are, with a cosine of about 0.65 between templates of one. Half of the
queries are new templates of enrolled identities, half are strangers. Queries of ours and of FAISS
take turns. FAISS runs with the same number of threads and with one, since a single query is not
always quicker with more; the ratio is to the faster of the two. `numpy` is the bare float32
product with every row, without finding the best: what a gallery without bytes would cost.

The opening is timed in a process of its own. The page cache is not emptied before (that takes
root and disturbs others): a first opening after a reboot also reads the file from the disk.
Memory is what Linux counts for that process: `anonymous` is its own, `file` are pages of the
snapshot that it has touched and the system may take back.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from vultus.gallery import exact
from vultus.gallery.crew import usable_cores
from vultus.gallery.exact import ExactIndex
from vultus.gallery.snapshot import Snapshot, open_snapshot, write_snapshot
from vultus.types import unit

K = 5
_AT_ONCE = 50_000
_OURS = {"contract_id": "benchmark", "gallery_id": "benchmark"}

Matrix = NDArray[np.float32]


def vectors(kind: str, n: int, dimension: int, queries: int, seed: int = 0) -> tuple[Matrix, Matrix]:
    """Templates and queries."""
    rng = np.random.default_rng(seed)
    rows = np.empty((n, dimension), dtype=np.float32)
    centres = unit(rng.standard_normal((max(1, n // 10), dimension), dtype=np.float32))
    width = np.float32(0.73 / dimension**0.5)  # leaves a cosine of 1 / (1 + 0.73^2) = 0.65 between two of one identity

    def near(identities: NDArray[np.int64]) -> Matrix:
        return unit(centres[identities] + width * rng.standard_normal((len(identities), dimension), dtype=np.float32))

    for start in range(0, n, _AT_ONCE):
        stop = min(start + _AT_ONCE, n)
        if kind == "clustered":
            rows[start:stop] = near(np.arange(start, stop) // 10 % len(centres))
        else:
            rows[start:stop] = unit(rng.standard_normal((stop - start, dimension), dtype=np.float32))
    known = rng.integers(0, n, queries // 2)
    noise = width * rng.standard_normal((len(known), dimension), dtype=np.float32)
    mates = near(known // 10 % len(centres)) if kind == "clustered" else unit(rows[known] + noise)
    strangers = unit(rng.standard_normal((queries - len(known), dimension), dtype=np.float32))
    asked = np.concatenate([mates, strangers])
    return rows, asked[rng.permutation(len(asked))]


def filled(rows: Matrix, precision: Any = "int8", threads: int | None = None) -> ExactIndex:
    index = ExactIndex(rows.shape[1], precision, threads=threads)
    for start in range(0, len(rows), _AT_ONCE):
        part = rows[start : start + _AT_ONCE]
        ids = np.arange(start, start + len(part))
        index.add(ids, ids // 10, part)
    return index


def milliseconds(seconds: list[float]) -> dict[str, float]:
    return {
        "p50_ms": round(1e3 * float(np.median(seconds)), 3),
        "p95_ms": round(1e3 * float(np.quantile(seconds, 0.95)), 3),
        "min_ms": round(1e3 * min(seconds), 3),
    }


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def resident() -> dict[str, float] | None:
    """Megabytes that this process holds, where the system tells."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return None
    lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return {name: int(lines[key].split()[0]) / 1024 for name, key in (("anonymous", "RssAnon"), ("file", "RssFile"))}


def opening(path: str, threads: int) -> dict[str, Any]:
    """What the child process does: open, search a little, say what it took."""
    queries = unit(np.random.default_rng(5).standard_normal((20, opened(path).index.dimension)))
    first = resident()
    seconds, found = timed(lambda: opened(path))
    after = resident()
    found.index.threads = threads
    first_query, _ = timed(lambda: found.index.search(queries[0], K))
    for query in queries:
        found.index.search(query, K)
    last = resident()

    def growth(then: dict[str, float] | None, now: dict[str, float] | None) -> dict[str, float] | None:
        return {name: round(now[name] - then[name], 1) for name in now} if then and now else None

    return {
        "seconds": round(seconds, 3),
        "first_query_ms": round(1e3 * first_query, 2),
        "memory_mb_opened": growth(first, after),
        "memory_mb_after_21_queries": growth(first, last),
    }


def opened(path: str) -> Snapshot:
    found = open_snapshot(path, **_OURS)
    if not isinstance(found, Snapshot):
        raise SystemExit(found.reason)
    return found


def compare(kind: str, folder: Path, arguments: argparse.Namespace, threads: int) -> dict[str, Any]:
    """One gallery: ours from its snapshot and FAISS's from memory, query by query in turn."""
    rows, queries = vectors(kind, arguments.n, arguments.dim, arguments.queries)
    adding, index = timed(lambda: filled(rows, threads=threads))
    path = folder / f"{kind}.snapshot"
    writing, size = timed(lambda: write_snapshot(path, index, **_OURS, revision=1))
    del index
    child = subprocess.run(
        [sys.executable, __file__, "--open", str(path), "--threads", str(threads)],
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
    )
    index = opened(str(path)).index
    flat = faiss.IndexFlatIP(arguments.dim)
    flat.add(rows)

    def one_thread(query: Matrix) -> Any:
        faiss.omp_set_num_threads(1)
        try:
            return flat.search(query[None], K)
        finally:
            faiss.omp_set_num_threads(threads)

    runs: dict[str, Callable[[Matrix], Any]] = {
        "vultus": lambda query: index.search(query, K),
        "vultus_people": lambda query: index.search_people(query, K),
        "faiss": lambda query: flat.search(query[None], K),
        "faiss_one_thread": one_thread,
        "numpy": lambda query: rows @ query,
    }
    spent: dict[str, list[float]] = {name: [] for name in runs}
    same = near_ties = 0
    difference, rescored = 0.0, []
    for run in runs.values():
        run(queries[0])  # threads start, pages are touched
    end = time.monotonic() + arguments.seconds / 2
    for number, query in enumerate(queries):
        answers = {}
        order = list(runs) if number % 2 else list(runs)[::-1]
        for name in order:
            seconds, answers[name] = timed(lambda name=name, query=query: runs[name](query))  # type: ignore[misc]
            spent[name].append(seconds)
        scores, ids = answers["faiss"]
        hits = answers["vultus"]
        gap = float(np.abs(hits.scores - scores).max())
        difference = max(difference, gap)
        if np.array_equal(hits.ids, ids):
            same += 1
        elif gap <= 1e-6:
            near_ties += 1  # FAISS's float32 sums rank rows within 1e-6 of each other by their rounding
        rescored.append(int(hits.rescored[0]))
        if time.monotonic() > end:
            break
    asked = len(rescored)
    figures = {name: milliseconds(seconds) for name, seconds in spent.items()}
    faster = min(figures["faiss"]["p50_ms"], figures["faiss_one_thread"]["p50_ms"])
    return {
        "queries": asked,
        **figures,
        "faiss_over_vultus_p50": round(faster / figures["vultus"]["p50_ms"], 2),
        "same_answers": same + near_ties == asked and difference <= 1e-6,
        "same_ids": same,
        "same_but_for_ties_within_1e-6": near_ties,
        "largest_score_difference": difference,
        "rescored_rows": {
            "mean": round(float(np.mean(rescored)), 1),
            "p95": float(np.quantile(rescored, 0.95)),
            "max": max(rescored),
        },
        "add_seconds": round(adding, 2),
        "write_seconds": round(writing, 2),
        "file_mb": round(size / 1e6, 1),
        "held_mb": round(index.nbytes / 1e6, 1),
        "mapped_mb": round(index.mapped_nbytes / 1e6, 1),
        "open": json.loads(child.stdout),
    }


@contextmanager
def forced(small: int, batch: int) -> Iterator[None]:
    """Crossovers at other values."""
    before = exact._SMALL, exact._BATCH
    exact._SMALL, exact._BATCH = small, batch
    try:
        yield
    finally:
        exact._SMALL, exact._BATCH = before


def sweep(arguments: argparse.Namespace, threads: int) -> dict[str, Any]:
    """Milliseconds of both ways over sizes of gallery and of batch."""

    def both(index: ExactIndex, queries: Matrix) -> dict[str, float]:
        found: dict[str, list[float]] = {"int8": [], "fp32": []}
        for _ in range(15):
            with forced(0, 10**9):
                found["int8"].append(timed(lambda: index.search(queries, K))[0])
            with forced(10**9, 0):
                found["fp32"].append(timed(lambda: index.search(queries, K))[0])
        return {name: milliseconds(seconds)["p50_ms"] for name, seconds in found.items()}

    rows, queries = vectors("clustered", 200_000, arguments.dim, 64)
    sizes = {
        n: both(filled(rows[:n], threads=threads), queries[:1]) for n in (1000, 5000, 10_000, 20_000, 50_000, 100_000)
    }
    index = filled(rows, threads=threads)
    batches = {count: both(index, queries[:count]) for count in (1, 2, 4, 8, 16, 32, 64)}
    return {"single_query_by_rows": sizes, "200000_rows_by_queries": batches}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=1_000_000, help="templates in the gallery")
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--queries", type=int, default=50, help="single queries a gallery")
    parser.add_argument("--seconds", type=float, default=120.0, help="most time for the queries")
    parser.add_argument("--threads", type=int, default=usable_cores())
    parser.add_argument("--sweep", action="store_true", help="only the crossovers")
    parser.add_argument("--open", metavar="PATH", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    threads = arguments.threads
    faiss.omp_set_num_threads(threads)
    if arguments.open:
        report = opening(arguments.open, threads)
    elif arguments.sweep:
        report = sweep(arguments, threads)
    else:
        report = {
            "benchmark": "search",
            "n": arguments.n,
            "dimension": arguments.dim,
            "k": K,
            "threads": threads,
            "precision": ExactIndex(arguments.dim).precision,
            "faiss": faiss.__version__,
            "numpy": np.__version__,
            "machine": platform.processor() or platform.machine(),
            "load_average": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
            "page_cache": "not emptied",
            "data": "synthetic",
        }
        with tempfile.TemporaryDirectory() as folder:
            for kind in ("uniform", "clustered"):
                report[kind] = compare(kind, Path(folder), arguments, threads)
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
