from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from vultus.datasets import mmdg
from vultus.errors import InputError, NotFoundError


def test_an_empty_list_and_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "W_train.txt").write_bytes(b"")
    with pytest.raises(InputError, match="it is empty"):
        mmdg.read(tmp_path / "W_train.txt", tmp_path, "W")
    assert len(mmdg.missing(tmp_path)) == 11
    with pytest.raises(NotFoundError, match="no such file"):
        mmdg.read(tmp_path / "C_train.txt", tmp_path, "C")


def test_three_crlf_lines_without_an_end_are_three_samples(tmp_path: Path) -> None:
    """The trap of the published lists: two line ends, three samples, labels that are whole numbers."""
    file = tmp_path / "W_train.txt"
    file.write_bytes(b"a/rgb.png a/d.png a/ir.png 1\r\nb/rgb.png b/d.png b/ir.png 0\r\nc/rgb.png c/d.png c/ir.png 1")
    found = mmdg.read(file, tmp_path / "images", "W")
    assert [each.live for each in found] == [True, False, True]
    assert found[2].sources == tuple(tmp_path / "images/c" / name for name in ("rgb.png", "d.png", "ir.png"))
    assert found[1].place == f"{file}, row 2"


def test_padisi_lines_have_one_archive_and_a_tab(tmp_path: Path) -> None:
    file = tmp_path / "P_test.txt"
    file.write_bytes(b"one.npz\t1\ntwo.npz\t0\n")
    found = mmdg.read(file, tmp_path, "P")
    assert [(each.sources[0].name, each.live) for each in found] == [("one.npz", True), ("two.npz", False)]
    with pytest.raises(InputError, match="row 1: expected 4 values"):
        mmdg.read(file, tmp_path, "S")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"a b c 2", "column label: expected a whole number from 0 to 1, got '2'"),
        (b"a b c live", "column label: expected a whole number"),
        (b"a b 1", "row 2: expected 4 values"),
        (b"../a b c 1", "column rgb: expected a path inside"),
    ],
)
def test_lines_that_cannot_be(tmp_path: Path, line: bytes, told: str) -> None:
    file = tmp_path / "S_val.txt"
    file.write_bytes(b"a b c 1\r\n" + line)
    with pytest.raises(InputError, match=told) as refused:
        mmdg.read(file, tmp_path, "S")
    assert str(file) in str(refused.value)
    assert "row 2" in str(refused.value)
    with pytest.raises(InputError, match="W, P, C, S, got 'X'"):
        mmdg.read(file, tmp_path, "X")


def test_counts_are_those_of_the_published_lists(tmp_path: Path) -> None:
    """Totals of the specification; a list of that size in the published form passes, one line less does not."""
    totals = {"W": (1695, 1671, 1671), "P": (1090, 272, 667), "C": (4800, 2401, 6739), "S": (6297, 2100, 12564)}
    counted = {name: tuple(sum(mmdg.COUNTS[name, split]) for split in mmdg.SPLITS) for name in totals}
    assert counted == totals
    lines = [f"r/{at}.png d/{at}.png i/{at}.png {int(at < 372)}" for at in range(1695)]
    file = tmp_path / "W_train.txt"
    file.write_bytes("\r\n".join(lines).encode())
    assert file.read_bytes().count(b"\n") == 1694
    found = mmdg.read(file, tmp_path, "W")
    mmdg.refuse_other_counts(found, "W", "train")
    with pytest.raises(InputError, match=r"372 live and 1,323 attacks.*got 372 and 1,322"):
        mmdg.refuse_other_counts(found[:-1], "W", "train")


def test_protocols() -> None:
    assert len(mmdg.PROTOCOLS) == 4 + 12 + 2
    assert not [each for each in mmdg.PROTOCOLS.values() if set(each.sources) & set(each.targets)]
    assert mmdg.protocol(["S", "P", "C"], ["W"]).name == "P1 CPS-W"
    assert mmdg.protocol(["P", "S", "W"], ["C"], ["ir", "depth"]).name == "P2 PSW-C without depth and ir"
    assert mmdg.protocol(["P", "S"], ["C", "W"]).name == "P3 PS-CW"
    assert mmdg.protocol(["P"], ["C"]).name == "own P-C"
    for wrong in ((["W"], ["W"]), ([], ["W"]), (["Q"], ["W"])):
        with pytest.raises(InputError, match="expected domains"):
            mmdg.protocol(*wrong)
    with pytest.raises(InputError, match="depth or ir as missing"):
        mmdg.protocol(["P"], ["C"], ["rgb"])


def sample(folder: Path, depth: np.ndarray, ir: np.ndarray | None = None) -> mmdg.Sample:
    rgb = np.zeros((20, 20, 3), np.uint8)
    rgb[..., 0] = 200  # red
    cv2.imwrite(str(folder / "rgb.png"), rgb[..., ::-1])
    cv2.imwrite(str(folder / "d.png"), depth)
    cv2.imwrite(str(folder / "ir.png"), np.full((20, 20), 77, np.uint8) if ir is None else ir)
    (folder / "S_val.txt").write_text("rgb.png d.png ir.png 1")
    return mmdg.read(folder / "S_val.txt", folder, "S")[0]


RAMP = np.tile(np.arange(20, dtype=np.uint8) * 10, (20, 1))


def test_planes_in_order_and_colour(tmp_path: Path) -> None:
    found = mmdg.planes(sample(tmp_path, RAMP), 20)
    assert found[0, 0, 0].tolist() == [200, 0, 0]
    assert (found[1] == RAMP[..., None]).all()
    assert (found[2] == 77).all()
    without = mmdg.planes(sample(tmp_path, np.zeros_like(RAMP)), 20, wanted=("rgb", "ir"))
    assert not without[1].any()
    assert (without[2] == 77).all()


def test_pixels_that_cannot_be(tmp_path: Path) -> None:
    place = "S_val.txt, row 1"
    with pytest.raises(InputError, match=f"{place}.*not constant"):
        mmdg.planes(sample(tmp_path, np.full_like(RAMP, 9)), 20)
    coloured = np.stack([RAMP, RAMP, RAMP + 1], axis=-1)
    with pytest.raises(InputError, match=f"{place}.*three that differ"):
        mmdg.planes(sample(tmp_path, coloured), 20)
    with pytest.raises(InputError, match=f"{place}.*aligned modalities"):
        mmdg.planes(sample(tmp_path, RAMP, np.zeros((20, 30), np.uint8)), 20)
    deep = sample(tmp_path, RAMP.astype(np.uint16) * 100)
    with pytest.raises(InputError, match=f"{place}.*depth_scale of S"):
        mmdg.planes(deep, 20)
    assert (mmdg.planes(deep, 20, depth_scale={"S": 0.01})[1] == RAMP[..., None]).all()
    (tmp_path / "ir.png").unlink()
    with pytest.raises(NotFoundError, match=place):
        mmdg.planes(deep, 20, depth_scale={"S": 0.01})


def test_archives(tmp_path: Path) -> None:
    (tmp_path / "P_val.txt").write_text("one.npz\t0\n")
    (one,) = mmdg.read(tmp_path / "P_val.txt", tmp_path, "P")
    np.savez(tmp_path / "one.npz", rgb=np.full((20, 20, 3), 5, np.uint8), depth=RAMP, ir=RAMP)
    assert (mmdg.planes(one, 20)[1] == RAMP[..., None]).all()
    np.savez(tmp_path / "one.npz", color=np.full((20, 20, 3), 5, np.uint8), z=RAMP, nir=RAMP)
    with pytest.raises(InputError, match=r"rgb, depth, ir missing of color, z, nir"):
        mmdg.planes(one, 20)
    assert (mmdg.planes(one, 20, names=("color", "z", "nir"))[0] == 5).all()


@pytest.mark.data
def test_real_photographs_through_the_same_reader_rgb_alone(data: Path, tmp_path: Path) -> None:
    """NUAA's frames in a list of this form: plumbing only. People of the two parts do not meet."""
    frames = sorted((data / "nuaa").glob("*/*.jpg"))
    if not frames:
        pytest.skip("no nuaa in the development data")
    people = sorted({each.name[:4] for each in frames})
    parts = {"train": people[::2], "test": people[1::2]}
    seen: dict[str, set[str]] = {}
    for split, who in parts.items():
        chosen = [each for each in frames if each.name[:4] in who][:: max(len(frames) // 12, 1)]
        lines = [" ".join([str(each.relative_to(data))] * 3 + [str(int("live" in each.parts))]) for each in chosen]
        (tmp_path / f"S_{split}.txt").write_bytes("\r\n".join(lines).encode())
        samples = mmdg.read(tmp_path / f"S_{split}.txt", data, "S")
        assert len(samples) == len(chosen) > 2
        seen[split] = {each.sources[0].name[:4] for each in samples}
        found = mmdg.planes(samples[0], 48, wanted=("rgb",))
        assert found[0].std() > 5
        assert not found[1:].any()
    assert not seen["train"] & seen["test"]
