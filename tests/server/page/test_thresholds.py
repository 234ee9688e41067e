"""The slider: what follows from each rate, and that it holds once it is saved."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from vultus.testing import Thresholds

from .conftest import Desk, drop, enrol, expect, go, upload

Open = Callable[..., Any]


def figures(page: Any) -> dict[str, str]:
    names = page.locator("#follows dt").all_inner_texts()
    return dict(zip(names, page.locator("#follows dd strong").all_inner_texts(), strict=True))


def test_the_slider_shows_the_rates_that_follow_for_this_gallery(desk: Desk, open_page: Open) -> None:
    for name in ("Ada", "Bob", "Cleo"):
        enrol(desk, name)
    table = Thresholds(desk.server.service.analyzer.contract)
    page = open_page(desk.make_key("operator"))
    go(page, "thresholds")
    loose = figures(page)
    page.get_by_label("How strict").focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    strict = figures(page)

    assert loose == {"Threshold": f"{table.identify(0.01, [2, 2, 2]).threshold:.3f}", "FPIR": "1 %", "FMR": "0.17 %"}
    assert strict == {
        "Threshold": f"{table.identify(0.001, [2, 2, 2]).threshold:.3f}",
        "FPIR": "0.1 %",
        "FMR": "1 in 6,000",
    }
    page.get_by_text("only looked at").wait_for()
    page.get_by_label("Searches of strangers a day").fill("200")
    page.get_by_text("one every 5 days").wait_for()
    assert "threshold 0.3" in page.get_by_label("How strict").get_attribute("aria-valuetext")
    assert "FPIR is 0.1 %" in page.locator(".chart svg").get_attribute("aria-label")


def test_a_saved_rate_holds_for_searches(desk: Desk, open_page: Open) -> None:
    enrol(desk, "Ada")
    page = open_page(desk.key)
    go(page, "thresholds")
    page.get_by_label("How strict").focus()
    page.keyboard.press("End")
    page.get_by_text("not saved").wait_for()
    strict = float(figures(page)["Threshold"])
    page.get_by_role("button", name="Use this from now on").click()
    page.get_by_text("holds now").wait_for()
    assert desk.server.service.points.of("staff").fpir == pytest.approx(1e-5)

    go(page, "identify")
    drop(page, upload("door.png", "Ada", seed=3))
    page.locator(".decision").get_by_text("Evidence").click()
    expect(page.locator(".decision")).to_contain_text(f"{strict:.3f}", use_inner_text=True)
