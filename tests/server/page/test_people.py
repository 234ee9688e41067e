"""People: added with quality and doubles told at once, put right, and let go of with proof."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from .conftest import Desk, drop, enrol, expect, go, upload

Open = Callable[..., Any]


def faces_of(desk: Desk, name: str) -> int:
    return len(desk.gallery().faces(name))


def test_an_empty_gallery_says_what_to_do(desk: Desk, open_page: Open) -> None:
    page = open_page(desk.make_key("enroller"))
    page.get_by_text("Nobody is known here yet").wait_for()
    page.locator(".empty").get_by_role("link", name="Add person").click()

    page.get_by_role("heading", name="Add person").wait_for()
    assert page.get_by_role("button", name="Add", exact=True).is_disabled()


def test_a_person_is_added_by_dropping_pictures(desk: Desk, open_page: Open) -> None:
    page = open_page(desk.key)
    go(page, "people/add")
    drop(page, upload("one.png", "Ada"), upload("two.png", "Ada", seed=1))
    page.get_by_text("Good quality").nth(1).wait_for()
    page.get_by_text("A name is missing.").wait_for()
    page.get_by_label("Name").fill("Ada Lovelace")
    page.get_by_role("button", name="Add 2 pictures").click()

    page.get_by_role("heading", name="Ada Lovelace").wait_for()
    page.get_by_text("2 faces of Ada Lovelace were added.").wait_for()
    assert faces_of(desk, "Ada Lovelace") == 2
    expect(page.get_by_role("list", name="Faces of Ada Lovelace").get_by_role("listitem")).to_have_count(2)
    page.wait_for_function("() => document.querySelectorAll('.faces img').length === 2")  # their kept crops


def test_enter_in_the_name_adds(desk: Desk, open_page: Open) -> None:
    page = open_page(desk.key)
    go(page, "people/add")
    page.get_by_label("Name").fill("Ada")
    page.keyboard.press("Enter")  # nothing to add yet
    drop(page, upload("one.png", "Ada"))
    page.get_by_text("Good quality").wait_for()
    page.get_by_label("Name").press("Enter")

    page.get_by_role("list", name="Faces of Ada").wait_for()
    assert faces_of(desk, "Ada") == 1


def test_everybody_is_shown_by_one_face_that_is_asked_for_at_once(desk: Desk, open_page: Open) -> None:
    ada = enrol(desk, "Ada")
    enrol(desk, "Bob")
    asked: list[str] = []
    page = open_page(desk.key)
    page.wait_for_function("() => document.querySelectorAll('.people img').length === 2")
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    page.wait_for_function("() => document.querySelectorAll('.people img').length === 2")

    assert len([one for one in asked if "/persons/" in one or "/faces/" in one]) == 2
    assert [one for one in asked if f"/persons/{ada.id}" in one] == []


def test_doubles_are_told_before_anything_is_kept(desk: Desk, open_page: Open) -> None:
    enrol(desk, "Ada")
    page = open_page(desk.key)
    go(page, "people/add")
    drop(page, upload("again.png", "Ada", seed=5))
    page.get_by_text("Looks like Ada, score 0.9").wait_for()
    page.get_by_label("Name").fill("Somebody else")
    add = page.get_by_role("button", name="Add", exact=True)
    assert add.is_disabled()
    page.get_by_role("button", name="Add to Ada instead").click()
    page.get_by_text("Fits the other faces").wait_for()
    page.get_by_role("button", name="Add 1 picture").click()

    page.get_by_role("list", name="Faces of Ada").wait_for()
    assert [person.name for person in desk.gallery().people()] == ["Ada"]
    assert faces_of(desk, "Ada") == 3


def test_a_double_can_be_taken_in_by_who_knows_better(desk: Desk, open_page: Open) -> None:
    enrol(desk, "Ada")
    page = open_page(desk.key)
    go(page, "people/add")
    drop(page, upload("twin.png", "Ada", seed=5))
    page.get_by_label("Name").fill("Ada's twin")
    page.get_by_label("It is somebody else; add anyway").check()
    page.get_by_role("button", name="Add 1 picture").click()

    page.get_by_text("taken in against a double").wait_for()
    assert {person.name for person in desk.gallery().people()} == {"Ada", "Ada's twin"}


def test_what_cannot_be_used_is_told_picture_by_picture(desk: Desk, open_page: Open) -> None:
    page = open_page(desk.key)
    go(page, "people/add")
    broken = {"name": "broken.png", "mimeType": "image/png", "buffer": b"no picture"}
    drop(
        page, broken, upload("empty.png"), upload("small.png", "Bob", side=32), upload("two.png", "Ada", "Bob", seed=3)
    )
    items = page.get_by_role("list", name="Pictures").locator("> li")
    items.filter(has_text="broken.png").get_by_text("This is not a picture, or a damaged one").wait_for()
    items.filter(has_text="empty.png").get_by_text("No face was found").wait_for()
    items.filter(has_text="small.png").get_by_text("Not good enough: too small").wait_for()
    page.get_by_role("group", name="Which of 2 faces?").get_by_role("button", name="Face 2").click()
    page.get_by_label("Name").fill("Bob")
    page.get_by_role("button", name="Add 1 picture").click()

    page.get_by_text("1 face of Bob was added.").wait_for()
    page.get_by_role("heading", name="Add faces of Bob").wait_for()  # the others stay to be looked at
    expect(items).to_have_count(3)
    (face,) = desk.gallery().faces("Bob")
    assert face.box is not None
    assert face.box.x1 > 112  # the right one of the two


def test_somebody_is_found_renamed_and_merged(desk: Desk, open_page: Open) -> None:
    for name in ("Ada", "Adah", "Bob"):
        enrol(desk, name)
    page = open_page(desk.key)
    page.get_by_role("searchbox", name="Search people by name").fill("ada")
    page.locator(".people li").nth(1).wait_for()
    page.wait_for_function("() => document.querySelectorAll('.people li').length === 2")
    page.get_by_role("button", name="Choose").click()
    page.get_by_label("Choose Ada", exact=True).check()
    page.get_by_label("Choose Adah").check()
    page.get_by_role("region", name="Chosen people").get_by_role("button", name="Merge").click()
    page.get_by_role("dialog").get_by_label("Ada", exact=False).first.check()
    page.get_by_role("button", name="Merge 2 people").click()
    page.get_by_text("2 people are now Ada.").wait_for()
    page.get_by_role("link", name="Ada 4 faces").click()
    page.get_by_text("also known as Adah").wait_for()
    page.get_by_role("button", name="Rename").click()
    page.get_by_role("dialog").get_by_label("Name").fill("Bob")
    page.keyboard.press("Enter")
    page.get_by_role("dialog").get_by_text("That is taken already").wait_for()
    page.get_by_role("dialog").get_by_label("Name").fill("Ada Lovelace")
    page.keyboard.press("Enter")

    page.get_by_role("heading", name="Ada Lovelace").wait_for()
    assert [(one.name, one.templates) for one in desk.gallery().people()] == [("Ada Lovelace", 4), ("Bob", 2)]


def test_faces_are_split_off_moved_and_removed(desk: Desk, open_page: Open) -> None:
    ada, bob = enrol(desk, "Ada", seeds=(0, 1, 2)), enrol(desk, "Bob")
    page = open_page(desk.key)
    go(page, f"people/{ada.id}")
    page.get_by_label("Choose face 3").check()
    page.get_by_role("button", name="Split off").click()
    page.get_by_label("Name of the new person").fill("Cleo")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Cleo").wait_for()
    assert (faces_of(desk, "Ada"), faces_of(desk, "Cleo")) == (2, 1)

    page.get_by_label("Choose face 1").check()
    page.get_by_role("button", name="Move to …").click()
    page.get_by_role("dialog").get_by_label("Bob").check()
    page.get_by_role("dialog").get_by_role("button", name="Move", exact=True).click()
    page.get_by_text("No face is left").wait_for()
    assert faces_of(desk, "Bob") == 3

    go(page, f"people/{bob.id}")
    page.get_by_label("Choose face 1").check()
    page.get_by_role("region", name="Chosen faces").get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    page.get_by_text("2 faces").first.wait_for()
    assert faces_of(desk, "Bob") == 2


def test_erasing_asks_for_the_name_and_shows_a_receipt(desk: Desk, open_page: Open) -> None:
    ada = enrol(desk, "Ada Lovelace")
    page = open_page(desk.key)
    go(page, f"people/{ada.id}")
    page.get_by_role("button", name="Erase with proof").click()
    box = page.get_by_role("dialog")
    box.get_by_label("Type the name to go on").fill("Ada")
    page.keyboard.press("Enter")
    box.get_by_text("That is another name.").wait_for()
    assert [person.name for person in desk.gallery().people()] == ["Ada Lovelace"]
    box.get_by_label("Type the name to go on").fill("Ada Lovelace")
    box.get_by_label("Reason").fill("asked for")
    page.keyboard.press("Enter")
    receipt = page.get_by_role("dialog", name="Receipt of the erasure")
    receipt.get_by_text("Nothing of this person was found").wait_for()
    expect(receipt).to_contain_text(ada.id, use_inner_text=True)
    expect(receipt).not_to_contain_text("Ada", use_inner_text=True)
    with page.expect_download() as saved:
        receipt.get_by_role("button", name="Save the receipt").click()
    kept = json.loads(saved.value.path().read_text())
    receipt.get_by_role("button", name="Close").last.click()

    page.get_by_text("Nobody is known here yet").wait_for()
    assert (kept["status"], kept["person"], kept["templates"], kept["hits"]) == ("erased", ada.id, 2, [])
    assert desk.gallery().people() == ()
    (entry,) = desk.server.service.journal.entries(action="person.erase")
    assert (entry.target, entry.reason) == (ada.id, "asked for")


def test_many_people_come_in_parts(desk: Desk, open_page: Open) -> None:
    for number in range(65):
        enrol(desk, f"Person {number:02}", seeds=(0,), force=True)
    page = open_page(desk.make_key("viewer"))
    page.get_by_text("65 people, 65 faces").wait_for()
    expect(page.locator(".people li")).to_have_count(60)
    page.get_by_role("button", name="Show more").click()

    page.get_by_role("link", name="Person 64").wait_for()
    expect(page.get_by_role("button", name="Show more")).to_have_count(0)
    assert page.evaluate("document.activeElement.textContent").startswith("Person 60")
