"""A report of ten thousand comparisons in a real Chromium: sorts, searches, pages, by keyboard, offline."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vultus.report import Exhibit, Figure, Origin, Picture, Section, Table, write_report
from vultus.report.verification import Comparison, comparison_records

ROWS = 10_000
EVIL = "</script><script>window.broken = 1</script><img src=x onerror='window.broken = 2'>.jpg"
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium on PATH, driven by playwright; skipped with the reason where either is absent."""
    driver = pytest.importorskip("playwright.sync_api", reason="browser tests need playwright: pip install playwright")
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no Chromium on PATH: browser tests did NOT run; apt-get install chromium")
    with driver.sync_playwright() as running:
        started = running.chromium.launch(executable_path=found, args=QUIET)
        yield started
        started.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(5)
    same = rng.random(ROWS) < 0.5
    scores = np.where(same, 0.55, 0.1) + rng.normal(0, 0.13, ROWS)
    scores[3] = np.nan
    rows = [
        Comparison(f"person {at:05d}.jpg", EVIL if at == 42 else f"other {at:05d}.jpg", bool(truth), float(score))
        for at, (truth, score) in enumerate(zip(same, scores, strict=True))
    ]
    figures: tuple[Figure, ...] = ()
    try:
        from vultus import plots
        from vultus.report.drawn import drawn

        hist = plots.score_histogram({"genuine": scores[same], "<i>impostor": scores[~same]}, threshold=0.35)
        figures = (drawn(hist, "Scores", "Histogram"),)
    except ImportError:  # the table is what is tested here
        pass
    return write_report(
        tmp_path_factory.mktemp("report") / "report.html",
        "Ten thousand comparisons",
        (
            Section("Figures", tables=(Table("t", ("a", "b"), (("x", 1),)),), figures=figures, caveats=("made up",)),
            Section("Comparisons", tables=(comparison_records(rows, 0.35),)),
        ),
        origin=Origin("made-up scores", "pytest"),
    )


@pytest.fixture
def page(browser: Any, report: Path) -> Iterator[Any]:
    """The report, opened from the disk without a network; any complaint of the browser fails the test."""
    context = browser.new_context(offline=True, viewport={"width": 1200, "height": 900})
    opened = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(report.as_uri())
    yield opened
    assert opened.evaluate("window.broken") is None
    context.close()
    assert said == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def column(page: Any, place: int) -> list[str]:
    return [text.strip() for text in page.locator(f".records tbody tr td:nth-child({place})").all_inner_texts()]


def test_opens_with_the_first_page(page: Any) -> None:
    assert page.locator("[role=status]").inner_text() == "1–25 of 10,000"
    assert page.locator(".records tbody tr").count() == 25
    assert set(column(page, 6)) == {"false match", "false non-match"} or len(set(column(page, 6))) == 1


def test_sorts_by_a_column_both_ways_within_a_blink(page: Any) -> None:
    button = page.get_by_role("button", name="Score")
    button.click()
    rising = [float(each) for each in column(page, 4)]
    assert rising == sorted(rising)
    assert page.locator("th[aria-sort=ascending]").inner_text().startswith("Score")
    button.click()
    falling = [float(each) for each in column(page, 4)]
    assert falling == sorted(falling, reverse=True)
    assert falling[0] > rising[-1]
    page.get_by_role("button", name="Next").click()
    assert float(column(page, 4)[0]) <= falling[-1]
    spent = page.evaluate(
        "() => { const b = document.querySelectorAll('.records thead button')[1];"
        " const t = performance.now(); b.click(); return performance.now() - t; }"
    )
    assert spent < 1000  # milliseconds; about 40 on two cores


def test_rows_without_score_come_last_either_way(page: Any) -> None:
    page.get_by_label("Search").fill("person 0000")  # ten rows, the fourth without score
    for _ in range(2):
        page.get_by_role("button", name="Score").click()
        assert len(column(page, 4)) == 10
        assert column(page, 4)[-1] == "–"
    assert column(page, 5)[-1] == "no score"


def test_searches_and_picks(page: Any) -> None:
    page.get_by_label("Search").fill("person 00042")
    assert page.locator("[role=status]").inner_text() == "1–1 of 1 found, 10,000 in all"
    assert column(page, 2) == [EVIL]
    page.get_by_label("Search").fill("")
    page.get_by_label("Error").select_option("false match")
    assert set(column(page, 6)) == {"false match"}
    page.get_by_label("Search").fill("nobody at all")
    assert page.locator("[role=status]").inner_text() == "0–0 of 0 found, 10,000 in all"
    assert page.locator(".records tbody tr").count() == 0


def test_can_be_used_by_keyboard(page: Any) -> None:
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.get_by_role("button", name="Score").focus()
    page.keyboard.press("Enter")
    assert page.locator("th[aria-sort=ascending]").count() == 1
    page.get_by_role("button", name="Next").focus()
    page.keyboard.press("Space")
    assert page.locator("[role=status]").inner_text().startswith("26–50")


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
def test_follows_the_readers_colours(browser: Any, report: Path, scheme: str, dark: bool) -> None:
    context = browser.new_context(color_scheme=scheme, offline=True)
    page = context.new_page()
    page.goto(report.as_uri())
    colours = page.evaluate(
        "() => [getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
        ".map((text) => text.match(/\\d+/g).map(Number).reduce((a, b) => a + b))"
    )
    assert (colours[0] < colours[1]) is dark
    drawn = page.locator("svg text").first
    if drawn.count():
        fill = drawn.evaluate("(e) => getComputedStyle(e).fill.match(/\\d+/g).map(Number).reduce((a, b) => a + b)")
        assert (fill > 384) is dark
    context.close()


def test_fits_a_telephone(browser: Any, report: Path) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 700}, offline=True)
    page = context.new_page()
    page.goto(report.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    context.close()


def test_can_be_read_without_scripts(browser: Any, report: Path) -> None:
    context = browser.new_context(java_script_enabled=False, offline=True)
    page = context.new_page()
    page.goto(report.as_uri())
    assert page.locator(".records tbody tr").count() == 25
    assert page.get_by_text("Without scripts only the first 25 of 10,000 rows are shown.").is_visible()
    assert not page.locator(".controls").is_visible()
    context.close()


def test_pictures_are_shown(browser: Any, tmp_path: Path) -> None:
    import io

    from PIL import Image

    written = io.BytesIO()
    Image.new("RGB", (20, 20), (200, 90, 40)).save(written, "JPEG")
    exhibit = Exhibit((Picture(written.getvalue(), "a face"),), "False match")
    path = write_report(tmp_path / "p.html", "Pictures", (Section("Worst", pictures=(exhibit,)),))
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.goto(path.as_uri())
    assert page.get_by_alt_text("a face").evaluate("(image) => image.naturalWidth") == 20
    context.close()
