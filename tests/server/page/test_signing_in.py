"""Keys: where they are kept, what each role sees, and how a session ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .conftest import Desk, enrol, expect, go, sign_in

Open = Callable[..., Any]

SECTIONS = {
    "viewer": ["People", "Thresholds", "Galleries", "Health"],
    "operator": [
        "People", "Identify", "Live check", "Sort faces", "Photo booth", "Decisions", "Thresholds", "Galleries", "Health",
    ],
    "enroller": [
        "People", "Identify", "Live check", "Sort faces", "Photo booth", "Decisions", "Thresholds", "Galleries", "Health",
    ],
    "admin": [
        "People", "Identify", "Live check", "Sort faces", "Photo booth", "Decisions", "Thresholds", "Galleries",
        "Keys and roles", "Audit log", "Health",
    ],
    "auditor": ["Decisions", "Audit log", "Health"],
    "monitor": ["Health"],
}  # fmt: skip


def test_a_wrong_key_is_told_and_can_be_typed_again(desk: Desk, open_page: Open) -> None:
    page = open_page()
    page.get_by_label("Key", exact=True).fill("vk_wrong")
    page.keyboard.press("Enter")

    page.get_by_role("alert").get_by_text("The key is not valid").wait_for()
    assert page.evaluate("sessionStorage.length") == 0
    sign_in(page, desk.key)
    page.get_by_role("heading", name="People", exact=True).wait_for()


def test_the_key_is_in_this_tab_alone_and_nowhere_to_be_seen(desk: Desk, open_page: Open) -> None:
    page = open_page()
    sign_in(page, desk.key)
    for section in ("identify", "keys", "health", "audit"):
        go(page, section)
        assert desk.key not in page.url
        assert desk.key not in page.content()
    kept = page.evaluate("[JSON.stringify(localStorage), document.cookie, JSON.stringify(history.state)]")

    assert all(desk.key not in str(one) for one in kept)
    assert page.evaluate("sessionStorage.getItem('vultus.key')") == desk.key
    assert page.context.cookies() == []


def test_a_reload_stays_signed_in_and_signing_out_forgets(desk: Desk, open_page: Open) -> None:
    page = open_page()
    sign_in(page, desk.key)
    go(page, "thresholds")
    page.reload()
    page.get_by_role("heading", name="Thresholds", exact=True).wait_for()
    page.get_by_role("button", name="Sign out").click()

    page.get_by_label("Key", exact=True).wait_for()
    assert page.evaluate("sessionStorage.length") == 0
    assert "#" not in page.url


def test_a_revoked_key_ends_the_session_in_words(desk: Desk, open_page: Open) -> None:
    page = open_page(desk.make_key("operator"))
    key = next(one for one in desk.server.service.keys.list() if one.role == "operator")
    desk.server.service.keys.revoke(key.id)
    page.get_by_role("link", name="Thresholds").click()

    page.get_by_role("alert").get_by_text("The key is not valid").wait_for()
    assert page.evaluate("sessionStorage.length") == 0


def test_each_role_sees_its_sections(desk: Desk, open_page: Open) -> None:
    page = open_page()
    seen: dict[str, list[str]] = {}
    for role, sections in SECTIONS.items():
        sign_in(page, desk.make_key(role))
        seen[role] = page.get_by_role("navigation", name="Sections").first.get_by_role("link").all_inner_texts()
        expect(page.locator("main h1")).to_have_text(sections[0], use_inner_text=True)
        page.get_by_role("button", name="Sign out").click()

    assert seen == SECTIONS


def test_each_role_sees_the_changes_that_it_may_make(desk: Desk, open_page: Open) -> None:
    ada = enrol(desk, "Ada")
    page = open_page()
    seen: dict[str, list[str]] = {}
    for role in ("viewer", "operator", "enroller", "admin"):
        sign_in(page, desk.make_key(role))
        seen[role] = []
        for section in (f"people/{ada.id}", "thresholds", "galleries"):
            go(page, section)
            seen[role] += page.locator("main").get_by_role("button").all_inner_texts()
        page.get_by_role("button", name="Sign out").click()

    administrators = [
        "Use this from now on",
        "Back to what holds",
        "Make a gallery",
        "Living faces only",
        "Check",
        "Delete",
    ]
    assert seen["viewer"] == seen["operator"] == []
    assert seen["enroller"] == ["Rename", "Merge with …", "Remove"]
    assert seen["admin"] == ["Rename", "Merge with …", "Remove", "Erase with proof", *administrators]


def test_an_address_of_another_role_opens_what_the_key_may_see(desk: Desk, open_page: Open) -> None:
    page = open_page(desk.make_key("operator"))
    page.evaluate("location.hash = '#/keys'")

    page.get_by_text("Your key's role does not open Keys and roles.").wait_for()
    expect(page.locator("main h1")).to_have_text("People", use_inner_text=True)


def test_a_key_for_one_gallery_sees_no_other(desk: Desk, open_page: Open) -> None:
    desk.server.service.create_gallery("visitors")
    page = open_page(desk.make_key("operator", "visitors"))

    expect(page.get_by_label("Gallery").locator("option")).to_have_text(["visitors"], use_inner_text=True)


def test_galleries_are_switched_and_stay_chosen(desk: Desk, open_page: Open) -> None:
    desk.server.service.create_gallery("visitors")
    enrol(desk, "Ada")
    page = open_page(desk.key)
    page.get_by_role("link", name="Ada").wait_for()
    page.get_by_label("Gallery").select_option("visitors")

    page.get_by_text("Nobody is known here yet").wait_for()
    page.reload()
    page.get_by_text("Nobody is known here yet").wait_for()
    expect(page.get_by_label("Gallery")).to_have_value("visitors")
