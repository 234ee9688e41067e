"""A real browser on a real server, both on this machine."""

from __future__ import annotations

import base64
import io
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from vultus.server.run import Running, running
from vultus.server.settings import Settings
from vultus.testing import Analyzer, Thresholds, picture
from vultus.types import Image

FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars"]
USUAL = {"reduced_motion": "reduce", "locale": "en-GB", "timezone_id": "UTC"}
WAIT = 15_000  # ms for anything to appear


@dataclass(frozen=True)
class Desk:
    """A server with one gallery, and an administrator's key."""

    server: Running
    address: str
    key: str

    def make_key(self, role: str, *galleries: str) -> str:
        return self.server.service.keys.create(role, galleries=galleries or ("*",), label=role).secret

    def gallery(self, name: str = "staff") -> Any:
        return self.server.service.gallery(name)


@contextmanager
def desk_in(root: Path, **settings: Any) -> Iterator[Desk]:
    analyzer = Analyzer()
    with running(Settings(root, port=0, **settings), analyzer, Thresholds(analyzer.contract)) as server:
        server.service.create_gallery("staff")
        yield Desk(server, server.address, server.key)


@pytest.fixture(scope="session")
def servers() -> Iterator[ExitStack]:
    """Servers that were told to stop do so while the next test begins."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def desk(servers: ExitStack, tmp_path: Path) -> Iterator[Desk]:
    made = servers.enter_context(desk_in(tmp_path / "galleries"))
    yield made
    made.server.stop()


@pytest.fixture(scope="session")
def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("NO BROWSER: the page is not tested; install Chromium (Debian: apt-get install chromium)")
    pytest.importorskip("playwright", reason="NO PLAYWRIGHT: the page is not tested; pip install playwright")
    return found


@pytest.fixture(scope="session")
def playwright() -> Iterator[Any]:
    api = pytest.importorskip(
        "playwright.sync_api", reason="NO PLAYWRIGHT: the page is not tested; pip install playwright"
    )
    with api.sync_playwright() as made:
        yield made


def expect(what: Any) -> Any:
    """Say of a locator what must come to hold; it is looked at until it does, for the page answers in its own time."""
    from playwright.sync_api import expect as of

    of.set_options(timeout=WAIT)
    return of(what)


@pytest.fixture(scope="session")
def browser(playwright: Any, chromium: str) -> Iterator[Any]:
    with launched(playwright, chromium) as opened:
        yield opened


@contextmanager
def launched(playwright: Any, chromium: str, *flags: str) -> Iterator[Any]:
    """A browser with one context that windows may share: each server is another origin, so nothing is shared but the process."""
    opened = playwright.chromium.launch(executable_path=chromium, args=[*FLAGS, *flags])
    try:
        opened.new_context(**USUAL)
        yield opened
    finally:
        opened.close()


@pytest.fixture
def open_page(browser: Any, desk: Desk) -> Iterator[Callable[..., Any]]:
    """Open the page in a window of its own, signed in if a key is given; see `windows`."""
    with windows(browser, desk) as opened:
        yield opened


@contextmanager
def windows(browser: Any, desk: Desk) -> Iterator[Callable[..., Any]]:
    """Windows that watch: an error in the page's log, or a request that is not for this server's `/v1`, fails the test."""
    contexts: list[Any] = []
    pages: list[Any] = []
    wrong: list[str] = []

    def look(request: Any) -> None:
        address = request.url.removeprefix(desk.address)
        if request.url.startswith("blob:"):
            return
        if not re.match(r"^/($|page/|v1/|health/(live|ready)$|metrics$)", address):
            wrong.append(f"asked for {request.url}")
        if "vk_" in request.url:
            wrong.append(f"a key in the address {request.url}")

    def opened(key: str | None = None, *, width: int = 1280, height: int = 860, **options: Any) -> Any:
        size = {"width": width, "height": height}
        scheme = options.pop("color_scheme", "light")
        if options:
            context = browser.new_context(**USUAL, viewport=size, **options)
            contexts.append(context)
        else:
            context = browser.contexts[0]
        context.set_default_timeout(WAIT)
        page = context.new_page()
        pages.append(page)
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=scheme)
        page.on("pageerror", lambda error: wrong.append(f"error {error}"))
        page.on("console", lambda line: wrong.append(line.text) if _complains(line) else None)
        page.on("request", look)
        if key is not None:  # as after a reload; signing in by hand is tested where it belongs
            page.add_init_script(
                f"sessionStorage.getItem('vultus.key') ?? sessionStorage.setItem('vultus.key', '{key}')"
            )
        page.goto(desk.address)
        if key is not None:
            page.locator("main[data-shown]").wait_for()
        return page

    yield opened
    for one in (*pages, *contexts):
        one.close()
    assert wrong == []


def _complains(line: Any) -> bool:
    # The browser notes every refused request by itself, which the page tells in words; and how the test reads canvases.
    return line.type in ("error", "warning") and not re.match(
        "Failed to load resource|Canvas2D: Multiple readback", line.text
    )


def sign_in(page: Any, key: str) -> None:
    page.get_by_label("Key", exact=True).fill(key)
    page.get_by_role("button", name="Sign in").click()
    page.locator("main[data-shown]").wait_for()


def go(page: Any, section: str) -> None:
    """Open a section, and wait until it shows what it has."""
    page.evaluate("(hash) => { location.hash = hash; }", f"#/{section}")
    page.locator(f'main[data-shown="#/{section}"]').wait_for()


def png(image: Image) -> bytes:
    buffer = io.BytesIO()
    Pillow.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def upload(name: str, *people: str, **options: Any) -> dict[str, Any]:
    """A drawn picture as a file chooser or a drop takes it."""
    return {"name": name, "mimeType": "image/png", "buffer": png(picture(*people, noise=8, **options))}


def enrol(desk: Desk, name: str, *, seeds: tuple[int, ...] = (0, 1), **options: Any) -> Any:
    """Enrol somebody without the page."""
    return desk.gallery().enroll(name, [picture(name, noise=8, seed=seed) for seed in seeds], **options).person


def drop(page: Any, *files: dict[str, Any], place: str = ".drop") -> None:
    """Let files fall on the page's place for pictures, as a mouse would."""
    data = [[one["name"], one["mimeType"], base64.b64encode(one["buffer"]).decode()] for one in files]
    transfer = page.evaluate_handle(_TRANSFER, data)
    for kind in ("dragenter", "dragover", "drop"):
        page.dispatch_event(place, kind, {"dataTransfer": transfer})


_TRANSFER = """(files) => {
    const transfer = new DataTransfer();
    for (const [name, type, data] of files) {
        const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
        transfer.items.add(new File([bytes], name, { type }));
    }
    return transfer;
}"""


COLOURS = {"match": (47, 208, 127), "unknown": (255, 184, 77), "rejected": (195, 204, 214), "found": (157, 184, 255)}

_NEAR = """(canvas, [red, green, blue]) => {
    const { width, height } = canvas;
    const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
    const found = [];
    for (let at = 0; at < data.length; at += 4) {
        const far = Math.max(Math.abs(data[at] - red), Math.abs(data[at + 1] - green), Math.abs(data[at + 2] - blue));
        if (far < 12 && data[at + 3] > 200) found.push([((at / 4) % width) / width, Math.floor(at / 4 / width) / height]);
    }
    return found;
}"""


def drawn(page: Any, status: str) -> np.ndarray:
    """Where the canvas over the picture has a status' colour: (n, 2), shares of its width and height."""
    found = page.locator(".pane canvas").first.evaluate(_NEAR, list(COLOURS[status]))
    return np.array(found, dtype=float).reshape(-1, 2)


def film(path: Path, frames: list[Image]) -> Path:
    """Frames as what Chromium takes for a camera: YUV4MPEG2, ten frames a second, again and again."""
    import cv2

    height, width = frames[0].shape[:2]
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{width} H{height} F10:1 Ip A1:1 C420jpeg\n".encode())
        for frame in frames:
            file.write(b"FRAME\n" + cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420).tobytes())
    return path


def before_camera(*people: str, size_wh: tuple[int, int] = (640, 480), left: int = 60) -> Image:
    """Drawn people as a camera sees them, twice as large so that compression does not eat the frames."""
    drawn = picture(*people, noise=8, seed=40).repeat(2, axis=0).repeat(2, axis=1)
    scene = np.full((size_wh[1], size_wh[0], 3), 128, dtype=np.uint8)
    width = min(drawn.shape[1], size_wh[0] - left)
    scene[40 : 40 + drawn.shape[0], left : left + width] = drawn[:, :width]
    return scene


@contextmanager
def camera_browser(playwright: Any, chromium: str, film_file: Path) -> Iterator[Any]:
    """A browser whose camera is a film, and which asks nobody for leave."""
    flags = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    with launched(playwright, chromium, *flags, f"--use-file-for-fake-video-capture={film_file}") as opened:
        yield opened
