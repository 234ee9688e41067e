"""Unknown faces sorted into groups, and the groups given to people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vultus.testing import picture

from .conftest import Desk, drop, enrol, expect, go, upload

Open = Callable[..., Any]


def sorted_page(page: Any) -> Any:
    """Three of Dan, two of Eve with one of Ada beside, Fay once."""
    go(page, "sort")
    drop(
        page,
        upload("1.png", "Dan", "Eve", seed=11),
        upload("2.png", "Dan", seed=12),
        upload("3.png", "Eve", "Fay", seed=13),
        upload("4.png", "Dan", "Ada", seed=14),
        upload("5.png", "Ada", seed=15),
    )
    page.get_by_text("5 pictures").wait_for()
    page.get_by_role("button", name="Sort", exact=True).click()
    page.get_by_text("8 faces: 3 groups, 1 alone.").wait_for()
    return page


def test_groups_are_made_and_named(desk: Desk, open_page: Open) -> None:
    page = sorted_page(open_page(desk.make_key("enroller")))
    group = page.get_by_role("region", name="Group 1")
    expect(group.get_by_role("checkbox")).to_have_count(3)
    group.get_by_label("Face on 4.png belongs to Group 1").uncheck()
    group.get_by_label("Name of Group 1").fill("Dan")
    page.keyboard.press("Enter")
    page.get_by_text("2 faces of Group 1 went to Dan.").wait_for()
    page.get_by_role("complementary", name="People who are known").get_by_text("Dan").wait_for()

    faces = desk.gallery().faces("Dan")
    assert [face.source for face in faces] == ["1.png", "2.png"]
    assert [one.person for one in desk.gallery().identify(picture("Dan", noise=8))] == ["Dan"]


def test_a_group_is_dragged_onto_a_person(desk: Desk, open_page: Open) -> None:
    enrol(desk, "Ada")
    page = sorted_page(open_page(desk.make_key("enroller")))
    mine = next(
        at for at in (1, 2, 3) if page.get_by_role("region", name=f"Group {at}").get_by_label("Face on 5.png").count()
    )
    target = (
        page.get_by_role("complementary", name="People who are known").get_by_role("listitem").filter(has_text="Ada")
    )
    page.get_by_role("region", name=f"Group {mine}").get_by_role("heading").drag_to(target)
    page.get_by_text(f"2 faces of Group {mine} went to Ada.").wait_for()

    assert len(desk.gallery().faces("Ada")) == 4
    # Of the picture with Dan beside her only her own face was taken.
    assert [one.person for one in desk.gallery().identify(picture("Dan", noise=8))] == [None]


def test_a_group_is_looked_for_among_those_who_are_known(desk: Desk, open_page: Open) -> None:
    enrol(desk, "Dan")
    page = sorted_page(open_page(desk.make_key("enroller")))
    page.get_by_role("region", name="Group 1").get_by_role("button", name="Who is it?").click()
    page.get_by_text("Looks like Dan, score 0.9").wait_for()

    expect(page.get_by_label("Name of Group 1")).to_have_value("Dan")


def test_an_operator_sorts_but_keeps_nothing(desk: Desk, open_page: Open) -> None:
    page = sorted_page(open_page(desk.make_key("operator")))

    expect(page.get_by_role("button", name="Save")).to_have_count(0)
    expect(page.get_by_role("complementary")).to_have_count(0)


def test_a_picture_that_cannot_be_read_does_not_spoil_the_others(desk: Desk, open_page: Open) -> None:
    page = open_page(desk.make_key("operator"))
    go(page, "sort")
    broken = {"name": "broken.png", "mimeType": "image/png", "buffer": b"no picture"}
    drop(page, broken, upload("1.png", "Dan"), upload("2.png", "Dan", seed=1))
    page.get_by_text("3 pictures").wait_for()
    page.get_by_role("button", name="Sort", exact=True).click()

    page.get_by_text("1 picture could not be read").wait_for()
    page.get_by_text("2 faces: 1 group, 0 alone.").wait_for()
    page.get_by_text("broken.png").wait_for()
