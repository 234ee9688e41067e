"""Galleries, keys, the audit log, and the server's health."""

from __future__ import annotations

import inspect
import json
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vultus import server

from .conftest import Desk, enrol, expect, go

Open = Callable[..., Any]


def test_galleries_are_made_checked_and_deleted(desk: Desk, open_page: Open) -> None:
    enrol(desk, "Ada")
    page = open_page(desk.key)
    go(page, "galleries")
    page.get_by_role("button", name="Make a gallery").click()
    page.get_by_role("dialog").get_by_label("Name").fill("visitors")
    page.get_by_role("dialog").get_by_label("Pictures").select_option("none")
    page.keyboard.press("Enter")
    page.get_by_text("The gallery visitors is there.").wait_for()
    card = page.get_by_role("region", name="staff")
    card.get_by_role("button", name="Check").click()
    card.get_by_text("Nothing is damaged").wait_for()
    assert desk.server.service.gallery("visitors").stats().keep == "none"

    page.get_by_role("region", name="visitors").get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_label("Type the name to go on").fill("visitors")
    page.keyboard.press("Enter")
    page.get_by_text("The gallery visitors was deleted.").wait_for()
    assert desk.server.service.galleries() == ("staff",)
    expect(page.get_by_label("Gallery", exact=True).locator("option")).to_have_text(["staff"], use_inner_text=True)


def test_an_empty_server_leads_to_the_first_gallery(desk: Desk, open_page: Open) -> None:
    desk.server.service.delete_gallery("staff")
    page = open_page(desk.key)
    page.get_by_role("link", name="Make a gallery").click()
    page.get_by_role("button", name="Make a gallery").first.click()
    page.get_by_role("dialog").get_by_label("Name").fill("no good")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(1)  # the browser says what a name may hold
    page.get_by_role("dialog").get_by_label("Name").fill("first")
    page.keyboard.press("Enter")

    page.get_by_role("region", name="first").get_by_text("chosen").wait_for()


def test_a_key_is_shown_once_renewed_and_revoked(desk: Desk, open_page: Open) -> None:
    keys = desk.server.service.keys
    page = open_page(desk.key)
    go(page, "keys")
    page.get_by_role("button", name="Make a key").click()
    box = page.get_by_role("dialog")
    box.get_by_label("Label").fill("front door")
    box.get_by_label("All, also later ones").uncheck()
    box.get_by_role("button", name="Make it").click()
    expect(box.get_by_role("heading", name="Make a key")).to_have_count(1)  # no gallery was chosen yet
    box.get_by_label("staff").check()
    box.get_by_role("button", name="Make it").click()
    shown = page.get_by_role("dialog", name="Copy the key now").get_by_label("The key")
    secret = shown.input_value()
    page.keyboard.press("Escape")
    expect(shown).to_be_visible()  # it is not lost by a stray key
    made = keys.verify(secret)
    assert (made.role, made.galleries, made.label) == ("operator", ("staff",), "front door")
    page.get_by_role("button", name="I have kept it").click()
    row = page.get_by_role("row").filter(has_text="front door")
    row.wait_for()
    assert secret not in page.content()

    row.get_by_role("button", name="Renew key front door").click()
    page.get_by_label("The old key ends").select_option("0")
    page.get_by_role("button", name="Renew", exact=True).click()
    renewed = page.get_by_role("dialog", name="Copy the key now").get_by_label("The key").input_value()
    page.get_by_role("button", name="I have kept it").click()
    page.get_by_text("1 revoked or expired").wait_for()
    assert keys.verify(secret) is None
    assert keys.verify(renewed).label == "front door"

    page.get_by_role("button", name="Revoke key front door").first.click()
    page.get_by_role("dialog").get_by_label("Reason").fill("lost")
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    page.get_by_text("The key is revoked.").wait_for()
    assert keys.verify(renewed) is None


def test_the_last_administrator_cannot_lock_everybody_out(desk: Desk, open_page: Open) -> None:
    page = open_page(desk.key)
    go(page, "keys")
    page.get_by_role("button", name="Revoke key running").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()

    page.get_by_role("dialog").get_by_text(
        "Expected another administrator's key to be left; create one first."
    ).wait_for()


def test_the_audit_log_is_read_filtered_verified_and_saved(desk: Desk, open_page: Open) -> None:
    service = desk.server.service
    service.note("abc", "person.rename", gallery="staff", target="p1", reason="<b>typo</b>", revision=3)
    service.note("def", "key.create", target="k1", role="viewer")
    page = open_page(desk.make_key("auditor"))
    go(page, "audit")
    expect(page.get_by_role("row")).to_have_count(3)
    page.get_by_label("What").select_option("person.rename")
    page.get_by_role("row").filter(has_text="<b>typo</b>").wait_for()
    page.get_by_role("button", name="Details of entry 1").click()
    details = page.get_by_role("dialog").inner_text()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Verify").click()
    page.get_by_text("The chain is whole: 2 entries").wait_for()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Export").click()
    lines = [json.loads(line) for line in saved.value.path().read_text().splitlines()]

    assert "key:abc" in details
    assert "0" * 64 in details
    assert [line["action"] for line in lines] == ["person.rename", "key.create"]


def test_every_action_of_the_server_has_words(desk: Desk, open_page: Open) -> None:
    """What the sources note in the journal is what the page can name and filter by."""
    sources = Path(inspect.getfile(server)).parent
    texts = [path.read_text() for path in sources.rglob("*.py")]
    kinds = "face|gallery|key|person|feedback"
    noted = {one for text in texts for one in re.findall(rf'"((?:{kinds})\.[a-z]+)"', text)}
    page = open_page(desk.make_key("auditor"))
    go(page, "audit")
    offered = {
        one for one in page.get_by_label("What").evaluate("(one) => [...one.options].map((it) => it.value)") if one
    }

    assert len(noted) > 15
    assert noted - offered == set()


def test_an_auditor_reads_who_decided_on_one_line(desk: Desk, open_page: Open) -> None:
    desk.server.service.note(
        "0123456789abcdef",
        "identify",
        gallery="staff",
        target="p" * 32,
        decision="match",
        score=0.9,
        threshold=0.3,
        fpir=0.01,
    )
    page = open_page(desk.make_key("auditor"), width=1000)
    page.get_by_role("row").nth(1).wait_for()

    assert page.get_by_text("0123456789abcdef", exact=True).bounding_box()["height"] < 50


def test_a_changed_audit_log_is_found_out(desk: Desk, open_page: Open) -> None:
    desk.server.service.note("abc", "person.rename", gallery="staff", target="p1")
    connection = sqlite3.connect(desk.server.service.journal.path)
    connection.execute("DROP TRIGGER entry_changed")
    connection.execute("UPDATE entry SET body = replace(body, 'p1', 'p2')")
    connection.commit()
    connection.close()
    page = open_page(desk.make_key("auditor"))
    go(page, "audit")
    page.get_by_role("button", name="Verify").click()

    page.get_by_text("The audit log was changed").wait_for()


def test_health_shows_the_figures_of_the_server(desk: Desk, open_page: Open) -> None:
    page = open_page(desk.key)
    go(page, "health")
    page.locator(".badge", has_text="ready").wait_for()
    text = page.locator("main").inner_text()

    assert "testing" in text  # the recogniser
    assert "21 MB, 24 million pixels" in text
    assert int(page.locator(".figures div", has_text="Requests").locator("strong").inner_text().replace(",", "")) > 1


def test_a_monitor_sees_figures_alone(desk: Desk, open_page: Open) -> None:
    page = open_page(desk.make_key("monitor"))
    page.locator(".figures div", has_text="Waiting pictures").wait_for()

    expect(page.get_by_role("heading", name="Models")).to_have_count(0)
