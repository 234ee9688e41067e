"""The real models behind the service: NASA's portrait of Eileen Collins, which is in the public domain."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from vultus.defaults import default_analyzer
from vultus.demo import portrait
from vultus.errors import WeightsError
from vultus.server.livechecks import LiveChecks
from vultus.server.run import running
from vultus.server.settings import Settings

pytestmark = pytest.mark.weights


@pytest.fixture(scope="module")
def analyzer() -> Any:
    try:
        return default_analyzer()
    except WeightsError as error:
        pytest.skip(f"weights are not to be had: {error}")


def test_a_portrait_is_judged_and_a_photograph_held_still_passes_no_live_check(tmp_path: Path, analyzer: Any) -> None:
    import httpx

    whole = Pillow.open(io.BytesIO(portrait())).convert("RGB").resize((480, 480))

    def jpeg(shift: int) -> bytes:
        scene = Pillow.new("RGB", (640, 480), (64, 70, 78))
        scene.paste(whole, (80 + shift, 0))
        held = io.BytesIO()
        scene.save(held, "JPEG", quality=85)
        return held.getvalue()

    settings = Settings(tmp_path / "galleries", port=0, require_live=True)
    with running(settings, analyzer) as server:
        clock = time.monotonic
        ahead = [0.0]
        later: Callable[[], float] = lambda: clock() + ahead[0]  # noqa: E731
        server.service.checks = LiveChecks(60, later)
        headers = {"Authorization": f"Bearer {server.key}"}
        with httpx.Client(base_url=server.address, headers=headers, timeout=120) as client:
            told = client.post("/v1/liveness", files={"image": ("a.jpg", jpeg(0))}).json()
            (face,) = told["faces"]
            assert face["liveness"]["point"]["bpcer"]["n"] > 100
            assert face["liveness"]["live"] in (True, False)
            challenge = client.post("/v1/challenges", json={"kind": "dot"}).json()
            times = np.arange(0, challenge["seconds"] + 0.2, 0.1).round(3).tolist()
            ahead[0] += times[-1] + 1
            files = [("frame", ("f.jpg", jpeg(number % 7))) for number in range(len(times))]
            answer = client.post(
                f"/v1/challenges/{challenge['id']}/frames",
                files=files,
                data={"times": json.dumps(times)},
                params={"last": True},
            ).json()
    assert answer["status"] == "failed"
    signals = {one["name"]: one for one in answer["liveness"]["signals"]}
    assert signals["challenge"]["says"] != "bona fide"
    assert signals["person"]["says"] == "bona fide"
    assert signals["plane"]["says"] != "bona fide"
