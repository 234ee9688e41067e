"""Usable by keyboard, with a screen reader, on a telephone, and in the dark."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from . import looks
from .conftest import Desk, drop, enrol, expect, go, upload

Open = Callable[..., Any]

SECTIONS = ["people", "people/add", "identify", "identify/camera", "sort", "booth", "decisions", "decisions/all", "thresholds", "galleries", "keys", "audit", "health"]  # fmt: skip
COLOURS = """() => ["--paper", "--ink"].map((name) => {
    const probe = document.body.appendChild(document.createElement("i"));
    probe.style.color = `var(${name})`;
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
})"""


def furnished(desk: Desk) -> Any:
    """A gallery with people and a journal with entries."""
    ada = enrol(desk, "Ada Lovelace, Countess of a very long name that goes on")
    enrol(desk, "Bob")
    desk.server.service.note(
        "abc", "identify", gallery="staff", target=ada.id, decision="match", score=0.9, threshold=0.3, fpir=0.01
    )
    desk.make_key("operator")
    return ada


def tab_to(page: Any, name: str, *, most: int = 60) -> None:
    """Press Tab until a control of that name has the focus; each that is passed must show that it has it."""
    for _ in range(most):
        page.keyboard.press("Tab")
        now = page.evaluate(
            """() => {
                const one = document.activeElement;
                const style = getComputedStyle(one);
                const label = one.labels?.[0]?.firstElementChild?.textContent ?? one.labels?.[0]?.textContent;
                return [one.getAttribute("aria-label") ?? label ?? one.textContent, style.outlineStyle, parseFloat(style.outlineWidth), one.tagName];
            }"""
        )
        assert now[1] != "none" or now[3] in ("BODY", "DIALOG"), f"no visible focus on {now}"
        if name in now[0]:
            return
    raise AssertionError(f"{name} was not reached with {most} tabs")


def test_everything_can_be_done_by_keyboard(desk: Desk, open_page: Open) -> None:
    """Sign in, add a person, rename, find with a shortcut, erase: no mouse."""
    page = open_page()
    page.on("filechooser", lambda chooser: chooser.set_files([upload("ada.png", "Ada")]))
    page.keyboard.type(desk.key)
    page.keyboard.press("Enter")
    page.locator("main[data-shown]").wait_for()
    page.keyboard.press("n")
    page.get_by_role("heading", name="Add person").wait_for()
    assert page.evaluate("document.activeElement.tagName") == "H1"  # where reading goes on
    page.keyboard.press("o")
    page.get_by_text("Good quality").wait_for()
    tab_to(page, "Name")
    page.keyboard.type("Ada")
    tab_to(page, "Add 1 picture")
    page.keyboard.press("Enter")
    page.get_by_role("list", name="Faces of Ada").wait_for()

    page.keyboard.press("r")
    assert page.evaluate("document.activeElement.value") == "Ada"
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("Ada Lovelace")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Ada Lovelace").wait_for()

    page.keyboard.press("g")
    page.keyboard.press("t")
    page.get_by_role("heading", name="Thresholds", exact=True).wait_for()
    page.keyboard.press("g")
    page.keyboard.press("p")
    page.locator("main[data-shown='#/people']").wait_for()
    page.keyboard.press("/")
    page.keyboard.type("love")
    tab_to(page, "Ada Lovelace")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Erase with proof").wait_for()
    tab_to(page, "Erase with proof")
    page.keyboard.press("Enter")
    page.keyboard.type("Ada Lovelace")
    page.keyboard.press("Enter")
    page.get_by_role("dialog", name="Receipt of the erasure").wait_for()
    page.keyboard.press("Escape")
    page.get_by_text("Nobody is known here yet").wait_for()
    assert desk.gallery().people() == ()


def test_a_dialog_holds_the_focus_and_gives_it_back(desk: Desk, open_page: Open) -> None:
    ada = enrol(desk, "Ada")
    page = open_page(desk.key)
    go(page, f"people/{ada.id}")
    page.get_by_role("button", name="Rename").focus()
    page.keyboard.press("Enter")
    for _ in range(9):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement === document.body || !!document.activeElement.closest('dialog')")
    page.keyboard.press("Escape")

    assert page.evaluate("document.activeElement.textContent") == "Rename"


def test_shortcuts_are_listed_and_can_be_switched_off(desk: Desk, open_page: Open) -> None:
    page = open_page(desk.key)
    page.keyboard.press("?")
    box = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(box).to_contain_text("Add person", use_inner_text=True)
    page.keyboard.press("Escape")
    go(page, "thresholds")
    page.keyboard.press("?")
    assert [one for one in box.locator("dd").all_inner_texts() if not one.strip()] == []  # each key says what it does
    page.keyboard.press("Escape")
    go(page, "people")
    page.keyboard.press("?")
    box.get_by_label("Single keys are shortcuts").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    page.keyboard.press("n")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator("main h1")).to_have_text("People", use_inner_text=True)


def test_the_content_can_be_skipped_to(desk: Desk, open_page: Open) -> None:
    page = open_page(desk.key)
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    assert page.evaluate("document.activeElement === document.querySelector('main h1')")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_can_be_read_and_every_control_has_a_name(desk: Desk, open_page: Open, scheme: str) -> None:
    ada = furnished(desk)
    page = open_page(desk.key, color_scheme=scheme)
    found: dict[str, list[str]] = {}
    for section in [*SECTIONS, f"people/{ada.id}"]:
        go(page, section)
        found[section] = looks.faint(page) + looks.nameless(page) + looks.ids_twice(page)
        expect(page.locator("h1")).to_have_count(1)
    go(page, "identify")
    drop(page, upload("door.png", "Bob", "a stranger"), upload("small.png", "Bob", side=16))
    page.locator(".result .decision").nth(2).wait_for()
    page.locator(".result summary").first.click()
    found["answers"] = looks.faint(page) + looks.nameless(page)
    go(page, f"people/{ada.id}")
    page.get_by_role("button", name="Erase with proof").click()
    found["dialog"] = looks.faint(page) + looks.nameless(page)

    assert {section: wrong for section, wrong in found.items() if wrong} == {}
    assert len(found) == len(SECTIONS) + 3


def test_colours_follow_the_system_until_one_is_chosen(desk: Desk, open_page: Open) -> None:
    page = open_page(desk.key, color_scheme="dark")
    dark = page.evaluate(COLOURS)
    page.get_by_role("button", name="Colours: System colours").click()  # light
    light = page.evaluate(COLOURS)
    page.reload()
    page.locator("main[data-shown]").wait_for()
    kept = page.evaluate(COLOURS)
    page.get_by_role("button", name="Colours: Light").click()  # dark
    chosen = page.evaluate(COLOURS)
    page.get_by_role("button", name="Colours: Dark").click()  # the system's

    assert light == kept == ["rgb(245, 246, 248)", "rgb(23, 32, 44)"]
    assert dark == chosen == page.evaluate(COLOURS) == ["rgb(14, 19, 25)", "rgb(232, 237, 243)"]


def test_a_telephone_shows_every_section_without_scrolling_sideways(desk: Desk, open_page: Open) -> None:
    ada = furnished(desk)
    page = open_page(desk.key, width=360, height=740, has_touch=True, is_mobile=True)
    found: dict[str, list[str]] = {}
    for section in [*SECTIONS, f"people/{ada.id}"]:
        go(page, section)
        found[section] = looks.overflow(page) + looks.small_targets(page)

    assert {section: wrong for section, wrong in found.items() if wrong} == {}


def test_a_telephone_reaches_all_sections_and_a_long_answer(desk: Desk, open_page: Open) -> None:
    furnished(desk)
    page = open_page(desk.key, width=360, height=740, has_touch=True, is_mobile=True)
    page.get_by_role("button", name="More").tap()
    page.get_by_role("dialog").get_by_role("link", name="Audit log").tap()
    page.get_by_role("heading", name="Audit log", exact=True).wait_for()
    expect(page.get_by_role("button", name="More")).to_have_attribute("aria-current", "page")
    page.locator(".tabs").get_by_role("link", name="Identify").tap()
    page.locator("main[data-shown='#/identify']").wait_for()
    drop(page, upload("door.png", "Bob", "a stranger", seed=3))
    page.locator(".decision").nth(1).wait_for()
    page.locator(".decision summary").first.tap()

    assert looks.overflow(page) == []


def test_answers_are_said_aloud(desk: Desk, open_page: Open) -> None:
    """What appears by itself stands in a place that screen readers watch."""
    enrol(desk, "Ada")
    page = open_page(desk.key)
    go(page, "identify")
    drop(page, upload("door.png", "Ada"))
    page.locator(".decision").wait_for()

    assert page.locator(".decision").evaluate("(one) => !!one.closest('[aria-live=polite]')")
    expect(page.locator("#notes")).to_have_attribute("aria-live", "polite")
    expect(page.locator("#alerts")).to_have_attribute("role", "alert")
