"""Attack detection in the service: asked for by a request, a gallery, or for all."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from vultus.client import Client
from vultus.errors import FaceRefusedError, NotFoundError, VultusError
from vultus.server.chosen import Chosen
from vultus.server.living import rounded
from vultus.testing import Analyzer

from .conftest import Serve, Served, png
from .page.judging import ATTACK, LIVE, POINT, UNKNOWN, Judging, shown

IDENTIFY = "/v1/galleries/staff/identify"
PERSONS = "/v1/galleries/staff/persons"


@pytest.fixture
def served(serve: Serve) -> Served:
    return serve(model=Judging())


def sent(data: bytes, field: str = "image") -> dict[str, Any]:
    return {"files": {field: ("a.png", data)}}


def journal(served: Served, action: str) -> list[dict[str, Any]]:
    served.service.decisions.flush()
    found: list[dict[str, Any]] = served.admin.get("/v1/journal", params={"action": action}).json()["items"]
    return found


def test_no_picture_and_no_face_are_told_apart(served: Served) -> None:
    assert served.admin.post("/v1/liveness").status_code == 415
    nobody = served.admin.post("/v1/liveness", **sent(shown()))
    assert nobody.status_code == 200
    assert nobody.json()["faces"] == []
    assert "Silicone masks" in nobody.json()["notice"]


@pytest.mark.parametrize(("grey", "live", "score"), [(LIVE, True, 0.9), (ATTACK, False, 0.1), (UNKNOWN, None, None)])
def test_each_face_has_its_answer_with_the_threshold_and_its_birth(
    served: Served, grey: int, live: bool | None, score: float | None
) -> None:
    told = served.key("operator").post("/v1/liveness", **sent(shown("Ada", "Bob", grey=grey))).json()
    assert [one["liveness"]["live"] for one in told["faces"]] == [live, live]
    answer = told["faces"][0]["liveness"]
    assert answer["score"] == score
    assert (answer["point"]["threshold"], answer["point"]["criterion"]) == (0.5, "a grey level")
    assert [(one["name"], bool(one["reason"])) for one in answer["signals"]] == [("passive", True)]
    assert answer["abstained"] == ("" if grey != UNKNOWN else "the pixel is white")
    entries = journal(served, "liveness")
    assert [one["evidence"]["live"] for one in entries] == [live, live]


def test_one_bad_picture_among_several_does_not_spoil_the_others(served: Served) -> None:
    files = [
        ("image", ("a.png", shown("Ada"))),
        ("image", ("b.png", b"no picture")),
        ("image", ("c.png", shown("Bob"))),
    ]
    results = served.admin.post("/v1/batch/liveness", files=files).json()["results"]
    assert [one["problem"] and one["problem"]["code"] for one in results] == [None, "invalid_image", None]
    assert results[2]["judged"]["faces"][0]["liveness"]["live"] is True


@pytest.mark.parametrize("role", ["viewer", "monitor", "auditor"])
@pytest.mark.parametrize("path", ["/v1/liveness", "/v1/batch/liveness"])
def test_lower_roles_may_not(served: Served, role: str, path: str) -> None:
    assert served.key(role).post(path, **sent(shown("Ada"))).status_code == 403


class Blind(Analyzer):
    """An analyzer that neither detects attacks, lays meshes nor reads expressions."""

    liveness = meshes = expressions = None  # type: ignore[assignment]


def test_an_analyzer_that_cannot_tell_says_so_and_a_server_that_must_does_not_start(serve: Serve) -> None:
    plain = serve(model=Blind())
    answer = plain.admin.post("/v1/liveness", **sent(png("Ada")))
    assert (answer.status_code, answer.json()["code"]) == (501, "missing_extra")
    assert plain.admin.post(IDENTIFY, **sent(png("Ada")), params={"require_live": True}).status_code == 501
    with pytest.raises(VultusError, match="did not start"):
        serve(model=Blind(), require_live=True)


@pytest.mark.parametrize(("grey", "code"), [(ATTACK, "NOT_LIVE"), (UNKNOWN, "LIVENESS_UNKNOWN")])
def test_a_face_that_is_not_live_is_not_searched_and_the_reason_is_noted(served: Served, grey: int, code: str) -> None:
    served.enroll("Ada")
    plain = served.admin.post(IDENTIFY, **sent(shown("Ada", grey=grey))).json()["faces"][0]
    assert (plain["status"], plain["liveness"]) == ("match", None)
    asked = served.admin.post(IDENTIFY, **sent(shown("Ada", "Bob", grey=grey)), params={"require_live": True}).json()
    assert [one["status"] for one in asked["faces"]] == ["rejected", "rejected"]
    ada = asked["faces"][0]
    assert (ada["person"], ada["score"], ada["candidates"]) == (None, None, [])
    assert ada["face"]["refusals"][0]["code"] == code
    assert ada["liveness"]["live"] is (None if grey == UNKNOWN else False)
    entry = journal(served, "identify")[-1]
    assert entry["evidence"]["decision"] == "rejected"
    assert entry["evidence"]["live"] is (None if grey == UNKNOWN else False)
    assert entry["reason"]
    assert entry.get("target", "") == ""
    live = served.admin.post(IDENTIFY, **sent(shown("Ada")), params={"require_live": True}).json()["faces"][0]
    assert (live["status"], live["person"], live["liveness"]["live"]) == ("match", "Ada", True)


def test_a_batch_marks_what_is_not_live(served: Served) -> None:
    served.enroll("Ada")
    files = [("image", ("a.png", shown("Ada"))), ("image", ("b.png", shown("Ada", grey=ATTACK)))]
    path = "/v1/galleries/staff/batch/identify"
    told = served.admin.post(path, files=files, params={"require_live": True}).json()
    assert [one["identified"]["faces"][0]["status"] for one in told["results"]] == ["match", "rejected"]


@pytest.mark.parametrize(("grey", "live"), [(ATTACK, False), (UNKNOWN, None)])
def test_an_enrolment_that_is_not_live_is_refused_and_noted(served: Served, grey: int, live: bool | None) -> None:
    data = {"name": "Ada"}
    refused = served.admin.post(
        PERSONS, data=data, **sent(shown("Ada", grey=grey)), params={"require_live": True, "gate": "none"}
    )
    problem = refused.json()
    assert (refused.status_code, problem["type"]) == (422, "urn:vultus:problem:not_live")
    assert problem["liveness"]["live"] is live
    assert problem["liveness"]["score"] == (0.1 if live is False else None)
    assert problem["refused"][0]["code"] == "not_live"
    assert served.admin.get(f"{PERSONS}/Ada").status_code == 404
    (entry,) = journal(served, "person.refuse")
    assert entry["evidence"]["live"] is live
    assert entry["reason"]
    files = [("image", ("a.png", shown("Ada"))), ("image", ("b.png", shown("Ada", grey=grey, seed=1)))]
    some = served.admin.post(PERSONS, data=data, files=files, params={"require_live": True})
    assert some.status_code == 201
    assert [one["code"] for one in some.json()["refused"]] == ["not_live"]
    assert [one["live"] for one in some.json()["liveness"]] == [True, live]
    person = served.admin.post(
        f"{PERSONS}/Ada/faces", **sent(shown("Ada", grey=grey, seed=2)), params={"require_live": True}
    )
    assert person.json()["code"] == "not_live"
    assert journal(served, "person.refuse")[-1]["target"] == some.json()["person"]["id"]


def test_of_two_pictures_the_second_must_be_live(served: Served) -> None:
    def verify(first: int, second: int) -> Any:
        files = {"first": shown("Ada", grey=first), "second": shown("Ada", grey=second, seed=1)}
        return served.admin.post("/v1/verify", files=files, params={"require_live": True})

    passport = verify(ATTACK, LIVE).json()
    assert passport["status"] == "match"
    assert passport["first"]["liveness"] is None
    assert passport["second"]["liveness"]["live"] is True
    spoofed = verify(LIVE, ATTACK)
    assert (spoofed.status_code, spoofed.json()["code"]) == (422, "not_live")
    assert spoofed.json()["detail"].startswith("second: not taken for a living face: P 0.100 < 0.500")
    assert verify(LIVE, UNKNOWN).json()["liveness"]["live"] is None
    assert [one["evidence"]["decision"] for one in journal(served, "verify")] == ["match", "not_live", "not_live"]


def test_a_gallery_can_ask_for_living_faces_always(served: Served) -> None:
    gallery = "/v1/galleries/staff"
    assert served.admin.get(gallery).json()["require_live"] is False
    changed = served.admin.patch(gallery, json={"require_live": True})
    assert changed.json()["require_live"] is True
    refused = served.admin.post(PERSONS, data={"name": "Ada"}, **sent(shown("Ada", grey=ATTACK)))
    assert refused.json()["code"] == "not_live"
    made = served.admin.post("/v1/galleries", json={"name": "doors", "require_live": True})
    assert made.json()["require_live"] is True
    assert served.admin.delete("/v1/galleries/doors").status_code == 204
    assert served.admin.post("/v1/galleries", json={"name": "doors"}).json()["require_live"] is False
    served.admin.patch(gallery, json={"require_live": False})
    assert served.admin.post(PERSONS, data={"name": "Ada"}, **sent(shown("Ada", grey=ATTACK))).status_code == 201


def test_only_administrators_turn_the_switch(served: Served) -> None:
    assert served.key("enroller").patch("/v1/galleries/staff", json={"require_live": False}).status_code == 403


def test_the_switch_of_the_server_holds_everywhere_and_cannot_be_asked_away(serve: Serve) -> None:
    served = serve(model=Judging(), require_live=True)
    assert served.admin.get("/v1/bounds").json()["require_live"] is True
    assert served.admin.get("/v1/galleries/staff").json()["require_live"] is True
    params = {"require_live": False}
    refused = served.admin.post(PERSONS, data={"name": "Ada"}, **sent(shown("Ada", grey=ATTACK)), params=params)
    assert refused.json()["code"] == "not_live"
    files = {"first": shown("Ada"), "second": shown("Ada", grey=ATTACK)}
    assert served.admin.post("/v1/verify", files=files, params=params).json()["code"] == "not_live"
    found = served.admin.post(IDENTIFY, **sent(shown("Ada", grey=ATTACK)), params=params).json()
    assert found["faces"][0]["status"] == "rejected"


def test_the_door_of_rekognition_holds_to_the_switch_in_its_own_words(served: Served) -> None:
    boto3 = pytest.importorskip("boto3")
    from botocore.exceptions import ClientError

    key = served.service.keys.create("admin", kind="aws", galleries=("*",), label="test")
    client = boto3.client(
        "rekognition",
        endpoint_url=served.address,
        region_name="eu-central-1",
        aws_access_key_id=key.key.id,
        aws_secret_access_key=key.secret,
    )

    def index(grey: int, *people: str) -> Any:
        return client.index_faces(CollectionId="staff", Image={"Bytes": shown(*people, grey=grey)})

    assert len(index(LIVE, "Ada")["FaceRecords"]) == 1
    served.admin.patch("/v1/galleries/staff", json={"require_live": True})
    spoof = {"Bytes": shown("Ada", grey=ATTACK)}
    for call in (
        lambda: index(ATTACK, "Bob"),
        lambda: client.search_faces_by_image(CollectionId="staff", Image=spoof),
        lambda: client.search_users_by_image(CollectionId="staff", Image={"Bytes": shown("Ada", grey=UNKNOWN)}),
    ):
        with pytest.raises(ClientError) as refused:
            call()
        assert refused.value.response["Error"]["Code"] == "InvalidParameterException"
        assert "living face" in refused.value.response["Error"]["Message"]
    found = client.search_faces_by_image(CollectionId="staff", Image={"Bytes": shown("Ada", seed=1)})
    assert len(found["FaceMatches"]) == 1
    assert client.detect_faces(Image=spoof)["FaceDetails"]  # nothing is decided
    assert [one["evidence"]["decision"] for one in journal(served, "person.refuse")] == ["not_live"]


def test_the_door_of_compreface_holds_to_the_switch_in_its_own_words(served: Served) -> None:
    served.enroll("Ada")
    served.admin.patch("/v1/galleries/staff", json={"require_live": True})
    key = served.service.keys.create("enroller", kind="compreface", galleries=("staff",))
    desk = served.client(None)
    desk.headers["x-api-key"] = key.secret
    recognition = "/api/v1/recognition"

    def post(path: str, grey: int, field: str = "file", **more: Any) -> Any:
        files = {field: ("a.png", shown("Ada", grey=grey, seed=2)), **more}
        return desk.post(f"{recognition}/{path}", files=files)

    (found,) = post("recognize", LIVE).json()["result"]
    assert found["subjects"][0]["subject"] == "Ada"
    for path in ("recognize", "faces?subject=Ada"):
        refused = post(path, ATTACK)
        assert (refused.status_code, refused.json()["code"]) == (400, 36)
        assert "not taken for a living face" in refused.json()["message"]
    vector = [1.0] + [0.0] * 127
    blind = desk.post(f"{recognition}/embeddings/recognize", json={"embeddings": [vector]})
    assert (blind.status_code, "embedding shows none" in blind.json()["message"]) == (400, True)


def test_a_film_is_refused_where_living_faces_cannot_be_told(serve: Serve) -> None:
    plain = serve(model=Blind())
    answer = plain.admin.post(
        "/v1/jobs/video",
        params={"gallery": "staff", "require_live": True},
        content=b"....ftypisom" + bytes(600),
        headers={"Content-Type": "video/mp4"},
    )
    assert answer.status_code in (400, 501)


def test_the_client_has_the_library_s_values_and_errors(served: Served) -> None:
    with Client(served.address, served.running.key) as client:
        answers = {grey: client.liveness(shown("Ada", grey=grey)) for grey in (LIVE, ATTACK, UNKNOWN)}
        assert [one.live for (one,) in answers.values()] == [True, False, None]
        (live,) = answers[LIVE]
        assert (live.score, live.point, live.signals[0].name) == (0.9, POINT, "passive")
        assert math.isnan(answers[UNKNOWN][0].score)
        staff = client.gallery("staff")
        assert staff.stats().require_live is False
        done = staff.enroll("Ada", [shown("Ada"), shown("Ada", grey=UNKNOWN, seed=1)], require_live=True)
        assert (len(done.added), [one.code for one in done.refused]) == (1, ["not_live"])
        assert math.isnan(done.refused[0].refusals[0].value)
        (seen,) = staff.identify(shown("Ada", grey=ATTACK), require_live=True)
        assert (seen.status, [str(one) for one in seen.refusals]) == ("rejected", ["NOT_LIVE 0.1 (limit 0.5)"])
        (many,) = staff.identify_many([shown("Ada", grey=ATTACK)], require_live=True)
        assert many.people[0].status == "rejected"
        same = client.verify(shown("Ada"), shown("Ada", seed=1), require_live=True)
        assert same.sides[1].liveness is not None
        assert same.sides[1].liveness.live
        with pytest.raises(FaceRefusedError, match="not taken for a living face"):
            client.verify(shown("Ada"), shown("Ada", grey=ATTACK), require_live=True)
        assert staff.change(require_live=True).require_live is True
        with pytest.raises(NotFoundError, match="live check"):
            staff.identify(shown("Ada"), challenge="made up")


def test_a_switch_that_cannot_be_read_does_not_go_off(tmp_path: Path) -> None:
    path = tmp_path / "live.json"
    path.write_text("{}")
    with pytest.raises(VultusError, match="expected a list"):
        Chosen(path)


@pytest.mark.parametrize(("score", "told"), [(0.49996, 0.499), (0.5, 0.5), (0.50001, 0.5), (1.0, 1.0), (0.0, 0.0)])
def test_a_score_is_rounded_on_its_own_side_of_the_threshold(score: float, told: float) -> None:
    assert rounded(score, 0.5) == told
