"""Counts and times in the text format that Prometheus reads; no names and no ids among the labels."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["BUCKETS", "CONTENT_TYPE", "Metrics"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds

Labels = tuple[tuple[str, str], ...]

_HELP = {
    "vultus_requests_total": "Requests by route and status.",
    "vultus_request_seconds": "Time from a request's first byte to its answer's last.",
    "vultus_stage_seconds": "Time in each stage of the analysis.",
    "vultus_pictures_total": "Pictures read, by outcome.",
    "vultus_faces_total": "Faces found in pictures.",
    "vultus_identify_total": "Faces searched, by outcome.",
    "vultus_verify_total": "Comparisons, by outcome.",
    "vultus_not_live_total": "Faces refused as not taken for living ones, by what they came for.",
    "vultus_challenges_total": "Live checks that were answered, by outcome.",
    "vultus_groups_total": "Groups of pictures that were analysed together.",
    "vultus_refused_total": "Requests refused, by reason.",
    "vultus_idle_closed_total": "Connections without a request that were closed, their address having too many.",
    "vultus_queue_depth": "Pictures that wait to be analysed.",
    "vultus_held_bytes": "Bytes of bodies that are being received or worked on.",
    "vultus_galleries": "Galleries.",
    "vultus_gallery_templates": "Templates in the galleries that are open.",
    "vultus_erasures_pending": "Erasures that are not finished, in the galleries that are open.",
    "vultus_jobs": "Jobs that wait or run.",
    "vultus_provider_info": "What the networks run on.",
    "vultus_up_seconds": "Since the server started.",
}


class Metrics:
    """Counters, histograms and gauges by name and labels; safe for threads.

    >>> metrics = Metrics()
    >>> metrics.count("vultus_identify_total", outcome="match")
    >>> metrics.gauge("vultus_queue_depth", lambda: 3)
    >>> [line for line in metrics.render().splitlines() if not line.startswith("#")]
    ['vultus_identify_total{outcome="match"} 1', 'vultus_queue_depth 3']
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, dict[Labels, float]] = {}
        self._times: dict[str, dict[Labels, list[float]]] = {}  # a count a bucket, one beyond, then the sum
        self._gauges: dict[str, tuple[Labels, Callable[[], float]]] = {}

    def count(self, name: str, by: float = 1, **labels: str) -> None:
        """Add to a counter."""
        place = _place(labels)
        with self._lock:
            series = self._counts.setdefault(name, {})
            series[place] = series.get(place, 0) + by

    def observe(self, name: str, seconds: float, *, times: int = 1, **labels: str) -> None:
        """Add to a histogram. times: how often it took so long."""
        place = _place(labels)
        with self._lock:
            series = self._times.get(name)
            if series is None:
                series = self._times[name] = {}
            values = series.get(place)
            if values is None:
                values = series[place] = [0.0] * (len(BUCKETS) + 2)
            values[bisect_left(BUCKETS, seconds)] += times
            values[-1] += seconds * times

    def gauge(self, name: str, read: Callable[[], float], **labels: str) -> None:
        """Ask `read` whenever the metrics are asked for."""
        self._gauges[name] = (_place(labels), read)

    @contextmanager
    def stage(self, stage: str) -> Iterator[None]:
        """Time what happens inside."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.observe("vultus_stage_seconds", time.perf_counter() - start, stage=stage)

    def value(self, name: str, **labels: str) -> float:
        """A counter as it stands, or the number of a histogram's observations; 0 when nothing was counted."""
        place = _place(labels)
        with self._lock:
            if name in self._times:
                return sum(self._times[name].get(place, [0.0])[:-1])
            return self._counts.get(name, {}).get(place, 0)

    def render(self) -> str:
        """Everything, in the text format."""
        lines: list[str] = []
        with self._lock:
            counts = {name: dict(series) for name, series in self._counts.items()}
            times = {name: {place: list(values) for place, values in s.items()} for name, s in self._times.items()}
        for name, series in sorted(counts.items()):
            lines += _head(name, "counter")
            lines += [f"{name}{_braces(place)} {value:g}" for place, value in sorted(series.items())]
        for name, observed in sorted(times.items()):
            lines += _head(name, "histogram")
            for place, values in sorted(observed.items()):
                total = 0.0
                for bound, found in zip((*BUCKETS, float("inf")), values, strict=False):
                    total += found
                    label = "+Inf" if bound == float("inf") else f"{bound:g}"
                    lines.append(f"{name}_bucket{_braces((*place, ('le', label)))} {total:g}")
                lines.append(f"{name}_sum{_braces(place)} {values[-1]:.6f}")
                lines.append(f"{name}_count{_braces(place)} {total:g}")
        for name, (place, read) in sorted(self._gauges.items()):
            lines += [*_head(name, "gauge"), f"{name}{_braces(place)} {read():g}"]
        return "\n".join(lines) + "\n"


def _place(labels: dict[str, str]) -> Labels:
    return tuple(sorted(labels.items())) if len(labels) > 1 else tuple(labels.items())


def _head(name: str, kind: str) -> list[str]:
    return [f"# HELP {name} {_HELP.get(name, name)}", f"# TYPE {name} {kind}"]


def _braces(place: Labels) -> str:
    if not place:
        return ""
    escaped = (value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n") for _, value in place)
    return "{" + ",".join(f'{name}="{value}"' for (name, _), value in zip(place, escaped, strict=True)) + "}"
