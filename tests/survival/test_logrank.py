from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lifelines.statistics import multivariate_logrank_test

from vultus.datasets.survival import Cohort
from vultus.errors import InputError
from vultus.survival import logrank


@pytest.mark.parametrize(
    ("time", "event", "group", "message"),
    [
        ([], [], [], "at least one row"),
        ([1, 2], [0, 0], ["a", "b"], "at least one event"),
        ([1, 2], [1, 1], ["a", "a"], "at least two groups to compare, got 1"),
        ([1, 2], [1, 1], ["a"], "group: expected one for each"),
        ([1, 2], [1, 1], [1, np.nan], "1 have none"),
        ([1, 2, 3], [0, 1, 1], ["a", "b", "b"], "every group to be at risk beside another"),
    ],
)
def test_what_cannot_be_compared_is_refused(time, event, group, message: str) -> None:
    with pytest.raises(InputError, match=message):
        logrank(time, event, group)


@pytest.mark.data
def test_rossi_by_race(rossi: Cohort) -> None:
    found = logrank(rossi.time, rossi.event, rossi.table.column("race"))
    assert found.groups == (0.0, 1.0)
    assert found.observed.tolist() == [12, 102]
    assert found.expected == pytest.approx([14.709347908949, 99.290652091051], abs=1e-11)
    assert found.covariance[0, 0] == pytest.approx(12.7417883289863, abs=1e-12)
    assert found.statistic == pytest.approx(0.576101713683918, abs=1e-12)
    assert found.degrees == 1
    assert found.p == pytest.approx(0.447844394252168, abs=1e-12)


@pytest.mark.data
def test_veterans_by_cell_type(veteran: Cohort) -> None:
    found = logrank(veteran.time, veteran.event, veteran.table.column("Celltype"))
    assert found.groups == ("adeno", "large", "smallcell", "squamous")
    assert found.people.tolist() == [27, 27, 48, 35]
    assert found.observed.tolist() == [26, 26, 45, 31]
    assert found.expected == pytest.approx(
        [15.6937646143605, 34.5494783863493, 30.1020793268148, 47.6546776724754], abs=1e-12
    )
    assert np.diag(found.covariance) == pytest.approx([12.96617006, 24.19903529, 21.75426794, 26.33840637], abs=1e-8)
    assert found.covariance[np.triu_indices(4, 1)] == pytest.approx(
        [-4.07011754, -4.40872930, -4.48732321, -7.81168662, -12.31723113, -9.53385202], abs=1e-8
    )
    assert found.statistic == pytest.approx(25.4037003457854, abs=1e-11)
    assert found.p == pytest.approx(1.27124593900609e-05, rel=1e-10)


rows = st.lists(st.tuples(st.integers(1, 9), st.booleans(), st.sampled_from("abc")), min_size=12, max_size=60).filter(
    lambda found: len({g for _, e, g in found if e}) == 3
)


@given(rows)
def test_equals_lifelines_and_is_blind_to_order_names_and_clock(found: list[tuple[int, bool, str]]) -> None:
    time, event, group = (np.array(column) for column in zip(*found, strict=True))
    try:
        mine = logrank(time, event, group)
    except InputError:
        return
    outside = multivariate_logrank_test(time, group, event)
    assert mine.statistic == pytest.approx(outside.test_statistic, rel=1e-8, abs=1e-10)
    assert mine.p == pytest.approx(outside.p_value, rel=1e-8)
    assert mine.observed.sum() == pytest.approx(mine.expected.sum())
    swapped = logrank(np.sqrt(time)[::-1], event[::-1], np.where(group == "a", "z", group)[::-1])
    assert swapped.statistic == pytest.approx(mine.statistic, rel=1e-8, abs=1e-10)
