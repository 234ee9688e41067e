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
        (ConflictError, lambda: staff.enroll("Eve", png("Ada", seed=3))),
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
    assert staff.export(path) == path.stat().st_size > 0
    assert path.stat().st_mode & 0o077 == 0
    done = client.create_gallery("other").import_(path)
    assert (done.people, done.templates) == (1, 1)
    client.delete_gallery("other")
    assert client.galleries() == ("staff",)


def test_clusters(client: Client) -> None:
    people = ("Ada", "Bob", "Ada", "Ada")
    rows = client.cluster(png(name, seed=seed) for seed, name in enumerate(people))
    assert [(row["picture"], row["cluster"]) for row in rows] == [(0, 1), (1, None), (2, 1), (3, 1)]


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
