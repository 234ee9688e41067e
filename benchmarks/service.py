"""What the service costs beside the library: speed, latency, memory, and what gathering requests gains.

    python benchmarks/service.py [--images DIR] [--repeats 5] [--seconds 2] [--parts speed memory window]
                                 [--write README.md]

Linux only: it reads /proc. Three processes: `vultus serve` with a gallery of its own, the library
(two threads, one a core, over the same pictures from memory; one call at a time on all cores beside
one client), and this one, the clients: non-blocking sockets that are kept alive, requests made
beforehand, multipart as programs send them. Library and service take turns, in an order that turns
too. A figure is of a steady stretch of `--seconds`, longer where fewer than sixty requests were answered
in it; before and after it the clients ask as well, and nothing is compiled in it any more.

Since the clients use the same cores, the ratio of throughput blames them on the service.
`ratio_of_cpu` does not: CPU seconds of the library for a request over those of the service, the
kernel's work on the sockets included. `ratio` is service / library of requests a second. Medians over
the repeats; intervals are 95 %, Student's t of the logarithms over the repeats.

Pictures: crops of the portrait that comes with vultus, long sides of 250 and 900 pixels, or those of
a folder at the same sizes. Keys: eight, in turn. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import selectors
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import marks
import numpy as np
import service_table

OPERATIONS = ("detect", "verify", "identify")
SIDES = (250, 900)
CLIENTS = (1, 8, 64)
WINDOWS = (0.0, 2.0, 4.0, 8.0)  # milliseconds
LEAST = 60  # requests in a stretch, unless it took ten times the seconds
SMALL = 112  # pixels, of the pictures of the memory run
KEYS = 8
PEOPLE = 500  # drawn at random, beside the one of the pictures
GALLERY = "people"
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
TICK = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


# ---------------------------------------------------------------- pictures


def crops(count: int = 16) -> list[np.ndarray[Any, Any]]:
    """Crops of one portrait, no two alike."""
    from vultus import images
    from vultus.demo import portrait

    whole = images.read(portrait())
    return [whole[n : 480 + n, 2 * n : 480 + 2 * n] for n in range(count)]


def from_folder(folder: Path, count: int = 48) -> list[np.ndarray[Any, Any]]:
    """Pictures from all over a folder."""
    from vultus import images

    paths = list(images.walk([folder]))
    chosen = np.linspace(0, len(paths) - 1, min(count, len(paths))).astype(int)
    return [images.read(paths[index]) for index in chosen]


def write(pictures: Sequence[np.ndarray[Any, Any]], folder: Path) -> None:
    """Each picture as a JPEG of each size."""
    for side in (*SIDES, SMALL):
        (folder / str(side)).mkdir(parents=True)
        for number, picture in enumerate(pictures):
            by = side / max(picture.shape[:2])
            small = cv2.resize(picture, None, fx=by, fy=by, interpolation=cv2.INTER_AREA if by < 1 else cv2.INTER_CUBIC)
            coded = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 92])[1]
            (folder / str(side) / f"{number:03d}.jpg").write_bytes(coded.tobytes())


def read(folder: Path, side: int) -> list[bytes]:
    return [path.read_bytes() for path in sorted((folder / str(side)).iterdir())]


# ---------------------------------------------------------------- the library, in a process of its own


def library(folder: Path) -> None:
    """Answer each line of standard input, {operation, side, threads, seconds}, by a line of figures."""
    from vultus import images, verification
    from vultus.defaults import default_analyzer
    from vultus.gallery import Gallery
    from vultus.operating import table_for
    from vultus.types import unit

    alone = default_analyzer()
    shared = alone.parallel()
    table = table_for(alone.contract)
    gallery = Gallery.open(folder / GALLERY, analyzer=alone)
    gallery.enroll("Somebody", read(folder, SIDES[0])[0], gate="none", force=True)
    for number, vector in enumerate(unit(np.random.default_rng(0).standard_normal((PEOPLE, alone.contract.dimension)))):
        gallery.enroll_vectors(f"Person {number}", vector, force=True)
    pictures = {side: read(folder, side) for side in SIDES}

    def detect(analyzer: Any, first: bytes, second: bytes) -> None:
        image = images.load(first).image
        analyzer.read(image, analyzer.detect(image), embed=False)

    def verify(analyzer: Any, first: bytes, second: bytes) -> None:
        verification.verify(first, second, analyzer=analyzer, table=table)

    def identify(analyzer: Any, first: bytes, second: bytes) -> None:
        found = images.load(first)
        size_wh = (found.image.shape[1], found.image.shape[0])
        gallery.identify_readings(analyzer.analyze(found.image), sha256=found.sha256, size_wh=size_wh)

    calls: dict[str, Callable[[Any, bytes, bytes], None]] = {"detect": detect, "verify": verify, "identify": identify}
    print("{}", flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        threads = asked["threads"]
        cv2.setNumThreads(CORES if threads == 1 else 1)
        analyzer = alone if threads == 1 else shared
        took: list[tuple[float, float]] = []
        over = threading.Event()

        def work(
            start: int,
            step: int,
            call: Callable[[Any, bytes, bytes], None],
            files: list[bytes],
            analyzer: Any = analyzer,
            over: threading.Event = over,
            took: list[tuple[float, float]] = took,
        ) -> None:
            number = start
            while not over.is_set():
                begun = time.perf_counter()
                call(analyzer, files[number % len(files)], files[(number + 1) % len(files)])
                took.append((time.perf_counter(), time.perf_counter() - begun))
                number += step

        arguments = (calls[asked["operation"]], pictures[asked["side"]])
        workers = [threading.Thread(target=work, args=(n, threads, *arguments)) for n in range(threads)]
        for worker in workers:
            worker.start()
        time.sleep(asked["seconds"] / 5)
        before = len(took)
        begun, spent = time.perf_counter(), time.process_time()
        time.sleep(asked["seconds"])
        while len(took) - before < LEAST and time.perf_counter() < begun + 10 * asked["seconds"]:
            time.sleep(0.05)
        ended, spent = time.perf_counter(), time.process_time() - spent
        over.set()
        for worker in workers:
            worker.join()
        inside = [seconds for at, seconds in took if begun < at <= ended]
        print(json.dumps(figures(inside, ended - begun, spent)), flush=True)


def figures(took: Sequence[float], seconds: float, cpu: float) -> dict[str, float]:
    """Of requests that took so long each, within so many seconds, by so much CPU."""
    ms = 1000 * np.array(took)
    return {
        "per_second": len(took) / seconds,
        "p50_ms": float(np.percentile(ms, 50)),
        "p99_ms": float(np.percentile(ms, 99)),
        "cpu_ms": 1000 * cpu / len(took),
    }


@dataclass
class Library:
    """The process of `library`."""

    folder: Path
    child: subprocess.Popen[str] = field(init=False)

    def __enter__(self) -> Library:
        self.child = subprocess.Popen(
            [sys.executable, __file__, "--library", str(self.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer()
        return self

    def __exit__(self, *error: object) -> None:
        assert self.child.stdin is not None
        self.child.stdin.close()
        self.child.wait(60)

    def measure(self, operation: str, side: int, clients: int, seconds: float) -> dict[str, float]:
        assert self.child.stdin is not None
        asked = {"operation": operation, "side": side, "threads": min(clients, CORES), "seconds": seconds}
        self.child.stdin.write(json.dumps(asked) + "\n")
        self.child.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self.child.stdout is not None
        line = self.child.stdout.readline()
        if not line:
            raise RuntimeError("the library's process ended; see above")
        return json.loads(line)


# ---------------------------------------------------------------- the service, in a process of its own


def serve(root: str, window_ms: float) -> None:
    """As `vultus serve`, with another window."""
    import logging

    from vultus.defaults import default_analyzer
    from vultus.server import logs, run
    from vultus.server.settings import Settings

    settings = Settings(Path(root), port=0, rate=1e6, probes_per_person=10**6, window_ms=window_ms)
    logs.configure(logging.INFO)

    def started(address: str, made: Any) -> None:
        print(json.dumps({"address": address, "key": made.secret}), flush=True)

    run.serve(settings, default_analyzer(), started=started)


@dataclass
class Server:
    """A server that runs, with its keys. source: folder of another checkout's package."""

    root: Path
    window_ms: float | None = None
    source: Path | None = None

    def __enter__(self) -> Server:
        if self.window_ms is None:
            options = ["--port", "0", "--json", "--rate", "1000000", "--probes", "1000000"]
            main = "from vultus.cli import main; main()"
            command = [sys.executable, "-c", main, "serve", "--gallery", str(self.root), *options]
        else:
            command = [sys.executable, __file__, "--serve", str(self.root), str(self.window_ms)]
        self.log = (self.root.parent / f"{self.root.name}.log").open("w+")
        environment = os.environ | ({} if self.source is None else {"PYTHONPATH": str(self.source)})
        self.child = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=self.log, text=True, env=environment, cwd=self.root
        )
        assert self.child.stdout is not None
        text = ""
        while line := self.child.stdout.readline():
            text += line
            if line.startswith("}") or line.rstrip().endswith("}"):
                break
        if not text:
            self.log.seek(0)
            raise RuntimeError(f"the server did not start: {self.log.read()[-2000:]}")
        told = json.loads(text)
        host, _, port = told["address"].removeprefix("http://").rpartition(":")
        self.place = (host, int(port))
        body = json.dumps({"role": "operator"}).encode()
        made = request("POST", "/v1/keys", told["key"], body, "application/json")
        self.keys = [json.loads(ask(self.place, made))["secret"] for _ in range(KEYS)]
        return self

    def __exit__(self, *error: object) -> None:
        self.child.send_signal(signal.SIGTERM)
        try:
            self.child.wait(60)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        self.log.close()

    def cpu(self) -> float:
        """Seconds of CPU so far."""
        parts = Path(f"/proc/{self.child.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(parts[11]) + int(parts[12])) / TICK

    def megabytes(self) -> float:
        """Resident memory."""
        return int(Path(f"/proc/{self.child.pid}/statm").read_text().split()[1]) * PAGE / 2**20

    def measure(self, operation: str, files: Sequence[bytes], clients: int, seconds: float) -> dict[str, float]:
        with Clients(self.place, self.requests(operation, files), clients) as crowd:
            crowd.work(seconds=seconds / 5)
            crowd.took.clear()
            begun, spent, own = time.perf_counter(), self.cpu(), time.process_time()
            crowd.work(seconds=seconds)
            if len(crowd.took) < LEAST:
                crowd.work(seconds=9 * seconds, count=LEAST - len(crowd.took))
            ended, spent, own = time.perf_counter(), self.cpu() - spent, time.process_time() - own
            found = figures(crowd.took, ended - begun, spent)
            found["client_cpu_ms"] = 1000 * own / len(crowd.took)
        return found

    def warm(self, operation: str, files: Sequence[bytes]) -> None:
        """So that every shape of its networks is compiled."""
        for clients in (1, 64):
            with Clients(self.place, self.requests(operation, files), clients) as crowd:
                crowd.work(count=LEAST)

    def requests(self, operation: str, files: Sequence[bytes]) -> list[bytes]:
        """One for each picture and key, the whole of each."""
        path = {"identify": f"/v1/galleries/{GALLERY}/identify"}.get(operation, f"/v1/{operation}")
        made = []
        for number in range(math.lcm(len(files), KEYS)):
            first, second = files[number % len(files)], files[(number + 1) % len(files)]
            parts = {"first": first, "second": second} if operation == "verify" else {"image": first}
            made.append(request("POST", path, self.keys[number % KEYS], *form(parts)))
        return made


def form(parts: dict[str, bytes]) -> tuple[bytes, str]:
    """Files as multipart/form-data: the body and its type."""
    edge = "6f1c2b0a9d"
    body = b""
    for name, data in parts.items():
        body += f'--{edge}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}.jpg"\r\n'.encode()
        body += b"Content-Type: image/jpeg\r\n\r\n" + data + b"\r\n"
    return body + f"--{edge}--\r\n".encode(), f"multipart/form-data; boundary={edge}"


def request(method: str, path: str, key: str, body: bytes, kind: str) -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer {key}\r\n"
    return f"{head}Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def ask(place: tuple[str, int], whole: bytes) -> bytes:
    """One request on a connection of its own; the body of the answer."""
    with Clients(place, [whole], 1) as crowd:
        crowd.work(count=1)
        return crowd.last


# ---------------------------------------------------------------- the clients


class Connection:
    """A client: what is still to be sent, and what has come."""

    def __init__(self, place: tuple[str, int]) -> None:
        self.socket = socket.create_connection(place)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**21)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.left = memoryview(b"")
        self.come = b""
        self.begun = 0.0
        self.busy = False


class Clients:
    """So many clients, each with one request at a time. An answer that is no success ends the benchmark."""

    def __init__(self, place: tuple[str, int], requests: Sequence[bytes], count: int) -> None:
        self._requests = requests
        self._next = 0
        self._selector = selectors.DefaultSelector()
        self._all = [Connection(place) for _ in range(count)]
        for one in self._all:
            self._selector.register(one.socket, selectors.EVENT_READ, one)
        self.took: list[float] = []
        self.last = b""

    def __enter__(self) -> Clients:
        return self

    def __exit__(self, *error: object) -> None:
        if error[0] is None:
            self.drain()
        for one in self._all:
            one.socket.close()
        self._selector.close()

    def work(self, *, seconds: float = math.inf, count: int = sys.maxsize) -> None:
        """Ask for so long, or until so many were answered more; what is under way then stays under way."""
        end, enough = time.perf_counter() + seconds, len(self.took) + count
        for one in self._all:
            if not one.busy:
                self._ask(one)
        while time.perf_counter() < end and len(self.took) < enough:
            self._turn(again=True)

    def drain(self) -> None:
        """Wait for the answers that are under way."""
        while any(one.busy for one in self._all):
            self._turn(again=False)

    def _turn(self, *, again: bool) -> None:
        ready = self._selector.select(30)
        if not ready:
            raise RuntimeError("the server has not answered for 30 s")
        for key, events in ready:
            one: Connection = key.data
            if events & selectors.EVENT_WRITE:
                self._send(one)
            if events & selectors.EVENT_READ and self._answered(one) and again:
                self._ask(one)

    def _ask(self, one: Connection) -> None:
        one.left = memoryview(self._requests[self._next % len(self._requests)])
        self._next += 1
        one.busy, one.begun = True, time.perf_counter()
        self._send(one, first=True)

    def _send(self, one: Connection, *, first: bool = False) -> None:
        with suppress(BlockingIOError):
            one.left = one.left[one.socket.send(one.left) :]
        if bool(one.left) == first:  # begins, or ends, to wait for room
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if one.left else 0)
            self._selector.modify(one.socket, events, one)

    def _answered(self, one: Connection) -> bool:
        """Take what has come; whether the answer is whole."""
        data = one.socket.recv(2**18)
        if not data:
            raise RuntimeError(f"the server closed a connection after {one.come[:200]!r}")
        one.come += data
        edge = one.come.find(b"\r\n\r\n")
        if edge < 0:
            return False
        head = one.come[:edge].lower()
        place = head.index(b"content-length:") + 15
        length = int(head[place : place + 20].partition(b"\r\n")[0])
        if len(one.come) < edge + 4 + length:
            return False
        self.last = one.come[edge + 4 :]
        if not head.startswith(b"http/1.1 2"):
            raise RuntimeError(f"the server answered {one.come[:600]!r}")
        self.took.append(time.perf_counter() - one.begun)
        one.come, one.busy = b"", False
        return True


# ---------------------------------------------------------------- what is measured


@dataclass
class Bench:
    """A folder with the pictures and the gallery, and how long to look."""

    folder: Path
    seconds: float
    repeats: int

    def root(self, name: str) -> Path:
        """A folder to serve, with a copy of the gallery."""
        made = self.folder / f"root-{name}"
        shutil.copytree(self.folder / GALLERY, made / GALLERY)
        return made


def speed(
    bench: Bench,
    ours: Library,
    servers: dict[str, Server],
    operations: Sequence[str],
    sides: Sequence[int],
    crowds: Sequence[int],
) -> list[dict[str, Any]]:
    """Each operation, size and number of clients: the servers beside the library."""
    cells = []
    for operation in operations:
        for side in sides:
            files = read(bench.folder, side)
            for server in servers.values():
                server.warm(operation, files)
            for clients in crowds:

                def one(
                    name: str, operation: str = operation, side: int = side, clients: int = clients, files: Any = files
                ) -> dict[str, float]:
                    if name == "library":
                        return ours.measure(operation, side, clients, bench.seconds)
                    return servers[name].measure(operation, files, clients, bench.seconds)

                found = in_turns(["library", *servers], one, bench.repeats)
                cell: dict[str, Any] = {"operation": operation, "side": side, "clients": clients}
                cell["load"] = round(os.getloadavg()[0], 2)
                for name, rows in found.items():
                    cell[name] = {what: round(statistics.median(row[what] for row in rows), 2) for what in rows[0]}
                for name in servers:
                    cell[name] |= against(found[name], found["library"])
                if "before" in servers:
                    cell["service_to_before"] = against(found["service"], found["before"])
                cells.append(cell)
                print(json.dumps(cell), file=sys.stderr, flush=True)
    return cells


def window(
    bench: Bench, servers: dict[str, Server], sides: Sequence[int], crowds: Sequence[int]
) -> list[dict[str, Any]]:
    """Each window beside none, where requests come together."""
    cells = []
    none, *others = servers
    for operation in ("detect", "identify"):
        for side in sides:
            files = read(bench.folder, side)
            for server in servers.values():
                server.warm(operation, files)
            for clients in crowds:

                def one(
                    name: str, operation: str = operation, clients: int = clients, files: Any = files
                ) -> dict[str, float]:
                    return servers[name].measure(operation, files, clients, bench.seconds)

                found = in_turns(list(servers), one, bench.repeats)
                cell: dict[str, Any] = {"operation": operation, "side": side, "clients": clients}
                for name, rows in found.items():
                    cell[name] = {what: round(statistics.median(row[what] for row in rows), 2) for what in rows[0]}
                for name in others:
                    cell[name] |= against(found[name], found[none])
                cells.append(cell)
                print(json.dumps(cell), file=sys.stderr, flush=True)
    return cells


def in_turns(
    names: Sequence[str], one: Callable[[str], dict[str, float]], repeats: int
) -> dict[str, list[dict[str, float]]]:
    """The figures of each name, each repeat beginning with another."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for repeat in range(repeats):
        turn = repeat % len(names)
        for name in (*names[turn:], *names[:turn]):
            found[name].append(one(name))
    return found


def against(rows: Sequence[dict[str, float]], others: Sequence[dict[str, float]]) -> dict[str, Any]:
    """Ratios over 1 are faster, or cheaper, than the other."""
    pairs = list(zip(rows, others, strict=True))
    return {
        "ratio": interval([row["per_second"] / other["per_second"] for row, other in pairs]),
        "ratio_of_cpu": interval([other["cpu_ms"] / row["cpu_ms"] for row, other in pairs]),
    }


def interval(ratios: Sequence[float]) -> list[float]:
    """Median and 95 % interval of ratios."""
    from scipy import stats

    logs = np.log(ratios)
    middle = statistics.median(ratios)
    if len(logs) < 2:
        return [round(middle, 3)]
    half = stats.t.ppf(0.975, len(logs) - 1) * logs.std(ddof=1) / math.sqrt(len(logs))
    return [round(value, 3) for value in (middle, math.exp(logs.mean() - half), math.exp(logs.mean() + half))]


def memory(bench: Bench, server: Server, requests: int, seconds: float) -> dict[str, Any]:
    """Resident memory over many requests of all kinds, eight clients; it stops by itself."""
    from scipy import stats

    files = read(bench.folder, SMALL)
    for operation in OPERATIONS:
        server.warm(operation, files)
    kinds = [server.requests(operation, files) for operation in OPERATIONS]
    mixed = [one for group in zip(*kinds, strict=True) for one in group]
    begun = time.monotonic()
    samples: list[tuple[int, float]] = [(0, server.megabytes())]
    with Clients(server.place, mixed, 8) as crowd:
        while len(crowd.took) < requests and time.monotonic() - begun < seconds:
            crowd.work(count=min(100, requests - len(crowd.took)))
            samples.append((len(crowd.took), server.megabytes()))
        done = len(crowd.took)
    # The first fifth fills caches and pools. Neighbouring samples are no independent witnesses: means of tenths are.
    settled = [sample for sample in samples if sample[0] >= done / 5]
    parts = [np.array(part).mean(axis=0) for part in np.array_split(np.array(settled), 10)]
    line = stats.linregress(np.array(parts)[:, 0] / 1000, np.array(parts)[:, 1])
    half = stats.t.ppf(0.975, len(parts) - 2) * np.nan_to_num(line.stderr)  # a straight level line has none
    return {
        "requests": done,
        "seconds": round(time.monotonic() - begun),
        "megabytes": {
            "first": round(samples[0][1], 1),
            "at_a_fifth": round(settled[0][1], 1),
            "last": round(samples[-1][1], 1),
            "most": round(max(size for _, size in samples), 1),
        },
        "tenths_megabytes": [round(float(part[1]), 2) for part in parts],
        "megabytes_a_thousand_requests": [round(x, 4) for x in (line.slope, line.slope - half, line.slope + half)],
        "flat": bool(line.slope - half <= 0 or line.slope * done / 1000 < 0.01 * samples[-1][1]),
    }


def same_answers(bench: Bench, servers: dict[str, Server]) -> bool:
    """Whether all servers say the same of the same pictures, to the last digit."""
    for operation in OPERATIONS:
        for side in SIDES:
            files = read(bench.folder, side)
            told = []
            for server in servers.values():
                answers = [json.loads(ask(server.place, one)) for one in server.requests(operation, files)]
                for answer in answers:
                    answer.pop("request_id")
                told.append(answers)
            if any(other != told[0] for other in told):
                return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, help="a folder of pictures; crops of a portrait")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each stretch")
    parser.add_argument("--parts", nargs="*", default=["speed", "memory", "window"])
    parser.add_argument("--operations", nargs="*", default=list(OPERATIONS), choices=OPERATIONS)
    parser.add_argument("--sides", nargs="*", type=int, default=list(SIDES), choices=SIDES)
    parser.add_argument("--clients", nargs="*", type=int, default=list(CLIENTS))
    parser.add_argument("--requests", type=int, default=20_000, help="of the memory run")
    parser.add_argument("--bound", type=float, default=600.0, help="seconds after which the memory run stops")
    parser.add_argument("--before", type=Path, help="folder of another checkout's package: its server takes turns too")
    parser.add_argument("--write", type=Path, help="put the table of speed and memory between the marks in this file")
    parser.add_argument("--library", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.library:
        library(arguments.library)
        return
    if arguments.serve:
        serve(arguments.serve[0], float(arguments.serve[1]))
        return
    if not Path("/proc/self/statm").exists():
        parser.error("expected Linux with /proc")
    import fastapi
    import uvicorn

    report: dict[str, Any] = {"benchmark": "service", "cores": CORES, "load_before": round(os.getloadavg()[0], 2)}
    report |= {"uvicorn": uvicorn.__version__, "fastapi": fastapi.__version__, "people": PEOPLE + 1}
    report |= {"repeats": arguments.repeats, "seconds": arguments.seconds}
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as stack:
        bench = Bench(Path(temporary), arguments.seconds, arguments.repeats)
        pictures = crops() if arguments.images is None else from_folder(arguments.images)
        write(pictures, bench.folder)
        report["pictures"] = len(pictures)
        ours = stack.enter_context(Library(bench.folder))
        servers = {"service": stack.enter_context(Server(bench.root("service")))}
        if arguments.before:
            source = arguments.before.resolve()
            servers["before"] = stack.enter_context(Server(bench.root("before"), source=source))
            report["same_answers_as_before"] = same_answers(bench, servers)
        if "speed" in arguments.parts:
            report["speed"] = speed(bench, ours, servers, arguments.operations, arguments.sides, arguments.clients)
        if "memory" in arguments.parts:
            report["memory"] = memory(bench, servers["service"], arguments.requests, arguments.bound)
        if "window" in arguments.parts:
            each = {f"{ms:g}_ms": stack.enter_context(Server(bench.root(f"window{ms:g}"), ms)) for ms in WINDOWS}
            report["window"] = window(bench, each, arguments.sides, [n for n in arguments.clients if n > 1])
        report["load_after"] = round(os.getloadavg()[0], 2)
    print(json.dumps(report, indent=1))
    if arguments.write:
        made = service_table.table(report["speed"], report.get("memory"))
        marks.put(arguments.write, service_table.BEGIN, service_table.END, made)


if __name__ == "__main__":
    main()
