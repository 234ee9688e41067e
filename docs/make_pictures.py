"""The pictures of the documentation, made from the code and the data that it describes.

    python docs/make_pictures.py [FOLDER]

Writes into docs/pictures, or into FOLDER. The photograph is NASA's portrait of Eileen
Collins, which is in the public domain and comes with vultus. Boxes, points and scores are
what the models say; the curves are those of the table of operating points that ships.
"""

from __future__ import annotations

import base64
import math
import sys
import tempfile
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import numpy as np

from vultus import Gallery
from vultus.defaults import default_analyzer
from vultus.demo import portrait
from vultus.draw import Mark, annotate
from vultus.images import read, write
from vultus.operating import OperatingTable
from vultus.types import Image, Reading

__all__ = ["coordinates", "curves", "fmr_curve", "gallery_curve", "main"]

INK, GREY, FAINT = "#1f2733", "#667085", "#e4e7ec"
BLUE, ORANGE = "#1d5fbf", "#b54708"
FONT = 'font-family="system-ui, Segoe UI, Roboto, DejaVu Sans, sans-serif"'
POINTS = ("right eye", "left eye", "nose tip", "right mouth corner", "left mouth corner")

Points = Sequence[tuple[float, float]]


def main(folder: Path) -> None:
    """Write every picture."""
    image = read(portrait())
    (reading,) = default_analyzer().analyze(image)
    write(folder / "identified.jpg", identified(image), quality=88)
    (folder / "coordinates.svg").write_text(coordinates(image, reading), encoding="utf-8")
    for name, text in curves().items():
        (folder / name).write_text(text, encoding="utf-8")


def curves() -> dict[str, str]:
    """The drawings that follow from the shipped operating points alone."""
    table = OperatingTable.load(resources.files("vultus") / "operating_points" / "sface.json")
    return {"fmr.svg": fmr_curve(table), "gallery-threshold.svg": gallery_curve(table)}


def identified(image: Image) -> Image:
    """The portrait as `vultus identify --draw` gives it, after a mirrored, smaller, darker copy was enrolled."""
    import cv2

    copy = cv2.convertScaleAbs(cv2.resize(image[:, ::-1], None, fx=0.6, fy=0.6), alpha=0.7)
    with (
        tempfile.TemporaryDirectory() as place,
        Gallery.open(Path(place) / "gallery", analyzer=default_analyzer()) as gallery,
    ):
        gallery.enroll("Eileen Collins", np.asarray(copy, np.uint8)).require()
        (seen,) = gallery.identify(image)
    if seen.face is None or seen.person is None:
        raise SystemExit(f"expected the portrait to be recognised, got {seen.status}")
    return annotate(image, [Mark(seen.face.box, seen.person, "match", seen.score, seen.face.landmarks)])


def coordinates(image: Image, reading: Reading) -> str:
    """The portrait's upper part with the origin, both axes, the box and the five points."""
    scale, left, top = 1.5, 60, 44
    part = image[:250, 80:400]
    shift_x = 80
    face = reading.face
    x1, y1, x2, y2 = face.box.round()

    def at(x: float, y: float) -> tuple[float, float]:
        return left + (x - shift_x) * scale, top + y * scale

    with tempfile.TemporaryDirectory() as place:
        jpeg = base64.b64encode(write(Path(place) / "part.jpg", np.ascontiguousarray(part), quality=85).read_bytes())
    width, height = part.shape[1] * scale, part.shape[0] * scale
    box = [*at(x1, y1), (x2 - x1) * scale, (y2 - y1) * scale]
    lines = [
        f'<image x="{left}" y="{top}" width="{width:g}" height="{height:g}" '
        f'href="data:image/jpeg;base64,{jpeg.decode()}"/>',
        _arrow(left, top - 14, left + width, top - 14),
        _text(left + width - 4, top - 22, "x, to the right", anchor="end"),
        _arrow(left - 14, top, left - 14, top + height),
        _text(left - 20, top + height - 4, "y, down", anchor="start", turn=True),
        f'<rect x="{box[0]:g}" y="{box[1]:g}" width="{box[2]:g}" height="{box[3]:g}" fill="none" '
        f'stroke="{BLUE}" stroke-width="2.5"/>',
        _dot(*at(x1, y1), BLUE),
        _dot(*at(x2, y2), BLUE),
        _label(*at(x1, y1), f"x1, y1 = {x1}, {y1}", BLUE, anchor="end", dx=-8, dy=-8),
        _label(*at(x2, y2), f"x2, y2 = {x2}, {y2}", BLUE, dx=8, dy=18),
    ]
    column = left + width + 24
    for number, ((x, y), name) in enumerate(zip(face.landmarks.tolist(), POINTS, strict=True)):
        px, py = at(x, y)
        row = top + 60 + 52 * number
        lines += [
            f'<path d="M{px:.1f} {py:.1f} L{column - 8:g} {row - 5:g}" stroke="{ORANGE}" stroke-width="1.2" '
            'stroke-opacity=".75" fill="none"/>',
            _dot(px, py, ORANGE),
            _text(column, row, f"{number}  {name}", colour=ORANGE, weight=600),
            _text(column, row + 18, f"{x:.1f}, {y:.1f}", colour=GREY),
        ]
    lines.append(_text(column, top + height - 4, "right and left are the subject's own", colour=GREY))
    return _svg(left + width + 280, top + height + 16, lines, "Coordinates of a face: box and five points")


def fmr_curve(table: OperatingTable) -> str:
    """False match rate over the score, with its interval, and where the data ends."""
    plot = _Plot((0.0, 0.6), (-6, 0), "score (cosine)", "false match rate (FMR)", wide=720, high=380)
    scores = np.array([knot.score for knot in table.knots])
    shown = scores >= plot.x[0]
    low, high = (np.log10([getattr(knot, end) for knot in table.knots]) for end in ("low", "high"))
    rates = np.log10([knot.accepted / table.impostors for knot in table.knots])
    start = float(np.interp(plot.x[0], scores, rates))
    band = [*zip(scores[shown], high[shown], strict=True), *zip(scores[shown][::-1], low[shown][::-1], strict=True)]
    end = float(scores[-1])
    slope = 1 / (table.tail * math.log(10))
    last = min(plot.x[1], end + (float(rates[-1]) - plot.y[0]) / slope)
    lines = [
        *plot.frame(
            [(value / 10, f"{value / 10:.1f}") for value in range(0, 7)],
            [(power, "1" if power == 0 else f"1 in {10**-power:,}") for power in range(0, -7, -1)],
        ),
        plot.area(band, BLUE),
        plot.line([(plot.x[0], start), *zip(scores[shown], rates[shown], strict=True)], BLUE),
        plot.line([(end, float(rates[-1])), (last, float(rates[-1]) - (last - end) * slope)], BLUE, dashed=True),
    ]
    for target in (1e-2, 1e-3, 1e-4):
        threshold = table.verify(target).threshold
        x, y = plot.at(threshold, math.log10(target))
        lines += [_dot(x, y, ORANGE), _text(x + 9, y - 6, f"{threshold:.3f}", colour=ORANGE, weight=600)]
    x, y = plot.at(end, float(rates[-1]))
    lines.append(_text(x + 26, y + 2, "beyond the data", colour=GREY))
    return plot.svg(lines, "False match rate by score")


def gallery_curve(table: OperatingTable) -> str:
    """The threshold for FPIR 1 % as the gallery grows."""
    plot = _Plot((0, 4), (0.25, 0.6), "people in the gallery", "threshold for FPIR 1 %", wide=720, high=340)
    lines = plot.frame(
        [(power, f"{10**power:,}") for power in range(5)],
        [(value / 100, f"{value / 100:.2f}") for value in range(25, 61, 5)],
    )
    sizes = sorted({round(10 ** (step / 12)) for step in range(49)})
    for templates, colour, words in ((1, BLUE, "one picture each"), (5, ORANGE, "five pictures each")):
        points = [(people, table.identify(0.01, [templates] * people)) for people in sizes]
        known = [(math.log10(people), point.threshold) for people, point in points if not point.extrapolated]
        beyond = [(math.log10(people), point.threshold) for people, point in points if point.extrapolated]
        lines += [plot.line(known, colour), plot.line([*known[-1:], *beyond], colour, dashed=True)]
        if templates > 1:
            x, y = plot.at(*known[-1])
            lines.append(_text(x, y - 14, words, "end", colour, 600))
        else:
            x, y = plot.at(*beyond[1])
            lines.append(_text(x, y + 26, words, "start", colour, 600))
    fixed = table.verify(1e-3).threshold
    lines += [plot.line([(0, fixed), (4, fixed)], GREY, dashed=True, thin=True)]
    x, y = plot.at(4, fixed)
    lines.append(_text(x, y + 16, "the threshold for FMR 1 in 1,000, one against one", "end", GREY))
    return plot.svg(lines, "The threshold follows the gallery")


class _Plot:
    """Axes: data in, places in the drawing out."""

    def __init__(
        self, x: tuple[float, float], y: tuple[float, float], x_name: str, y_name: str, *, wide: int, high: int
    ) -> None:
        self.x, self.y, self.x_name, self.y_name = x, y, x_name, y_name
        self.wide, self.high = wide, high
        self.left, self.right, self.top, self.bottom = 144, wide - 36, 20, high - 54

    def at(self, x: float, y: float) -> tuple[float, float]:
        across = (x - self.x[0]) / (self.x[1] - self.x[0])
        up = (y - self.y[0]) / (self.y[1] - self.y[0])
        return self.left + across * (self.right - self.left), self.bottom - up * (self.bottom - self.top)

    def frame(self, x_marks: Sequence[tuple[float, str]], y_marks: Sequence[tuple[float, str]]) -> list[str]:
        lines = []
        for value, words in x_marks:
            x, _ = self.at(value, self.y[0])
            lines.append(f'<path d="M{x:.1f} {self.top} V{self.bottom}" stroke="{FAINT}"/>')
            lines.append(_text(x, self.bottom + 20, words, "middle", GREY))
        for value, words in y_marks:
            _, y = self.at(self.x[0], value)
            lines.append(f'<path d="M{self.left} {y:.1f} H{self.right}" stroke="{FAINT}"/>')
            lines.append(_text(self.left - 10, y + 4, words, "end", GREY))
        lines.append(_text((self.left + self.right) / 2, self.high - 10, self.x_name, "middle"))
        lines.append(_text(18, (self.top + self.bottom) / 2, self.y_name, "middle", turn=True))
        return lines

    def line(self, points: Points, colour: str, *, dashed: bool = False, thin: bool = False) -> str:
        path = " L".join(f"{x:.1f} {y:.1f}" for x, y in (self.at(*point) for point in points))
        dash = ' stroke-dasharray="5 5"' if dashed else ""
        return f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="{1.2 if thin else 2.5}"{dash}/>'

    def area(self, points: Points, colour: str) -> str:
        path = " L".join(f"{x:.1f} {y:.1f}" for x, y in (self.at(*point) for point in points))
        return f'<path d="M{path} Z" fill="{colour}" fill-opacity=".18"/>'

    def svg(self, lines: Sequence[str], title: str) -> str:
        return _svg(self.wide, self.high, lines, title)


def _svg(width: float, height: float, lines: Sequence[str], title: str) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'height="{height:g}" role="img" {FONT} font-size="14">'
    )
    paper = f'<rect width="{width:g}" height="{height:g}" fill="#fff"/>'
    return "\n".join([head, f"<title>{title}</title>", paper, *lines, "</svg>"]) + "\n"


def _text(
    x: float,
    y: float,
    words: str,
    anchor: str = "start",
    colour: str = INK,
    weight: int = 400,
    *,
    turn: bool = False,
) -> str:
    turned = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turn else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" font-weight="{weight}"{turned}>'
        f"{words}</text>"
    )


def _label(x: float, y: float, words: str, colour: str, *, anchor: str = "start", dx: float = 0, dy: float = 0) -> str:
    """Words that stand on the photograph: with a white rim."""
    return _text(x + dx, y + dy, words, anchor, colour, 600).replace(
        "<text ", '<text paint-order="stroke" stroke="#fff" stroke-width="5" stroke-linejoin="round" '
    )


def _dot(x: float, y: float, colour: str) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{colour}" stroke="#fff" stroke-width="1.5"/>'


def _arrow(x1: float, y1: float, x2: float, y2: float) -> str:
    """A line from the origin with a head at its end, along one axis."""
    head = f"M{x2 - 9:g} {y2 - 5:g} L{x2:g} {y2:g} L{x2 - 9:g} {y2 + 5:g}"
    if x1 == x2:
        head = f"M{x2 - 5:g} {y2 - 9:g} L{x2:g} {y2:g} L{x2 + 5:g} {y2 - 9:g}"
    return (
        f'<path d="M{x1:g} {y1:g} L{x2:g} {y2:g} {head}" fill="none" stroke="{INK}" stroke-width="1.6"/>'
        f'<circle cx="{x1:g}" cy="{y1:g}" r="2.5" fill="{INK}"/>'
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "pictures")
