from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from vultus.errors import ImageFormatError, ImageTooLargeError
from vultus.server.batching import GROUP, Answer, Readers
from vultus.server.metrics import Metrics
from vultus.server.problems import Problem
from vultus.server.settings import Settings
from vultus.testing import Analyzer
from vultus.types import Face, Image, Vector

from .conftest import picture, png

Start = Callable[..., Readers]


class Held(Analyzer):
    """Lets nobody through `detect` until it is told; notes the sizes of the batches it embeds."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.inside = threading.Semaphore(0)
        self.batches: list[int] = []
        self.order: list[int] = []

    def detect(self, image: Image) -> tuple[Face, ...]:
        self.inside.release()
        assert self.gate.wait(10)
        self.order.append(image.shape[1])
        return super().detect(image)

    def embed(self, aligned: Sequence[Image]) -> Vector:
        self.batches.append(len(aligned))
        return super().embed(aligned)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    running: list[Readers] = []

    def make(analyzer: Analyzer | None = None, *, threads: int = 1, **options: Any) -> Readers:
        readers = Readers(analyzer or Analyzer(), Settings(tmp_path, **options), Metrics(), threads=threads)
        readers.start()
        running.append(readers)
        return readers

    yield make
    for readers in running:
        readers.stop()


def test_nothing_is_asked_and_it_stops(start: Start) -> None:
    readers = start(threads=2)
    assert readers.depth == 0


def test_a_picture_is_read_as_the_analyzer_reads_it(start: Start) -> None:
    import hashlib

    from vultus.images import read

    data = png("Ada", "Bob")
    picture, readings = start().submit(data).result(10)
    expected = Analyzer().analyze(read(data))
    assert picture.sha256 == hashlib.sha256(data).hexdigest()
    assert picture.size_wh == (284, 150)
    assert [one.face.box for one in readings] == [one.face.box for one in expected]
    assert [one.refusals for one in readings] == [one.refusals for one in expected]
    for one, other in zip(readings, expected, strict=True):
        assert one.embedding is not None
        assert other.embedding is not None
        np.testing.assert_allclose(one.embedding, other.embedding, atol=1e-6)


def test_a_picture_without_a_face(start: Start) -> None:
    _, readings = start().submit(png()).result(10)
    assert readings == ()


def test_pictures_that_wait_are_embedded_together(start: Start) -> None:
    analyzer = Held()
    readers = start(analyzer)
    first = readers.submit(png("Ada"))
    assert analyzer.inside.acquire(timeout=10)  # the thread is busy; the others gather
    others = [readers.submit(png("Ada", "Bob", seed=number)) for number in range(2 * GROUP)]
    analyzer.gate.set()
    first.result(10)
    found = [future.result(10) for future in others]
    assert analyzer.batches == [1, 2 * GROUP, 2 * GROUP]
    assert all(len(readings) == 2 for _, readings in found)
    single = Analyzer().embed([one.aligned for _, readings in found for one in readings])  # type: ignore[misc]
    together = np.array([one.embedding for _, readings in found for one in readings])
    np.testing.assert_allclose(together, single, atol=1e-6)


class Together(Held):
    """Finds the faces of several pictures at once; notes of how many."""

    def __init__(self) -> None:
        super().__init__()
        self.together: list[int] = []

    def detect_many(self, images: Sequence[Image]) -> tuple[tuple[Face, ...], ...]:
        self.together.append(len(images))
        return tuple(Analyzer.detect(self, image) for image in images)


def _behind_one_that_is_held(start: Start, analyzer: Held, data: Sequence[bytes]) -> list[Answer]:
    """What becomes of pictures that wait together while the only thread is busy."""
    readers = start(analyzer)
    first = readers.submit(png("Ada"))
    assert analyzer.inside.acquire(timeout=10)
    others = [readers.submit(one) for one in data]
    analyzer.gate.set()
    first.result(10)
    return [future.result(10) for future in others]


def test_pictures_that_wait_are_searched_together_by_an_analyzer_that_can(start: Start) -> None:
    analyzer = Together()
    names = [("Ada",), ("Ada", "Bob"), (), ("Eve",)]
    found = _behind_one_that_is_held(start, analyzer, [png(*each) for each in names])
    assert analyzer.together == [4]
    assert [len(readings) for _, readings in found] == [1, 2, 0, 1]
    expected = Analyzer().embed([one.aligned for _, readings in found for one in readings])  # type: ignore[misc]
    given = np.array([one.embedding for _, readings in found for one in readings])
    np.testing.assert_allclose(given, expected, atol=1e-6)


def test_large_pictures_are_not_held_in_memory_together(start: Start) -> None:
    analyzer = Together()
    large = png("Ada", side=1400)  # 1444 x 1438 pixels; two are over the four million
    found = _behind_one_that_is_held(start, analyzer, [large] * 3 + [png("Bob")])
    assert [len(readings) for _, readings in found] == [1, 1, 1, 1]
    assert max(analyzer.together, default=0) <= 2


def test_where_searching_together_fails_each_is_searched_by_itself(start: Start) -> None:
    class Failing(Together):
        def detect_many(self, images: Sequence[Image]) -> tuple[tuple[Face, ...], ...]:
            raise RuntimeError("one of them is odd")

        def detect(self, image: Image) -> tuple[Face, ...]:
            if image.shape[1] > 300:
                raise RuntimeError("this one")
            return super().detect(image)

    analyzer = Failing()
    readers = start(analyzer)
    first = readers.submit(png("Ada"))
    assert analyzer.inside.acquire(timeout=10)
    good, odd = readers.submit(png("Bob")), readers.submit(png("Ada", "Bob", "Eve"))
    analyzer.gate.set()
    assert len(first.result(10)[1]) == len(good.result(10)[1]) == 1
    with pytest.raises(RuntimeError, match="this one"):
        odd.result(10)


def test_one_broken_picture_does_not_spoil_those_beside_it(start: Start) -> None:
    analyzer = Held()
    readers = start(analyzer, upload_bytes=100_000, pixels=1_000_000)
    first = readers.submit(png("Ada"))
    assert analyzer.inside.acquire(timeout=10)
    broken = readers.submit(b"no picture")
    bomb = readers.submit(_bomb())
    large = readers.submit(bytes(100_001))
    good = readers.submit(png("Bob"))
    analyzer.gate.set()
    assert len(first.result(10)[1]) == len(good.result(10)[1]) == 1
    with pytest.raises(ImageFormatError):
        broken.result(10)
    with pytest.raises(ImageTooLargeError):
        bomb.result(10)
    with pytest.raises(ImageTooLargeError):
        large.result(10)


def _bomb() -> bytes:
    """A small file of 2 megapixels."""
    import io

    import PIL.Image

    file = io.BytesIO()
    PIL.Image.new("1", (2000, 1000)).save(file, "PNG")
    return file.getvalue()


def test_a_failing_model_fails_its_group_and_the_threads_go_on(start: Start) -> None:
    class Broken(Analyzer):
        def embed(self, aligned: Sequence[Image]) -> Vector:
            raise RuntimeError("the network broke")

    readers = start(Broken())
    with pytest.raises(RuntimeError, match="the network broke"):
        readers.submit(png("Ada")).result(10)
    assert readers.submit(png()).result(10)[1] == ()  # no face, nothing to embed


def test_too_many_of_one_key_are_refused_and_others_still_served(start: Start) -> None:
    analyzer = Held()
    readers = start(analyzer, queue=3)
    first = readers.submit(png("Ada"), "greedy")
    assert analyzer.inside.acquire(timeout=10)
    waiting = [readers.submit(png("Ada"), "greedy") for _ in range(3)]
    with pytest.raises(Problem) as caught:
        readers.submit(png("Ada"), "greedy")
    assert (caught.value.status, caught.value.code) == (429, "queue_full")
    assert int(caught.value.headers["Retry-After"]) >= 1
    modest = readers.submit(png("Bob"), "modest")
    analyzer.gate.set()
    assert all(len(one.result(10)[1]) == 1 for one in (first, *waiting, modest))


def test_all_keys_together_are_bounded(start: Start) -> None:
    analyzer = Held()
    readers = start(analyzer, queue=2)
    futures = [readers.submit(png("Ada"), "first")]
    assert analyzer.inside.acquire(timeout=10)
    for owner in "abcd":
        futures += [readers.submit(png("Ada"), owner) for _ in range(2)]
    with pytest.raises(Problem):
        readers.submit(png("Ada"), "e")
    analyzer.gate.set()
    assert all(len(one.result(10)[1]) == 1 for one in futures)


def test_keys_take_turns(start: Start) -> None:
    analyzer = Held()
    readers = start(analyzer)
    first = readers.submit(png("Ada"), "x")
    assert analyzer.inside.acquire(timeout=10)
    # The picture's width tells whose it is: one, two or three people wide.
    many = [readers.submit(png("Ada", "Ada"), "many") for _ in range(6)]
    late = readers.submit(png("Ada", "Ada", "Ada"), "late")
    analyzer.gate.set()
    for future in (first, *many, late):
        future.result(10)
    widths = analyzer.order[1:]
    assert widths.index(max(widths)) == 1  # second, not seventh


def test_stopping_finishes_what_was_accepted_and_takes_no_more(start: Start) -> None:
    analyzer = Held()
    readers = start(analyzer)
    accepted = [readers.submit(png("Ada", seed=number)) for number in range(5)]
    stopper = threading.Thread(target=readers.stop)
    assert analyzer.inside.acquire(timeout=10)
    stopper.start()
    while not readers._stopping:
        threading.Event().wait(0.001)
    with pytest.raises(Problem, match="stopping"):
        readers.submit(png("Bob"))
    analyzer.gate.set()
    assert [len(one.result(10)[1]) for one in accepted] == [1] * 5
    stopper.join(10)
    assert not stopper.is_alive()


def test_a_request_that_was_given_up_is_not_read(start: Start) -> None:
    analyzer = Held()
    readers = start(analyzer)
    first = readers.submit(png("Ada"))
    assert analyzer.inside.acquire(timeout=10)
    given_up = readers.submit(png("Bob"))
    assert given_up.cancel()
    last = readers.submit(png("Eve"))
    analyzer.gate.set()
    first.result(10)
    last.result(10)
    assert len(analyzer.order) == 2
    assert readers._inside == 0


def test_many_threads_ask_at_once(start: Start) -> None:
    readers = start(threads=3, queue=1000)
    data = [png(name) for name in ("Ada", "Bob", "Eve")]
    expected = [tuple(np.asarray(readers.submit(one).result(10)[1][0].embedding)) for one in data]
    wrong: list[int] = []

    def ask(number: int) -> None:
        for step in range(20):
            index = (number + step) % 3
            (reading,) = readers.submit(data[index], str(number)).result(30)[1]
            if not np.allclose(reading.embedding, expected[index], atol=1e-6):  # type: ignore[arg-type]
                wrong.append(index)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []
    assert readers.depth == readers._inside == 0


def jpeg(*people: str, side: int = 112, quality: int = 98) -> bytes:
    image = cv2.cvtColor(picture(*people, side=side), cv2.COLOR_RGB2BGR)
    return bytes(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes())


def quick(readers: Readers) -> Readers:
    """Pictures took a millisecond of late."""
    readers._seconds = 0.001
    return readers


def test_a_small_picture_is_read_at_once_as_it_is_otherwise(start: Start) -> None:
    readers = quick(start())
    data = jpeg("Ada", "Bob")
    found = readers.at_once(data, "key")
    assert found is not None
    assert found.done()
    expected = readers.submit(data, "key").result(10)
    assert len(expected[1]) == 2
    assert found.result()[0] == expected[0]
    for one, other in zip(found.result()[1], expected[1], strict=True):
        np.testing.assert_array_equal(one.embedding, other.embedding)
    then = readers.at_once(data, "key", then=lambda answer: len(answer[1]))
    assert then is not None
    assert then.result() == 2
    assert readers.depth == readers._inside == 0


def test_what_fails_at_once_is_told(start: Start) -> None:
    readers = quick(start())
    data = jpeg("Ada")
    broken = readers.at_once(data[: data.index(b"\xff\xda") + 20] + data[-2:], "key")
    assert broken is not None
    with pytest.raises(ImageFormatError):
        broken.result()

    def fail(answer: Answer) -> None:
        raise ValueError("no")

    failed = readers.at_once(data, "key", then=fail)
    assert failed is not None
    with pytest.raises(ValueError, match="no"):
        failed.result()
    assert readers._inside == 0


@pytest.mark.parametrize(
    "data",
    [png("Ada"), jpeg("Ada", side=400), jpeg("Ada")[:-2], b"", b"\xff\xd8\xff", jpeg("Ada") + bytes(70_000)],
    ids=["png", "many pixels", "truncated", "empty", "nothing but a beginning", "many bytes"],
)
def test_only_a_small_whole_jpeg_is_read_at_once(start: Start, data: bytes) -> None:
    assert quick(start()).at_once(data, "key") is None


def test_nothing_is_read_at_once_where_models_are_slow_or_others_wait_or_it_stops(start: Start) -> None:
    readers = start()
    assert readers.at_once(jpeg("Ada"), "key") is None  # nobody knows yet how long it takes
    analyzer = Held()
    busy = quick(start(analyzer))
    first = busy.submit(png("Ada"))
    assert analyzer.inside.acquire(timeout=10)
    assert busy.at_once(jpeg("Bob"), "key") is None
    analyzer.gate.set()
    first.result(10)
    quick(readers).stop()
    assert readers.at_once(jpeg("Ada"), "key") is None
