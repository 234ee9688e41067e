"""The photo booth: advice as the head moves, the picture taken when all is well, its cut, and what was measured."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from vultus.integrity.quality import assess
from vultus.integrity.quality.names import NAMES
from vultus.integrity.quality.scalars import NEEDS_MODEL
from vultus.server.run import running
from vultus.server.settings import Settings
from vultus.testing import Thresholds
from vultus.types import Face, Image

from . import looks
from .conftest import Desk, camera_browser, drawn, drop, expect, film, go, png, windows
from .sitters import Sitters, sitting

PATH = "/v1/document/quality"
TURN = re.compile(r"Turn your head 1[0-4] degrees to your right\.")
SAID = """() => {
    const said = document.querySelector("p.unseen[role=status]");
    window.said = [];
    window.shown = new Set();
    window.well = false;
    const look = () => {
        document.querySelectorAll(".advice li").forEach((one) => window.shown.add(one.textContent));
        window.well ||= document.querySelector(".booth.well") !== null;
    };
    new MutationObserver(look).observe(document.body, { attributes: true, childList: true, subtree: true });
    new MutationObserver(() => window.said.push(said.textContent)).observe(said, { childList: true, characterData: true, subtree: true });
}"""


class Restless(Sitters):
    """Sitters of whom one who is turned never keeps quite still."""

    looks = 0

    def detect(self, image: Image) -> tuple[Face, ...]:
        self.looks += 1
        self.yaw = 12.0 + 2.0 * (self.looks % 2)
        return super().detect(image)


@pytest.fixture
def sitters() -> Restless:
    return Restless()


@pytest.fixture
def desk(tmp_path: Path, sitters: Restless) -> Iterator[Desk]:
    with running(Settings(tmp_path / "galleries", port=0), sitters, Thresholds(sitters.contract)) as server:
        yield Desk(server, server.address, server.key)


@pytest.fixture(scope="module")
def with_camera(playwright: Any, chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    scene = film(tmp_path_factory.mktemp("film") / "sitting.y4m", [sitting()])
    with camera_browser(playwright, chromium, scene) as opened:
        yield opened


def upload(name: str, image: Image) -> dict[str, Any]:
    return {"name": name, "mimeType": "image/png", "buffer": png(image)}


def start(page: Any) -> None:
    go(page, "booth")
    page.get_by_role("button", name="Start the camera").click()
    page.get_by_role("button", name="Take picture").wait_for()


def until(page: Any, holds: Callable[[], bool], seconds: float) -> None:
    """Let the page go on until something holds on the server's side; fail after so many seconds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        page.wait_for_timeout(50)


def listed(page: Any) -> Any:
    return page.get_by_role("list", name="What to do").get_by_role("listitem")


def test_without_a_camera_it_is_told_in_words(desk: Desk, browser: Any) -> None:
    with windows(browser, desk) as opened:
        page = opened(desk.make_key("operator"))
        go(page, "booth")
        page.get_by_role("button", name="Start the camera").click()
        page.get_by_text("No camera was found. Connect one, then try again.").wait_for()
        page.get_by_role("button", name="Choose a picture").wait_for()  # which works without one


def test_a_picture_is_taken_when_all_is_well_and_comes_cut(
    desk: Desk, sitters: Restless, with_camera: Any, tmp_path: Path
) -> None:
    sitters.does = "turned"
    under_way, most, asked = 0, 0, []

    def began(request: Any) -> None:
        nonlocal under_way, most
        if PATH in request.url:
            asked.append(request.url.partition("profile=")[2])
            under_way += 1
            most = max(most, under_way)

    def ended(request: Any) -> None:
        nonlocal under_way
        under_way -= PATH in request.url

    with windows(with_camera, desk) as opened:
        page = opened(desk.make_key("operator"))
        page.on("request", began)
        page.on("requestfinished", ended)
        page.on("requestfailed", ended)
        start(page)
        expect(listed(page)).to_have_count(1)
        expect(listed(page)).to_have_text([TURN])
        expect(page.locator(".booth.well")).to_have_count(0)
        before, began_at = len(asked), time.monotonic()
        until(page, lambda: len(asked) - before >= 4, 4)
        assert time.monotonic() - began_at > 1.4  # about twice a second
        expect(page.get_by_role("heading", name="The photo")).to_have_count(0)

        page.evaluate(SAID)
        sitters.does = None
        page.get_by_role("heading", name="The photo").wait_for()
        assert page.evaluate("window.well")
        assert "Good. Hold still." in page.evaluate("[...window.shown]")
        assert most == 1  # never a second one beside it
        assert (asked[-1], set(asked[:-1])) == ("icao", {"capture"})
        photo = page.get_by_role("img", name="The finished photo")
        size = photo.evaluate("(image) => [image.naturalWidth, image.naturalHeight]")
        with page.expect_download() as downloading:
            page.get_by_role("link", name="Download PNG").click()
        downloading.value.save_as(tmp_path / "photo.png")
        assert downloading.value.suggested_filename.endswith(".png")
        rows = page.get_by_role("region", name="Measures").locator("tbody tr")
        expect(rows).to_have_count(len(NAMES) - len(NEEDS_MODEL))
        page.get_by_text("not assessed: needs an OFIQ model: UnifiedQualityScore").wait_for()
        page.get_by_text("the issuing authority decides").wait_for()

    image = sitting()
    crop = assess(image, Sitters(), "capture").crop
    got = Pillow.open(tmp_path / "photo.png")
    assert (got.mode, list(got.size)) == ("RGB", size)
    np.testing.assert_allclose(size, (crop.box.width, crop.box.height), atol=3)  # the film was compressed
    x1, y1, _, _ = crop.box.round()
    wanted = image[y1 : y1 + size[1], x1 : x1 + size[0]].astype(int)
    assert np.abs(np.asarray(got).astype(int) - wanted).mean() < 8


def test_nothing_is_said_twice(desk: Desk, sitters: Restless, with_camera: Any) -> None:
    sitters.does = "turned"
    with windows(with_camera, desk) as opened:
        page = opened(desk.make_key("operator"))
        go(page, "booth")
        page.evaluate(SAID)
        page.get_by_role("button", name="Start the camera").click()
        listed(page).first.wait_for()
        first = sitters.looks
        until(page, lambda: sitters.looks - first >= 3, 2.5)
        (said,) = page.evaluate("window.said")
        assert TURN.match(said)
        assert len(page.evaluate("[...window.shown]")) == 2  # though the degrees changed with every look
        sitters.does = "gaping"
        page.wait_for_function("() => window.said.length === 2")
        assert page.evaluate("window.said[1]") == "Close your mouth."


def test_guides_lie_on_the_face_and_turn_green(desk: Desk, sitters: Restless, with_camera: Any) -> None:
    sitters.does = "smiling"
    found = assess(sitting(), Sitters(), "capture")
    width, height = found.size_wh
    with windows(with_camera, desk) as opened:
        page = opened(desk.make_key("operator"))
        start(page)
        expect(listed(page)).to_have_text(["Look neutral, without a smile."])
        page.get_by_role("list", name="What is looked at").get_by_text("Eyes and mouth: not yet").wait_for()
        eyes, bars = drawn(page, "found"), drawn(page, "unknown")
        assert len(drawn(page, "match")) == 0
        page.get_by_label("Take it when all is well").uncheck()
        sitters.does = None
        expect(page.locator(".booth.well")).to_have_count(1)
        green = drawn(page, "match")
        page.wait_for_timeout(1500)
        expect(page.locator(".booth.well")).to_have_count(1)  # and no picture was taken
    assert eyes[:, 1].mean() == pytest.approx(found.points.eyes[1] / height, abs=0.01)
    assert bars[:, 1].max() == pytest.approx(found.points.chin[1] / height, abs=0.02)
    corners = found.crop.corners / (width, height)
    assert green.min(axis=0) == pytest.approx(corners.min(axis=0), abs=0.02)
    assert green.max(axis=0) == pytest.approx(corners.max(axis=0), abs=0.02)


def test_a_picture_can_be_taken_whatever_is_said_and_another_one(
    desk: Desk, sitters: Restless, with_camera: Any
) -> None:
    """By the keyboard alone."""
    sitters.does = "gaping"
    with windows(with_camera, desk) as opened:
        page = opened(desk.make_key("operator"))
        page.keyboard.press("g")
        page.keyboard.press("b")
        page.locator("main[data-shown='#/booth']").wait_for()
        page.keyboard.press("s")
        expect(listed(page)).to_have_text(["Close your mouth."])
        assert page.evaluate("document.activeElement.textContent") == "Take picture"
        page.keyboard.press("t")
        heading = page.get_by_role("heading", name="The photo does not meet all that is asked")
        expect(heading).to_be_focused()
        row = page.get_by_role("region", name="Measures").get_by_role("row", name="MouthClosed")
        expect(row).to_contain_text("no")
        expect(row).to_contain_text("close your mouth")
        page.keyboard.press("n")
        page.get_by_role("button", name="Take picture").wait_for()


def test_who_sits_too_far_aside_has_no_photo_cut(desk: Desk, browser: Any) -> None:
    with windows(browser, desk) as opened:
        page = opened(desk.make_key("operator"))
        go(page, "booth")
        drop(page, upload("aside.png", sitting(middle=(150, 330))))
        expect(listed(page).first).to_have_text("Move to your left: your right side is at the picture's edge.")
        page.get_by_role("button", name="Another picture").wait_for()
        expect(page.get_by_role("button", name="Cut it all the same")).to_have_count(0)
        assert len(drawn(page, "found")) > 100  # the guides


def test_dropped_pictures_are_cut_when_all_is_well_and_else_told_of(desk: Desk, browser: Any) -> None:
    with windows(browser, desk) as opened:
        page = opened(desk.make_key("operator"))
        go(page, "booth")
        drop(page, upload("empty.png", sitting(people=0)))
        page.get_by_text("No face was found").wait_for()
        drop(page, upload("two.png", sitting("turned", people=2)))
        expect(listed(page)).to_have_text(["Be alone in the picture: 2 faces were found.", TURN])
        page.get_by_role("button", name="Cut it all the same").click()
        page.get_by_role("heading", name="The photo").wait_for()
        page.get_by_role("button", name="Take another").wait_for()
        go(page, "people")
        go(page, "booth")
        drop(page, upload("good.png", sitting()))
        page.get_by_role("img", name="The finished photo").wait_for()


def test_a_busy_server_is_waited_for_and_that_is_told(desk: Desk, sitters: Restless, with_camera: Any) -> None:
    sitters.does = "turned"
    secret = desk.server.service.keys.create("operator", rate=1.0).secret
    answers: list[int] = []
    with windows(with_camera, desk) as opened:
        page = opened(secret)
        page.on("response", lambda answer: answers.append(answer.status) if PATH in answer.url else None)
        start(page)
        page.get_by_text("The server is busy. It is asked again in 1 s.").wait_for()
        expect(listed(page)).to_have_text([TURN])
        sitters.does = None
        page.get_by_label("Take it when all is well").uncheck()
        expect(page.locator(".booth.well")).to_have_count(1)
    assert {200, 429} <= set(answers)


def test_leaving_closes_the_camera(desk: Desk, sitters: Restless, with_camera: Any) -> None:
    sitters.does = "turned"
    with windows(with_camera, desk) as opened:
        page = opened(desk.make_key("operator"))
        start(page)
        track = page.evaluate_handle("() => document.querySelector('video').srcObject.getTracks()[0]")
        go(page, "people")
        assert track.evaluate("(track) => track.readyState") == "ended"


@pytest.mark.parametrize("role", ["viewer", "auditor"])
def test_others_do_not_see_it(desk: Desk, browser: Any, role: str) -> None:
    with windows(browser, desk) as opened:
        page = opened(desk.make_key(role))
        expect(page.get_by_role("link", name="Photo booth")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read_by_day_and_by_night_and_on_a_telephone(
    desk: Desk, sitters: Restless, with_camera: Any, scheme: str
) -> None:
    sitters.does = "turned"
    found: dict[str, list[str]] = {}
    with windows(with_camera, desk) as opened:
        page = opened(desk.key, width=360, height=740, color_scheme=scheme, has_touch=True, is_mobile=True)
        start(page)
        listed(page).first.wait_for()
        tests = [looks.faint, looks.nameless, looks.ids_twice, looks.overflow, looks.small_targets]
        found["camera"] = [one for test in tests for one in test(page)]
        size = float(listed(page).first.evaluate("(one) => parseFloat(getComputedStyle(one).fontSize)"))
        sitters.does = None
        page.get_by_role("heading", name="The photo").wait_for()
        found["photo"] = [one for test in tests for one in test(page)]
    assert {state: wrong for state, wrong in found.items() if wrong} == {}
    assert len(found) == 2
    assert size >= 20  # read from where one sits
