"""Films searched and faces sorted in the background."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from vultus.errors import ImageTooLargeError, NotFoundError, StorageError, VideoError
from vultus.server.films import check, container
from vultus.server.jobs import Job, Jobs, Stopped
from vultus.testing import Analyzer, picture
from vultus.types import Face, Image

from .conftest import Serve, Served, png, wait_until


def film(path: Path, *scenes: tuple[str, ...], frames: int = 25) -> bytes:
    """Drawn people, a second a scene, 25 frames a second, without loss."""
    import av

    size = picture("a", "b").shape
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height = size[1] // 2 * 2, size[0] // 2 * 2
        stream.pix_fmt = "bgr0"
        for number, people in enumerate(scenes):
            image = np.full(size, 40 + 90 * (number % 2), np.uint8)
            drawn = picture(*people, noise=8, seed=number)
            image[: drawn.shape[0], : drawn.shape[1]] = drawn
            for _ in range(frames):
                frame = av.VideoFrame.from_ndarray(
                    np.ascontiguousarray(image[: stream.height, : stream.width]), format="rgb24"
                )
                for packet in stream.encode(frame.reformat(format="bgr0")):
                    container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path.read_bytes()


def events_of(client: httpx.Client, job: str, **headers: str) -> Iterator[tuple[str, str, Any]]:
    with client.stream("GET", f"/v1/jobs/{job}/events", headers=headers) as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        kind = number = ""
        for line in response.iter_lines():
            name, _, value = line.partition(": ")
            if name == "event":
                kind = value
            elif name == "id":
                number = value
            elif name == "data":
                yield kind, number, json.loads(value)


def finished(client: httpx.Client, job: str) -> Any:
    for kind, _, _ in events_of(client, job):
        if kind == "end":
            break
    return client.get(f"/v1/jobs/{job}").json()


def test_no_jobs(served: Served) -> None:
    assert served.admin.get("/v1/jobs").json() == []
    for path in ("/v1/jobs/nothing", "/v1/jobs/nothing/events"):
        assert served.admin.get(path).status_code == 404


def test_a_film_gives_a_row_a_track(served: Served, tmp_path: Path) -> None:
    served.enroll("Ada")
    data = film(tmp_path / "film.mkv", ("Ada",), ("Eve",), ("Eve", "Ada"))
    answer = served.key("operator").post(
        "/v1/jobs/video?gallery=staff", content=data, headers={"Content-Type": "video/x-matroska"}
    )
    assert answer.status_code == 202, answer.text
    job = answer.json()["id"]
    assert answer.headers["Location"] == f"/v1/jobs/{job}"
    told = list(events_of(served.admin, job))
    rows = [data for kind, _, data in told if kind == "row"]
    assert told[-1][0] == "end"
    assert told[-1][2] == {"status": "done"}
    assert [number for kind, number, _ in told if kind == "row"] == [str(n) for n in range(1, len(rows) + 1)]
    named = sorted((row["person"] or row["status"], round(row["start"])) for row in rows)
    assert named == [("Ada", 0), ("Ada", 2), ("unknown", 1)]
    assert [row["score"] for row in rows if row["person"] is None] == [None]
    done = served.admin.get(f"/v1/jobs/{job}").json()
    assert (done["status"], done["rows"], done["done"]) == ("done", rows, 75)
    # Going on after a row gives the later ones alone.
    again = [number for kind, number, _ in events_of(served.admin, job, **{"Last-Event-ID": "2"}) if kind == "row"]
    assert again == [str(n) for n in range(3, len(rows) + 1)]
    assert served.admin.get(f"/v1/jobs/{job}/events", headers={"Last-Event-ID": "99"}).status_code == 422
    assert [*(served.service.settings.state / "jobs").iterdir()] == []
    served.service.decisions.flush()
    actions = [one.action for one in served.service.journal.entries(action="identify")]
    assert len(actions) == len(rows)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no film",
        b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n" + bytes(600),
        b"ffconcat version 1.0\nfile /etc/passwd\n" + bytes(600),
        b"\x1a\x45\xdf\xa3" + bytes(1000),
        png("Ada"),
    ],
)
def test_what_is_no_film(served: Served, data: bytes) -> None:
    answer = served.admin.post("/v1/jobs/video?gallery=staff", content=data, headers={"Content-Type": "video/mp4"})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_video")
    assert [*(served.service.settings.state / "jobs").iterdir()] == []
    assert served.admin.get("/v1/jobs").json() == []


def test_films_that_are_too_much(serve: Serve, tmp_path: Path) -> None:
    data = film(tmp_path / "film.mkv", ("Ada",), frames=2)
    small = serve(video_bytes=len(data) - 1)
    answer = small.admin.post("/v1/jobs/video?gallery=staff", content=data, headers={"Content-Type": "video/mp4"})
    assert answer.status_code == 413
    coarse = serve(tmp_path / "other", pixels=10_000)
    answer = coarse.admin.post("/v1/jobs/video?gallery=staff", content=data, headers={"Content-Type": "video/mp4"})
    assert answer.status_code == 413
    with pytest.raises(ImageTooLargeError):
        check(tmp_path / "film.mkv", 10_000)


def test_other_bodies_and_galleries(served: Served) -> None:
    post = served.admin.post
    assert post("/v1/jobs/video?gallery=staff", content=b"x", headers={"Content-Type": "text/plain"}).status_code == 415
    assert post("/v1/jobs/video?gallery=none", content=b"x", headers={"Content-Type": "video/mp4"}).status_code == 404
    assert post("/v1/jobs/video", content=b"x", headers={"Content-Type": "video/mp4"}).status_code == 422


def test_a_film_that_breaks_off_tells_what_it_had(served: Served, tmp_path: Path) -> None:
    served.enroll("Ada")
    data = film(tmp_path / "film.mkv", ("Ada",), ("Eve",), ("Ada",))
    answer = served.admin.post(
        "/v1/jobs/video?gallery=staff", content=data[: len(data) * 2 // 3], headers={"Content-Type": "video/mp4"}
    )
    done = finished(served.admin, answer.json()["id"])
    assert done["status"] == "failed"
    assert done["problem"]["code"] == "invalid_video"
    assert str(served.service.settings.root) not in json.dumps(done)
    assert [row["person"] for row in done["rows"]][:1] == ["Ada"]


def test_faces_are_sorted_into_people_whatever_their_order(served: Served) -> None:
    people = ["Ada", "Bob", "Ada", "Eve", "Bob", "Ada"]
    files = [("image", (f"{n}.png", png(name, seed=n))) for n, name in enumerate(people)]
    files.insert(3, ("image", ("broken.png", b"no picture")))

    def groups(order: list[int]) -> dict[str, object]:
        answer = served.admin.post("/v1/jobs/cluster", files=[files[n] for n in order])
        assert answer.status_code == 202, answer.text
        done = finished(served.admin, answer.json()["id"])
        assert (done["status"], done["done"], done["total"]) == ("done", 7, 7)
        broken = [row for row in done["rows"] if "problem" in row]
        assert [row["problem"]["code"] for row in broken] == ["invalid_image"]
        return {row["source"]: row["cluster"] for row in done["rows"] if "cluster" in row}

    found = groups([0, 1, 2, 3, 4, 5, 6])
    assert found == {"0.png": 1, "2.png": 1, "5.png": 1, "1.png": 2, "4.png": 2, "3.png": None}
    assert groups([6, 4, 2, 0, 5, 3, 1]) == found


def test_jobs_of_others_do_not_exist(served: Served) -> None:
    owner, other = served.key("operator"), served.key("operator")
    job = owner.post("/v1/jobs/cluster", files={"image": png("Ada")}).json()["id"]
    assert finished(owner, job)["status"] == "done"
    assert [one["id"] for one in owner.get("/v1/jobs").json()] == [job]
    assert other.get("/v1/jobs").json() == []
    for method, path in (("GET", ""), ("GET", "/events"), ("DELETE", "")):
        assert other.request(method, f"/v1/jobs/{job}{path}").status_code == 404
    assert served.admin.get(f"/v1/jobs/{job}").status_code == 200
    assert owner.delete(f"/v1/jobs/{job}").status_code == 204
    assert owner.get(f"/v1/jobs/{job}").status_code == 404


class Slow(Analyzer):
    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.waiting = threading.Semaphore(0)

    def detect(self, image: Image) -> tuple[Face, ...]:
        self.waiting.release()
        assert self.gate.wait(20)
        return super().detect(image)


def test_a_job_is_cancelled(serve: Serve, tmp_path: Path) -> None:
    analyzer = Slow()
    served = serve(model=analyzer)
    data = film(tmp_path / "film.mkv", ("Ada",), ("Eve",), frames=50)
    job = served.admin.post("/v1/jobs/video?gallery=staff", content=data, headers={"Content-Type": "video/mp4"}).json()[
        "id"
    ]
    assert analyzer.waiting.acquire(timeout=10)
    assert served.admin.delete(f"/v1/jobs/{job}").status_code == 204
    analyzer.gate.set()
    done = finished(served.admin, job)
    assert done["status"] == "cancelled"
    assert [*(served.service.settings.state / "jobs").iterdir()] == []


def test_streams_end_when_the_server_stops(serve: Serve) -> None:
    analyzer = Slow()
    served = serve(model=analyzer)
    job = served.admin.post("/v1/jobs/cluster", files=[("image", png("Ada"))] * 3).json()["id"]
    assert analyzer.waiting.acquire(timeout=10)
    stream = events_of(served.admin, job)
    assert next(stream)[0] == "progress"
    served.running.stop()
    assert list(stream)[-1][::2] == ("end", {"status": "stopping"})
    analyzer.gate.set()


def test_so_many_jobs_and_no_more() -> None:
    jobs = Jobs()
    for _ in range(4):
        jobs.submit(Job("cluster", "k", "", 10), lambda job: None)
    with pytest.raises(Exception, match="4 jobs wait"):
        jobs.submit(Job("cluster", "k", "", 10), lambda job: None)
    jobs.submit(Job("cluster", "other", "", 10), lambda job: None)
    assert jobs.depth == 5


def test_a_job_that_takes_too_long_or_says_too_much_ends() -> None:
    job = Job("video", "k", "", 10)
    job._deadline = 0
    with pytest.raises(Stopped):
        job.advance(1, 2)
    job = Job("video", "k", "", 10)
    job.rows = [{}] * 100_000
    with pytest.raises(Stopped):
        job.add({})
    with pytest.raises(NotFoundError):
        Jobs().get("x", None)


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\x00\x00\x00\x20ftypisom", "mp4"),
        (b"\x1a\x45\xdf\xa3", "matroska"),
        (b"RIFF\x00\x00\x00\x00AVI LIST", "avi"),
        (b"\x00\x00\x01\xba", "mpeg"),
        (b"FLV\x01", "flv"),
        (b"OggS", "ogg"),
        ((b"\x47" + bytes(187)) * 3, "mpegts"),
        (b"", None),
        (b"RIFF\x00\x00\x00\x00WAVE", None),
        (b"#EXTM3U", None),
    ],
)
def test_containers_by_their_first_bytes(head: bytes, name: str | None) -> None:
    assert container(head.ljust(512, b"\0")) == name


def test_a_file_that_is_no_film(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"")
    with pytest.raises(VideoError):
        check(path, 1)


def test_a_restart_says_which_jobs_it_interrupted(serve: Serve) -> None:
    analyzer = Slow()
    first = serve(model=analyzer)
    operator = first.key("operator")
    running = operator.post("/v1/jobs/cluster", files=[("image", png("Ada"))] * 3).json()["id"]
    assert analyzer.waiting.acquire(timeout=10)
    waiting = operator.post("/v1/jobs/cluster", files={"image": png("Ada")}).json()["id"]
    threading.Timer(0.5, analyzer.gate.set).start()
    first.running.stop()
    wait_until(lambda: not first.service.jobs._thread.is_alive())  # type: ignore[union-attr]
    assert {job.id: job.status for job in first.service.jobs.list(None)} == {
        running: "interrupted",
        waiting: "interrupted",
    }
    second = serve()
    again = second.client(operator.headers["Authorization"].removeprefix("Bearer "))
    told = {one["id"]: one for one in again.get("/v1/jobs").json()}
    assert list(told) == [running, waiting]
    for one in told.values():
        assert (one["status"], one["rows"], one["problem"]["code"]) == ("interrupted", [], "interrupted")
        assert "send the pictures again" in one["problem"]["detail"]
        assert one["ended"] is not None
    assert second.key("operator").get(f"/v1/jobs/{running}").status_code == 404
    assert [kind for kind, _, _ in events_of(again, running)] == ["progress", "end"]
    assert again.delete(f"/v1/jobs/{running}").status_code == 204
    assert [one["id"] for one in again.get("/v1/jobs").json()] == [waiting]


def test_what_ended_is_forgotten_at_the_next_start(serve: Serve) -> None:
    first = serve()
    job = first.admin.post("/v1/jobs/cluster", files={"image": png("Ada")}).json()["id"]
    assert finished(first.admin, job)["status"] == "done"
    first.running.stop()
    wait_until(lambda: not first.service.jobs._thread.is_alive())  # type: ignore[union-attr]
    answer = serve().admin.get(f"/v1/jobs/{job}")
    assert answer.status_code == 404
    assert "forgotten at the next start" in answer.json()["detail"]


KILLED = """
import sys, threading
from pathlib import Path
from vultus.server.run import serve
from vultus.server.settings import Settings
from vultus.testing import Analyzer, Thresholds

class Slow(Analyzer):
    def detect(self, image):
        if image.shape[1] > 200:  # of two people
            print("reading", flush=True)
            threading.Event().wait()
        return super().detect(image)

analyzer = Slow()
serve(Settings(Path(sys.argv[1]), port=0, rate=1e4, burst=10000), analyzer, Thresholds(analyzer.contract),
      started=lambda address, made: print(address, made.secret, flush=True))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs signals")
def test_a_job_that_kill_9_ended_is_told_with_how_far_it_came(serve: Serve, tmp_path: Path) -> None:
    root = tmp_path / "killed"
    command = [sys.executable, "-c", KILLED, str(root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            address, secret = process.stdout.readline().split()
            headers = {"Authorization": f"Bearer {secret}"}
            files = [("image", png("Ada", seed=number)) for number in range(20)] + [("image", png("Ada", "Bob"))]
            with httpx.Client(base_url=address, headers=headers, timeout=30) as client:
                job = client.post("/v1/jobs/cluster", files=files).json()["id"]
                assert process.stdout.readline() == "reading\n"
                wait_until(lambda: client.get(f"/v1/jobs/{job}").json()["done"] > 0)
                wait_until(lambda: _written(root, job) == "running")
        finally:
            os.kill(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    told = serve(root, gallery=None).admin.get(f"/v1/jobs/{job}").json()
    assert (told["status"], told["rows"], told["kind"]) == ("interrupted", [], "cluster")
    assert told["problem"]["detail"].startswith(f"the server ended when {told['done']}")
    again = serve(root, gallery=None)  # and it is not forgotten before somebody forgets it
    assert again.admin.get(f"/v1/jobs/{job}").json()["status"] == "interrupted"


def _written(root: Path, job: str) -> str:
    import sqlite3

    connection = sqlite3.connect(f"file:{root / '.vultus' / 'jobs.sqlite'}?mode=ro", uri=True)
    try:
        return str(connection.execute("SELECT status FROM job WHERE id = ?", (job,)).fetchone()[0])
    finally:
        connection.close()


def test_nothing_of_a_job_s_rows_is_written_down(served: Served) -> None:
    name = "Wilhelmina Unverwechselbar"
    served.admin.post("/v1/jobs/cluster", files={"image": (f"{name}.png", png(name))})
    (job,) = served.admin.get("/v1/jobs").json()
    assert finished(served.admin, job["id"])["rows"][0]["source"] == f"{name}.png"
    files = [*served.service.settings.state.glob("jobs.sqlite*")]
    assert files
    assert [path for path in files if name.encode() in path.read_bytes()] == []


def test_a_record_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "jobs.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(StorageError, match="record of jobs"):
        Jobs(tmp_path / "jobs.sqlite")
