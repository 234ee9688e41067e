"""The report: complete, escaped, the same bytes each time, and nothing outside the file."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import math
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vultus.errors import InputError, StorageError
from vultus.metrics.classification import classify
from vultus.report import (
    Column,
    Exhibit,
    Figure,
    Origin,
    Picture,
    Records,
    Section,
    Share,
    Table,
    render,
    report_results,
    write_report,
)
from vultus.report.page import _json
from vultus.types import Estimate, Rate

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&\u2028"
VOID = {"meta", "link", "br", "img", "input"}
SVG = '<svg viewBox="0 0 1 1"><defs><path id="plot-a" d="M 0 0"/></defs><use href="#plot-a"/></svg>'


class Strict(HTMLParser):
    """Every element closed in order; what was seen is kept."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), (tag, names)
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> without a beginning"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("script", "style"):
            self.words.append(data)


def parsed(page: str) -> Strict:
    found = Strict()
    found.feed(page)
    found.close()
    assert found.open == []
    return found


def jpeg() -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (8, 8), (90, 120, 150)).save(written, "JPEG")
    return written.getvalue()


def full(text: str = "plain") -> tuple[Section, ...]:
    rate = Rate(3, 1400, 0.0004, 0.006)
    return (
        Section(
            f"Heading {text}",
            text=(f"Paragraph {text}",),
            tables=(
                Table(f"Rates {text}", ("Figure", "Value"), ((f"FNMR {text}", rate), ("n", 1400), ("none", None))),
                Table("Wide", ("Name", "A", "B"), ((text, rate, 2.5),), note=text),
                Records(f"Long {text}", (Column(text), Column("Score", "number"), Column("Kind", "choice")),
                        tuple((f"{text} {at}", at / 7, text if at % 2 else None) for at in range(60)), note=text),
            ),
            figures=(Figure(SVG, f"Caption {text}", f"Words {text}"), Figure(SVG, "Again", "The same shapes")),
            pictures=(Exhibit((Picture(jpeg(), f"face {text}"),), f"Title {text}", text),),
            caveats=(f"Caveat {text}",),
        ),
    )  # fmt: skip


def test_nothing_is_refused() -> None:
    for title, sections in (("", full()), ("Title", ())):
        with pytest.raises(InputError, match="title and sections"):
            render(title, sections)
    page = parsed(render("Title", (Section("Empty"),)))
    assert "Empty" in page.words
    empty = Records("None", (Column("a"),), ())
    assert "0 rows" in render("Title", (Section("x", tables=(empty,)),))


def test_page_is_well_formed_accessible_and_complete() -> None:
    page = parsed(render("Title", full(), origin=Origin("data of people", "vultus evaluate", "sface", "0.1.0", "", 3)))
    words = " ".join(page.words)
    for wanted in ("data of people", "vultus evaluate", "0.214 %", "0.04 % to 0.6 %", "3 of 1,400", "Caveat plain"):
        assert wanted in words
    assert all(attrs.get("alt") for tag, attrs in page.tags if tag == "img")
    assert all(attrs.get("aria-label") for tag, attrs in page.tags if tag == "svg")
    assert all(attrs.get("scope") in ("col", "row") for tag, attrs in page.tags if tag == "th")
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert {attrs["href"] for tag, attrs in page.tags if tag == "use"} == {"#figure-1-plot-a", "#figure-2-plot-a"}
    assert "treat it as personal data" in words
    assert dict(page.tags)["html"] == {"lang": "en"}


def test_page_refers_to_nothing_outside() -> None:
    page = render("Title", full())
    assert "http://" not in page
    assert "https://" not in page
    assert not re.search(r"""(?:src|href|url\()\s*=?\s*["']?\s*//""", page)
    for _, attrs in parsed(page).tags:
        for name in ("src", "href"):
            assert str(attrs.get(name) or "#").startswith(("#", "data:"))


def test_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    first = write_report(tmp_path / "a.html", "Title", full())
    second = write_report(tmp_path / "b.html", "Title", full())
    assert first.read_bytes() == second.read_bytes()
    with pytest.raises(StorageError):
        write_report(tmp_path / "a.html" / "b.html", "Title", full())


def test_names_cannot_become_markup() -> None:
    page = render(EVIL, full(EVIL), origin=Origin(EVIL, EVIL, EVIL, EVIL, EVIL))
    found = parsed(page)
    scripts = [attrs for tag, attrs in found.tags if tag == "script"]
    assert scripts == [{"type": "application/json"}, {}]
    assert not any(name.startswith("on") for _, attrs in found.tags for name in attrs)
    assert {attrs["src"][:22] for tag, attrs in found.tags if tag == "img"} == {"data:image/jpeg;base64"}
    data = re.search(r'<script type="application/json">(.*?)</script>', page, re.DOTALL)
    assert data is not None
    assert json.loads(data[1])["rows"][1] == [f"{EVIL} 1", round(1 / 7, 9), EVIL]
    assert "<" not in data[1]


def test_only_the_pages_own_script_may_run() -> None:
    page = render("Title", full())
    policy = next(attrs["content"] for tag, attrs in parsed(page).tags if tag == "meta" and "http-equiv" in attrs)
    script = re.search(r"<script>(.*?)</script>", page, re.DOTALL)
    assert policy is not None
    assert script is not None
    assert f"'sha256-{base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()}'" in policy
    assert policy.startswith("default-src 'none'")


def test_text_that_html_forbids_is_replaced() -> None:
    page = render("a\x00b", (Section("\ud800 lone", text=("\u202eturned",)),))
    page.encode("utf-8")
    assert "a\ufffdb" in page
    assert "\u202e" not in page


def test_json_of_the_table_survives(tmp_path: Path) -> None:
    rows = (("a", math.nan, None), ("b", 0.5, "x"))
    page = render("T", (Section("s", tables=(Records("r", (Column("n"), Column("v", "number"), Column("k")), rows),)),))
    data = re.search(r'json">(.*?)</script>', page, re.DOTALL)
    assert data is not None
    assert json.loads(data[1])["rows"] == [["a", None, None], ["b", 0.5, "x"]]
    assert _json("</script>&\u2029") == '"\\u003c/script\\u003e\\u0026\\u2029"'


@pytest.mark.parametrize(
    "svg",
    [
        "<p>no drawing</p>",
        "<svg><g></svg>",
        "<svg><script>alert(1)</script></svg>",
        "<svg><foreignObject/></svg>",
        '<svg onload="alert(1)"></svg>',
        '<svg><use href="other.svg#a"/></svg>',
        '<svg><image href="data:text/html;base64,AA=="/></svg>',
        '<svg><path style="fill: url(outside.svg#a)"/></svg>',
    ],
)
def test_drawings_that_could_do_harm_are_refused(svg: str) -> None:
    with pytest.raises(InputError):
        Figure(svg, "caption", "words")


def test_values_are_checked_when_they_are_made() -> None:
    with pytest.raises(InputError, match="words"):
        Figure(SVG, "caption", " ")
    with pytest.raises(InputError, match="JPEG or PNG"):
        Picture(b"GIF89a", "face")
    with pytest.raises(InputError, match="expected 2 cells, got 1 in row 1"):
        Table("t", ("a", "b"), (("x", 1), ("y",)))
    with pytest.raises(InputError, match="finite"):
        Records("t", (Column("a", "number"),), ((math.inf,),))
    many = (Section("s", tables=(Records("t", (Column("a", "choice"),), tuple((str(at),) for at in range(41))),)),)
    with pytest.raises(InputError, match="at most 40"):
        render("T", many)


def test_estimates_between_0_and_1_are_written_in_per_cent() -> None:
    table = Table(
        "t", ("Figure", "Value"), (("UAR", Share.of(Estimate(0.5, 0.4, 0.6, 90))), ("MAE", Estimate(4.2, 4, 5, 9)))
    )
    words = " ".join(parsed(render("T", (Section("s", tables=(table,)),))).words)
    assert "50 % 40 % to 60 % n = 90" in words
    assert "4.2 4 to 5 n = 9" in words


def test_any_result_becomes_tables_with_its_caveats() -> None:
    found = classify([0, 0, 1, 1], [0, 1, 1, 1], ["calm", "happy"])
    section, limits = report_results(found, "Classes", not_shown=("other people",))
    figures, classes = section.tables
    assert isinstance(figures, Table)
    assert isinstance(classes, Table)
    assert ("Accuracy", found.accuracy) in figures.rows
    assert ("UAR", Share.of(found.uar)) in figures.rows
    assert classes.columns == ("Name", "Recall", "Precision", "F1")
    assert classes.rows[0] == ("calm", found.classes[0].recall, found.classes[0].precision, found.classes[0].f1)
    assert section.caveats == found.caveats
    assert limits.caveats == ("other people",)
    with pytest.raises(InputError, match="dataclass"):
        report_results({"a": 1}, "No")


def test_tables_need_no_matplotlib() -> None:
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from vultus.report import Section, Table, render\n"
        "render('t', (Section('s', tables=(Table('c', ('a', 'b'), (('x', 1),)),)),))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_numpy_numbers_are_numbers() -> None:
    table = Table("t", ("a", "b", "c"), (("x", np.int64(12345), np.float64(0.25)),))
    words = parsed(render("T", (Section("s", tables=(table,)),))).words
    assert "12,345" in words
    assert "0.25" in words
