"""The index against brute force: the same rows, the same float32 scores, the same order among equals."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from vultus.errors import InputError, InvalidVectorError
from vultus.gallery import exact, quantise, rows
from vultus.gallery.exact import ExactIndex, Hits
from vultus.gallery.passes import bytes_pass, float_pass
from vultus.gallery.race import Race
from vultus.gallery.rows import Stretch
from vultus.types import unit

PRECISIONS = ["int8", "fp32"]


def scores(matrix: np.ndarray, query: np.ndarray) -> np.ndarray:
    """The definition of a score: float32 of the sum in float64."""
    return (matrix.astype(np.float64) * query.astype(np.float64)).sum(axis=1).astype(np.float32)


def best(ids: np.ndarray, matrix: np.ndarray, query: np.ndarray, k: int) -> list[tuple[int, float]]:
    """Brute force: (id, score), score descending, then id."""
    ranked = sorted(zip(ids.tolist(), scores(matrix, query).tolist(), strict=True), key=lambda row: (-row[1], row[0]))
    return ranked[:k]


def best_people(
    ids: np.ndarray, people: np.ndarray, matrix: np.ndarray, query: np.ndarray, k: int
) -> list[tuple[int, int, float]]:
    """Brute force: (person, id of the deciding template, score), score descending, then person."""
    found: dict[int, tuple[float, int]] = {}
    for number, person, score in zip(ids.tolist(), people.tolist(), scores(matrix, query).tolist(), strict=True):
        found[person] = min(found.get(person, (np.inf, 0)), (-score, number))
    ranked = sorted((score, person, number) for person, (score, number) in found.items())
    return [(person, number, -score) for score, person, number in ranked[:k]]


def pairs(hits: Hits, at: int = 0) -> list[tuple[int, float]]:
    return list(zip(hits.ids[at].tolist(), hits.scores[at].tolist(), strict=True))


def triples(hits: Hits, at: int = 0) -> list[tuple[int, int, float]]:
    return list(zip(hits.people[at].tolist(), hits.ids[at].tolist(), hits.scores[at].tolist(), strict=True))


def faces(n: int, dimension: int, *, identities: int | None = None, seed: int = 0) -> np.ndarray:
    """Unit rows, uniform or around some identities."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((n, dimension))
    if identities is None:
        return unit(noise)
    centres = unit(rng.standard_normal((identities, dimension)))
    return unit(centres[rng.integers(0, identities, n)] + 0.7 * noise / np.sqrt(dimension))


@contextmanager
def changed(module: Any, **values: Any) -> Iterator[None]:
    """Constants of a module at other values, inside a hypothesis test too."""
    before = {name: getattr(module, name) for name in values}
    for name, value in values.items():
        setattr(module, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(module, name, value)


@contextmanager
def through_bytes() -> Iterator[None]:
    """Small galleries and batches take the way of large ones, in many blocks and on two threads."""
    with changed(exact, _SMALL=0, _BATCH=10**9, _LEAST=3), changed(rows, BLOCK=16), changed(exact, BLOCK=16):
        yield


@pytest.mark.parametrize("precision", PRECISIONS)
def test_an_empty_index_answers_with_nothing(precision: Any) -> None:
    index = ExactIndex(4, precision)
    assert len(index) == 0
    assert index.ids.tolist() == index.people.tolist() == []
    for hits in (index.search(faces(3, 4), 5), index.search_people(faces(3, 4), 5)):
        assert hits.ids.shape == hits.people.shape == hits.scores.shape == (3, 0)
        assert hits.rescored.tolist() == [0, 0, 0]
    assert index.remove([1, 2]) == index.reassign([1], 2) == 0
    index.add([], [], np.zeros((0, 4), np.float32))
    assert len(index) == 0
    assert index.search(np.zeros((0, 4), np.float32), 5).ids.shape == (0, 0)


def test_a_case_by_hand() -> None:
    index = ExactIndex(2)
    index.add([30, 10, 20, 5], [2, 1, 1, 3], np.array([[0.6, 0.8], [1, 0], [0.6, 0.8], [0, -1]], dtype=np.float32))
    query = np.array([0, 1], dtype=np.float32)
    hits = index.search(query, 10)
    assert pairs(hits) == [(20, np.float32(0.8)), (30, np.float32(0.8)), (10, 0.0), (5, -1.0)]
    assert hits.people.tolist() == [[1, 2, 1, 3]]
    assert triples(index.search_people(query, 2)) == [(1, 20, np.float32(0.8)), (2, 30, np.float32(0.8))]


@pytest.mark.parametrize(
    "call",
    [
        lambda index: index.add([1], [1], np.array([[np.nan, 1]])),
        lambda index: index.add([1], [1], np.array([[np.inf, 0]])),
        lambda index: index.add([1], [1], np.array([[1e300, 0]])),
        lambda index: index.add([1], [1], np.array([[0, 0]])),
        lambda index: index.add([1], [1], np.array([[3, 4]])),
        lambda index: index.add([1], [1], np.array([[1, 0, 0]])),
        lambda index: index.add([1, 2], [1], np.array([[1, 0]])),
        lambda index: index.add([1.5], [1], np.array([[1, 0]])),
        lambda index: index.add([[1]], [1], np.array([[1, 0]])),
        lambda index: index.add([1, 1], [1, 2], np.array([[1, 0], [0, 1]])),
        lambda index: index.add([2, 7], [1, 2], np.array([[1, 0], [0, 1]])),
        lambda index: index.search(np.array([np.nan, 0]), 1),
        lambda index: index.search(np.array([0.5, 0]), 1),
        lambda index: index.search(np.array([1, 0, 0]), 1),
        lambda index: index.search_people(np.array([[[1, 0]]]), 1),
    ],
)
def test_what_is_no_unit_vector_or_no_new_id_is_refused_whole(call: Callable[[ExactIndex], object]) -> None:
    index = ExactIndex(2)
    index.add([7], [1], np.array([[1, 0]], dtype=np.float32))
    with pytest.raises(InvalidVectorError, match="expected"):
        call(index)
    assert index.ids.tolist() == [7]


@pytest.mark.parametrize(
    "call",
    [
        lambda: ExactIndex(0),
        lambda: ExactIndex(2, "fp16"),  # type: ignore[arg-type]
        lambda: ExactIndex(2, threads=0),
        lambda: ExactIndex(2).search(np.array([1, 0], dtype=np.float32), 0),
        lambda: ExactIndex(2).search_people(np.array([1, 0], dtype=np.float32), -1),
    ],
)
def test_impossible_wishes_are_refused(call: Callable[[], object]) -> None:
    with pytest.raises(InputError, match="expected"):
        call()


@st.composite
def nasty_rows(draw: st.DrawFn) -> np.ndarray:
    """Rows that lie on, beside or exactly opposite each other, with spikes and dust."""
    dimension = draw(st.sampled_from([1, 2, 3, 31, 64, 128, 129]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    base = rng.standard_normal((draw(st.integers(1, 4)), dimension))
    base[0] = np.eye(dimension)[rng.integers(dimension)]
    made = []
    for kind in draw(
        st.lists(st.sampled_from(["same", "ulp", "near", "spike", "dust", "minus", "free"]), min_size=1, max_size=60)
    ):
        row = base[rng.integers(len(base))].copy()
        if kind == "ulp":
            row = np.nextafter(unit(row), np.float32(rng.choice([-2, 2]))).astype(np.float64)
        elif kind == "near":
            row += 1e-4 * rng.standard_normal(dimension)
        elif kind == "spike":
            row[rng.integers(dimension)] = 10.0 ** rng.integers(0, 8)
        elif kind == "dust":
            row *= 10.0 ** rng.integers(-20, 1, dimension)
        elif kind == "minus":
            row = -row
        elif kind == "free":
            row = rng.standard_normal(dimension)
        made.append(row if np.abs(row).max() > 1e-15 else base[0])
    return np.stack([unit(row) for row in made])


@given(nasty_rows(), st.integers(0, 2**32 - 1), st.integers(1, 70))
@settings(max_examples=150, deadline=None)
def test_the_answer_is_that_of_brute_force(matrix: np.ndarray, seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    n = len(matrix)
    ids, people = rng.permutation(5 * n)[:n], rng.integers(0, max(1, n // 3), n)
    queries = np.concatenate([matrix[rng.integers(0, n, 2)], unit(rng.standard_normal((1, matrix.shape[1])))])
    for precision in PRECISIONS:
        with through_bytes():
            index = ExactIndex(matrix.shape[1], precision, threads=2)  # type: ignore[arg-type]
            index.add(ids, people, matrix)
            templates, persons = index.search(queries, k), index.search_people(queries, k)
        for at, query in enumerate(queries):
            assert pairs(templates, at) == best(ids, matrix, query, k)
            assert triples(persons, at) == best_people(ids, people, matrix, query, k)


@given(nasty_rows())
@settings(max_examples=100, deadline=None)
def test_the_bound_of_the_bytes_holds(matrix: np.ndarray) -> None:
    coded = quantise.codes_of(matrix)
    steps, wide = coded.scales.astype(np.float64), coded.codes.astype(np.float64)
    true = matrix.astype(np.float64)
    assert np.abs(coded.codes.astype(np.int16)).max(axis=1).tolist() == [127] * len(matrix)
    lost = np.sqrt(((true - steps[:, None] * wide) ** 2).sum(axis=1))
    assert (lost <= coded.rests).all()
    # every row as the query of every other
    error = np.abs(true @ true.T - np.outer(steps, steps) * (wide @ wide.T))
    lengths = np.sqrt((true * true).sum(axis=1))
    bound = np.outer(lengths, coded.rests) + np.outer(coded.rests, steps * np.sqrt((wide * wide).sum(axis=1)))
    assert (error <= bound + 1e-15).all()
    # and it is not vacuous: half a step in every component is the most that rounding loses
    assert (coded.rests <= 0.5001 * steps * np.sqrt(matrix.shape[1]) + 1e-9).all()


class Intervals(Race):
    """A race that notes the interval of every row."""

    def sift(self, stretch: Stretch, upper: Any, *, step: float = 1.0, common: float, spread: Any = None) -> None:
        wide = upper.astype(np.float64)
        self.high = wide * step + common
        self.low = (wide - (0 if spread is None else 2.0 * spread)) * step - common


def along(direction: np.ndarray) -> np.ndarray:
    """A unit row close to a direction that its bytes hold without loss."""
    return unit(np.rint(127 * direction / np.abs(direction).max()))


@pytest.mark.parametrize("loser", ["row", "query"])
@pytest.mark.parametrize("seed", range(5))
def test_intervals_hold_the_score_in_the_worst_case(loser: str, seed: int) -> None:
    """What rounding takes from one side lies along the other, which loses nothing itself."""
    lossy = faces(1, 128, seed=seed)
    coded = quantise.codes_of(lossy)
    lost = lossy[0].astype(np.float64) - coded.scales.astype(np.float64) * coded.codes[0]
    whole = along(lost)[None]
    assert quantise.codes_of(whole).rests[0] < 1e-6
    row, query = (lossy, whole[0]) if loser == "row" else (whole, lossy[0])
    index = ExactIndex(128)
    index.add([0, 1], [0, 1], np.concatenate([row, -row]))
    bytewise, floatwise = Intervals(1, by_person=False), Intervals(1, by_person=False)
    with index.blocks() as (block,):
        bytes_pass(query, bytewise)(Stretch(block, 0, 2))
        float_pass(query[None], [floatwise])(Stretch(block, 0, 2))
        true = scores(block.truth[:2], query)
    for race in (bytewise, floatwise):
        assert (race.low <= true).all()
        assert (true <= race.high).all()
    # so much and not much more
    assert bytewise.high[0] - true[0] < 0.3 * coded.rests[0]
    assert (floatwise.high - floatwise.low < 3e-5).all()


class Changes(RuleBasedStateMachine):
    """An index through any series of changes, beside a plain dictionary."""

    @initialize(precision=st.sampled_from(PRECISIONS))
    def begin(self, precision: Any) -> None:
        self.narrow = through_bytes()
        self.narrow.__enter__()
        self.index = ExactIndex(8, precision, threads=2)
        self.kept: dict[int, tuple[int, np.ndarray]] = {}
        self.rng = np.random.default_rng(0)

    def teardown(self) -> None:
        if hasattr(self, "narrow"):
            self.narrow.__exit__(None, None, None)

    @rule(ids=st.lists(st.integers(-50, 50), max_size=40, unique=True), person=st.integers(0, 5))
    def add(self, ids: list[int], person: int) -> None:
        matrix = unit(self.rng.standard_normal((max(1, len(ids)), 8)))[: len(ids)]
        if any(number in self.kept for number in ids):
            with pytest.raises(InvalidVectorError, match="is in the index"):
                self.index.add(ids, [person] * len(ids), matrix)
            return
        self.index.add(ids, [person] * len(ids), matrix)
        self.kept |= {number: (person, row) for number, row in zip(ids, matrix, strict=True)}

    @rule(ids=st.lists(st.integers(-50, 50), max_size=60))
    def remove(self, ids: list[int]) -> None:
        there = {number for number in ids if number in self.kept}
        assert self.index.remove(ids) == len(there)
        for number in there:
            del self.kept[number]

    @rule(ids=st.lists(st.integers(-50, 50), max_size=10), person=st.integers(0, 5))
    def reassign(self, ids: list[int], person: int) -> None:
        there = {number for number in ids if number in self.kept}
        assert self.index.reassign(ids, person) == len(there)
        for number in there:
            self.kept[number] = (person, self.kept[number][1])

    @precondition(lambda self: hasattr(self, "index"))
    @invariant()
    def holds_what_is_kept(self) -> None:
        assert len(self.index) == len(self.kept)
        owners = dict(zip(self.index.ids.tolist(), self.index.people.tolist(), strict=True))
        assert owners == {number: person for number, (person, _) in self.kept.items()}
        if self.kept:
            ids = np.array(list(self.kept))
            people = np.array([person for person, _ in self.kept.values()])
            matrix = np.stack([row for _, row in self.kept.values()])
            query = matrix[self.rng.integers(len(matrix))]
            assert pairs(self.index.search(query, 7)) == best(ids, matrix, query, 7)
            assert triples(self.index.search_people(query, 3)) == best_people(ids, people, matrix, query, 3)


TestChanges = Changes.TestCase
TestChanges.settings = settings(max_examples=40, stateful_step_count=15, deadline=None)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("identities", [None, 3000])
def test_agrees_with_faiss(precision: Any, identities: int | None) -> None:
    matrix = faces(30_000, 128, identities=identities)
    index = ExactIndex(128, precision)
    index.add(np.arange(30_000), np.arange(30_000) // 3, matrix)
    outside = faiss.IndexFlatIP(128)
    outside.add(matrix)
    queries = unit(matrix[:12] + faces(12, 128, seed=1) * 0.3)
    expected, numbers = outside.search(queries, 5)
    for hits in (index.search(queries, 5), *(index.search(query, 5) for query in queries[:1])):
        assert np.array_equal(hits.ids, numbers[: len(hits.ids)])
        assert np.abs(hits.scores - expected[: len(hits.ids)]).max() < 1e-6
        assert hits.rescored.max() < 300


@pytest.mark.slow
@pytest.mark.parametrize("identities", [None, 20_000])
def test_agrees_with_faiss_at_two_hundred_thousand(identities: int | None) -> None:
    matrix = faces(200_000, 128, identities=identities)
    people = np.arange(200_000) // 10
    index = ExactIndex(128)
    index.add(np.arange(200_000), people, matrix)
    outside = faiss.IndexFlatIP(128)
    outside.add(matrix)
    queries = unit(matrix[:40] + faces(40, 128, seed=1) * 0.3)
    expected, numbers = outside.search(queries, 5)
    one_by_one = [index.search(query, 5) for query in queries]
    assert np.array_equal(np.concatenate([hits.ids for hits in one_by_one]), numbers)
    assert np.abs(np.concatenate([hits.scores for hits in one_by_one]) - expected).max() < 1e-6
    persons = [index.search_people(query, 4) for query in queries[:3]]
    ids = np.arange(200_000)
    assert [triples(hits) for hits in persons] == [best_people(ids, people, matrix, q, 4) for q in queries[:3]]


def test_batches_and_single_queries_give_the_same_bits() -> None:
    matrix = faces(25_000, 64, identities=500)
    index = ExactIndex(64)
    index.add(np.arange(25_000), np.arange(25_000) % 700, matrix)
    queries = faces(70, 64, seed=3)
    together = index.search_people(queries, 6)
    alone = [index.search_people(query, 6) for query in queries]
    assert np.array_equal(together.ids, np.concatenate([hits.ids for hits in alone]))
    assert np.array_equal(together.scores, np.concatenate([hits.scores for hits in alone]))


def test_fewer_people_than_asked_for_costs_no_full_rescoring() -> None:
    index = ExactIndex(64)
    index.add(np.arange(30_000), np.arange(30_000) % 3, faces(30_000, 64))
    hits = index.search_people(faces(1, 64, seed=1), 5)
    assert sorted(hits.people[0].tolist()) == [0, 1, 2]
    assert hits.rescored[0] < 300


def test_many_equal_rows_rank_by_id() -> None:
    index = ExactIndex(128)
    index.add(np.arange(30_000)[::-1].copy(), np.zeros(30_000, int), np.repeat(faces(1, 128), 30_000, axis=0))
    hits = index.search(faces(1, 128), 4)
    assert hits.ids.tolist() == [[0, 1, 2, 3]]
    assert hits.rescored.tolist() == [30_000]


def test_many_equal_people_rank_by_id() -> None:
    index = ExactIndex(8)
    index.add(np.arange(900), np.arange(900)[::-1] // 3, np.repeat(faces(1, 8), 900, axis=0))
    hits = index.search_people(faces(1, 8), 200)
    assert hits.people.tolist() == [list(range(200))]
    assert hits.ids.tolist() == [[897 - 3 * person for person in range(200)]]


def test_removed_rows_give_their_memory_back() -> None:
    with changed(rows, BLOCK=1024), changed(exact, BLOCK=1024):
        index = ExactIndex(32)
        index.add(np.arange(20_000), np.arange(20_000), faces(20_000, 32))
        before = index.nbytes
        assert index.remove(np.arange(1000, 20_000)) == 19_000
    assert index.nbytes < before / 15
    assert sorted(index.ids.tolist()) == list(range(1000))


def test_searches_run_beside_a_writer() -> None:
    """A search sees a row whole or not at all, and none that was gone before it began."""
    matrix = faces(4000, 16)
    index = ExactIndex(16, threads=2)
    index.add(np.arange(3000), np.arange(3000), matrix[:3000])
    gone: set[int] = set()
    wrong: list[object] = []
    seen = 0
    done = threading.Event()

    def read(seed: int) -> None:
        nonlocal seen
        rng = np.random.default_rng(seed)
        while True:
            last = done.is_set()
            before = set(gone)
            query = matrix[rng.integers(4000)]
            hits = index.search(query, 20)
            if before & set(hits.ids[0].tolist()):
                wrong.append("a removed row")
            if not np.array_equal(hits.scores[0], scores(matrix[hits.ids[0]], query)):
                wrong.append("a score of another row")
            if not np.array_equal(hits.ids[0], hits.people[0]):
                wrong.append("a person of another row")
            seen += 1
            if last:
                return

    with changed(exact, _SMALL=0, _LEAST=500):
        readers = [threading.Thread(target=read, args=(seed,)) for seed in range(3)]
        for reader in readers:
            reader.start()
        for step in range(300):
            new, old = 3000 + step, step * 7 % 3000
            index.add([new], [new], matrix[new : new + 1])
            assert new in index.search(matrix[new], 1).ids
            assert index.remove([old]) == 1
            gone.add(old)
        done.set()
        for reader in readers:
            reader.join()
    assert wrong == []
    assert seen >= 3
    assert len(index) == 3000


def test_byte_products_are_exact_whatever_the_cpu_can_do() -> None:
    simsimd = pytest.importorskip("simsimd")
    rng = np.random.default_rng(0)
    able = [name for name, there in simsimd.get_capabilities().items() if there and name != "serial"]
    tried = 0
    try:
        for name in [None, *reversed(able)]:
            if name is not None:
                simsimd.disable_capability(name)
            for dimension in (1, 3, 63, 128, 513, 1200):
                codes = rng.integers(-127, 128, (50, dimension), dtype=np.int8)
                truth = (codes.astype(np.int64) @ codes[0].astype(np.int64)).astype(np.float32)
                assert quantise.dots(codes[:1], codes).tolist() == truth.tolist()
                tried += 1
        quantise.has_fast_dots.cache_clear()
        assert not quantise.has_fast_dots(128)  # only the portable loop is left
    finally:
        for name in able:
            simsimd.enable_capability(name)
        quantise.has_fast_dots.cache_clear()
    assert tried >= 6


@pytest.mark.parametrize("how", ["missing", "wrong"])
def test_without_right_byte_products_the_index_uses_floats(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if how == "missing":
        monkeypatch.setitem(sys.modules, "simsimd", None)
    else:
        true = quantise.dots
        monkeypatch.setattr(quantise, "dots", lambda query, codes: true(query, codes) + 1)
    quantise.has_fast_dots.cache_clear()
    try:
        index = ExactIndex(16, "int8")
    finally:
        quantise.has_fast_dots.cache_clear()
    assert index.precision == "fp32"
    matrix = faces(50, 16)
    index.add(np.arange(50), np.arange(50), matrix)
    assert pairs(index.search(matrix[3], 4)) == best(np.arange(50), matrix, matrix[3], 4)


def test_searching_does_not_wear_out_none() -> None:
    """The byte kernel must not be called in the way that loses a reference to None at each call."""
    index = ExactIndex(16)
    index.add(np.arange(100), np.arange(100), faces(100, 16))
    with through_bytes():
        before = sys.getrefcount(None)
        for query in faces(300, 16):
            index.search(query, 1)
        assert sys.getrefcount(None) > before - 100
