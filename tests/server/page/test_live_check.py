"""Living faces on the page: the switch, the row with its evidence, and a live check before the camera."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import cv2
import numpy as np
import pytest

from vultus.liveness.challenge import draw_actions
from vultus.models.landmark import Mesh
from vultus.server.run import running
from vultus.server.service import Service
from vultus.server.settings import Settings
from vultus.testing import Thresholds
from vultus.types import Face, Image

from .conftest import Desk, before_camera, camera_browser, expect, film, go, windows
from .judging import ATTACK, NEUTRAL, UNKNOWN, Judging, mesh_of, moves, shown

LATE = 0.9  # seconds after which the actor does what is asked; frames are up to half a second old when they come


class Actor(Judging):
    """Sees in every frame a head that does what the running live check asks for."""

    service: Service | None = None
    obeys = True

    def meshes(self, image: Image, faces: Sequence[Face]) -> tuple[Mesh, ...]:
        yaw, pitch, mouth, _ = self._now()
        return tuple(mesh_of(image, yaw, pitch, mouth) for _ in faces)

    def eyes(self, image: Image, meshes: Sequence[Mesh]) -> tuple[tuple[float, float], ...]:
        wide = self._now()[3]
        return tuple((wide, wide) for _ in meshes)

    def _now(self) -> tuple[float, float, float, float]:
        assert self.service is not None
        for check in self.service.checks._checks.values():
            if check.status == "recording" and self.obeys:
                return moves(check.challenge, time.monotonic() - check.start, LATE)
        return NEUTRAL.yaw, NEUTRAL.pitch, 0.03, 0.28


@pytest.fixture
def actor() -> Actor:
    return Actor()


@pytest.fixture
def desk(tmp_path: Path, actor: Actor) -> Iterator[Desk]:
    with running(Settings(tmp_path / "galleries", port=0), actor, Thresholds(actor.contract)) as server:
        actor.service = server.service
        # The camera's film blinks for nobody: a draw without blinks.
        seed = next(n for n in range(100) if "blink" not in {step.action for step in draw_actions(Random(n))})
        server.service.checks._challenges._random = Random(seed)
        server.service.create_gallery("staff")
        yield Desk(server, server.address, server.key)


@pytest.fixture(scope="module")
def with_camera(playwright: Any, chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    scenes = [before_camera("Ada", left=60 + 2 * step) for step in (*range(8), *range(8, 0, -1))]
    with camera_browser(playwright, chromium, film(tmp_path_factory.mktemp("film") / "ada.y4m", scenes)) as opened:
        yield opened


@pytest.fixture(scope="module")
def with_print(playwright: Any, chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Before this camera somebody holds what the analyzer takes for a print."""
    scene = before_camera("Ada")
    scene[:32, :32] = 0
    with camera_browser(playwright, chromium, film(tmp_path_factory.mktemp("film") / "print.y4m", [scene])) as opened:
        yield opened


def upload(name: str, *people: str, grey: int = 128, seed: int = 0) -> dict[str, Any]:
    return {"name": name, "mimeType": "image/png", "buffer": shown(*people, grey=grey, seed=seed)}


def enrol(desk: Desk, name: str) -> Any:
    picture = cv2.imdecode(np.frombuffer(shown(name), np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    return desk.gallery().enroll(name, [np.ascontiguousarray(picture)]).person


def begin(page: Any, kind: str | None = None) -> None:
    go(page, "check")
    if kind is not None:
        page.get_by_role("button", name=kind).click()
    page.get_by_role("button", name="Start the camera").click()
    page.get_by_role("button", name="Begin").wait_for()


def test_without_a_camera_it_is_told_in_words(desk: Desk, browser: Any) -> None:
    with windows(browser, desk) as opened:
        page = opened(desk.make_key("operator"))
        go(page, "check")
        page.get_by_role("button", name="Start the camera").click()
        page.get_by_text("No camera was found. Connect one, then try again.").wait_for()
        assert page.get_by_text("Silicone masks, make-up").count() >= 1


@pytest.mark.parametrize("kind", ["Turn and blink", "Follow the dot"])
def test_somebody_passes_and_is_named_once(desk: Desk, with_camera: Any, kind: str) -> None:
    enrol(desk, "Ada")
    with windows(with_camera, desk) as opened:
        page = opened(desk.make_key("operator"))
        begin(page, kind)
        page.get_by_text("Good. Begin when you are ready.").wait_for()
        page.keyboard.press("b")
        page.get_by_role("dialog", name="Live check").wait_for()
        page.get_by_text("Passed", exact=True).first.wait_for(timeout=40_000)
        row = page.get_by_role("group", name="Liveness")
        row.get_by_text("What it rests on").click()
        expect(row.get_by_role("list", name="Signals").get_by_role("listitem")).to_have_count(5)
        expect(row).to_contain_text("What was asked for", use_inner_text=True)
        page.get_by_role("button", name="Say who it is").click()
        page.get_by_role("list", name="Faces").get_by_role("link", name="Ada").wait_for()
    (used,) = desk.server.service.checks._checks.values()
    assert used.status == "used"


def test_somebody_passes_and_is_enrolled(desk: Desk, with_camera: Any) -> None:
    with windows(with_camera, desk) as opened:
        page = opened(desk.make_key("enroller"))
        begin(page)
        page.get_by_role("button", name="Begin").click()
        page.get_by_label("Enrol as").wait_for(timeout=40_000)
        page.get_by_label("Enrol as").fill("Ada")
        page.get_by_label("Enrol as").press("Enter")
        page.get_by_text("Ada was enrolled, with a live check.").wait_for()
    assert [one.name for one in desk.gallery().people()] == ["Ada"]


def test_who_holds_still_does_not_pass_and_hears_why(desk: Desk, actor: Actor, with_camera: Any) -> None:
    actor.obeys = False
    with windows(with_camera, desk) as opened:
        page = opened(desk.key)
        begin(page)
        page.get_by_role("button", name="Begin").click()
        page.get_by_text("Not passed", exact=True).wait_for(timeout=40_000)
        page.get_by_text("The challenge was not done as asked").wait_for()
        expect(page.get_by_role("button", name="Say who it is")).to_have_count(0)
        go(page, "decisions/all")
        page.get_by_label("Kind of decision").select_option("challenge")
        cell = page.get_by_role("region", name="Decisions from the audit log, the latest first")
        cell.get_by_text("Not passed").wait_for()
        cell.get_by_text("the challenge was not done as asked").wait_for()


def test_a_print_does_not_pass_although_it_does_what_is_asked(desk: Desk, with_print: Any) -> None:
    with windows(with_print, desk) as opened:
        page = opened(desk.make_key("operator"))
        begin(page)
        page.get_by_role("button", name="Begin").click()
        page.get_by_text("Not passed", exact=True).wait_for(timeout=40_000)
        page.get_by_text("Not taken for living").first.wait_for()


def test_escape_stops_it_and_leaving_closes_the_camera(desk: Desk, with_camera: Any) -> None:
    with windows(with_camera, desk) as opened:
        page = opened(desk.make_key("operator"))
        begin(page)
        page.get_by_role("button", name="Begin").click()
        page.get_by_role("dialog", name="Live check").wait_for()
        page.keyboard.press("Escape")
        page.get_by_text("Stopped.").wait_for()
        expect(page.get_by_role("dialog")).to_have_count(0)
        track = page.evaluate_handle("() => document.querySelector('video').srcObject.getTracks()[0]")
        go(page, "people")
        assert track.evaluate("(track) => track.readyState") == "ended"


@pytest.mark.parametrize(("grey", "words"), [(ATTACK, "Not taken for living"), (UNKNOWN, "Living? No answer")])
def test_a_spoofed_picture_is_not_searched_and_says_why(desk: Desk, browser: Any, grey: int, words: str) -> None:
    enrol(desk, "Ada")
    with windows(browser, desk) as opened:
        page = opened(desk.key)
        go(page, "identify")
        page.get_by_label("Living faces only").check()
        page.locator("input[type=file]").set_input_files([upload("spoof.png", "Ada", grey=grey)])
        card = page.get_by_role("article", name="spoof.png")
        card.get_by_role("group", name="Liveness").get_by_text(words).wait_for()
        card.get_by_text("Not searched: a living face is asked for.").first.wait_for()
        page.locator("input[type=file]").set_input_files([upload("live.png", "Ada", seed=1)])
        live = page.get_by_role("article", name="live.png")
        live.get_by_role("link", name="Ada").wait_for()
        live.get_by_text("Living face", exact=True).wait_for()
        go(page, "decisions")
        page.get_by_text(words).first.wait_for()
        go(page, "decisions/all")
        page.get_by_text("Not living" if grey == ATTACK else "Not usable").first.wait_for()


def test_an_administrator_switches_a_gallery_and_spoofed_enrolments_are_refused(desk: Desk, browser: Any) -> None:
    with windows(browser, desk) as opened:
        page = opened(desk.key)
        go(page, "galleries")
        page.get_by_role("button", name="Living faces only").click()
        page.get_by_role("button", name="Ask for living faces").click()
        page.get_by_text("staff asks for living faces now.").wait_for()
        go(page, "people/add")
        page.get_by_text("(this gallery asks for it)").wait_for()
        page.locator("input[type=file]").set_input_files([upload("spoof.png", "Ada", grey=ATTACK)])
        pictures = page.get_by_role("list", name="Pictures")
        pictures.get_by_text("Not taken for living").wait_for()
        assert page.get_by_role("button", name="Add", exact=True).is_disabled()
        page.locator("input[type=file]").set_input_files([upload("live.png", "Ada")])
        page.get_by_label("Name").fill("Ada")
        page.get_by_role("button", name="Add 1 picture").click()
        page.get_by_text("1 face of Ada was added.").wait_for()


def test_others_do_not_see_the_switch(desk: Desk, browser: Any) -> None:
    with windows(browser, desk) as opened:
        page = opened(desk.make_key("viewer"))
        go(page, "galleries")
        page.get_by_text("are not asked for").wait_for()
        expect(page.get_by_role("button", name="Living faces only")).to_have_count(0)
        expect(page.get_by_role("link", name="Live check")).to_have_count(0)
