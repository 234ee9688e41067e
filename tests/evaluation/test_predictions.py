from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vultus.errors import InputError, NotFoundError
from vultus.evaluation import predictions


def file(folder: Path, text: str) -> Path:
    path = folder / "table.csv"
    path.write_text(text)
    return path


@pytest.mark.parametrize("reader", [predictions.classes, predictions.ages, predictions.risks, predictions.clusters])
def test_no_file_and_no_rows(reader: Callable[[Path], Any], tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        reader(tmp_path / "none.csv")
    for text in ("", "truth,predicted,estimate,time,event,risk\n"):
        with pytest.raises(InputError, match=r"empty|there are none"):
            reader(file(tmp_path, text))


def test_classes(tmp_path: Path) -> None:
    read = predictions.classes(file(tmp_path, "person,predicted,truth,note\nx,b,a,1\ny,,b,2\n"))
    assert read.names == ("a", "b")
    assert (read.truth.tolist(), read.predicted.tolist()) == ([0, 1], [1, -1])
    assert read.people == ("x", "y")
    assert read.probabilities is None
    text = "truth,predicted,p_b,p_a\na,b,0.3,0.7\nb,,,\n"
    given = predictions.classes(file(tmp_path, text))
    assert given.names == ("b", "a")
    assert given.probabilities is not None
    assert np.isnan(given.probabilities[1]).all()
    assert given.caveats == ("1 predictions are not the most probable class of their row",)
    for wrong, words in (
        ("truth,predicted\n,a\n", "row 2, column truth"),
        ("truth,predicted,p_a\na,c,0.5\n", "p_c"),
        ("truth,predicted,p_a\na,a,much\n", "row 2, column p_a"),
        ("truth,predicted,p_a\na,a,2\n", "from 0 to 1"),
    ):
        with pytest.raises(InputError, match=words):
            predictions.classes(file(tmp_path, wrong))


def test_ages(tmp_path: Path) -> None:
    read = predictions.ages(file(tmp_path, "truth,estimate\n20,22.5\n30,\n40,nan\n"))
    assert read.truth.tolist() == [20, 30, 40]
    assert read.estimate[0] == 22.5
    assert math.isnan(read.estimate[1])
    assert math.isnan(read.estimate[2])
    assert (read.people, read.groups) == (None, None)
    with pytest.raises(InputError, match="row 2, column truth"):
        predictions.ages(file(tmp_path, "truth,estimate\n,22\n"))


def test_risks(tmp_path: Path) -> None:
    read = predictions.risks(file(tmp_path, "time,event,risk,p_365,group\n5,1,0.2,0.1,a\n7,0,0.4,0.3,b\n"))
    assert (read.time.tolist(), read.event.tolist(), read.groups) == ([5, 7], [True, False], ("a", "b"))
    assert read.predicted[365.0].tolist() == [0.1, 0.3]
    assert predictions.risks(file(tmp_path, "time,event\n5,1\n"), risk=False).time.tolist() == [5]
    for wrong, words in (
        ("time,event,risk\n5,2,0.1\n", "row 2, column event"),
        ("time,event,risk\n5,1,\n", "row 2, column risk"),
        ("time,event,risk,p_year\n5,1,0.1,0.2\n", "p_year"),
    ):
        with pytest.raises(InputError, match=words):
            predictions.risks(file(tmp_path, wrong))


def test_labels(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    read = predictions.labels(file(tmp_path, "source,label\na.png,x\nb.png,y\n"), tmp_path)
    assert ([path.name for path in read.pictures], read.labels, read.people) == (["a.png"], ("x",), None)
    assert [path.name for path in read.missing] == ["b.png"]
    for wrong, words in (
        ("source,label\nb.png,x\n", "none of 1"),
        ("source,label\na.png,x\na.png,x\n", "row 3"),
        ("source,label\n../a.png,x\n", "inside"),
    ):
        with pytest.raises(InputError, match=words):
            predictions.labels(file(tmp_path, wrong), tmp_path)
