from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vultus.errors import OperatingPointError
from vultus.evaluation.points import against, expected, growth, in_use, stands_for
from vultus.operating import FOLDER_VARIABLE, OperatingTable, table_for
from vultus.types import EmbeddingContract


@pytest.fixture
def table() -> OperatingTable:
    return next(each for each in in_use() if each.model == "sface")


def test_nobody_is_refused(table: OperatingTable) -> None:
    with pytest.raises(OperatingPointError, match="names nobody"):
        against(table, 0.01, np.zeros(0, dtype=np.int64))
    with pytest.raises(OperatingPointError, match="above 0 and up to"):
        against(table, 0.9, np.ones(3, dtype=np.int64))


def test_the_tables_in_use_are_those_that_decisions_take(
    table: OperatingTable, contract: EmbeddingContract, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, date in (("old", "2020-01-01"), ("new", "2021-01-01"), ("older", "2019-01-01")):
        replace(table, contract=contract.id, model="made-up", date=date, data=name).save(tmp_path / f"{name}.json")
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    (own,) = [each for each in in_use() if each.model == "made-up"]
    assert own == table_for(contract)
    assert own.data == "new"
    assert [each.model for each in in_use()] == ["accurate", "made-up", "sface"]


def test_rates_beyond_every_cosine_are_left_out(table: OperatingTable) -> None:
    rates = [found.point.target for found in stands_for(table, (1e-3, 1e-40))]
    assert rates == [1e-3]
    assert against(table, 1e-40, np.ones(1000, dtype=np.int64)) is None


def test_a_score_follows_the_gallery(table: OperatingTable) -> None:
    found = against(table, 0.01, np.array([3, 1]))
    assert found is not None
    assert (found.people, found.templates) == (2, 4)
    assert found.fpir == pytest.approx(0.01)
    assert found.low < 0.01 < found.high
    score = table.verify(1e-3).threshold
    rates = [each.fpir for each in growth(table, score, (1, 10, 100, 1000), 1)]
    assert rates == sorted(rates)
    assert rates[2] == expected(table, score, np.ones(100, dtype=np.int64)).fpir
