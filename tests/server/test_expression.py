from __future__ import annotations

from pathlib import Path

import pytest

from vultus.client import Client
from vultus.client.problems import ServiceError
from vultus.testing import Analyzer, picture

from .conftest import Serve, png
from .test_liveness import Blind


def test_a_picture_without_a_face_has_none(serve: Serve) -> None:
    served = serve()
    answer = served.key("operator").post("/v1/expression", files={"image": ("none.png", png())})
    assert answer.status_code == 200
    assert answer.json()["faces"] == []


def test_each_face_is_answered_as_the_library_does(serve: Serve) -> None:
    served = serve()
    answer = served.key("operator").post("/v1/expression", files={"image": ("two.png", png("Ada", "Bob", noise=0))})
    told = answer.json()
    expected = Analyzer().expressions(picture("Ada", "Bob"))
    assert [one["expression"]["label"] for one in told["faces"]] == [one.label for one in expected]
    first = told["faces"][0]["expression"]
    assert first["scores"] == pytest.approx(expected[0].scores, abs=1e-4)
    assert first["probability"] == max(first["scores"].values())
    assert "not what the person feels" in told["notice"]
    assert told["faces"][0]["face"].keys() >= {"box", "quality"}
    assert "embedding" not in told["faces"][0]["face"] or told["faces"][0]["face"]["embedding"] is None


def test_the_journal_has_that_it_was_asked_and_not_what_was_seen(serve: Serve) -> None:
    served = serve()
    served.key("operator").post("/v1/expression", files={"image": ("one.png", png("Ada"))})
    served.service.decisions.flush()
    entries = served.admin.get("/v1/journal", params={"action": "expression"}).json()["items"]
    assert len(entries) == 1
    assert entries[0]["evidence"].keys() == {"picture", "faces", "read"}
    assert (entries[0]["evidence"]["faces"], entries[0]["evidence"]["read"]) == (1, 1)


def test_several_pictures_each_on_its_own(serve: Serve) -> None:
    served = serve()
    files = [("image", ("a.png", png("Ada"))), ("image", ("b.png", b"no picture")), ("image", ("c.png", png("Bob")))]
    told = served.key("operator").post("/v1/batch/expression", files=files).json()
    assert [one["problem"] is None for one in told["results"]] == [True, False, True]
    assert told["results"][2]["expressions"]["faces"][0]["expression"]["label"]


def test_a_server_may_have_been_told_to_read_none(serve: Serve) -> None:
    served = serve(expressions=False)
    door = served.key("operator")
    for path in ("/v1/expression", "/v1/batch/expression"):
        refused = door.post(path, files={"image": ("one.png", png("Ada"))})
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert served.admin.get("/v1/bounds").json()["expressions"] is False


@pytest.mark.parametrize("role", ["viewer", "auditor", "monitor"])
def test_others_may_not(serve: Serve, role: str) -> None:
    served = serve()
    assert served.key(role).post("/v1/expression", files={"image": ("a.png", png("Ada"))}).status_code == 403


def test_an_analyzer_that_reads_none_says_so(serve: Serve) -> None:
    served = serve(model=Blind())
    answer = served.admin.post("/v1/expression", files={"image": ("a.png", png("Ada"))})
    assert (answer.status_code, answer.json()["code"]) == (501, "missing_extra")


def test_the_client_has_the_library_s_values(serve: Serve, tmp_path: Path) -> None:
    served = serve()
    with Client(served.address, served.service.keys.create("operator").secret) as client:
        (found,) = client.expressions(png("Ada", noise=0))
    (expected,) = Analyzer().expressions(picture("Ada"))
    assert (found.label, found.classes, found.model) == (expected.label, expected.classes, expected.model)
    silent = serve(tmp_path / "silent", expressions=False)
    with Client(silent.address, silent.service.keys.create("operator").secret) as client, pytest.raises(ServiceError):
        client.expressions(png("Ada"))
