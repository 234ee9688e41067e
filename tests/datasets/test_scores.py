from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vultus.datasets.scores import (
    VULNERABILITY,
    iterate_pairs,
    read_liveness,
    read_pairs,
    read_searches,
    read_vulnerability,
)
from vultus.errors import InputError, NotFoundError

HEADER = ",".join(VULNERABILITY)
GOOD = f"{HEADER}\na,a,1,,0.9\na,b,2,,0.2\nb,a,3,,0.1\na,m,4,print,0.8\nb,m,5,print,nan\na,m,6,mask,0.3\n"


def written(folder: Path, text: str, name: str = "scores.csv") -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def test_no_file_and_empty_files(tmp_path: Path) -> None:
    for read in (read_vulnerability, read_pairs, read_liveness, read_searches):
        with pytest.raises(NotFoundError, match="none"):
            read(tmp_path / "none.csv")
        with pytest.raises(InputError, match=r"scores\.csv.*header"):
            read(written(tmp_path, ""))
    for read, header in ((read_vulnerability, HEADER), (read_pairs, "score,same"), (read_liveness, "species,score")):
        with pytest.raises(InputError, match="expected rows below the header, got none"):
            read(written(tmp_path, header + "\n"))
    with pytest.raises(NotFoundError, match=r"none\.npy"):
        read_searches(tmp_path / "none.npy", tmp_path / "none.npy")


def test_vulnerability(tmp_path: Path) -> None:
    found = read_vulnerability(written(tmp_path, GOOD))
    split = found.comparisons
    assert split.genuine.tolist() == [0.9]
    assert split.zei.tolist() == [0.2, 0.1]
    assert sorted(split.attacks) == ["mask", "print"]
    np.testing.assert_array_equal(split.attacks["print"], [0.8, np.nan])
    assert split.people == {"a", "b", "m"}
    assert found.caveats == ()
    bare = read_vulnerability(written(tmp_path, "\n".join(GOOD.splitlines()[:4]) + "\r\n\n"))
    assert bare.comparisons.attacks == {}
    assert bare.caveats == ("no attack rows: there is no IAPMR",)
    twice = read_vulnerability(written(tmp_path, GOOD + "a,m,6,mask,0.3\n"))
    assert twice.caveats == ("1 of 7 rows bear the ids of another row: duplicates?",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD.replace("probe_key,", ""), r"line 1: .*'probe_key' is missing"),
        (GOOD.replace("probe_key,probe_attack_type", "probe_attack_type,probe_key"), "line 1, column 3: .*this order"),
        (GOOD.replace("0.8", "high"), r"line 5, column score: expected a number, got 'high'"),
        (GOOD.replace("0.8", ""), r"line 5, column score: expected a number, got ''"),
        (GOOD.replace("0.8", "inf"), r"line 5, column score: expected a finite number"),
        (GOOD.replace("a,m,4", ",m,4"), r"line 5, column bio_ref_subject_id: expected who"),
        (GOOD.replace("a,m,4,print,0.8", "a,m,4,print"), "line 5: expected 5 columns, got 4"),
        (GOOD.replace("a,m,4", "\na,m,4"), "line 6: .* after an empty line"),
        (GOOD.replace("a,a,1,,0.9\n", ""), "column probe_attack_type: .*got 0 and 2"),
        (GOOD.replace("a,b,2,,0.2\n", ""), "column probe_attack_type: .*got 1 and 1"),
        (GOOD.replace(",,0.9", ",,-3"), r"scores\.csv: .*genuine mean -3 lies below.*--negate"),
    ],
)
def test_bad_vulnerability_files(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_vulnerability(written(tmp_path, text))


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "scores.csv"
    file.write_bytes(b"score,same\n\xff\xfe,1\n")
    with pytest.raises(InputError, match="UTF-8"):
        read_pairs(file)


def test_distances_are_turned_on_request(tmp_path: Path) -> None:
    file = written(tmp_path, "score,same\n0.2,1\n1.4,0\nnan,1\n")
    with pytest.raises(InputError, match="negate=True"):
        read_pairs(file)
    np.testing.assert_array_equal(read_pairs(file, negate=True).scores, [-0.2, -1.4, np.nan])
    np.testing.assert_array_equal(read_pairs(file, check_direction=False).scores, [0.2, 1.4, np.nan])


def test_pairs(tmp_path: Path) -> None:
    found = read_pairs(written(tmp_path, "score,same\r\n0.5,1\r\n0.1,0"))  # the last line has no end
    assert (found.scores.tolist(), found.same.tolist()) == ([0.5, 0.1], [True, False])
    with pytest.raises(InputError, match="line 3, column same: expected 1 or 0, got 'yes'"):
        read_pairs(written(tmp_path, "score,same\n0.5,1\n0.1,yes\n"))
    for same in "10":
        with pytest.raises(InputError, match=f"got {same} in every one of 2 rows"):
            read_pairs(written(tmp_path, f"score,same\n0.5,{same}\n0.1,{same}\n"))


def test_pairs_in_chunks(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    scores, same = rng.random(25), np.arange(25) % 2
    rows = "".join(f"{one!r},{other}\n" for one, other in zip(scores.tolist(), same.tolist(), strict=True))
    file = written(tmp_path, "score,same\n" + rows)
    parts = list(iterate_pairs(file, rows=10))
    assert [part.scores.size for part in parts] == [10, 10, 5]
    np.testing.assert_array_equal(np.concatenate([part.scores for part in parts]), scores)
    broken = written(tmp_path, "score,same\n" + rows.replace(f"{scores[13]!r}".split("(")[-1].strip(")"), "x"))
    with pytest.raises(InputError, match="line 15, column score: expected a number, got 'x'"):
        list(iterate_pairs(broken, rows=10))


def test_liveness(tmp_path: Path) -> None:
    found = read_liveness(written(tmp_path, "species,score\n,0.9\n,nan\nprint,0.2\nmask,0.4\n"))
    np.testing.assert_array_equal(found.bona_fide, [0.9, np.nan])
    assert {name: scores.tolist() for name, scores in found.attacks.items()} == {"mask": [0.4], "print": [0.2]}
    with pytest.raises(InputError, match="every row is bona fide"):
        read_liveness(written(tmp_path, "species,score\n,0.9\n"))
    with pytest.raises(InputError, match="every row is an attack"):
        read_liveness(written(tmp_path, "species,score\nprint,0.9\n"))
    with pytest.raises(InputError, match="look like distances"):
        read_liveness(written(tmp_path, "species,score\n,0.1\nprint,0.9\n"))


def test_searches(tmp_path: Path) -> None:
    found = read_searches(written(tmp_path, "probe,ada,bob\nbob,0.1,0.8\neve,0.2,nan\nada,0.7,0.3\n"))
    np.testing.assert_array_equal(found.scores, [[0.1, 0.8], [0.2, np.nan], [0.7, 0.3]])
    assert (found.mates.tolist(), found.people, found.caveats) == ([1, -1, 0], ("ada", "bob"), ())
    alone = read_searches(written(tmp_path, "probe,ada\nada,0.5\n"))
    assert alone.caveats == ("no search is a stranger's: there is no FPIR",)
    strangers = read_searches(written(tmp_path, "probe,ada\neve,0.5\n"))
    assert strangers.caveats == ("every search is a stranger's: there is no FNIR",)
    for text, message in (
        ("probe,ada,ada\nada,1,2\n", "each name once"),
        ("who,ada\nada,1\n", "header probe,NAME"),
        ("probe,ada\nada,x\n", "line 2, column ada: expected a number"),
        ("probe,ada\n", "rows below the header"),
        ("probe,ada,bob\nada,0.1,0.9\n", "negate=True"),
    ):
        with pytest.raises(InputError, match=message):
            read_searches(written(tmp_path, text))


def test_searches_in_npy(tmp_path: Path) -> None:
    scores, mates = tmp_path / "scores.npy", tmp_path / "mates.npy"
    np.save(scores, np.array([[0.9, 0.1], [0.2, 0.3]], dtype=np.float32))
    np.save(mates, np.array([0, -1]))
    found = read_searches(scores, mates)
    assert (found.scores.dtype, found.mates.tolist(), found.people) == (np.float64, [0, -1], ("0", "1"))
    with pytest.raises(InputError, match="a file of mates"):
        read_searches(scores)
    for wrong, message in ((np.array([0]), "expected 2 whole numbers"), (np.array([0, 2]), r"mates in -1\.\.1")):
        np.save(mates, wrong)
        with pytest.raises(InputError, match=message):
            read_searches(scores, mates)
    np.save(scores, np.array([{}], dtype=object))
    with pytest.raises(InputError, match="NPY format"):
        read_searches(scores, mates)


@pytest.mark.data
def test_the_fixture_of_bob(data: Path) -> None:
    found = read_vulnerability(data / "vuln_scores_dev.csv")
    split = found.comparisons
    assert (len(split.genuine), len(split.zei), len(split.attacks["pai"])) == (5000, 5000, 5000)
    means = [round(float(np.mean(each)), 4) for each in (split.genuine, split.zei, split.attacks["pai"])]
    assert means == [6.9915, 2.9900, 4.9866]
    assert found.caveats == ("14,997 of 15,000 rows bear the ids of another row: duplicates?",)
