"""Searches by normalised scores, over made-up people with thresholds measured on others like them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vultus.errors import (
    ContractMismatchError,
    InputError,
    InvalidVectorError,
    NotFoundError,
    OperatingPointError,
)
from vultus.evaluation.calibrate import calibrate
from vultus.gallery import Gallery
from vultus.gallery.identification import decide
from vultus.gallery.normalising import Cohort, check_method
from vultus.gallery.values import Candidate
from vultus.metrics.cohort import adaptive_s_norm, gallery_t_norm
from vultus.operating import OperatingTable
from vultus.testing import Analyzer, Thresholds, picture
from vultus.types import EmbeddingContract, Reading, unit

CONTRACT = EmbeddingContract("made-up", "0" * 64, 64)
PEOPLE = 30


def crowd(people: int, pictures: int, seed: int) -> NDArray[np.float32]:
    """(people, pictures, 64)"""
    rng = np.random.default_rng(seed)
    directions = rng.normal(size=(people, 1, 64))
    return unit((directions + 0.7 * rng.normal(size=(people, pictures, 64))).reshape(-1, 64)).reshape(people, -1, 64)


@pytest.fixture(scope="module")
def table() -> OperatingTable:
    vectors = crowd(300, 2, seed=0)
    names = np.repeat([f"p{who}" for who in range(300)], 2)
    return calibrate(vectors.reshape(-1, 64), names, CONTRACT, data="made up", date="2026-01-01", replicates=50)


@pytest.fixture(scope="module")
def people() -> NDArray[np.float32]:
    return crowd(PEOPLE, 3, seed=1)


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory, table: OperatingTable, people: NDArray[np.float32]) -> Any:
    """30 people of two templates each, which the tests only read."""
    with Gallery.open(tmp_path_factory.mktemp("g") / "g", contract=CONTRACT, operating=table) as gallery:
        for who, vectors in enumerate(people):
            gallery.enroll_vectors(f"P{who:02}", vectors[:2], force=True)
        yield gallery


@pytest.fixture(scope="module")
def cohort() -> Cohort:
    return Cohort(crowd(90, 1, seed=2)[:, 0], CONTRACT.id)


@pytest.fixture(scope="module")
def readings(people: NDArray[np.float32]) -> list[Reading]:
    """One search for everybody, and 30 strangers."""
    (shown,) = Analyzer().analyze(picture("Ada"))
    strangers = crowd(PEOPLE, 1, seed=3)[:, 0]
    return [replace(shown, embedding=vector) for vector in (*people[:, 2], *strangers)]


def test_an_empty_gallery_knows_nobody(
    tmp_path: Path, table: OperatingTable, readings: list[Reading], cohort: Cohort
) -> None:
    with Gallery.open(tmp_path / "g", contract=CONTRACT, operating=table) as gallery:
        assert gallery.identify_readings([], normalise="t") == ()
        for method, others in (("t", None), ("s", cohort)):
            (seen,) = gallery.identify_readings(readings[:1], normalise=method, cohort=others)
            assert (seen.status, seen.score, seen.normalised, seen.candidates) == ("unknown", None, None, ())
        with pytest.raises(InputError, match="to make a cohort of, got none"):
            gallery.cohort()


def test_off_is_as_it_was(known: Gallery, readings: list[Reading], people: NDArray[np.float32]) -> None:
    """Without the option: the scores of the plain comparison and the threshold of the table, to the bit."""
    plain = known.identify_readings(readings, allow_repeat=True)
    assert plain == known.identify_readings(readings, allow_repeat=True, normalise="none")
    point = known._thresholds(CONTRACT).identify(0.01, np.full(PEOPLE, 2))
    for seen, ranked, reading in zip(
        plain, known.search(np.array([reading.embedding for reading in readings])), readings, strict=True
    ):
        assert seen.normalised is None
        assert seen.operating == point
        assert seen.candidates == ranked
        assert reading.embedding is not None
        scores = (people[:, :2].astype(np.float64) @ reading.embedding.astype(np.float64)).max(axis=1)
        assert seen.score == pytest.approx(scores.max(), abs=1e-6)
        assert (seen.status == "match") == (seen.score is not None and seen.score >= point.threshold)


def test_t_norm_by_the_gallery(known: Gallery, readings: list[Reading], people: NDArray[np.float32]) -> None:
    plain = known.identify_readings(readings, allow_repeat=True)
    found = known.identify_readings(readings, allow_repeat=True, normalise="t")
    probes = np.array([reading.embedding for reading in readings])
    wanted = gallery_t_norm(np.einsum("pd,gtd->pgt", probes, people[:, :2]).max(axis=2))
    for before, seen, row in zip(plain, found, wanted, strict=True):
        assert seen.candidates == before.candidates  # the order and the cosines stay
        assert seen.score == before.score
        assert seen.normalised == pytest.approx(row.max(), abs=1e-3)
        assert seen.operating is not None
        assert seen.operating.fusion == "t-norm of max"
        assert seen.operating.threshold > 1  # no cosine
        assert (seen.status == "match") == (seen.normalised >= seen.operating.threshold)
    names = [seen.person for seen in found]
    assert sum(name == f"P{who:02}" for who, name in enumerate(names[:PEOPLE])) > 0.8 * PEOPLE
    assert sum(name is not None for name in names[PEOPLE:]) <= 3


def test_adaptive_s_norm_by_a_cohort(
    known: Gallery, readings: list[Reading], people: NDArray[np.float32], cohort: Cohort, table: OperatingTable
) -> None:
    found = known.identify_readings(readings, allow_repeat=True, normalise="s", cohort=cohort)
    size, top = table.cohort_size()
    probes, gallery = np.array([reading.embedding for reading in readings]), people[:, :2].reshape(-1, 64)
    apart = cohort.drawn(size, CONTRACT)
    assert len(apart) == size == 75
    relative = adaptive_s_norm(probes @ gallery.T, probes @ apart.T, gallery @ apart.T, top=top)
    wanted = relative.reshape(len(probes), PEOPLE, 2).max(axis=2)
    cosines = (probes @ gallery.T).reshape(len(probes), PEOPLE, 2).max(axis=2)
    for seen, row, cosine in zip(found, wanted, cosines, strict=True):
        assert seen.normalised == pytest.approx(row.max(), abs=1e-3)
        order = [f"P{who:02}" for who in np.argsort(-row)[:5]]
        assert [candidate.person for candidate in seen.candidates] == order
        assert seen.score == pytest.approx(cosine[row.argmax()], abs=1e-6)
        assert seen.operating is not None
        assert (seen.status == "match") == (seen.normalised >= seen.operating.threshold)
    names = [seen.person for seen in found]
    assert sum(name == f"P{who:02}" for who, name in enumerate(names[:PEOPLE])) > 0.8 * PEOPLE
    assert sum(name is not None for name in names[PEOPLE:]) <= 3


def test_leads_are_not_measured_by_a_threshold_of_another_kind(known: Gallery, readings: list[Reading]) -> None:
    match = next(seen for seen in known.identify_readings(readings[:5], normalise="t") if seen.status == "match")
    assert match.leads == match.candidates[1:]
    stranger = next(seen for seen in known.identify_readings(readings[-5:], normalise="t") if seen.status == "unknown")
    assert stranger.leads == stranger.candidates


def test_the_cohort_follows_the_gallery(
    tmp_path: Path, table: OperatingTable, people: NDArray[np.float32], readings: list[Reading], cohort: Cohort
) -> None:
    with Gallery.open(tmp_path / "g", contract=CONTRACT, operating=table) as gallery:
        for who, vectors in enumerate(people[:12]):
            gallery.enroll_vectors(f"P{who:02}", vectors[:2], force=True)
        asked = readings[:1]
        (before,) = gallery.identify_readings(asked, normalise="s", cohort=cohort)
        assert before.person == "P00"
        gallery.remove("P00")
        (after,) = gallery.identify_readings(asked, normalise="s", cohort=cohort)
        assert after.person != "P00"
        assert "P00" not in {candidate.person for candidate in after.candidates}


def test_who_was_rejected_is_left_out(
    known: Gallery, tmp_path: Path, table: OperatingTable, people: NDArray[np.float32], readings: list[Reading]
) -> None:
    with Gallery.open(tmp_path / "g", contract=CONTRACT, operating=table) as gallery:
        for who, vectors in enumerate(people[:12]):
            gallery.enroll_vectors(f"P{who:02}", vectors[:2], force=True)
        sha256 = "ab" * 32
        gallery.reject(sha256, "P00")
        (seen,) = gallery.identify_readings(readings[:1], normalise="t", sha256=sha256)
        (plain,) = gallery.identify_readings(readings[:1], sha256=sha256)
        assert "P00" not in {candidate.person for candidate in seen.candidates}
        assert seen.candidates == plain.candidates


def test_bad_calls_are_refused(
    known: Gallery, readings: list[Reading], cohort: Cohort, people: NDArray[np.float32], tmp_path: Path
) -> None:
    def search(**options: Any) -> None:
        known.identify_readings(readings[:1], **options)

    with pytest.raises(InputError, match="none, t or s, got 'z'"):
        search(normalise="z")
    for method, others in (("s", None), ("t", cohort), ("none", cohort)):
        with pytest.raises(InputError, match="a cohort with normalise='s', and with it only"):
            check_method(method, others)
    with pytest.raises(InputError, match=r"cohort of 75 people or more.*got 74"):
        search(normalise="s", cohort=Cohort(cohort.vectors[:74], CONTRACT.id))
    with pytest.raises(ContractMismatchError, match="cohort of embeddings of made-up"):
        search(normalise="s", cohort=Cohort(cohort.vectors, "vultus-emb-v1:another"))
    with pytest.raises(InputError, match="one of its pictures is enrolled"):
        search(normalise="s", cohort=Cohort(np.concatenate([people[:, 0], cohort.vectors[:45]]), CONTRACT.id))
    with pytest.raises(OperatingPointError, match=r"an FPIR of 0\.0"):
        search(normalise="t", fpir=1e-4)
    with (
        pytest.raises(OperatingPointError, match=r"a gallery.*of 10 to .* people.*got 3"),
        small(tmp_path, known) as few,
    ):
        few.identify_readings(readings[:1], normalise="t")


def small(folder: Path, known: Gallery) -> Gallery:
    gallery = Gallery.open(folder / "few", contract=CONTRACT, operating=known._operating)
    for who, vectors in enumerate(crowd(3, 1, seed=5)):
        gallery.enroll_vectors(f"P{who}", vectors)
    return gallery


def test_thresholds_that_know_nothing_of_it(tmp_path: Path) -> None:
    analyzer = Analyzer()
    with Gallery.open(tmp_path / "g", analyzer=analyzer, operating=Thresholds(analyzer.contract)) as gallery:
        gallery.enroll("Ada", picture("Ada"))
        with pytest.raises(OperatingPointError, match="do not say what normalised scores stand for"):
            gallery.identify(picture("Ada"), normalise="t")


def test_a_cohort_is_read_from_a_gallery_and_a_file(
    known: Gallery, people: NDArray[np.float32], tmp_path: Path
) -> None:
    others = known.cohort()
    assert others.contract == CONTRACT.id
    assert len(others.vectors) == PEOPLE
    assert (others.vectors @ people[:, 0].T).max(axis=0) == pytest.approx(np.ones(PEOPLE), abs=1e-6)
    others.save(tmp_path / "c.npz")
    again = Cohort.load(tmp_path / "c.npz")
    np.testing.assert_allclose(again.vectors, others.vectors, atol=1e-6)
    assert again.contract == others.contract


def test_what_is_no_cohort_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no such file"):
        Cohort.load(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("text")
    np.savez(tmp_path / "bare.npz", embeddings=np.eye(3))
    np.save(tmp_path / "array.npy", np.eye(3))
    for name in ("text.npz", "bare.npz", "array.npy"):
        with pytest.raises(InputError, match=r"expected an \.npz with embeddings"):
            Cohort.load(tmp_path / name)
    for wrong in (np.ones(3), np.zeros((2, 3)), np.full((2, 3), np.nan), np.ones((2, 3), dtype=int)):
        np.savez(tmp_path / "wrong.npz", embeddings=wrong, contract="c")
        with pytest.raises(InvalidVectorError):
            Cohort.load(tmp_path / "wrong.npz")


def rows_of(people: int) -> st.SearchStrategy[list[list[int]]]:
    return st.lists(st.lists(st.integers(-64, 64), min_size=people, max_size=people), min_size=1, max_size=4)


@given(st.integers(5, 12).flatmap(rows_of), st.integers(-64, 64))
def test_adding_a_constant_changes_no_decision_of_t_norm(rows: list[list[int]], shift: int) -> None:
    """A probe that scores the same amount more against everybody is judged as before."""
    values = np.array(rows) / 256  # so that the sums are exact

    def decided(matrix: NDArray[np.float64]) -> list[str]:
        faces = [
            sorted((Candidate(str(who), str(who), score) for who, score in enumerate(row)), key=lambda one: -one.score)
            for row in np.nan_to_num(gallery_t_norm(matrix), nan=-np.inf).round(9)
        ]
        return [*decide(faces, 3.0), *(face[0].id for face in faces)]

    assert decided(values) == decided(values + shift / 256)
