"""The client against a real server: the same names, the same values as the library."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from vultus.client import Client, RemoteGallery, ServiceError
from vultus.errors import (
    ConflictError,
    ImageFormatError,
    InputError,
    NoFaceError,
    NotFoundError,
    TooManyFacesError,
    VultusError,
)
from vultus.gallery import Gallery
from vultus.server.run import Running, running
from vultus.server.settings import Settings
from vultus.testing import Analyzer, Thresholds, picture


def png(*people: str, seed: int = 0) -> bytes:
    image = picture(*people, noise=8, seed=seed)
    return bytes(cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes())


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    analyzer = Analyzer()
    settings = Settings(tmp_path / "galleries", port=0, rate=10_000, burst=10_000)
    with running(settings, analyzer, Thresholds(analyzer.contract)) as found:
        yield found


@pytest.fixture
def client(server: Running) -> Iterator[Client]:
    with Client(server.address, server.key) as found:
        yield found


@pytest.fixture
def staff(client: Client) -> RemoteGallery:
    return client.create_gallery("staff")


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Gallery]:
    """The library's own gallery, for comparison."""
    analyzer = Analyzer()
    with Gallery.open(tmp_path / "local", analyzer=analyzer, operating=Thresholds(analyzer.contract)) as found:
        yield found


def test_nothing_is_there(client: Client) -> None:
    assert client.galleries() == ()
    with pytest.raises(NotFoundError):
        client.gallery("staff").stats()


def test_a_gallery_answers_as_the_library_s_does(staff: RemoteGallery, local: Gallery, client: Client) -> None:
    for known in (staff, local):
        done = known.enroll("Ada", [png("Ada"), png("Ada", seed=1), b"no picture", png()])
        assert done.person is not None
        assert (done.person.name, done.person.templates) == ("Ada", 2)
        assert [one.code for one in done.refused if one.code != "unreadable"] == ["no_face"]
        assert len(done.added) == 2
        known.enroll("Bob", png("Bob"))
    probe = png("Bob", "Ada", "a stranger", seed=2)
    remote, own = staff.identify(probe), local.identify(probe)
    assert [(one.status, one.person, one.ordinal) for one in remote] == [
        (one.status, one.person, one.ordinal) for one in own
    ]
    for one, other in zip(remote, own, strict=True):
        assert one.face is not None
        assert other.face is not None
        assert one.face.box.round() == other.face.box.round()
        np.testing.assert_allclose(one.face.landmarks, other.face.landmarks, atol=0.06)
        assert one.quality is not None
        assert other.quality is not None
        assert one.quality.score == pytest.approx(other.quality.score, abs=1e-6)
        assert one.operating is not None
        assert other.operating is not None
        assert one.operating.threshold == pytest.approx(other.operating.threshold, abs=1e-6)
        if other.status == "match":
            assert one.score == pytest.approx(other.score, abs=0.01)
            assert one.candidates[0].person == other.candidates[0].person
        else:
            assert (one.score, one.candidates) == (None, ())
    assert [person.name for person in staff.people()] == [person.name for person in local.people()]
    numbers = staff.stats()
    assert (numbers.people, numbers.templates, numbers.model) == (2, 3, "testing")
    assert client.galleries() == ("staff",)


def test_pictures_of_every_kind(client: Client, tmp_path: Path) -> None:
    import PIL.Image

    image = picture("Ada", noise=8)
    path = tmp_path / "ada.png"
    path.write_bytes(png("Ada"))
    sources = [path, str(path), path.read_bytes(), image, PIL.Image.fromarray(image)]
    boxes = {client.analyze(source)[0].face.box for source in sources}
    assert len(boxes) == 1
    (reading,) = client.analyze(path, embed=True)
    (expected,) = Analyzer().analyze(image)
    assert reading.embedding is not None
    assert expected.embedding is not None
    np.testing.assert_allclose(reading.embedding, expected.embedding, atol=1e-6)
    with pytest.raises(NotFoundError, match="no such file"):
        client.analyze(tmp_path / "missing.png")
    with pytest.raises(ServiceError, match="does not fetch"):
        client.analyze("http://example.org/a.jpg")


def test_verify(client: Client) -> None:
    same = client.verify(png("Ada"), png("Ada", seed=1))
    assert same.match
    assert same.score is not None
    assert same.operating.metric == "FMR"
    other = client.verify(png("Ada"), png("Bob"))
    assert (other.status, other.score, other.fmr) == ("different", None, None)


def test_the_library_s_errors(staff: RemoteGallery, client: Client) -> None:
    staff.enroll("Ada", png("Ada"))
    cases: list[tuple[type[VultusError], object]] = [
        (ImageFormatError, lambda: client.analyze(b"no picture")),
        (NoFaceError, lambda: client.verify(png("Ada"), png())),
        (TooManyFacesError, lambda: client.verify(png("Ada"), png("Ada", "Bob"), faces="one")),
        (NotFoundError, lambda: staff.person("Nobody")),
        (NotFoundError, lambda: client.gallery("none").people()),
        (ConflictError, lambda: staff.enroll("Eve", png("Ada", seed=3)).require()),
        (ConflictError, lambda: client.create_gallery("staff")),
        (InputError, lambda: staff.enroll("", png("Ada"))),
        (InputError, lambda: client.verify(png("Ada"), png("Ada"), fmr=3)),
    ]
    for error, call in cases:
        with pytest.raises(error):
            call()  # type: ignore[operator]


def test_errors_that_only_a_server_has(server: Running) -> None:
    with Client(server.address, "vk_wrong") as client, pytest.raises(ServiceError) as caught:
        client.galleries()
    assert (caught.value.status, caught.value.code) == (401, "unauthorized")
    viewer = server.service.keys.create("viewer").secret
    with Client(server.address, viewer) as client, pytest.raises(ServiceError) as caught:
        client.create_gallery("staff")
    assert caught.value.code == "forbidden"
    with Client("http://127.0.0.1:9", viewer) as client, pytest.raises(ServiceError) as caught:
        client.galleries()
    assert caught.value.code == "unreachable"


def test_people_and_faces(staff: RemoteGallery) -> None:
    staff.enroll("Ada", [png("Ada"), png("Ada", seed=1)])
    staff.enroll("Lovelace", png("Lovelace"))
    assert staff.rename("Lovelace", "Countess").name == "Countess"
    merged = staff.merge("Countess", "Ada")
    assert (merged.templates, merged.aliases) == (3, ("Countess",))
    faces = staff.faces("Ada")
    assert staff.split("Ada", [faces[2].id], "Countess").templates == 1
    assert staff.move_faces([faces[2].id], "Ada").templates == 3
    crop = staff.crop(faces[0].id)
    assert crop is not None
    assert crop.shape == (112, 112, 3)
    assert staff.remove_face(faces[0].id).templates == 2
    staff.remove("Countess", reason="nobody left")
    assert [one.name for one in staff.people("AD")] == ["Ada"]
    with pytest.raises(NotFoundError):
        staff.crop("0" * 32)


def test_names_with_slashes_are_reached_by_id(staff: RemoteGallery) -> None:
    done = staff.enroll("a/b?c#d", png("Ada"))
    assert done.person is not None
    assert staff.person(done.person.id).name == "a/b?c#d"


def test_feedback_and_rates(staff: RemoteGallery) -> None:
    import hashlib

    staff.enroll("Ada", png("Ada"))
    probe = png("Ada", seed=4)
    staff.reject(hashlib.sha256(probe).hexdigest(), "Ada")
    assert staff.identify(probe)[0].status == "unknown"
    staff.reject(hashlib.sha256(probe).hexdigest(), "Ada", undo=True)
    assert staff.identify(probe)[0].status == "match"
    point = staff.choose_rates(fpir=0.05)
    assert (point.metric, point.target) == ("FPIR", 0.05)
    assert staff.stats().fpir == 0.05
    assert staff.check().ok


def test_erasure(staff: RemoteGallery) -> None:
    staff.enroll("Ada", png("Ada"))
    receipt = staff.erase("Ada", reason="asked for")
    assert (receipt.status, receipt.hits, receipt.templates) == ("erased", (), 1)
    assert receipt.files
    assert staff.finish_erasures() == ()
    assert staff.people() == ()


def test_copies(staff: RemoteGallery, client: Client, tmp_path: Path) -> None:
    staff.enroll("Ada", png("Ada"))
    path = tmp_path / "copy.vultus"
    done = staff.export(path)
    assert (done.people, done.templates, done.crops, done.sealed) == (1, 1, 1, False)
    assert done.bytes == path.stat().st_size > 0
    assert path.stat().st_mode & 0o077 == 0
    with pytest.raises(ConflictError, match="is there"):
        staff.export(path)
    staff.export(path, overwrite=True, passphrase="für den Schlüssel")
    other = client.create_gallery("other", description="a copy")
    with pytest.raises(InputError, match="passphrase"):
        other.import_(path)
    taken = other.import_(path, passphrase="für den Schlüssel")
    assert (taken.people, taken.templates) == (1, 1)
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith(".copy")] == []
    client.delete_gallery("other")
    assert client.galleries() == ("staff",)


def test_clusters(client: Client) -> None:
    people = ("Ada", "Bob", "Ada", "Ada")
    rows = client.cluster(png(name, seed=seed) for seed, name in enumerate(people))
    assert [(row.picture, row.cluster) for row in rows] == [(0, 1), (1, None), (2, 1), (3, 1)]


def test_a_film(staff: RemoteGallery, tmp_path: Path) -> None:
    import av

    staff.enroll("Ada", png("Ada"))
    path = tmp_path / "film.mkv"
    image = np.ascontiguousarray(picture("Ada", noise=8, seed=1))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.height, stream.width = image.shape[:2]
        stream.pix_fmt = "bgr0"
        for _ in range(30):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            for packet in stream.encode(frame.reformat(format="bgr0")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    seen: list[tuple[int, int | None]] = []
    (track,) = staff.identify_video(path, progress=lambda done, total: seen.append((done, total)))
    assert track.person.person == "Ada"
    assert track.frames == 30
    assert seen


def test_a_busy_server_is_asked_again(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    import vultus.client.http as http

    waited: list[float] = []
    monkeypatch.setattr(http.time, "sleep", waited.append)
    made = server.service.keys.create("viewer", rate=0.5)
    with Client(server.address, made.secret, retries=2) as client:
        client.galleries()
        with pytest.raises(ServiceError) as caught:
            client.galleries()
    assert caught.value.code == "rate_limited"
    assert caught.value.retry_after is not None
    assert waited == [2.0, 2.0]


def test_threads_share_a_client(staff: RemoteGallery) -> None:
    staff.enroll("Ada", png("Ada"))
    names: list[str | None] = []

    def ask(seed: int) -> None:
        names.append(staff.identify(png("Ada", seed=seed))[0].person)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert names == ["Ada"] * 8


def test_the_names_of_the_library() -> None:
    """Whatever the library and the client both have, they call the same and take alike."""
    import inspect

    import vultus

    assert vultus.Client is Client
    assert "Client" in vultus.__all__
    pairs: list[tuple[object, object, set[str]]] = [
        (vultus.verify, Client.verify, set()),
        (vultus.Analyzer.detect, Client.detect, set()),
        (vultus.Analyzer.analyze, Client.analyze, set()),
        (vultus.Analyzer.analyze_many, Client.analyze_many, set()),
    ]
    # What a server does not offer: bare vectors, pictures analysed elsewhere, its own files and keys, its readers.
    local = {"wait", "normalise", "cohort", "analyzer", "batch", "progress", "keep_twins"}
    wanted_here = {"check", "crop", "enroll", "erase", "export", "faces", "finish_erasures", "identify", "import_"}
    wanted_here |= {"merge", "migrate", "move_faces", "people", "person", "reject", "remove", "remove_face", "rename"}
    wanted_here |= {"split", "stats"}
    assert {name for name in wanted_here if not hasattr(RemoteGallery, name)} == set()
    verbs = {name for name in dir(Gallery) if not name.startswith("_") and hasattr(RemoteGallery, name)}
    assert verbs >= wanted_here
    pairs += [(getattr(Gallery, name), getattr(RemoteGallery, name), local) for name in sorted(verbs)]
    for ours, theirs, left_out in pairs:
        own, remote = (inspect.signature(each).parameters for each in (ours, theirs))  # type: ignore[arg-type]
        wanted = [name for name in own if name not in left_out]
        assert [name for name in remote if name in wanted] == wanted, ours
        for name in wanted:
            assert own[name].kind == remote[name].kind, (ours, name)
            if name != "fpir":  # the gallery's own rate holds on a server
                assert own[name].default == remote[name].default, (ours, name)


def test_the_values_of_the_library(staff: RemoteGallery, local: Gallery, client: Client) -> None:
    import dataclasses

    from vultus.gallery import Export, Stats
    from vultus.verification import Verification

    for known in (staff, local):
        refused = known.enroll("Ada", [b"no picture", png()])
        assert (refused.person, [one.code for one in refused.refused]) == (None, ["unreadable", "no_face"])
        assert known.enroll("Ada", b"no picture").refused[0].code == "unreadable"
        known.enroll("Ada", png("Ada"))
        full = known.enroll("Ada", png())
        assert full.person is not None
        assert [one.code for one in full.refused] == ["no_face"]
    numbers, own = staff.stats(), local.stats()
    assert isinstance(numbers, Stats)
    assert (numbers.contract, numbers.people, numbers.schema) == (own.contract, own.people, own.schema)
    answer = client.verify(png("Ada"), png("Ada", seed=1))
    assert {one.name for one in dataclasses.fields(answer)} == {one.name for one in dataclasses.fields(Verification)}
    assert [side.size_wh for side in answer.sides] == [(150, 150)] * 2
    assert answer.require() is answer
    assert staff.remove("Ada").name == full.person.name
    assert staff.people() == ()
    assert Export is type(local.export(local.path.parent / "local.vultus"))


def test_more_pictures_than_a_request_holds(tmp_path: Path) -> None:
    analyzer = Analyzer()
    settings = Settings(tmp_path / "galleries", port=0, rate=10_000, burst=10_000, pictures=2, request_bytes=200_000)
    with (
        running(settings, analyzer, Thresholds(analyzer.contract)) as server,
        Client(server.address, server.key) as client,
    ):
        assert client.bounds()["pictures"] == 2
        staff = client.create_gallery("staff")
        done = staff.enroll("Ada", [png("Ada", seed=seed) for seed in range(5)])
        assert done.person is not None
        assert (done.person.templates, len(done.added)) == (5, 5)
        pictures = [png("Ada", seed=9), b"no picture", png(), png("Eve"), png("Ada", "Eve", seed=3)]
        found = list(staff.identify_many(pictures))
        assert [one.index for one in found] == [0, 1, 2, 3, 4]
        assert [[person.person for person in one.people] for one in found] == [["Ada"], [], [], [None], ["Ada", None]]
        assert isinstance(found[1].error, ImageFormatError)
        readings = client.analyze_many(iter(pictures))
        assert len(next(readings)) == 1
        with pytest.raises(ImageFormatError):
            next(readings)


def test_a_block_is_done_once_whenever_it_is_run(client: Client) -> None:
    def run() -> tuple[str, str]:
        with client.idempotent("import 2026-11-24"):
            staff = client.create_gallery("staff")
            ada, bob = staff.enroll("Ada", png("Ada")), staff.enroll("Bob", png("Bob"))
        assert ada.person is not None
        assert bob.person is not None
        return ada.person.id, bob.person.id

    assert run() == run()
    with pytest.raises(ConflictError):  # outside the block it is a new request
        client.create_gallery("staff")
    with pytest.raises(InputError), client.idempotent("ä"):
        pass


def test_settings_and_migration(client: Client, server: Running, tmp_path: Path) -> None:
    staff = client.create_gallery("staff", description="Doors")
    assert staff.stats().description == "Doors"
    changed = staff.change(description="Gates", keep="none", fmr=0.01, reason="ticket 7")
    assert (changed.description, changed.keep, changed.fmr, changed.fpir) == ("Gates", "none", 0.01, 0.01)
    before = Analyzer("the model before")
    folder = server.service.settings.root / "older"
    with Gallery.open(folder, analyzer=before, operating=Thresholds(before.contract)) as gallery:
        gallery.enroll("Ada", [picture("Ada", noise=8), picture("Ada", noise=8, seed=1)])
    older = client.gallery("older")
    seen: list[tuple[int, int]] = []
    done = older.migrate(progress=lambda at, of: seen.append((at, of)))
    assert (done.templates, done.lost_people, done.rank1_new) == (2, (), (2, 2))
    assert seen[-1] == (2, 2)
    with pytest.raises(ConflictError, match="already"):
        older.migrate()


def test_jobs(client: Client) -> None:
    assert client.jobs() == ()
    client.cluster([png("Ada")])
    (info,) = client.jobs()
    assert (info.kind, info.status, info.count, info.error) == ("cluster", "done", 1, None)
    job = client.job(info.id)
    assert [row["picture"] for row in job.rows()] == [0]
    assert job.info().status == "done"
    job.cancel()
    with pytest.raises(NotFoundError):
        job.info()


def test_keys(client: Client, server: Running) -> None:
    assert (client.me().role, client.me().galleries) == ("admin", ("*",))
    made = client.create_key("auditor", galleries=["staff"], label="inspection", days=1)
    assert made.secret not in repr(made)
    with Client(server.address, made.secret) as auditor:
        assert auditor.me().label == "inspection"
    renewed = client.rotate_key(made.key.id)
    assert client.revoke_key(renewed.key.id).revoked is not None
    assert len(client.keys()) == 3


def test_the_journal(client: Client, staff: RemoteGallery, tmp_path: Path) -> None:
    staff.enroll("Ada", png("Ada"))
    staff.identify(png("Ada", seed=1))
    head = client.journal_head()
    actions = [entry.action for entry in client.journal(gallery="staff")]
    assert actions == ["gallery.create", "person.enroll", "identify"]
    (decision,) = client.journal(action="identify")
    assert decision.evidence["score"] >= decision.evidence["threshold"]
    assert client.verify_journal(head).ok
    assert not client.verify_journal(f"1:{'0' * 64}").ok
    path = tmp_path / "journal.jsonl"
    assert client.export_journal(path) == path.stat().st_size
    from vultus.server.chain import Head, verify_lines

    with path.open() as lines:
        assert verify_lines(lines, Head.of(head)).ok


def test_a_server_that_comes_back_is_asked_again(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    import httpx

    import vultus.client.http as http

    waited: list[float] = []
    monkeypatch.setattr(http.time, "sleep", waited.append)
    with Client(server.address, server.key, retries=2) as client:
        real, broken = client._http._http.request, iter([True, True, False])

        def unsteady(*args: object, **options: object) -> object:
            if next(broken, False):
                raise httpx.ConnectError("refused")
            return real(*args, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(client._http._http, "request", unsteady)
        assert client.galleries() == ()
    assert waited == [0.2, 0.4]


def test_without_httpx_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    import vultus
    from vultus.errors import MissingExtraError

    monkeypatch.setitem(sys.modules, "httpx", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'vultus\[client\]'"):
        vultus.Client("http://127.0.0.1:9", "vk_x")


def test_the_page_runs_as_it_stands(tmp_path: Path) -> None:
    """Every block of docs/how-to/use-the-client.md, and what its comments say is printed."""
    import re
    import subprocess
    import sys

    page = Path(__file__).parents[1] / "docs" / "how-to" / "use-the-client.md"
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert len(blocks) > 8
    command = [sys.executable, "-W", "error", "-c", "\n".join(blocks)]

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)

    assert done.returncode == 0, done.stderr
    printed = done.stdout.splitlines()
    said = re.findall(r"^(?:.*print\(.*\)  )?# ([^#\n]+)$", "\n".join(blocks), re.MULTILINE)
    assert len(said) > 12
    assert [line for line in said if line not in printed] == []


def test_a_later_server_may_tell_more(client: Client, staff: RemoteGallery) -> None:
    """Fields that this client does not know are passed over."""
    from vultus.client import values

    staff.enroll("Ada", png("Ada"))
    told = client._http.json("GET", "/v1/galleries/staff")
    assert values.numbers({**told, "later": 1}) == staff.stats()
    key = client._http.json("GET", "/v1/me")
    assert values.key({**key, "later": [1]}) == values.key(key)
    (face,) = client._http.json("GET", "/v1/galleries/staff/persons/Ada/faces")["items"]
    assert (values.template({**face, "later": None}),) == staff.faces("Ada")
