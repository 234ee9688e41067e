"""What faces show, beside who they are: asked for by a switch, told in words and bars."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from vultus.testing import Analyzer, picture

from .conftest import Desk, desk_in, drop, expect, go, upload, windows

Open = Callable[..., Any]


def test_nothing_is_asked_unless_wanted(desk: Desk, open_page: Open) -> None:
    page = open_page(desk.make_key("operator"))
    go(page, "identify")
    drop(page, upload("door.png", "Ada"))
    page.locator(".decision").first.wait_for()
    expect(page.get_by_role("group", name="Expression")).to_have_count(0)
    assert desk.server.service.metrics.value("vultus_stage_seconds", stage="expression") == 0


def test_each_face_has_a_row_of_bars(desk: Desk, open_page: Open) -> None:
    page = open_page(desk.make_key("operator"))
    go(page, "identify")
    page.get_by_label("Expressions too").check()
    drop(page, upload("door.png", "Ada", "Bob"))
    rows = page.get_by_role("group", name="Expression")
    expect(rows).to_have_count(2)
    for number, answer in enumerate(Analyzer().expressions(picture("Ada", "Bob"))):
        expect(rows.nth(number).locator("strong")).to_have_text(str(answer.label))
        expect(rows.nth(number).get_by_role("listitem")).to_have_count(7)
    expect(rows.first).to_contain_text("not what somebody feels")
    bars = rows.first.locator(".share > span")
    assert bars.first.bounding_box()["width"] > 5 > bars.last.bounding_box()["width"]  # the most probable on top


def test_a_server_that_reads_none_still_identifies(tmp_path: Path, browser: Any) -> None:
    with desk_in(tmp_path / "silent", expressions=False) as desk, windows(browser, desk) as opened:
        page = opened(desk.make_key("operator"))
        go(page, "identify")
        page.get_by_label("Expressions too").check()
        drop(page, upload("door.png", "Ada"))
        page.locator(".decision").first.wait_for()
        expect(page.locator(".decision").first).to_contain_text("No expression: ")
