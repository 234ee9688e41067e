"""How the page looks, with drawn people: light, dark, and on a telephone."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from vultus.server.run import running
from vultus.server.settings import Settings
from vultus.testing import Thresholds

from .conftest import Desk, drop, go, windows
from .pictures import keep
from .portraits import SEEDS, Reader, portrait, sheet

NAMES = ("Aiko Mori", "Clara Bianchi", "Greta Holm", "Ivan Petrov", "Jonas Lind", "Liu Wen", "Mina Okafor", "Noah Adeyemi", "Priya Raman")  # fmt: skip


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    analyzer = Reader()
    settings = Settings(tmp_path_factory.mktemp("drawn") / "galleries", port=0)
    with running(settings, analyzer, Thresholds(analyzer.contract)) as server:
        gallery = server.service.create_gallery("staff")
        server.service.create_gallery("visitors")
        for name, seed in zip(NAMES, SEEDS, strict=False):
            done = gallery.enroll(name, [sheet(portrait(seed, mood)) for mood in range(2 + seed % 3)], force=True)
            server.service.note("first", "person.enroll", gallery="staff", target=done.person.id)
        reception = server.service.keys.create("admin", label="reception")
        yield Desk(server, server.address, reception.secret)


def upload(name: str, *faces: np.ndarray) -> dict[str, Any]:
    buffer = io.BytesIO()
    Pillow.fromarray(sheet(*faces)).save(buffer, "PNG")
    return {"name": name, "mimeType": "image/png", "buffer": buffer.getvalue()}


def test_pictures_of_people_light_and_dark(desk: Desk, browser: Any, tmp_path: Path) -> None:
    with windows(browser, desk) as opened:
        light = opened(desk.key, width=1180, height=720)
        light.wait_for_function("() => document.querySelectorAll('.people img').length === 9")
        by_day = keep(light, "people", tmp_path)
        dark = opened(desk.key, width=1180, height=720, color_scheme="dark")
        dark.wait_for_function("() => document.querySelectorAll('.people img').length === 9")
        by_night = keep(dark, "people-dark", tmp_path)

    assert by_day.mean() > 200  # as bright, and as dark, as they should be
    assert by_night.mean() < 90
    assert by_day.shape == by_night.shape == (720, 1180, 3)


def test_pictures_of_the_work(desk: Desk, browser: Any, tmp_path: Path) -> None:
    with windows(browser, desk) as opened:
        page = opened(desk.key, width=1180, height=860)
        go(page, "people/add")
        drop(page, upload("monday.png", portrait(SEEDS[-1])), upload("tuesday.png", portrait(SEEDS[2], 7)))
        page.get_by_text("Looks like Greta Holm").wait_for()
        page.get_by_label("Name").fill("Samir Haddad")
        keep(page, "add", tmp_path)

        page.set_viewport_size({"width": 1180, "height": 900})
        go(page, "sort")
        first, second, third = SEEDS[-3:]
        drop(
            page,
            *(
                upload(f"{number}.png", *(portrait(seed, mood) for seed, mood in seen))
                for number, seen in enumerate(
                    [[(first, 1), (second, 2)], [(first, 3)], [(second, 4), (third, 5)], [(first, 6)], [(third, 7)]]
                )
            ),
        )
        page.get_by_text("5 pictures").wait_for()
        page.get_by_role("button", name="Sort", exact=True).click()
        page.get_by_text("7 faces: 3 groups, 0 alone.").wait_for()
        page.evaluate("() => window.scrollTo(0, 250)")
        sorted_ = keep(page, "sort", tmp_path)

        page.set_viewport_size({"width": 1180, "height": 860})
        go(page, "thresholds")
        page.get_by_label("How strict").focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        page.locator("main h1").focus()
        keep(page, "thresholds", tmp_path)

    assert len(np.unique(sorted_.reshape(-1, 3), axis=0)) > 1000  # faces, not boxes for faces


def test_pictures_of_a_telephone(desk: Desk, browser: Any, tmp_path: Path) -> None:
    with windows(browser, desk) as opened:
        page = opened(desk.key, width=390, height=844, has_touch=True, is_mobile=True, device_scale_factor=2)
        page.wait_for_function("() => document.querySelectorAll('.people img').length === 9")
        taken = keep(page, "phone-people", tmp_path, shown=False)

    assert taken.shape == (1688, 780, 3)
