"""The real models on a real photograph: NASA's portrait of Eileen Collins, which is in the public domain."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageOps

from vultus.defaults import default_analyzer
from vultus.demo import portrait
from vultus.errors import WeightsError
from vultus.images import read
from vultus.server.run import running
from vultus.server.settings import Settings

from .conftest import Desk, camera_browser, drawn, drop, expect, film, go, windows
from .pictures import keep

pytestmark = pytest.mark.weights


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    try:
        analyzer = default_analyzer()
    except WeightsError as error:
        pytest.skip(f"weights are not to be had: {error}")
    with running(Settings(tmp_path_factory.mktemp("real") / "galleries", port=0), analyzer) as server:
        server.service.create_gallery("astronauts")
        reception = server.service.keys.create("admin", label="reception")
        yield Desk(server, server.address, reception.secret)


@pytest.fixture(scope="module")
def browser(playwright: Any, chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Before its camera stands the portrait, coming nearer."""
    whole = Pillow.open(io.BytesIO(portrait())).convert("RGB")
    frames = []
    for step in range(12):
        scene = Pillow.new("RGB", (960, 540), (64, 70, 78))
        size = 500 + 4 * step
        scene.paste(whole.resize((size, size)), (230 - 2 * step, 20))
        frames.append(np.asarray(scene))
    with camera_browser(playwright, chromium, film(tmp_path_factory.mktemp("film") / "portrait.y4m", frames)) as opened:
        yield opened


def file(image: Pillow.Image, name: str) -> dict[str, Any]:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=92)
    return {"name": name, "mimeType": "image/jpeg", "buffer": buffer.getvalue()}


def test_somebody_is_enrolled_from_one_picture_and_found_on_another_and_live(
    desk: Desk, browser: Any, tmp_path: Path
) -> None:
    whole = Pillow.open(io.BytesIO(portrait())).convert("RGB")
    copy = ImageOps.mirror(whole).resize((330, 330)).point(lambda value: value * 0.7)
    with windows(browser, desk) as opened:
        page = opened(desk.key, width=1280, height=860)
        go(page, "people/add")
        drop(page, file(copy, "mirrored, smaller, darker.jpg"))
        page.get_by_text("quality").first.wait_for()
        page.get_by_label("Name").fill("Eileen Collins")
        page.get_by_role("button", name="Add 1 picture").click()
        page.get_by_role("list", name="Faces of Eileen Collins").wait_for()

        go(page, "identify")
        drop(page, file(whole, "portrait.jpg"))
        page.locator(".decision").get_by_role("link", name="Eileen Collins").wait_for()
        page.wait_for_function("() => document.querySelector('.pane canvas').width > 300")
        box = drawn(page, "match")
        (truth,) = desk.server.service.analyzer.detect(np.asarray(whole))
        box = box[(box[:, 1] > truth.box.y1 / 512 + 0.02) & (box[:, 1] < truth.box.y2 / 512 - 0.02)]  # not its name
        assert box[:, 0].min() == pytest.approx(truth.box.x1 / 512, abs=0.03)
        assert box[:, 0].max() == pytest.approx(truth.box.x2 / 512, abs=0.03)
        page.locator(".decision summary").click()
        keep(page, "identify", tmp_path, photograph=True)

        go(page, "identify/camera")
        page.get_by_role("button", name="Start the camera").click()
        page.locator(".decision").get_by_role("link", name="Eileen Collins").wait_for()
        page.wait_for_timeout(400)
        assert len(drawn(page, "match")) > 300
        keep(page, "camera", tmp_path, photograph=True)

        small = opened(
            desk.key,
            width=390,
            height=844,
            color_scheme="dark",
            has_touch=True,
            is_mobile=True,
            device_scale_factor=1.6,
        )
        go(small, "identify")
        drop(small, file(whole, "portrait.jpg"))
        small.locator(".decision").get_by_role("link", name="Eileen Collins").wait_for()
        small.locator(".result").evaluate("(card) => window.scrollTo(0, card.offsetTop - 70)")
        keep(small, "phone", tmp_path, photograph=True)


def test_somebody_in_the_booth_is_told_what_to_do_and_sees_the_cut(desk: Desk, browser: Any, tmp_path: Path) -> None:
    whole = Pillow.open(io.BytesIO(portrait())).convert("RGB")
    with windows(browser, desk) as opened:
        page = opened(desk.key, width=1180, height=760)
        go(page, "booth")
        page.get_by_role("button", name="Start the camera").click()
        told = page.get_by_role("list", name="What to do").get_by_role("listitem")
        expect(told).to_have_count(3)  # at most, though more is not well
        expect(told.first).to_have_text("Move closer.")
        assert len(drawn(page, "found")) > 50  # the line of the eyes
        keep(page, "booth", tmp_path, photograph=True)

        page.get_by_role("button", name="Stop the camera").click()
        drop(page, file(whole.resize((1200, 1200)), "portrait.jpg"))
        page.get_by_role("button", name="Cut it all the same").click()
        page.get_by_role("heading", name="The photo does not meet all that is asked").wait_for()
        photo = page.get_by_role("img", name="The finished photo")
        width, height = photo.evaluate("(image) => [image.naturalWidth, image.naturalHeight]")
        assert width / height == pytest.approx(35 / 45, abs=0.01)
        rows = page.get_by_role("region", name="Measures")
        expect(rows.get_by_role("row", name="HeadSize")).to_contain_text("yes")
        expect(rows.get_by_role("row", name="MouthClosed")).to_contain_text("close your mouth")
        keep(page, "booth-photo", tmp_path, photograph=True, shown=False)


def test_a_studio_portrait_is_taken_by_itself(
    desk: Desk, playwright: Any, chromium: str, data: Path, tmp_path: Path
) -> None:
    whole = read(data / "portraits" / "003_neutral.jpg")
    with (
        camera_browser(playwright, chromium, film(tmp_path / "studio.y4m", [whole])) as before,
        windows(before, desk) as opened,
    ):
        page = opened(desk.key, width=1180, height=760)
        go(page, "booth")
        page.get_by_role("button", name="Start the camera").click()
        page.get_by_role("img", name="The finished photo").wait_for()
        rows = page.get_by_role("region", name="Measures").locator("tbody tr")
        names, passed = (rows.locator(f"td:nth-child({column})").all_inner_texts() for column in (1, 5))
        assert [name for name, word in zip(names, passed, strict=True) if word != "yes"] == []
        assert len(names) > 25
        expect(rows.filter(has_text="own: neutral expression")).to_contain_text("yes")
