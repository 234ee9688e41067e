"""Grouping against scipy and scikit-learn, the naive definition, planted bridges and shuffles."""

from __future__ import annotations

import itertools
import tracemalloc
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.cluster.hierarchy import average, fcluster
from scipy.sparse.csgraph import connected_components
from sklearn.cluster import AgglomerativeClustering

import vultus.gallery.cluster as module
from vultus.analyzer import Analyzer
from vultus.errors import InputError, InvalidVectorError
from vultus.gallery.cluster import cluster

Floats = NDArray[np.float64]
Partition = set[frozenset[int]]


def partition(labels: NDArray[np.intp]) -> Partition:
    """Groups as sets of rows; -1 stands for a group of its own each time."""
    named = [label if label >= 0 else -1 - row for row, label in enumerate(labels.tolist())]
    return {frozenset(np.flatnonzero(np.equal(named, name)).tolist()) for name in set(named)}


def unit(vectors: Floats) -> Floats:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def people(n: int, groups: int, noise: float = 1.0, seed: int = 0, dimension: int = 64) -> tuple[Floats, Floats]:
    """Unit vectors around random centres, and the centre of each."""
    rng = np.random.default_rng(seed)
    centres = unit(rng.normal(size=(groups, dimension)))
    who = rng.integers(groups, size=n)
    return unit(centres[who] + noise * rng.normal(size=(n, dimension)) / dimension**0.5), who


def by_scipy(vectors: Floats, threshold: float) -> Partition:
    pairs = np.triu_indices(len(vectors), 1)
    tree = average((1 - vectors @ vectors.T)[pairs])
    return partition(fcluster(tree, 1 - threshold, "distance"))


def by_definition(
    vectors: Floats, threshold: float, apart: set[frozenset[int]], together: list[list[int]]
) -> Partition:
    """Join the two groups with the highest mean cosine that no pair keeps apart, by looking at every pair."""
    scores = vectors @ vectors.T
    groups = [list(group) for group in together]
    groups += [[row] for row in range(len(vectors)) if not any(row in group for group in together)]
    while True:
        allowed = [
            (scores[np.ix_(a, b)].mean(), i, j)
            for (i, a), (j, b) in itertools.combinations(enumerate(groups), 2)
            if not any(frozenset(pair) in apart for pair in itertools.product(a, b))
        ]
        if not allowed or max(allowed)[0] < threshold:
            return {frozenset(group) for group in groups}
        _, i, j = max(allowed)
        groups[i] += groups.pop(j)


def test_no_faces_no_groups() -> None:
    assert cluster(np.empty((0, 128)), 0.4).tolist() == []
    assert cluster(np.empty(0), 0.4, photo=[], keys=[]).tolist() == []


def test_one_face_is_alone() -> None:
    assert cluster(np.ones((1, 4)), 0.4).tolist() == [-1]


def test_groups_by_hand() -> None:
    degrees = np.radians([0, 10, 20, 120, 130, 250])  # 0-20 joined, 120-130 joined, 250 alone
    vectors = np.column_stack((np.cos(degrees), np.sin(degrees)))
    assert cluster(vectors, 0.9).tolist() == [0, 0, 0, 1, 1, -1]
    # (cos 10 + cos 20) / 2 = .9622 is the mean over which the third face joins.
    assert cluster(vectors, 0.9623).tolist() != cluster(vectors, 0.9621).tolist()


@pytest.mark.parametrize("threshold", [0.1, 0.25, 0.36, 0.5, 0.7])
@pytest.mark.parametrize("noise", [0.6, 1.2, 2.0])
def test_equals_scipy_and_scikit_learn(threshold: float, noise: float) -> None:
    vectors, _ = people(300, 40, noise)
    ours = partition(cluster(vectors, threshold))
    learned = AgglomerativeClustering(
        n_clusters=None, metric="cosine", linkage="average", distance_threshold=1 - threshold
    ).fit_predict(vectors)
    assert ours == by_scipy(vectors, threshold)
    assert ours == partition(learned)


def test_equals_scipy_on_unstructured_vectors() -> None:
    vectors = unit(np.random.default_rng(3).normal(size=(800, 16)))
    ours = partition(cluster(vectors, 0.3))
    assert ours == by_scipy(vectors, 0.3)
    assert 1 < len(ours) < 800


@pytest.mark.data
@pytest.mark.weights
def test_equals_scipy_and_scikit_learn_on_real_faces_in_any_order(data: Path) -> None:
    names = [line.split()[0] for line in (data / "lfw/identities25.txt").read_text().splitlines()]
    files = [data / f"lfw/images/{name}/{name}_{number:04}.jpg" for name in names for number in range(1, 11)]
    strangers = (data / "lfw/strangers.txt").read_text().split()[:60]
    files += [data / f"lfw/images/{name}/{name}_0001.jpg" for name in strangers if name not in names]
    analyzer = Analyzer()
    readings = [analyzer.analyze(np.asarray(PIL.Image.open(file))) for file in files]
    photo = [at for at, faces in enumerate(readings) for _ in faces]
    vectors = np.array([face.embedding for faces in readings for face in faces], np.float64)
    assert len(vectors) > len(files)  # some pictures show others behind
    shuffled = np.random.default_rng(0).permutation(len(vectors))
    for threshold in (0.3, 0.362, 0.42):
        labels = cluster(vectors, threshold)
        learned = AgglomerativeClustering(
            n_clusters=None, metric="cosine", linkage="average", distance_threshold=1 - threshold
        ).fit_predict(vectors)
        assert partition(labels) == by_scipy(vectors, threshold) == partition(learned)
        assert cluster(vectors[shuffled], threshold).tolist() == labels[shuffled].tolist()
        apart = cluster(vectors, threshold, photo=photo)
        moved = cluster(vectors[shuffled], threshold, photo=[photo[row] for row in shuffled])
        assert moved.tolist() == apart[shuffled].tolist()
        joined = [(a, b) for a, b in itertools.pairwise(range(len(photo))) if photo[a] == photo[b]]
        assert all(apart[a] != apart[b] or apart[a] == -1 for a, b in joined)


def test_comparing_all_groups_equals_comparing_listed_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, who = people(400, 30, 1.4)
    photo = (np.arange(400) // 2).tolist()
    listed = cluster(vectors, 0.3, photo=photo)
    monkeypatch.setattr(module, "_EDGES", 0)
    assert cluster(vectors, 0.3, photo=photo).tolist() == listed.tolist()
    assert 1 < listed.max() < len(who)


def test_nearest_neighbours_find_what_all_pairs_find_when_people_are_distinct() -> None:
    vectors, who = people(600, 30, 0.8)
    few = partition(cluster(vectors, 0.4, neighbours=5))
    assert few == partition(cluster(vectors, 0.4)) == partition(who)


def test_neighbours_limit_which_groups_are_tried() -> None:
    degrees = np.radians([0, 1, 10, 11])  # each has its nearest in its own pair
    vectors = np.column_stack((np.cos(degrees), np.sin(degrees)))
    assert cluster(vectors, 0.9, neighbours=1).tolist() == [1, 1, 0, 0]
    assert cluster(vectors, 0.9, neighbours=2).tolist() == [0, 0, 0, 0]
    assert cluster(-np.eye(3), 0.9, neighbours=1).tolist() == [-1, -1, -1]


def test_many_faces_use_neighbours_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, who = people(500, 25, 0.8)
    monkeypatch.setattr(module, "EXACT_FACES", 100)
    monkeypatch.setattr(module, "NEIGHBOURS", 4)
    monkeypatch.setattr(module, "_CELLS", 7_000)
    assert partition(cluster(vectors, 0.4)) == partition(who)


def test_one_bad_pair_does_not_merge_two_people() -> None:
    vectors, who = people(20, 2, 0.5, seed=5)
    who = np.append(who, 2)
    bridge = unit((vectors[who[:20] == 0].mean(0) + vectors[who[:20] == 1].mean(0))[None])
    vectors = np.concatenate((vectors, bridge))
    reached = vectors @ vectors.T >= 0.5
    assert connected_components(reached)[0] == 1  # the method that we refuse: one person
    assert not reached[np.ix_(who == 0, who == 1)].any()  # and it is the bridge alone that does it
    labels = cluster(vectors, 0.5)
    assert len(set(labels[who == 0])) == len(set(labels[who == 1])) == 1
    assert labels[who == 0][0] != labels[who == 1][0]


def test_faces_of_one_photo_stay_apart() -> None:
    twins = np.array([[1, 0, 0], [1, 0.01, 0], [1, 0, 0.02]])
    assert cluster(twins, 0.9).tolist() == [0, 0, 0]
    assert cluster(twins, 0.9, photo=["a", "a", "b"]).tolist() in ([0, -1, 0], [-1, 0, 0])
    assert cluster(twins, 0.9, photo=["a", "a", "a"]).tolist() == [-1, -1, -1]
    assert cluster(twins, 0.9, photo=[1, 2, 3]).tolist() == [0, 0, 0]


def test_kept_apart_after_joining_others() -> None:
    vectors, _ = people(60, 1, 0.3)
    labels = cluster(vectors, 0.5, photo=[row // 2 for row in range(60)])
    assert (labels >= 0).all()
    assert (labels[0::2] != labels[1::2]).all()


def test_confirmed_pairs_are_joined_whatever_their_score() -> None:
    assert cluster(np.eye(4), 0.9, must_link=[(3, 0), (0, 1)]).tolist() == [0, 0, -1, 0]
    assert cluster(np.eye(4), 0.9, must_link=[(2, 2)]).tolist() == [-1, -1, -1, -1]


@pytest.mark.parametrize(
    ("must", "cannot", "photo"),
    [
        ([(0, 1)], [(1, 0)], None),
        ([(0, 1), (1, 2)], [(2, 0)], None),
        ([(0, 1), (2, 3), (3, 1)], [(0, 2)], None),
        ([(0, 1), (1, 2)], [], ["a", "b", "a", "c"]),
    ],
)
def test_contradicting_pairs_are_explained(
    must: list[tuple[int, int]], cannot: list[tuple[int, int]], photo: list[str] | None
) -> None:
    with pytest.raises(InputError, match=r"faces \[0, 1.*take back one of these pairs"):
        cluster(np.eye(4), 0.5, must_link=must, cannot_link=cannot, photo=photo)


@pytest.mark.parametrize("seed", range(12))
def test_pairs_and_photos_as_the_definition_says(seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors, _ = people(30, 5, 1.2, seed)
    photo = rng.integers(12, size=30).tolist()
    apart = {frozenset(pair) for pair in itertools.combinations(range(30), 2) if photo[pair[0]] == photo[pair[1]]}
    cannot = [(int(a), int(b)) for a, b in rng.integers(30, size=(15, 2)) if a != b]
    apart |= {frozenset(pair) for pair in cannot}
    free = [pair for pair in itertools.combinations(range(30), 2) if frozenset(pair) not in apart]
    must = [free[seed], free[-1 - seed]]
    assert not set(must[0]) & set(must[1])
    expected = by_definition(vectors, 0.3, apart, [list(pair) for pair in must])
    assert partition(cluster(vectors, 0.3, photo=photo, cannot_link=cannot, must_link=must)) == expected


@given(data=st.data())
def test_the_order_of_faces_does_not_matter(data: st.DataObject) -> None:
    n = data.draw(st.integers(2, 14))
    # Few small whole numbers: many equal vectors and equal scores.
    rows = st.lists(st.integers(-1, 2), min_size=3, max_size=3).filter(any)
    vectors = np.array(data.draw(st.lists(rows, min_size=n, max_size=n)), float)
    photo = data.draw(st.lists(st.sampled_from("abcdefgh"), min_size=n, max_size=n))
    keys = data.draw(st.permutations(range(n)))
    pairs = st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)).filter(lambda pair: pair[0] != pair[1])
    cannot = data.draw(st.lists(pairs, max_size=4))
    neighbours = data.draw(st.sampled_from([None, 2, 5]))
    labels = cluster(vectors, 0.4, photo=photo, keys=keys, cannot_link=cannot, neighbours=neighbours)
    order = data.draw(st.permutations(range(n)))
    moved = cluster(
        vectors[order],
        0.4,
        photo=[photo[row] for row in order],
        keys=[keys[row] for row in order],
        cannot_link=[(order.index(a), order.index(b)) for a, b in reversed(cannot)],
        neighbours=neighbours,
    )
    assert moved.tolist() == labels[order].tolist()


@given(order=st.permutations(range(40)))
def test_without_keys_the_vectors_say_who_is_who(order: list[int]) -> None:
    vectors, _ = people(40, 6, 1.5)
    photo = [row % 17 for row in range(40)]
    labels = cluster(vectors, 0.2, photo=photo)
    assert cluster(vectors[order], 0.2, photo=[photo[row] for row in order]).tolist() == labels[order].tolist()


def test_numbers_go_by_size_then_by_the_smallest_key() -> None:
    vectors = np.repeat(np.eye(4), [2, 3, 2, 1], axis=0)
    keys = ["f", "z", "h", "g", "i", "c", "y", "a"]
    assert cluster(vectors, 0.9, keys=keys).tolist() == [2, 2, 0, 0, 0, 1, 1, -1]


def test_input_is_left_as_it_was() -> None:
    vectors, _ = people(30, 3)
    before = vectors.copy()
    cluster(vectors, 0.3)
    np.testing.assert_array_equal(vectors, before)


def test_the_matrix_of_all_pairs_is_never_held(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, _ = people(5_000, 500, dimension=32)
    monkeypatch.setattr(module, "_CELLS", 500_000)
    tracemalloc.start()
    cluster(vectors, 0.6)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000**2 * 4 / 4  # bytes; the matrix in float32 would be four times as much


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": float("nan")}, "cosine threshold from -1 to 1"),
        ({"threshold": 36.2}, "cosine threshold from -1 to 1"),
        ({"photo": ["a"]}, "one entry of photo for each of 3 faces, got 1"),
        ({"keys": [1, 2, 3, 4]}, "one entry of keys for each of 3 faces, got 4"),
        ({"must_link": [(0, 3)]}, "rows 0 to 2 in must_link"),
        ({"cannot_link": [(-1, 0)]}, "rows 0 to 2 in cannot_link"),
        ({"cannot_link": [(1, 1)]}, "face 1 twice"),
        ({"neighbours": 0}, "at least 1 neighbour"),
    ],
)
def test_what_cannot_be_used_is_refused(options: dict[str, object], message: str) -> None:
    arguments = {"threshold": 0.4} | options
    with pytest.raises(InputError, match=message):
        cluster(np.eye(3), **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("vectors", [np.zeros((2, 4)), np.full((2, 4), np.nan), np.ones(4), np.ones((2, 2, 2))])
def test_what_is_no_embedding_is_refused(vectors: Floats) -> None:
    with pytest.raises(InvalidVectorError):
        cluster(vectors, 0.4)
