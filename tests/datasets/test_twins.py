from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vultus.datasets import fer2013
from vultus.datasets.twins import across, across_by_hash, blank, grouped, hashed, held_out, within
from vultus.errors import InputError


def noise(count: int, seed: int = 0) -> NDArray[np.uint8]:
    coarse = np.random.default_rng(seed).integers(0, 200, (count, 12, 12), dtype=np.uint8)
    return np.repeat(np.repeat(coarse, 4, axis=1), 4, axis=2)


def test_no_faces_have_no_twins() -> None:
    nothing = np.zeros((0, 48, 48), np.uint8)
    assert within(nothing).shape == across(nothing, noise(3)).shape == across(noise(3), nothing).shape == (0, 2)
    assert blank(nothing).shape == grouped(0, within(nothing)).shape == (0,)


def test_another_brightness_is_a_twin_and_another_face_is_none() -> None:
    faces = noise(5)
    again = (faces[[3, 1]] * 0.8 + 40).astype(np.uint8)
    assert sorted(across(again, faces).tolist()) == [[0, 3], [1, 1]]
    assert within(np.concatenate([faces, again])).tolist() == [[1, 6], [3, 5]]


def test_flat_faces_are_nobody_s_twins() -> None:
    faces = np.concatenate([np.full((2, 48, 48), 7, np.uint8), noise(1)])
    assert blank(faces).tolist() == [True, True, False]
    assert within(faces).shape == (0, 2)


def test_correlation_is_pearson_s() -> None:
    faces = np.random.default_rng(1).integers(0, 255, (12, 8, 12), dtype=np.uint8)
    small = faces.reshape(12, 2, 4, 3, 4).mean((2, 4)).reshape(12, -1)
    r = np.corrcoef(small)
    expected = [[i, j] for i in range(12) for j in range(i + 1, 12) if r[i, j] > 0.3]
    assert expected
    assert within(faces, alike=0.3).tolist() == expected


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="of one size"):
        across(noise(1), np.zeros((1, 44, 48), np.uint8))
    with pytest.raises(InputError, match="sides that 4 divides, got 47x48"):
        within(np.zeros((2, 47, 48), np.uint8))
    with pytest.raises(InputError, match="grey faces"):
        blank(np.zeros((2, 48, 48, 3), np.uint8))


def test_hashes_are_signs_of_the_cosine_transform() -> None:
    from scipy.fft import dctn

    faces = np.random.default_rng(2).integers(0, 255, (20, 48, 36), dtype=np.uint8)
    assert hashed(faces[:0]).shape == (0,)
    expected = []
    for face in faces:
        low = dctn(face.astype(float), norm="ortho")[1:9, 1:9].ravel()
        expected.append(int("".join("1" if each > np.median(low) else "0" for each in low), 2))
    assert hashed(faces).tolist() == expected
    assert hashed(faces).dtype == np.uint64


def test_hashes_bear_another_brightness_and_tell_strangers() -> None:
    faces = np.concatenate([noise(6), np.full((1, 48, 48), 9, np.uint8)])
    again = np.concatenate([(faces[[3, 1]] * 0.5 + 40).round().astype(np.uint8), np.full((1, 48, 48), 9, np.uint8)])
    assert across_by_hash(again, faces, distance=4).tolist() == [[0, 3], [1, 1]]
    assert across_by_hash(again[:0], faces, distance=64).shape == (0, 2)
    bits = [[bin(int(a) ^ int(b)).count("1") for b in hashed(faces[:6])] for a in hashed(again[:2])]
    pairs = [[i, j] for i, row in enumerate(bits) for j, apart in enumerate(row) if apart <= 28]
    assert across_by_hash(again, faces, distance=28).tolist() == pairs
    with pytest.raises(InputError, match="9 pixels or more, got 8x48"):
        hashed(faces[:, :8])


@given(st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=30))
def test_groups_are_the_connected_parts(edges: list[tuple[int, int]]) -> None:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    pairs = np.array(edges, dtype=np.int64).reshape(-1, 2)
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(20, 20))
    parts, expected = connected_components(graph, directed=False)
    found = grouped(20, pairs)
    assert len(set(found.tolist())) == parts
    assert len({(a, b) for a, b in zip(found.tolist(), expected.tolist(), strict=True)}) == parts


@given(st.integers(0, 1000), st.floats(0.05, 0.5))
def test_a_split_keeps_groups_together_and_shares_about_right(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    labels = np.repeat([0, 1, 2], [400, 150, 60])
    groups = grouped(610, np.stack([np.arange(0, 40, 2), np.arange(1, 40, 2)], axis=1))
    order = rng.permutation(610)
    labels, groups = labels[order], groups[order]
    out = held_out(labels, groups, share, seed=seed)
    assert not set(groups[out]) & set(groups[~out])
    counts, whole = np.bincount(labels[out], minlength=3), np.bincount(labels)
    assert (np.abs(counts - share * whole) <= 2.5).all()
    assert np.array_equal(out, held_out(labels, groups, share, seed=seed))


def test_splits_that_are_none_are_refused() -> None:
    with pytest.raises(InputError, match="a group for each label"):
        held_out(np.zeros(3, np.int64), np.zeros(2, np.int64))
    with pytest.raises(InputError, match="between 0 and 1"):
        held_out(np.zeros(3, np.int64), np.zeros(3, np.int64), 1.0)


@pytest.mark.data
@pytest.mark.slow
def test_fer2013_s_twins_are_as_many_as_counted(data: Path) -> None:
    found = fer2013.read(data / "fer2013")
    train, test = found["train"], found["public test"]
    seen, asked = train.images(), test.images()
    between = across(asked, seen)
    assert len(np.unique(between[:, 0])) == 301
    # 287 have the label of the twin that is most alike.
    small = [each.reshape(-1, 12, 4, 12, 4).mean((2, 4)).reshape(len(each), -1) for each in (asked, seen)]
    rows = np.unique(between[:, 0])
    nearest = [
        max(between[between[:, 0] == row, 1], key=lambda at, row=row: np.corrcoef(small[0][row], small[1][at])[0, 1])
        for row in rows
    ]
    assert int((test.labels[rows] == train.labels[nearest]).sum()) == 287
    assert len(np.unique(within(asked))) == 54
    assert len(np.unique(within(seen))) == 2450
    assert (int(blank(seen).sum()), int(blank(asked).sum())) == (11, 1)
