"""The camera: frames searched at a bounded rate, boxes that follow, pictures taken to enrol."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .conftest import Desk, before_camera, camera_browser, drawn, enrol, expect, film, go, launched, windows


@pytest.fixture(scope="module")
def with_camera(playwright: Any, chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    scenes = [before_camera("Ada", left=60 + 6 * step) for step in (*range(15), *range(15, 0, -1))]
    with camera_browser(playwright, chromium, film(tmp_path_factory.mktemp("film") / "ada.y4m", scenes)) as opened:
        yield opened


@pytest.fixture(scope="module")
def without_camera(playwright: Any, chromium: str) -> Iterator[Any]:
    with launched(playwright, chromium) as opened:
        yield opened


def test_a_stream_is_named_live(desk: Desk, with_camera: Any) -> None:
    enrol(desk, "Ada")
    asked: list[str] = []
    with windows(with_camera, desk) as opened:
        page = opened(desk.make_key("operator"))
        page.on(
            "request",
            lambda request: asked.append(request.url.rpartition("/")[2]) if request.method == "POST" else None,
        )
        go(page, "identify/camera")
        page.get_by_role("button", name="Start the camera").click()
        page.get_by_role("list", name="Answers, the latest first").get_by_role("link", name="Ada").wait_for()
        before = len(asked)
        page.wait_for_timeout(1500)
        sent = len(asked) - before
        box = drawn(page, "match")
        page.wait_for_timeout(300)
        later = drawn(page, "match")

        assert 2 <= sent <= 7  # at most four a second
        assert sum(address.startswith("identify") for address in asked) < len(
            asked
        )  # a face that is known is only followed
        assert len(box) > 300
        assert len(later) > 300
        expect(page.get_by_role("list", name="Answers, the latest first").get_by_role("listitem")).to_have_count(1)

        page.get_by_role("button", name="Stop the camera").click()
        page.get_by_text("The camera is off").wait_for()
        stopped = len(asked)
        page.wait_for_timeout(500)
        assert len(asked) - stopped <= 1  # the frame that was under way


def test_leaving_the_section_closes_the_camera(desk: Desk, with_camera: Any) -> None:
    with windows(with_camera, desk) as opened:
        page = opened(desk.make_key("operator"))
        go(page, "identify/camera")
        page.get_by_role("button", name="Start the camera").click()
        page.get_by_text("1 face").first.wait_for()
        track = page.evaluate_handle("() => document.querySelector('video').srcObject.getTracks()[0]")
        go(page, "people")

        assert track.evaluate("(track) => track.readyState") == "ended"


def test_searches_rest_when_a_person_was_probed_too_often(desk: Desk, with_camera: Any) -> None:
    ada = enrol(desk, "Ada")
    secret = desk.make_key("operator")
    key = next(one.id for one in desk.server.service.keys.list() if one.role == "operator")
    desk.server.service.probes.spend(key, "staff", {ada.id: 1000.0})
    with windows(with_camera, desk) as opened:
        page = opened(secret)
        go(page, "identify/camera")
        page.get_by_role("button", name="Start the camera").click()
        page.get_by_text("Too many close calls about one person").wait_for()
        page.get_by_text("1 face, answered").wait_for()

        assert len(drawn(page, "found")) > 100  # the box, without a name


def test_a_picture_is_taken_and_enrolled(desk: Desk, with_camera: Any) -> None:
    with windows(with_camera, desk) as opened:
        page = opened(desk.make_key("enroller"))
        go(page, "people/add")
        page.get_by_role("button", name="Use the camera").click()
        page.get_by_role("status").get_by_text("Good quality").wait_for()  # before the picture is taken
        page.get_by_role("button", name="Take picture").click()
        page.get_by_role("list", name="Pictures").get_by_text("Good quality").wait_for()
        page.get_by_role("button", name="Close the camera").click()
        page.get_by_label("Name").fill("Ada")
        page.get_by_role("button", name="Add 1 picture").click()
        page.get_by_text("1 face of Ada was added.").wait_for()

    assert len(desk.gallery().faces("Ada")) == 1


def test_no_camera_is_told_in_words(desk: Desk, without_camera: Any) -> None:
    with windows(without_camera, desk) as opened:
        page = opened(desk.make_key("operator"))
        go(page, "identify/camera")
        page.get_by_role("button", name="Start the camera").click()

        page.get_by_text("No camera was found. Connect one, then try again.").wait_for()
        page.get_by_role("button", name="Start the camera").wait_for()


_FOLLOWED = """async () => {
    const { Tracks, overlap } = await import("/page/tracks.js");
    const tracks = new Tracks();
    const answer = (status, id = null) => ({ status, id });
    const box = [0, 0, 100, 100];
    const seen = [];
    const look = (faces, now) => seen.push([tracks.update(faces, now).length, tracks.all.length, tracks.all[0]?.decision?.id ?? null, tracks.stale(now)]);
    look([], 0);
    look([{ box, decision: answer("match", "ada") }], 100);
    look([{ box: [20, 0, 120, 100], decision: null }], 300); // it moved, and is followed
    look([{ box: [30, 0, 130, 100], decision: answer("unknown") }], 2400); // one doubt does not take the name back
    look([{ box: [30, 0, 130, 100], decision: answer("unknown") }], 2500); // two do
    look([{ box: [500, 0, 600, 100], decision: null }], 2600); // another face
    look([{ box: [500, 0, 600, 100], decision: null }], 4000); // the first has left
    return [seen, overlap(box, [50, 0, 150, 100]), overlap(box, [200, 0, 300, 100])];
}"""


def test_a_face_keeps_its_name_while_it_moves_and_loses_it_when_two_answers_say_so(
    desk: Desk, without_camera: Any
) -> None:
    with windows(without_camera, desk) as opened:
        seen, half, none = opened().evaluate(_FOLLOWED)

    # faces whose answer changed, faces followed, id of the first, whether to search again
    assert seen == [
        [0, 0, None, True],
        [1, 1, "ada", False],
        [0, 1, "ada", False],
        [0, 1, "ada", False],
        [1, 1, None, False],
        [0, 2, None, True],
        [0, 1, None, True],
    ]
    assert (half, none) == (pytest.approx(1 / 3), 0)
