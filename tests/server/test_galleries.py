"""Galleries, their rates and their copies, over HTTP."""

from __future__ import annotations

from pathlib import Path

import pytest

from vultus.gallery import Gallery
from vultus.testing import Analyzer, Thresholds

from .conftest import Serve, Served, png


def test_no_gallery_at_all(serve: Serve) -> None:
    served = serve(gallery=None)
    assert served.admin.get("/v1/galleries").json() == {"items": [], "next": None, "revision": None}
    assert served.admin.get("/v1/galleries/staff").status_code == 404
    assert "vultus_galleries 0" in served.admin.get("/metrics").text


def test_a_new_gallery(serve: Serve) -> None:
    served = serve(gallery=None)
    answer = served.admin.post("/v1/galleries", json={"name": "Staff-1.a_b", "keep": "none"})
    assert (answer.status_code, answer.headers["Location"]) == (201, "/v1/galleries/Staff-1.a_b")
    told = answer.json()
    assert (told["people"], told["keep"], told["model"], told["sealed"]) == (0, "none", "testing", False)
    assert served.admin.get("/v1/galleries").json()["items"] == [{"name": "Staff-1.a_b"}]
    for name in ("Staff-1.a_b", "staff-1.A_B"):  # on some disks they would be one folder
        assert served.admin.post("/v1/galleries", json={"name": name}).status_code == 409


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".vultus", "-x", "a/b", "../x", "a\\b", "x" * 201, "a b", "ä", "a\n", "a\x00", "%2e%2e"]
)
def test_names_that_would_leave_the_folder(served: Served, name: str) -> None:
    answer = served.admin.post("/v1/galleries", json={"name": name})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert served.service.galleries() == ("staff",)
    assert sorted(path.name for path in served.service.settings.root.iterdir()) == [".vultus", "staff"]


@pytest.mark.parametrize(
    "path", ["/v1/galleries/..", "/v1/galleries/%2e%2e", "/v1/galleries/..%2f..%2fetc", "/v1/galleries/.vultus"]
)
def test_paths_that_would_leave_the_folder(served: Served, path: str) -> None:
    assert served.admin.get(path).status_code in (404, 405)
    assert served.admin.delete(path).status_code in (404, 405)
    assert (served.service.settings.state / "keys.sqlite").exists()


def test_a_deleted_gallery_is_gone(served: Served) -> None:
    served.enroll("Ada")
    folder = served.service.settings.root / "staff"
    tag = served.admin.get("/v1/galleries/staff").headers["ETag"]
    served.enroll("Bob")
    assert served.admin.delete("/v1/galleries/staff", headers={"If-Match": tag}).status_code == 412
    assert served.admin.delete("/v1/galleries/staff").status_code == 204
    assert not folder.exists()
    assert list(served.service.settings.state.glob("deleted-*")) == []
    assert served.admin.get("/v1/galleries/staff").status_code == 404
    assert served.admin.post("/v1/galleries", json={"name": "staff"}).json()["people"] == 0


def test_rates_are_chosen_by_administrators_and_thresholds_follow(served: Served) -> None:
    served.enroll("Ada")
    served.enroll("Bob")
    path = "/v1/galleries/staff/operating-point"
    table = Thresholds(Analyzer().contract)
    before = served.admin.get(path).json()
    assert before["rates"] == {"fpir": 0.01, "fmr": 0.001}
    assert before["identify"]["threshold"] == pytest.approx(table.identify(0.01, [1, 1]).threshold, abs=1e-6)
    # Looking at another rate changes nothing.
    asked = served.key("viewer").get(path, params={"fpir": 0.1}).json()
    assert asked["identify"]["threshold"] < before["identify"]["threshold"]
    assert asked["fmr_of_identify"] > before["fmr_of_identify"]
    assert served.admin.get(path).json() == before
    chosen = served.admin.put(path, json={"fpir": 0.05, "fmr": 0.01}).json()
    assert chosen["identify"]["threshold"] == pytest.approx(table.identify(0.05, [1, 1]).threshold, abs=1e-6)
    seen = served.admin.post("/v1/galleries/staff/identify", content=png("Ada"), headers={"Content-Type": "image/png"})
    assert seen.json()["operating"]["target"] == 0.05
    assert served.admin.get("/v1/galleries/staff").json()["rates"] == {"fpir": 0.05, "fmr": 0.01}


def test_chosen_rates_outlive_the_server(serve: Serve) -> None:
    first = serve()
    first.admin.put("/v1/galleries/staff/operating-point", json={"fpir": 0.07, "fmr": 0.02})
    first.running.stop()
    rates = serve().admin.get("/v1/galleries/staff").json()["rates"]
    assert rates == {"fpir": 0.07, "fmr": 0.02}


@pytest.mark.parametrize("body", [{"fpir": 0}, {"fpir": 0.6}, {"fmr": -1}, {"fpir": "low"}, {"threshold": 0.4}])
def test_rates_that_are_none(served: Served, body: dict[str, object]) -> None:
    assert served.admin.put("/v1/galleries/staff/operating-point", json=body).status_code == 422


def test_a_look_at_everything(served: Served) -> None:
    served.enroll("Ada")
    served.admin.post(
        "/v1/galleries/staff/persons", data={"name": "Eve"}, files={"image": png("Ada", seed=3)}, params={"force": True}
    )
    told = served.admin.get("/v1/galleries/staff/check").json()
    assert (told["ok"], told["people"], told["templates"], told["findings"]) == (True, 2, 2, [])
    (double,) = told["doubles"]
    assert {double["first"], double["second"]} == {"Ada", "Eve"}
    assert double["score"] == round(double["score"], 2) > double["threshold"]


def test_a_copy_is_made_while_the_server_goes_on_and_taken_in_elsewhere(served: Served, tmp_path: Path) -> None:
    served.enroll("Ada")
    served.enroll("Bob")
    answer = served.admin.get("/v1/galleries/staff/export")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="staff.vultus"'
    path = tmp_path / "copy.vultus"
    path.write_bytes(answer.content)
    assert [*(served.service.settings.state / "exports").iterdir()] == []
    with Gallery.open(tmp_path / "elsewhere", analyzer=Analyzer()) as elsewhere:
        assert elsewhere.import_(path).people == 2
    served.service.create_gallery("other")
    told = served.admin.post("/v1/galleries/other/import", content=path.read_bytes()).json()
    assert (told["people"], told["templates"], told["merged"]) == (2, 2, 0)
    assert served.admin.post("/v1/galleries/other/import", content=path.read_bytes()).status_code == 409
    merged = served.admin.post(
        "/v1/galleries/other/import", content=path.read_bytes(), params={"on_conflict": "merge"}
    ).json()
    assert (merged["people"], merged["merged"], merged["unchanged"]) == (0, 2, 2)


def test_files_that_are_no_copies(served: Served) -> None:
    served.enroll("Ada")
    copy = served.admin.get("/v1/galleries/staff/export").content
    served.service.create_gallery("other")
    for wrong in (b"", b"PK\x03\x04", copy[: len(copy) // 2], bytes(1000)):
        answer = served.admin.post("/v1/galleries/other/import", content=wrong)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), answer.text
    assert served.admin.get("/v1/galleries/other").json()["people"] == 0
    assert [*(served.service.settings.state / "exports").iterdir()] == []


def test_an_empty_gallery_has_no_copy(served: Served) -> None:
    assert served.admin.get("/v1/galleries/staff/export").status_code == 409


def test_a_folder_that_is_itself_a_gallery(serve: Serve, tmp_path: Path) -> None:
    analyzer = Analyzer()
    folder = tmp_path / "people.vultus"
    with Gallery.open(folder, analyzer=analyzer, operating=Thresholds(analyzer.contract)) as gallery:
        gallery.enroll("Ada", png("Ada"))
    served = serve(folder, gallery=None)
    assert served.admin.get("/v1/galleries").json()["items"] == [{"name": "people.vultus"}]
    told = served.admin.post(
        "/v1/galleries/people.vultus/identify", content=png("Ada", seed=1), headers={"Content-Type": "image/png"}
    ).json()
    assert told["faces"][0]["person"] == "Ada"
    assert served.admin.post("/v1/galleries", json={"name": "more"}).status_code == 409
    assert served.admin.delete("/v1/galleries/people.vultus").status_code == 409
    receipt = served.admin.post("/v1/galleries/people.vultus/erase", json={"person": "Ada"}).json()
    assert receipt["status"] == "erased"


def test_a_gallery_of_another_model_is_refused_and_the_others_serve_on(served: Served, tmp_path: Path) -> None:
    other = Analyzer("another")
    with Gallery.open(
        served.service.settings.root / "old", analyzer=other, operating=Thresholds(other.contract)
    ) as gallery:
        gallery.enroll("Ada", png("Ada"))
    answer = served.admin.get("/v1/galleries/old")
    assert (answer.status_code, answer.json()["code"]) == (409, "contract_mismatch")
    assert served.admin.get("/v1/galleries/staff").status_code == 200
    assert {one["name"] for one in served.admin.get("/v1/galleries").json()["items"]} == {"old", "staff"}


def test_a_damaged_gallery_is_refused_and_the_others_serve_on(served: Served) -> None:
    broken = served.service.settings.root / "broken"
    broken.mkdir()
    (broken / "gallery.sqlite").write_bytes(b"no database" * 1000)
    answer = served.admin.get("/v1/galleries/broken")
    assert (answer.status_code, answer.json()["code"]) == (503, "gallery_unusable")
    assert served.admin.get("/v1/galleries/staff").status_code == 200


def test_changes_by_another_process_are_seen(served: Served) -> None:
    analyzer = Analyzer()
    with Gallery.open(
        served.service.settings.root / "staff", analyzer=analyzer, operating=Thresholds(analyzer.contract)
    ) as beside:
        beside.enroll("Ada", png("Ada"))
        told = served.admin.post(
            "/v1/galleries/staff/identify", content=png("Ada", seed=1), headers={"Content-Type": "image/png"}
        ).json()
        assert told["faces"][0]["person"] == "Ada"
        beside.remove("Ada")
    told = served.admin.get("/v1/galleries/staff/persons").json()
    assert told["items"] == []


def test_a_sealed_gallery_is_served(serve: Serve, tmp_path: Path) -> None:
    from vultus.gallery.masterkey import new_master_key

    path = tmp_path / "master.key"
    new_master_key(path)
    served = serve(master_key=path)
    assert served.admin.get("/v1/galleries/staff").json()["sealed"] is True
    served.enroll("Wilhelmina Unverwechselbar")
    files = [one for one in served.service.settings.root.rglob("*") if one.is_file()]
    assert [one for one in files if b"Unverwechselbar" in one.read_bytes()] == []
    served.running.stop()
    again = serve(master_key=path)
    assert [one["name"] for one in again.admin.get("/v1/galleries/staff/persons").json()["items"]] == [
        "Wilhelmina Unverwechselbar"
    ]
