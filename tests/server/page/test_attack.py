"""Names that want to be markup, scripts that want to run, texts of every kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from .conftest import Desk, drop, enrol, expect, go, upload

Open = Callable[..., Any]

EVIL = "<img src=x onerror=\"document.title='broken'\">"
NAMES = [
    EVIL,
    "<script>document.title='broken'</script>",
    "javascript:alert(1)",
    "שלום",
    "李明 🙂",
    'O\'Neil & "Söhne" </h1>',
]


def test_a_name_is_text_wherever_it_is_shown(desk: Desk, open_page: Open) -> None:
    people = [enrol(desk, name) for name in NAMES]
    desk.gallery().merge([people[1].id], people[0].id)
    desk.server.service.note("abc", "person.rename", gallery="staff", target="p1", reason=EVIL)
    desk.server.service.keys.create("viewer", label=EVIL)
    page = open_page(desk.key)
    seen: dict[str, str] = {}
    for section in ("people", f"people/{people[0].id}", "people/add", "sort", "keys", "audit", "galleries"):
        go(page, section)
        seen[section] = page.locator("body").inner_text()
        expect(page.locator("img[src='x'], main script")).to_have_count(0)
        assert "broken" not in page.title() or EVIL in page.title()
    go(page, "identify")
    bad_file = upload(EVIL.replace("/", "") + ".png", EVIL, "李明 🙂", seed=3)
    drop(page, bad_file)
    page.get_by_role("link", name=EVIL, exact=True).wait_for()
    go(page, "decisions")

    assert EVIL in seen["people"]
    assert EVIL in seen[f"people/{people[0].id}"]
    assert NAMES[1] in seen[f"people/{people[0].id}"]  # an alias
    assert EVIL in seen["keys"]
    assert EVIL in seen["audit"]
    expect(page.locator("img[src='x'], main script")).to_have_count(0)
    assert (
        page.evaluate(
            "[...document.querySelectorAll('*')].some((one) => one.getAttributeNames().some((name) => name.startsWith('on')))"
        )
        is False
    )


@pytest.mark.parametrize("name", [EVIL, "李明 🙂"])
def test_such_a_person_can_be_made_found_and_erased(desk: Desk, open_page: Open, name: str) -> None:
    page = open_page(desk.key)
    go(page, "people/add")
    page.get_by_label("Name").fill(name)
    drop(page, upload("one.png", "somebody"))
    page.get_by_role("button", name="Add 1 picture").click()
    page.locator("ul.faces li").wait_for()
    expect(page.locator("main h1")).to_have_text(name, use_inner_text=True)
    page.get_by_role("button", name="Erase with proof").click()
    page.get_by_role("dialog").get_by_label("Type the name to go on").fill(name)
    page.keyboard.press("Enter")
    page.get_by_role("dialog", name="Receipt of the erasure").wait_for()

    assert desk.gallery().people() == ()


def test_a_name_that_would_turn_the_text_around_is_refused_in_words(desk: Desk, open_page: Open) -> None:
    page = open_page(desk.key)
    go(page, "people/add")
    page.get_by_label("Name").fill("\u202eesreveR")
    drop(page, upload("one.png", "somebody"))
    page.get_by_role("button", name="Add 1 picture").click()

    page.get_by_text("Expected a name without control characters").wait_for()
    assert desk.gallery().people() == ()


def test_the_browser_refuses_what_the_page_never_does(desk: Desk, browser: Any) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(desk.address)
    markup = page.evaluate(
        "() => { try { document.body.innerHTML = '<b>no</b>'; return 'set'; } catch (error) { return error.name; } }"
    )
    # Later, since what a test evaluates is itself let through.
    coded = page.evaluate(
        """() => new Promise((resolve) => setTimeout(() => {
            try { resolve(window.Function('return 1')()); } catch (error) { resolve(error.name); }
        }))"""
    )
    away = page.evaluate("() => fetch('http://127.0.0.1:9/').then(() => 'sent', (error) => error.name)")
    inline = page.evaluate(
        """() => {
            const script = document.createElement('script');
            try { script.textContent = 'window.ran = true'; document.body.append(script); } catch (error) { return error.name; }
            return window.ran ?? 'refused';
        }"""
    )
    context.close()

    assert (markup, away) == ("TypeError", "TypeError")
    assert coded == "EvalError"
    assert inline in ("TypeError", "refused")


def test_another_page_cannot_frame_or_use_it(desk: Desk, browser: Any, tmp_path: Any) -> None:
    """No cookie to ride on: what another origin sends carries no key, and the answer is not for it to read."""
    other = tmp_path / "other.html"
    other.write_text(f"<!doctype html><iframe src='{desk.address}' width=300 height=300></iframe>")
    context = browser.new_context()
    page = context.new_page()
    page.goto(desk.address)
    page.get_by_label("Key", exact=True).fill(desk.key)
    page.get_by_role("button", name="Sign in").click()
    page.locator("main[data-shown]").wait_for()
    page.goto(other.as_uri())
    page.wait_for_timeout(300)
    framed = [frame.evaluate("() => document.body?.innerText ?? ''") for frame in page.frames[1:]]
    forged = page.evaluate(
        """(address) => fetch(`${address}/v1/galleries`, { method: "POST", credentials: "include", mode: "no-cors", body: '{"name": "forged"}' })
            .then((answer) => answer.type, (error) => error.name)""",
        desk.address,
    )
    context.close()

    assert all("Key" not in text for text in framed)
    assert forged in ("opaque", "TypeError")
    assert desk.server.service.galleries() == ("staff",)
