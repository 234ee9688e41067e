"""The server slow, busy, gone and back: told in words, with nothing lost on the page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from vultus.server.run import running
from vultus.server.settings import Settings
from vultus.testing import Analyzer, Thresholds, picture

from .conftest import Desk, desk_in, drop, enrol, go, png, upload, windows

Open = Callable[..., Any]


def test_a_server_that_stops_is_told_and_one_that_comes_back_is_used(browser: Any, tmp_path: Path) -> None:
    root = tmp_path / "galleries"
    analyzer = Analyzer()
    with desk_in(root) as desk:
        enrol(desk, "Ada")
        port = int(desk.address.rpartition(":")[2])
        context = browser.new_context()
        page = context.new_page()
        page.set_default_timeout(12_000)
        page.goto(desk.address)
        page.get_by_label("Key", exact=True).fill(desk.key)
        page.keyboard.press("Enter")
        page.get_by_role("link", name="Ada").wait_for()
    page.get_by_role("link", name="Thresholds").click()
    page.get_by_role("alert").get_by_text("The server does not answer. This page tries again until it does.").wait_for()
    page.locator("main").get_by_text("Check that it runs and that this computer can reach it.").wait_for()
    with running(Settings(root, port=port), analyzer, Thresholds(analyzer.contract)):
        page.get_by_text("The server is back.").wait_for()
        page.get_by_label("How strict").wait_for()  # what was asked for comes by itself
        assert page.locator("#offline").is_hidden()
        context.close()


def test_signing_in_without_a_server_says_so(desk: Desk, open_page: Open) -> None:
    page = open_page()
    page.context.set_offline(True)
    page.get_by_label("Key", exact=True).fill(desk.key)
    page.keyboard.press("Enter")
    page.get_by_text("The server does not answer").wait_for()
    page.context.set_offline(False)
    page.keyboard.press("Enter")

    page.get_by_role("heading", name="People", exact=True).wait_for()


def test_a_failed_picture_can_be_tried_again(desk: Desk, open_page: Open) -> None:
    enrol(desk, "Ada")
    page = open_page(desk.key)
    go(page, "identify")
    page.context.set_offline(True)
    drop(page, upload("door.png", "Ada", seed=2))
    page.locator(".result").get_by_text("The server does not answer").wait_for()
    page.context.set_offline(False)
    page.get_by_role("button", name="Try again").click()

    page.locator(".decision").get_by_role("link", name="Ada").wait_for()


def test_limits_are_told_in_words(browser: Any, tmp_path: Path) -> None:
    with desk_in(tmp_path / "galleries", rate=0.02, burst=12) as desk, windows(browser, desk) as opened:
        page = opened(desk.make_key("operator"))
        go(page, "thresholds")  # a score of questions at once

        page.get_by_text("Too many requests").wait_for()
        page.get_by_text("Try again in").wait_for()


def test_pictures_over_the_bounds_are_made_smaller_first(browser: Any, tmp_path: Path) -> None:
    with desk_in(tmp_path / "galleries", pixels=400_000) as desk, windows(browser, desk) as opened:
        enrol(desk, "Ada")
        page = opened(desk.key)
        go(page, "identify")
        large = picture("Ada", noise=8, seed=2).repeat(6, axis=0).repeat(6, axis=1)
        drop(page, {"name": "large.png", "mimeType": "image/png", "buffer": png(large)})

        page.get_by_text("1 face, made smaller").wait_for()
