"""The whole way with real photographs and real models, through CompreFace's paths."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from vultus.analyzer import Analyzer
from vultus.demo import portrait
from vultus.errors import WeightsError
from vultus.server.run import running
from vultus.server.settings import Settings

pytestmark = pytest.mark.weights


def test_known_people_are_found_and_strangers_stay_unknown(photographs: dict[str, Path], tmp_path: Path) -> None:
    try:
        analyzer = Analyzer()
    except WeightsError as error:
        pytest.skip(f"weights are not to be had: {error}")
    image = {name: path.read_bytes() for name, path in photographs.items()} | {"Eileen Collins": portrait()}
    with running(Settings(tmp_path / "root", port=0), analyzer) as server:
        server.service.create_gallery("known")
        key = server.service.keys.create("enroller", kind="compreface", galleries=("known",))
        with httpx.Client(base_url=f"{server.address}/api/v1", headers={"x-api-key": key.secret}, timeout=60) as http:

            def send(path: str, name: str, **query: str) -> httpx.Response:
                return http.post(path, params=query, files={"file": (name, image[name])})

            for name in ("Barack Obama", "Joe Biden", "Eileen Collins"):
                assert send("recognition/faces", name, subject=name).status_code == 201
            probes = ("obama2.jpg", "obama3.jpg", "obama_partial_face.jpg")
            found = [send("recognition/recognize", name).json()["result"][0]["subjects"] for name in probes]
            assert [[one["subject"] for one in subjects] for subjects in found] == [["Barack Obama"]] * 3
            assert all(subjects[0]["similarity"] > 0.5 for subjects in found)
            crowd = send("recognition/recognize", "t1.jpg", prediction_count="5").json()["result"]
            assert [face["subjects"] for face in crowd] == [[]] * 6
            pair = {"source_image": ("a", image["Joe Biden"]), "target_image": ("b", image["obama2.jpg"])}
            (answer,) = http.post("verification/verify", files=pair).json()["result"]
            assert [match["similarity"] for match in answer["face_matches"]] == [0]
