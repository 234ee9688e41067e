"""Pictures identified: boxes drawn, names told, the evidence behind each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from .conftest import Desk, drawn, drop, enrol, expect, go, upload

Open = Callable[..., Any]


def test_boxes_and_names_are_drawn_where_the_faces_are(desk: Desk, open_page: Open) -> None:
    enrol(desk, "Ada")
    page = open_page(desk.make_key("operator"))
    go(page, "identify")
    drop(page, upload("door.png", "Ada", "a stranger", seed=4))
    answers = page.get_by_role("list", name="Faces").locator("> li")
    answers.first.get_by_role("link", name="Ada").wait_for()
    page.wait_for_function("() => document.querySelector('.pane canvas').width > 250")

    green, amber = drawn(page, "match"), drawn(page, "unknown")
    # Two squares of 112 side by side in a picture of 284 x 150.
    assert len(green) > 300
    assert len(amber) > 100
    assert green[:, 0].min() == pytest.approx(19 / 284, abs=0.02)
    assert green[:, 0].max() == pytest.approx(131 / 284, abs=0.02)
    assert amber[:, 0].min() > 0.5
    assert amber[:, 0].max() == pytest.approx(265 / 284, abs=0.02)
    assert answers.locator(".badge").all_inner_texts()[::2] == ["Match", "Unknown"]
    # The same, for those who do not see it.
    expect(page.get_by_role("img", name="door.png: Ada, unknown")).to_have_count(1)
    answers.nth(1).hover()
    assert len(drawn(page, "unknown")) > 1.2 * len(amber)  # which face it is that one points at
    assert len(drawn(page, "match")) == pytest.approx(len(green), rel=0.02)


def test_the_evidence_of_an_answer_is_told(desk: Desk, open_page: Open) -> None:
    enrol(desk, "Ada")
    page = open_page(desk.make_key("operator"))
    go(page, "identify")
    drop(page, upload("door.png", "Ada", "a stranger", seed=4))
    match, unknown = page.locator(".decision").nth(0), page.locator(".decision").nth(1)
    match.get_by_text("A stranger is named wrongly in 1 of 100 searches of this gallery.").wait_for()
    match.get_by_text("Evidence").click()
    unknown.get_by_text("Evidence").click()

    threshold = desk.gallery().stats().operating.threshold
    expect(match).to_contain_text(f"{threshold:.3f}", use_inner_text=True)
    expect(match).to_contain_text("FPIR 1 % against 1 person", use_inner_text=True)
    expect(match).to_contain_text("theory: random directions", use_inner_text=True)
    expect(unknown).to_contain_text("below the threshold, not told", use_inner_text=True)
    expect(page.get_by_role("button", name="This is not that person")).to_have_count(0)  # an operator changes nothing


def test_a_wrong_answer_is_remembered_as_wrong(desk: Desk, open_page: Open) -> None:
    enrol(desk, "Ada")
    page = open_page(desk.make_key("enroller"))
    go(page, "identify")
    again = upload("door.png", "Ada", seed=4)
    drop(page, again)
    page.locator(".decision").get_by_text("Evidence").click()
    page.get_by_role("button", name="This is not that person").click()
    page.get_by_role("button", name="Remember it").click()
    page.get_by_text("It is remembered.").wait_for()
    drop(page, again)

    page.locator(".result").first.locator(".badge.unknown").wait_for()


def test_pictures_are_pasted_and_bad_ones_told(desk: Desk, open_page: Open) -> None:
    page = open_page(desk.make_key("operator"))
    go(page, "identify")
    page.evaluate(
        """() => {
            const transfer = new DataTransfer();
            transfer.items.add(new File(['no picture'], 'pasted.png', { type: 'image/png' }));
            document.dispatchEvent(new ClipboardEvent('paste', { clipboardData: transfer }));
        }"""
    )
    page.get_by_text("This is not a picture, or a damaged one").wait_for()
    drop(page, upload("nobody.png"))
    page.get_by_text("No face was found.").wait_for()
    drop(page, upload("tiny.png", "Ada", side=16))

    page.get_by_text("that says nothing about who it is").first.wait_for()
    assert len(drawn(page, "rejected")) > 5


def test_the_boxes_stay_in_place_when_the_window_changes(desk: Desk, open_page: Open) -> None:
    enrol(desk, "Ada")
    page = open_page(desk.key)
    go(page, "identify")
    drop(page, upload("door.png", "Ada", side=900))
    page.locator(".decision").first.wait_for()
    page.wait_for_function("() => document.querySelector('.pane canvas').width > 400")
    before = drawn(page, "match")
    width = page.locator(".pane canvas").evaluate("(canvas) => canvas.width")
    page.set_viewport_size({"width": 420, "height": 800})
    page.wait_for_function("(width) => document.querySelector('.pane canvas').width < width", arg=width)

    after = drawn(page, "match")
    assert after[:, 0].min() == pytest.approx(before[:, 0].min(), abs=0.03)
    assert after[:, 0].max() == pytest.approx(before[:, 0].max(), abs=0.03)


def test_decisions_are_kept_in_the_tab_and_read_from_the_journal(desk: Desk, open_page: Open) -> None:
    enrol(desk, "Ada")
    page = open_page(desk.key)
    go(page, "decisions")
    page.get_by_text("Nothing was decided in this tab yet").wait_for()
    go(page, "identify")
    drop(page, upload("door.png", "Ada", "a stranger", seed=4))
    page.locator(".decision").nth(1).wait_for()
    go(page, "decisions")
    page.get_by_role("button", name="Unknown 1").click()
    page.wait_for_function("() => document.querySelectorAll('main .decision').length === 1")
    go(page, "decisions/all")
    rows = page.get_by_role("row")
    rows.nth(2).wait_for()

    texts = rows.all_inner_texts()
    assert len(texts) == 3
    assert {("Match" in text, "Ada" in text) for text in texts[1:]} == {(True, True), (False, False)}


def test_an_auditor_sees_decisions_without_names(desk: Desk, open_page: Open) -> None:
    ada = enrol(desk, "Ada")
    desk.server.service.note(
        "someone", "identify", gallery="staff", target=ada.id, decision="match", score=0.9, threshold=0.3, fpir=0.01
    )
    page = open_page(desk.make_key("auditor"))
    go(page, "decisions")
    row = page.get_by_role("row").nth(1)
    row.wait_for()

    expect(row).to_contain_text(ada.id[:8], use_inner_text=True)
    expect(page.locator("body")).not_to_contain_text("Ada", use_inner_text=True)
