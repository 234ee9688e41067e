"""The page of a film: whole in one file, usable with keys, and nothing from outside."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from vultus.errors import InputError
from vultus.expression import Curve, Curves, Look, write_page
from vultus.expression.page import render
from vultus.types import Box, Expression

CLASSES = ("happy", "sad", "neutral")


def curves(*sources: str) -> tuple[Curve, ...]:
    made = Curves()
    for source in sources:
        for number in range(10):
            share = number / 10
            answer = Expression(CLASSES, (share, 0.75 * (1 - share), 0.25 * (1 - share)), "m")
            if number == 4:
                answer = Expression(CLASSES, (), "m", "turned")
            made.add(source, Look(0, 0, number, number / 10, Box(0, 0, 9, 9), answer, answer))
    return made.all()


def test_nothing_to_draw_is_refused() -> None:
    with pytest.raises(InputError, match="at least one tracked face"):
        render((), model="m")


def test_lines_are_drawn_without_the_script() -> None:
    text = render(curves("a.mp4"), model="m", measured="accuracy 70%")
    (drawing,) = re.findall(r'<svg viewBox="0 0 960 240".*?</svg>', text, re.DOTALL)
    paths = {path.get("class"): path.get("d") for path in ElementTree.fromstring(drawing).iter("path")}
    assert set(paths) == set(CLASSES)
    assert all(line is not None and line.count("M") == 2 for line in paths.values())  # parted where no answer is
    assert str(paths["happy"]).startswith("M44.0 210.0")
    assert str(paths["happy"]).endswith("948.0 30.0")
    for word in ("never what the person feels", "research", "accuracy 70%", "1 without an answer"):
        assert word in text


def test_a_single_moment_can_be_drawn() -> None:
    made = Curves()
    answer = Expression(CLASSES, (1.0, 0.0, 0.0), "m")
    made.add("a.mp4", Look(0, 0, 0, 0.0, Box(0, 0, 9, 9), answer, answer))
    assert "M44.0 10.0h.1" in render(made.all(), model="m")


def test_nothing_comes_from_outside_and_names_cannot_break_out() -> None:
    text = render(curves("<script>alert(1).mp4", "b&.mp4"), model='"<m>"')
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text
    assert not re.findall(r'(?:src|href)="(?!data:|#)', text)
    assert "default-src 'none'" in text
    assert "https://" not in text


def test_written_whole(tmp_path: Path) -> None:
    path = write_page(tmp_path / "deep" / "page.html", curves("a.mp4"), model="m")
    assert path.read_text("utf-8") == render(curves("a.mp4"), model="m")


def test_values_show_under_the_pointer_and_the_keys(tmp_path: Path) -> None:
    driver = pytest.importorskip("playwright.sync_api", reason="browser tests need playwright: pip install playwright")
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no Chromium on PATH: browser tests did NOT run; apt-get install chromium")
    path = write_page(tmp_path / "page.html", curves("a.mp4"), model="m")
    said: list[str] = []
    with driver.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=found, args=["--no-sandbox"])
        page = browser.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: said.extend([request.url] if not request.url.startswith("file") else []))
        page.goto(path.as_uri())
        plot = page.locator(".plot")
        plot.focus()
        page.keyboard.press("End")
        assert plot.get_attribute("aria-valuetext") == "0.90 s: happy 90 %, sad 8 %, neutral 3 %"
        for _ in range(5):
            page.keyboard.press("ArrowLeft")
        assert plot.get_attribute("aria-valuetext") == "0.40 s: no answer"
        page.keyboard.press("Home")
        page.keyboard.press("ArrowLeft")
        assert page.locator(".when").inner_text() == "0.00 s"
        box = plot.locator("svg").bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + box["width"] * (44 + 0.889 * 904) / 960, box["y"] + 20)
        assert page.locator(".keys output").first.inner_text() == "80 %"
        button = page.get_by_role("button", name="happy")
        button.press("Enter")
        assert button.get_attribute("aria-pressed") == "false"
        assert not page.locator(".plot path.happy").is_visible()
        browser.close()
    assert said == []
