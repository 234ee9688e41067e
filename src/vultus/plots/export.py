"""Figures as text to put into a page, and as pixels."""

from __future__ import annotations

import io
import re

import matplotlib
from matplotlib.figure import Figure

from vultus.errors import InputError
from vultus.plots import theme

__all__ = ["VARIABLES", "png", "svg"]

# Which variable of the page stands for which colour; the colour itself is what it is without one.
VARIABLES = {
    theme.BLUE: "--plot-blue",
    theme.CELL: "--plot-cell",
    theme.ORANGE_FILL: "--plot-orange-fill",
    theme.ORANGE: "--plot-orange",
    theme.GREEN: "--plot-green",
    theme.PURPLE: "--plot-purple",
    theme.INK: "--plot-ink",
    theme.GREY: "--plot-grey",
    theme.GRID: "--plot-grid",
    theme.PAPER: "--plot-paper",
}

_SALT = "vultus"  # of matplotlib's names for shapes: fixed, so that the same figure is the same text


def svg(figure: Figure, prefix: str = "plot") -> str:
    """The figure as an <svg> element to put into an HTML page, the same bytes each time.

    Letters stay text in the page's own font, colours are variables of the page (`VARIABLES`),
    nothing refers to anything outside, and every id begins with `prefix`, so that two figures
    of a page cannot take each other's shapes. Refused (InputError): a prefix that is no id.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", prefix):
        raise InputError(f"expected letters, digits and dashes as prefix of ids, got {prefix!r}")
    written = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": _SALT}):
        figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None}, facecolor="none")
    text = written.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<style\b.*?</style>", "", text, flags=re.DOTALL)  # it would restyle the whole page
    text = re.sub(r"<svg\b[^>]*>", _opening, text, count=1)
    text = re.sub(r' font-family: [^;"]*(?:;|(?="))', "", text)
    text = text.replace("xlink:href=", "href=").replace(' transform="rotate(-0 ', ' transform="rotate(0 ')
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', text))
    text = re.sub(r' id="([^"]*)"', lambda found: f' id="{prefix}-{found[1]}"' if found[1] in used else "", text)
    text = re.sub(r'(href="#|url\(#)', rf"\g<1>{prefix}-", text)
    text = re.sub(r"#[0-9a-f]{6}\b", _variable, text)
    return re.sub(r">\s+<", "><", re.sub(r"\s*\n\s*", " ", text)).strip()


def png(figure: Figure, dpi: int = 150) -> bytes:
    """The figure as PNG on white paper, without dates."""
    written = io.BytesIO()
    figure.savefig(written, format="png", dpi=dpi, facecolor="white", metadata={"Software": None})
    return written.getvalue()


def _opening(found: re.Match[str]) -> str:
    box = re.search(r'viewBox="([^"]*)"', found[0])
    view = box[1] if box else ""
    width = view.split()[2] if view else "400"
    return f'<svg viewBox="{view}" style="width: 100%; max-width: {width}pt">'


def _variable(found: re.Match[str]) -> str:
    name = VARIABLES.get(found[0])
    return f"var({name}, {found[0]})" if name else found[0]
