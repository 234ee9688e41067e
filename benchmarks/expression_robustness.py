"""What blur, size, light, JPEG and turn do to the expression reader, on FER2013's validation faces.

    python benchmarks/expression_robustness.py --data ../shared/data/fer2013 [--faces 500]
        [--write docs/concepts/expression.md] [--plot docs/pictures/expression-robustness.svg]

The validation part of the shipped reader's own split (vultus.datasets.fer2013_split); the test is not
opened. Each tile is changed as the face of a picture would be, then levelled as the reader levels
a crop. Light is tried without levelling too, to show what levelling is worth. A turn is the one
that alignment leaves over: faces of a picture are turned upright by their points. The reader's own
abstention (faces under `SMALLEST` pixels) is left out, so that the curves show why it is there; the
network meets every face. Tiles are levelled already and hold no noise of a sensor, so light here
is what a curve and clipping do, not what darkness does. --faces: so many, evenly spread. Prints one
JSON object; --write puts a table between the marks of a page, --plot the curves into .svg or .png.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import marks
import numpy as np
from numpy.typing import NDArray

from vultus.datasets import fer2013_split
from vultus.errors import NotFoundError
from vultus.expression import expression_reader
from vultus.metrics.intervals import wilson
from vultus.metrics.reliability import reliability
from vultus.models.expression.crop import SMALLEST, TILE, levelled

START, END = "<!-- robustness: benchmarks/expression_robustness.py -->", "<!-- /robustness -->"
BATCH = 64

Tile = NDArray[np.uint8]  # (48, 48)


def blurred(tile: Tile, sigma: float) -> Tile:
    """Gaussian blur, sigma in pixels of the tile."""
    if not sigma:
        return tile
    return np.asarray(cv2.GaussianBlur(tile, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE), np.uint8)


def shrunk(tile: Tile, side: float) -> Tile:
    """As seen with so many pixels across the crop."""
    small = cv2.resize(tile, (round(side), round(side)), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, tile.shape[::-1], interpolation=cv2.INTER_LINEAR), np.uint8)


def curved(tile: Tile, gamma: float) -> Tile:
    """Grey levels to the power gamma; over 1 is darker."""
    return np.asarray(np.rint(255 * (tile / 255.0) ** gamma), np.uint8)


def exposed(tile: Tile, stops: float) -> Tile:
    """Light times 2 to the stops, clipped: levels are undone (2.2), multiplied, made again, rounded to 8 bits."""
    light = np.minimum((tile / 255.0) ** 2.2 * 2.0**stops, 1.0)
    return np.asarray(np.rint(255 * light ** (1 / 2.2)), np.uint8)


def compressed(tile: Tile, quality: float) -> Tile:
    """Through JPEG."""
    if quality >= 101:
        return tile
    _, data = cv2.imencode(".jpg", tile, [cv2.IMWRITE_JPEG_QUALITY, round(quality)])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)


def turned(tile: Tile, degrees: float) -> Tile:
    """Turned about its middle, the edge repeated."""
    middle = (tile.shape[1] - 1) / 2, (tile.shape[0] - 1) / 2
    matrix = cv2.getRotationMatrix2D(middle, degrees, 1.0)
    found = cv2.warpAffine(tile, matrix, tile.shape[::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.uint8)


# Name: what is done, its strengths, the one that changes nothing, words for the axis, levelled or not.
CHANGES: dict[str, tuple[Callable[[Tile, float], Tile], tuple[float, ...], float, str, bool]] = {
    "blur": (blurred, (0.5, 1, 1.5, 2, 3), 0, "blur, sigma in pixels of 48", True),
    "size": (shrunk, (40, 32, 28, 24, 16, 12), TILE, "face, pixels across", True),
    "gamma": (curved, (0.4, 0.7, 1.5, 2.5), 1, "gamma", True),
    "gamma, not levelled": (curved, (0.4, 0.7, 1.5, 2.5), 1, "gamma, not levelled", False),
    "exposure": (exposed, (-6, -4, -2, 1, 2), 0, "exposure, stops", True),
    "exposure, not levelled": (exposed, (-6, -4, -2, 1, 2), 0, "exposure, stops, not levelled", False),
    "JPEG": (compressed, (90, 70, 50, 30, 10), 101, "JPEG quality", True),
    "turn": (turned, (5, 10, 15, 20, 30, 45), 0, "turn left over, degrees", True),
}


def measured(reader: Any, tiles: NDArray[np.uint8], truth: NDArray[np.int64]) -> dict[str, float]:
    """Accuracy with Wilson's interval, mean probability of what was said, ECE; tiles (n, 48, 48)."""
    found = []
    for at in range(0, len(tiles), BATCH):
        found.append(reader.probabilities(np.repeat(tiles[at : at + BATCH, :, :, None], 3, axis=3)))
    shares = np.concatenate(found)
    right = wilson(int((shares.argmax(1) == truth).sum()), len(truth))
    return {
        "k": right.k,
        "accuracy": right.value,
        "low": right.low,
        "high": right.high,
        "confidence": float(shares.max(1).mean()),
        "ece": reliability(shares, truth).ece,
    }


def level(tile: Tile) -> Tile:
    """As the reader levels a crop."""
    return np.asarray(levelled(np.repeat(tile[:, :, None], 3, axis=2))[:, :, 0], np.uint8)


def curves(reader: Any, tiles: NDArray[np.uint8], truth: NDArray[np.int64]) -> dict[str, Any]:
    """Every change at every strength, and the tiles unchanged."""
    whole = {
        flag: measured(reader, np.stack([level(each) for each in tiles]) if flag else tiles, truth)
        for flag in (True, False)
    }
    found = {}
    for name, (change, strengths, neutral, words, levels) in CHANGES.items():
        rows = [{"strength": neutral, **whole[levels]}]
        for strength in strengths:
            changed = [change(tile, strength) for tile in tiles]
            stacked = np.stack([level(each) for each in changed] if levels else changed)
            rows.append({"strength": strength, **measured(reader, stacked, truth)})
        found[name] = {"axis": words, "levelled": levels, "rows": sorted(rows, key=lambda row: row["strength"])}
    return {"unchanged": whole[True], "as_the_set_has_them": whole[False], "changes": found}


def written(result: dict[str, Any], picture: str) -> str:
    """The part of the page."""
    share = "{accuracy:.1%} [{low:.1%}, {high:.1%}]"

    def told(row: dict[str, float]) -> str:
        return share.format(**row).replace("%", " %")

    lines = [
        f"{result['n']:,} of {result['of']:,} validation faces, reader {result['model']}; unchanged "
        f"{told(result['unchanged'])}. Intervals are Wilson's, 95 %.",
        "",
        "| change | strength | accuracy | mean probability of the answer |",
        "|---|---|---|---|",
    ]
    for change in result["changes"].values():
        for row in change["rows"]:
            if row["strength"] != 101:
                lines.append(
                    f"| {change['axis']} | {row['strength']:g} | {told(row)} | {row['confidence']:.2f} |",
                )
    if picture:
        lines += ["", f"![Accuracy by blur, size, light, JPEG quality and turn]({picture})"]
    return "\n".join(lines)


def drawn(result: dict[str, Any]) -> Any:
    """Six panels, a change each; light with levelling and without in one."""
    from matplotlib.figure import Figure

    from vultus.plots.scales import per_cent
    from vultus.plots.theme import BAND, GREY, SMALL, lines, new_axes

    figure = Figure(figsize=(9.6, 5.6), layout="constrained", facecolor="none")
    panels = figure.subplots(2, 3, sharey=True).ravel()
    for ax, name in zip(panels, ("blur", "size", "gamma", "exposure", "JPEG", "turn"), strict=True):
        names = [name, *(each for each in (f"{name}, not levelled",) if each in result["changes"])]
        new_axes(ax, name, result["changes"][name]["axis"], "accuracy" if ax in (panels[0], panels[3]) else "")
        for style, each in zip(lines(len(names)), names, strict=True):
            rows = [row for row in result["changes"][each]["rows"] if row["strength"] != 101]
            at, low, high = ([row[key] for row in rows] for key in ("strength", "low", "high"))
            ax.fill_between(at, low, high, color=style.fill, alpha=BAND, linewidth=0)
            label = "not levelled" if "not" in each else "levelled"
            ax.plot(at, [row["accuracy"] for row in rows], color=style.colour, linestyle=style.dashes, label=label)
        if len(names) > 1:
            ax.legend(fontsize=SMALL, frameon=False, loc="lower center")
        if name == "size":
            ax.axvline(SMALLEST, color=GREY, linewidth=0.9)
            ax.text(SMALLEST - 0.6, 0.02, "no answer under", fontsize=SMALL, color=GREY, ha="right")
        ax.axhline(1 / 7, color=GREY, linewidth=0.9, linestyle=(0, (1, 2)))
        ax.set_ylim(0, 1)
        per_cent(ax.yaxis)
        if name in ("size", "JPEG"):
            ax.invert_xaxis()
            if name == "size":
                ax.texts[-1].set_ha("left")
    return figure


def save(figure: Any, path: Path) -> None:
    """Write a figure as .svg or .png, the same bytes each time."""
    import matplotlib

    path.parent.mkdir(parents=True, exist_ok=True)
    kind = path.suffix.removeprefix(".")
    about = {"Date": None, "Creator": None} if kind == "svg" else {"Software": None}
    with matplotlib.rc_context({"svg.hashsalt": "vultus", "svg.fonttype": "none"}):
        figure.savefig(path, format=kind, facecolor="white", metadata=about, dpi=130)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of FER2013")
    parser.add_argument("--model", default="fer2013")
    parser.add_argument("--faces", type=int, help="so many, evenly spread; else all")
    parser.add_argument("--write", type=Path, help="put the table between the marks in this file")
    parser.add_argument("--plot", type=Path, help="put the curves into this .svg or .png")
    given = parser.parse_args()
    if given.plot is not None and given.plot.suffix not in (".svg", ".png"):
        parser.error(f"--plot: expected a name that ends in .svg or .png, got {given.plot.name}")
    try:
        held = fer2013_split.validation(given.data)
    except NotFoundError as error:
        print(error, file=sys.stderr)
        return 2
    reader: Any = expression_reader(given.model)
    count = len(held.labels)
    rows = np.unique(np.linspace(0, count - 1, min(given.faces or count, count)).astype(int))
    result = {"model": reader.model, "n": len(rows), "of": count, "smallest": SMALLEST}
    result |= curves(reader, held.faces[rows], held.labels[rows])
    print(json.dumps(result, indent=1))
    picture = ""
    if given.plot is not None:
        save(drawn(result), given.plot)
        if given.write is not None:
            picture = Path(os.path.relpath(given.plot.resolve(), given.write.resolve().parent)).as_posix()
    if given.write is not None:
        marks.put(given.write, START, END, written(result, picture))
    return 0


if __name__ == "__main__":
    sys.exit(main())
