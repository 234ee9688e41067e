"""The README's table of the service, made of what benchmarks/service.py measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

BEGIN, END = "<!-- service: benchmarks/service.py -->", "<!-- /service -->"


def table(cells: Sequence[Mapping[str, Any]], memory: Mapping[str, Any] | None) -> str:
    """Operations and sizes down, clients across: requests a second, p50 / p99, cost beside the library."""
    crowds = sorted({cell["clients"] for cell in cells})
    lines = [
        "| operation, longer side | " + " | ".join(f"{n} client{'s' if n > 1 else ''}" for n in crowds) + " |",
        "|---|" + "---|" * len(crowds),
    ]
    for operation, side in dict.fromkeys((cell["operation"], cell["side"]) for cell in cells):
        found = {cell["clients"]: cell for cell in cells if (cell["operation"], cell["side"]) == (operation, side)}
        told = [_told(found[n]) if n in found else "" for n in crowds]
        lines.append(f"| {operation}, {side} px | " + " | ".join(told) + " |")
    if memory is not None:
        slope, low, high = memory["megabytes_a_thousand_requests"]
        sizes = memory["megabytes"]
        lines += [
            "",
            f"Memory over {memory['requests']:,} requests of all three kinds: {sizes['at_a_fifth']:.0f} MB after a "
            f"fifth of them, {sizes['last']:.0f} MB at the end; {slope:+.3f} MB a thousand requests "
            f"[{low:+.3f}, {high:+.3f}].",
        ]
    return "\n".join(lines)


def _told(cell: Mapping[str, Any]) -> str:
    service = cell["service"]
    middle, *ends = service["ratio_of_cpu"]
    interval = f" [{ends[0]:.2f}, {ends[1]:.2f}]" if ends else ""
    return (
        f"{service['per_second']:.0f}/s, {service['p50_ms']:.0f} / {service['p99_ms']:.0f} ms; {middle:.2f}{interval}"
    )
