"""The service over the real models: it finds what the library finds."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from vultus.analyzer import Analyzer
from vultus.images import read
from vultus.server.run import Running, running
from vultus.server.settings import Settings

pytestmark = pytest.mark.weights
JPEG = {"Content-Type": "image/jpeg"}


@pytest.fixture(scope="module")
def analyzer() -> Analyzer:
    from vultus.errors import WeightsError

    try:
        return Analyzer()
    except WeightsError as error:
        pytest.skip(f"weights are not to be had: {error}")


@pytest.fixture
def server(tmp_path: Path, analyzer: Analyzer) -> Iterator[Running]:
    with running(Settings(tmp_path / "galleries", port=0, rate=10_000, burst=10_000), analyzer) as found:
        yield found


@pytest.fixture
def admin(server: Running) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {server.key}"}
    with httpx.Client(base_url=server.address, headers=headers, timeout=60) as found:
        yield found


def test_one_portrait_from_enrolment_to_erasure(admin: httpx.Client, portrait_file: Path) -> None:
    data = portrait_file.read_bytes()
    assert admin.post("/v1/galleries", json={"name": "staff"}).status_code == 201
    done = admin.post("/v1/galleries/staff/persons", data={"name": "Eileen Collins"}, files={"image": data})
    assert done.status_code == 201, done.text
    told = admin.post("/v1/galleries/staff/identify", content=data, headers=JPEG).json()
    best = max(told["faces"], key=lambda face: face["score"] or 0)
    assert (best["status"], best["person"], best["score"]) == ("match", "Eileen Collins", 1.0)
    assert told["operating"]["metric"] == "FPIR"
    assert told["operating"]["data"]
    same = admin.post("/v1/verify", files={"first": data, "second": data}).json()
    assert (same["status"], same["score"]) == ("match", 1.0)
    assert "more likely" in same["evidence"]["words"]
    assert admin.post("/v1/galleries/staff/erase", json={"person": "Eileen Collins"}).json()["status"] == "erased"
    again = admin.post("/v1/galleries/staff/identify", content=data, headers=JPEG).json()
    assert {face["person"] for face in again["faces"]} == {None}


def test_many_at_once_are_read_as_one_alone(admin: httpx.Client, analyzer: Analyzer, portrait_file: Path) -> None:
    data = portrait_file.read_bytes()
    expected = analyzer.analyze(read(data))
    seen: list[np.ndarray] = []

    def ask() -> None:
        for _ in range(4):
            faces = admin.post("/v1/embed", content=data, headers=JPEG).json()["faces"]
            assert [tuple(face["box"]) for face in faces] == [one.face.box.round() for one in expected]
            seen.append(np.array(faces[0]["embedding"]))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(seen) == 32
    assert expected[0].embedding is not None
    # Grouped and alone the networks round differently by a little.
    assert min(float(one @ expected[0].embedding) for one in seen) > 0.9995


def test_metrics_say_where_the_time_goes(admin: httpx.Client, portrait_file: Path) -> None:
    admin.post("/v1/embed", content=portrait_file.read_bytes(), headers=JPEG)
    text = admin.get("/metrics").text
    for stage in ("decode", "detect", "align", "embed"):
        assert f'vultus_stage_seconds_count{{stage="{stage}"}} 1' in text
    assert 'vultus_pictures_total{outcome="read"} 1' in text
