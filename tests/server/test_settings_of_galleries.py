"""What of a gallery can change, another model for it, and galleries that cannot be opened."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from vultus.errors import MasterKeyError
from vultus.gallery import Gallery, new_master_key
from vultus.testing import Analyzer, Thresholds, picture

from .conftest import Serve, Served, png

STAFF = "/v1/galleries/staff"


def finished(client: httpx.Client, job: str) -> Any:
    with client.stream("GET", f"/v1/jobs/{job}/events") as response:
        for _ in response.iter_lines():
            pass
    return client.get(f"/v1/jobs/{job}").json()


def test_nothing_to_change_changes_nothing(served: Served) -> None:
    before = served.admin.get(STAFF).json()
    answer = served.admin.patch(STAFF, json={})
    assert (answer.status_code, answer.json()) == (200, before)
    assert [entry.action for entry in served.service.journal.entries(action="gallery.change")] == []


def test_settings_change_and_stay(served: Served, serve: Serve) -> None:
    tag = served.admin.get(STAFF).headers["ETag"]
    body = {"description": "Türen am Haupthaus", "keep": "none", "rates": {"fpir": 0.005}}
    answer = served.admin.patch(STAFF, json=body, headers={"If-Match": tag}, params={"reason": "ticket 7"})
    told = answer.json()
    assert (answer.status_code, told["description"], told["keep"]) == (200, "Türen am Haupthaus", "none")
    assert told["rates"] == {"fpir": 0.005, "fmr": 0.001}
    assert served.admin.patch(STAFF, json=body, headers={"If-Match": tag}).status_code == 412
    served.enroll("Ada")
    (face,) = served.admin.get(f"{STAFF}/persons/Ada/faces").json()["items"]
    assert face["crop"] is False
    (entry,) = served.service.journal.entries(action="gallery.change")
    assert (entry.reason, entry.evidence) == (
        "ticket 7",
        {"fpir": 0.005, "fmr": 0.001, "keep": "none", "description": "changed"},
    )
    served.running.stop()
    again = serve().admin
    assert again.get(STAFF).json()["description"] == "Türen am Haupthaus"
    assert again.patch(STAFF, json={"description": ""}).json()["description"] == ""
    assert again.patch(STAFF, json={"keep": "aligned"}).json()["keep"] == "aligned"


@pytest.mark.parametrize(
    "body",
    [
        {"name": "other"},
        {"keep": "original"},
        {"rates": {"fpir": 0}},
        {"rates": {"fpir": 0.7}},
        {"rates": 1},
        {"description": "two\nlines"},
        {"description": "x" * 501},
        {"description": 1},
    ],
)
def test_changes_that_are_none(served: Served, body: dict[str, Any]) -> None:
    before = served.admin.get(STAFF).json()
    answer = served.admin.patch(STAFF, json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert served.admin.get(STAFF).json() == before


def test_only_an_administrator_changes_or_migrates(served: Served) -> None:
    for role in ("viewer", "operator", "enroller", "auditor", "monitor"):
        client = served.key(role)
        assert client.patch(STAFF, json={}).status_code == 403
        assert client.post(f"{STAFF}/migrations", json={}).status_code == 403


def test_a_deleted_gallery_leaves_no_description(served: Served) -> None:
    served.admin.post("/v1/galleries", json={"name": "gone", "description": "to be forgotten"})
    assert served.admin.delete("/v1/galleries/gone").status_code == 204
    assert served.admin.post("/v1/galleries", json={"name": "gone"}).json()["description"] == ""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A folder with a gallery of another model."""
    root = tmp_path / "older"
    analyzer = Analyzer("the model before")
    with Gallery.open(root / "staff", analyzer=analyzer, operating=Thresholds(analyzer.contract)) as gallery:
        for name in ("Ada", "Bob"):
            gallery.enroll(name, [picture(name, noise=8), picture(name, noise=8, seed=1)])
    return root


def test_a_gallery_of_another_model_is_migrated(serve: Serve, old: Path) -> None:
    served = serve(old)
    refused = served.admin.post(f"{STAFF}/identify", content=png("Ada"), headers={"Content-Type": "image/png"})
    assert (refused.status_code, refused.json()["code"]) == (409, "contract_mismatch")
    assert "POST /v1/galleries/{gallery}/migrations" in refused.json()["detail"]
    answer = served.admin.post(f"{STAFF}/migrations", json={"reason": "a better model"})
    assert answer.status_code == 202, answer.text
    done = finished(served.admin, answer.json()["id"])
    assert (done["kind"], done["status"], done["done"], done["total"]) == ("migrate", "done", 4, 4)
    (row,) = done["rows"]
    assert (row["templates"], row["lost_people"], row["rank1_new"]) == (4, [], [4, 4])
    seen = served.admin.post(f"{STAFF}/identify", content=png("Ada", seed=5), headers={"Content-Type": "image/png"})
    assert [one["person"] for one in seen.json()["faces"]] == ["Ada"]
    assert served.admin.get(STAFF).json()["model"] == "testing"
    (entry,) = served.service.journal.entries(action="gallery.migrate")
    assert (entry.reason, entry.evidence["templates"], entry.evidence["lost_people"]) == ("a better model", 4, 0)
    again = served.admin.post(f"{STAFF}/migrations", json={})
    assert (again.status_code, again.json()["code"]) == (409, "conflict")


def test_what_cannot_be_migrated(serve: Serve, old: Path) -> None:
    served = serve(old)
    served.admin.post("/v1/galleries", json={"name": "empty"})
    for name, status in (("empty", 409), ("nothing", 404)):
        assert served.admin.post(f"/v1/galleries/{name}/migrations", json={}).status_code == status
    analyzer = Analyzer("the model before")
    with Gallery.open(old / "bare", analyzer=analyzer, operating=Thresholds(analyzer.contract), keep="none") as gallery:
        gallery.enroll("Ada", picture("Ada", noise=8))
    job = served.admin.post("/v1/galleries/bare/migrations", json={}).json()["id"]
    done = finished(served.admin, job)
    assert (done["status"], done["problem"]["code"]) == ("failed", "migration_refused")
    assert "Ada" in done["problem"]["detail"]
    job = served.admin.post("/v1/galleries/bare/migrations", json={"accept_losses": True}).json()["id"]
    assert finished(served.admin, job)["rows"][0]["lost_people"] == ["Ada"]


@pytest.fixture
def sealed(tmp_path: Path, analyzer: Analyzer) -> tuple[Path, Path]:
    """A folder with a sealed gallery, and its master key."""
    key = new_master_key(tmp_path / "master.key")
    options = {"analyzer": analyzer, "operating": Thresholds(analyzer.contract), "master_key": key}
    with Gallery.open(tmp_path / "sealed" / "staff", **options) as gallery:
        gallery.enroll("Ada", picture("Ada", noise=8))
        assert gallery.sealed
    return tmp_path / "sealed", tmp_path / "master.key"


def test_a_sealed_gallery_says_that_its_key_is_missing(
    serve: Serve, sealed: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    root, key = sealed
    other = tmp_path / "other.key"
    new_master_key(other)
    for named in (None, other):
        served = serve(root, gallery=None, master_key=named)
        answer = served.admin.get(STAFF)
        assert (answer.status_code, answer.json()["code"]) == (503, "master_key"), named
        assert "VULTUS_MASTER_KEY_FILE" in answer.json()["detail"]
        assert str(tmp_path) not in answer.text
        served.running.stop()
    served = serve(root, gallery=None, master_key=key)
    assert served.admin.get(STAFF).json()["sealed"] is True
    exported = served.admin.get(f"{STAFF}/export")
    assert (exported.status_code, exported.json()["code"]) == (422, "invalid_request")
    assert "X-Passphrase" in exported.json()["detail"]
    whole = served.admin.get(f"{STAFF}/export", headers={"X-Passphrase": "open%20sesame%2C%20please"})
    assert (whole.status_code, whole.headers["X-Sealed"], whole.headers["X-People"]) == (200, "true", "1")
    assert served.admin.get(f"{STAFF}/export?clear=true").headers["X-Sealed"] == "false"
    served.running.stop()
    (root / "staff" / "keys.sqlite").rename(tmp_path / "keys.sqlite")
    served = serve(root, gallery=None, master_key=key)
    answer = served.admin.get(STAFF)
    assert (answer.status_code, answer.json()["code"]) == (503, "master_key")
    # Whose key is lost can still be let go of.
    assert served.admin.delete(STAFF).status_code == 204
    assert served.admin.get("/v1/galleries").json()["items"] == []


def test_the_command_line_ends_with_2(sealed: tuple[Path, Path], capfd: pytest.CaptureFixture[str]) -> None:
    from vultus.cli.app import run

    with pytest.raises(MasterKeyError, match="no master key is set"):
        Gallery.open(sealed[0] / "staff")
    assert run(["gallery", "stats", "--gallery", str(sealed[0] / "staff")]) == 2
    assert "no master key is set" in capfd.readouterr().err


def test_a_face_to_show_each_person_by(served: Served) -> None:
    ada = served.enroll("Ada")
    served.enroll("Bob")
    items = served.admin.get(f"{STAFF}/persons").json()["items"]
    covers = [one["cover"] for one in items]
    assert len({*covers} - {None}) == 2
    assert covers[0] == ada["cover"] == served.admin.get(f"{STAFF}/persons/Ada").json()["cover"]
    assert served.admin.get(f"{STAFF}/faces/{covers[0]}/image").status_code == 200
    served.admin.post(f"{STAFF}/persons/Ada/faces", files={"image": png("Ada", seed=4)})
    assert served.admin.get(f"{STAFF}/persons/Ada").json()["cover"] == covers[0]  # it does not change with each picture
    tag = served.admin.get(f"{STAFF}/persons/Ada").headers["ETag"]
    served.admin.delete(f"{STAFF}/faces/{covers[0]}")
    after = served.admin.get(f"{STAFF}/persons/Ada")
    assert after.json()["cover"] not in (covers[0], None)
    assert after.headers["ETag"] != tag
    assert served.admin.delete(f"{STAFF}/faces/{after.json()['cover']}").json()["cover"] is None


def test_the_file_of_descriptions_that_is_none(tmp_path: Path) -> None:
    from vultus.errors import StorageError
    from vultus.server.descriptions import Descriptions

    path = tmp_path / "galleries.json"
    for text in ("[]", "{", json.dumps(1)):
        path.write_text(text)
        with pytest.raises(StorageError, match="mend or remove"):
            Descriptions(path)
