"""Document photos over the service: the library's rows by the same names, and plain refusals."""

from __future__ import annotations

import math
from typing import Any, get_args, get_type_hints

import cv2
import numpy as np
import pytest

from vultus.client import Client
from vultus.draw import annotate_document
from vultus.errors import ImageFormatError, NoFaceError, NotFoundError
from vultus.integrity.quality import PROFILES, DocumentQuality, Points, assess
from vultus.integrity.quality.points import crown_of
from vultus.integrity.quality.values import NOTICE
from vultus.server.routes.v1 import document
from vultus.server.routes.v1.schemas import documents
from vultus.types import Image

from .conftest import Serve, Served, png
from .page.sitters import Sitters, sitting
from .test_liveness import Blind

PATH = "/v1/document/quality"
# What `vultus document quality --json` has besides: where the file lies, what its header says, and why it failed.
ONLY_THERE = {"source", "notes", "error"}


def sent(image: Image, name: str = "one.png") -> dict[str, Any]:
    data = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes()
    return {"files": {"image": (name, bytes(data))}}


@pytest.fixture
def booth(serve: Serve) -> Served:
    return serve(model=Sitters())


def test_a_picture_without_a_face_is_refused_in_words(booth: Served) -> None:
    answer = booth.key("operator").post(PATH, **sent(sitting(people=0)))
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json()["code"] == "no_face"
    assert "take the picture from the front" in answer.json()["detail"]


@pytest.mark.parametrize("asked", PROFILES)
def test_every_row_is_the_library_s(booth: Served, asked: str) -> None:
    image = sitting("turned")
    told = booth.key("operator").post(PATH, params={"profile": asked}, **sent(image)).json()
    expected = assess(image, Sitters(), asked)
    assert (told["passed"], told["profile"], told["faces"]) == (expected.passed, asked, 1)
    assert told["advice"] == list(expected.advice)
    assert told["box"] == list(expected.face.box.round())
    assert told["size"] == [960, 720]
    assert [row["name"] for row in told["measures"]] == [row.name for row in expected.measures]
    for row, own in zip(told["measures"], expected.measures, strict=True):
        raw = math.nan if row["raw"] is None else row["raw"]
        assert raw == pytest.approx(own.raw, abs=1e-6, nan_ok=True), own.name
        assert (row["scalar"], row["passed"], row["origin"]) == (own.scalar, own.passed, own.origin)
        assert (row["unit"], row["advice"], row["note"]) == (own.unit, own.advice, own.note)
        assert (row["limit"] is None) == (own.limit is None)
    assert told["crop"]["inside"] is expected.crop.inside
    np.testing.assert_allclose(told["crop"]["corners"], expected.crop.corners, atol=0.006)
    np.testing.assert_allclose(told["points"]["crown"], crown_of(expected.points), atol=0.006)


def test_the_finished_photo_is_asked_for_unless_another_profile_is_named(booth: Served) -> None:
    door = booth.key("operator")
    image = sitting()
    assert door.post(PATH, **sent(image)).json()["profile"] == "icao"
    before = door.post(PATH, params={"profile": "capture"}, **sent(image)).json()
    assert before["passed"], before["advice"]
    assert before["title"].startswith("a picture before it is cut")
    x1, y1, x2, y2 = before["crop"]["box"]
    after = door.post(PATH, **sent(np.ascontiguousarray(image[y1:y2, x1:x2]))).json()
    assert [row["name"] for row in after["measures"] if row["passed"] is False] == []


@pytest.mark.parametrize("profile", ["", "booth", "capture.json", "/etc/passwd", "../profiles/icao.json"])
def test_profiles_are_names_and_never_files(booth: Served, profile: str) -> None:
    answer = booth.key("operator").post(PATH, params={"profile": profile}, **sent(sitting()))
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert "passwd" not in answer.json()["detail"]


def test_the_names_are_those_of_the_command_line(booth: Served) -> None:
    told = booth.key("operator").post(PATH, **sent(sitting())).json()
    named = {"source", "passed", "profile", "faces", "box", "size", "advice", "crop", "notes", "error", "measures"}
    assert named - ONLY_THERE <= told.keys()
    assert told["notice"] == NOTICE
    asked = get_type_hints(document.quality, include_extras=True)["profile"]
    assert get_args(get_args(asked)[0]) == PROFILES


def test_of_two_people_the_larger_is_measured_and_told_to_be_alone(booth: Served) -> None:
    told = booth.key("operator").post(PATH, params={"profile": "capture"}, **sent(sitting(people=2))).json()
    assert (told["faces"], told["passed"]) == (2, False)
    assert told["advice"] == ["be alone in the picture: 2 faces were found"]


def test_a_broken_picture_is_refused(booth: Served) -> None:
    whole = sent(sitting())["files"]["image"][1]
    for data in (whole[: len(whole) // 2], b"no picture"):
        answer = booth.key("operator").post(PATH, files={"image": ("broken.png", data)})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_image")


def test_several_pictures_each_on_its_own(booth: Served) -> None:
    files = [
        ("image", sent(sitting())["files"]["image"]),
        ("image", ("broken.png", b"no picture")),
        ("image", sent(sitting("gaping"))["files"]["image"]),
    ]
    told = booth.key("operator").post("/v1/batch/document/quality", params={"profile": "capture"}, files=files).json()
    assert [one["problem"] is None for one in told["results"]] == [True, False, True]
    assert [one["quality"]["passed"] for one in told["results"] if one["quality"]] == [True, False]
    assert told["results"][2]["quality"]["advice"] == ["close your mouth"]
    assert documents.DocumentQualityResults.model_validate(told).model_dump(mode="json") == told


def test_where_no_expression_may_be_read_none_is_asked_for(serve: Serve) -> None:
    silent = serve(model=Sitters(), expressions=False)
    told = silent.key("operator").post(PATH, params={"profile": "capture"}, **sent(sitting("smiling"))).json()
    (row,) = (one for one in told["measures"] if one["name"] == "own: neutral expression")
    assert (row["raw"], row["passed"], row["limit"]) == (None, None, None)
    assert row["note"] == "this server reads no expressions; whoever runs it decided so"
    assert told["passed"]
    assert silent.service.metrics.value("vultus_stage_seconds", stage="expression") == 0


def test_faces_are_searched_for_once(serve: Serve) -> None:
    class Counting(Sitters):
        found = 0

        def detect(self, image: Image) -> Any:
            Counting.found += 1
            return super().detect(image)

    served = serve(model=Counting())
    assert served.key("operator").post(PATH, **sent(sitting())).status_code == 200
    assert Counting.found == 1


@pytest.mark.parametrize("role", ["viewer", "auditor", "monitor"])
def test_others_may_not(booth: Served, role: str) -> None:
    assert booth.key(role).post(PATH, **sent(sitting())).status_code == 403


def test_an_analyzer_without_a_mesh_says_so(serve: Serve) -> None:
    served = serve(model=Blind())
    answer = served.admin.post(PATH, files={"image": ("a.png", png("Ada"))})
    assert (answer.status_code, answer.json()["code"]) == (501, "missing_extra")


def test_the_journal_has_nothing_of_it(booth: Served) -> None:
    """Twice a second before a camera, and no decision about anybody."""
    booth.key("operator").post(PATH, **sent(sitting()))
    booth.service.decisions.flush()
    actions = {entry["action"] for entry in booth.admin.get("/v1/journal").json()["items"]}
    assert actions == {"gallery.create"}


def test_the_client_has_the_library_s_value(booth: Served) -> None:
    image = sitting("turned")
    with Client(booth.address, booth.service.keys.create("operator").secret) as client:
        found = client.document_quality(image, "capture")
        assert client.document_quality(image).profile == "icao"
        with pytest.raises(NoFaceError):
            client.document_quality(sitting(people=0))
        with pytest.raises(ImageFormatError):
            client.document_quality(b"no picture")
    expected = assess(image, Sitters(), "capture")
    assert isinstance(found, DocumentQuality)
    assert (found.passed, found.advice, found.faces, found.size_wh) == (
        expected.passed,
        expected.advice,
        expected.faces,
        expected.size_wh,
    )
    assert found["own: yaw"].raw == pytest.approx(expected["own: yaw"].raw, abs=1e-6)
    assert [row.limit for row in found.measures] == [row.limit for row in expected.measures]
    assert math.isnan(found["Sharpness"].raw)
    with pytest.raises(NotFoundError):
        found["nothing"]
    assert (found.crop.inside, found.crop.box.round()) == (expected.crop.inside, expected.crop.box.round())
    for name in Points.__dataclass_fields__:
        np.testing.assert_allclose(getattr(found.points, name), getattr(expected.points, name), atol=0.006)
    assert annotate_document(image, found).shape == annotate_document(image, expected).shape
