from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vultus.datasets.boxes import read
from vultus.errors import InputError, NotFoundError
from vultus.evaluation.detection import evaluate, evaluate_finds, read_finds
from vultus.images import write
from vultus.testing import Analyzer, picture


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, people in (("one", ["Ada"]), ("two", ["Ada", "Bob"]), ("none", [])):
        write(tmp_path / f"{name}.png", picture(*people))
    (tmp_path / "broken.png").write_text("text")
    return tmp_path


def listed(folder: Path, *lines: str) -> Path:
    file = folder / "boxes.csv"
    file.write_text("source,x1,y1,x2,y2\n" + "".join(f"{line}\n" for line in lines))
    return file


def test_nothing_there_is_refused(folder: Path) -> None:
    table = read(listed(folder, "gone.png,1,1,9,9"), folder)
    with pytest.raises(InputError, match="all 1 are missing"):
        evaluate(table, Analyzer().detect)
    with pytest.raises(InputError, match="got none that is to be judged"):
        evaluate(read(listed(folder, "none.png,,,,"), folder), Analyzer().detect)
    with pytest.raises(NotFoundError):
        read_finds(folder / "finds.csv", folder)


def test_a_detector_is_run_and_failures_are_counted(folder: Path) -> None:
    boxes = [
        f"{name}.png,{box.x1},{box.y1},{box.x2},{box.y2}"
        for name, people in (("one", ["Ada"]), ("two", ["Ada", "Bob"]))
        for box in (face.box for face in Analyzer().detect(picture(*people)))
    ]
    table = read(listed(folder, *boxes, "none.png,,,,", "broken.png,0,0,9,9", "gone.png,0,0,9,9"), folder)
    done = []
    report = evaluate(table, Analyzer().detect, progress=lambda at, of: done.append((at, of)))
    assert (report.figures.recall.k, report.figures.recall.n) == (3, 4)  # the broken picture's face is a miss
    assert report.figures.precision.value == 1
    assert report.figures.mean_iou == pytest.approx(1)
    assert [path.name for path in report.missing] == ["gone.png"]
    assert [failure.path.name for failure in report.failures] == ["broken.png"]
    assert done[-1] == (4, 4)
    assert any("1 pictures cannot be read" in caveat for caveat in report.caveats)


def test_finds_of_a_file(folder: Path) -> None:
    table = read(listed(folder, "one.png,0,0,10,10"), folder)
    file = folder / "finds.csv"
    file.write_text("source,x1,y1,x2,y2,score\none.png,0,0,10,8,0.7\nother.png,0,0,1,1,0.9\n")
    report = evaluate_finds(table, read_finds(file, folder))
    assert report.figures.recall.k == 1
    assert np.isclose(report.figures.mean_iou, 0.8)
    assert report.unlisted == 1
    file.write_text("source,x1,y1,x2,y2,score\none.png,0,0,0,8,0.7\n")
    with pytest.raises(InputError, match="row 2, column x2"):
        read_finds(file, folder)
