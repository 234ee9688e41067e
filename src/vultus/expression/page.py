"""Expressions over time as one HTML file: a plot a tracked person, without a server or a network.

The lines are drawn in the file; a script whose hash the page's own policy names adds values under
the pointer or the arrow keys, and lines that can be hidden.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import math
import os
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from vultus.errors import InputError
from vultus.expression.curves import Curve
from vultus.files import write_atomically

__all__ = ["render", "write_page"]

WIDTH, HEIGHT = 960, 240  # of a plot, in its own units
LEFT, RIGHT, TOP, BOTTOM = 44, 948, 10, 210  # the frame of the lines
SHOWN = "What is told is the expression a face shows, never what the person feels. It is a research estimate."


def write_page(path: str | os.PathLike[str], curves: Sequence[Curve], *, model: str, measured: str = "") -> Path:
    """Write the page, whole or not at all.

    Refused: no curve (InputError); a folder that cannot be written (StorageError).
    """
    target = Path(path)
    write_atomically(target, render(curves, model=model, measured=measured).encode("utf-8"))
    return target


def render(curves: Sequence[Curve], *, model: str, measured: str = "") -> str:
    """The page as text. model: what read the faces. measured: how well, and on what. Refused (InputError): no curve."""
    if not curves:
        raise InputError("expected at least one tracked face to draw over time, got none")
    folder = resources.files("vultus.expression")
    style = (folder / "page.css").read_text(encoding="utf-8")
    script = (folder / "page.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    policy += "; base-uri 'none'; form-action 'none'"
    several = len({curve.source for curve in curves}) > 1
    body = "\n".join(_track(curve, number, several) for number, curve in enumerate(curves))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:,">
<title>Expressions over time</title>
<style>{style}</style>
</head>
<body>
<header>
<h1>Expressions over time</h1>
<p>{SHOWN}</p>
<p class="quiet">Read by {_text(model)}{f": {_text(measured)}" if measured else ""}. Point at a plot, or step through
it with the arrow keys, to read its values; press a name to hide or show its line. Gaps are moments without an
answer.</p>
</header>
<main>
{body}
</main>
<footer><p>Made by vultus. This file says how people looked at what moment: treat it as personal data.</p></footer>
<script>{script}</script>
</body>
</html>
"""


def _track(curve: Curve, number: int, several: bool) -> str:
    times, values = curve.points()
    most = curve.most
    mostly = "no answer" if most is None else f"mostly {most[0]} ({most[1]:.0%} on average)"
    name = f"{Path(curve.source).name}, " if several else ""
    heading = f"{name}face {curve.track}: {curve.start:.1f} to {curve.end:.1f} s, {mostly}"
    lost = f", {curve.abstained} without an answer" if curve.abstained else ""
    begin, end = _span(times)
    data = {
        "names": curve.classes,
        "times": [round(time, 3) for time in times],
        "values": [None if value is None else [round(p, 4) for p in value] for value in values],
        "frame": [LEFT, RIGHT, begin, end],
        "width": WIDTH,
    }
    keys = "".join(
        f'<li><button type="button" aria-pressed="true" data-name="{_text(name)}" disabled>'
        f'<svg viewBox="0 0 26 10" aria-hidden="true"><line class="{_text(name)}" x1="0" y1="5" x2="26" y2="5"/></svg>'
        f"{_text(name)}<output></output></button></li>"
        for name in curve.classes
    )
    lines = "".join(_line(times, values, place, name, begin, end) for place, name in enumerate(curve.classes))
    title = f"track-{number}"
    return f"""<section class="track" aria-labelledby="{title}">
<h2 id="{title}">{_text(heading)}</h2>
<p class="quiet">{curve.looks} looks{lost}</p>
<div class="plot" tabindex="0" role="slider" aria-label="Moment of {_text(heading)}" aria-valuemin="{times[0]:.2f}" \
aria-valuemax="{times[-1]:.2f}" aria-valuenow="{times[0]:.2f}" aria-valuetext="{times[0]:.2f} s">
<svg viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true">
{_axes(begin, end)}
{lines}
<line class="cursor" x1="{LEFT}" y1="{TOP}" x2="{LEFT}" y2="{BOTTOM}"/>
</svg>
</div>
<p class="when quiet"></p>
<ul class="keys">{keys}</ul>
<script type="application/json">{_json(data)}</script>
</section>"""


def _axes(begin: float, end: float) -> str:
    parts = []
    for share in (0, 0.25, 0.5, 0.75, 1):
        y = BOTTOM - share * (BOTTOM - TOP)
        parts.append(f'<line class="grid" x1="{LEFT}" y1="{y:g}" x2="{RIGHT}" y2="{y:g}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:g}" text-anchor="end">{share:.0%}</text>')
    for time in _ticks(begin, end):
        x = LEFT + (time - begin) / (end - begin) * (RIGHT - LEFT)
        anchor = "start" if x < LEFT + 20 else "end" if x > RIGHT - 20 else "middle"
        parts.append(f'<text x="{x:.1f}" y="{BOTTOM + 20}" text-anchor="{anchor}">{time:g} s</text>')
    return "".join(parts)


def _ticks(begin: float, end: float) -> list[float]:
    """Round moments, eight at most.

    >>> _ticks(0.84, 1.48)
    [0.9, 1.0, 1.1, 1.2, 1.3, 1.4]
    """
    rough = (end - begin) / 8
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * times for times in (1, 2, 5, 10) if power * times >= rough)
    first, last = math.ceil(begin / step - 1e-9), math.floor(end / step + 1e-9)
    return [round(number * step, 6) for number in range(first, last + 1)]


def _line(
    times: Sequence[float], values: Sequence[tuple[float, ...] | None], place: int, name: str, begin: float, end: float
) -> str:
    """The probability of a class over time; a moment without an answer parts the line."""
    drawn, pen = [], "M"
    for time, value in zip(times, values, strict=True):
        if value is None:
            pen = "M"
            continue
        x = LEFT + (time - begin) / (end - begin) * (RIGHT - LEFT)
        y = BOTTOM - value[place] * (BOTTOM - TOP)
        drawn.append(f"{pen}{x:.1f} {y:.1f}" + ("h.1" if pen == "M" else ""))  # a lone point shows, too
        pen = "L"
    return f'<path class="{_text(name)}" d="{"".join(drawn)}"/>' if drawn else ""


def _span(times: Sequence[float]) -> tuple[float, float]:
    """Of the axis; a track of one moment still has a width."""
    begin, end = round(times[0], 3), round(times[-1], 3)
    return begin, end if end > begin else begin + 0.1


def _text(text: str) -> str:
    return html.escape(text, quote=True)


def _json(value: object) -> str:
    """JSON that cannot end the element it stands in, or begin another."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text
