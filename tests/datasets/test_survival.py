from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vultus.datasets.survival import gbsg2, problems, read_table, rossi, veteran, whas500
from vultus.errors import InputError, NotFoundError

ARFF = """% a comment
@relation Small
@attribute 'Cell type' {small, 'not small'}
@ATTRIBUTE days numeric
@attribute status {censored,dead}
@data
% another
small, 72, dead
'not small', 411.5, censored

?, ?, dead
"""


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "", "the table is empty"),
        ("a.csv", "time,event\n", "the table is empty"),
        ("a.csv", "time,event\n\n1,0,3\n", "line 3: expected 2 values, got 3"),
        ("a.csv", "time,time\n1,0\n", "every column name once"),
        ("a.arff", "", "@attribute and @data"),
        ("a.arff", "@attribute x numeric\n@data\n", "the table is empty"),
        ("a.arff", "@attribute x numeric\n@data\n{0 1}\n", "sparse"),
        ("a.arff", "@attribute x {a,b}\n@data\nc\n", r"x to be one of \['a', 'b'\], got c"),
    ],
)
def test_tables_that_are_none(tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_table(written(tmp_path, name, text))


def test_csv(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "t.csv", '\ufeffweek, arrest,cell\n20,1,"a, b"\n17.5,0,c\n52,NA,c\n'))
    assert list(table.columns) == ["week", "arrest", "cell"]
    assert (len(table), table.source) == (3, "t.csv")
    assert table.numbers("week").tolist() == [20, 17.5, 52]
    assert table.column("cell").tolist() == ["a, b", "c", "c"]
    assert table.flags("cell", "c").tolist() == [False, True, True]
    with pytest.raises(InputError, match="number in every row of arrest, 1 are missing, first in row 3"):
        table.flags("arrest")
    with pytest.raises(InputError, match=r"numbers in cell, got categories \(a, b, c\)"):
        table.numbers("cell")
    with pytest.raises(InputError, match="two labels in cell"):
        table.flags("cell")
    with pytest.raises(InputError, match="expected 0 and 1 in week, got 20"):
        table.flags("week")
    with pytest.raises(NotFoundError, match="a column 'age', it has week, arrest, cell"):
        table.matrix(["week", "age"])
    bare = read_table(written(tmp_path, "bare.csv", "1,5\n0,6\n"), names=("event", "time"))
    assert bare.matrix(["time", "event"]).tolist() == [[5, 1], [6, 0]]


def test_arff(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "t.arff", ARFF))
    assert table.column("Cell type").tolist() == ["small", "not small", "?"]
    assert np.isnan(table.column("days")).tolist() == [False, False, True]
    assert table.flags("status", "dead").tolist() == [True, False, True]


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    assert [line.split()[0] for line in problems(tmp_path)] == ["rossi.csv", "whas.csv", "gbsg2.arff", "vet.arff"]
    with pytest.raises(NotFoundError, match=r"CSV or ARFF at .*whas\.csv"):
        whas500(tmp_path)
    written(tmp_path, "rossi.csv", "week,arrest\n1,1\n2,0\n")
    assert "rossi.csv is not the published table" in problems(tmp_path)[0]
    with pytest.raises(InputError, match=r"rossi\.csv: expected 432 rows with 114 events, got 2 with 1"):
        rossi(tmp_path)


@pytest.mark.data
def test_the_reference_sets(data: Path) -> None:
    folder = data / "survival"
    assert problems(folder) == ()
    found = [read(folder) for read in (rossi, whas500, gbsg2, veteran)]
    assert [(len(one.table), int(one.event.sum()), one.unit) for one in found] == [
        (432, 114, "weeks"),
        (500, 215, "days"),
        (686, 299, "days"),
        (137, 128, "days"),
    ]
    assert found[0].table.numbers("age")[:3].tolist() == [27, 18, 19]
    assert found[1].table.numbers("risk")[0] == 0.56595828743954
    assert set(found[2].table.column("tgrade")) == {"I", "II", "III"}
    assert np.unique(found[3].table.column("Celltype"), return_counts=True)[1].tolist() == [27, 27, 48, 35]
